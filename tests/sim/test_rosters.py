"""Who works for an agent: references pinned, whole agents in sessions, and what is refused."""

from __future__ import annotations

import pytest

from .kit import new_session, say

AGENT = {"name": "a", "model": "m"}


async def make(client, **fields):
    answer = await client.post("/v1/agents", json={**AGENT, **fields})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_references_are_pinned(client, autojump_clock):
    """An id means the newest version of the moment, `self` this version of this agent; a session has the whole agents."""
    helper = await make(client, name="helper", system="Help.")
    await client.post(f"/v1/agents/{helper['id']}", json={"system": "Help more."})
    first = {"type": "agent", "id": helper["id"], "version": 1}
    boss = await make(
        client, name="boss", multiagent={"type": "coordinator", "agents": [helper["id"], {"type": "self"}]}
    )
    changed = await client.post(
        f"/v1/agents/{boss['id']}", json={"multiagent": {"type": "coordinator", "agents": [first, {"type": "self"}]}}
    )
    session = (await client.get(f"/v1/sessions/{await new_session(client, agent=boss['id'])}")).json()

    assert boss["multiagent"]["agents"] == [
        {"type": "agent", "id": helper["id"], "version": 2},
        {"type": "agent", "id": boss["id"], "version": 1},
    ]
    assert changed.json()["multiagent"]["agents"] == [first, {"type": "agent", "id": boss["id"], "version": 2}]
    members = session["agent"]["multiagent"]["agents"]
    assert [(one["name"], one["version"], one["system"]) for one in members] == [
        ("helper", 1, "Help."),
        ("boss", 2, None),
    ]
    assert all("multiagent" not in one for one in members)


async def test_a_thread_runs_the_agent_of_its_name(client, autojump_clock):
    """Where the roster has one; else an agent like the session's own."""
    helper = await make(client, name="helper", system="Help.")
    boss = await make(client, name="boss", multiagent={"type": "coordinator", "agents": [helper["id"]]})
    session = await new_session(client, agent=boss["id"])
    await say(client, session, "@thread helper\n@say x\n@thread other\n@say y")
    _, known, other = (await client.get(f"/v1/sessions/{session}/threads")).json()["data"]

    assert (known["agent"]["id"], known["agent"]["system"]) == (helper["id"], "Help.")
    assert (other["agent"]["id"], other["agent"]["name"]) == (boss["id"], "other")


async def test_members_keep_what_is_not_sent(client, autojump_clock):
    """The newer shape is merged level by level; null takes the default, another `type` replaces."""
    helper = await make(client, name="helper")
    enabled = {"type": "enabled", "inline_agents": {"type": "enabled"}, "predefined_agents": []}
    pinned = {"type": "agent", "id": helper["id"], "version": 1}
    boss = await make(client, multiagent={"type": "multiagent_20261001"})
    assert boss["multiagent"] == {
        "type": "multiagent_20261001",
        "advisor": {"type": "disabled"},
        "subagents": enabled,
        "workflows": enabled,
    }

    async def update(**members):
        body = {"multiagent": {"type": "multiagent_20261001", **members}}
        return (await client.post(f"/v1/agents/{boss['id']}", json=body)).json()["multiagent"]

    one = await update(
        subagents={"type": "enabled", "predefined_agents": [helper["id"]]}, workflows={"type": "disabled"}
    )
    two = await update(
        advisor={"type": "enabled", "model": "big"},
        subagents={"type": "enabled", "inline_agents": {"type": "disabled"}},
    )
    three = await update(workflows=None, advisor=None, subagents={"type": "disabled"})

    assert (one["subagents"]["predefined_agents"], one["workflows"]) == ([pinned], {"type": "disabled"})
    assert (two["subagents"]["predefined_agents"], two["subagents"]["inline_agents"]) == (
        [pinned],
        {"type": "disabled"},
    )
    assert (two["advisor"], two["workflows"]) == ({"type": "enabled", "model": "big"}, {"type": "disabled"})
    assert three == {**boss["multiagent"], "subagents": {"type": "disabled"}}
    cleared = await client.post(f"/v1/agents/{boss['id']}", json={"multiagent": None})
    assert cleared.json()["multiagent"] is None


COORDINATOR = {"type": "coordinator"}
MEMBERS = {"type": "multiagent_20261001"}
WRONG = [
    ({}, "multiagent.type"),
    ({"type": "crowd"}, "multiagent.type"),
    (COORDINATOR, "multiagent.agents"),
    ({**COORDINATOR, "agents": []}, "multiagent.agents"),
    ({**COORDINATOR, "agents": [{"type": "self"}] * 21}, "multiagent.agents"),
    ({**COORDINATOR, "agents": ["agent_none"]}, "multiagent.agents.0.id"),
    ({**COORDINATOR, "agents": [{"type": "self"}, {"type": "self"}]}, "multiagent.agents.1"),
    ({**COORDINATOR, "agents": [{"type": "friend"}]}, "multiagent.agents.0.type"),
    ({**COORDINATOR, "agents": [{"type": "advisor"}]}, "multiagent.agents.0.model"),
    ({**COORDINATOR, "agents": [7]}, "multiagent.agents.0"),
    ({**MEMBERS, "advisor": {"type": "enabled"}}, "multiagent.advisor.model"),
    ({**MEMBERS, "subagents": {}}, "multiagent.subagents.type"),
    (
        {**MEMBERS, "subagents": {"type": "enabled", "inline_agents": {"type": "disabled"}}},
        "multiagent.subagents.predefined_agents",
    ),
    (
        {**MEMBERS, "workflows": {"type": "enabled", "predefined_agents": [{"type": "advisor", "model": "m"}]}},
        "multiagent.workflows.predefined_agents.0.type",
    ),
]


@pytest.mark.parametrize(("multiagent", "path"), WRONG)
async def test_what_is_refused(client, autojump_clock, multiagent, path):
    """Each by its path; nothing is made."""
    answer = await client.post("/v1/agents", json={**AGENT, "multiagent": multiagent})

    assert answer.status_code == 400
    assert f"{path}:" in answer.json()["error"]["message"]
    assert (await client.get("/v1/agents")).json()["data"] == []


async def test_who_cannot_work_for_others(client, autojump_clock):
    """An archived agent, one with agents of its own, and a version that there is not."""
    archived = await make(client)
    await client.post(f"/v1/agents/{archived['id']}/archive")
    boss = await make(client, multiagent={"type": "coordinator", "agents": [{"type": "self"}]})
    entries = [archived["id"], boss["id"], {"type": "agent", "id": boss["id"], "version": 9}]
    answer = await client.post("/v1/agents", json={**AGENT, "multiagent": {**COORDINATOR, "agents": entries}})

    said = answer.json()["error"]["message"]
    assert "multiagent.agents.0.id: " + f"{archived['id']} is archived" in said
    assert "one level is all there is" in said
    assert f"there is no agent {boss['id']} in version 9" in said
