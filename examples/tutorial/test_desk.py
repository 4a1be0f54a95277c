"""Step 5: the service's own tests, with the simulator and a clock that jumps over every wait."""

from __future__ import annotations

import pytest
import trio
from step1_ask import open_provider
from step4_service import SupportDesk

import agentsup


@pytest.fixture
async def desk():
    """A desk that works, and delivers."""
    async with open_provider() as provider, trio.open_nursery() as nursery, agentsup.open_runtime() as runtime:
        spec = agentsup.SessionSpec(provider=provider, limits=agentsup.Limits(timeout=60.0))
        desk = SupportDesk(runtime, spec)
        await nursery.start(desk.deliver)
        yield desk


async def test_a_customer_has_one_session(desk, autojump_clock):  # noqa: ARG001  -- asking for it makes time jump
    """Two messages of a customer are answered in order, by one session."""
    await desk.receive("ada", "@sleep 5\n@say first")
    await desk.receive("ada", "@say second")
    await trio.sleep(10)

    assert desk.outbox == [("ada", "first"), ("ada", "second")]


async def test_an_agent_that_hangs_costs_a_minute_and_no_more(desk, autojump_clock):  # noqa: ARG001  -- asking for it makes time jump
    """A request over its time ends, and the customer's next one is served."""
    await desk.receive("ada", "@sleep 10000\n@say never")
    await desk.receive("ada", "@say alive")
    await trio.sleep(100)

    assert desk.outbox[-1] == ("ada", "alive")
