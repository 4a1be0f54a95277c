"""The whole walk: specs become an agent and its environment, a session works with a tool until a grader is content, and its file comes here.

Runs offline; with AGENTSUP_LIVE=1 and ANTHROPIC_API_KEY it does the same at the real service.
"""

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


# Equal specs are one agent, whoever provisions them and however often; other content is another agent, beside this one.
CLERK = agentsup.AgentSpec(
    name="clerk",
    system_prompt=f"You write reports as CSV files. Only files that you write to {OUTPUTS} reach the people who asked.",
    model="anthropic:claude-sonnet-4-5",  # the prefix of other libraries is taken off
    # The first one runs here. The second is the provider's own, runs there, and writes the file.
    tools=[orders_in, {"type": "agent_toolset_20260401"}],
)

OFFICE = agentsup.EnvironmentSpec(name="office", networking={"type": "limited", "allowed_hosts": []})


def goal(setting: Setting) -> agentsup.Outcome:
    """Not a message but a goal: the agent works until a grader finds that the rubric is met, three times at the most."""
    description = setting.prompt(
        f"Write {OUTPUTS}report.csv with the columns month and orders, for May and June.",
        # What a model might do: it forgets June, hears so from the grader, and writes the file again.
        '@tool orders_in {"month": "May"}\n@file report.csv month,orders;May,3\n@verdict needs_revision\n'
        '@tool orders_in {"month": "June"}\n@file report.csv month,orders;May,3;June,4\n@say Written.\n@verdict satisfied',
    )
    return agentsup.Outcome(description, rubric="There is one row for each month that was asked for.", max_iterations=3)


async def make(setting: Setting, store: MemoryStore) -> None:
    """What a service does when it starts. The tag says which of its agents is the one to use."""
    clerk = await agentsup.provision(setting.provider, CLERK, environment=OFFICE, store=store)
    print(f"agent {clerk.name} in environment {clerk.environment_id}")
    await agentsup.tag(clerk, "stable", store=store)


async def work(setting: Setting, store: MemoryStore, folder: Path) -> None:
    """What it does for a customer, somewhere else in its code."""
    clerk = await agentsup.resolve(setting.provider, "clerk:stable", store=store)
    provider = attrs.evolve(setting.provider, agent=clerk, environment=clerk)
    async with agentsup.open_runtime() as runtime:
        spec = agentsup.SessionSpec(provider=provider, tools=[orders_in])
        ref = await runtime.start_session("customer-42", spec)
        result = await ref.submit(goal(setting))

    print("tool:", ", ".join(f"{use.name}({use.input['month']})" for use in result.tool_uses))
    verdicts = [event["result"] for event in result.events if event["type"] == "span.outcome_evaluation_end"]
    print("grader:", ", then ".join(verdicts))
    assert result.provider_session_id is not None
    # The file was written twice: the newest is meant. What an agent writes shows a moment later, so wait for it.
    path = await agentsup.Artifacts(provider, result.provider_session_id).fetch("report.csv", folder, wait=30.0)
    print(f"{path.name}: {path.read_text()}")


async def clear(setting: Setting, store: MemoryStore) -> None:
    """Take both out of use; `agentsup.prune` keeps the newest few of a name instead."""
    await agentsup.teardown(await agentsup.resolve(setting.provider, "clerk:stable", store=store), store=store)
    try:
        await agentsup.resolve(setting.provider, "clerk:stable", store=store)
    except agentsup.UnknownTag:
        print("the agent is archived, and its tag is gone")


async def main() -> None:
    store = MemoryStore()  # in a service: FileStore or SQLiteStore of `agentsup.provisioning`, so that tags outlive it
    async with open_setting() as setting:
        await make(setting, store)
        with tempfile.TemporaryDirectory() as folder:
            await work(setting, store, Path(folder))
        await clear(setting, store)


if __name__ == "__main__":
    trio.run(main)
