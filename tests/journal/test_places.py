"""The index in two parts: the small one stays small whatever happens, and a record that it lost is said to be lost."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

import pytest

from agentsup.errors import SpecError
from agentsup.ids import RequestId, SessionId
from agentsup.journal import places
from agentsup.journal.errors import StoreCorrupt
from agentsup.journal.ledger import Ledger
from agentsup.journal.rows import body_of, rows_of
from agentsup.journal.sqlite import SQLiteJournal
from agentsup.talk import events as ev
from tests.journal.kit import NOW, check_index, entries, entry, keep, register, state, together, writing

NEW = 50


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(places, "NEW", NEW)


@contextmanager
def ledger_of(path) -> Iterator[Ledger]:
    ledger, _ = Ledger.open(path, "normal")
    try:
        yield ledger
    finally:
        ledger.close()


def rows(key: int, first: int, last: int) -> list[object]:
    """A row for each record."""
    return [value for cursor in range(first, last + 1) for value in rows_of(key, together([entry(cursor)]))[0]]


class Bug(Exception):
    """What makes a job fail."""


@pytest.mark.parametrize("part", ["job", "batch"])
def test_the_small_part_stays_small_when_what_was_written_is_taken_back(tmp_path, small, part):
    """It went over into the large one within what was taken back, so it is as full as before."""
    path = tmp_path / "store.db"
    with ledger_of(path) as ledger:
        with ledger.transaction():
            keys = [ledger.register(SessionId(name), "p", "{}", NOW).key for name in "ab"]
        for last in range(1, 10 * NEW, 10):
            with ledger.transaction():
                ledger.append(rows(keys[0], last, last + 9))
                if part == "job":
                    with suppress(Bug), ledger.savepoint():
                        ledger.append(rows(keys[1], 1, 2 * NEW))
                        raise Bug
            if part == "batch":
                with suppress(Bug), ledger.transaction():
                    ledger.append(rows(keys[1], 1, 2 * NEW))
                    raise Bug
            assert check_index(path) < NEW


def test_the_small_part_stays_small_over_forks_compactions_and_deletions(tmp_path, small):
    """And what is deleted makes room for what comes: the file does not grow by copies that are deleted again."""
    path = tmp_path / "store.db"
    with ledger_of(path) as ledger:
        with ledger.transaction():
            key = ledger.register(SessionId("s"), "p", "{}", NOW).key
            ledger.append(rows(key, 1, 6 * NEW))
        sizes = []
        for number in range(1, 12):
            with ledger.transaction():
                copy = ledger.fork(key, SessionId("copy"), 6 * NEW - number, NOW, ev.Forked(source="s", cursor=1)).key
            check_index(path)
            with ledger.transaction():
                ledger.snapshot(copy, 5 * NEW, body_of(state()))
                assert ledger.compact(copy, 5 * NEW) == 5 * NEW
            assert check_index(path) < NEW
            with ledger.transaction():
                ledger.delete(copy)
            assert check_index(path) < NEW
            sizes.append(ledger._connection.execute("PRAGMA page_count").fetchone())
        assert sizes[1:] == sizes[:-1]


def test_no_room_while_the_small_part_goes_over(tmp_path, small):
    """Nothing of the batch is there, all that was told is, and with room again it is written."""
    path = tmp_path / "store.db"
    with ledger_of(path) as ledger:
        with ledger.transaction():
            keys = [ledger.register(SessionId(f"s{number}"), "p", "{}", NOW).key for number in range(20)]
        last, failures = 0, 0
        while failures < 6:
            ledger.limit(ledger._connection.execute("PRAGMA page_count").fetchone()[0] + failures % 3)
            try:
                with ledger.transaction():
                    ledger.append([value for key in keys for value in rows(key, last + 1, last + 2)])
            except sqlite3.OperationalError:
                failures += 1
                assert check_index(path) < NEW
                ledger.limit(1_000_000)
                with ledger.transaction():
                    ledger.append([value for key in keys for value in rows(key, last + 1, last + 2)])
            last += 2
        found = ledger._connection.execute(
            "SELECT session, count(*), max(seq) FROM records GROUP BY session"
        ).fetchall()
    assert found == [(key, last, last) for key in keys]


# --- damage -----------------------------------------------------------------------------------------------------------

_OF_1 = "session = 1 AND seq"

DAMAGE = {
    "a place in the middle": f"DELETE FROM places WHERE {_OF_1} = 3",
    "the first place": f"DELETE FROM places WHERE {_OF_1} = 1",
    "the end of the large part": f"DELETE FROM places WHERE {_OF_1} >= 5",
    "the beginning of the small part": f"DELETE FROM new_places WHERE {_OF_1} = 8",
    "a record in the middle": f"DELETE FROM records WHERE {_OF_1} = 3",
    "the last record": f"DELETE FROM records WHERE {_OF_1} = 9",
    "another session's record": f"UPDATE places SET number = (SELECT number FROM records WHERE session = 2) WHERE {_OF_1} = 3",
    "another record of the session": f"UPDATE places SET number = (SELECT number FROM records WHERE {_OF_1} = 4) WHERE {_OF_1} = 3",
    "a record twice": f"UPDATE records SET first = 4 WHERE {_OF_1} = 5",
}


async def damaged(path, sql: str) -> None:
    """A store with two sessions, the first with 9 records in both parts of the index, after this was done to it."""
    async with writing(SQLiteJournal(path)) as journal:
        for name in "ab":
            await register(journal, name)
        usual, places.NEW = places.NEW, 1
        try:
            await keep(journal, 2, entries(1, 1))
            for cursor in range(1, 8):
                await keep(journal, 1, entries(cursor, cursor))
        finally:
            places.NEW = usual
        for cursor in (8, 9):
            await keep(journal, 1, entries(cursor, cursor))
    assert check_index(path) == 2
    with closing(sqlite3.connect(path)) as connection, connection:
        assert connection.execute(sql).rowcount
    connection.close()


@pytest.mark.parametrize("sql", DAMAGE.values(), ids=DAMAGE)
async def test_a_record_that_is_lost_is_said_to_be_lost(tmp_path, sql, monkeypatch):
    """Not passed over, whatever asks for it; it concerns its session only, which can still be listed, and deleted."""
    path = tmp_path / "store.db"
    await damaged(path, sql)
    monkeypatch.setattr(places, "LOOKED_AT", 0)  # as if many others had been written since

    async with writing(SQLiteJournal(path)) as journal:
        assert [stored.last for stored in await journal.sessions()] == [9, 1]
        said = r"store\.db: the record \d of the session 1 (is missing|is there twice)"
        for asking in (
            journal.load(1),
            journal.read(1, after=0, limit=100),
            journal.known(1, {"event-9"}),
        ):
            with pytest.raises(StoreCorrupt, match=said):
                await asking
        with pytest.raises(StoreCorrupt, match=said):
            [line async for line in journal.export(1)]
        with pytest.raises(StoreCorrupt, match=r"store\.db: of the 9 records up to 9 of the session 1 \d+ are there"):
            await journal.fork(1, "c", upto=9, at=NOW)
        assert journal.trouble is None
        assert await journal.find("c") is None

        assert (await journal.load(2)).entries == entries(1, 1)
        await keep(journal, 2, entries(2, 2))
        await journal.delete(1)
        assert await journal.read(2, after=0, limit=100) == entries(1, 2)
        assert [stored.session_id for stored in await journal.sessions()] == ["b"]


async def test_a_snapshot_knows_what_must_be_there(tmp_path, monkeypatch):
    """The end of a session cannot be missed by its cursors; but what its snapshot was made of was there."""
    path = tmp_path / "store.db"
    async with writing(SQLiteJournal(path)) as journal:
        key = (await register(journal)).key
        await keep(journal, key, entries(1, 4))
        await keep(journal, key, entries(5, 6))
        journal.snapshot(key, 6, state())
        await journal.flush()
        assert (await journal.load(key)).durable == 6
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM new_places WHERE seq = 6")
    monkeypatch.setattr(places, "LOOKED_AT", 0)

    async with writing(SQLiteJournal(path)) as journal:
        assert (await journal.find("s")).last == 4
        with pytest.raises(StoreCorrupt, match=r"the record 6 of the session 1 is missing"):
            await journal.load(key)


async def test_an_end_of_a_request_that_is_lost_is_noticed(tmp_path):
    """What a compaction leaves has gaps, and they are no errors; a record that the index knows and that is not there is one."""
    path = tmp_path / "store.db"
    over = ev.RequestEnded(request_id=RequestId("r"), terminal="end_turn")
    kept = (entry(2, over), entry(4, over), *entries(7, 8))
    async with writing(SQLiteJournal(path)) as journal:
        key = (await register(journal)).key
        await keep(journal, key, tuple(entry(cursor, over if cursor in (2, 4) else None) for cursor in range(1, 9)))
        journal.snapshot(key, 7, state())
        assert await journal.compact(key, 6) == 4
        assert await journal.read(key, after=0, limit=9) == kept
        assert await journal.read(key, after=3, limit=9) == kept[1:]
        copy = (await journal.fork(key, "c", upto=8, at=NOW)).key
        assert await journal.read(copy, after=0, limit=9) == kept
    check_index(path)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM records WHERE session = 1 AND seq = 2")

    async with writing(SQLiteJournal(path)) as journal:
        with pytest.raises(StoreCorrupt, match="the record 2 of the session 1 is missing"):
            await journal.read(key, after=0, limit=9)
        with pytest.raises(
            StoreCorrupt, match="before the record 7 of the session 1 some ends of requests are missing"
        ):
            await journal.fork(key, "d", upto=8, at=NOW)
        assert (await journal.load(key)).entries == entries(8, 8)
        assert await journal.read(copy, after=0, limit=9) == kept


async def test_a_compaction_within_a_run_that_cannot_be_read_concerns_who_asked(tmp_path):
    """It is an error of the store, with its name, as for whoever reads; nothing goes, and the writer goes on."""
    path = tmp_path / "store.db"
    async with writing(SQLiteJournal(path)) as journal:
        key = (await register(journal)).key
        await keep(journal, key, entries(1, 6))
        journal.snapshot(key, 6, state())
        await journal.flush()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE records SET body = 'nonsense'")

    async with writing(SQLiteJournal(path)) as journal:
        await journal.find("s")
        with pytest.raises(StoreCorrupt, match=r"store\.db: "):
            await journal.compact(key, 3)
        with pytest.raises(StoreCorrupt, match=r"store\.db: "):
            await journal.fork(key, "c", upto=3, at=NOW)
        with pytest.raises(SpecError):
            await journal.fork(key, "c", upto=30, at=NOW)
        await keep(journal, key, entries(7, 7))
        assert await journal.read(key, after=6, limit=10) == entries(7, 7)


@pytest.mark.parametrize("lost", ["places", "new_places", "records"])
async def test_a_page_that_the_disk_did_not_write_is_noticed(tmp_path, lost):
    """It is as it was before: sound in itself, so SQLite has nothing to object to. At the opening, or when the records are asked for."""
    path, before = tmp_path / "store.db", tmp_path / "before.db"
    usual, places.NEW = places.NEW, 4
    try:
        for first in (1, 6):
            async with writing(SQLiteJournal(path)) as journal:
                key = (await journal.find("s") or await register(journal, "s")).key
                for cursor in range(first, first + 5):
                    await keep(journal, key, entries(cursor, cursor))
            if first == 1:
                shutil.copy(path, before)
    finally:
        places.NEW = usual
    with closing(sqlite3.connect(path)) as connection:
        (page,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (lost,)).fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    old = before.read_bytes()[(page - 1) * size : page * size]
    bytes_now = bytearray(path.read_bytes())
    assert bytes_now[(page - 1) * size : page * size] != old
    bytes_now[(page - 1) * size : page * size] = old
    path.write_bytes(bytes_now)

    async def ask() -> None:
        await journal.open()
        await journal.load((await journal.find("s")).key)

    journal = SQLiteJournal(path)
    with pytest.raises(StoreCorrupt, match=r"store\.db: the record \d+ of the session 1 is (missing|in no index)"):
        await ask()
    await journal.aclose()
