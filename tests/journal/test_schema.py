"""A store of an older version becomes one of this, wholly or not at all."""

from __future__ import annotations

import sqlite3

import pytest

from agentsup.journal import schema
from agentsup.journal.errors import StoreFailed
from agentsup.journal.sqlite import SQLiteJournal
from tests.journal.kit import check_index, entries, keep, register, store_of_the_first_version, writing


def add_a_column(connection: sqlite3.Connection) -> None:
    connection.execute("ALTER TABLE sessions ADD COLUMN colour TEXT NOT NULL DEFAULT 'blue'")


def fail_half_way(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TABLE half (way)")
    connection.execute("SELECT nonsense")


async def test_migrations_are_made_in_order_and_once(tmp_path, monkeypatch):
    """What is in the store stays."""
    path = tmp_path / "store.db"
    async with writing(SQLiteJournal(path)) as journal:
        await keep(journal, (await register(journal)).key, entries(1, 3))
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, add_a_column))
    for _ in range(2):
        async with writing(SQLiteJournal(path)) as journal:
            assert (await journal.find("s")).last == 3

    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA user_version").fetchone() == (len(schema.MIGRATIONS),)
    assert connection.execute("SELECT colour FROM sessions").fetchall() == [("blue",)]
    connection.close()


async def test_a_store_of_the_first_version_is_read_and_written_on(tmp_path):
    """Its records were found by one index; none is lost, none comes twice, and new ones stand behind them."""
    path = tmp_path / "store.db"
    # runs and single records, by turns
    store_of_the_first_version(path, "ab", [(1, 1, 2), (2, 1, 1), (1, 3, 3), (2, 2, 4)])

    async with writing(SQLiteJournal(path)) as journal:
        found = [await journal.find(name) for name in "ab"]
        await keep(journal, found[0].key, entries(4, 5))
        assert [stored.last for stored in found] == [3, 4]
        assert [stored.last for stored in await journal.sessions()] == [5, 4]
        assert await journal.read(found[0].key, after=0, limit=10) == entries(1, 5)
        assert (await journal.load(found[1].key)).entries == entries(1, 4)
    check_index(path)


async def test_a_migration_that_fails_leaves_the_store_as_it_was(tmp_path, monkeypatch):
    """The version before can still open it."""
    path = tmp_path / "store.db"
    async with writing(SQLiteJournal(path)) as journal:
        await keep(journal, (await register(journal)).key, entries(1, 3))
    with monkeypatch.context() as patch:
        patch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, add_a_column, fail_half_way))
        with pytest.raises(StoreFailed):
            await SQLiteJournal(path).open()

    async with writing(SQLiteJournal(path)) as journal:
        assert (await journal.find("s")).last == 3
