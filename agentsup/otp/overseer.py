"""What every supervisor does: launch children, hear of their ends, decide on restarts, wait out the delays, give up over the limit.

A supervisor is an actor that never waits: each thing it is asked or told is handled in one step, and what takes time - a slow `init`, a delay, a child
that stops in its own time - ends in a notice that is handled later. So it answers while a child hangs in `init` (OTP's supervisor would not).
The two kinds, `Supervisor` and `DynamicSupervisor`, add which children belong together and how they are stopped at the end.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, assert_never

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
from agentsup.otp.children import (
    Started as StartedExtra,
)
from agentsup.otp.errors import (
    ChildError,
    Restarting,
    Running,
    StartError,
    StartIgnored,
)
from agentsup.otp.events import RestartScheduled, SupervisorGaveUp
from agentsup.otp.flags import RestartLimit, SupFlags
from agentsup.otp.judgement import is_acceptable, start_error
from agentsup.otp.mailbox import UNBOUNDED, StopAsked
from agentsup.otp.notices import Due, Ended, Notice, Started
from agentsup.otp.pace import Pace
from agentsup.otp.reasons import Crashed, ExitReason, Killed, Shutdown
from agentsup.otp.results import NoReply, Reply

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    from agentsup.otp.caller import Caller
    from agentsup.otp.results import CallResult, MessageResult


class Overseer(Actor):
    """The common half of the supervisors; not to be used by itself."""

    __slots__ = ("_children", "_flags", "_giving_up", "_pace")

    mailbox = UNBOUNDED  # everybody who asks waits for the answer, so callers bound it
    trap_exit = True
    shows_ids = True
    """Whether a child's id means something to those who ask."""

    def __init__(self, flags: SupFlags) -> None:
        if not isinstance(flags, SupFlags):
            raise SpecError.of("flags", f"a {type(flags).__name__} is no SupFlags")
        self._flags = flags
        self._pace = Pace.of(flags)
        self._children: dict[Hashable, Child] = {}
        self._giving_up = False

    def _warn(self) -> None:
        """A restart limit that cannot trigger is no error, but hardly meant."""
        if self._flags.limit_is_unreachable:
            reports.unreachable_limit(self._cell, self._flags)

    @property
    def pace(self) -> Pace:
        """How often and how fast it restarts its children."""
        return self._pace

    def roster(self) -> list[Child]:
        """Its children, oldest first."""
        return list(self._children.values())

    # What one may ask of it.

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

    # What it is told.

    @enable_ki_protection
    def _notice(self, notice: Notice) -> None:
        if isinstance(notice, Started):
            child = notice.cell.record
            if child.cell is notice.cell and child.state is State.STARTING:
                self._on_started(child)
        elif isinstance(notice, Ended):
            child = notice.cell.record
            if child.cell is notice.cell and child.is_alive:
                self._on_ended(child, notice.reason, was_starting=notice.was_starting)
        elif isinstance(notice, Due):
            self._on_due(notice)
        else:
            assert_never(notice)

    def _on_due(self, due: Due) -> None:
        child = due.record
        if isinstance(child, Child) and child.turn == due.turn and child.state is State.RESTARTING:
            child.retry = None
            self._attempt(child)

    def _on_started(self, child: Child) -> None:
        assert child.cell is not None
        child.state = State.RUNNING
        child.kept, child.first, child.ran = True, False, True
        child.running_since = self._cell.runtime.now()
        reports.progress(self._cell, child)
        extra = child.cell.extra
        child.tell_starters(child.cell.ref if extra is None else StartedExtra(child.cell.ref, extra))

    def _on_ended(self, child: Child, reason: ExitReason, *, was_starting: bool) -> None:
        child.last_exit = reason
        if child.state is State.STOPPING:
            self._on_stopped(child, reason)
        elif was_starting:
            self._on_start_failed(child, reason)
        else:
            self._on_died(child, reason)

    def _on_stopped(self, child: Child, reason: ExitReason) -> None:
        """It was stopped by us: never a reason to restart it, whatever the clean-up raised (section 3.2, X-c)."""
        assert child.cell is not None
        if not is_acceptable(child.spec, reason) or child.cell.cleanup_error is not None:
            cleanup = child.cell.cleanup_error and reports.error_name(child.cell.cleanup_error)
            reports.supervisor(self._cell, "shutdown_error", child, reason, cleanup_error=cleanup)
        self._stopped(child)

    def _stopped(self, child: Child) -> None:
        child.state = State.STOPPED
        child.tell_stoppers()
        if self._starts_again(child):
            return
        if child.starters:
            self._answer_start_failure(child, child.last_exit or Shutdown())
        if child.spec.restart == "temporary" or not child.kept:
            self._forget(child)

    def _starts_again(self, child: Child) -> bool:
        """Whether it was stopped in order to be started with others; then those who wait for it to run go on waiting."""
        return False

    def _on_start_failed(self, child: Child, reason: ExitReason) -> None:
        assert child.cell is not None
        child.state = State.STOPPED
        if child.cell.ignored:
            self._on_ignored(child)
            return
        self._report_start_error(child, reason)
        if child.first and child.starters is not None:
            self._answer_start_failure(child, reason)
            self._start_refused(child)
        else:
            self._failed(child, reason)

    def _report_start_error(self, child: Child, reason: ExitReason) -> None:
        reports.supervisor(self._cell, "start_error", child, reason)

    def _on_ignored(self, child: Child) -> None:
        child.kept = True
        child.fail_starters(StartIgnored(child.spec.id))

    def _answer_start_failure(self, child: Child, reason: ExitReason) -> None:
        assert child.cell is not None
        child.fail_starters(start_error(child.spec, child.cell.timed_out, reason))

    def _start_refused(self, child: Child) -> None:
        """A first start failed: nothing is kept, unless it was `restart_child`."""
        if not child.kept:
            self._forget(child)

    def _on_died(self, child: Child, reason: ExitReason) -> None:
        self._report_death(child, reason)
        child.state = State.STOPPED
        if child.spec.restart == "permanent" or (child.spec.restart == "transient" and not reason.is_clean):
            if self._pace.recovered(child, self._cell.runtime.now()):
                child.failures = 0
            self._failed(child, reason)
        else:
            self._ended_for_good(child)

    def _report_death(self, child: Child, reason: ExitReason) -> None:
        """It ended by itself (rule S9)."""
        if child.spec.restart == "permanent" or not reason.is_clean:
            reports.supervisor(self._cell, "child_terminated", child, reason)

    def _ended_for_good(self, child: Child) -> None:
        """It ended by itself and is not restarted."""
        if child.spec.restart == "temporary":
            self._forget(child)

    # Restarting.

    def _failed(self, child: Child, reason: ExitReason) -> None:
        """It failed and must run again: at once, or after its delay."""
        child.failures += 1
        child.state = State.RESTARTING
        child.call_off()
        runtime = self._cell.runtime
        now = runtime.now()
        delay = self._pace.delay(child, reason, now, runtime.random)
        ran, child.ran = child.ran, False
        if delay > 0:
            due = functools.partial(self._cell.hear, Due(child, child.turn))
            child.retry = runtime.timers.at(now + delay, due)
            runtime.tell(RestartScheduled(now, self.ref, child.spec.id, delay, child.failures))
        elif ran:
            self._attempt(child)
        else:  # a start that failed again is tried in turn, so that requests are served in between (rule S16)
            self._cell.mailbox.put_system(Due(child, child.turn))

    def _attempt(self, child: Child) -> None:
        """Try to start it again, if the limit allows one more attempt."""
        if self._cell.runtime.fatal is not None:
            return  # everything is about to stop
        if not self._pace.attempt(self._cell.runtime.now()):
            self._give_up(child)
            return
        child.restarts += 1
        self._relaunch(child)

    def _relaunch(self, child: Child) -> None:
        try:
            self._launch(child)
        except StartError as error:
            child.state = State.STOPPED
            self._report_start_error(child, Crashed(error))
            self._failed(child, Crashed(error))

    def _give_up(self, child: Child) -> None:
        flags = self._flags
        self._giving_up = True
        reason = child.last_exit or Killed()
        self._cell.runtime.tell(SupervisorGaveUp(self._cell.runtime.now(), self.ref, child.spec.id))
        reports.supervisor(self._cell, "shutdown", child, reason, limit="reached_max_restart_intensity")
        self._end(Shutdown(RestartLimit(child.spec.id, reason, flags.intensity, flags.period)))

    def _end(self, reason: ExitReason) -> None:
        self._cell.mailbox.put_system(StopAsked(reason))

    # Starting and stopping processes.

    def _launch(self, child: Child) -> None:
        """Start an incarnation; the notice of its start or its end follows.

        Raises:
            AlreadyStarted: somebody holds its name; nothing was started.
            RegistryClosed: the registry for its name is not there; likewise.
        """
        child.cell = self._cell.runtime.start_process(child.spec, self._cell, child, child.context)
        child.state = State.STARTING
        child.incarnation += 1

    def _bring_down(self, child: Child) -> None:
        """Ask it to stop, and see that it does; its end is told by a notice."""
        assert child.cell is not None
        if child.state is not State.STOPPING:
            child.state = State.STOPPING
            self._cell.runtime.reaper.bring_down(child.cell, child.spec.shutdown)

    def _forget(self, child: Child) -> None:
        raise NotImplementedError

    async def _await_end(self, child: Child) -> None:
        """From `terminate`: wait until a child that is being brought down has ended, and report how."""
        if child.cell is None:
            return
        reason = await child.cell.ended()
        if child.is_alive:
            child.last_exit = reason
            self._on_stopped(child, reason)

    def _call_off_all(self, children: Iterable[Child]) -> None:
        for child in children:
            child.call_off()
            if child.state is State.RESTARTING:
                child.state = State.STOPPED
