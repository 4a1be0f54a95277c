"""Where the examples run: against the simulator in memory, or against the real service.

By default nothing leaves the process. With AGENTSUP_LIVE=1 and ANTHROPIC_API_KEY set, the same code talks to the real service: the agent and
its environment are made there from the same specs, and found again the next time.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import attrs

import agentsup
from agentsup.testing import open_simulator


@attrs.frozen
class Setting:
    """A provider to start sessions with, and how to talk to its agent."""

    provider: agentsup.ClaudeManagedAgents
    is_live: bool

    def prompt(self, words: str, directions: str) -> str:
        """The words for a model; for the simulator, stage directions that make it act as a model would."""
        return words if self.is_live else directions


@asynccontextmanager
async def open_setting(*tools: agentsup.Tool) -> AsyncIterator[Setting]:
    """An agent with these tools: at the real service if the environment asks for it, else at the simulator."""
    if os.environ.get("AGENTSUP_LIVE") and os.environ.get("ANTHROPIC_API_KEY"):
        yield await _provisioned(Setting(agentsup.ClaudeManagedAgents(), is_live=True), tools)
        return
    async with open_simulator() as simulator, simulator.client() as http:
        provider = agentsup.ClaudeManagedAgents(base_url=simulator.base_url, http=http)
        yield await _provisioned(Setting(provider, is_live=False), tools)


async def _provisioned(setting: Setting, tools: tuple[agentsup.Tool, ...]) -> Setting:
    spec = agentsup.AgentSpec(name="agentsup-example", model="claude-sonnet-4-5", tools=tools)
    handle = await agentsup.provision(setting.provider, spec)
    return attrs.evolve(setting, provider=attrs.evolve(setting.provider, agent=handle, environment=handle))
