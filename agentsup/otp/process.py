"""The life of one process: init, and the loop over its mailbox until something ends it.

What must not be left half done - here, in mailboxes, links, timers and supervisors - is protected against a Ctrl-C in its middle, which trio then
delivers elsewhere; callbacks are not, so that one which never ends can be interrupted.
"""

from __future__ import annotations

import time
from typing import Any

import trio
from trio.lowlevel import checkpoint, current_task, disable_ki_protection, enable_ki_protection, wait_task_rescheduled

from agentsup.otp import links
from agentsup.otp.actor import Actor
from agentsup.otp.caller import Caller
from agentsup.otp.cell import ACTORS, Cell, Phase
from agentsup.otp.control import Control
from agentsup.otp.ending import begin_terminate, bury, close, terminate
from agentsup.otp.errors import BadReturn
from agentsup.otp.events import ProcessStarted
from agentsup.otp.flags import is_seconds
from agentsup.otp.mailbox import Info, Latest, Signal, StopAsked
from agentsup.otp.notices import Started
from agentsup.otp.reasons import Crashed, ExitReason, Normal
from agentsup.otp.results import UNSET, Continue, Idle, Ignore, Later, NoReply, Reply, Stop

BATCH = 63
"""Messages handled before other tasks get their turn, whatever they cost. One short of a multiple of `GLANCE`: the clock is not looked at for the first."""

SLICE = 0.002
"""Seconds of handling after which other tasks get their turn, looked at every `GLANCE` messages."""

GLANCE = 8

CALL_RESULTS = "Reply, NoReply or Stop"
MESSAGE_RESULTS = "None, NoReply, Continue or Stop"
INIT_RESULTS = "None, NoReply, Continue, Ignore or Stop"


@enable_ki_protection
async def live(cell: Cell) -> None:
    """The whole life of a process; nothing but a hard cut of the runtime ever escapes from here."""
    cell.task = task = current_task()
    ACTORS[task] = cell
    try:
        try:
            with cell:
                cell.reason = await _serve(cell)
        except BaseException as error:  # noqa: BLE001  (the supervision border: turns what escapes into an exit reason)
            _judge(cell, error)
        if cell.doom is not None:
            cell.reason = cell.doom
        if cell.initialised and (cell.doom is None or cell.doom_terminates) and begin_terminate(cell):
            await terminate(cell)
        if cell.spawned or cell.children:
            await close(cell)
    finally:
        bury(cell)


@enable_ki_protection
def _judge(cell: Cell, error: BaseException) -> None:
    """Say why the process ended, given what escaped from its code (section 3.2)."""
    if isinstance(error, trio.Cancelled):
        raise error  # not our scope's: the runtime is being cut
    if isinstance(error, BaseExceptionGroup):
        cancelled, rest = error.split(trio.Cancelled)
        if cancelled is not None:
            cell.cleanup_error = rest
            raise cancelled
    cell.runtime.note_fatal(error)
    if cell.doom is not None:
        cell.cleanup_error = error
    else:
        cell.reason = Crashed(error)


