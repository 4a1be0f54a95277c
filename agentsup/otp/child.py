"""A supervisor's note on one child: the spec, the current incarnation, and what is being done about it."""

from __future__ import annotations

import enum
import math
from typing import TYPE_CHECKING, Any

import attrs

from agentsup.otp.caller import reply_error
from agentsup.otp.children import ChildInfo

if TYPE_CHECKING:
    import contextvars

    from agentsup.otp.caller import Caller
    from agentsup.otp.cell import Cell
    from agentsup.otp.childspec import ChildSpec
    from agentsup.otp.reasons import ExitReason
    from agentsup.otp.refs import Ref
    from agentsup.otp.timers import Timer


class State(enum.Enum):
    """What is with a child."""

    STARTING = "starting"
    RUNNING = "running"
    RESTARTING = "restarting"
    """It waits for its next start: for its delay, or for its siblings."""
    STOPPING = "stopping"
    STOPPED = "stopped"


@attrs.define(eq=False, weakref_slot=False)
class Child:
    """One child, from `start_child` until its spec is forgotten."""

    spec: ChildSpec
    context: contextvars.Context
    state: State = State.STOPPED
    cell: Cell | None = None
    """The current incarnation; also the last one, while it waits for the next."""
    known: Ref | None = None
    """The ref of its last incarnation that ran, where children are known by refs: those of failed starts nobody has heard of."""
    failures: int = 0
    """In a row, without having been stable in between."""
    restarts: int = 0
    """By its supervisor; a start by hand is none."""
    incarnation: int = 0
    """Counts its processes, from 1."""
    running_since: float = 0.0
    turn: int = 0
    """Counts the delays, so that one which was called off is told from the current."""
    retry: Timer | None = None
    not_before: float = -math.inf
    """It must not be started earlier: a group it belongs to was asked to wait, and its own failure is no reason to wait less."""
    starters: list[Caller] | None = None
    """Who waits for it to run."""
    stoppers: list[Caller] | None = None
    """Who waits for it to have stopped."""
    last_exit: ExitReason | None = None
    kept: bool = False
    """Its spec stays even if a start fails: it belongs to the list, or ran before."""
    ran: bool = False
    """Its last incarnation came through `init`."""
    first: bool = True
    """It never ran: a failed start is the starter's business, not a restart's."""

    def call_off(self) -> None:
        """Forget a pending restart."""
        self.turn += 1
        if self.retry is not None:
            self.retry.cancel()
            self.retry = None

    def tell_starters(self, value: Any) -> None:
        """Answer those who wait for it to run."""
        for caller in self.starters or ():
            caller.settle(value)
        self.starters = None

    def fail_starters(self, error: BaseException) -> None:
        """Raise an error at them; each gets a copy."""
        for caller in self.starters or ():
            reply_error(caller, error)
        self.starters = None

    def tell_stoppers(self) -> None:
        """Answer those who wait for it to have stopped."""
        for caller in self.stoppers or ():
            caller.settle(None)
        self.stoppers = None

    @property
    def is_alive(self) -> bool:
        """Whether it has a process."""
        return self.state in _ALIVE

    def describe(self, *, with_id: bool) -> ChildInfo:
        """What `which_children` says about it."""
        ref = self.cell.ref if self.is_alive and self.cell is not None else None
        return ChildInfo(self.spec.id if with_id else None, ref, self.spec.type, self.state.value, self.restarts)


_ALIVE = frozenset({State.STARTING, State.RUNNING, State.STOPPING})
