"""Where the first act is performed: the real provider, or both of them in one simulator's process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TypeAlias

import attrs

from agentsup.demo.agent import Account, made_agent
from agentsup.demo.arrival import Arrived, by_requests
from agentsup.demo.harness import made_harness
from agentsup.demo.house import House
from agentsup.demo.simulator import requests_at, simulator_process, spoil
from agentsup.demo.trouble import FAULTS
from agentsup.providers.agentcore import BedrockAgentCore
from agentsup.providers.managed import ClaudeManagedAgents
from agentsup.session.tool import Tool

Provider: TypeAlias = ClaudeManagedAgents | BedrockAgentCore


@attrs.frozen(eq=False)
class Stage:
    """What the sessions are started with."""

    providers: Mapping[House, Provider]
    simulator: str | None = None
    """Its address; None where the provider is the real one."""

    async def arrived(self) -> Mapping[str, Arrived]:
        """What arrived at a provider that shows no history, by the provider's ids of the sessions."""
        if self.simulator is None or "agentcore" not in self.providers:
            return {}
        return by_requests(await requests_at(self.simulator))


@asynccontextmanager
async def real_stage(account: Account, tools: Sequence[Tool], *, model: str) -> AsyncIterator[Stage]:
    """Claude Managed Agents, with an agent of its own for as long as the block lasts.

    Raises:
        Unavailable: the provider could not be reached.
        Rejected: it refused.
    """
    async with made_agent(account, tools, model=model) as provider:
        yield Stage({"claude": provider})


@asynccontextmanager
async def simulated_stage(tools: Sequence[Tool], *, model: str, both: bool) -> AsyncIterator[Stage]:
    """A simulator with an agent, and with a harness if `both` are wanted; then it is told which requests to spoil.

    Raises:
        SimulatorFailed: the simulator did not start.
    """
    async with (
        simulator_process() as address,
        made_agent(Account(address, "demo"), tools, model=model) as provider,
    ):
        if not both:
            await spoil(address, FAULTS)
            yield Stage({"claude": provider}, address)
            return
        async with made_harness(address, tools) as harness:
            await spoil(address, FAULTS)
            yield Stage({"claude": provider, "agentcore": harness}, address)
