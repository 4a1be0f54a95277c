"""A whole tree as plain data, for observers: what runs, in which state, how full, how often restarted, waiting for whom."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from agentsup.otp import reports
from agentsup.otp.cell import Cell, Phase, find
from agentsup.otp.child import Child, State
from agentsup.otp.entries import held_by
from agentsup.otp.mailbox import MailboxStatistics, describe_entry
from agentsup.otp.overseer import Overseer

if TYPE_CHECKING:
    from agentsup.otp.refs import Ref
    from agentsup.otp.runtime import Runtime


@attrs.frozen
class ProcessSnapshot:
    """One process, or one child that has none at the moment (then `ref` is None). All of it is strings and numbers, except children and mailbox."""

    ref: str | None
    id: str
    path: str
    """The ids from the root to here, joined by slashes."""

    names: tuple[str, ...]
    actor: str
    """The class."""

    type: str
    """`worker` or `supervisor`."""

    state: str
    """`starting running suspended stopping closing zombie`, and without a process `restarting stopped`."""

    incarnation: int
    """1 for the first; 0 for one that never ran."""

    running_since: float | None
    """On trio's clock, in seconds."""

    last_exit: str | None
    next_restart_at: float | None
    """On trio's clock, while it waits for its delay."""

    restarts_in_period: int | None
    """Of a supervisor: attempts that count against its limit."""

    intensity: float | None
    period: float | None
    mailbox: MailboxStatistics | None
    handled: int
    skipped: int
    late_replies: int
    current_message: str | None
    """What it is doing, as kind and type; None when it waits."""

    current_since: float | None
    """When it began to, on trio's clock; this and the next three only while `otp.sys.start_statistics` is on for it."""

    average_time: float | None
    """Seconds per message handled, waiting in the callback included."""

    longest_time: float | None
    oldest_age: float | None
    """Seconds the oldest message has waited in the mailbox; None if none waits."""

    deferred_calls: int
    """Calls it owes an answer to."""

    waiting_on: str | None
    """The process whose reply it waits for."""

    links: tuple[str, ...]
    monitors: int
    """How often it watches somebody."""

    monitored_by: int
    spawned: int
    children: tuple[ProcessSnapshot, ...]

    def to_data(self) -> dict[str, Any]:
        """The same as dictionaries, tuples, strings and numbers, fit for JSON."""
        data: dict[str, Any] = attrs.asdict(self)
        return data

    def walk(self) -> list[ProcessSnapshot]:
        """This one and everything under it, parents first."""
        return [self, *(below for child in self.children for below in child.walk())]


@attrs.frozen
class RuntimeSnapshot:
    """A whole runtime."""

    at: float
    """When it was taken, on trio's clock."""

    processes: int
    zombies: tuple[str, ...]
    names: int
    timers: int
    root: ProcessSnapshot

    def to_data(self) -> dict[str, Any]:
        """The same, fit for JSON."""
        data: dict[str, Any] = attrs.asdict(self)
        return data


def of_cell(cell: Cell, above: str) -> ProcessSnapshot:
    """A process and everything under it."""
    child = cell.record if isinstance(cell.record, Child) else None
    path = f"{above}/{cell.ref.label}"
    actor = cell.actor
    overseer = actor if isinstance(actor, Overseer) else None
    window = None if overseer is None else overseer.pace.window
    counted = None if cell.probe is None else cell.probe.statistics()
    return ProcessSnapshot(
        ref=str(cell.ref),
        id=cell.ref.label,
        path=path,
        names=tuple(str(held.key) for held in held_by(cell)),
        actor=type(actor).__name__,
        type="worker" if overseer is None else "supervisor",
        state="suspended" if cell.suspended and cell.phase is Phase.RUNNING else cell.phase.value,
        incarnation=1 if child is None else child.incarnation,
        running_since=None if child is None or not cell.announced else child.running_since,
        last_exit=None if child is None or child.last_exit is None else repr(child.last_exit),
        next_restart_at=None,
        restarts_in_period=None if window is None else window.count(cell.runtime.now()),
        intensity=None if window is None else window.intensity,
        period=None if window is None else window.period,
        mailbox=cell.mailbox.statistics(),
        handled=cell.handled,
        skipped=cell.skipped,
        late_replies=cell.late_replies,
        current_message=describe_entry(cell.current),
        current_since=None if cell.probe is None else cell.probe.since,
        average_time=None if counted is None else counted.average,
        longest_time=None if counted is None else counted.longest,
        oldest_age=None if counted is None else counted.oldest_age,
        deferred_calls=len(cell.deferred or ()),
        waiting_on=None if cell.waiting_on is None else str(cell.waiting_on.ref),
        links=tuple(sorted(str(other.ref) for other in cell.links or ())),
        monitors=len(cell.monitoring or ()),
        monitored_by=len(cell.monitors or ()),
        spawned=len(cell.spawned or ()),
        children=() if overseer is None else tuple(_of_child(each, path) for each in overseer.roster()),
    )


def _of_child(child: Child, above: str) -> ProcessSnapshot:
    """A child: its process, or the gap where one was or will be."""
    if child.is_alive and child.cell is not None:
        return of_cell(child.cell, above)
    id = str(child.spec.id)
    return ProcessSnapshot(
        ref=None,
        id=id,
        path=f"{above}/{id}",
        names=(),
        actor=getattr(child.spec.start, "__qualname__", "?"),
        type=child.spec.type,
        state=child.state.value,
        incarnation=child.incarnation,
        running_since=None,
        last_exit=None if child.last_exit is None else repr(child.last_exit),
        next_restart_at=child.retry.deadline if child.state is State.RESTARTING and child.retry is not None else None,
        restarts_in_period=None,
        intensity=None,
        period=None,
        mailbox=None,
        handled=0,
        skipped=0,
        late_replies=0,
        current_message=None,
        current_since=None,
        average_time=None,
        longest_time=None,
        oldest_age=None,
        deferred_calls=0,
        waiting_on=None,
        links=(),
        monitors=0,
        monitored_by=0,
        spawned=0,
        children=(),
    )


def take(runtime: Runtime, root: Cell) -> RuntimeSnapshot:
    """A look at a whole runtime, now; costs a step per process and changes nothing."""
    return RuntimeSnapshot(
        at=runtime.now(),
        processes=len(runtime.cells),
        zombies=tuple(sorted(repr(zombie) for zombie in runtime.zombies)),
        names=len(runtime.names),
        timers=len(runtime.timers),
        root=of_cell(root, ""),
    )


def task_stack(ref: Ref) -> list[str]:
    """Where a process is in its code just now, outermost frame first: `file:line in function`; empty if it is dead."""
    cell = find(ref)
    return [] if cell is None or cell.task is None else reports.stack(cell.task)
