"""What every test of this suite can rely on."""

from __future__ import annotations

import signal

import pytest

from agentsup.testing import open_simulator


@pytest.fixture
async def simulator():
    """The other side of the wire, in memory."""
    async with open_simulator() as simulator:
        yield simulator


def pytest_configure():
    """Ctrl-C works, here and in the processes that tests start: a shell that runs the suite in the background has it ignored."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
