"""Our client against the simulator, in memory."""

from __future__ import annotations

import pytest

from agentsup.testing import open_simulator

from .kit import client_of


@pytest.fixture
async def simulator():
    async with open_simulator() as simulator:
        yield simulator


@pytest.fixture
async def client(simulator):
    async with client_of(simulator) as client:
        yield client
