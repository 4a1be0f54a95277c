"""All SQL that changes what stands in a store. Synchronous; one thread at a time, inside a transaction."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from itertools import chain

from agentsup.errors import SpecError
from agentsup.ids import Cursor, SessionId
from agentsup.journal import codec, queries
from agentsup.journal.base import SessionKey, Stored, no_such_session
from agentsup.journal.blobs import Blob
from agentsup.journal.entries import Entries
from agentsup.journal.errors import StoreCorrupt
from agentsup.journal.file import StoreFile
from agentsup.journal.rows import RUN, Body, Row, part_of, rows_of
from agentsup.talk.events import Kept

AT_ONCE = 128
"""Rows in one statement, at most. SQLite runs without Python's lock, and has to wait for it again after every statement: with one row each, a
busy program would let through no more than a few hundred a second."""


class Ledger(StoreFile):
    """A store that is ours, and what can be written into it."""

    # --- records -------------------------------------------------------------------------------------------------------

    def append(self, rows: Sequence[Row]) -> None:
        """Keep these rows: in few statements of few lengths, so that SQLite has them prepared."""
        start = 0
        while start < len(rows):
            count = min(AT_ONCE, 1 << ((len(rows) - start).bit_length() - 1))
            values = list(chain.from_iterable(rows[start : start + count]))
            self._connection.execute(_inserting(count), values)
            start += count

    def use(self, key: SessionKey, seq: int, blob: Blob) -> None:
        """Keep a blob for the record, or for the snapshot, which is record 0."""
        self._connection.execute("INSERT OR IGNORE INTO blobs (hash, data) VALUES (?, ?)", (blob.hash, blob.data))
        self._connection.execute("INSERT INTO blob_uses (session, seq, hash) VALUES (?, ?, ?)", (key, seq, blob.hash))

    def snapshot(self, key: SessionKey, cursor: Cursor, body: Body) -> None:
        """Keep this snapshot, unless there is a later one; and index what was heard since the one before.

        An index of its own would cost every record another page of the log; so, a session's ids go in together, some hundred at a time.
        """
        execute = self._connection.execute
        found = execute("SELECT cursor FROM snapshots WHERE session = ?", (key,)).fetchone()
        before = 0 if found is None else found[0]
        if before > cursor:
            return
        execute(_HEARD, (key, before, cursor, RUN))
        try:
            heard = sorted(queries.heard_in_runs(self._connection, key, before, cursor))
        except codec.Unreadable as exc:
            raise StoreCorrupt(f"the store {self.path}: what was heard in the session {key} has {exc}") from exc
        for start in range(0, len(heard), AT_ONCE):
            some = heard[start : start + AT_ONCE]
            values = [value for mark, seq in some for value in (key, mark, seq)]
            execute(_marking(len(some)), values)
        self._unuse("session = ? AND seq = 0", (key,))
        sql = "INSERT OR REPLACE INTO snapshots (session, cursor, epoch, format, blobs, body) VALUES (?, ?, ?, ?, ?, ?)"
        execute(sql, (key, cursor, self.epoch, codec.FORMAT, bool(body.blobs), body.text))
        for blob in body.blobs:
            self.use(key, 0, blob)

    def compact(self, key: SessionKey, upto: Cursor) -> int:
        """Let go of the records up to this cursor, as far as the snapshot covers them.

        Raises:
            Unreadable: they end in the middle of a run that is none we wrote, or a newer version did.
        """
        execute = self._connection.execute
        found = execute("SELECT cursor FROM snapshots WHERE session = ?", (key,)).fetchone()
        covered = min(upto, found[0] if found is not None else 0)
        cut = self._cut(key, covered)
        rest = None if cut is None else part_of(cut, covered, cut.seq)
        sql = "SELECT at, kind FROM records WHERE session = ? AND seq <= ? ORDER BY seq DESC LIMIT 1"
        last = (cut.at, cut.kind) if cut is not None else execute(sql, (key, covered)).fetchone()
        if last is None:
            return 0
        # Should no record be left, these say what the last one was.
        execute(
            "UPDATE sessions SET first = ?, changed_at = max(created_at, ?), ended = ? WHERE key = ?",
            (covered + 1, last[0], last[1] == "session_ended", key),
        )
        self._unuse("session = ? AND seq BETWEEN 1 AND ?", (key, covered))
        (count,) = execute(
            "SELECT coalesce(sum(seq - first + 1), 0) FROM records WHERE session = ? AND seq <= ?", (key, covered)
        ).fetchone()
        execute("DELETE FROM records WHERE session = ? AND seq <= ?", (key, covered))
        if cut is None or rest is None:
            return int(count)
        sql = "UPDATE records SET first = ?, sighting = ?, body = ? WHERE session = ? AND seq = ?"
        execute(sql, (rest.first, rest.sighting, rest.body, key, rest.seq))
        return int(count) + rest.first - cut.first

    def _cut(self, key: SessionKey, cursor: int) -> Row | None:
        """The row that has both this record and the next."""
        sql = f"SELECT {', '.join(Row._fields)} FROM records WHERE session = ? AND seq > ? ORDER BY seq LIMIT 1"  # noqa: S608  -- from here
        found = self._connection.execute(sql, (key, cursor)).fetchone()
        row = None if found is None else Row(*found)
        return row if row is not None and row.first <= cursor else None

    # --- sessions ------------------------------------------------------------------------------------------------------

    def register(self, session_id: SessionId, provider: str, metadata: str, at: float) -> Stored:
        """A new generation."""
        key = self._connection.execute(
            "INSERT INTO sessions (id, generation, provider, metadata, created_at)"
            " SELECT :id, 1 + coalesce(max(generation), 0), :provider, :metadata, :at FROM sessions WHERE id = :id",
            {"id": session_id, "provider": provider, "metadata": metadata, "at": at},
        ).lastrowid
        assert key is not None
        stored = queries.stored(self._connection, SessionKey(key))
        assert stored is not None
        return stored

    def fork(self, key: SessionKey, session_id: SessionId, upto: Cursor, at: float, body: Kept | None) -> Stored:
        """A new session with another one's records up to a cursor, and this behind them.

        Raises:
            NotFound: there is no other one.
            SpecError: there is no telling what it was at that cursor.
            Unreadable: the cursor is in the middle of a run that is none we wrote, or a newer version did.
        """
        execute = self._connection.execute
        source = queries.stored(self._connection, key)
        if source is None:
            raise no_such_session(key)
        found = execute("SELECT cursor FROM snapshots WHERE session = ?", (key,)).fetchone()
        covered = found[0] if found is not None and source.first > 1 else 0
        if not covered <= upto <= source.last:
            raise SpecError.of("upto", f"{upto} is not among the cursors {covered} to {source.last} that are kept")
        cut = self._cut(key, upto)
        rest = None if cut is None else part_of(cut, 0, upto)
        copy = self.register(session_id, source.provider, codec.write(source.metadata, "metadata"), at).key
        values = {"key": key, "copy": copy, "upto": upto, "epoch": self.epoch}
        execute("UPDATE sessions SET first = ? WHERE key = ?", (source.first, copy))
        for sql in _COPIES:
            execute(sql, values)
        if rest is not None:
            self.append([rest._replace(session=copy, epoch=self.epoch)])
        if body is not None:
            rows, blobs = rows_of(copy, self.epoch, Entries(Cursor(upto + 1), at, (body,)))
            self.append(rows)
            for cursor, blob in blobs:
                self.use(copy, cursor, blob)
        stored = queries.stored(self._connection, copy)
        assert stored is not None
        return stored

    def delete(self, key: SessionKey) -> None:
        """Nothing of it is left."""
        self._unuse("session = ?", (key,))
        for table in ("records", "sightings", "snapshots"):
            self._connection.execute(f"DELETE FROM {table} WHERE session = ?", (key,))  # noqa: S608  -- names from here
        self._connection.execute("DELETE FROM sessions WHERE key = ?", (key,))

    # --- private -------------------------------------------------------------------------------------------------------

    def _unuse(self, where: str, values: tuple[int, ...]) -> None:
        """Let go of uses of blobs, and of blobs that nobody uses any more."""
        execute = self._connection.execute
        hashes = execute(f"SELECT DISTINCT hash FROM blob_uses WHERE {where}", values).fetchall()  # noqa: S608  -- from here
        if hashes:
            execute(f"DELETE FROM blob_uses WHERE {where}", values)  # noqa: S608  -- from here
            sql = (
                "DELETE FROM blobs WHERE hash = ? AND NOT EXISTS (SELECT 1 FROM blob_uses u WHERE u.hash = blobs.hash)"
            )
            self._connection.executemany(sql, hashes)


@functools.cache
def _inserting(count: int) -> str:
    """The statement that keeps so many records."""
    marks = f"({', '.join('?' * len(Row._fields))})"
    columns = ", ".join(Row._fields)
    return f"INSERT INTO records ({columns}) VALUES {', '.join([marks] * count)}"  # noqa: S608  -- names from here


@functools.cache
def _marking(count: int) -> str:
    """The statement that indexes so many sightings."""
    return f"INSERT OR IGNORE INTO sightings (session, sighting, seq) VALUES {', '.join(['(?, ?, ?)'] * count)}"  # noqa: S608  -- from here


_HEARD = """
    INSERT OR IGNORE INTO sightings (session, sighting, seq)
    SELECT session, sighting, seq FROM records
    WHERE session = ? AND seq > ? AND seq <= ? AND sighting IS NOT NULL AND kind != ? ORDER BY sighting
"""

_COPIES = (
    """
    INSERT INTO records (session, first, seq, at, kind, sighting, epoch, format, blobs, body)
    SELECT :copy, first, seq, at, kind, sighting, :epoch, format, blobs, body FROM records
    WHERE session = :key AND seq <= :upto ORDER BY seq
    """,
    """
    INSERT INTO sightings (session, sighting, seq)
    SELECT :copy, sighting, seq FROM sightings WHERE session = :key AND seq <= :upto
    """,
    """
    INSERT INTO snapshots (session, cursor, epoch, format, blobs, body)
    SELECT :copy, cursor, :epoch, format, blobs, body FROM snapshots WHERE session = :key AND cursor <= :upto
    """,
    """
    INSERT INTO blob_uses (session, seq, hash)
    SELECT :copy, seq, hash FROM blob_uses WHERE session = :key AND seq BETWEEN 1 AND :upto
    """,
    """
    INSERT INTO blob_uses (session, seq, hash)
    SELECT :copy, 0, hash FROM blob_uses u JOIN snapshots s ON s.session = u.session
    WHERE u.session = :key AND u.seq = 0 AND s.cursor <= :upto
    """,
)
"""What a fork takes over, up to a cursor."""
