"""From valid JSON data to what a function's annotations say: enum members, tuples, sets, instances of attrs classes and dataclasses.

It follows the same types as `agentsup.session.schema`, which says what may come; so whatever is valid there can be made here, unless a
class of the user's refuses it.
"""

from __future__ import annotations

import enum
import types
from collections import abc
from collections.abc import Callable
from typing import Annotated, Any, Literal, NewType, Union, get_args, get_origin, is_typeddict

import cattrs

from agentsup.session.hint import bared
from agentsup.session.schema import fields_of, type_schema
from agentsup.session.validator import validator_for


def hook_for(hint: Any) -> Callable[[Any, Any], Any]:
    """What makes a value of that type from valid JSON data; called with the data and the type.

    Raises:
        Exception: whatever the library says of a type that it cannot make.
    """
    return _CONVERTER.get_structure_hook(hint)


def _converter() -> cattrs.Converter:
    converter = cattrs.Converter(use_alias=True)
    converter.register_structure_hook(type(None), lambda _value, _hint: None)
    converter.register_structure_hook_func(
        lambda hint: hint in (abc.Sequence, abc.MutableSequence, abc.Collection, abc.Iterable), _as_list
    )
    converter.register_structure_hook_factory(_is_some_array, lambda hint: _list_of(converter, get_args(hint)[0]))
    converter.register_structure_hook_factory(_is_enum, lambda hint: _one_of(tuple(hint)))
    converter.register_structure_hook_factory(_is_literal, lambda hint: _one_of(get_args(hint)))
    converter.register_structure_hook_factory(_is_typed_dict, lambda hint: _typed_dict(converter, hint))
    converter.register_structure_hook_factory(_is_dressed, lambda hint: _as_bare(converter, bared(hint)[0]))
    converter.register_structure_hook_factory(_is_union, lambda hint: _first_fit(converter, get_args(hint)))
    return converter


def _is_some_array(hint: Any) -> bool:
    return get_origin(hint) in (abc.Sequence, abc.Collection, abc.Iterable)


def _is_enum(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, enum.Enum)


def _is_literal(hint: Any) -> bool:
    return get_origin(hint) is Literal


def _is_union(hint: Any) -> bool:
    return get_origin(hint) in (Union, types.UnionType)


def _is_dressed(hint: Any) -> bool:
    return get_origin(hint) is Annotated or isinstance(hint, NewType)


def _as_bare(converter: cattrs.Converter, bare: Any) -> Callable[[Any, Any], Any]:
    return lambda value, _: converter.structure(value, bare)


def _is_typed_dict(hint: Any) -> bool:
    return is_typeddict(get_origin(hint) or hint)


def _typed_dict(converter: cattrs.Converter, hint: Any) -> Callable[[Any, Any], Any]:
    """A dict of what was given. The library's own way asks `__required_keys__`, which is wrong where annotations are postponed."""

    def structure(value: Any, kind: Any) -> Any:
        hints = {field.name: bared(field.hint)[0] for field in fields_of(hint)}
        made, refused = {}, []
        for name, item in value.items():
            try:
                made[name] = converter.structure(item, hints[name])
            except Exception as exc:  # noqa: BLE001  -- it is raised below, with the others
                exc.add_note(cattrs.AttributeValidationNote(f"{name} of {kind}", name, hints[name]))
                refused.append(exc)
        if refused:
            raise cattrs.ClassValidationError("refused", refused, kind)
        return made

    return structure


def _as_list(value: Any, _: Any) -> list[Any]:
    return list(value)


def _list_of(converter: cattrs.Converter, item: Any) -> Callable[[Any, Any], Any]:
    return lambda value, _: converter.structure(value, list[item])


def _one_of(values: tuple[Any, ...]) -> Callable[[Any, Any], Any]:
    """The very member or value that was meant; JSON does not tell 1 from 1.0, but 1 from true."""
    found = {_identity(value.value if isinstance(value, enum.Enum) else value): value for value in reversed(values)}
    return lambda value, _: found[_identity(value)]


def _identity(value: Any) -> tuple[bool, Any]:
    return isinstance(value, bool), value


def _first_fit(converter: cattrs.Converter, arms: tuple[Any, ...]) -> Callable[[Any, Any], Any]:
    """The first of the types that the value is valid for; one that is exactly the value's own goes before."""
    plain = {bared(arm)[0] for arm in arms} & {str, int, float, bool, type(None)}
    others = [(validator_for(type_schema(arm)), arm) for arm in arms]

    def structure(value: Any, _: Any) -> Any:
        if type(value) in plain:
            return value
        return next(converter.structure(value, arm) for validator, arm in others if validator.is_valid(value))

    return structure


_CONVERTER = _converter()
