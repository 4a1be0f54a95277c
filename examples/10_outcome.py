"""The whole way, once: an agent and its environment, a session with a tool, an outcome that a grader is content with, and the file it was about.

Offline the simulator plays the agent by stage directions; with AGENTSUP_LIVE=1 and ANTHROPIC_API_KEY a model does the same work.
"""

from __future__ import annotations

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


# What the agent is, and where the tools run that the service runs itself (it writes the file with one of them). Made once, whoever asks.
CLERK = agentsup.AgentSpec(
    name="clerk",
    system_prompt=f"You write reports as CSV files. Files that you write to {OUTPUTS} reach the people who asked.",
    model="claude-sonnet-4-5",
    tools=[orders_in, {"type": "agent_toolset_20260401"}],
)
OFFICE = agentsup.EnvironmentSpec(name="office")

# What is to be reached is the agent's to read; by what it is judged, the grader's.
RUBRIC = "The file report.csv has a line for May and one for June, each with the number of orders, and a line with their sum."
DIRECTIONS = """\
@tool orders_in {"month": "May"}
@tool orders_in {"month": "June"}
@file report.csv month,orders|may,3|june,4
@say There it is.
@verdict needs_revision
@file report.csv month,orders|may,3|june,4|sum,7
@say Now with the sum.
@verdict satisfied"""


async def watch(ref: agentsup.SessionRef, *, task_status: trio.TaskStatus[None]) -> None:
    """Says what the grader says, as it comes."""
    async with ref.subscribe() as events:
        task_status.started()
        async for event in events:
            if event.evaluation is not None:
                print(f"grader: {event.evaluation.result}")
            elif event.type == "request_ended":
                break


async def work(setting: Setting) -> None:
    store = MemoryStore()
    clerk = await agentsup.provision(setting.provider, CLERK, environment=OFFICE, store=store)
    # What this one session has beside its agent: a name for whoever looks at the provider's console, and the most it may cost, in cents.
    budget = {"type": "limit", "max_list_cost": {"amount": "500", "currency": "USD"}}
    provider = attrs.evolve(setting.provider, agent=clerk, environment=clerk, title="Orders of spring", budget=budget)

    async with agentsup.open_runtime() as runtime, trio.open_nursery() as nursery:
        ref = await runtime.start_session("spring", agentsup.SessionSpec(provider=provider, tools=[orders_in]))
        await ref.configure(limits=agentsup.Limits(max_turns=20, timeout=900.0))
        await nursery.start(lambda task_status: watch(ref, task_status=task_status))

        goal = setting.prompt(f"Write {OUTPUTS}report.csv with the orders of May and June.", DIRECTIONS)
        result = await ref.submit(agentsup.Outcome(goal, RUBRIC, max_iterations=4))
        print(f"agent: {result.text.splitlines()[-1]}")
        print(f"judged {len(result.evaluations)} times, last: {result.evaluations[-1].result}")
        print(f"tools asked: {len(result.tool_uses)}, turns: {result.turns}")

        # What the agent wrote shows a moment later; of one name the newest counts.
        artifacts = agentsup.Artifacts(provider, result.provider_session_id)
        content = await artifacts.fetch("report.csv", wait=30.0)
        print([(file.name, file.size) for file in await ref.files()], content.decode().count("sum"))

    await agentsup.teardown(clerk, store=store)


async def main() -> None:
    async with open_setting() as setting:
        await work(setting)


if __name__ == "__main__":
    trio.run(main)
