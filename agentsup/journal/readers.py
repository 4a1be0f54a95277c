"""The connections that read: a few, each used by one thread at a time, beside the one that writes and never in its way."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import trio

from agentsup.journal.codec import Unreadable
from agentsup.journal.errors import StoreCorrupt, StoreFailed
from agentsup.journal.faults import told_of
from agentsup.journal.file import BUSY

T = TypeVar("T")

AT_ONCE = 4
"""Reads at the same time: when many sessions are loaded, decoding holds Python's lock most of the time, and more would only queue for it."""


class Readers:
    """Asks a store in threads."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._limit = trio.CapacityLimiter(AT_ONCE)
        self._idle: list[sqlite3.Connection] = []
        self._closed = False

    async def ask(self, query: Callable[..., T], *args: Any) -> T:
        """What the query finds.

        Raises:
            StoreError: the store cannot be read, or something in it cannot.
        """
        return await trio.to_thread.run_sync(self._ask, query, args, limiter=self._limit)

    def close(self) -> None:
        """No more questions; a connection in use closes when it has its answer."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()

    def _ask(self, query: Callable[..., T], args: tuple[Any, ...]) -> T:
        if self._closed:
            raise StoreFailed(f"the store {self._path} is closed")
        with told_of(self._path):
            connection = self._idle.pop() if self._idle else self._connected()
            try:
                found = query(connection, *args)
            except Unreadable as exc:
                self._back(connection)
                raise StoreCorrupt(f"the store {self._path}: {exc}") from exc
            except BaseException:
                connection.close()
                raise
            self._back(connection)
            return found

    def _back(self, connection: sqlite3.Connection) -> None:
        self._idle.append(connection)
        if self._closed:
            self.close()

    def _connected(self) -> sqlite3.Connection:
        # Not made if it is not there: a store that was deleted must not come back empty.
        uri = f"{self._path.as_uri()}?mode=rw"
        connection = sqlite3.connect(uri, uri=True, timeout=BUSY, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA query_only = ON")
        return connection
