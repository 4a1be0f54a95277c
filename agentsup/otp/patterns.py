"""Patterns for the values in a registry, as predicates: `registry.match("room", otp.like(("admin", ...)))`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from agentsup.errors import SpecError

Predicate: TypeAlias = Callable[[Any], bool]
"""Says whether a value is meant."""


def check(where: object) -> None:
    """Refuse what is no predicate, such as a bare pattern.

    Raises:
        SpecError: it cannot be called.
    """
    if not callable(where):
        raise SpecError.of(
            "where", f"a {type(where).__name__} is no predicate; otp.like(pattern) makes one of a pattern"
        )


def like(pattern: object) -> Predicate:
    """A predicate that is true for values of the same shape as `pattern`.

    `...` stands for anything. Tuples and lists match element by element, at the same length and of the same kind; a mapping matches every mapping
    that has at least its keys, with matching values; anything else matches what is equal to it and of the same type, so `1` does not match `True`.
    """
    return lambda value: matches(pattern, value)


def matches(pattern: object, value: object) -> bool:
    """Whether `value` has the shape of `pattern`; see `like`."""
    if pattern is ...:
        return True
    if isinstance(pattern, Mapping):
        return isinstance(value, Mapping) and all(
            key in value and matches(wanted, value[key]) for key, wanted in pattern.items()
        )
    if isinstance(pattern, (tuple, list)):
        return (
            isinstance(value, (tuple, list))
            and isinstance(value, tuple) == isinstance(pattern, tuple)
            and len(value) == len(pattern)
            and all(map(matches, pattern, value))
        )
    return type(value) is type(pattern) and bool(value == pattern)
