"""The journal in this process's memory: everything is durable at once, and gone with the process."""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import AsyncIterator, Collection, Mapping
from typing import Any

import attrs
import trio

from agentsup.errors import SpecError
from agentsup.ids import Cursor, SessionId
from agentsup.journal import lines
from agentsup.journal.base import Committed, JournalStatistics, Loaded, SessionKey, Stored, no_such_session
from agentsup.journal.checks import check_names, check_order, check_snapshot
from agentsup.journal.entries import Entries
from agentsup.journal.errors import StoreError
from agentsup.journal.records import Records
from agentsup.loop.state import State
from agentsup.talk.events import Entry, Heard, Kept, RequestEnded, RequestStarted, SessionEnded

ENDED_KEPT = 256
"""Sessions that have ended and can still be read; a service that lives for months must not keep all it ever had."""


class MemoryJournal:
    """A `Journal` that lives as long as somebody holds it. Of the sessions that have ended it keeps the newest only."""

    def __init__(self, *, ended_kept: int = ENDED_KEPT) -> None:
        self._keys = itertools.count(1)
        self._books: dict[SessionKey, _Book] = {}
        self._under: dict[SessionId, list[SessionKey]] = {}
        """Per id, its generations, oldest first."""
        self._ended: OrderedDict[SessionKey, None] = OrderedDict()
        self._ended_kept = ended_kept
        self._rows = self._appends = self._largest = 0

    def __repr__(self) -> str:
        return f"<MemoryJournal with {len(self._books)} sessions, {self._rows} records>"

    # --- its life ------------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """There is nothing to take."""
        await trio.lowlevel.checkpoint()

    async def run_writer(self) -> None:
        """There is nothing to write; waits until cancelled."""
        await trio.sleep_forever()

    async def flush(self) -> None:
        """Everything is as durable as it will be."""
        await trio.lowlevel.checkpoint()

    async def aclose(self) -> None:
        """There is nothing to give back; what was kept can still be read."""
        await trio.lowlevel.checkpoint()

    @property
    def trouble(self) -> StoreError | None:
        """None, always."""
        return None

    async def wait_failed(self) -> StoreError:
        """Waits until cancelled."""
        await trio.sleep_forever()

    @property
    def backlog(self) -> int:
        """0, always."""
        return 0

    def statistics(self) -> JournalStatistics:
        """What it has done so far."""
        return JournalStatistics(
            rows=self._rows,
            commits=self._appends,
            largest_batch=self._largest,
            commit_seconds=0.0,
            backlog=0,
            high_water=0,
            failures=0,
        )

    # --- sessions ------------------------------------------------------------------------------------------------------

    async def register(self, session_id: SessionId, *, provider: str, metadata: Mapping[str, Any], at: float) -> Stored:
        """Make room for a session: a new generation under its id."""
        check_names(session_id, metadata)
        await trio.lowlevel.checkpoint()
        return self._new(session_id, provider, metadata, at).stored

    async def find(self, session_id: SessionId, generation: int | None = None) -> Stored | None:
        """That generation of the session, or the newest."""
        await trio.lowlevel.checkpoint()
        found = [stored for stored in self._generations(session_id) if generation in (None, stored.generation)]
        return max(found, key=lambda stored: stored.generation, default=None)

    async def sessions(self, *, all_generations: bool = False) -> tuple[Stored, ...]:
        """The newest generation of every session, or all of them."""
        await trio.lowlevel.checkpoint()
        every = [book.stored for book in self._books.values()]
        if all_generations:
            return tuple(every)
        newest = {stored.session_id: stored.key for stored in every}  # keys grow with generations
        return tuple(stored for stored in every if newest[stored.session_id] == stored.key)

    async def unfinished(self) -> tuple[Stored, ...]:
        """Those of `sessions()` that have not ended."""
        return tuple(stored for stored in await self.sessions() if not stored.ended)

    async def fork(
        self, key: SessionKey, session_id: SessionId, *, upto: Cursor, at: float, body: Kept | None = None
    ) -> Stored:
        """Make a session out of another one's records up to a cursor."""
        check_names(session_id)
        await trio.lowlevel.checkpoint()
        book = self._book(key)
        book.check_fork(upto)
        copy = self._new(session_id, book.provider, book.metadata, at)
        copy.take_from(book, upto)
        if body is not None:
            copy.extend(Entries(Cursor(upto + 1), at, (body,)))
        return copy.stored

    async def delete(self, key: SessionKey) -> None:
        """Forget this generation."""
        await trio.lowlevel.checkpoint()
        self._drop(key)

    # --- records -------------------------------------------------------------------------------------------------------

    def append(self, key: SessionKey, entries: Entries, *, committed: Committed) -> None:
        """Keep these; `committed` is called before this returns."""
        book = self._book(key)
        check_order(book.last, entries)
        if not entries.bodies:
            return
        book.extend(entries)
        self._rows += len(entries.bodies)
        self._appends += 1
        self._largest = max(self._largest, len(entries.bodies))
        if book.ended:
            self._ended[key] = None
            while len(self._ended) > self._ended_kept:
                self._drop(next(iter(self._ended)))
        committed(book.last)

    def snapshot(self, key: SessionKey, cursor: Cursor, state: State) -> None:
        """Keep what the records up to this cursor come to."""
        book = self._book(key)
        check_snapshot(book.last, cursor)
        if book.snapshot is None or book.snapshot[0] <= cursor:
            book.snapshot = (cursor, state)

    async def read(self, key: SessionKey, *, after: Cursor, limit: int) -> tuple[Entry, ...]:
        """Up to that many records behind a cursor."""
        await trio.lowlevel.checkpoint()
        book = self._books.get(key)
        return () if book is None else book.behind(after, limit)

    async def load(self, key: SessionKey) -> Loaded:
        """The newest snapshot and what is behind it."""
        await trio.lowlevel.checkpoint()
        book = self._books.get(key)
        if book is None:
            return Loaded(state=None, cursor=Cursor(0), entries=(), durable=Cursor(0))
        return book.loaded()

    async def last_started(self, key: SessionKey, upto: Cursor) -> Cursor:
        """The cursor of the last `RequestStarted` at or before this one."""
        await trio.lowlevel.checkpoint()
        book = self._books.get(key)
        if book is None:
            return Cursor(0)
        place = bisect_right(book.starts, upto)
        return book.starts[place - 1] if place and book.starts[place - 1] >= book.first else Cursor(0)

    async def known(self, key: SessionKey, sightings: Collection[str]) -> set[str]:
        """Which of these were appended already."""
        await trio.lowlevel.checkpoint()
        book = self._books.get(key)
        return set() if book is None else book.sightings.keys() & set(sightings)

    async def compact(self, key: SessionKey, upto: Cursor) -> int:
        """Let go of the records up to this cursor, as far as the snapshot covers them."""
        await trio.lowlevel.checkpoint()
        book = self._books.get(key)
        return 0 if book is None else book.let_go(upto)

    async def export(self, key: SessionKey) -> AsyncIterator[str]:
        """The session as lines of JSON."""
        await trio.lowlevel.checkpoint()
        book = self._book(key)
        loaded, entries = book.loaded(), (*book.terminals, *book.records.entries(after=0))
        yield lines.header(book.stored)
        if book.first > 1:
            yield lines.beginning(loaded)
        for entry in entries:
            yield lines.record(entry)

    # --- its own -------------------------------------------------------------------------------------------------------

    def _generations(self, session_id: SessionId) -> list[Stored]:
        return [self._books[key].stored for key in self._under.get(session_id, ())]

    def _drop(self, key: SessionKey) -> None:
        book = self._books.pop(key, None)
        self._ended.pop(key, None)
        if book is not None:
            self._under[book.session_id].remove(key)
            if not self._under[book.session_id]:
                del self._under[book.session_id]

    def _new(self, session_id: SessionId, provider: str, metadata: Mapping[str, Any], at: float) -> _Book:
        newest = max((stored.generation for stored in self._generations(session_id)), default=0)
        key = SessionKey(next(self._keys))
        self._under.setdefault(session_id, []).append(key)
        book = self._books[key] = _Book(key, session_id, newest + 1, provider, dict(metadata), at, at)
        return book

    def _book(self, key: SessionKey) -> _Book:
        book = self._books.get(key)
        if book is None:
            raise no_such_session(key)
        return book


