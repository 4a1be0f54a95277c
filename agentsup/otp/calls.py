"""Asking and telling: `call`, `cast`, `info`, `send`, and replies from anywhere.

A reply never travels through the caller's mailbox (rules P8 and G21): each call has a slot of its own, the `Caller`, and whoever answers wakes the
waiting task through it. Once the slot is settled - answered, refused, timed out, cancelled - every further answer is counted and dropped, so a late
or doubled reply can hurt nobody.
"""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING, Any, overload

import attrs
import trio
from trio.lowlevel import Abort, current_task, reschedule, wait_task_rescheduled

from agentsup.errors import SpecError
from agentsup.otp.cell import ACTORS, CELLS, Cell
from agentsup.otp.current import registry_of
from agentsup.otp.errors import CallbackFailed, CallCycle, CallingSelf, CallTimeout, MailboxFull, NoProc, ServerDied
from agentsup.otp.mailbox import WOKEN, Info, StopAsked
from agentsup.otp.reasons import ExitReason, Normal
from agentsup.otp.refs import Dest, Name, Ref

if TYPE_CHECKING:
    from collections.abc import Callable

    from agentsup.otp.results import R, Request


@attrs.define(eq=False, repr=False)
class Caller:
    """One pending call: handed to `handle_call`, answered through `reply` or `reply_error`, once."""

    task: trio.lowlevel.Task | None
    """The waiting task; None once the slot is settled."""

    request: Any
    cell: Cell
    deadline: float = math.inf
    """When the caller gives up, on trio's clock; pass what is left of it on to calls made for this one."""

    value: Any = None
    error: Callable[[Dest], BaseException] | None = None
    """Makes the error to raise at the caller, from the address it used."""

    bucket: set[Caller] | None = None

    def settle(self, value: Any, error: Callable[[Dest], BaseException] | None = None) -> bool:
        """Wake the caller with a value or an error; False if it was settled before."""
        task = self.task
        if task is None:
            self.cell.late_replies += 1
            return False
        self.task = None
        self.value = value
        self.error = error
        if self.cell.probe is not None and self.request.__class__ is not Control:
            self.cell.probe.reply(value)
        if self.bucket is not None:
            self.bucket.discard(self)
        deferred = self.cell.deferred
        if deferred is not None:
            deferred.discard(self)
        reschedule(task, WOKEN)
        return True

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

    @property
    def is_waiting(self) -> bool:
        """Whether anybody still waits for the answer."""
        return self.task is not None

    def __repr__(self) -> str:
        return (
            f"<Caller of {self.cell.ref!r} with {type(self.request).__name__}, {'waiting' if self.task else 'settled'}>"
        )


def locate(dest: Dest) -> Cell | None:
    """The living process at an address."""
    if dest.__class__ is Ref:
        cell = CELLS.get(dest.serial)
        return cell if cell is not None and (cell.ref is dest or cell.ref == dest) else None
    if dest.__class__ is Name:
        return registry_of(dest).holder(dest.key)
    raise SpecError.of("dest", f"a {type(dest).__name__} is no address; right would be a Ref or a Name")


@attrs.define(eq=False, repr=False)
class Control:
    """A request for the system lane: what the process itself is asked to do, whatever its actor is."""

    what: str
    perform: Callable[[Cell], Any]
    caller: Caller | None = None

    def serve(self, cell: Cell) -> None:
        """Do it, in the process's own task; what it raises goes to whoever asked."""
        assert self.caller is not None
        try:
            value = self.perform(cell)
        except Exception as error:  # noqa: BLE001  (the function is the asker's: it must not hurt the process)
            cause = error
            self.caller.settle(None, lambda dest: _with_cause(CallbackFailed(dest, self), cause))
        else:
            self.caller.settle(value)

    def die(self, reason: ExitReason) -> None:
        """The process ended."""
        if self.caller is not None:
            self.caller.die(reason)


def _with_cause(error: BaseException, cause: BaseException) -> BaseException:
    error.__cause__ = cause
    return error


async def ask_system(dest: Dest, control: Control, timeout: float | None) -> Any:
    """Have a process do something before its next message, and wait for the answer; the errors are those of `call`."""
    target = locate(dest)
    if target is None:
        raise NoProc(dest, control)
    task = current_task()
    me = ACTORS.get(task)
    if me is target:
        raise CallingSelf(dest, control)
    control.caller = caller = Caller(task, control, target)
    if timeout is not None and timeout != math.inf:
        caller.deadline = trio.current_time() + _seconds(timeout)
        target.runtime.deadlines.add(caller, caller.deadline)
    target.mailbox.put_system(control)
    await wait_task_rescheduled(caller.abandon)
    return _outcome(caller, dest, timeout)


def _outcome(caller: Caller, dest: Dest, timeout: float | None) -> Any:
    """The value of a settled call, or its error, raised."""
    if caller.error is None:
        return caller.value
    error = caller.error(dest)
    if isinstance(error, CallTimeout):
        error = CallTimeout(dest, caller.request, timeout=timeout)
    raise error


