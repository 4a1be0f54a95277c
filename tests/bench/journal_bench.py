"""The journal in SQLite: durable appends over many sessions against one thread hop per append, and what a long session costs to open."""

from __future__ import annotations

import functools
import gc
import itertools
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import trio

from agentsup.ids import Cursor, SessionId
from agentsup.journal.base import Journal, SessionKey
from agentsup.journal.entries import Entries
from agentsup.journal.file import Synchronous
from agentsup.journal.ledger import Ledger
from agentsup.journal.rows import Values, rows_of
from agentsup.journal.sqlite import SQLiteJournal
from agentsup.loop.fold import initial
from agentsup.loop.rules import Rules
from agentsup.talk import events as ev
from tests.bench import rows as report

SESSIONS = 1000
APPENDS = 20
"""Of each session."""

HOPS = 2000
"""Appends of the other side, which is slower."""

BEHIND = 500
"""Records that each session of a large store has already."""

ROUNDS = 5
LONG = 100_000


def said(cursor: int, session: int = 0) -> ev.Said:
    """A record of about 300 bytes, as a provider's message makes it."""
    name = f"sevt_{session:05d}{cursor:011d}"
    text = "x" * 60
    raw = (
        f'{{"type":"agent.message","id":"{name}","content":[{{"type":"text","text":"{text}"}}],'
        '"processed_at":"2026-11-25T16:00:00Z"}'
    )
    return ev.Said(id=name, raw=raw, text=text)


@contextmanager
def folder() -> Iterator[Path]:
    """A folder on this disk."""
    path = Path(tempfile.mkdtemp(prefix="journal-bench-"))
    try:
        yield path
    finally:
        shutil.rmtree(path)


async def with_journal(synchronous: Synchronous, work: Callable[[Journal, Path], Any]) -> Any:
    """A journal with its writer at work."""
    with folder() as path:
        journal = SQLiteJournal(path / "store.db", synchronous=synchronous)
        await journal.open()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(journal.run_writer)
            found = await work(journal, path)
            nursery.cancel_scope.cancel()
        await journal.aclose()
        return found


async def register(journal: Journal, count: int) -> list[SessionKey]:
    """That many sessions."""
    keys: list[SessionKey] = []

    async def one(number: int) -> None:
        name = SessionId(f"session-{number}")
        keys.append((await journal.register(name, provider="bench", metadata={}, at=0.0)).key)

    async with trio.open_nursery() as nursery:
        for number in range(count):
            nursery.start_soon(one, number)
    return keys


class Session:
    """Appends a record, waits until it is durable, appends the next: as a session does."""

    def __init__(self, journal: Journal, key: SessionKey, appends: int, *, behind: int = 0) -> None:
        self._journal = journal
        self._key = key
        cursors = range(behind + 1, behind + appends + 1)
        self._entries = [Entries(Cursor(cursor), 1e9, (said(cursor, key),)) for cursor in cursors]
        self._task: Any = None

    async def live(self, latencies: list[float]) -> None:
        self._task = trio.lowlevel.current_task()
        for entries in self._entries:
            began = time.perf_counter()
            self._journal.append(self._key, entries, committed=self._told)
            await trio.lowlevel.wait_task_rescheduled(lambda _: trio.lowlevel.Abort.SUCCEEDED)
            latencies.append(time.perf_counter() - began)

    def _told(self, _: Cursor) -> None:
        trio.lowlevel.reschedule(self._task)


async def grouped(synchronous: Synchronous, sessions: int, *, behind: int = 0) -> tuple[float, list[float]]:
    """Appends a second by the journal, and how long each took; with so many records of every session behind them."""

    async def work(journal: Journal, _: Path) -> tuple[float, list[float]]:
        keys = await register(journal, sessions)
        for cursor in range(1, behind + 1):
            for key in keys:
                journal.append(key, Entries(Cursor(cursor), 1e9, (said(cursor, key),)), committed=lambda _: None)
            await journal.flush()
        lives = [Session(journal, key, APPENDS, behind=behind) for key in keys]
        latencies: list[float] = []
        gc.collect()
        gc.freeze()  # what the benchmark itself holds is not looked through at every turn
        began = time.perf_counter()
        async with trio.open_nursery() as nursery:
            for session in lives:
                nursery.start_soon(session.live, latencies)
        return sessions * APPENDS / (time.perf_counter() - began), latencies

    found: tuple[float, list[float]] = await with_journal(synchronous, work)
    return found


