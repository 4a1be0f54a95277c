"""The journal in a SQLite file."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from pathlib import Path
from typing import Any, TypeVar

import attrs
import structlog
import trio

from agentsup.ids import Cursor, SessionId
from agentsup.journal import codec, lines, queries
from agentsup.journal.backlog import Append, Snapshot
from agentsup.journal.base import Committed, JournalStatistics, Loaded, SessionKey, Stored, no_such_session
from agentsup.journal.checks import check_names, check_order, check_snapshot
from agentsup.journal.codec import Unreadable
from agentsup.journal.entries import Entries
from agentsup.journal.errors import StoreCorrupt, StoreError, StoreFailed
from agentsup.journal.faults import is_final, told_of
from agentsup.journal.file import Synchronous
from agentsup.journal.lease import Holder
from agentsup.journal.ledger import Ledger
from agentsup.journal.readers import Readers
from agentsup.journal.rows import body_of, rows_of
from agentsup.journal.scribe import Scribe
from agentsup.loop.state import State
from agentsup.talk.events import Entry, Heard, Kept, RequestStarted, SessionEnded

_log = structlog.get_logger("agentsup.journal")

T = TypeVar("T")


class SQLiteJournal:
    """A `Journal` in a file. What it does when the disk does not is in `scribe.py`; whom it keeps out, in `lease.py`."""

    def __init__(self, path: Path, *, synchronous: Synchronous = "full") -> None:
        self._path = Path(path)
        self._synchronous: Synchronous = synchronous
        self._open: _Open | None = None
        self._last: dict[SessionKey, Cursor] = {}
        """The last cursor of every session that was asked for, what waits to be written included."""
        self._gone: set[SessionKey] = set()

    def __repr__(self) -> str:
        if self._open is None:
            return f"<SQLiteJournal {str(self._path)!r}, not open>"
        state = "writing" if self.trouble is None else "in trouble"
        return f"<SQLiteJournal {str(self._path)!r}, {state}, {self.backlog} records to write>"

    # --- its life ------------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Take the store."""
        if self._open is not None:
            raise StoreFailed(f"the store {self._path} was opened by this journal before")
        opened, left = await trio.to_thread.run_sync(_taken, self._path, self._synchronous)
        self._open = opened
        if left is not None:
            _log.warning("journal.taken_over", store=str(opened.path), epoch=opened.ledger.epoch, holder=str(left))

    async def run_writer(self) -> None:
        """Write what is appended, until cancelled."""
        await self._scribe.run()

    async def flush(self) -> None:
        """Wait until everything handed over so far is durable."""
        await self._scribe.flush()

    async def aclose(self) -> None:
        """Write what is left, in one last attempt, and give the store back."""
        opened = self._open
        if opened is None or opened.closed:
            return
        opened.closed = True
        # Whoever is cancelled meanwhile waits for one commit: half a farewell would leave the store taken.
        with trio.CancelScope(shield=True):
            lost = await opened.scribe.finish()
            await trio.to_thread.run_sync(opened.close)
        if lost:
            _log.error("journal.unsaved", store=str(opened.path), records=lost)

    @property
    def trouble(self) -> StoreError | None:
        """Why nothing can be written at the moment."""
        return self._scribe.trouble

    async def wait_failed(self) -> StoreError:
        """Wait for a trouble that is for good."""
        return await self._scribe.wait_failed()

    @property
    def backlog(self) -> int:
        """Records that are not yet durable."""
        return self._scribe.backlog.rows

    def statistics(self) -> JournalStatistics:
        """What it has done so far."""
        return self._scribe.statistics()

    # --- sessions ------------------------------------------------------------------------------------------------------

    async def register(self, session_id: SessionId, *, provider: str, metadata: Mapping[str, Any], at: float) -> Stored:
        """Make room for a session: a new generation under its id."""
        check_names(session_id, metadata)
        labels = codec.write(metadata, "metadata")
        return self._noted(await self._scribe.do(lambda ledger: ledger.register(session_id, provider, labels, at)))

    async def find(self, session_id: SessionId, generation: int | None = None) -> Stored | None:
        """That generation of the session, or the newest."""
        newest = self._scribe.backlog.newest()
        found = await self._ask(queries.find, session_id, generation)
        return None if found is None else self._noted(found, newest)

    async def sessions(self, *, all_generations: bool = False) -> tuple[Stored, ...]:
        """The newest generation of every session, or all of them."""
        newest = self._scribe.backlog.newest()
        found = await self._ask(queries.sessions, not all_generations)
        return tuple(self._noted(stored, newest) for stored in found)

    async def unfinished(self) -> tuple[Stored, ...]:
        """Those of `sessions()` that have not ended."""
        return tuple(stored for stored in await self.sessions() if not stored.ended)

    async def fork(
        self, key: SessionKey, session_id: SessionId, *, upto: Cursor, at: float, body: Kept | None = None
    ) -> Stored:
        """Make a session out of another one's records up to a cursor."""
        check_names(session_id)
        return self._noted(await self._change(lambda ledger: ledger.fork(key, session_id, upto, at, body)))

    async def delete(self, key: SessionKey) -> None:
        """Forget this generation."""
        if key in self._gone:
            return
        self._gone.add(key)  # at once: what is appended from here on would come behind its deletion
        try:
            await self._scribe.do(lambda ledger: ledger.delete(key))
        except BaseException:
            self._gone.discard(key)
            raise
        self._last.pop(key, None)

    # --- records -------------------------------------------------------------------------------------------------------

    def append(self, key: SessionKey, entries: Entries, *, committed: Committed) -> None:
        """Keep these, behind everything appended before."""
        check_order(self._last_of(key), entries)
        if not entries.bodies:
            return
        rows, blobs = rows_of(key, entries)
        last = entries.last
        self._opened.scribe.append(Append(key, entries, last, rows, blobs, committed))
        self._last[key] = last

    def snapshot(self, key: SessionKey, cursor: Cursor, state: State) -> None:
        """Keep what the records up to this cursor come to."""
        check_snapshot(self._last_of(key), cursor)
        self._scribe.snapshot(Snapshot(key, cursor, body_of(state)))

    async def read(self, key: SessionKey, *, after: Cursor, limit: int) -> tuple[Entry, ...]:
        """Up to that many durable records behind a cursor."""
        return await self._ask(queries.read, key, after, limit)

    async def load(self, key: SessionKey) -> Loaded:
        """The newest durable snapshot and what is behind it, durable or not."""
        waiting = self._scribe.backlog.entries(key)
        found = await self._ask(queries.load, key)
        behind = tuple(entry for entry in waiting if entry.cursor > found.durable)
        return attrs.evolve(found, entries=found.entries + behind)

    async def last_started(self, key: SessionKey, upto: Cursor) -> Cursor:
        """The cursor of the last `RequestStarted` at or before this one."""
        waiting = self._scribe.backlog.entries(key)
        found = await self._ask(queries.last_started, key, upto)
        starts = (entry.cursor for entry in waiting if isinstance(entry.body, RequestStarted) and entry.cursor <= upto)
        return max(starts, default=found)

    async def known(self, key: SessionKey, sightings: Collection[str]) -> set[str]:
        """Which of these were appended already."""
        waiting = [entry.body for entry in self._scribe.backlog.entries(key)]
        found = await self._ask(queries.known, key, frozenset(sightings))
        return found | set(sightings).intersection(body.sighting for body in waiting if isinstance(body, Heard))

    async def compact(self, key: SessionKey, upto: Cursor) -> int:
        """Let go of the records up to this cursor, as far as the snapshot covers them."""
        return await self._change(lambda ledger: ledger.compact(key, upto))

    async def export(self, key: SessionKey) -> AsyncIterator[str]:
        """The session as lines of JSON: what is durable of it at this moment."""
        stored = await self._ask(queries.stored, key)
        if stored is None:
            raise no_such_session(key)
        yield lines.header(stored)
        if stored.first > 1:
            yield lines.beginning(await self._ask(queries.load, key))
        cursor, due = Cursor(0), stored.first
        while cursor < stored.last and (page := await self.read(key, after=cursor, limit=lines.PAGE)):
            cursor = page[-1].cursor
            there = [entry for entry in page if entry.cursor <= stored.last]
            whole = [entry.cursor for entry in there if entry.cursor >= stored.first]
            if whole != list(range(due, due + len(whole))):
                break
            due = Cursor(due + len(whole))
            for entry in there:
                yield lines.record(entry)
        if due <= stored.last:
            raise StoreFailed(f"the session under the key {key} was compacted or deleted while it was exported")

    # --- its own -------------------------------------------------------------------------------------------------------

    @property
    def _opened(self) -> _Open:
        if self._open is None:
            raise StoreFailed(f"the store {self._path} is not open: `await journal.open()` first")
        return self._open

    @property
    def _scribe(self) -> Scribe:
        return self._opened.scribe

    async def _ask(self, query: Callable[..., T], *args: Any) -> T:
        opened = self._opened
        try:
            return await opened.readers.ask(query, *args)
        except StoreError as exc:
            if isinstance(exc.__cause__, sqlite3.DatabaseError) and is_final(exc):
                opened.scribe.fail(exc)  # damage: writing on would make it worse
            raise

    async def _change(self, work: Callable[[Ledger], T]) -> T:
        """Have this done; a record that it needs and that cannot be read concerns whoever asked, and not the store."""
        try:
            return await self._scribe.do(work)
        except Unreadable as exc:
            raise StoreCorrupt(f"the store {self._opened.path}: {exc}") from exc

    def _last_of(self, key: SessionKey) -> Cursor:
        last = self._last.get(key)
        if last is None or key in self._gone:
            raise no_such_session(key)
        return last

    def _noted(self, stored: Stored, newest: Mapping[SessionKey, Entry] | None = None) -> Stored:
        """The session with what was not yet durable when it was asked for; from now on its cursors are watched."""
        entry = None if newest is None else newest.get(stored.key)
        if entry is not None and entry.cursor > stored.last:
            changed, is_over = max(stored.created_at, entry.at), isinstance(entry.body, SessionEnded)
            stored = attrs.evolve(stored, last=entry.cursor, changed_at=changed, ended=is_over)
        if stored.key not in self._gone:
            self._last.setdefault(stored.key, stored.last)
        return stored


@attrs.define(eq=False)
class _Open:
    """What there is while a store is open."""

    path: Path
    ledger: Ledger
    scribe: Scribe
    readers: Readers
    closed: bool = False

    def close(self) -> None:
        self.readers.close()
        self.ledger.close()


def _taken(path: Path, synchronous: Synchronous) -> tuple[_Open, Holder | None]:
    with told_of(path):
        real = Path(os.path.realpath(path))  # one file, one name: whatever links lead to it
        ledger, left = Ledger.open(real, synchronous)
    return _Open(real, ledger, Scribe(ledger), Readers(real)), left
