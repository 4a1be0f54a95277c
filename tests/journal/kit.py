"""What the journal's tests say to it."""

from __future__ import annotations

import ast
import os
import sqlite3
import warnings
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path

import attrs
import trio

from agentsup.ids import Cursor, RequestId
from agentsup.journal import schema
from agentsup.journal.base import Committed, Journal, SessionKey, Stored
from agentsup.journal.entries import Entries
from agentsup.journal.rows import Row, rows_of
from agentsup.loop.fold import fold, initial
from agentsup.loop.rules import Rules
from agentsup.loop.state import State
from agentsup.talk import events as ev
from agentsup.talk.content import Text

NOW = 1_700_000_000.0


def entry(cursor: int, body: ev.Kept | None = None, *, at: float | None = None) -> ev.Entry:
    """An entry in its place; what it says tells which one it is."""
    if body is None:
        body = ev.Said(id=f"event-{cursor}", raw={"n": cursor}, text=f"text {cursor}")
    return ev.Entry(cursor=Cursor(cursor), at=NOW if at is None else at, body=body)


def entries(first: int, last: int) -> tuple[ev.Entry, ...]:
    """Entries from one cursor to another."""
    return tuple(entry(cursor) for cursor in range(first, last + 1))


def started(cursor: int, request: str = "r") -> ev.Entry:
    return entry(cursor, ev.RequestStarted(request_id=RequestId(request)))


def ended(cursor: int) -> ev.Entry:
    return entry(cursor, ev.SessionEnded(reason="closed"))


def state(text: str = "hi") -> State:
    """A state that is told from others by what was accepted."""
    accepted = ev.Accepted(request_id=RequestId("r"), parts=(Text(text),))
    return fold(initial(Rules()), [ev.SessionStarted(token="t"), accepted])


async def register(journal: Journal, session_id: str = "s", **options: object) -> Stored:
    fields = {"provider": "test", "metadata": {}, "at": NOW} | options
    return await journal.register(session_id, **fields)  # type: ignore[arg-type]


@attrs.define(eq=False)
class Told:
    """What `committed` was told, per session, in order."""

    cursors: dict[SessionKey, list[int]] = attrs.field(factory=dict)

    def of(self, key: SessionKey):
        """A `committed` for this session."""
        return self.cursors.setdefault(key, []).append


def together(found: Sequence[ev.Entry]) -> Entries:
    """Entries of one moment that follow one another, as they are appended."""
    first = found[0]
    assert [(entry.cursor, entry.at) for entry in found] == [(first.cursor + n, first.at) for n in range(len(found))]
    return Entries(first.cursor, first.at, tuple(entry.body for entry in found))


def append(journal: Journal, key: SessionKey, found: Sequence[ev.Entry], *, committed: Committed) -> None:
    journal.append(key, together(found), committed=committed)


async def keep(journal: Journal, key: SessionKey, found: Sequence[ev.Entry]) -> None:
    """Append, and wait until it is durable."""
    append(journal, key, found, committed=lambda _: None)
    await journal.flush()


@asynccontextmanager
async def writing(journal: Journal) -> AsyncIterator[Journal]:
    """The journal opened and with its writer at work, for as long as the block lasts."""
    await journal.open()
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(journal.run_writer)
            yield journal
            nursery.cancel_scope.cancel()
    finally:
        await journal.aclose()


async def in_trouble(journal: Journal) -> None:
    """Wait until it cannot write; in threads' time, which no clock of trio's knows."""
    while journal.trouble is None:
        await trio.to_thread.run_sync(lambda: None)


async def everything(journal: Journal) -> object:
    """All that can be asked about all sessions, to compare by; without keys, which are each journal's own."""
    found = []
    for stored in await journal.sessions(all_generations=True):
        read = await journal.read(stored.key, after=Cursor(0), limit=10_000)
        loaded = await journal.load(stored.key)
        known = await journal.known(stored.key, {f"event-{number}" for number in range(100)})
        starts = [await journal.last_started(stored.key, Cursor(upto)) for upto in (stored.last, stored.last // 2)]
        lines = [line async for line in journal.export(stored.key)]
        found.append((attrs.evolve(stored, key=SessionKey(0)), read, loaded, known, starts, lines))
    return found


def check_index(path: Path) -> int:
    """That the file is sound, that both parts of the index together name every row exactly once and rightly, and that no cursor is
    missing or there twice; says how many places are in the small part.
    """
    with closing(sqlite3.connect(path)) as connection:
        ask = connection.execute
        assert ask("PRAGMA integrity_check").fetchall() == [("ok",)]
        rows = ask("SELECT session, seq, number FROM records ORDER BY session, seq").fetchall()
        parts = [ask(f"SELECT session, seq, number FROM {part}").fetchall() for part in ("places", "new_places")]
        assert sorted(parts[0] + parts[1]) == rows
        last = {session: seq for session, seq, _ in sorted(parts[0])}
        assert all(last.get(session, 0) < seq for session, seq, _ in parts[1])
        due = dict(ask("SELECT key, first FROM sessions").fetchall())
        for session, first, seq, kind in ask("SELECT session, first, seq, kind FROM records ORDER BY session, seq"):
            if first == due[session]:
                due[session] = seq + 1
            else:  # compacted, but for the ends of requests
                assert (kind, seq < due[session]) == ("request_ended", True)
        return len(parts[1])


def store_of_the_first_version(path: Path, names: Iterable[str], runs: Iterable[tuple[int, int, int]]) -> None:
    """A store as it was before the index was divided: sessions with keys 1, 2, 3, and runs (key, first, last) of records."""
    with closing(sqlite3.connect(path)) as connection, connection:
        schema.create_tables(connection)
        connection.execute(f"PRAGMA application_id = {schema.APPLICATION}")
        connection.execute("PRAGMA user_version = 1")
        sql = "INSERT INTO sessions (key, id, generation, provider, metadata, created_at) VALUES (?, ?, 1, 'test', '{}', ?)"
        connection.executemany(sql, ((key, name, NOW) for key, name in enumerate(names, 1)))
        columns, marks = ", ".join(Row._fields), ", ".join("?" * len(Row._fields))
        sql = f"INSERT INTO records ({columns}, epoch, format) VALUES ({marks}, 1, 1)"
        connection.executemany(sql, (rows_of(key, together(entries(first, last)))[0] for key, first, last in runs))


def in_a_fork(work: Callable[[], object]) -> object:
    """What a forked child makes of it: a literal."""
    read, write = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # there are threads; this child takes none of their locks
        child = os.fork()
    if child == 0:
        try:
            os.write(write, repr(work()).encode())
        finally:
            os._exit(0)
    os.close(write)
    os.waitpid(child, 0)
    with open(read) as pipe:
        return ast.literal_eval(pipe.read())
