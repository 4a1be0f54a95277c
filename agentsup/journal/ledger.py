"""All SQL that changes what stands in a store. Synchronous; one thread at a time, inside a transaction."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager

from agentsup.errors import SpecError
from agentsup.ids import Cursor, SessionId
from agentsup.journal import codec, places, queries
from agentsup.journal.base import SessionKey, Stored, no_such_session
from agentsup.journal.blobs import Blob
from agentsup.journal.entries import Entries
from agentsup.journal.errors import StoreCorrupt
from agentsup.journal.file import StoreFile
from agentsup.journal.rows import Body, Row, Values, part_of, rows_of
from agentsup.talk.events import Kept, RequestEnded

AT_ONCE = 128
"""Rows in one statement, at most. SQLite runs without Python's lock, and has to wait for it again after every statement: with one row each, a
busy program would let through no more than a few hundred a second."""


_WIDTH = len(Row._fields)


class Ledger(StoreFile):
    """A store that is ours, and what can be written into it."""

    # --- records -------------------------------------------------------------------------------------------------------

    def append(self, rows: Values, written: int = codec.FORMAT) -> None:
        """Keep these rows, written in that format: in few statements of few lengths, so that SQLite has them prepared."""
        if not rows:
            return
        with self._placing():
            start, left = 0, len(rows) // _WIDTH
            while left:
                count = min(AT_ONCE, 1 << (left.bit_length() - 1))
                values = rows[start : start + count * _WIDTH]
                self._connection.execute(_inserting(count, self.epoch, written), values)
                start, left = start + len(values), left - count

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
        try:
            heard = _sorted(queries.heard(self._connection, key, before, cursor))
        except codec.Unreadable as exc:
            raise StoreCorrupt(f"the store {self.path}: what was heard in the session {key}: {exc}") from exc
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
        """Let go of the records up to this cursor, as far as the snapshot covers them, but for the ends of requests.

        Raises:
            Unreadable: they end in the middle of a run that is none we wrote, or a newer version did; or the last of them is missing.
        """
        execute = self._connection.execute
        sql = "SELECT n.cursor, s.first FROM snapshots n JOIN sessions s ON s.key = n.session WHERE n.session = ?"
        found = execute(sql, (key,)).fetchone()
        covered, first = (0, 1) if found is None else (min(upto, found[0]), found[1])
        if covered < first:
            return 0
        cut, written = self._cut(key, covered)
        rest = None if cut is None else part_of(cut, written, covered, cut.seq)
        sql = f"SELECT at, kind FROM records WHERE number = {places.UPTO} AND session = :session AND seq = :upto"  # noqa: S608  -- from here
        last = (cut.at, cut.kind) if cut is not None else execute(sql, {"session": key, "upto": covered}).fetchone()
        if last is None:
            raise places.missing(key, covered)
        # Should no record be left, these say what the last one was.
        execute(
            "UPDATE sessions SET first = ?, changed_at = max(created_at, ?), ended = ? WHERE key = ?",
            (covered + 1, last[0], last[1] == "session_ended", key),
        )
        old = {"session": key, "after": first - 1, "upto": covered, "end": RequestEnded.type}
        ends = f"SELECT seq FROM records WHERE number IN ({places.NUMBERS}) AND kind = :end"  # noqa: S608  -- from here
        self._unuse(f"session = :session AND seq > :after AND seq <= :upto AND seq NOT IN ({ends})", old)
        kept = [seq for (seq,) in execute(f"{ends} ORDER BY seq", old)]
        places.forget(self._connection, key, after=first - 1, upto=covered, but=kept)
        if rest is not None:
            changes = "first = :first, sighting = :sighting, body = :body"
            sql = f"UPDATE records SET {changes} WHERE number = {places.UPTO} AND session = :session"  # noqa: S608  -- from here
            execute(sql, {**rest._asdict(), "upto": rest.seq})
        return covered + 1 - first - len(kept)

    def _cut(self, key: SessionKey, cursor: int) -> tuple[Row | None, int]:
        """The row that has both this record and the next, and the format it is written in."""
        columns = ", ".join(f"r.{name}" for name in (*Row._fields[3:], "format"))
        with closing(places.rows_behind(self._connection, columns, key, cursor)) as rows:
            for first, seq, *fields, written in rows:
                return (Row(key, first, seq, *fields), written) if first <= cursor else (None, codec.FORMAT)
        return None, codec.FORMAT

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
        cut, written = self._cut(key, upto)
        rest = None if cut is None else part_of(cut, written, 0, upto)
        copy = self.register(session_id, source.provider, codec.write(source.metadata, "metadata"), at).key
        values = {"session": key, "upto": upto, "copy": copy, "epoch": self.epoch}
        execute("UPDATE sessions SET first = ? WHERE key = ?", (source.first, copy))
        with self._placing():
            before = places.newest_number(self._connection)
            copied = sum(execute(_copying(part), values).rowcount for part in places.PARTS)
            sql = "SELECT sum(seq - first + 1) FROM records WHERE number > ? AND seq >= ?"
            (count,) = execute(sql, (before, source.first)).fetchone()
        due = (upto if cut is None else cut.first - 1) + 1 - source.first
        if (count or 0) != due:
            raise codec.Unreadable(f"of the {due} records up to {upto} of the session {key} {count or 0} are there")
        if copied != places.counted(self._connection, key, upto):  # ends of requests: the others were let go
            raise codec.Unreadable(
                f"before the record {source.first} of the session {key} some ends of requests are missing"
            )
        for sql in _COPIES:
            execute(sql, values)
        if rest is not None:
            self.append([*rest._replace(session=copy)], written)
        if body is not None:
            rows, blobs = rows_of(copy, Entries(Cursor(upto + 1), at, (body,)))
            self.append(rows)
            for cursor, blob in blobs:
                self.use(copy, cursor, blob)
        stored = queries.stored(self._connection, copy)
        assert stored is not None
        return stored

    def delete(self, key: SessionKey) -> None:
        """Nothing of it is left."""
        self._unuse("session = ?", (key,))
        places.forget(self._connection, key)
        for table in ("sightings", "snapshots"):
            self._connection.execute(f"DELETE FROM {table} WHERE session = ?", (key,))  # noqa: S608  -- names from here
        self._connection.execute("DELETE FROM sessions WHERE key = ?", (key,))

    # --- private -------------------------------------------------------------------------------------------------------

    @contextmanager
    def _placing(self) -> Iterator[None]:
        """Rows that are written inside are found afterwards."""
        before = places.newest_number(self._connection)
        yield
        places.add(self._connection, before)

    def _unuse(self, where: str, values: tuple[int, ...] | Mapping[str, int | str]) -> None:
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
def _inserting(count: int, epoch: int, written: int) -> str:
    """The statement that keeps so many rows. What is the same in all of them stands in it: a value to bind costs more than one that is there."""
    columns = ", ".join((*Row._fields, "epoch", "format"))
    values = ", ".join((*"?" * len(Row._fields), str(epoch), str(written)))
    return f"INSERT INTO records ({columns}) VALUES {', '.join([f'({values})'] * count)}"  # noqa: S608  -- names and numbers from here


@functools.cache
def _marking(count: int) -> str:
    """The statement that indexes so many sightings."""
    return f"INSERT OR IGNORE INTO sightings (session, sighting, seq) VALUES {', '.join(['(?, ?, ?)'] * count)}"  # noqa: S608  -- from here


def _sorted(heard: Iterator[tuple[str | bytes, int]]) -> list[tuple[str | bytes, int]]:
    """As the index has them: text before bytes, which cannot be compared with it and are rare."""
    found = list(heard)
    try:
        found.sort()
    except TypeError:
        found.sort(key=lambda each: (isinstance(each[0], bytes), *each))
    return found


@functools.cache
def _copying(part: str) -> str:
    """The statement that copies the rows that this part of the index has."""
    return f"""
        INSERT INTO records (session, first, seq, at, kind, sighting, epoch, format, blobs, body)
        SELECT :copy, r.first, r.seq, r.at, r.kind, r.sighting, :epoch, r.format, r.blobs, r.body
        FROM {part} p CROSS JOIN records r ON r.number = p.number AND r.session = p.session AND r.seq = p.seq
        WHERE p.session = :session AND p.seq <= :upto ORDER BY p.seq
    """  # noqa: S608  -- names from here


_COPIES = (
    """
    INSERT INTO sightings (session, sighting, seq)
    SELECT :copy, sighting, seq FROM sightings WHERE session = :session AND seq <= :upto
    """,
    """
    INSERT INTO snapshots (session, cursor, epoch, format, blobs, body)
    SELECT :copy, cursor, :epoch, format, blobs, body FROM snapshots WHERE session = :session AND cursor <= :upto
    """,
    """
    INSERT INTO blob_uses (session, seq, hash)
    SELECT :copy, seq, hash FROM blob_uses WHERE session = :session AND seq BETWEEN 1 AND :upto
    """,
    """
    INSERT INTO blob_uses (session, seq, hash)
    SELECT :copy, 0, hash FROM blob_uses u JOIN snapshots s ON s.session = u.session
    WHERE u.session = :session AND u.seq = 0 AND s.cursor <= :upto
    """,
)
"""What a fork takes over, up to a cursor."""