@attrs.define(eq=False)
class _Book:
    """One session's records."""

    key: SessionKey
    session_id: SessionId
    generation: int
    provider: str
    metadata: Mapping[str, Any]
    created_at: float
    changed_at: float
    records: Records = attrs.field(factory=Records)
    ended: bool = False
    sightings: dict[str, Cursor] = attrs.field(factory=dict)
    starts: list[Cursor] = attrs.field(factory=list)
    """Where requests began."""
    snapshot: tuple[Cursor, State] | None = None
    terminals: list[Entry] = attrs.field(factory=list)
    """The ends of requests whose other records were let go."""

    @property
    def first(self) -> Cursor:
        return self.records.first

    @property
    def last(self) -> Cursor:
        return self.records.last

    @property
    def stored(self) -> Stored:
        return Stored(
            key=self.key,
            session_id=self.session_id,
            generation=self.generation,
            provider=self.provider,
            metadata=self.metadata,
            created_at=self.created_at,
            changed_at=self.changed_at,
            first=self.first,
            last=self.last,
            ended=self.ended,
        )

    def extend(self, entries: Entries) -> None:
        self.records.add(entries)
        for seq, body in enumerate(entries.bodies, entries.first):
            if isinstance(body, RequestStarted):
                self.starts.append(Cursor(seq))
            elif isinstance(body, Heard) and (sighting := body.sighting) is not None:
                self.sightings.setdefault(sighting, Cursor(seq))
        self.changed_at = max(self.created_at, entries.at)
        self.ended = isinstance(entries.bodies[-1], SessionEnded)

    def behind(self, after: Cursor, limit: int) -> tuple[Entry, ...]:
        start = bisect_right(self.terminals, after, key=lambda entry: entry.cursor)
        alone = self.terminals[start : start + limit]
        whole = self.records.entries(after=after, upto=max(after, self.first - 1) + limit - len(alone))
        return (*alone, *whole) if alone else whole

    def loaded(self) -> Loaded:
        cursor, state = self.snapshot or (Cursor(0), None)
        return Loaded(state=state, cursor=cursor, entries=self.records.entries(after=cursor), durable=self.last)

    def let_go(self, upto: Cursor) -> int:
        covered = min(upto, self.snapshot[0] if self.snapshot is not None else 0)
        ends = [entry for entry in self.records.entries(after=0, upto=covered) if isinstance(entry.body, RequestEnded)]
        self.terminals += ends
        return self.records.let_go(covered) - len(ends)

    def take_from(self, other: _Book, upto: Cursor) -> None:
        """Become the same session, up to this cursor."""
        self.records, self.snapshot = Records(other.first), other.snapshot
        if self.snapshot is not None and self.snapshot[0] > upto:
            self.snapshot = None
        self.terminals = [entry for entry in other.terminals if entry.cursor <= upto]
        kept = other.records.entries(after=0, upto=upto)
        if kept:
            self.records.take(kept)
            self.changed_at = max(self.created_at, kept[-1].at)
            self.ended = isinstance(kept[-1].body, SessionEnded)
        self.starts = [start for start in other.starts if start <= upto]
        self.sightings = {sighting: at for sighting, at in other.sightings.items() if at <= upto}

    def check_fork(self, upto: Cursor) -> None:
        """Raise if there is no telling what the session was at this cursor."""
        covered = self.snapshot[0] if self.snapshot is not None and self.first > 1 else 0
        if not covered <= upto <= self.last:
            raise SpecError.of("upto", f"{upto} is not among the cursors {covered} to {self.last} that are kept")
