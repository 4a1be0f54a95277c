"""Every provider there is, over the simulator in memory: one way to make a session at each."""

from __future__ import annotations

from contextlib import asynccontextmanager

import trio

import agentsup
from agentsup import agentcore

KEYS = agentcore.Credentials(access_key_id="AKIDEXAMPLE", secret_access_key="wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
ROLE = "arn:aws:iam::123456789012:role/works"


@asynccontextmanager
async def claude(simulator):
    """Claude Managed Agents."""
    async with simulator.client() as http:
        agent = (await http.post("/v1/agents", json={"name": "tester", "model": "any"})).json()
        environment = (await http.post("/v1/environments", json={"name": "here"})).json()
        yield agentsup.ClaudeManagedAgents(
            agent=agent["id"], environment=environment["id"], base_url=simulator.base_url, http=http
        )


@asynccontextmanager
async def harness(simulator):
    """A harness at Bedrock AgentCore."""
    async with simulator.client(headers={}) as http:
        client = agentcore.Client("us-east-1", KEYS, http=http)
        made = await client.harnesses.create("tester", ROLE)
        while made.status != "READY":
            await trio.sleep(0.1)
            made = await client.harnesses.get(made.harness_id)
        yield agentsup.BedrockAgentCore(harness=made, credentials=KEYS, http=http)


PROVIDERS = {"claude": claude, "agentcore": harness}
