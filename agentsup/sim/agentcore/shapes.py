"""The shapes a request can have, as AWS's service models describe them, and every way in which a value can miss one. Pure.

Paths and sentences are AWS's: `tools.1.member.name`, "Member must have length less than or equal to 64". Unknown members of a
structure are ignored and null is the same as absent, as everywhere at AWS. Values are never repeated in a message.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any, Protocol

import attrs

from agentsup.errors import Problem

NOT_NULL = "Member must not be null"


class Shape(Protocol):
    """What a value has to be like."""

    def check(self, value: Any, path: str, problems: list[Problem]) -> None:
        """Adds every problem of a value that is not null."""


def _bounds(size: float, least: float | None, most: float | None, noun: str) -> list[str]:
    found = []
    if least is not None and size < least:
        found.append(f"Member must have {noun} greater than or equal to {least:g}")
    if most is not None and size > most:
        found.append(f"Member must have {noun} less than or equal to {most:g}")
    return found


@attrs.frozen
class Text:
    """A string."""

    least: int | None = None
    most: int | None = None
    pattern: str | None = None
    """Of the whole string."""
    enum: tuple[str, ...] = ()

    def faults(self, value: str) -> list[str]:
        """What is wrong with a string, in sentences."""
        found = _bounds(len(value), self.least, self.most, "length")
        if self.pattern is not None and re.fullmatch(self.pattern, value) is None:
            found.append(f"Member must satisfy regular expression pattern: {self.pattern}")
        if self.enum and value not in self.enum:
            found.append(f"Member must satisfy enum value set: [{', '.join(self.enum)}]")
        return found

    def check(self, value: Any, path: str, problems: list[Problem]) -> None:
        """A string within its bounds."""
        if not isinstance(value, str):
            problems.append(Problem(path, "Member must be a string"))
            return
        problems += [Problem(path, fault) for fault in self.faults(value)]


@attrs.frozen
class Integer:
    """A whole number."""

    least: int | None = None
    most: int | None = None

    def check(self, value: Any, path: str, problems: list[Problem]) -> None:
        """A number within its bounds; true and false are none."""
        if isinstance(value, bool) or not isinstance(value, int):
            problems.append(Problem(path, "Member must be an integer"))
            return
        problems += [Problem(path, fault) for fault in _bounds(value, self.least, self.most, "value")]


@attrs.frozen
class Number:
    """A number."""

    least: float | None = None
    most: float | None = None

    def check(self, value: Any, path: str, problems: list[Problem]) -> None:
        """A number within its bounds; true and false are none."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            problems.append(Problem(path, "Member must be a number"))
            return
        problems += [Problem(path, fault) for fault in _bounds(value, self.least, self.most, "value")]


@attrs.frozen
class Boolean:
    """True or false."""

    def check(self, value: Any, path: str, problems: list[Problem]) -> None:
        """One of the two."""
        if not isinstance(value, bool):
            problems.append(Problem(path, "Member must be a boolean"))


@attrs.frozen
class Blob:
    """Bytes, in base64."""

    def check(self, value: Any, path: str, problems: list[Problem]) -> None:
        """A string that is base64."""
        try:
            base64.b64decode(value, validate=True)
        except (TypeError, ValueError, binascii.Error):
            problems.append(Problem(path, "Member must be base64"))


@attrs.frozen
class Document:
    """Any JSON."""

    def check(self, value: Any, path: str, problems: list[Problem]) -> None:
        """Nothing to say."""


@attrs.frozen
class ListOf:
    """A list."""

    member: Shape
    least: int | None = None
    most: int | None = None

    def check(self, value: Any, path: str, problems: list[Problem]) -> None:
        """Its length, and each member; they count from 1."""
        if not isinstance(value, list):
            problems.append(Problem(path, "Member must be a list"))
            return
        problems += [Problem(path, fault) for fault in _bounds(len(value), self.least, self.most, "length")]
        for number, item in enumerate(value, start=1):
            if item is None:
                problems.append(Problem(f"{path}.{number}.member", NOT_NULL))
            else:
                self.member.check(item, f"{path}.{number}.member", problems)


@attrs.frozen
class MapOf:
    """A map from strings to one shape."""

    key: Text
    value: Shape
    least: int | None = None
    most: int | None = None

    def check(self, value: Any, path: str, problems: list[Problem]) -> None:
        """Its size, its keys, its values."""
        if not isinstance(value, dict):
            problems.append(Problem(path, "Member must be a map"))
            return
        problems += [Problem(path, fault) for fault in _bounds(len(value), self.least, self.most, "length")]
        wrong = {fault: None for key in value for fault in self.key.faults(key)}
        problems += [Problem(path, f"Map keys must satisfy constraint: [{fault}]") for fault in wrong]
        for key, item in value.items():
            if item is None:
                problems.append(Problem(f"{path}.{key}.value", NOT_NULL))
            else:
                self.value.check(item, f"{path}.{key}.value", problems)


@attrs.frozen
class Structure:
    """An object with named members."""

    members: Mapping[str, Shape]
    required: tuple[str, ...] = ()

    def check(self, value: Any, path: str, problems: list[Problem]) -> None:
        """Its members, and that the required ones are there."""
        if not isinstance(value, dict):
            problems.append(Problem(path, "Member must be a structure"))
            return
        below = f"{path}." if path else ""
        problems += [Problem(below + name, NOT_NULL) for name in self.required if value.get(name) is None]
        for name, shape in self.members.items():
            if value.get(name) is not None:
                shape.check(value[name], below + name, problems)


@attrs.frozen
class Union:
    """An object with exactly one of its members."""

    members: Mapping[str, Shape]

    def check(self, value: Any, path: str, problems: list[Problem]) -> None:
        """The one member."""
        if not isinstance(value, dict):
            problems.append(Problem(path, "Member must be a structure"))
            return
        given = [name for name, item in value.items() if item is not None and name != "__type"]
        if len(given) != 1 or given[0] not in self.members:
            choices = ", ".join(self.members)
            problems.append(Problem(path, f"Member must have exactly one of its members set: [{choices}]"))
            return
        self.members[given[0]].check(value[given[0]], f"{path}.{given[0]}", problems)
