"""Every kept event and the whole state as plain JSON data, and back.

One cattrs converter, configured here and nowhere else from the types themselves: a class that joins the unions of `talk.events`, or a
field that joins one of them, is kept without a word changed in this module. The rules:

- A field with its default value is left out; one that is not there has its default. So old records can be read.
- A value of a union has a tag beside its fields: the class's `type`, or its name where it has none. Where the tag is missing, it is the
  union's first class: a union may grow out of a single class.
- A field goes by the name it is given by when the value is made.
- What is `Any` is the provider's or the user's own JSON, and stays as it is.
- A name that is unknown was written by a newer version, and is an error that says so. A field that is unknown is passed over.
"""

from __future__ import annotations

import enum
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any

import attrs
import cattrs
from cattrs.errors import StructureHandlerNotFoundError
from cattrs.fns import identity

from agentsup.errors import AgentsupError, SpecError
from agentsup.journal import text
from agentsup.loop.state import State
from agentsup.talk.events import Kept

FORMAT = 1
"""The version of what is written here, kept with every row. A change that older code would misread makes it 2."""

TAG = "@type"
"""The tag's name: none of a field's."""


class Unreadable(AgentsupError):
    """This is nothing we wrote, or a newer version did; whoever knows where it stood says so to the user."""


def _tag_of(kind: type) -> str:
    return str(getattr(kind, "type", kind.__name__))


KINDS: Mapping[str, type[Kept]] = {_tag_of(kind): kind for kind in typing.get_args(Kept)}
"""The classes of events that are kept, by their `type`."""


def encode_event(body: Kept) -> dict[str, Any]:
    """The event's fields; its `type` is kept beside them.

    Raises:
        SpecError: it is no event that is kept.
    """
    encode = _ENCODERS.get(type(body))
    if encode is None:
        raise SpecError.of("body", f"a {type(body).__name__} is no event that is kept")
    return _unstructured(body, encode)


def decode_event(kind: str, fields: Any) -> Kept:
    """The event again.

    Raises:
        Unreadable: it is none, or one that this version does not know.
    """
    if kind not in KINDS:
        raise Unreadable(f"an event of the kind {kind!r}, which this version does not know")
    event: Kept = _structured(fields, KINDS[kind])
    return event


def encode_state(state: State) -> dict[str, Any]:
    """A whole state.

    Raises:
        SpecError: there is something in it that has no place in JSON.
    """
    return _unstructured(state, _encode_state)


def decode_state(fields: Any) -> State:
    """The state again.

    Raises:
        Unreadable: it is none, or one that this version does not know.
    """
    state: State = _structured(fields, State)
    return state


def write(fields: Any, path: str) -> str:
    """Plain data as text.

    Raises:
        SpecError: it is no JSON, or is nested too deeply; the error names `path`.
    """
    try:
        return text.dumps(fields)
    except RecursionError:
        raise SpecError.of(path, "cannot be kept: nested too deeply") from None
    except (TypeError, ValueError) as exc:
        raise SpecError.of(path, f"cannot be kept: {exc}") from exc


def parse(line: str) -> Any:
    """The plain data again.

    Raises:
        Unreadable: it is no JSON.
    """
    try:
        return text.loads(line)
    except (TypeError, ValueError, RecursionError) as exc:
        raise Unreadable(f"text that is no JSON ({type(exc).__name__})") from exc


