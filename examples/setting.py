"""Where the examples run: against the simulator in memory, or against the real service.

By default nothing leaves the process. With ANTHROPIC_API_KEY, AGENTSUP_AGENT and AGENTSUP_ENVIRONMENT set, the same code talks to the
real service; the agent must have been created with the example's tools declared.
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
async def open_setting() -> AsyncIterator[Setting]:
    """The real service if the environment names an agent there, else the simulator."""
    agent, environment = os.environ.get("AGENTSUP_AGENT"), os.environ.get("AGENTSUP_ENVIRONMENT")
    if agent and environment and os.environ.get("ANTHROPIC_API_KEY"):
        yield Setting(agentsup.ClaudeManagedAgents(agent=agent, environment=environment), is_live=True)
        return
    async with open_simulator() as simulator, simulator.client() as http:
        made = await http.post("/v1/agents", json={"name": "example", "model": "claude-sonnet-4-5"})
        room = await http.post("/v1/environments", json={"name": "example"})
        provider = agentsup.ClaudeManagedAgents(
            agent=made.json()["id"], environment=room.json()["id"], base_url=simulator.base_url, http=http
        )
        yield Setting(provider, is_live=False)
