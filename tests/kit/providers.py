"""Every provider there is, over the simulator: one way to make a session at each."""

from __future__ import annotations

from contextlib import asynccontextmanager

import trio

import agentsup
from agentsup import agentcore

KEYS = agentcore.Credentials(access_key_id="AKIDEXAMPLE", secret_access_key="wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
"""The simulator's own, which it takes."""

ROLE = "arn:aws:iam::123456789012:role/works"


async def at_claude(client, **options):
    """Claude Managed Agents, with an agent and an environment at whom the client leads to."""
    agent = (await client.post("/v1/agents", json={"name": "tester", "model": "claude-test"})).json()
    environment = (await client.post("/v1/environments", json={"name": "here"})).json()
    options = {"http": client} | options
    return agentsup.ClaudeManagedAgents(agent=agent["id"], environment=environment["id"], **options)


@asynccontextmanager
async def claude(simulator):
    """Claude Managed Agents."""
    async with simulator.client() as http:
        yield await at_claude(http, base_url=simulator.base_url)


async def ready(client, name="tester", **more):
    """A harness that can be used."""
    made = await client.harnesses.create(name, ROLE, **more)
    while made.status != "READY":
        await trio.sleep(0.05)
        made = await client.harnesses.get(made.harness_id)
    return made


@asynccontextmanager
async def harness(simulator):
    """A harness at Bedrock AgentCore."""
    async with simulator.client(headers={}) as http:
        made = await ready(agentcore.Client("us-east-1", KEYS, http=http))
        yield agentsup.BedrockAgentCore(harness=made, credentials=KEYS, http=http)


PROVIDERS = {"claude": claude, "agentcore": harness}
