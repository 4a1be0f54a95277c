"""Debugging switches of one process: counters, a ring of the last events, and functions that see each event (rule Y2).

A process without a probe pays one look at a flag per message.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Literal

import attrs
import trio

from agentsup.otp import reports
from agentsup.otp.ageing import Ageing
from agentsup.otp.caller import Caller
from agentsup.otp.mailbox import describe_entry

if TYPE_CHECKING:
    from collections.abc import Callable

    from agentsup.otp.cell import Cell
    from agentsup.otp.refs import Ref

TraceKind = Literal["in", "out", "noreply", "continue", "terminate"]


@attrs.frozen
class TraceEvent:
    """One thing a traced process did. The message itself is in `message`, for whoever debugs; the repr tells types only."""

    at: float
    """Seconds on trio's clock."""

    ref: Ref
    kind: TraceKind
    what: str
    message: Any = attrs.field(repr=False)


@attrs.frozen
class Statistics:
    """What a process did since counting began."""

    since: float
    now: float
    messages_in: int
    messages_out: int
    """Replies."""

    reductions: int
    """Messages handled since the process began: Python has no finer measure that costs nothing."""

    busy: float
    """Seconds spent on messages, waiting in their callbacks included."""

    longest: float
    """The most seconds that one message took."""

    oldest_age: float | None
    """Seconds the oldest message has waited in the mailbox; None if none waits."""

    @property
    def average(self) -> float:
        """Seconds per message."""
        return self.busy / self.messages_in if self.messages_in else 0.0


@attrs.define(eq=False)
class Probe:
    """What is switched on for one process."""

    cell: Cell
    counting_since: float | None = None
    messages_in: int = 0
    messages_out: int = 0
    busy: float = 0.0
    longest: float = 0.0
    since: float | None = None
    """When the message that is being handled was begun."""
    ring: deque[TraceEvent] | None = None
    """The last events, as many as were asked for."""
    watchers: list[Callable[[TraceEvent], object]] = attrs.field(factory=list)

    @property
    def is_needed(self) -> bool:
        """Whether anything is on."""
        return self.counting_since is not None or self.ring is not None or bool(self.watchers)

    def start_counting(self) -> None:
        """Count from zero, from now on."""
        now = self.cell.runtime.now
        self.counting_since, self.messages_in, self.messages_out = now(), 0, 0
        self.busy = self.longest = 0.0
        self.since = None
        mailbox = self.cell.mailbox
        mailbox.queue = Ageing(mailbox.queue or (), now)

    def stop_counting(self) -> None:
        """Count no more."""
        if self.counting_since is not None:
            self.counting_since = self.since = None
            mailbox = self.cell.mailbox
            mailbox.queue = None if mailbox.queue is None else deque(mailbox.queue)

    def done(self) -> None:
        """A message was handled, if one was begun."""
        if self.since is not None:
            took = self.cell.runtime.now() - self.since
            self.since = None
            self.busy += took
            self.longest = max(self.longest, took)

    def entry(self, entry: Any) -> None:
        """A message is about to be handled."""
        self.done()
        self.messages_in += 1
        if self.counting_since is not None:
            self.since = self.cell.runtime.now()
        message = (
            entry.request
            if isinstance(entry, Caller)
            else entry[0]
            if isinstance(entry, tuple)
            else getattr(entry, "message", entry)
        )
        self.saw("in", describe_entry(entry) or "", message)

    def reply(self, value: Any) -> None:
        """A call was answered."""
        self.messages_out += 1
        self.saw("out", f"reply of {type(value).__name__}", value)

    def saw(self, kind: TraceKind, what: str, message: Any) -> None:
        """Show an event to the ring and to every watcher; one that raises is removed and reported, as it must not hurt the process.

        A Ctrl-C in one is not swallowed by that: it stops the whole tree in order.
        """
        event = TraceEvent(trio.current_time(), self.cell.ref, kind, what, message)
        if self.ring is not None:
            self.ring.append(event)
        for watcher in list(self.watchers):
            try:
                watcher(event)
            except BaseException as error:  # noqa: BLE001  (a debugging function at a process's border)
                self.watchers.remove(watcher)
                self.cell.runtime.note_fatal(error)
                reports.watcher_failed(self.cell, error)

    def statistics(self) -> Statistics | None:
        """The counters, if they are on."""
        if self.counting_since is None:
            return None
        return Statistics(
            since=self.counting_since,
            now=self.cell.runtime.now(),
            messages_in=self.messages_in,
            messages_out=self.messages_out,
            reductions=self.cell.handled,
            busy=self.busy,
            longest=self.longest,
            oldest_age=oldest_age(self.cell),
        )


def oldest_age(cell: Cell) -> float | None:
    """Seconds the oldest message of a process has waited; None if none does, or nobody counts."""
    queue = cell.mailbox.queue
    return queue.oldest_age if isinstance(queue, Ageing) else None
