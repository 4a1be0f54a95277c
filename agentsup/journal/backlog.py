"""What is handed over and not yet durable, in order. No I/O and no waiting here."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import attrs

from agentsup.ids import Cursor
from agentsup.journal.base import Committed, SessionKey
from agentsup.journal.entries import Entries
from agentsup.journal.rows import Body, Place, Values
from agentsup.talk.content import hidden
from agentsup.talk.events import Entry

if TYPE_CHECKING:
    from agentsup.journal.ledger import Ledger


@attrs.define(eq=False)
class Append:
    """Entries to keep."""

    key: SessionKey
    entries: Entries
    last: Cursor
    rows: Values = attrs.field(repr=hidden)
    blobs: Sequence[Place]
    committed: Committed


@attrs.define(eq=False)
class Snapshot:
    """A state to keep; `body` is None when a later one has taken its place while it waited."""

    key: SessionKey
    cursor: Cursor
    body: Body | None


@attrs.define(eq=False)
class Job:
    """Anything else to be done to the store, for somebody who waits for it."""

    work: Callable[[Ledger], Any]
    settled: Callable[[], None]
    """Called when `value` or `error` is there."""

    value: Any = None
    error: Exception | None = None


Item: TypeAlias = Append | Snapshot | Job


@attrs.define(eq=False)
class Batch:
    """What goes into one transaction, and what became of it; a thread says so before it ends, whoever waits for it or not."""

    items: list[Item]
    rows: int
    """How many records it has."""

    done: bool = False
    error: BaseException | None = None


class Backlog:
    """A queue of items, whose front is the batch that is being written."""

    def __init__(self) -> None:
        self.batch: Batch | None = None
        """What is in flight; it stays until it is settled, over failures and over crashes of the writer."""
        self.rows = 0
        """Records waiting or in flight."""
        self.high_water = 0
        self._waiting: deque[Item] = deque()
        self._snapshots: dict[SessionKey, Snapshot] = {}

    def __bool__(self) -> bool:
        return self.batch is not None or bool(self._waiting)

    def append(self, item: Append) -> None:
        """Take entries."""
        self._waiting.append(item)
        self.rows += len(item.entries.bodies)
        if self.rows > self.high_water:
            self.high_water = self.rows

    def snapshot(self, item: Snapshot) -> bool:
        """Take a snapshot, unless a later one waits; an earlier one that waits is let go."""
        waiting = self._snapshots.get(item.key)
        if waiting is not None:
            if waiting.cursor > item.cursor:
                return False
            waiting.body = None
        self._snapshots[item.key] = item
        self._waiting.append(item)
        return True

    def put(self, job: Job) -> None:
        """Take a job."""
        self._waiting.append(job)

    def withdraw(self, job: Job) -> bool:
        """Take a job back; False if it is in flight already."""
        try:
            self._waiting.remove(job)
        except ValueError:
            return False
        return True

    def take(self, limit: int) -> Batch:
        """The batch to write next: the one in flight, or about that many records from the front."""
        if self.batch is None and self.rows <= limit:
            self.batch = Batch(list(self._waiting), self.rows)
            self._waiting.clear()
            self._snapshots.clear()
        elif self.batch is None:
            items: list[Item] = []
            rows = 0
            while self._waiting and rows < limit:
                item = self._waiting.popleft()
                if isinstance(item, Snapshot) and self._snapshots.get(item.key) is item:
                    del self._snapshots[item.key]
                elif isinstance(item, Append):
                    rows += len(item.entries.bodies)
                items.append(item)
            self.batch = Batch(items, rows)
        return self.batch

    def settle(self) -> Batch:
        """The batch in flight is durable."""
        batch, self.batch = self.batch, None
        assert batch is not None
        self.rows -= batch.rows
        return batch

    def jobs_out(self) -> list[Job]:
        """Every job, taken out: in trouble nobody is kept waiting."""
        jobs = [item for item in self._items() if isinstance(item, Job)]
        if self.batch is not None:
            self.batch.items = [item for item in self.batch.items if not isinstance(item, Job)]
        self._waiting = deque(item for item in self._waiting if not isinstance(item, Job))
        return jobs

    def entries(self, key: SessionKey) -> list[Entry]:
        """A session's entries that are not yet known to be durable, in order."""
        return [
            entry for item in self._items() if isinstance(item, Append) and item.key == key for entry in item.entries
        ]

    def newest(self) -> dict[SessionKey, Entry]:
        """Of each session that has any of these, the last one."""
        return {item.key: item.entries.newest for item in self._items() if isinstance(item, Append)}

    def _items(self) -> Iterator[Item]:
        if self.batch is not None:
            yield from self.batch.items
        yield from self._waiting
