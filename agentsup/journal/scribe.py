"""Who writes: takes what is handed over in batches, has a thread commit them, and says so.

Nobody waits for a batch to fill: the first record of a quiet moment is committed at once, and what comes while that is under way makes
the next batch. So latency is one commit when little happens, and throughput that of large commits when much does, without a number to tune.

When the store cannot be written the batch stays where it is and is tried again; who waits for `committed` waits for the disk, and loses
nothing. Damage, and being fenced off, are for good.
"""

from __future__ import annotations

import sqlite3
import statistics
import time
from collections import deque
from collections.abc import Callable, Iterator
from itertools import chain
from typing import TypeVar

import structlog
import trio
from trio.lowlevel import ParkingLot

from agentsup import telemetry
from agentsup.journal.backlog import Append, Backlog, Batch, Item, Job, Snapshot
from agentsup.journal.base import JournalStatistics
from agentsup.journal.errors import StoreError, StoreFailed
from agentsup.journal.faults import is_final, told_of
from agentsup.journal.ledger import Ledger
from agentsup.journal.rows import Values
from agentsup.otp.parking import ParkingSpace

_log = structlog.get_logger("agentsup.journal")

T = TypeVar("T")

BATCH = 1000
"""Records in one commit, at most: beyond that a commit only gets longer, not cheaper per record."""

RETRY, RETRY_CAP = 0.1, 5.0
"""Seconds before the first and, after doubling, before any later attempt to write again."""

REMEMBERED = 255
"""Commits whose duration is remembered, for the median."""


