"""Looking into a running actor, and stopping it for a moment: OTP's `sys` (rules Y1 to Y3).

Every request here goes through the system lane: it is served before any message that waits, also while the actor is suspended, and after the
callback that is running. Timeouts are seconds, 5 by default.
"""

from __future__ import annotations

import contextlib
from collections import deque
from typing import TYPE_CHECKING, Any, Literal

import attrs

from agentsup.errors import SpecError
from agentsup.otp import reports
from agentsup.otp.channel import Channel
from agentsup.otp.control import Control, ask_system
from agentsup.otp.errors import CallbackFailed
from agentsup.otp.probe import Probe, Statistics, TraceEvent

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from agentsup.otp.cell import Cell
    from agentsup.otp.refs import Dest, Ref


@attrs.frozen
class Status:
    """What `get_status` tells."""

    ref: Ref
    state: Literal["running", "suspended"]
    parent: Ref | None
    debug: tuple[str, ...]
    """Which switches are on: statistics, log, watchers."""

    formatted: object
    """The actor's state as its `format_status` shows it; by default its type's name."""


async def get_state(dest: Dest, timeout: float | None = 5.0) -> Any:
    """The actor's state itself, also while it is suspended. For debugging: what you change in it, you change in the actor.

    Raises:
        NoProc: and the other errors of `call`.
    """
    return await ask_system(dest, Control("get_state", lambda cell: _state(cell)), timeout)


async def replace_state(dest: Dest, replace: Callable[[Any], Any], timeout: float | None = 5.0) -> Any:
    """Set the actor's state to `replace(state)`, which runs in the actor's task; the new state.

    Raises:
        CallbackFailed: `replace` raised, and the state is as it was; the exception is the cause.
        NoProc: and the other errors of `call`.
    """

    def perform(cell: Cell) -> Any:
        assert cell.actor is not None
        cell.actor.state = replace(cell.actor.state)
        return cell.actor.state

    return await ask_system(dest, Control("replace_state", perform), timeout)


async def get_status(dest: Dest, timeout: float | None = 5.0) -> Status:
    """What the actor is doing, fit to be shown: its state goes through `format_status`.

    Raises:
        NoProc: and the other errors of `call`.
    """
    status: Status = await ask_system(dest, Control("get_status", _status), timeout)
    return status


async def suspend(dest: Dest, timeout: float | None = 5.0) -> None:
    """Let the actor handle no messages until `resume`; they queue up, calls to it time out, requests of this page and stops are served. Twice is once.

    Raises:
        NoProc: and the other errors of `call`.
    """
    await ask_system(dest, Control("suspend", lambda cell: setattr(cell, "suspended", True)), timeout)


async def resume(dest: Dest, timeout: float | None = 5.0) -> None:
    """Let the actor go on.

    Raises:
        NoProc: and the other errors of `call`.
    """
    await ask_system(dest, Control("resume", lambda cell: setattr(cell, "suspended", False)), timeout)


async def start_statistics(dest: Dest, timeout: float | None = 5.0) -> None:
    """Begin to count, from zero: messages, the time they take, and how old the oldest that waits is; `statistics` and the snapshot show it.

    It costs about half a microsecond per message, of this actor only.

    Raises:
        NoProc: and the other errors of `call`.
    """

    def perform(cell: Cell) -> None:
        _probe(cell).start_counting()

    await ask_system(dest, Control("start_statistics", perform), timeout)


async def stop_statistics(dest: Dest, timeout: float | None = 5.0) -> None:
    """Count no more.

    Raises:
        NoProc: and the other errors of `call`.
    """

    def perform(cell: Cell) -> None:
        _probe(cell).stop_counting()
        _tidy(cell)

    await ask_system(dest, Control("stop_statistics", perform), timeout)


async def statistics(dest: Dest, timeout: float | None = 5.0) -> Statistics | None:
    """What was counted; None if nothing is.

    Raises:
        NoProc: and the other errors of `call`.
    """
    found: Statistics | None = await ask_system(
        dest, Control("statistics", lambda cell: cell.probe and cell.probe.statistics()), timeout
    )
    return found


async def start_log(dest: Dest, size: int = 10, timeout: float | None = 5.0) -> None:
    """Keep the last `size` events (at least 1); what was kept so far is forgotten.

    Raises:
        SpecError: the size is no count.
        NoProc: and the other errors of `call`.
    """
    if not isinstance(size, int) or size < 1:
        raise SpecError.of("size", f"{size!r} keeps nothing; a whole number of at least 1")
    await ask_system(
        dest, Control("start_log", lambda cell: setattr(_probe(cell), "ring", deque(maxlen=size))), timeout
    )


async def stop_log(dest: Dest, timeout: float | None = 5.0) -> None:
    """Keep no events.

    Raises:
        NoProc: and the other errors of `call`.
    """

    def perform(cell: Cell) -> None:
        _probe(cell).ring = None
        _tidy(cell)

    await ask_system(dest, Control("stop_log", perform), timeout)


