"""Every journal there is, opened and with its writer at work."""

from __future__ import annotations

import pytest

from agentsup.journal.memory import MemoryJournal

KINDS = ["memory"]


@pytest.fixture(params=KINDS)
async def journal(request, tmp_path, nursery):
    """A journal of each kind."""
    opened = MemoryJournal()
    await opened.open()
    nursery.start_soon(opened.run_writer)
    yield opened
    nursery.cancel_scope.cancel()
    await opened.aclose()
