"""The end of one process: terminate, and the order in which everybody learns of it.

The order is a promise (rules P6, G4, G10): user code is done - what it spawned is closed - its children are gone - its names are free - pending calls
are answered - links, monitors and the parent are told. Everything from the names on happens in one step nobody can look into.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio
from trio.lowlevel import disable_ki_protection, enable_ki_protection

from agentsup.otp import links, reports
from agentsup.otp.actor import Actor
from agentsup.otp.cell import ACTORS, CELLS, Cell, Phase
from agentsup.otp.entries import held_by
from agentsup.otp.events import ProcessEnded
from agentsup.otp.notices import Ended
from agentsup.otp.reasons import Crashed, ExitReason, Killed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


def begin_terminate(cell: Cell) -> bool:
    """Say that it is time for `terminate`; whether the actor has one."""
    cell.phase = Phase.STOPPING
    assert cell.actor is not None
    if cell.probe is not None:
        cell.probe.saw("terminate", repr(cell.reason), cell.reason)
    return type(cell.actor).terminate is not Actor.terminate


@disable_ki_protection
async def terminate(cell: Cell) -> None:
    """Run `terminate` in its budget. The runtime's shield is around it already; a kill still cuts it off."""
    actor, reason = cell.actor, cell.reason
    assert actor is not None
    assert reason is not None
    cell.doom = None
    cut_off = False
    try:
        result = actor.terminate(reason)
        if hasattr(result, "__await__"):
            cut_off = await _within_budget(cell, result)
    except BaseException as error:  # noqa: BLE001  (the supervision border: a failing clean-up must not hide the reason)
        _clean_up_failed(cell, reason, error)
    if cell.doom is not None:
        cell.reason = cell.doom
    elif cut_off:
        reports.terminate_cut(cell, cell.grace)


async def _within_budget(cell: Cell, result: Awaitable[object]) -> bool:
    """Wait for what `terminate` does; whether it was cut off."""
    with trio.CancelScope(deadline=trio.current_time() + cell.grace) as cell.scope:
        if cell.doom is not None:
            cell.scope.cancel(reason="killed in terminate")
        await result
    return cell.scope.cancelled_caught


@enable_ki_protection
def _clean_up_failed(cell: Cell, reason: ExitReason, error: BaseException) -> None:
    """Keep the reason of a stop somebody asked for; otherwise the error is, or joins, the crash (rule G14)."""
    if isinstance(error, trio.Cancelled):
        raise error
    if isinstance(error, BaseExceptionGroup):
        cancelled, _ = error.split(trio.Cancelled)
        if cancelled is not None:
            raise cancelled
    cell.runtime.note_fatal(error)
    cell.cleanup_error = error
    if isinstance(reason, Crashed):
        cell.reason = Crashed(reason.exception, error)
    elif cell.asked is None:
        cell.reason = Crashed(error)


@enable_ki_protection
async def close(cell: Cell) -> None:
    """End what the process spawned, and kill the children a killed supervisor leaves behind; wait for both, in their budgets."""
    if not cell.is_over:  # a zombie that ended after all stays what everybody was told that it is
        cell.phase = Phase.CLOSING
    grace = cell.runtime.reaper.grace
    for spawned in list(cell.spawned or ()):
        spawned.cancel()
    if cell.children:
        assert cell.actor is not None
        for child in cell.actor._offspring():  # noqa: SLF001  (the kernel's half of the actor)
            cell.runtime.reaper.kill(child)
    await _emptied(cell, grace)
    if cell.spawned:
        for spawned in cell.spawned:
            reports.zombie(cell, spawned)
            cell.runtime.reaper.keep(spawned)
        cell.spawned = None
    while cell.children:  # each is bounded: one that does not die is parked
        await _emptied(cell, grace)


async def _emptied(cell: Cell, grace: float) -> None:
    cell.emptied = trio.Event()
    if cell.spawned or cell.children:
        with trio.move_on_after(grace):
            await cell.emptied.wait()


@enable_ki_protection
def bury(cell: Cell, phase: Phase = Phase.DEAD) -> None:
    """Announce the end of a process, in the promised order and in one step; a second time does nothing but forget the zombie."""
    if cell.task is not None:
        ACTORS.pop(cell.task, None)
    if cell.is_over:
        cell.runtime.reaper.forget(cell)
        return
    reason = cell.reason = cell.reason or cell.doom or Killed()
    reports.ended(cell, reason, was_starting=not cell.announced)
    cell.phase = phase
    CELLS.pop(cell.ref.serial, None)
    if cell.ladder is not None:
        cell.ladder.cancel()
    if cell.idle is not None:
        cell.idle.cancel()
    if cell.held is not None:
        _free_names(cell, reason)
    _answer_pending(cell, reason)
    links.dissolve(cell, reason)
    if cell.parent is not None:
        cell.parent.lost_child()
    runtime = cell.runtime
    if cell.is_timed:
        runtime.deadlines.forget(cell)
    if runtime.audience:
        parent = None if cell.parent is None else cell.parent.ref
        runtime.tell(ProcessEnded(runtime.now(), cell.ref, cell.id, parent, reason, not cell.announced))
    if cell.watchers:
        cell.tell_watchers()
    runtime.forget(cell)
    if cell.parent is not None:  # the last word: it may start the next incarnation at once
        cell.parent.hear(Ended(cell, reason, was_starting=not cell.announced))


def _free_names(cell: Cell, reason: ExitReason) -> None:
    for held in held_by(cell):
        held.registry.forget(held, reason)
        held.newer = held.older = None
    cell.held = None


def _answer_pending(cell: Cell, reason: ExitReason) -> None:
    if cell.last_reply is not None:
        caller, value = cell.last_reply
        caller.settle(value)
    mailbox = cell.mailbox
    for caller in cell.owed():
        caller.die(reason)
    for entry in mailbox.system or ():
        answer: Callable[[ExitReason], None] | None = getattr(entry, "die", None)
        if answer is not None:
            answer(reason)
    mailbox.queue = mailbox.system = None
    mailbox.release_senders()
    cell.current = None
