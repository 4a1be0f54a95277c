"""A simulator in memory for every test that asks for a client of it."""

from __future__ import annotations

import pytest

from agentsup import sim

from .kit import HEADERS


@pytest.fixture
async def simulator():
    async with sim.open_simulator() as simulator:
        yield simulator


@pytest.fixture
async def client(simulator):
    async with simulator.client(headers=HEADERS) as client:
        yield client
