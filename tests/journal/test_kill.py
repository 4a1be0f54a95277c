"""Killed at any moment (SIGKILL, no farewell): what was said to be committed is there, in order, and nothing is half there."""

from __future__ import annotations

import random
import select
import sqlite3
from contextlib import closing

import pytest

from agentsup.journal import places
from agentsup.journal.sqlite import SQLiteJournal
from tests.journal.child import SESSIONS, running
from tests.journal.kit import check_index, entries, store_of_the_first_version, writing

KILLS = 6


@pytest.mark.parametrize(("synchronous", "new"), [("full", places.NEW), ("normal", places.NEW), ("full", 20)])
async def test_what_was_committed_survives_a_kill(tmp_path, synchronous, new):
    """Again and again with the same store: each next process goes on where the one before was cut off; also when the small part of the
    index goes over into the large one in every few commits.
    """
    path = tmp_path / "store.db"
    chance = random.Random(f"{synchronous} {new}")
    told: dict[str, int] = {}
    for epoch in range(1, KILLS + 1):
        with running(path, "write", synchronous, new) as child:
            lines = [child.stdout.readline()]
            select.select([], [], [], chance.uniform(0.0, 0.2))
            child.kill()
            lines += child.stdout
        for line in lines:
            if line.endswith("\n"):
                name, cursor = line.split()
                assert int(cursor) > told.get(name, 0)
                told[name] = int(cursor)

        assert check_index(path) < new
        async with writing(SQLiteJournal(path, synchronous=synchronous)) as journal:
            stored = {one.session_id: one for one in await journal.sessions()}
            assert len(stored) == SESSIONS
            assert journal._open.ledger.epoch == 2 * epoch
            for name, one in stored.items():
                assert one.last >= told.get(name, 0)
                assert await journal.read(one.key, after=0, limit=1_000_000) == entries(1, one.last)
                known = await journal.known(one.key, {f"event-{one.last}", f"event-{one.last + 1}"})
                assert known == {f"event-{one.last}"} - {"event-0"}


async def test_a_kill_while_a_store_is_brought_to_this_version(tmp_path):
    """It is of the old version or of this one afterwards, with all that was in it, and the next opening brings it here."""
    path = tmp_path / "store.db"
    sessions, rows = 10, 1500
    runs = [(key, first, first + 1) for first in range(1, 2 * rows, 2) for key in range(1, sessions + 1)]
    store_of_the_first_version(path, (f"s{key}" for key in range(sessions)), runs)
    chance = random.Random(1)
    for _ in range(KILLS // 2):
        with running(path, "migrate") as child:
            assert child.stdout.readline() == "opening\n"
            select.select([], [], [], chance.uniform(0.0, 0.06))
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert connection.execute("PRAGMA user_version").fetchone()[0] in (1, 2)
            assert connection.execute("SELECT count(*) FROM records").fetchone() == (sessions * rows,)

    async with writing(SQLiteJournal(path)) as journal:
        for stored in await journal.sessions():
            assert await journal.read(stored.key, after=0, limit=10 * rows) == entries(1, 2 * rows)
    assert check_index(path) == 0
