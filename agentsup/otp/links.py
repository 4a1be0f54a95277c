"""Links, monitors and exit signals: who hears of whose end (rules P3 to P6).

All of it is data in the cells of both sides. A signal is delivered in one step, so there is no moment at which one side knows and the other does not.
"""

from __future__ import annotations

import trio
from trio.lowlevel import enable_ki_protection

from agentsup.errors import SpecError
from agentsup.otp.cell import ACTORS, Cell, find
from agentsup.otp.errors import NoProc, NotAnActor
from agentsup.otp.mailbox import Signal
from agentsup.otp.reasons import ExitReason, Gone, Killed, Normal, checked
from agentsup.otp.refs import Ref
from agentsup.otp.results import Down, Exit, Monitor


@enable_ki_protection
def watch(cell: Cell, ref: Ref) -> Monitor:
    """Have `cell` hear of the end of `ref` as a `Down`, exactly once."""
    target = _find(ref)
    monitor = Monitor(ref)
    if cell.monitoring is None:
        cell.monitoring = {}
    if target is None:
        cell.monitoring[monitor] = cell
        cell.mailbox.put_signal(Signal(Down(ref, monitor, Gone()), monitor))
        return monitor
    cell.monitoring[monitor] = target
    if target.monitors is None:
        target.monitors = {}
    target.monitors[monitor] = cell
    return monitor


def unwatch(cell: Cell, monitor: Monitor) -> None:
    """End a watch; its `Down` is not heard any more, even if it waits in the mailbox already."""
    target = (cell.monitoring or {}).pop(monitor, None)
    if target is not None and target.monitors:
        target.monitors.pop(monitor, None)


def is_heard(cell: Cell, monitor: Monitor) -> bool:
    """Whether the `Down` of a watch is still wanted, now that its turn has come; it is the last thing of the watch."""
    return cell.monitoring is not None and cell.monitoring.pop(monitor, None) is not None


def join(one: Cell, other: Cell) -> None:
    """Link two processes; at most one link per pair, and none with oneself (rule P4)."""
    if one is other:
        return
    for here, there in ((one, other), (other, one)):
        if here.links is None:
            here.links = set()
        here.links.add(there)


def part(one: Cell, other: Cell) -> None:
    """Take the link between two processes away."""
    for here, there in ((one, other), (other, one)):
        if here.links:
            here.links.discard(there)


@enable_ki_protection
def signal(target: Cell, reason: ExitReason, sender: Ref | None) -> None:
    """Deliver an exit signal that came through a link, or an explicit one that is no kill (rule P3).

    A process that does not trap is interrupted in its callback and ends with the same reason through `terminate`; OTP would skip `terminate`
    there, we run it on everything but a kill.
    """
    if target.trapping:
        target.mailbox.put_signal(Signal(Exit(sender, reason)))
    elif not isinstance(reason, Normal) or sender == target.ref:
        target.interrupt(reason)


def send_exit(ref: Ref, reason: ExitReason) -> None:
    """Send the exit signal `reason` to a process; nothing happens if it is dead (rules P3 and P7).

    `Killed()` cannot be trapped and runs no `terminate`. `Normal()` is ignored by processes that do not trap exits, unless they send it to
    themselves. Everything else ends a process that does not trap, and arrives in `handle_info` as `Exit` at one that does.

    Raises:
        SpecError: the address is no Ref, or the reason none.
    """
    target = _find(ref)
    checked(reason)
    if target is None:
        return
    if isinstance(reason, Killed):
        target.runtime.reaper.kill(target)
        return
    sender = ACTORS.get(trio.lowlevel.current_task())
    signal(target, reason, None if sender is None else sender.ref)


@enable_ki_protection
def dissolve(cell: Cell, reason: ExitReason) -> None:
    """Tell everybody who is linked to or watches a process that it ended, and forget whom it watched."""
    if cell.links:
        for other in cell.links:
            if other.links:
                other.links.discard(cell)
            signal(other, reason, cell.ref)
    if cell.monitors:
        for monitor, watcher in cell.monitors.items():
            if not watcher.is_over:
                watcher.mailbox.put_signal(Signal(Down(cell.ref, monitor, reason), monitor))
    if cell.monitoring:
        for monitor, target in cell.monitoring.items():
            if target.monitors:
                target.monitors.pop(monitor, None)
    cell.links = cell.monitors = cell.monitoring = None


def _find(ref: Ref) -> Cell | None:
    if isinstance(ref, Ref):
        return find(ref)
    raise SpecError.of("ref", f"a {type(ref).__name__} is no Ref; of a name, ask its registry: whereis(key)")


def here(what: str) -> Cell:
    """The actor in whose own task this runs.

    Raises:
        NotAnActor: there is none.
    """
    cell = ACTORS.get(trio.lowlevel.current_task())
    if cell is None:
        raise NotAnActor(f"{what} is for actors, in their own callbacks; from a plain task, use wait_down")
    return cell


def link_to(cell: Cell, ref: Ref) -> None:
    """Link `cell` with whoever lives at `ref`.

    Raises:
        NoProc: nobody does, and the caller does not trap exits; one that does is sent an `Exit` with the reason `Gone()` instead.
    """
    target = _find(ref)
    if target is not None:
        join(cell, target)
    elif cell.trapping:
        cell.mailbox.put_signal(Signal(Exit(ref, Gone())))
    else:
        raise NoProc(ref, None)


def link(ref: Ref) -> None:
    """Link the calling actor with `ref`: whichever ends first sends the other its exit reason as a signal (rules P3, P4).

    At most one link per pair; linking again changes nothing.

    Raises:
        NotAnActor: called outside an actor's own task.
        NoProc: `ref` is dead and the caller does not trap exits; one that does finds an `Exit` with the reason `Gone()` in its mailbox.
    """
    link_to(here("link"), ref)


def unlink(ref: Ref) -> None:
    """Take the link between the calling actor and `ref` away, if there is one; its end is not heard afterwards.

    Raises:
        NotAnActor: called outside an actor's own task.
    """
    part_from(here("unlink"), ref)


def part_from(cell: Cell, ref: Ref) -> None:
    """Take the link between `cell` and whoever lives at `ref` away."""
    target = find(ref)
    if target is not None:
        part(cell, target)


def monitor(ref: Ref) -> Monitor:
    """Watch `ref` from inside an actor: a `Down` arrives in its `handle_info`, exactly once, after the names of the dead are free (rules P5, P6).

    Watching twice is heard twice. A `ref` that is dead already is heard at once, with the reason `Gone()`.

    Raises:
        NotAnActor: called outside an actor's own task.
    """
    return watch(here("monitor"), ref)


def demonitor(watch_on: Monitor) -> None:
    """End a watch of the calling actor; afterwards its `Down` is never seen, even if the process ended just before.

    Raises:
        NotAnActor: called outside an actor's own task.
    """
    unwatch(here("demonitor"), watch_on)


async def wait_down(ref: Ref) -> ExitReason:
    """Wait, from any task, until the process at `ref` has ended; its reason, or `Gone()` if it was dead before."""
    target = _find(ref)
    await trio.lowlevel.checkpoint()
    return Gone() if target is None else await target.ended()
