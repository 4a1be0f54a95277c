"""What every supervisor does: launch children, hear of their ends, decide on restarts, wait out the delays, give up over the limit.

A supervisor is an actor that never waits: each thing it is asked or told is handled in one step, and what takes time - a slow `init`, a delay, a child
that stops in its own time - ends in a notice that is handled later. So it answers while a child hangs in `init` (OTP's supervisor would not).
The two kinds, `Supervisor` and `DynamicSupervisor`, add which children belong together and how they are stopped at the end.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, assert_never

import trio
from trio.lowlevel import enable_ki_protection

from agentsup import telemetry
from agentsup.errors import SpecError
from agentsup.otp import reports
from agentsup.otp.child import Child, State
from agentsup.otp.children import Started as StartedExtra
from agentsup.otp.clerk import Clerk
from agentsup.otp.errors import (
    StartError,
    StartIgnored,
)
from agentsup.otp.events import RestartScheduled, SupervisorGaveUp
from agentsup.otp.flags import RestartLimit, SupFlags
from agentsup.otp.judgement import is_acceptable, start_error
from agentsup.otp.mailbox import StopAsked
from agentsup.otp.notices import Due, Ended, Notice, Started
from agentsup.otp.pace import Pace
from agentsup.otp.reasons import Crashed, ExitReason, Killed, Shutdown

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agentsup.otp.refs import Ref


class Overseer(Clerk):
    """The common half of the supervisors; not to be used by itself."""

    __slots__ = ("_flags", "_giving_up", "_pace")

    trap_exit = True

    def __init__(self, flags: SupFlags) -> None:
        if not isinstance(flags, SupFlags):
            raise SpecError.of("flags", f"a {type(flags).__name__} is no SupFlags")
        super().__init__()
        self._flags = flags
        self._pace = Pace.of(flags)
        self._giving_up = False

    def _warn(self) -> None:
        """A restart limit that cannot trigger is no error, but hardly meant."""
        if self._flags.limit_is_unreachable:
            reports.unreachable_limit(self._cell, self._flags)

    async def run(
        self,
        *,
        shutdown_deadline: float = 10.0,
        kill_grace: float = 5.0,
        task_status: trio.TaskStatus[Ref] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Run this supervisor in a nursery of yours: `ref = await nursery.start(otp.Supervisor(flags, specs).run)`.

        It is a tree for itself: a runtime of its own, with names of its own, that ends with this task; refs reach into it from anywhere, and names do
        where it is the only one open. `start` returns when its children have started. Cancelled, it stops in order first, as leaving `open_runtime` does,
        and is delayed by at most `shutdown_deadline`. It returns when the supervisor was stopped, or ended because significant children did; a supervisor
        that gives up or is killed fails the nursery.

        Args:
            shutdown_deadline: seconds for the whole stop; what then still lives is cancelled all at once, and reported.
            kill_grace: seconds between killing a process and parking it as a zombie.
            task_status: how `nursery.start` gets the supervisor's ref.

        Raises:
            SpecError: a duration is wrong.
            StartError: a child could not be started, or this object ran before: each is for one run.
            RestartLimitExceeded: it gave up.
            RootDied: somebody killed it.
        """
        from agentsup.otp.opening import host  # here, as what surrounds a tree knows supervisors already

        await host(self, shutdown_deadline, kill_grace, task_status)

    @property
    def pace(self) -> Pace:
        """How often and how fast it restarts its children."""
        return self._pace

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
        if telemetry.listening():
            who = {"supervisor": self.ref.label, "child": child.spec.id}
            telemetry.emit(telemetry.CHILD_RESTARTED, {"restarts": child.restarts}, who)
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
