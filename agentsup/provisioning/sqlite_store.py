"""A store in an SQLite file: for many processes of one machine, and many entries."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any, TypeVar

import trio

T = TypeVar("T")

_BUSY_TIMEOUT = 5.0
"""Seconds to wait for another process's transaction; each is one small row."""

_TABLE = "CREATE TABLE IF NOT EXISTS agentsup_provisioned (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID"


class SQLiteStore:
    """Remembers in a table of its own, `agentsup_provisioned`, of an SQLite database; other tables in it are left alone.

    Every operation opens the file, is one transaction, and closes it: nothing is held between, and any task, thread or process may use it.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = os.fspath(path)

    def __repr__(self) -> str:
        return f"<SQLiteStore {self._path}>"

    async def get(self, key: str) -> Mapping[str, Any] | None:
        """The value, None if there is none."""
        rows = await self._run(
            lambda db: db.execute("SELECT key, value FROM agentsup_provisioned WHERE key = ?", (key,))
        )
        return _objects(rows).get(key)

    async def put(self, key: str, value: Mapping[str, Any]) -> None:
        """Keep the value."""
        row = (key, json.dumps(value, sort_keys=True))
        await self._run(lambda db: db.execute("INSERT OR REPLACE INTO agentsup_provisioned VALUES (?, ?)", row))

    async def delete(self, key: str) -> None:
        """Forget it."""
        await self._run(lambda db: db.execute("DELETE FROM agentsup_provisioned WHERE key = ?", (key,)))

    async def scan(self, prefix: str) -> Mapping[str, Mapping[str, Any]]:
        """Every key that begins so, with its value."""
        query = "SELECT key, value FROM agentsup_provisioned WHERE substr(key, 1, ?) = ?"
        return _objects(await self._run(lambda db: db.execute(query, (len(prefix), prefix))))

    async def _run(self, ask: Callable[[sqlite3.Connection], sqlite3.Cursor]) -> list[tuple[str, str]]:
        def once() -> list[tuple[str, str]]:
            with closing(sqlite3.connect(self._path, timeout=_BUSY_TIMEOUT)) as db, db:
                db.execute(_TABLE)
                return ask(db).fetchall()

        return await trio.to_thread.run_sync(once)


def _objects(rows: list[tuple[str, str]]) -> dict[str, Mapping[str, Any]]:
    """The rows whose value is a JSON object; another one was not written by us."""
    found: dict[str, Mapping[str, Any]] = {}
    for key, text in rows:
        try:
            value = json.loads(text)
        except ValueError:
            continue
        if isinstance(value, dict):
            found[key] = value
    return found