def _unstructured(value: Any, encode: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
    try:
        return encode(value)
    except (TypeError, ValueError, AttributeError, Unreadable) as exc:
        raise SpecError.of(_tag_of(type(value)), f"cannot be kept: {exc}") from exc


def _structured(fields: Any, kind: type) -> Any:
    if not isinstance(fields, dict):
        raise Unreadable(f"{_tag_of(kind)}: a {type(fields).__name__} where its fields should be")
    try:
        return _CONVERTER.structure(fields, kind)
    except Unreadable:
        raise
    except KeyError as exc:
        raise Unreadable(f"{_tag_of(kind)}: without {exc}") from exc
    except (TypeError, ValueError, AttributeError, StructureHandlerNotFoundError) as exc:
        raise Unreadable(f"{_tag_of(kind)}: {type(exc).__name__}") from exc  # its text may have content in it


# --- the converter -------------------------------------------------------------------------------------------------------------------


def _converter() -> cattrs.Converter:
    converter = cattrs.Converter(omit_if_default=True, use_alias=True, detailed_validation=False)
    _keep_plain(converter)
    _keep_sets_sorted(converter)
    _keep_unions_tagged(converter)
    _keep_names(converter)
    _keep_verbatim(converter)
    return converter


def _keep_plain(converter: cattrs.Converter) -> None:
    """Texts and numbers as they are, and nothing is turned into the other: what a provider put where a text should be is what it was."""
    for kind in (str, int, float, bool):
        converter.register_structure_hook(kind, _as_it_is)


def _as_it_is(value: Any, _: Any) -> Any:
    return value


def _keep_sets_sorted(converter: cattrs.Converter) -> None:
    """Sets are lists in order, so that the same state is the same text."""

    def factory(kind: Any) -> Callable[[Any], list[Any]]:
        (member,) = typing.get_args(kind)
        encode = converter.get_unstructure_hook(member)
        return lambda values: sorted((encode(value) for value in values), key=repr)

    converter.register_unstructure_hook_factory(_is_set, factory)


def _is_set(kind: Any) -> bool:
    return typing.get_origin(kind) in (set, frozenset)


def _keep_names(converter: cattrs.Converter) -> None:
    """Enums by value and literals as they are; one that is unknown is a newer version's."""

    def factory(kind: Any) -> Callable[[Any, Any], Any]:
        names = {member.value: member for member in kind} if _is_enum(kind) else {n: n for n in typing.get_args(kind)}

        def decode(value: Any, _: Any) -> Any:
            if not isinstance(value, str | int | None) or value not in names:
                raise Unreadable(f"the word {str(value)[:40]!r}, which this version does not know")
            return names[value]

        return decode

    converter.register_structure_hook_factory(_is_word, factory)


def _is_word(kind: Any) -> bool:
    return typing.get_origin(kind) is typing.Literal or _is_enum(kind)


def _is_enum(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, enum.Enum)


def _keep_verbatim(converter: cattrs.Converter) -> None:
    """What is `Any` is somebody else's JSON."""

    def is_verbatim(kind: Any) -> bool:
        if kind is Any:
            return True
        origin, args = typing.get_origin(kind), typing.get_args(kind)
        return isinstance(origin, type) and issubclass(origin, Mapping) and len(args) == 2 and args[1] is Any

    converter.register_unstructure_hook_func(is_verbatim, identity)
    converter.register_structure_hook_func(is_verbatim, _as_it_is)


def _keep_unions_tagged(converter: cattrs.Converter) -> None:
    """A union's classes by tag; its plain members by what they are in JSON."""
    converter.register_unstructure_hook_factory(_is_union, lambda kind: _Choice(converter, kind).encoder)
    converter.register_structure_hook_factory(_is_union, lambda kind: _Choice(converter, kind).decoder)


def _is_union(kind: Any) -> bool:
    return typing.get_origin(kind) in (types.UnionType, typing.Union)


class _Choice:
    """A union: at most one member for each shape that is not a class of ours."""

    def __init__(self, converter: cattrs.Converter, union: Any) -> None:
        members = [member for member in typing.get_args(union) if member is not type(None)]
        self._classes = {_tag_of(member): member for member in members if attrs.has(member)}
        self._others = {_shape(member): member for member in members if not attrs.has(member)}
        self._tagged = len(self._classes) > 1 or dict in self._others or object in self._others
        self._converter = converter
        self._optional = len(members) < len(typing.get_args(union))
        self._name = " | ".join(getattr(member, "__name__", str(member)) for member in members)
        if len(self._classes) + len(self._others) < len(members):
            raise TypeError(f"the members of {self._name} cannot be told apart in JSON")

    @property
    def encoder(self) -> Callable[[Any], Any]:
        """How a value is encoded; one that may only be plain is as it is, and cattrs spends no call on it."""
        return identity if self._is_plain else self.encode

    @property
    def decoder(self) -> Callable[[Any, Any], Any]:
        """How it is decoded."""
        return _as_it_is if self._is_plain else self.decode

    @property
    def _is_plain(self) -> bool:
        members = self._others.values()
        return not self._classes and all(
            self._converter.get_unstructure_hook(member) is identity
            and self._converter.get_structure_hook(member) is _as_it_is
            for member in members
        )

    def encode(self, value: Any) -> Any:
        if value is None and self._optional:
            return None
        kind = type(value)
        tag = _tag_of(kind)
        if self._classes.get(tag) is kind:
            fields = self._converter.unstructure(value, kind)
            return {TAG: tag, **fields} if self._tagged else fields
        return self._converter.unstructure(value, self._other(value))

    def decode(self, value: Any, _: Any) -> Any:
        if value is None and self._optional:
            return None
        if isinstance(value, dict) and self._classes and (TAG in value or not {dict, object} & self._others.keys()):
            fields = dict(value)
            tag = fields.pop(TAG, next(iter(self._classes)))
            if tag not in self._classes:
                raise Unreadable(f"a value of the kind {str(tag)[:40]!r}, which this version does not know")
            return self._converter.structure(fields, self._classes[tag])
        return self._converter.structure(value, self._other(value))

    def _other(self, value: Any) -> Any:
        for shape, member in self._others.items():
            if isinstance(value, shape):
                return member
        raise Unreadable(f"a {type(value).__name__} where {self._name} should be")


_SHAPES: Mapping[Any, Any] = {tuple: (list, tuple), list: (list, tuple), frozenset: (list, frozenset)}
"""Containers that are one thing here and another in JSON."""


def _shape(kind: Any) -> Any:
    """What a plain member of a union is as a value, here or in JSON: something for `isinstance`."""
    while hasattr(kind, "__supertype__"):  # a NewType
        kind = kind.__supertype__
    origin = typing.get_origin(kind)
    if _is_word(kind):
        return (str, enum.Enum)
    if kind is Any:
        return object
    if kind is float:
        return (int, float)
    origin = origin or kind
    return _SHAPES.get(origin, dict if issubclass(origin, Mapping) else origin)


_CONVERTER = _converter()
_ENCODERS: Mapping[type, Callable[[Any], dict[str, Any]]] = {
    kind: _CONVERTER.get_unstructure_hook(kind) for kind in KINDS.values()
}
_encode_state: Callable[[State], dict[str, Any]] = _CONVERTER.get_unstructure_hook(State)
