"""Every journal there is, opened and with its writer at work."""

from __future__ import annotations

import pytest

from agentsup.journal.memory import MemoryJournal
from agentsup.journal.sqlite import SQLiteJournal

KINDS = {
    "memory": lambda folder: MemoryJournal(),
    "sqlite-full": lambda folder: SQLiteJournal(folder / "store.db"),
    "sqlite-normal": lambda folder: SQLiteJournal(folder / "store.db", synchronous="normal"),
}


@pytest.fixture(params=KINDS)
async def journal(request, tmp_path, nursery):
    """A journal of each kind."""
    opened = KINDS[request.param](tmp_path)
    await opened.open()
    nursery.start_soon(opened.run_writer)
    yield opened
    nursery.cancel_scope.cancel()
    await opened.aclose()
