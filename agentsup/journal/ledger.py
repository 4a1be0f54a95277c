"""The one connection that writes: transactions, and all SQL that changes something. Synchronous; one thread at a time."""

from __future__ import annotations

import errno
import functools
import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path
from typing import Literal

from agentsup.errors import SpecError
from agentsup.ids import Cursor, SessionId
from agentsup.journal import codec, queries
from agentsup.journal.base import SessionKey, Stored, no_such_session
from agentsup.journal.blobs import Blob
from agentsup.journal.entries import Entries
from agentsup.journal.errors import Fenced, StoreCorrupt, StoreError, StoreFailed
from agentsup.journal.lease import Hold, Holder
from agentsup.journal.rows import RUN, Body, Row, part_of, rows_of
from agentsup.journal.schema import migrate
from agentsup.talk.events import Kept

BUSY = 1.0
"""Seconds SQLite itself waits for a lock of another program's, in the thread; then it is our turn to wait, where it can be cancelled."""

AT_ONCE = 128
"""Rows in one statement, at most. SQLite runs without Python's lock, and has to wait for it again after every statement: with one row each, a
busy program would let through no more than a few hundred a second."""

CACHE = 16 * 1024
"""KB of pages the writer remembers: where new records go in the indexes of some thousand sessions. SQLite's own 2 MB are for less."""

LOG = 4000
"""Pages of the log after which they are copied into the file, in the commit that fills it. Four times SQLite's own number: a page of the index is
written again in almost every batch, and copied once for all of them; the longest commits get shorter by a third."""

Synchronous = Literal["full", "normal"]


class Ledger:
    """A store that is ours, for writing."""

    def __init__(self, path: Path, connection: sqlite3.Connection, hold: Hold, epoch: int) -> None:
        self.path = path
        self.epoch = epoch
        self._connection = connection
        self._hold = hold
        self._file = path.stat()
        self._log = _log_of(path).stat()

    @classmethod
    def open(cls, path: Path, synchronous: Synchronous) -> tuple[Ledger, Holder | None]:
        """Take the store and bring it to this version; also, who had it and did not give it back.

        Raises:
            StoreError, sqlite3.Error, OSError: it cannot be had; nothing is left open.
        """
        hold = Hold.take(path, Holder.me(time.time()))
        connection = None
        try:
            _be_there(path)
            connection = _connected(path, synchronous)
            with _transaction(connection):
                migrate(connection, path)
                epoch, left = _take_over(connection, hold.holder)
            queries.look_at(connection)
            return cls(path, connection, hold, epoch), left
        except BaseException:
            if connection is not None:
                connection.close()
            hold.give_back()
            raise

    def close(self) -> None:
        """Give the store back."""
        try:
            # When full or broken it cannot be said; then the next one takes over what was not given back.
            with suppress(sqlite3.Error, StoreError), self.transaction():
                self._connection.execute("UPDATE lease SET released_at = ?", (time.time(),))
        finally:
            self._connection.close()
            self._hold.give_back()

    def limit(self, pages: int) -> None:
        """Let the store have no more than so many pages: a disk that is full, for tests."""
        self._connection.execute(f"PRAGMA max_page_count = {pages}")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of what is done inside, or nothing; and only while the store is ours.

        Raises:
            Fenced: it is somebody else's.
            StoreFailed: its file is not where it was.
        """
        self._check_file()
        with _transaction(self._connection):
            row = self._connection.execute("SELECT epoch, holder FROM lease").fetchone()
            if row is None or row[0] != self.epoch:
                who = None if row is None else Holder.of(row[1])
                raise Fenced(f"the store {self.path} was taken over by {who or 'somebody'}: this runtime must end")
            yield

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """A part of a transaction: if it raises, nothing of it is left, and the rest can go on."""
        self._connection.execute("SAVEPOINT part")
        try:
            yield
        except BaseException:
            if self._connection.in_transaction:  # some errors end all of it by themselves
                self._connection.execute("ROLLBACK TO part")
            raise
        self._connection.execute("RELEASE part")

    def _check_file(self) -> None:
        """SQLite would go on writing to a file that was deleted or replaced, and nobody would ever read it."""
        if os.getpid() != self._hold.holder.pid:
            raise StoreFailed(f"the store {self.path} was opened by the process this one was forked from; open it anew")
        if not _is_there(self.path, self._file):
            raise StoreFailed(f"the store {self.path} was moved, deleted or replaced while it was open: put it back")
        if not _is_there(_log_of(self.path), self._log):
            self._connection.execute("PRAGMA wal_checkpoint")  # all that is durable is in the store itself then
            raise StoreFailed(
                f"the log of the store {self.path} was moved, deleted or replaced while it was open: "
                "put it back, or open the store anew"
            )

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


def _log_of(path: Path) -> Path:
    """SQLite's file of what is not in the store itself yet; it is there, and the same, as long as the store is open."""
    return path.with_name(path.name + "-wal")


def _is_there(path: Path, file: os.stat_result) -> bool:
    try:
        return os.path.samestat(file, path.stat())
    except FileNotFoundError:
        return False


def _be_there(path: Path) -> None:
    """Make the file if there is none, for nobody else to read: conversations are in it.

    One that is there is not opened but by SQLite: closing it again would take away the locks SQLite has on it in this process.
    """
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "is a folder")
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    if path.stat().st_nlink > 1:  # by each name a lock and a log of its own: two writers would not see each other
        raise StoreFailed(f"the store {path} has more than one name (hard links): leave it one, or copy it")


def _connected(path: Path, synchronous: Synchronous) -> sqlite3.Connection:
    """A connection that writes, each transaction durable as far as was asked for."""
    connection = sqlite3.connect(path, timeout=BUSY, isolation_level=None, check_same_thread=False)
    try:
        _set_up(connection, path, synchronous)
    except BaseException:
        connection.close()
        raise
    return connection


def _set_up(connection: sqlite3.Connection, path: Path, synchronous: Synchronous) -> None:
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise StoreFailed(f"the store {path}: its disk cannot do write-ahead logging ({mode}): use a local disk")
    connection.execute(f"PRAGMA synchronous = {synchronous}")
    connection.execute("PRAGMA fullfsync = ON")  # for systems whose fsync does not reach the disk; nothing elsewhere
    connection.execute(f"PRAGMA cache_size = {-CACHE}")
    connection.execute(f"PRAGMA wal_autocheckpoint = {LOG}")
    connection.execute(f"PRAGMA journal_size_limit = {64 * 1024 * 1024}")  # after a burst the log gives its room back


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # some errors end it by themselves
            connection.execute("ROLLBACK")
        raise


def _take_over(connection: sqlite3.Connection, holder: Holder) -> tuple[int, Holder | None]:
    """The next epoch, and who did not give the last one back."""
    found = connection.execute("SELECT epoch, holder, released_at FROM lease").fetchone()
    epoch = 1 if found is None else found[0] + 1
    connection.execute(
        "INSERT OR REPLACE INTO lease (only, epoch, holder, taken_at, released_at) VALUES (1, ?, ?, ?, NULL)",
        (epoch, holder.as_text(), holder.since),
    )
    return epoch, Holder.of(found[1]) if found is not None and found[2] is None else None
