"""Python values as JSON data: what a tool returns, and what a parameter's default is to the model."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import json
import math
import os
import uuid
from collections.abc import Mapping, Sequence, Set
from typing import Any

import attrs

from agentsup.errors import SpecError
from agentsup.talk.content import Part

_ISO = (datetime.datetime, datetime.date, datetime.time)
_WORDS = (uuid.UUID, decimal.Decimal)


class _Odd(Exception):
    """Something has no counterpart in JSON; on its way up it learns where that is."""

    def __init__(self, message: str) -> None:
        self.message = message
        self.at = ""
        super().__init__(message)

    def inside(self, place: str) -> _Odd:
        self.at = f"{place}{self.at}"
        return self


def as_data(value: Any) -> Any:
    """The value as JSON data: None, bool, int, float, str, lists and dicts with str keys.

    Enum members count as their values; attrs and dataclass instances as their fields; tuples and sets as lists; dates and times in ISO
    8601; UUIDs, Decimals and paths as their text; numbers that JSON has not as `"NaN"`, `"Infinity"` and `"-Infinity"`.

    Raises:
        SpecError: something in it has no counterpart in JSON, contains itself, or is nested too deeply; its place is named.
    """
    try:
        return _data(value, ())
    except _Odd as odd:
        raise SpecError.of(odd.at.removeprefix("."), odd.message) from None
    except RecursionError:
        raise SpecError.of("", "is nested too deeply") from None


def _data(value: Any, around: tuple[int, ...]) -> Any:  # noqa: C901  -- one line per kind of value is the point
    if value is None or value is True or value is False:
        return value
    if isinstance(value, enum.Enum):
        return _data(value.value, around)
    if isinstance(value, str):
        return str.__str__(value)  # a subclass may have words of its own, and stumble over them
    if isinstance(value, int):
        return int.__int__(value)
    if isinstance(value, float):
        return _number(float.__float__(value))
    if isinstance(value, _ISO):
        return value.isoformat()
    if isinstance(value, _WORDS):
        return str(value)
    if isinstance(value, os.PathLike):
        return os.fsdecode(value)
    if isinstance(value, bytes | bytearray | memoryview):
        raise _Odd(
            "is bytes, which JSON has not: decode them, or return an Image or a Document that has them as its data"
        )
    if isinstance(value, Part):
        raise _Odd(
            f"is of the type {type(value).__name__}, which can be returned by itself or in a list, not inside of other data"
        )
    if id(value) in around:
        raise _Odd("contains itself")
    inside = (*around, id(value))
    if isinstance(value, Mapping):
        return _object(value, inside)
    if isinstance(value, Sequence | Set):
        return _array(value, inside)
    fields = _fields(value)
    if fields is not None:
        return _object(fields, inside)
    raise _Odd(f"is of the type {type(value).__qualname__}, which has no counterpart in JSON")


def _object(value: Mapping[Any, Any], inside: tuple[int, ...]) -> dict[str, Any]:
    found = {}
    name = ""
    for key, item in value.items():
        name = _key(key)
        try:
            found[name] = _data(item, inside)
        except _Odd as odd:
            raise odd.inside(f".{name}") from None
    return found


def _array(value: Sequence[Any] | Set[Any], inside: tuple[int, ...]) -> list[Any]:
    found: list[Any] = []
    try:
        for item in value:
            found.append(_data(item, inside))  # noqa: PERF401  -- how many there are already says where it went wrong
    except _Odd as odd:
        raise odd.inside(f"[{len(found)}]") from None
    return found


def _number(value: float) -> float | str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return value


def _key(key: Any) -> str:
    if isinstance(key, enum.Enum):
        return _key(key.value)
    if isinstance(key, str):
        return str.__str__(key)
    if key is None or isinstance(key, bool | int | float):
        return json.dumps(key)
    if isinstance(key, (*_ISO, *_WORDS, os.PathLike)):
        return str(_data(key, ()))
    raise _Odd(f"has a key of the type {type(key).__qualname__}; keys in JSON are text")


def _fields(value: Any) -> dict[str, Any] | None:
    """The fields of an attrs or dataclass instance, under the names they are given by."""
    kind = type(value)
    if attrs.has(kind):
        return {field.alias or field.name: getattr(value, field.name) for field in attrs.fields(kind)}
    if dataclasses.is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    return None
