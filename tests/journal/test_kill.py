"""Killed at any moment (SIGKILL, no farewell): what was said to be committed is there, in order, and nothing is half there."""

from __future__ import annotations

import random
import select

import pytest

from agentsup.journal.sqlite import SQLiteJournal
from tests.journal.child import SESSIONS, running
from tests.journal.kit import entries, writing

KILLS = 6


@pytest.mark.parametrize("synchronous", ["full", "normal"])
async def test_what_was_committed_survives_a_kill(tmp_path, synchronous):
    """Again and again with the same store: each next process goes on where the one before was cut off."""
    path = tmp_path / "store.db"
    chance = random.Random(synchronous)
    told: dict[str, int] = {}
    for epoch in range(1, KILLS + 1):
        with running(path, "write", synchronous) as child:
            lines = [child.stdout.readline()]
            select.select([], [], [], chance.uniform(0.0, 0.2))
            child.kill()
            lines += child.stdout
        for line in lines:
            if line.endswith("\n"):
                name, cursor = line.split()
                assert int(cursor) > told.get(name, 0)
                told[name] = int(cursor)

        async with writing(SQLiteJournal(path, synchronous=synchronous)) as journal:
            stored = {one.session_id: one for one in await journal.sessions()}
            assert len(stored) == SESSIONS
            assert journal._open.ledger.epoch == 2 * epoch
            for name, one in stored.items():
                assert one.last >= told.get(name, 0)
                assert await journal.read(one.key, after=0, limit=1_000_000) == entries(1, one.last)
                known = await journal.known(one.key, {f"event-{one.last}", f"event-{one.last + 1}"})
                assert known == {f"event-{one.last}"} - {"event-0"}
