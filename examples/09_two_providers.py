"""One handler, two providers: the same code, the same guarantees, and a result of the same shape from both.

Offline by default: both agents are simulated. `AGENTSUP_LIVE=1` with ANTHROPIC_API_KEY asks the first one for real; with AWS credentials and
AGENTSUP_EXECUTION_ROLE_ARN the second.
"""

from __future__ import annotations

import os
from contextlib import AsyncExitStack

import attrs
import trio

import agentsup
from agentsup import agentcore
from agentsup.testing import open_simulator

PROMPT = "How is the weather in Oslo and in Rome? Add up the degrees."
DIRECTIONS = '@tool weather {"city": "Oslo"}\n@tool weather {"city": "Rome"}\n@say {results} degrees'


class Weather:
    """What every session here is handed: it answers the calls and counts what it sees, whoever the provider is."""

    def __init__(self) -> None:
        self.seen = 0

    async def handle_tool_call(self, name: str, arguments: dict, context: object, info: agentsup.SessionInfo) -> str:
        """The degrees in a city."""
        return {"Oslo": "3", "Rome": "16"}[arguments["city"]]

    async def handle_event(self, event: agentsup.SessionEvent, info: agentsup.SessionInfo) -> None:
        """Every event of the session."""
        self.seen += 1


async def providers(stack: AsyncExitStack) -> dict[str, tuple[object, bool]]:
    """Name to provider value, and whether it is the real service."""
    simulator = await stack.enter_async_context(open_simulator())
    live = bool(os.environ.get("AGENTSUP_LIVE"))
    keys = agentcore.Credentials(
        access_key_id="AKIDEXAMPLE", secret_access_key="wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
    )
    claude, harness = agentsup.ClaudeManagedAgents(), agentsup.BedrockAgentCore()
    claude_live = live and bool(os.environ.get("ANTHROPIC_API_KEY"))
    harness_live = live and bool(os.environ.get("AGENTSUP_EXECUTION_ROLE_ARN"))
    if not claude_live:
        http = await stack.enter_async_context(simulator.client())
        claude = agentsup.ClaudeManagedAgents(base_url=simulator.base_url, http=http)
    if not harness_live:
        http = await stack.enter_async_context(simulator.client(headers={}))
        harness = agentsup.BedrockAgentCore(region="us-east-1", credentials=keys, http=http)
    return {"claude": (claude, claude_live), "agentcore": (harness, harness_live)}


def spec_for(provider: object) -> agentsup.AgentSpec:
    """The same agent at both; what only one of them wants to know stands in `extra`."""
    tool = {
        "name": "weather",
        "description": "The degrees in a city.",
        "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    }
    if isinstance(provider, agentsup.BedrockAgentCore):
        role = os.environ.get("AGENTSUP_EXECUTION_ROLE_ARN", "arn:aws:iam::123456789012:role/example")
        model, extra = "us.amazon.nova-pro-v1:0", {"execution_role_arn": role}
    else:
        model, extra = "claude-sonnet-4-5", {}
    return agentsup.AgentSpec(name="weather", model=model, tools=[tool], extra=extra)


async def ask(provider: object, *, live: bool) -> tuple[agentsup.SessionResult, int]:
    """Make the agent, ask it, take it away: not a line in here knows which provider it is."""
    handle = await agentsup.provision(provider, spec_for(provider))
    handler = Weather()
    try:
        filled = {name: handle for name in ("agent", "environment", "harness") if hasattr(provider, name)}
        spec = agentsup.SessionSpec(provider=attrs.evolve(provider, **filled), handler=handler)
        async with agentsup.open_runtime() as runtime:
            ref = await runtime.start_session("weather", spec)
            result = await ref.submit(PROMPT if live else DIRECTIONS)
            await ref.close()
    finally:
        await agentsup.teardown(handle)
    return result, handler.seen


async def main() -> None:
    async with AsyncExitStack() as stack:
        results = {}
        for name, (provider, live) in (await providers(stack)).items():
            result, seen = await ask(provider, live=live)
            calls = ", ".join(f"{use.name}({use.input['city']})" for use in result.tool_uses)
            print(
                f"{name}: {result.text} ({calls}; {result.terminal}, {result.turns} turns, {seen > 0 and 'events seen'})"
            )
            results[name] = [result.terminal, len(result.tool_uses), result.turns]
    print("the same from both:", results["claude"] == results["agentcore"])


if __name__ == "__main__":
    trio.run(main)
