"""The process that gives a piece of shared data a life in a supervision tree: it opens with it and closes with it, and does nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from agentsup.otp.actor import Actor
from agentsup.otp.childspec import ChildSpec

if TYPE_CHECKING:
    from agentsup.otp.cell import Cell
    from agentsup.otp.reasons import ExitReason
    from agentsup.otp.refs import Ref


class Kept(Protocol):
    """What can be kept."""

    def opened(self) -> None:
        """Its process has started."""

    def closed(self, reason: ExitReason, sender: Ref) -> None:
        """Its process, `sender`, ended with `reason`, in whatever way; called in the step that announces the end."""


class Keeper(Actor):
    """Opens what it keeps, and sees that it is closed however this process ends, a kill included."""

    __slots__ = ("kept",)

    def __init__(self, kept: Kept) -> None:
        self.kept = kept

    def init(self) -> None:
        """Open it."""
        self._cell.watch(self._look)
        self.kept.opened()

    def _look(self, cell: Cell) -> None:
        if cell.is_over:
            assert cell.reason is not None
            self.kept.closed(cell.reason, cell.ref)


def keep(kept: Kept, name: str) -> ChildSpec:
    """A child that keeps it, under its name."""
    return ChildSpec(id=name, name=name, start=lambda: Keeper(kept))