async def hop_each(synchronous: Synchronous) -> float:
    """Appends a second when each one is a transaction of its own in a thread: the same records in the same tables."""
    with folder() as path:
        ledger, _ = Ledger.open(path / "store.db", synchronous)
        keys = [SessionKey(number) for number in range(1, SESSIONS + 1)]
        cursors = range(1, HOPS // SESSIONS + 1)
        entries = [(key, Entries(Cursor(cursor), 1e9, (said(cursor, key),))) for cursor in cursors for key in keys]
        limiter = trio.CapacityLimiter(1)
        gc.collect()
        gc.freeze()

        def keep(rows: Values) -> None:
            with ledger.transaction():
                ledger.append(rows)

        begin = time.perf_counter()
        for key, each in entries:
            await trio.to_thread.run_sync(keep, rows_of(key, each)[0], limiter=limiter)
        rate = HOPS / (time.perf_counter() - begin)
        ledger.close()
        return rate


def against_hops(synchronous: Synchronous, goal: str) -> Iterator[report.Row]:
    """Goal 17."""
    ratios, rates, p50s, p99s = [], [], [], []
    for _ in range(ROUNDS):
        other = trio.run(hop_each, synchronous)
        rate, latencies = trio.run(grouped, synchronous, SESSIONS)
        cuts = statistics.quantiles(latencies, n=100)
        ratios.append(rate / other)
        rates.append(rate)
        p50s.append(cuts[49])
        p99s.append(cuts[98])
    name = synchronous.upper()
    rate = statistics.median(rates)
    yield row(
        f"{name}: durable appends of {SESSIONS} sessions, against one thread hop each",
        ratios,
        goal,
        f"{rate:,.0f} a second",
    )
    times = f"p50 {1e3 * statistics.median(p50s):.1f} ms"
    worst = statistics.median(p99s)
    yield row(
        f"{name}: p99 from append to committed, against 30 ms",
        [p / 0.030 for p in p99s],
        "at most 1",
        f"p99 {1e3 * worst:.1f} ms, {times}",
    )


def alone(synchronous: Synchronous) -> report.Row:
    """One session by itself: the latency of a single append."""
    ratios, seconds = [], []
    for _ in range(ROUNDS):
        other = 1 / trio.run(hop_each, synchronous)
        latencies: list[float] = []

        async def work(journal: Journal, _: Path, found: list[float] = latencies) -> None:
            (key,) = await register(journal, 1)
            await Session(journal, key, 500).live(found)

        trio.run(with_journal, synchronous, work)
        seconds.append(statistics.median(latencies))
        ratios.append(seconds[-1] / other)
    return row(
        f"{synchronous.upper()}: one append alone, against one thread hop (lower is better)",
        ratios,
        "shown",
        f"p50 {1e6 * statistics.median(seconds):.0f} us",
    )


def large() -> Iterator[report.Row]:
    """Appends to a store that has been written to for long: each session's records are far apart in it by then."""
    ratios, rates = [], []
    for _ in range(3):
        other, _ = trio.run(grouped, "full", SESSIONS)
        rate, _ = trio.run(functools.partial(grouped, "full", SESSIONS, behind=BEHIND))
        ratios.append(rate / other)
        rates.append(rate)
    name = f"FULL: appends to a store of {SESSIONS * BEHIND:,} records, against a new one"
    yield row(name, ratios, "shown", f"{statistics.median(rates):,.0f} a second")


async def long_session(journal: Journal, path: Path) -> tuple[float, float, int, float]:
    """Seconds to load a long session by its snapshot, and to read it all; how many records the first had; bytes per record."""
    (key,) = await register(journal, 1)
    for first in range(1, LONG, 1000):
        bodies = tuple(said(cursor) for cursor in range(first, first + 1000))
        journal.append(key, Entries(Cursor(first), 1e9, bodies), committed=lambda _: None)
        await journal.flush()
    journal.snapshot(key, Cursor(LONG - 20), initial(Rules()))
    await journal.flush()
    began = time.perf_counter()
    loaded = await journal.load(key)
    load = time.perf_counter() - began
    began = time.perf_counter()
    cursor = Cursor(0)
    while page := await journal.read(key, after=cursor, limit=1000):
        cursor = page[-1].cursor
    read = time.perf_counter() - began
    return load, read, len(loaded.entries), await trio.to_thread.run_sync(_size, path) / LONG


def _size(path: Path) -> int:
    return sum(file.stat().st_size for file in path.iterdir() if file.name.endswith((".db", "-wal")))


def opening() -> Iterator[report.Row]:
    """A session with 100,000 records opens without reading them."""
    found = [trio.run(with_journal, "normal", long_session) for _ in range(3)]
    load = statistics.median(seconds for seconds, *_ in found)
    read = statistics.median(seconds for _, seconds, *_ in found)
    _, _, entries, size = found[0]
    detail = f"{1e3 * load:.1f} ms for {entries} records behind the snapshot; all {LONG:,}: {read:.2f} s; {size:.0f} bytes a record"
    yield row(
        f"loading a session of {LONG:,} records, against reading it",
        [f[0] / f[1] for f in found],
        "at most 0.05",
        detail,
    )


def row(name: str, ratios: list[float], goal: str, detail: str) -> report.Row:
    """The rounds as one line."""
    return report.Row(
        name=name, ratio=statistics.median(ratios), low=min(ratios), high=max(ratios), goal=goal, detail=detail
    )


def run() -> Iterator[report.Row]:
    """Every row."""
    modes: list[tuple[Synchronous, str]] = [("normal", "8 / 14"), ("full", "20 / 35")]
    alones = (alone(mode) for mode, _ in modes)
    return itertools.chain(*(against_hops(*mode) for mode in modes), alones, large(), opening())
