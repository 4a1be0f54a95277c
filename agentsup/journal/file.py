"""The store as a file that is ours: the one connection that writes to it, and its transactions. Synchronous; one thread at a time."""

from __future__ import annotations

import errno
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal, Self

from agentsup.journal import queries
from agentsup.journal.codec import Unreadable
from agentsup.journal.errors import Fenced, StoreCorrupt, StoreError, StoreFailed
from agentsup.journal.lease import Hold, Holder
from agentsup.journal.schema import migrate

BUSY = 1.0
"""Seconds SQLite itself waits for a lock of another program's, in the thread; then it is our turn to wait, where it can be cancelled."""

CACHE = 16 * 1024
"""KB of pages the writer remembers: where new records go in the indexes of some thousand sessions. SQLite's own 2 MB are for less."""

LOG = 4000
"""Pages of the log after which they are copied into the file, in the commit that fills it. Four times SQLite's own number: a page of the index is
written again in almost every batch, and copied once for all of them; the longest commits get shorter by a third."""

Synchronous = Literal["full", "normal"]


class StoreFile:
    """A store that is ours, for as long as it is open."""

    def __init__(self, path: Path, connection: sqlite3.Connection, hold: Hold, epoch: int) -> None:
        self.path = path
        self.epoch = epoch
        self._connection = connection
        self._hold = hold
        self._file = path.stat()
        self._log = _log_of(path).stat()

    @classmethod
    def open(cls, path: Path, synchronous: Synchronous) -> tuple[Self, Holder | None]:
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
            try:
                queries.look_at(connection)
            except Unreadable as exc:
                raise StoreCorrupt(f"the store {path}: {exc}; restore a copy") from exc
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