class Scribe:
    """Writes to one ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self.trouble: StoreError | None = None
        """Why nothing can be written at the moment."""
        self.backlog = Backlog()
        self._ledger = ledger
        self._to_tell: Iterator[Item] = iter(())
        self._failed = trio.Event()
        self._work = ParkingLot()
        self._progress = ParkingLot()
        self._handed = self._settled = 0
        self._one_at_a_time = trio.CapacityLimiter(1)
        self._has_writer = False
        self._closed: StoreFailed | None = None
        self._rows = self._commits = self._largest = self._failures = 0
        self._seconds: deque[float] = deque(maxlen=REMEMBERED)

    # --- handing over --------------------------------------------------------------------------------------------------

    def append(self, item: Append) -> None:
        """Take these entries; they are written when their turn comes.

        Raises:
            StoreFailed: the journal is closed.
        """
        if self._closed is not None:
            raise self._closed
        self._handed += 1
        self.backlog.append(item)
        if self._work:
            self._work.unpark()

    def snapshot(self, item: Snapshot) -> None:
        """Take this snapshot, unless a later one waits; it is written when its turn comes.

        Raises:
            StoreFailed: the journal is closed.
        """
        if self._closed is not None:
            raise self._closed
        if self.backlog.snapshot(item):
            self._handed += 1
            self._work.unpark()

    async def do(self, work: Callable[[Ledger], T]) -> T:
        """Have this done to the ledger, behind everything handed over before. Cancelled in time, it is not done; else it is.

        Raises:
            StoreError: the store cannot be written at the moment; it was not done.
            Exception: what the work itself raised; nothing of it was written.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        if self.trouble is not None:
            raise self.trouble
        done = ParkingSpace()
        job = Job(work, settled=done.unpark)
        self.backlog.put(job)
        self._work.unpark()
        await done.park(may_leave=lambda: self.backlog.withdraw(job))
        if job.error is not None:
            raise job.error
        value: T = job.value
        return value

    async def flush(self) -> None:
        """Wait until everything handed over so far is durable.

        Raises:
            StoreError: it never will be.
        """
        target = self._handed
        await trio.lowlevel.checkpoint()
        while self._settled < target:
            if self._failed.is_set():
                assert self.trouble is not None
                raise self.trouble
            await self._progress.park()

    # --- writing -------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Write until cancelled; after a crash of the one before, go on where it was.

        Raises:
            trio.BusyResourceError: another task does this.
        """
        if self._has_writer:
            raise trio.BusyResourceError("another task writes for this journal")
        self._has_writer = True
        try:
            self._tell()
            delay = RETRY
            while not self._failed.is_set():
                if not self.backlog:
                    await self._work.park()
                elif await self._write():
                    delay = RETRY
                else:
                    await trio.sleep(delay)
                    delay = min(2 * delay, RETRY_CAP)
            await trio.sleep_forever()
        finally:
            self._has_writer = False

    async def finish(self) -> int:
        """Write what is left, giving up at the first failure; afterwards nothing is taken. Says how many records are lost."""
        while self.backlog and not self._failed.is_set() and await self._write():
            pass
        self._closed = StoreFailed(f"the store {self._ledger.path} is closed")
        self.fail(self._closed)
        return self.backlog.rows

    async def _write(self) -> bool:
        """One attempt at the batch whose turn it is; whether it is durable now."""
        batch = self.backlog.take(BATCH)
        began = time.perf_counter()
        await trio.to_thread.run_sync(_attempt, self._ledger, batch, limiter=self._one_at_a_time)
        # No checkpoint from here on: what the thread has done is known here before anything can end this task.
        if self.backlog.batch is not batch:
            return True  # somebody else who wrote has seen to it
        match batch.error:
            case None:
                self._settle(time.perf_counter() - began)
                return True
            case StoreError() as error:
                batch.error = None
                self._refuse(error)
                return False
            case error:  # a bug: it ends this writer, and its supervisor decides
                batch.error = None
                raise error

    def _settle(self, seconds: float) -> None:
        """The batch in flight is durable: say so."""
        batch = self.backlog.settle()
        self._commits += 1
        self._rows += batch.rows
        self._largest = max(self._largest, batch.rows)
        self._seconds.append(seconds)
        if telemetry.listening():
            figures = {"duration_s": seconds, "rows": batch.rows, "backlog": self.backlog.rows}
            telemetry.emit(telemetry.JOURNAL_COMMITTED, figures, {"store": str(self._ledger.path)})
        if self.trouble is not None and not self._failed.is_set():
            self.trouble = None
            _log.info("journal.mended", store=str(self._ledger.path), records=batch.rows)
        self._to_tell = chain(self._to_tell, batch.items)
        self._tell()

    def _tell(self) -> None:
        """Each of them once, also if one who is told raises: that ends this writer, and the next one goes on behind it."""
        try:
            for item in self._to_tell:  # an iterator: it stays behind the one who raised
                if isinstance(item, Append):
                    self._settled += 1
                    item.committed(item.last)
                elif isinstance(item, Job):
                    item.settled()
                else:
                    self._settled += 1
        finally:
            self._progress.unpark_all()

    def _refuse(self, error: StoreError) -> None:
        """The batch could not be written: it stays, and nobody who can do something else is kept waiting."""
        self._failures += 1
        if telemetry.listening():
            what = {"store": str(self._ledger.path), "error": type(error).__name__}
            telemetry.emit(telemetry.JOURNAL_FAILED, {"backlog": self.backlog.rows}, what)
        if is_final(error):
            self.fail(error)
        elif self.trouble is None:
            _log.error("journal.trouble", store=str(self._ledger.path), reason=str(error), records=self.backlog.rows)
            self.trouble = error
        else:
            self.trouble = error
        for job in self.backlog.jobs_out():
            job.error = error
            job.settled()

    def fail(self, error: StoreError) -> None:
        """Nothing can be written any more."""
        if self._failed.is_set():
            return
        if is_final(error):
            _log.error("journal.failed", store=str(self._ledger.path), reason=str(error), records=self.backlog.rows)
        self.trouble = error
        self._failed.set()
        self._progress.unpark_all()
        self._work.unpark_all()
        for job in self.backlog.jobs_out():
            job.error = error
            job.settled()

    # --- being looked at -----------------------------------------------------------------------------------------------

    async def wait_failed(self) -> StoreError:
        """Wait for a trouble that is for good."""
        await self._failed.wait()
        assert self.trouble is not None
        return self.trouble

    def statistics(self) -> JournalStatistics:
        """What it has done so far."""
        return JournalStatistics(
            rows=self._rows,
            commits=self._commits,
            largest_batch=self._largest,
            commit_seconds=statistics.median(self._seconds) if self._seconds else 0.0,
            backlog=self.backlog.rows,
            high_water=self.backlog.high_water,
            failures=self._failures,
        )


def _attempt(ledger: Ledger, batch: Batch) -> None:
    """In a thread: write the batch, all of it or nothing, and note down which; whoever asked may be gone by then."""
    if batch.done:
        return
    try:
        with told_of(ledger.path), ledger.transaction():
            _write_all(ledger, batch.items)
    except Exception as exc:  # noqa: BLE001  -- raised again by whoever takes up the batch
        batch.error = exc
    else:
        batch.done = True


def _write_all(ledger: Ledger, items: list[Item]) -> None:
    """All items in order; runs of appends and snapshots together."""
    run: list[Append | Snapshot] = []
    for item in items:
        if isinstance(item, Job):
            _write_run(ledger, run)
            run.clear()
            _do(ledger, item)
        else:
            run.append(item)
    _write_run(ledger, run)


def _write_run(ledger: Ledger, run: list[Append | Snapshot]) -> None:
    rows: Values = []
    for item in run:
        if isinstance(item, Append):
            rows += item.rows
    ledger.append(rows)
    for item in run:
        if isinstance(item, Append):
            for cursor, blob in item.blobs:
                ledger.use(item.key, cursor, blob)
        elif item.body is not None:
            ledger.snapshot(item.key, item.cursor, item.body)


def _do(ledger: Ledger, job: Job) -> None:
    """The job, wholly or not at all. What goes wrong with the store concerns the whole batch; everything else only whoever asked."""
    job.error = None
    try:
        with ledger.savepoint():
            job.value = job.work(ledger)
    except (StoreError, sqlite3.Error, OSError):
        raise
    except Exception as exc:  # noqa: BLE001  -- raised where the work came from; the batch goes on without it
        job.error = exc
