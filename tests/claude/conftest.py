"""Our client against the simulator, in memory."""

from __future__ import annotations

import pytest

from .kit import client_of


@pytest.fixture
async def client(simulator):
    async with client_of(simulator) as client:
        yield client
