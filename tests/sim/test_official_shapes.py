"""Everything the simulator says passes the official client's own types, strictly: no field is missing, of another kind, or unknown to it."""

from __future__ import annotations

import anthropic.types.beta as beta
import anthropic.types.beta.environments as environments
import anthropic.types.beta.memory_stores as memory
import anthropic.types.beta.sessions as sessions
import anthropic.types.beta.skills as skills
import anthropic.types.beta.vaults as vaults
import pydantic
import pytest

from .kit import at_rest, history, listening, message, new_session, result, say, send, stop_reasons


def check(kind, raw):
    """The JSON as the official client's type, or a failed test."""
    read = pydantic.TypeAdapter(kind).validate_python(raw)
    assert list(unknown(read)) == []
    return read


def unknown(value, path=""):
    """Fields that the official client does not know, by path."""
    if isinstance(value, pydantic.BaseModel):
        yield from (f"{path}.{name}" for name in value.model_extra or {})
        for name in type(value).model_fields:
            yield from unknown(getattr(value, name), f"{path}.{name}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from unknown(item, f"{path}[{index}]")


async def post(client, path, body=None):
    answer = await client.post(f"/v1/{path}", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def listed(client, path):
    return (await client.get(f"/v1/{path}")).json()["data"]


ASKS = {"type": "always_ask"}
SEARCH = {"name": "web_search", "allowed_domains": ["a.test"], "user_location": {"type": "approximate", "city": "X"}}
FETCH = {"name": "web_fetch", "blocked_domains": ["b.test"], "max_content_tokens": 5}
TOOLS = [
    {
        "type": "agent_toolset_20260401",
        "configs": [{"name": "bash", "permission_policy": ASKS}, {"name": "read"}, SEARCH, FETCH],
    },
    {"type": "mcp_toolset", "mcp_server_name": "s", "configs": [{"name": "x", "enabled": False}]},
    {"type": "custom", "name": "n", "description": "d", "input_schema": {"type": "object"}},
]
AGENT = {
    "name": "a",
    "model": {"id": "m", "effort": "low", "speed": "fast"},
    "tools": TOOLS,
    "mcp_servers": [{"type": "url", "name": "s", "url": "https://s.test"}],
    "skills": [{"type": "anthropic", "skill_id": "xlsx"}],
}
BUDGET = {"type": "limit", "max_list_cost": {"amount": "100", "currency": "USD"}}


async def test_agents(client, autojump_clock):
    """With every kind of tool, and with agents that work for them."""
    agent = await post(client, "agents", AGENT)
    roster = [agent["id"], {"type": "self"}, {"type": "advisor", "model": "big"}]
    older = {"type": "coordinator", "agents": roster}
    newer = {"type": "multiagent_20261001", "subagents": {"type": "enabled", "predefined_agents": roster[:2]}}
    made = [agent, *[await post(client, "agents", {**AGENT, "multiagent": kind}) for kind in (older, newer)]]

    for one in made:
        check(beta.BetaManagedAgentsAgent, one)
        session = await new_session(client, agent=one["id"])
        check(beta.BetaManagedAgentsSession, (await client.get(f"/v1/sessions/{session}")).json())


@pytest.mark.parametrize(
    "config",
    [
        {"type": "cloud", "networking": {"type": "unrestricted"}, "packages": {"type": "packages", "pip": ["x"]}},
        {"type": "cloud", "networking": {"type": "limited", "allowed_hosts": ["a.test"]}},
        {"type": "self_hosted"},
        None,
    ],
)
async def test_environments(client, autojump_clock, config):
    """In the cloud and at home."""
    check(beta.BetaEnvironment, await post(client, "environments", {"name": "e", "config": config}))


async def test_sessions_and_resources(client, autojump_clock):
    """With everything mounted, a budget and an outcome that was judged."""
    store = await post(client, "memory_stores", {"name": "m", "description": "d"})
    upload = (await client.post("/v1/files", files={"file": ("a.txt", b"x")})).json()
    resources = [
        {"type": "file", "file_id": upload["id"]},
        {"type": "github_repository", "url": "https://g.test/a/b", "checkout": {"type": "branch", "name": "main"}},
        {"type": "memory_store", "memory_store_id": store["id"], "access": "read_only"},
    ]
    outcome = {"type": "user.define_outcome", "description": "@say x", "rubric": {"type": "text", "content": "r"}}
    session = await new_session(client, resources=resources, budget=BUDGET, initial_events=[outcome])
    await at_rest(client, session)
    found = check(beta.BetaManagedAgentsSession, (await client.get(f"/v1/sessions/{session}")).json())

    assert found.outcome_evaluations[0].result == "satisfied"
    for resource in await listed(client, f"sessions/{session}/resources"):
        check(sessions.BetaManagedAgentsSessionResource, resource)
    check(beta.BetaFileMetadata, upload)
    check(beta.BetaManagedAgentsMemoryStore, store)


SCRIPT = """@think hm
@deltas 2 3
@server bash {"a": 1}
@ask bash {}
@tool n {}
@usage 5 6
@error mcp_connection_failed_error retrying
@error repository_clone_error retrying
@error credential_host_unreachable_error retrying
@file o.txt hi
@thread red
@say x
@tool n {}
@stop refusal"""


async def test_events(client, autojump_clock):
    """Of every direction there is: as streamed, as listed, and of threads."""
    session = await new_session(client)
    deltas = {"event_deltas[]": ["agent.message", "agent.thinking"]}
    async with listening(client, session, **deltas) as listener:
        await say(client, session, SCRIPT)
        for _ in range(3):
            events = await history(client, session)
            idle = [event for event in events if event["type"] == "session.status_idle"][-1]
            (use,) = [event for event in events if event["id"] in idle["stop_reason"]["event_ids"]]
            allow = {"type": "user.tool_confirmation", "tool_use_id": use["id"], "result": "allow"}
            await send(client, session, result(use, "r") if use["type"] == "agent.custom_tool_use" else allow)
            await at_rest(client, session)
        outcome = {"type": "user.define_outcome", "description": "@verdict needs_revision\n@verdict failed"}
        await send(client, session, {**outcome, "rubric": {"type": "text", "content": "r"}})
        await at_rest(client, session)
        system = {"type": "system.message", "content": [{"type": "text", "text": "s"}]}
        await send(client, session, message("@sleep 60"), system)
        await send(client, session, {"type": "user.interrupt"})
        await at_rest(client, session)
        await client.post(
            f"/v1/sessions/{session}", json={"title": "t", "metadata": {"k": "v"}, "agent": {"tools": []}}
        )
        await say(client, session, "@error billing_error terminal")
        await listener.over.wait()
    kinds = set()
    for event in listener.events:
        kinds.add(event["type"])
        check(sessions.BetaManagedAgentsStreamSessionEvents, event)
    events = await history(client, session)
    for event in events:
        check(sessions.BetaManagedAgentsSessionEvent, event)
    for thread in await listed(client, f"sessions/{session}/threads"):
        check(sessions.BetaManagedAgentsSessionThread, thread)
        for event in await listed(client, f"sessions/{session}/threads/{thread['id']}/events"):
            check(sessions.BetaManagedAgentsSessionEvent, event)
    for file in await listed(client, f"files?scope_id={session}"):
        check(beta.BetaFileMetadata, file)

    assert stop_reasons(events)[-3:] == ["refusal", "end_turn", "end_turn"]
    assert {"event_start", "event_delta", "session.error", "session.updated", "session.thread_created"} < kinds
    assert len(kinds) >= 26


AUTHS = [
    {"type": "static_bearer", "token": "t", "mcp_server_url": "https://u.test"},
    {"type": "mcp_oauth", "access_token": "t", "mcp_server_url": "https://u.test"},
    {
        "type": "mcp_oauth",
        "access_token": "t",
        "mcp_server_url": "https://u.test",
        "expires_at": "2027-01-01T00:00:00Z",
        "refresh": {
            "token_endpoint": "https://t.test",
            "client_id": "c",
            "refresh_token": "r",
            "token_endpoint_auth": {"type": "client_secret_basic", "client_secret": "s"},
        },
    },
    {"type": "environment_variable", "secret_name": "n", "secret_value": "v"},
]


@pytest.mark.parametrize("auth", AUTHS)
async def test_credentials(client, autojump_clock, auth):
    """Of every kind, without their secrets."""
    vault = await post(client, "vaults", {"display_name": "v"})
    made = await post(client, f"vaults/{vault['id']}/credentials", {"auth": auth})

    check(beta.BetaManagedAgentsVault, vault)
    check(vaults.BetaManagedAgentsCredential, made)
    path = f"vaults/{vault['id']}/credentials/{made['id']}/mcp_oauth_validate"
    check(vaults.BetaManagedAgentsCredentialValidation, await post(client, path))


async def test_memory(client, autojump_clock):
    """Memories and their versions; the filters by author."""
    store = await post(client, "memory_stores", {"name": "m"})
    base = f"memory_stores/{store['id']}"
    check(memory.BetaManagedAgentsMemory, await post(client, f"{base}/memories", {"path": "/a", "content": "x"}))
    (version,) = await listed(client, f"{base}/memory_versions")
    check(memory.BetaManagedAgentsMemoryVersion, version)
    author = version["created_by"]["api_key_id"]

    assert await listed(client, f"{base}/memory_versions?api_key_id={author}&operation=created") == [version]
    for nobody in ("api_key_id=x", "session_id=x", "service_account_id=x", "operation=deleted"):
        assert await listed(client, f"{base}/memory_versions?{nobody}") == []


async def test_skills_deployments_and_work(client, autojump_clock):
    """The rest."""
    files = [("files[]", ("a/SKILL.md", b"---\nname: a\ndescription: b\n---\n"))]
    skill = (await client.post("/v1/skills", files=files)).json()
    check(beta.BetaSkill, skill)
    check(skills.BetaSkillVersion, (await client.get(f"/v1/skills/{skill['id']}/versions/latest")).json())
    agent = await post(client, "agents", AGENT)
    home = await post(client, "environments", {"name": "e", "config": {"type": "self_hosted"}})
    body = {
        "name": "d",
        "agent": agent["id"],
        "environment_id": home["id"],
        "initial_events": [message("x")],
        "schedule": {"type": "cron", "expression": "0 9 * * *", "timezone": "UTC"},
        "resources": [{"type": "github_repository", "url": "https://g.test/a/b"}],
        "budget": BUDGET,
    }
    deployment = await post(client, "deployments", body)
    check(beta.BetaManagedAgentsDeployment, deployment)
    check(beta.BetaManagedAgentsDeployment, await post(client, f"deployments/{deployment['id']}/pause"))
    check(beta.BetaManagedAgentsDeploymentRun, await post(client, f"deployments/{deployment['id']}/run"))
    where = f"environments/{home['id']}/work"
    work = (await client.get(f"/v1/{where}/poll")).json()
    beat = await post(client, f"{where}/{work['id']}/heartbeat?expected_last_heartbeat=NO_HEARTBEAT")
    check(environments.BetaSelfHostedWork, work)
    check(environments.BetaSelfHostedWorkHeartbeatResponse, beat)
    check(environments.BetaSelfHostedWorkQueueStats, (await client.get(f"/v1/{where}/stats")).json())
