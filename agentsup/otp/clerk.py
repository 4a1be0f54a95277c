"""The half of a supervisor that one talks to: it takes the requests of `agentsup.otp.children` and answers them, now or when they are done.

The other half, `Overseer`, does what they ask for and hears of what comes of it; who waits for that is noted in the child's record.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trio.lowlevel import enable_ki_protection

from agentsup.errors import SpecError
from agentsup.otp import reports
from agentsup.otp.actor import Actor
from agentsup.otp.caller import reply_error
from agentsup.otp.child import Child, State
from agentsup.otp.children import (
    CountChildren,
    Counts,
    DeleteChild,
    GetChildSpec,
    RestartChild,
    StartChild,
    TerminateChild,
    WhichChildren,
)
from agentsup.otp.errors import ChildError, Restarting, Running, StartError
from agentsup.otp.mailbox import UNBOUNDED
from agentsup.otp.results import NoReply, Reply

if TYPE_CHECKING:
    from collections.abc import Hashable

    from agentsup.otp.caller import Caller
    from agentsup.otp.cell import Cell
    from agentsup.otp.results import CallResult, MessageResult


class Clerk(Actor):
    """Knows the children by their keys, and serves requests about them."""

    __slots__ = ("_children",)

    mailbox = UNBOUNDED  # everybody who asks waits for the answer, so callers bound it
    shows_ids = True
    """Whether a child's id means something to those who ask."""

    def __init__(self) -> None:
        self._children: dict[Hashable, Child] = {}

    def roster(self) -> list[Child]:
        """Its children, oldest first."""
        return list(self._children.values())

    def _offspring(self) -> list[Cell]:
        return [child.cell for child in self._children.values() if child.cell is not None and not child.cell.is_over]

    @enable_ki_protection
    def handle_call(self, request: Any, caller: Caller) -> CallResult:
        """Serve the functions of `agentsup.otp.children`; anything else is refused and harms nobody."""
        try:
            return self._serve(request, caller)
        except (ChildError, StartError, SpecError) as error:
            reply_error(caller, error)
        return NoReply()

    def _serve(self, request: Any, caller: Caller) -> CallResult:
        match request:
            case StartChild():
                return self._start_child(request, caller)
            case TerminateChild(key):
                return self._terminate_child(self._child(key), caller)
            case RestartChild(key):
                return self._restart_child(self._child(key), caller)
            case DeleteChild(key):
                return self._delete_child(self._child(key))
            case GetChildSpec(key):
                return Reply(self._child(key).spec)
            case WhichChildren():
                return Reply([child.describe(with_id=self.shows_ids) for child in reversed(self._children.values())])
            case CountChildren():
                return Reply(self._count())
        raise SpecError.of("request", f"a supervisor does not know {type(request).__name__}")

    def handle_cast(self, message: Any) -> MessageResult:
        """Report and drop: a supervisor takes no casts (rule S1)."""
        reports.unhandled(self._cell, message)
        return None

    def _start_child(self, request: StartChild, caller: Caller) -> CallResult:
        raise NotImplementedError

    def _child(self, key: Hashable) -> Child:
        raise NotImplementedError

    def _terminate_child(self, child: Child, caller: Caller) -> CallResult:
        child.call_off()
        if not child.is_alive:
            self._stopped(child)
            return Reply()
        child.stoppers = [*(child.stoppers or ()), caller]
        self._bring_down(child)
        return NoReply()

    def _restart_child(self, child: Child, caller: Caller) -> CallResult:
        self._refuse_unless_stopped(child)
        child.first = True
        child.starters = [caller]
        try:
            self._launch(child)
        except StartError:
            child.starters = None
            raise
        return NoReply()

    def _delete_child(self, child: Child) -> CallResult:
        self._refuse_unless_stopped(child)
        self._forget(child)
        return Reply()

    def _refuse_unless_stopped(self, child: Child) -> None:
        if child.state is State.RESTARTING:
            raise Restarting(f"{child.spec.id!r} is being restarted")
        if child.is_alive:
            raise Running(f"{child.spec.id!r} is {child.state.value}")

    def _count(self) -> Counts:
        every = self._children.values()
        supervisors = sum(child.spec.type == "supervisor" for child in every)
        active = sum(child.is_alive for child in every)
        return Counts(specs=len(every), active=active, supervisors=supervisors, workers=len(every) - supervisors)

    # What the other half does.

    def _launch(self, child: Child) -> None:
        raise NotImplementedError

    def _bring_down(self, child: Child) -> None:
        raise NotImplementedError

    def _stopped(self, child: Child) -> None:
        raise NotImplementedError

    def _forget(self, child: Child) -> None:
        raise NotImplementedError
