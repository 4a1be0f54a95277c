"""Requests that a process answers itself, whatever its actor is, before its next message."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import attrs
import trio
from trio.lowlevel import current_task, enable_ki_protection, wait_task_rescheduled

from agentsup.otp.caller import Caller
from agentsup.otp.calls import locate, seconds
from agentsup.otp.cell import ACTORS, Cell
from agentsup.otp.errors import CallbackFailed, CallingSelf, NoProc

if TYPE_CHECKING:
    from collections.abc import Callable

    from agentsup.otp.reasons import ExitReason
    from agentsup.otp.refs import Dest


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


@enable_ki_protection
async def ask_system(dest: Dest, control: Control, timeout: float | None) -> Any:
    """Have a process do something before its next message, and wait for the answer; the errors are those of `call`."""
    target = locate(dest)
    if target is None:
        raise NoProc(dest, control)
    task = current_task()
    me = ACTORS.get(task)
    if me is target:
        raise CallingSelf(dest, control)
    control.caller = caller = Caller(task, control, target, is_control=True)
    if timeout is not None and timeout != math.inf:
        caller.deadline = trio.current_time() + seconds(timeout)
        target.runtime.deadlines.add(caller, caller.deadline)
    target.mailbox.put_system(control)
    await wait_task_rescheduled(caller.abandon)
    return caller.result(dest, timeout)
