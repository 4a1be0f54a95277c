"""From plain data to an event's class, one generated function per class.

An event is read for every piece of text an agent writes, so this is made as attrs makes its methods: source is written from the class's
fields and compiled once. What holds for a value of each type of field is in `_KINDS`. An event with a field of another kind becomes
`Unknown` and says which: a service may change faster than its clients, and a stream that ends at the first surprise helps nobody.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable
from typing import Any, Final

import attrs

from agentsup.wire.jsontext import kind_of
from agentsup.wire.managed.catalogue.base import Event, Raw, Unknown

Read = Callable[[Raw], Event]

_KINDS: Final[dict[Any, tuple[str, str]]] = {
    str: ("{0}.__class__ is str", "a string"),
    bool: ("{0}.__class__ is bool", "true or false"),
    int: ("{0}.__class__ is int", "an integer"),
    Raw: ("{0}.__class__ is dict", "an object"),
    tuple[Raw, ...]: ("{0}.__class__ is list", "a list of objects"),
}
"""For each type a field may have: what is true of its values, with `{0}` for one, and how to say so."""


@attrs.frozen
class _Field:
    """One field of an event's class, as the generated code needs it."""

    name: str
    kind: Any
    default: Any
    """Of a field that may be missing or null; NOTHING for one that may not."""

    @property
    def test(self) -> str:
        """An expression that is true if the local variable of this name has a value of the right kind."""
        return _KINDS[self.kind][0].format(self.name)

    def fault(self, raw: Raw) -> str | None:
        """What is wrong with this field of an event; None for nothing."""
        value = raw.get(self.name)
        if value is None:
            return f"{self.name}: is missing" if self.default is attrs.NOTHING else None
        right = eval(self.test, {self.name: value})  # noqa: S307  -- our own text, from the table above
        if right and isinstance(value, list):
            odd = [item for item in value if not isinstance(item, dict)]
            return f"{self.name}: must be {_KINDS[self.kind][1]}, has {kind_of(odd[0])} in it" if odd else None
        return None if right else f"{self.name}: must be {_KINDS[self.kind][1]}, is {kind_of(value)}"

    def lines(self) -> list[str]:
        """The code that reads it into a local variable."""
        missing = "return misfit(raw)" if self.default is attrs.NOTHING else f"{self.name} = default_{self.name}"
        fits = ["pass"]
        if typing.get_origin(self.kind) is tuple:
            fits = [
                f"for item in {self.name}:",
                "    if item.__class__ is not dict:",
                "        return misfit(raw)",
                f"{self.name} = tuple({self.name})",
            ]
        return [
            f"    {self.name} = get({self.name!r})",
            f"    if {self.name} is None:",
            f"        {missing}",
            f"    elif {self.test}:",
            *(f"        {line}" for line in fits),
            "    else:",
            "        return misfit(raw)",
        ]


def reader_of(cls: type[Event]) -> Read:
    """A function that makes an event of the class of plain data that has its `type`."""
    fields = _fields_of(cls)

    def misfit(raw: Raw) -> Unknown:
        return unknown(raw, misfit="; ".join(fault for field in fields if (fault := field.fault(raw))))

    known = {"cls": cls, "misfit": misfit, **{f"default_{field.name}": field.default for field in fields}}
    made = f"    return cls(raw, {', '.join(field.name for field in fields)})"
    source = "\n".join(["def read(raw):", "    get = raw.get", *[line for f in fields for line in f.lines()], made])
    exec(source, known)  # noqa: S102  -- our own text, from our own classes
    return typing.cast("Read", known["read"])


def unknown(raw: Raw, *, misfit: str | None = None) -> Unknown:
    """The event as one that nobody knows."""
    event_id, processed_at = raw.get("id"), raw.get("processed_at")
    return Unknown(
        raw,
        event_id if isinstance(event_id, str) else None,
        processed_at if isinstance(processed_at, str) else None,
        str(raw["type"]),
        misfit,
    )


def _fields_of(cls: type[Event]) -> list[_Field]:
    hints = typing.get_type_hints(cls)
    found = []
    for field in attrs.fields(cls):
        if field.name == "raw":
            continue
        kind, default = hints[field.name], field.default
        if typing.get_origin(kind) in (typing.Union, types.UnionType):
            kind = next(each for each in typing.get_args(kind) if each is not types.NoneType)
            default = None if default is attrs.NOTHING else default
        found.append(_Field(field.name, kind, default))
    return found
