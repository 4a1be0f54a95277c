"""The slot of one call, and replies into it from anywhere.

A reply never travels through the caller's mailbox (rules P8 and G21): each call has a slot of its own, the `Caller`, and whoever answers wakes the
waiting task through it. Once the slot is settled - answered, refused, timed out, cancelled - every further answer is counted and dropped, so a late
or doubled reply can hurt nobody.
"""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING, Any

import attrs
import trio
from trio.lowlevel import Abort, enable_ki_protection, reschedule

from agentsup.otp.errors import CallTimeout, MailboxFull, NoProc, ServerDied
from agentsup.otp.parking import WOKEN

if TYPE_CHECKING:
    from collections.abc import Callable

    from agentsup.otp.cell import Cell
    from agentsup.otp.reasons import ExitReason
    from agentsup.otp.refs import Dest


@attrs.define(eq=False, repr=False)
class Caller:
    """One pending call: handed to `handle_call`, answered through `reply` or `reply_error`, once."""

    task: trio.lowlevel.Task | None
    """The waiting task; None once the slot is settled."""

    request: Any
    cell: Cell
    deadline: float = math.inf
    """When the caller gives up, on trio's clock; infinite for a caller that never does."""

    value: Any = None
    error: Callable[[Dest], BaseException] | None = None
    """Makes the error to raise at the caller, from the address it used."""

    bucket: set[Caller] | None = None
    is_control: bool = False
    """It asks the kernel, not the actor."""
    on_settled: Callable[[], None] | None = None
    """Called instead of waking the task, for an answer that is not waited for yet."""

    @enable_ki_protection
    def settle(self, value: Any, error: Callable[[Dest], BaseException] | None = None) -> bool:
        """Wake the caller with a value or an error; False if it was settled before."""
        task = self.task
        if task is None:
            self.cell.late_replies += 1
            return False
        self.task = None
        self.value = value
        self.error = error
        if self.cell.probe is not None and not self.is_control:
            self.cell.probe.reply(value)
        if self.bucket is not None:
            self.bucket.discard(self)
        deferred = self.cell.deferred
        if deferred is not None:
            deferred.discard(self)
        if self.on_settled is None:
            reschedule(task, WOKEN)
        else:
            self.on_settled()
        return True

    @enable_ki_protection
    def abandon(self, _: object) -> Abort:
        """The abort function: the caller is being cancelled and waits no more."""
        self.task = None
        if self.bucket is not None:
            self.bucket.discard(self)
        if self.cell.deferred is not None:
            self.cell.deferred.discard(self)
        return Abort.SUCCEEDED

    def refuse(self) -> None:
        """The mailbox had to push this call out."""
        self.settle(None, lambda dest: MailboxFull(dest, self.request))

    def time_out(self) -> None:
        """The deadline is over."""
        self.settle(None, lambda dest: CallTimeout(dest, self.request))

    def die(self, reason: ExitReason) -> None:
        """The server ended."""
        if self.task is not None:
            self.settle(None, lambda dest: ServerDied(dest, self.request, reason=reason))

    def enter(self) -> Caller:
        """There is room for it: the entry to queue."""
        return self

    def turn_away(self) -> None:
        """The server ended before there was room."""
        self.settle(None, lambda dest: NoProc(dest, self.request))

    def result(self, dest: Dest, timeout: float | None) -> Any:
        """What it was settled with: the value, or the error, raised."""
        if self.error is None:
            return self.value
        error = self.error(dest)
        if isinstance(error, CallTimeout):
            error = CallTimeout(dest, self.request, timeout=timeout)
        raise error

    @property
    def remaining(self) -> float | None:
        """Seconds the caller still waits, at least 0; None for ever: the right `timeout` for a call that is made to answer this one."""
        return None if self.deadline == math.inf else max(0.0, self.deadline - self.cell.runtime.now())

    @property
    def is_waiting(self) -> bool:
        """Whether anybody still waits for the answer."""
        return self.task is not None

    def __repr__(self) -> str:
        return (
            f"<Caller of {self.cell.ref!r} with {type(self.request).__name__}, {'waiting' if self.task else 'settled'}>"
        )


def reply(caller: Caller, value: object) -> None:
    """Answer a call that returned `NoReply`, from anywhere in this trio thread, at any time.

    A second answer, or one that comes when the caller is gone, is dropped and counted (`late_replies`).
    """
    caller.settle(value)


def reply_error(caller: Caller, error: BaseException) -> None:
    """Answer a call with an error: it is raised at the caller, and the server lives on.

    What is raised is a copy with `error` as its cause where it can be copied, so that no two tasks share a traceback.
    """
    caller.settle(None, lambda _: _own_copy(error))


def _own_copy(error: BaseException) -> BaseException:
    try:
        mine = copy.copy(error)
    except Exception:  # noqa: BLE001  (an exception whose constructor cannot be repeated: raise the original)
        return error
    if type(mine) is not type(error):
        return error
    mine.args = error.args  # a constructor that makes its own text would have made it of the text
    mine.__cause__ = error.__cause__ or error
    mine.__traceback__ = None
    return mine