@disable_ki_protection
async def _serve(cell: Cell) -> ExitReason:  # noqa: C901  (the hot loop; each call out of it would show in every message)
    """Run `init`, then handle messages until one of them ends the process."""
    if cell.doom is not None:
        return cell.doom
    begun: Any = _create(cell)
    if begun is None:
        cell.initialised = True
        announce_started(cell)
    else:
        verdict = await _begin(cell, begun)
        if verdict is not None:
            return verdict
    mailbox, actor = cell.mailbox, cell.actor
    assert actor is not None
    budget, until = BATCH, time.perf_counter() + SLICE
    while True:
        if budget <= 0 or (not budget % GLANCE and time.perf_counter() > until):
            if cell.alert:
                cell.after()
            await checkpoint()
            budget, until = BATCH, time.perf_counter() + SLICE
        if mailbox.system:
            if cell.doom is not None:
                return cell.doom
            if cell.alert:
                cell.after()
            budget -= 1
            verdict = _system(cell, mailbox.system[0])
            mailbox.system.popleft()  # not before, so that whoever asked is answered even if a Ctrl-C comes in between
            if verdict is not None:
                return verdict
            continue
        queue = mailbox.queue
        if not queue or cell.suspended:
            cell.current = None
            if cell.alert:
                cell.after()
            mailbox.parked = cell.task
            await wait_task_rescheduled(mailbox.unpark)
            budget, until = BATCH, time.perf_counter() + SLICE
            continue
        budget -= 1
        entry = cell.current = queue[0]
        queue.popleft()
        if mailbox.senders:
            mailbox.room_made()
        kind = entry.__class__
        if kind is Caller and entry.task is None:
            cell.skipped += 1  # nobody waits for it any more: it is as if it had not come, to the idle timer too
            continue
        if cell.alert:
            cell.before(entry)
        cell.handled += 1
        if kind is Caller:
            result: Any = actor.handle_call(entry.request, entry)
            if result.__class__ is not Reply and hasattr(result, "__await__"):
                if cell.scope is None:
                    cell.can_wait()
                result = await result
            answer = result.__class__
            if answer is Reply:
                entry.settle(result.value)
            elif answer is NoReply:
                defer(cell, entry)
            else:
                verdict = await _after_call(cell, entry, result)
                if verdict is not None:
                    return verdict
                continue
            if result.state is UNSET and result.then is None and result.timeout is None and cell.probe is None:
                continue
            verdict = await _after(cell, "handle_call", result)
        elif kind is tuple or kind is Info:
            outcome = actor.handle_cast(entry[0]) if kind is tuple else actor.handle_info(entry.message)
            if outcome is not None and hasattr(outcome, "__await__"):
                if cell.scope is None:
                    cell.can_wait()
                outcome = await outcome
            if outcome is None:
                continue
            verdict = await _after(cell, "handle_cast" if kind is tuple else "handle_info", outcome)
        else:
            verdict = await _other(cell, entry)
        if verdict is not None:
            return verdict


def _create(cell: Cell) -> Any:
    """Make the actor and call its `init`; what that returned."""
    start, cell.start = cell.start, None
    assert start is not None
    actor = start()
    if not isinstance(actor, Actor):
        raise BadReturn(f"the start factory of {cell.ref.label}", actor, "an otp.Actor")
    if not actor._enter(cell):  # noqa: SLF001  (an actor's private half belongs to the kernel)
        raise BadReturn(
            f"the start factory of {cell.ref.label}",
            actor,
            "a fresh actor for every incarnation, and this one was used before",
        )
    cell.actor = actor
    cell.mailbox.configure(actor.mailbox)
    return actor.init()


async def _begin(cell: Cell, result: Any) -> ExitReason | None:
    """Do what the result of `init` says; the reason if that is all of its life."""
    result = await _value_of(cell, result)
    if result is None:
        cell.initialised = True
        announce_started(cell)
        return None
    if isinstance(result, Ignore):
        cell.ignored = True
        return Normal()
    if isinstance(result, Stop):
        return result.reason
    if not isinstance(result, (Continue, NoReply, Later)):
        raise BadReturn(f"{type(cell.actor).__name__}.init", result, INIT_RESULTS)
    cell.initialised = True
    if isinstance(result, Later):
        return None
    announce_started(cell)
    return await _after(cell, "init", result)


@enable_ki_protection
def announce_started(cell: Cell) -> None:
    """Tell whoever waits that `init` is done; of a zombie nobody hears it any more."""
    if cell.is_over:
        return
    cell.announced = True
    cell.phase = Phase.RUNNING
    runtime = cell.runtime
    if runtime.audience:
        runtime.tell(ProcessStarted(runtime.now(), cell.ref, cell.id, None if cell.parent is None else cell.parent.ref))
    if cell.watchers:
        cell.tell_watchers()
    if cell.parent is not None:
        cell.parent.hear(Started(cell))


