"""A runtime against the simulator in memory, where the mock clock works."""

from __future__ import annotations

import attrs
import pytest

import agentsup
from agentsup.testing import open_simulator
from tests.kit.providers import at_claude


@attrs.frozen
class World:
    """The simulator with one agent and one environment, and a runtime to start sessions in."""

    sim: object
    runtime: agentsup.Runtime
    provider: agentsup.ClaudeManagedAgents

    def spec(self, *tools, **options):
        return agentsup.SessionSpec(provider=self.provider, tools=tools, **options)

    async def start(self, *tools, session_id="s1", **options):
        return await self.runtime.start_session(session_id, self.spec(*tools, **options))

    async def history_types(self, ref):
        """The types of the provider's own history of the session, in order."""
        info = await ref.info()
        async with self.sim.client() as client:
            answer = await client.get(f"/v1/sessions/{info.provider_session_id}/events", params={"limit": 1000})
        return [event["type"] for event in answer.json()["data"]]


@pytest.fixture
async def sim(autojump_clock):
    async with open_simulator() as simulator:
        yield simulator


@pytest.fixture
async def provider(sim):
    async with sim.client() as client:
        yield await at_claude(client, api_key="key", base_url=str(sim.base_url))


@pytest.fixture
async def world(sim, provider):
    async with agentsup.open_runtime() as runtime:
        yield World(sim, runtime, provider)
