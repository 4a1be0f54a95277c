"""A simulator in memory for every test that asks for a client of it."""

from __future__ import annotations

import pytest

from agentsup import sim

from .kit import HEADERS


@pytest.fixture
async def client():
    async with sim.open_simulator() as simulator, simulator.client(headers=HEADERS) as client:
        yield client