async def _value_of(cell: Cell, result: Any) -> Any:
    """What a callback returned, awaited if it has to be."""
    if result is None or not hasattr(result, "__await__"):
        return result
    cell.can_wait()
    return await result


def _system(cell: Cell, entry: Any) -> ExitReason | None:
    if isinstance(entry, StopAsked):
        cell.phase = Phase.STOPPING
        return entry.reason
    if isinstance(entry, Control):
        entry.serve(cell)
        return None
    assert cell.actor is not None
    cell.actor._notice(entry)  # noqa: SLF001  (the kernel's half of the actor)
    return None


async def _other(cell: Cell, entry: Any) -> ExitReason | None:
    """Handle what is neither a call nor a plain cast."""
    actor = cell.actor
    assert actor is not None
    if entry.__class__ is Latest:
        assert cell.mailbox.latest is not None
        cell.mailbox.latest.pop(entry.key, None)
        return await _after(cell, "handle_cast", await _value_of(cell, actor.handle_cast(entry.message)))
    if entry.__class__ is StopAsked:
        reason: ExitReason = entry.reason
        cell.asked = cell.asked or reason
        return reason
    assert entry.__class__ is Signal
    if entry.monitor is not None and not links.is_heard(cell, entry.monitor):
        return None
    return await _after(cell, "handle_info", await _value_of(cell, actor.handle_info(entry.message)))


def defer(cell: Cell, caller: Caller) -> None:
    """Somebody will answer this call later: note that it is owed."""
    if caller.task is not None:
        if cell.deferred is None:
            cell.deferred = set()
        cell.deferred.add(caller)


async def _after_call(cell: Cell, caller: Caller, result: Any) -> ExitReason | None:
    """Do what the result of `handle_call` says that is no reply, now or later."""
    if not isinstance(result, Stop):
        raise BadReturn(f"{type(cell.actor).__name__}.handle_call", result, CALL_RESULTS)
    if result.reply is not UNSET:
        cell.last_reply = (caller, result.reply)
    return await _after(cell, "handle_call", result)


async def _after(cell: Cell, where: str, result: Any) -> ExitReason | None:
    """Do what a result says: take over the state, run what it continues with, set the idle timer, stop."""
    while result is not None:
        if cell.probe is not None:
            _trace_result(cell, result)
        if isinstance(result, Continue):
            where, result = "handle_continue", await _continue(cell, result)
            continue
        if not isinstance(result, (Reply, NoReply, Stop)) or (where != "handle_call" and isinstance(result, Reply)):
            raise BadReturn(f"{type(cell.actor).__name__}.{where}", result, MESSAGE_RESULTS)
        if result.state is not UNSET:
            assert cell.actor is not None
            cell.actor.state = result.state
        if isinstance(result, Stop):
            return result.reason
        if result.timeout is not None:
            _arm_idle(cell, result.timeout)
        result = result.then
    return None


def _trace_result(cell: Cell, result: Any) -> None:
    if isinstance(result, Continue):
        cell.probe.saw("continue", f"continue with {type(result.arg).__name__}", result.arg)
    elif isinstance(result, NoReply):
        cell.probe.saw("noreply", "no reply", None)


async def _continue(cell: Cell, result: Continue) -> Any:
    assert cell.actor is not None
    return await _value_of(cell, cell.actor.handle_continue(result.arg))


def _arm_idle(cell: Cell, timeout: float) -> None:
    if not is_seconds(timeout):
        raise BadReturn(
            f"{type(cell.actor).__name__} asked for an idle timeout and", timeout, "seconds of at least 0, or None"
        )

    def quiet() -> None:
        if not cell.mailbox.queue and cell.initialised and not cell.is_over:
            cell.mailbox.put_signal(Signal(Idle()))

    cell.idle = cell.runtime.timers.after(timeout, quiet)
    cell.alert = True
