"""Step 1: an agent, a session, an answer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

import agentsup
from agentsup.testing import open_simulator


@asynccontextmanager
async def open_provider() -> AsyncIterator[agentsup.ClaudeManagedAgents]:
    """An agent in the simulator: everything stays in this process."""
    async with open_simulator() as simulator, simulator.client() as http:
        desk = agentsup.AgentSpec(name="desk", model="claude-sonnet-4-5")
        handle = await agentsup.provision(agentsup.ClaudeManagedAgents(http=http), desk)
        yield agentsup.ClaudeManagedAgents(agent=handle, environment=handle, http=http)


async def main() -> None:
    async with open_provider() as provider, agentsup.open_runtime() as runtime:
        spec = agentsup.SessionSpec(provider=provider)
        ref = await runtime.start_session("customer-42", spec)
        result = await ref.submit("Where is my order?")
        print(result.text)
        print(result.terminal)


if __name__ == "__main__":
    trio.run(main)