@overload
async def call(dest: Dest, request: Request[R], timeout: float | None = 5.0) -> R: ...
@overload
async def call(dest: Dest, request: object, timeout: float | None = 5.0) -> Any: ...
async def call(dest: Dest, request: object, timeout: float | None = 5.0) -> Any:
    """Ask the actor at `dest` and wait for its reply.

    A call that times out or is cancelled takes nothing back: the server may be working on the request already; one it has not begun is skipped.
    Under a mailbox with the policy `block` the call also waits for room, within its timeout.

    Args:
        dest: a Ref, or a Name, resolved now.
        request: anything; a `Request[R]` makes the result an `R`.
        timeout: seconds, None for ever. A surrounding cancel scope counts as well, whichever is first.

    Raises:
        NoProc: nobody is there.
        CallTimeout: no reply in time; it is also a `trio.TooSlowError`.
        CallingSelf: an actor asks itself from its own task.
        CallCycle: the server waits, directly or not, for this caller.
        ServerDied: the server ended before it replied.
        MailboxFull: the server's mailbox takes no more.
    """
    target = locate(dest)
    if target is None:
        raise NoProc(dest, request)
    task = current_task()
    me = ACTORS.get(task)
    if me is not None:
        refuse_cycle(me, target, dest, request)
        me.waiting_on = target
    caller = Caller(task, request, target)
    try:
        if timeout is not None:
            if timeout.__class__ is not float or not timeout >= 0:
                timeout = _seconds(timeout)
            runtime = target.runtime
            caller.deadline = deadline = runtime.now() + timeout
            runtime.deadlines.add(caller, deadline)
        if not target.mailbox.put(caller):
            return await _wait_in_line(caller, dest, timeout)
        await wait_task_rescheduled(caller.abandon)
    finally:
        if me is not None:
            me.waiting_on = None
    if caller.error is None:
        return caller.value
    return _outcome(caller, dest, timeout)


async def _wait_in_line(caller: Caller, dest: Dest, timeout: float | None) -> Any:
    """Wait for room, where the policy is to wait, and then for the reply: for the caller it is one wait."""
    mailbox = caller.cell.mailbox
    if mailbox.spec.overflow != "block":
        caller.abandon(None)
        mailbox.dropped += 1
        raise MailboxFull(dest, caller.request)
    mailbox.line_up(caller)
    try:
        await wait_task_rescheduled(caller.abandon)
    finally:
        mailbox.leave_line(caller)
    return _outcome(caller, dest, timeout)


def _seconds(timeout: float) -> float:
    if isinstance(timeout, (int, float)) and timeout >= 0:
        return timeout
    raise SpecError.of("timeout", f"{timeout!r} is no time to wait; seconds of at least 0, or None for ever")


def refuse_cycle(me: Cell, target: Cell, dest: Dest, request: object) -> None:
    """Raise if `me` would wait for somebody who waits for `me`.

    Raises:
        CallingSelf: it is itself.
        CallCycle: it is somebody who waits for it.
    """
    if target is me:
        raise CallingSelf(dest, request)
    path = [me.ref, target.ref]
    other = target.waiting_on
    while other is not None:
        path.append(other.ref)
        if other is me:
            raise CallCycle(dest, request, path=tuple(path))
        other = other.waiting_on


def cast(dest: Dest, message: object) -> None:
    """Tell the actor at `dest` something; never waits and never fails for a dead, unknown or full destination (rule G11).

    What a full mailbox refuses is counted as dropped. Casts and calls of one sender arrive in the order they were made.
    """
    target = locate(dest)
    if target is not None and not target.mailbox.put_cast(message):
        target.mailbox.dropped += 1


def offer(dest: Dest, message: object) -> bool:
    """Cast, and say whether the mailbox took it; False if it is full or nobody is there. Never waits."""
    target = locate(dest)
    return target is not None and target.mailbox.put_cast(message)


def info(dest: Dest, message: object) -> None:
    """Send a plain message, which arrives in `handle_info`; otherwise as `cast`."""
    target = locate(dest)
    if target is not None and not target.mailbox.put(Info(message)):
        target.mailbox.dropped += 1


async def send(dest: Dest, message: object) -> None:
    """Cast, but feel how full the mailbox is: under the policy `block` wait for room, under `reject` and `coalesce` raise.

    If cancelled while waiting, nothing was delivered.

    Raises:
        NoProc: nobody is there (any more).
        MailboxFull: the mailbox refuses more and its policy is not to wait.
        CallingSelf: an actor waits for room in its own full mailbox.
    """
    await trio.lowlevel.checkpoint_if_cancelled()
    target = locate(dest)
    if target is None:
        raise NoProc(dest, message)
    if target.mailbox.put_cast(message):
        await trio.lowlevel.cancel_shielded_checkpoint()
        return
    policy = target.mailbox.spec.overflow
    if policy == "block":
        if ACTORS.get(current_task()) is target:
            raise CallingSelf(dest, message)
        if not await target.mailbox.wait_for_room(message):
            raise NoProc(dest, message)
        return
    target.mailbox.dropped += 1
    if policy != "drop_newest":
        raise MailboxFull(dest, message)
    await trio.lowlevel.cancel_shielded_checkpoint()


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


async def stop(ref: Dest, reason: ExitReason | None = None, timeout: float | None = None) -> None:
    """End the actor at `ref` in turn - after what it was sent before - and wait until it is gone (rule G16).

    `terminate` runs. On a timeout the actor is not killed; it still stops when it gets to it.

    Args:
        ref: whom to stop.
        reason: the exit reason; Normal() if not given. A permanent child is restarted by its supervisor all the same.
        timeout: seconds, None for ever.

    Raises:
        NoProc: nobody is there.
        CallingSelf: an actor cannot wait for its own end; `self.stop()` there.
        CallTimeout: it did not end in time.
        ServerDied: it ended with another reason, which the error carries.
    """
    wanted = Normal() if reason is None else reason
    target = locate(ref)
    request = StopAsked(wanted)
    if target is None:
        raise NoProc(ref, request)
    if ACTORS.get(current_task()) is target:
        raise CallingSelf(ref, request)
    target.mailbox.put_signal(request)
    with trio.move_on_after(math.inf if timeout is None else _seconds(timeout)) as scope:
        found = await target.ended()
    if scope.cancelled_caught:
        raise CallTimeout(ref, request, timeout=timeout)
    if found != wanted:
        raise ServerDied(ref, request, reason=found)
