"""Strategies for any of our values, made of its type: a field or a class that joins is generated without a word here."""

from __future__ import annotations

import enum
import types
import typing
from collections.abc import Mapping
from typing import Any

import attrs
from hypothesis import strategies as st

from agentsup.talk.content import Document, Image, SearchResult
from agentsup.talk.outcome import Outcome

NUMBERS = st.integers() | st.integers(-(10**40), 10**40) | st.floats()
WORDS = st.text(max_size=8) | st.text(st.characters(codec=None), max_size=4)  # lone surrogates are among the second
RAW_JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=8,
)
"""What a provider might say: all of JSON, and what Python's parser lets through besides."""


FILES = st.one_of(
    st.binary(min_size=1, max_size=9).map(lambda data: {"data": data, "media_type": "image/png"}),
    st.just({"url": "https://example.org/a"}),
    st.just({"file_id": "file_1"}),
)
SOMETHING = st.text(min_size=1, max_size=8).filter(str.strip)
CAREFUL: Mapping[type, st.SearchStrategy[Any]] = {
    Outcome: st.builds(
        Outcome,
        st.text(min_size=1, max_size=8).filter(str.strip),
        st.text(min_size=1, max_size=8).filter(str.strip),
        st.none() | st.integers(1, 20),
    ),
    Image: FILES.map(lambda given: Image(**given)),
    Document: st.builds(
        lambda given, about: Document(**given, **about),
        FILES | st.just({"text": "read"}) | st.just({"data": b"read"}),
        st.fixed_dictionaries({}, optional={"title": WORDS, "context": WORDS}),
    ),
    SearchResult: st.builds(SearchResult, source=SOMETHING, title=SOMETHING, text=SOMETHING, citations=st.booleans()),
}
"""Classes whose fields must fit together."""


def values_of(kind: Any) -> st.SearchStrategy[Any]:
    """Any value of a type that is said."""
    while hasattr(kind, "__supertype__"):
        kind = kind.__supertype__
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return RAW_JSON
    if kind in CAREFUL:
        return CAREFUL[kind]
    if isinstance(kind, type) and attrs.has(kind):
        return _built(kind)
    if origin is typing.Literal:
        return st.sampled_from(args)
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return st.sampled_from(kind)
    if origin in (types.UnionType, typing.Union):
        return st.one_of(*(values_of(member) for member in args))
    if origin is tuple and args[-1] is Ellipsis:
        return st.lists(values_of(args[0]), max_size=3).map(tuple)
    if origin is tuple:
        return st.tuples(*(values_of(member) for member in args))
    if origin is frozenset:
        return st.frozensets(values_of(args[0]), max_size=3)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return st.dictionaries(values_of(args[0]), values_of(args[1]), max_size=3)
    return {str: WORDS, int: st.integers(), float: st.floats(), bool: st.booleans(), type(None): st.none()}[kind]


def _built(kind: type) -> st.SearchStrategy[Any]:
    """An attrs class from all its fields, each also left to its default."""
    hints = typing.get_type_hints(kind)
    required: dict[str, Any] = {}
    optional: dict[str, Any] = {}
    for field in attrs.fields(kind):
        known = required if field.default is attrs.NOTHING else optional
        known[field.alias] = st.deferred(lambda hint=hints[field.name]: values_of(hint))
    fields = st.fixed_dictionaries(required, optional=optional)
    return fields.map(lambda given: kind(**given))


def written(value: Any) -> str:
    """A value to compare by, down to the classes: NaN is itself there, -0.0 is not 0, and sets have an order."""
    match value:
        case _ if attrs.has(type(value)):
            fields = (f"{field.name}={written(getattr(value, field.name))}" for field in attrs.fields(type(value)))
            return f"{type(value).__name__}({', '.join(fields)})"
        case frozenset():
            return f"{{{', '.join(sorted(map(written, value)))}}}"
        case list() | tuple():
            return f"[{', '.join(map(written, value))}]"
        case Mapping():
            return f"{{{', '.join(f'{key!r}: {written(inner)}' for key, inner in value.items())}}}"
        case _:
            return repr(value)
