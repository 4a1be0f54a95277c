"""What every test of this suite can rely on."""

from __future__ import annotations

import os
import signal

import hypothesis
import pytest

from agentsup.testing import open_simulator


@pytest.fixture
async def simulator():
    """The other side of the wire, in memory."""
    async with open_simulator() as simulator:
        yield simulator


hypothesis.settings.register_profile(
    "here",
    deadline=None,  # how long an example takes says how busy the machine is
    suppress_health_check=[hypothesis.HealthCheck.too_slow],  # likewise
)
hypothesis.settings.load_profile("here")


def pytest_xdist_auto_num_workers():
    """One more than there are cores: a third of the suite's time is spent waiting for processes."""
    return (os.cpu_count() or 1) + 1


def pytest_configure():
    """Ctrl-C works, here and in the processes that tests start: a shell that runs the suite in the background has it ignored."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