async def get_log(dest: Dest, timeout: float | None = 5.0) -> list[TraceEvent]:
    """The events that were kept, oldest first; none if nothing is kept.

    Raises:
        NoProc: and the other errors of `call`.
    """
    found: list[TraceEvent] = await ask_system(
        dest, Control("get_log", lambda cell: list((cell.probe and cell.probe.ring) or ())), timeout
    )
    return found


async def install(dest: Dest, watcher: Callable[[TraceEvent], object], timeout: float | None = 5.0) -> None:
    """Have `watcher(event)` called for everything the actor does, in the actor's task; the same one twice is once. If it raises it is removed.

    Raises:
        NoProc: and the other errors of `call`.
    """

    def perform(cell: Cell) -> None:
        probe = _probe(cell)
        if watcher not in probe.watchers:
            probe.watchers.append(watcher)

    await ask_system(dest, Control("install", perform), timeout)


async def remove(dest: Dest, watcher: Callable[[TraceEvent], object], timeout: float | None = 5.0) -> None:
    """Take a watcher away.

    Raises:
        NoProc: and the other errors of `call`.
    """

    def perform(cell: Cell) -> None:
        probe = _probe(cell)
        if watcher in probe.watchers:
            probe.watchers.remove(watcher)
        _tidy(cell)

    await ask_system(dest, Control("remove", perform), timeout)


@contextlib.asynccontextmanager
async def trace(dest: Dest, buffer: int = 256, timeout: float | None = 5.0) -> AsyncIterator[Channel[TraceEvent]]:
    """Watch everything an actor does, as a stream: `async with otp.sys.trace(ref) as events: async for event in events`.

    The stream ends with the block, or with the actor. A consumer more than `buffer` events behind loses the oldest and can see how many.

    Raises:
        SpecError: the buffer is no count.
        NoProc: and the other errors of `call`.
    """
    async with Channel[TraceEvent](buffer) as events:
        cell: Cell = await ask_system(dest, Control("trace", lambda cell: cell), timeout)
        await install(cell.ref, events.offer, timeout)
        ended = _closer(events)
        cell.watch(ended)
        try:
            yield events
        finally:
            cell.unwatch(ended)
            if cell.probe is not None and events.offer in cell.probe.watchers:
                cell.probe.watchers.remove(events.offer)
                _tidy(cell)


def _closer(events: Channel[TraceEvent]) -> Callable[[Cell], None]:
    def look(cell: Cell) -> None:
        if cell.is_over:
            events.close()

    return look


async def start_trace(dest: Dest, timeout: float | None = 5.0) -> None:
    """Log everything the actor does, at info level, by types.

    Raises:
        NoProc: and the other errors of `call`.
    """
    await install(dest, reports.traced, timeout)


async def stop_trace(dest: Dest, timeout: float | None = 5.0) -> None:
    """Log it no more.

    Raises:
        NoProc: and the other errors of `call`.
    """
    await remove(dest, reports.traced, timeout)


async def no_debug(dest: Dest, timeout: float | None = 5.0) -> None:
    """Switch everything off.

    Raises:
        NoProc: and the other errors of `call`.
    """

    def perform(cell: Cell) -> None:
        if cell.probe is not None:
            cell.probe.stop_counting()
        cell.probe = None
        cell.look_up()

    await ask_system(dest, Control("no_debug", perform), timeout)


def _state(cell: Cell) -> Any:
    return None if cell.actor is None else cell.actor.state


def _status(cell: Cell) -> Status:
    probe = cell.probe
    switches = (
        ()
        if probe is None
        else (
            ("statistics", probe.counting_since is not None),
            ("log", probe.ring is not None),
            ("watchers", probe.watchers),
        )
    )
    return Status(
        ref=cell.ref,
        state="suspended" if cell.suspended else "running",
        parent=None if cell.parent is None else cell.parent.ref,
        debug=tuple(name for name, on in switches if on),
        formatted=reports.format_state(cell),
    )


def _probe(cell: Cell) -> Probe:
    if cell.probe is None:
        cell.probe = Probe(cell)
        cell.look_up()
    probe: Probe = cell.probe
    return probe


def _tidy(cell: Cell) -> None:
    if cell.probe is not None and not cell.probe.is_needed:
        cell.probe = None
        cell.look_up()


__all__ = [
    "CallbackFailed",
    "Statistics",
    "Status",
    "TraceEvent",
    "get_log",
    "get_state",
    "get_status",
    "install",
    "no_debug",
    "remove",
    "replace_state",
    "resume",
    "start_log",
    "start_statistics",
    "start_trace",
    "statistics",
    "stop_log",
    "stop_statistics",
    "stop_trace",
    "suspend",
    "trace",
]
