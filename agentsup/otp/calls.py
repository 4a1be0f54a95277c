"""Asking and telling: `call`, `cast`, `info`, `signal`, `send` and `stop`.

Where a task is noted as waiting and then waits, a Ctrl-C must not come in between: whoever answers would wake a task that waits for something else.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, overload

import trio
from trio.lowlevel import current_task, enable_ki_protection, wait_task_rescheduled

from agentsup.errors import SpecError
from agentsup.otp.caller import Caller
from agentsup.otp.cell import ACTORS, CELLS, Cell
from agentsup.otp.current import registry_of
from agentsup.otp.errors import CallCycle, CallingSelf, CallTimeout, MailboxFull, NoProc, ServerDied
from agentsup.otp.mailbox import Info, Signal, StopAsked
from agentsup.otp.reasons import ExitReason, Normal, checked
from agentsup.otp.refs import Dest, Name, Ref

if TYPE_CHECKING:
    from agentsup.otp.results import R, Request


def locate(dest: Dest) -> Cell | None:
    """The living process at an address."""
    if dest.__class__ is Ref:
        cell = CELLS.get(dest.serial)
        return cell if cell is not None and (cell.ref is dest or cell.ref == dest) else None
    if dest.__class__ is Name:
        return registry_of(dest).holder(dest.key)
    raise SpecError.of("dest", f"a {type(dest).__name__} is no address; right would be a Ref or a Name")


@overload
async def call(dest: Dest, request: Request[R], timeout: float | None = 5.0) -> R: ...
@overload
async def call(dest: Dest, request: object, timeout: float | None = 5.0) -> Any: ...
@enable_ki_protection
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
                timeout = seconds(timeout)
            runtime = target.runtime
            caller.deadline = deadline = runtime.now() + timeout
            if not target.is_timed or deadline < runtime.deadlines.due:
                runtime.deadlines.note(target, deadline)
        if not target.mailbox.put(caller):
            return await _wait_in_line(caller, dest, timeout)
        await wait_task_rescheduled(caller.abandon)
    finally:
        if me is not None:
            me.waiting_on = None
    if caller.error is None:
        return caller.value
    return caller.result(dest, timeout)


async def _wait_in_line(caller: Caller, dest: Dest, timeout: float | None) -> Any:
    """Wait for room, where the policy is to wait, and then for the reply: for the caller it is one wait."""
    mailbox = caller.cell.mailbox
    if mailbox.spec.overflow != "block":
        caller.abandon(None)
        mailbox.dropped += 1
        raise MailboxFull(dest, caller.request)
    if timeout is not None:
        caller.cell.runtime.deadlines.add(caller, caller.deadline)
    mailbox.line_up(caller)
    try:
        await wait_task_rescheduled(caller.abandon)
    finally:
        mailbox.leave_line(caller)
    return caller.result(dest, timeout)


def seconds(timeout: float) -> float:
    """A timeout, if it is one.

    Raises:
        SpecError: it is not.
    """
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


def signal(dest: Dest, message: object) -> None:
    """Send a message that is never refused, dropped or waited with; it arrives in `handle_info`, in turn, as a timer's does. Silent if nobody is there.

    It goes past the bound of the mailbox, so how many of them may be on their way is the sender's to limit: for the ends of things the actor began
    itself, of which there are only so many. From any task of the loop; from a thread, through `Runtime.token`.
    """
    target = locate(dest)
    if target is not None:
        target.mailbox.put_signal(Signal(message))


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


async def stop(ref: Dest, reason: ExitReason | None = None, timeout: float | None = None) -> None:
    """End the actor at `ref` in turn - after what it was sent before - and wait until it is gone (rule G16).

    `terminate` runs. On a timeout the actor is not killed; it still stops when it gets to it.

    Args:
        ref: whom to stop.
        reason: the exit reason; Normal() if not given. A permanent child is restarted by its supervisor all the same.
        timeout: seconds, None for ever.

    Raises:
        NoProc: nobody is there.
        SpecError: the reason is none.
        CallingSelf: an actor cannot wait for its own end; `self.stop()` there.
        CallTimeout: it did not end in time.
        ServerDied: it ended with another reason, which the error carries.
    """
    wanted = Normal() if reason is None else checked(reason)
    target = locate(ref)
    request = StopAsked(wanted)
    if target is None:
        raise NoProc(ref, request)
    if ACTORS.get(current_task()) is target:
        raise CallingSelf(ref, request)
    target.mailbox.put_signal(request)
    with trio.move_on_after(math.inf if timeout is None else seconds(timeout)) as scope:
        found = await target.ended()
    if scope.cancelled_caught:
        raise CallTimeout(ref, request, timeout=timeout)
    if found != wanted:
        raise ServerDied(ref, request, reason=found)
