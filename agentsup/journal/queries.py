"""Everything that is asked of a store: functions of a connection. Synchronous, in whatever thread has the connection."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

import structlog

from agentsup.ids import Cursor, SessionId
from agentsup.journal import codec, places
from agentsup.journal.base import Loaded, SessionKey, Stored
from agentsup.journal.rows import RUN, Texts, entries_of, entry_of, heard_in, sighting_key, state_of
from agentsup.talk.events import Entry

_log = structlog.get_logger("agentsup.journal")

_AT_ONCE = 500
"""Values asked for in one statement; older builds of SQLite take no more than 999."""

_STORED = f"""
    SELECT s.key, s.id, s.generation, s.provider, s.metadata, s.created_at, s.changed_at, s.first, s.ended,
        coalesce(r.seq, {places.LAST}), r.at, r.kind
    FROM sessions s LEFT JOIN records r ON r.number = {places.NEWEST} AND r.session = s.key
"""  # noqa: S608  -- from here


def look_at(connection: sqlite3.Connection) -> None:
    """Read a little of every table and index, at its growing end: most damage of a file shows there, and it costs nothing.

    Raises:
        sqlite3.DatabaseError: the file is damaged.
        Unreadable: a row that was written not long ago cannot be found.
    """
    for sql in (
        "SELECT * FROM sessions ORDER BY key DESC LIMIT 1",
        "SELECT * FROM sessions ORDER BY id DESC LIMIT 1",
        "SELECT * FROM records ORDER BY number DESC LIMIT 1",
        "SELECT * FROM places ORDER BY session DESC, seq DESC LIMIT 1",
        "SELECT * FROM new_places ORDER BY session DESC, seq DESC LIMIT 1",
        "SELECT * FROM sightings ORDER BY session DESC LIMIT 1",
        "SELECT * FROM snapshots ORDER BY session DESC LIMIT 1",
        "SELECT hash FROM blobs ORDER BY hash DESC LIMIT 1",
        "SELECT * FROM blob_uses ORDER BY session DESC LIMIT 1",
    ):
        connection.execute(sql).fetchall()
    lost = places.unplaced(connection)
    if lost is not None:
        session, cursor = lost
        raise codec.Unreadable(
            f"the record {cursor} of the session {session} is in no index: a part of the file is lost"
        )


def stored(connection: sqlite3.Connection, key: SessionKey) -> Stored | None:
    """The session of this key."""
    return _first(connection.execute(f"{_STORED} WHERE s.key = ?", (key,)))


def find(connection: sqlite3.Connection, session_id: SessionId, generation: int | None) -> Stored | None:
    """That generation of the session, or the newest."""
    if generation is None:
        sql = f"{_STORED} WHERE s.id = ? ORDER BY s.generation DESC LIMIT 1"
        return _first(connection.execute(sql, (session_id,)))
    return _first(connection.execute(f"{_STORED} WHERE s.id = ? AND s.generation = ?", (session_id, generation)))


def sessions(connection: sqlite3.Connection, newest_only: bool) -> tuple[Stored, ...]:  # noqa: FBT001  -- of one caller
    """The newest generation of every session, or all of them."""
    newest = "WHERE s.generation = (SELECT max(generation) FROM sessions WHERE id = s.id)" if newest_only else ""
    return tuple(map(_as_stored, connection.execute(f"{_STORED} {newest} ORDER BY s.key")))


def read(connection: sqlite3.Connection, key: SessionKey, after: Cursor, limit: int) -> tuple[Entry, ...]:
    """Up to that many records behind a cursor.

    Raises:
        Unreadable: one of them is none we wrote, or a newer version did.
    """
    with _one_view(connection):
        return _entries(connection, key, after, limit)


def load(connection: sqlite3.Connection, key: SessionKey) -> Loaded:
    """The newest snapshot and what is behind it.

    A snapshot that cannot be read is passed over while all records are there: it says nothing that they do not.

    Raises:
        Unreadable: something that is needed is nothing we wrote, or a newer version did.
    """
    with _one_view(connection):
        sql = (
            "SELECT n.cursor, n.format, n.body, n.blobs, s.first FROM snapshots n JOIN sessions s ON s.key = n.session"
        )
        found = connection.execute(f"{sql} WHERE n.session = ?", (key,)).fetchone()
        cursor, state = 0, None
        if found is not None:
            cursor, written, text, has_blobs, first = found
            try:
                with _place(f"the snapshot at {cursor} of the session {key}"):
                    state = state_of(written, text, _texts(connection, key, 0, 0) if has_blobs else None)
            except codec.Unreadable as exc:
                if first > 1:
                    raise
                _log.warning("journal.snapshot_passed_over", session=key, reason=str(exc))
                cursor = 0
        entries = _entries(connection, key, cursor, None)
        durable = entries[-1].cursor if entries else Cursor(cursor)
        if found is not None and (not entries or cursor == 0):
            _check_end(connection, key, found[0])
        return Loaded(state=state, cursor=Cursor(cursor), entries=entries, durable=durable)


def last_started(connection: sqlite3.Connection, key: SessionKey, upto: Cursor) -> Cursor:
    """The cursor of the last `RequestStarted` at or before this one."""
    sql = "SELECT max(seq) FROM records WHERE session = ? AND seq <= ? AND kind = 'request_started'"
    (found,) = connection.execute(sql, (key, upto)).fetchone()
    return Cursor(found or 0)


def known(connection: sqlite3.Connection, key: SessionKey, sightings: Collection[str]) -> set[str]:
    """Which of these were heard already: up to the snapshot by index, behind it among the records."""
    by_key = {sighting_key(sighting): sighting for sighting in sightings}
    found: set[str] = set()
    with _one_view(connection):
        row = connection.execute("SELECT cursor FROM snapshots WHERE session = ?", (key,)).fetchone()
        covered = 0 if row is None else row[0]
        for some in _portions(list(by_key)):
            sql = f"SELECT sighting FROM sightings WHERE session = ? AND sighting IN ({', '.join('?' * len(some))})"  # noqa: S608  -- from here
            found |= {by_key[mark] for (mark,) in connection.execute(sql, (key, *some))}
        found |= {by_key[mark] for mark, _ in heard(connection, key, covered, None) if mark in by_key}
    return found


def heard(
    connection: sqlite3.Connection, key: SessionKey, after: int, upto: int | None
) -> Iterator[tuple[str | bytes, int]]:
    """What was heard behind a cursor and up to another, in order: sightings, each with its record's cursor.

    Raises:
        Unreadable: a record is missing.
    """
    with closing(places.rows_behind(connection, "r.kind, r.sighting", key, after)) as rows:
        for first, seq, kind, sighting in rows:
            if upto is not None and first > upto:
                return
            if kind != RUN:
                if sighting is not None:
                    yield sighting, seq
                continue
            for mark, cursor in heard_in(first, sighting):
                if cursor > after and (upto is None or cursor <= upto):
                    yield mark, cursor


def _entries(connection: sqlite3.Connection, key: SessionKey, after: int, limit: int | None) -> tuple[Entry, ...]:
    columns = "r.at, r.kind, r.format, r.body, r.blobs"
    found: list[Entry] = []
    with closing(places.rows_behind(connection, columns, key, after)) as rows:
        for row in rows:
            found += _in_row(connection, key, row, after)
            if limit is not None and len(found) >= limit:
                return tuple(found[:limit])
    return tuple(found)


def _check_end(connection: sqlite3.Connection, key: SessionKey, snapshot: int) -> None:
    """That no record is missing at the end: what a snapshot was made of was there, and is, as far as it was not compacted."""
    sql = f"SELECT max(coalesce({places.LAST}, 0), s.first - 1) FROM sessions s WHERE key = ?"  # noqa: S608  -- from here
    (last,) = connection.execute(sql, (key,)).fetchone()
    if last < snapshot:
        raise places.missing(key, snapshot)


def _in_row(connection: sqlite3.Connection, key: SessionKey, row: tuple[Any, ...], after: int) -> list[Entry]:
    first, seq, at, kind, written, text, has_blobs = row
    if kind == RUN:
        with _place(f"the records {first} to {seq} of the session {key}"):
            return entries_of(first, at, written, text, after)
    texts = _texts(connection, key, seq, seq) if has_blobs else None
    with _place(f"the record {seq} of the session {key}"):
        return [entry_of(seq, at, kind, written, text, texts)]


def _texts(connection: sqlite3.Connection, key: SessionKey, first: int, last: int) -> Texts:
    sql = (
        "SELECT b.hash, b.data FROM blob_uses u JOIN blobs b ON b.hash = u.hash"
        " WHERE u.session = ? AND u.seq BETWEEN ? AND ?"
    )
    return dict(connection.execute(sql, (key, first, last)).fetchall())


@contextmanager
def _one_view(connection: sqlite3.Connection) -> Iterator[None]:
    """The store as it is at one moment, whatever is written meanwhile."""
    connection.execute("BEGIN")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")


@contextmanager
def _place(where: str) -> Iterator[None]:
    """Say where what cannot be read stands."""
    try:
        yield
    except codec.Unreadable as exc:
        raise codec.Unreadable(f"{where} has {exc}") from exc


def _portions(values: Sequence[str | bytes]) -> Iterator[Sequence[str | bytes]]:
    for start in range(0, len(values), _AT_ONCE):
        yield values[start : start + _AT_ONCE]


def _first(rows: Iterable[tuple[Any, ...]]) -> Stored | None:
    for row in rows:
        return _as_stored(row)
    return None


def _as_stored(row: tuple[Any, ...]) -> Stored:
    key, session_id, generation, provider, metadata, created_at, changed_at, first, ended, seq, at, kind = row
    if seq is None or seq < first:  # nothing in it, or all of it compacted
        seq, at, is_over = first - 1, created_at if changed_at is None else changed_at, bool(ended)
    elif at is None:  # its last record is lost: whoever asks for its records is told so, and nobody else is troubled
        at, is_over = created_at, False
    else:
        is_over = kind == "session_ended"
    return Stored(
        key=SessionKey(key),
        session_id=SessionId(session_id),
        generation=generation,
        provider=provider,
        metadata=json.loads(metadata),
        created_at=created_at,
        changed_at=max(created_at, at),
        first=Cursor(first),
        last=Cursor(seq),
        ended=is_over,
    )
