"""Bedrock AgentCore from specs to a file: a harness, a session whose tool runs here, a command beside the agent, and all of it gone again.

By default it runs against the simulator. With AGENTSUP_LIVE=1, AGENTSUP_EXECUTION_ROLE_ARN and AWS credentials it runs at AWS: making the harness
takes some minutes, and the session's machine costs something until it is stopped.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import attrs
import trio

import agentsup
from agentsup import agentcore
from agentsup.testing import open_simulator

LIVE = bool(os.environ.get("AGENTSUP_LIVE") and os.environ.get("AGENTSUP_EXECUTION_ROLE_ARN"))


@agentsup.tool(effect="pure")
async def order_status(number: int) -> str:
    """Where an order is."""
    return {7: "on its way", 8: "delivered"}.get(number, "unknown")


@asynccontextmanager
async def open_provider() -> AsyncIterator[agentsup.BedrockAgentCore]:
    """AWS if the environment asks for it, else the simulator with its one pair of keys."""
    if LIVE:
        yield agentsup.BedrockAgentCore()
        return
    keys = agentcore.Credentials(
        access_key_id="AKIDEXAMPLE", secret_access_key="wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
    )
    async with open_simulator() as simulator, simulator.client(headers={}) as http:
        yield agentsup.BedrockAgentCore(region="us-east-1", credentials=keys, http=http, storage="outputs")


def desk() -> agentsup.AgentSpec:
    """The agent. What it may be told of inline functions comes from their signatures."""
    role = os.environ.get("AGENTSUP_EXECUTION_ROLE_ARN", "arn:aws:iam::123456789012:role/example")
    return agentsup.AgentSpec(
        name="desk",
        model="us.amazon.nova-pro-v1:0",
        system_prompt="You answer questions about orders. Look them up.",
        tools=[order_status],
        extra={"execution_role_arn": role, "memory": {"disabled": {}}},
    )


async def main() -> None:
    async with open_provider() as provider:
        handle = await agentsup.provision(provider, desk())
        print("harness", handle.name)
        provider = attrs.evolve(provider, harness=handle)
        try:
            await talk(provider)
        finally:
            await agentsup.teardown(handle)
    print("the harness is gone")


async def talk(provider: agentsup.BedrockAgentCore) -> None:
    spec = agentsup.SessionSpec(provider=provider, tools=[order_status])
    question = "Where are orders 7 and 8?"
    directions = '@tool order_status {"number": 7}\n@tool order_status {"number": 8}\n@say They are: {results}.'
    async with agentsup.open_runtime() as runtime:
        ref = await runtime.start_session("customer-42", spec)
        result = await ref.submit(question if LIVE else directions)
        print(result.text)
        print(f"{result.turns} turns, {len(result.tool_uses)} calls, stop reason {result.stop_reason}")
        if not LIVE:
            try:
                await ref.submit("@say Half of\n@cut\n@say it")
            except agentsup.StreamError as error:
                print(f"broken off after {error.result.text!r}; nothing is asked twice")
    await beside(provider, result.provider_session_id)


async def beside(provider: agentsup.BedrockAgentCore, session_id: str) -> None:
    """In the session's machine, without the agent."""
    files = agentsup.Artifacts(provider, session_id)
    await files.put("orders.csv", b"order,where\n7,on its way\n8,delivered\n")
    print("files:", [file.name for file in await files.list()])
    async with agentcore.Client(provider.region, provider.credentials, http=provider.http) as client:
        done = await client.commands.run(provider.harness, session_id, f"wc -l < {provider.storage}/orders.csv")
        print("lines:", done.stdout.strip())
        await client.sessions.stop(provider.harness, session_id)
        print("the session's machine is stopped")


if __name__ == "__main__":
    trio.run(main)
