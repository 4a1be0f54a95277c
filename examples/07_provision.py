"""From specs to a file on your disk: an agent and its environment made from specs, asked for a report, and taken away again."""

from __future__ import annotations

import tempfile
from pathlib import Path

import attrs
import trio
from setting import Setting, open_setting

import agentsup
from agentsup.provisioning import OUTPUTS, MemoryStore

ORDERS = {"may": 3, "june": 4}


@agentsup.tool(effect="pure")
async def orders_in(month: str) -> int:
    """How many orders came in a month."""
    return ORDERS[month.lower()]


CLERK = agentsup.AgentSpec(
    name="clerk",
    system_prompt=f"You write reports as CSV files. Files that you write to {OUTPUTS} reach the people who asked.",
    model="anthropic:claude-sonnet-4-5",  # the prefix of other libraries is taken off
    # The service runs the second one itself, to write the file.
    tools=[orders_in, {"type": "agent_toolset_20260401"}],
)

OFFICE = agentsup.EnvironmentSpec(name="office", networking={"type": "limited", "allowed_hosts": []})


async def report(setting: Setting, folder: Path) -> None:
    store = MemoryStore()  # in a service: FileStore or SQLiteStore, so that a restart asks nothing
    clerk = await agentsup.provision(setting.provider, CLERK, environment=OFFICE, store=store)
    again = await agentsup.provision(setting.provider, CLERK, environment=OFFICE, store=store)
    print(f"made: {clerk.name}, and once only: {again == clerk}")
    await agentsup.tag(clerk, "stable", store=store)

    # Somewhere else in the service, by its tag:
    clerk = await agentsup.resolve(setting.provider, "clerk:stable", store=store)
    provider = attrs.evolve(setting.provider, agent=clerk, environment=clerk)
    prompt = setting.prompt(
        f"How many orders came in May? Write {OUTPUTS}report.csv with the columns month and orders.",
        '@tool orders_in {"month": "May"}\n@file report.csv month,orders\n@say Written.',
    )
    result = await agentsup.run(agentsup.SessionSpec(provider=provider, tools=[orders_in]), prompt)
    print(result.text)

    assert result.provider_session_id is not None
    artifacts = agentsup.Artifacts(provider, result.provider_session_id)
    print((await artifacts.fetch("report.csv", wait=30.0)).decode())
    path = await artifacts.fetch("report.csv", folder)
    print(f"{path.name}: {path.stat().st_size} bytes")

    await agentsup.teardown(clerk, store=store)
    try:
        await agentsup.resolve(setting.provider, "clerk:stable", store=store)
    except agentsup.UnknownTag:
        print("nothing is left of it")


async def main() -> None:
    async with open_setting() as setting:
        with tempfile.TemporaryDirectory() as folder:
            await report(setting, Path(folder))


if __name__ == "__main__":
    trio.run(main)
