"""Type hints, looked at: what is in them, and whether their values can be in a set."""

from __future__ import annotations

import dataclasses
import enum
import types
import typing
from collections.abc import Iterator
from typing import Annotated, Any, Final, Literal, NewType, NotRequired, Required, Union, get_args, get_origin

import attrs

_TRANSPARENT = (Required, NotRequired, Final, getattr(typing, "ReadOnly", Required))
"""What may stand around a type without changing what can be passed."""


def bared(hint: Any) -> tuple[Any, str]:
    """The type without what does not change what can be passed, and the description that was written beside it."""
    description = ""
    while True:
        origin = get_origin(hint)
        if hint is None:
            return type(None), description
        if origin is Annotated:
            said = [extra for extra in hint.__metadata__ if isinstance(extra, str)]
            description = description or (said[-1].strip() if said else "")  # the outermost is the last
            hint = hint.__origin__
        elif isinstance(hint, NewType):
            hint = hint.__supertype__
        elif type(hint).__name__ == "TypeAliasType":  # a `type` statement; Python 3.12 and up
            hint = hint.__value__
        elif any(origin is each for each in _TRANSPARENT):
            hint = get_args(hint)[0]
        else:
            return hint, description


def is_class(kind: Any) -> bool:
    """Whether it is a class whose fields are known."""
    return isinstance(kind, type) and (attrs.has(kind) or dataclasses.is_dataclass(kind) or typing.is_typeddict(kind))


def unhashable(hint: Any) -> Any:
    """What in the type has values without a hash, so that they cannot be in a set; None if nothing has, as far as it can be seen."""
    return _unhashable(hint, ())


def _unhashable(hint: Any, around: tuple[Any, ...]) -> Any:
    bare, _ = bared(hint)
    origin, arguments = get_origin(bare) or bare, get_args(bare)
    if any(bare is each for each in (Any, type(None), *around)) or origin is Literal:
        return None
    inside: Iterator[Any] = iter(())
    if origin in (Union, types.UnionType, tuple):
        inside = (each for each in arguments if each is not ...)
    elif isinstance(origin, type) and not issubclass(origin, enum.Enum):
        by_identity = origin.__hash__ is object.__hash__
        if origin.__hash__ is None or typing.is_typeddict(origin) or (by_identity and not is_class(origin)):
            return bare  # an abstract one is a list or a dict when it is made
        if is_class(origin) and not by_identity:
            inside = _hashed(origin)
    return next((found for each in inside if (found := _unhashable(each, (*around, bare))) is not None), None)


def _hashed(kind: Any) -> Iterator[Any]:
    """The types of the fields that an instance's hash is made of; of a field with a converter it is not known."""
    hints = typing.get_type_hints(kind, include_extras=True)
    fields: tuple[Any, ...] = attrs.fields(kind) if attrs.has(kind) else dataclasses.fields(kind)
    for field in fields:
        compared = field.eq if attrs.has(kind) else field.compare
        if (compared if field.hash is None else field.hash) and getattr(field, "converter", None) is None:
            yield hints.get(field.name, Any)
