"""What a user writes: an actor, with OTP's callbacks."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from agentsup.errors import SpecError
from agentsup.otp import links, reports
from agentsup.otp.caller import Caller, reply, reply_error
from agentsup.otp.cell import Phase, find
from agentsup.otp.mailbox import MailboxSpec, Signal, StopAsked
from agentsup.otp.reasons import ExitReason, Normal, checked
from agentsup.otp.spawned import Spawned

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from agentsup.otp.cell import Cell
    from agentsup.otp.notices import Notice
    from agentsup.otp.refs import Ref
    from agentsup.otp.results import CallResult, InitResult, MessageResult, Monitor
    from agentsup.otp.timers import Timer


class Actor:
    """A supervised task with a mailbox: subclass it and give a factory for it to a `ChildSpec`.

    Each incarnation is a fresh instance, so nothing survives a crash but what you stored elsewhere. Callbacks may be `def` or `async def`; they run
    one after another, so the actor's state needs no lock. An exception in one of them ends the actor (its supervisor decides what then) and raises
    `ServerDied` at whoever waits for a reply; for an error the caller should see while the actor lives on, use `reply_error`.

    A sync callback that takes long stops everything else in the process; an async one stops only this actor, whose mailbox fills meanwhile. Work that
    takes long belongs into `spawn`.
    """

    __slots__ = ("__weakref__", "_cell", "state")

    mailbox: MailboxSpec = MailboxSpec()
    """How many messages may wait, and what happens to more; a class attribute."""

    trap_exit: bool = False
    """Whether exit signals arrive in `handle_info` as `Exit` instead of ending the actor; a class attribute, the start value of `self.trapping`."""

    _cell: Cell
    state: Any

    def init(self) -> InitResult | Awaitable[InitResult]:
        """Begin this incarnation; whoever starts the actor waits for it.

        Return None, `Continue(arg)` (handled before any message), `Ignore()` (there is nothing to run) or `Stop(reason)` (the start failed).
        """

    def handle_call(self, request: Any, caller: Caller) -> CallResult | Awaitable[CallResult]:
        """Answer a request: `Reply(value)`, `NoReply()` (and `self.reply(caller, value)` later, from anywhere), or `Stop(reason, reply=value)`.

        Raises:
            NotImplementedError: not overridden; an actor that is called must say how it answers.
        """
        raise NotImplementedError(
            f"{type(self).__name__} was called with {type(request).__name__} and has no handle_call"
        )

    def handle_cast(self, message: Any) -> MessageResult | Awaitable[MessageResult]:
        """Take a message that wants no answer: None, `NoReply()`, `Continue(arg)` or `Stop(reason)`.

        Raises:
            NotImplementedError: not overridden.
        """
        raise NotImplementedError(f"{type(self).__name__} was sent {type(message).__name__} and has no handle_cast")

    def handle_info(self, message: Any) -> MessageResult | Awaitable[MessageResult]:
        """Take everything else: plain messages, `Down`, `Exit`, `Idle`, timers. Not overridden, it reports the message and goes on (rule G12)."""
        reports.unhandled(self._cell, message)
        return None

    def handle_continue(self, arg: Any) -> MessageResult | Awaitable[MessageResult]:
        """Go on with what `Continue(arg)` began, before any queued message.

        Raises:
            NotImplementedError: not overridden.
        """
        raise NotImplementedError(f"{type(self).__name__} returned Continue and has no handle_continue")

    def terminate(self, reason: ExitReason) -> object | Awaitable[object]:
        """Clean up. Runs on every end but a kill and a failed `init`: a stop, a shutdown, a crash in a callback (rule G14).

        It has the child's `shutdown` time and is shielded from outer cancellation; what it returns is ignored.
        """

    def format_status(self, state: Any) -> object:
        """What of the state may appear in reports and `sys.get_status`; by default only its type's name."""
        return type(state).__name__

    @property
    def ref(self) -> Ref:
        """The address of this incarnation."""
        return self._cell.ref

    @property
    def trapping(self) -> bool:
        """Whether exit signals arrive as `Exit` messages."""
        return self._cell.trapping

    @trapping.setter
    def trapping(self, on: bool) -> None:
        self._cell.trapping = on

    def spawn(self, async_fn: Callable[..., Awaitable[object]], *args: Any) -> Spawned:
        """Run `async_fn(*args)` beside this actor, until it is done or the actor ends; an exception that escapes it crashes the actor at once.

        How many run is yours to bound. The task may call the actor. Of an actor that is ending already, it is cancelled from the start.
        """
        cell = self._cell
        spawned = Spawned(cell)
        if cell.phase is Phase.CLOSING or cell.is_over:
            spawned.cancel()
        if cell.spawned is None:
            cell.spawned = set()
        cell.spawned.add(spawned)
        cell.runtime.nursery.start_soon(
            spawned.run, async_fn, args, name=f"{cell.ref.label}#{cell.ref.serial} {async_fn!r}"
        )
        return spawned

    def monitor(self, ref: Ref) -> Monitor:
        """Have a `Down` arrive in `handle_info` when `ref` has ended, exactly once; at once, with `Gone()`, if it is dead."""
        return links.watch(self._cell, ref)

    def demonitor(self, monitor: Monitor) -> None:
        """End a watch; its `Down` is never seen afterwards."""
        links.unwatch(self._cell, monitor)

    def link(self, ref: Ref) -> None:
        """Share fate with `ref`: whichever ends first sends the other its exit reason as a signal (rules P3, P4).

        Raises:
            NoProc: `ref` is dead and this actor does not trap exits; one that does finds an `Exit` with `Gone()` in its mailbox.
        """
        links.link_to(self._cell, ref)

    def unlink(self, ref: Ref) -> None:
        """Take the link to `ref` away, if there is one."""
        links.part_from(self._cell, ref)

    def send_after(self, delay: float, message: object) -> Timer:
        """Have `message` arrive in `handle_info` in `delay` seconds, unless the actor has ended or the timer is cancelled.

        Raises:
            SpecError: the delay is no number.
        """
        ref = self._cell.ref  # and not the cell: a long timer must not keep a dead actor in memory
        if not isinstance(delay, (int, float)) or math.isnan(delay):
            raise SpecError.of("delay", f"{delay!r} is no duration; seconds, at once if below 0")

        def deliver() -> None:
            cell = find(ref)
            if cell is not None:
                cell.mailbox.put_signal(Signal(message))

        return self._cell.runtime.timers.after(delay, deliver)

    def reply(self, caller: Caller, value: object) -> None:
        """Answer a call that returned `NoReply`."""
        reply(caller, value)

    def reply_error(self, caller: Caller, error: BaseException) -> None:
        """Answer a call with an error that is raised at the caller, while this actor lives on."""
        reply_error(caller, error)

    def stop(self, reason: ExitReason | None = None) -> None:
        """End this actor when the running callback has returned, before any other message; `Normal()` if no reason is given."""
        self._cell.mailbox.put_system(StopAsked(Normal() if reason is None else checked(reason)))

    def hand_through(self, extra: object) -> None:
        """From `init`: give whoever starts this actor by hand a `Started(ref, extra)` instead of the bare ref (rule S21)."""
        self._cell.extra = extra

    def _enter(self, cell: Cell) -> bool:
        """Become the actor of a process; False if it was that of another."""
        if hasattr(self, "_cell"):
            return False
        self._cell = cell
        if not hasattr(self, "state"):
            self.state = None
        cell.trapping = self.trap_exit
        return True

    def _offspring(self) -> list[Cell]:
        """The processes it started that are not over; only supervisors start any."""
        return []

    def _notice(self, notice: Notice) -> None:
        """Take a notice of the kernel; only supervisors are sent any."""
        raise AssertionError(f"{self._cell.ref!r} is no supervisor and was sent {notice!r}")

    def __repr__(self) -> str:
        cell = getattr(self, "_cell", None)
        return f"<{type(self).__name__} {'not started' if cell is None else cell.ref}>"
