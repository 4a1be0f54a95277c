"""A client of the simulator, with what every request needs."""

from __future__ import annotations

import pytest

from .kit import HEADERS


@pytest.fixture
async def client(simulator):
    async with simulator.client(headers=HEADERS) as client:
        yield client
