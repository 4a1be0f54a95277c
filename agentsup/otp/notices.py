"""What a process tells its parent, on the parent's system lane."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import attrs

if TYPE_CHECKING:
    from agentsup.otp.cell import Cell
    from agentsup.otp.reasons import ExitReason


@attrs.define(eq=False)
class Started:
    """Its `init` is done."""

    cell: Cell


@attrs.define(eq=False)
class Ended:
    """It ended; its names are free and everybody else was told."""

    cell: Cell
    reason: ExitReason
    was_starting: bool


@attrs.define(eq=False)
class Due:
    """The delay before the next start of a child is over; `turn` tells a current delay from one that was called off."""

    record: object
    turn: int


Notice: TypeAlias = Started | Ended | Due
"""Anything a supervisor is told."""
