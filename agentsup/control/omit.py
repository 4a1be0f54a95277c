"""The difference between leaving a field out and setting it to null."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any, Final, TypeAlias, TypeVar

T = TypeVar("T")


class Omit(enum.Enum):
    """The type of `OMIT`."""

    OMIT = "OMIT"

    def __repr__(self) -> str:
        return "OMIT"


OMIT: Final = Omit.OMIT
"""Not said at all: a new thing gets the default, an update keeps what is there. None says null, which clears what can be cleared."""

Maybe: TypeAlias = T | Omit
"""A value, or `OMIT`."""


def given(**fields: Any) -> dict[str, Any]:
    """The fields that are said, in order, ready for JSON."""
    return {name: _plain(value) for name, value in fields.items() if value is not OMIT}


def _plain(value: Any) -> Any:
    """Mappings and sequences of any kind as the ones JSON knows."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
