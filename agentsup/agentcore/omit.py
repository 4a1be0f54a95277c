"""The difference between keeping a field and clearing it."""

from __future__ import annotations

import enum
from typing import Any, Final, TypeAlias, TypeVar

T = TypeVar("T")


class Omit(enum.Enum):
    """The type of `OMIT`."""

    OMIT = "OMIT"

    def __repr__(self) -> str:
        return "OMIT"


OMIT: Final = Omit.OMIT
"""Not said at all: an update keeps what is there. None clears, where a field can be cleared."""

Maybe: TypeAlias = T | Omit
"""A value, or `OMIT`."""


def given(**fields: Any) -> dict[str, Any]:
    """The fields that are said, in order."""
    return {name: value for name, value in fields.items() if value is not OMIT and value is not None}
