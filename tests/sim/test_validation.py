"""What each endpoint refuses, by the path of the field; and how defaults are written out."""

from __future__ import annotations

import pytest
import trio

from .kit import at_rest, history, message, new_session, of_type, say, send

AGENT = {"name": "a", "model": "m"}
TOOLSET = {"type": "agent_toolset_20260401"}
SERVER = {"type": "url", "name": "s", "url": "https://mcp.test"}
SERVER_TOOLS = {"type": "mcp_toolset", "mcp_server_name": "s"}
CUSTOM = {"type": "custom", "name": "t", "description": "d", "input_schema": {"type": "object"}}
TEXT = {"type": "text", "text": "x"}


DAILY = {"type": "cron", "expression": "0 9 * * *", "timezone": "UTC"}
OAUTH = {"type": "mcp_oauth", "access_token": "t", "mcp_server_url": "https://mcp.test"}
REFRESH = {
    "client_id": "c",
    "refresh_token": "secret",
    "token_endpoint": "https://token.test",
    "token_endpoint_auth": {"type": "none"},
}
SHOWN_REFRESH = {
    "client_id": "c",
    "resource": None,
    "token_endpoint": "https://token.test",
    "token_endpoint_auth": {"type": "none"},
}
VARIABLE = {"type": "environment_variable", "secret_name": "n", "secret_value": "secret"}


def content(*blocks):
    return {"events": [{"type": "user.message", "content": list(blocks)}]}


AGENTS = [
    ({"model": ""}, "model"),
    ({"model": {"effort": "low"}}, "model.id"),
    ({"model": {"id": "m", "effort": "huge"}}, "model.effort"),
    ({"model": {"id": "m", "effort": {"type": "huge"}}}, "model.effort.type"),
    ({"model": {"id": "m", "speed": "slow"}}, "model.speed"),
    ({"name": "x" * 257}, "name"),
    ({"system": "x" * 100_001}, "system"),
    ({"tools": "x"}, "tools"),
    ({"tools": [CUSTOM, CUSTOM]}, "tools.1.name"),
    ({"tools": [{**TOOLSET, "configs": [{"name": "fly"}]}]}, "tools.0.configs.0.name"),
    ({"tools": [{**TOOLSET, "default_config": {"enabled": "x"}}]}, "tools.0.default_config.enabled"),
    (
        {"tools": [{**TOOLSET, "default_config": {"permission_policy": {"type": "x"}}}]},
        "tools.0.default_config.permission_policy.type",
    ),
    ({"tools": [SERVER_TOOLS]}, "tools"),
    ({"mcp_servers": [SERVER]}, "mcp_servers"),
    ({"mcp_servers": [SERVER, SERVER], "tools": [SERVER_TOOLS]}, "mcp_servers.1.name"),
    ({"mcp_servers": [{"type": "url", "name": "s"}], "tools": [SERVER_TOOLS]}, "mcp_servers.0.url"),
    ({"skills": [{"type": "custom"}]}, "skills.0.skill_id"),
    ({"skills": [{"type": "custom", "skill_id": "x"}] * 21}, "skills"),
    ({"metadata": {f"k{n}": "v" for n in range(17)}}, "metadata"),
    ({"metadata": {"k" * 65: "v"}}, f"metadata.{'k' * 65}"),
    ({"metadata": {"k": "v" * 513}}, "metadata.k"),
    ({"multiagent": 1}, "multiagent"),
    ({"tools": [{**CUSTOM, "input_schema": {"type": "object", "properties": []}}]}, "tools.0.input_schema.properties"),
    ({"tools": [{**CUSTOM, "input_schema": {"type": "object", "required": [1]}}]}, "tools.0.input_schema.required.0"),
]


@pytest.mark.parametrize(("fields", "path"), AGENTS)
async def test_agents(client, autojump_clock, fields, path):
    """What is wrong with an agent is named; nothing is made."""
    answer = await client.post("/v1/agents", json={**AGENT, **fields})

    assert answer.status_code == 400
    assert f"{path}:" in answer.json()["error"]["message"]
    assert (await client.get("/v1/agents")).json()["data"] == []


async def test_an_agents_defaults_are_written_out(client, autojump_clock):
    """Toolsets, models and skills come back with every default."""
    config = {"name": "bash", "permission_policy": {"type": "always_ask"}}
    tools = [{**TOOLSET, "configs": [config]}, SERVER_TOOLS, CUSTOM]
    skills = [{"type": "anthropic", "skill_id": "xlsx"}]

    made = (
        await client.post("/v1/agents", json={**AGENT, "tools": tools, "mcp_servers": [SERVER], "skills": skills})
    ).json()

    allow = {"enabled": True, "permission_policy": {"type": "always_allow"}}
    assert made["tools"] == [
        {**TOOLSET, "default_config": allow, "configs": [{**config, "type": "bash", "enabled": True}]},
        {**SERVER_TOOLS, "default_config": allow, "configs": []},
        CUSTOM,
    ]
    assert made["model"] == {"id": "m", "effort": {"type": "high"}, "speed": "standard", "inference_geo": None}
    assert made["skills"] == [{**skills[0], "version": "latest"}]
    assert (made["description"], made["system"], made["multiagent"], made["version"]) == (None, None, None, 1)


@pytest.mark.parametrize(
    ("blocks", "path"),
    [
        ([TEXT, 7], "content.1"),
        ([{"type": "image", "source": {"type": "base64", "media_type": "image/png"}}], "content.0.source.data"),
        ([{"type": "image", "source": {"type": "text"}}], "content.0.source.type"),
        ([{"type": "document", "source": {"type": "file"}}], "content.0.source.file_id"),
        (
            [{"type": "document", "source": {"type": "text", "media_type": "text/html", "data": "d"}}],
            "content.0.source.media_type",
        ),
        ([{"type": "document", "source": {"type": "url", "url": "u"}, "title": 7}], "content.0.title"),
        ([{"type": "search_result", "source": "s", "title": "t"}], "content.0.type"),
    ],
)
async def test_content(client, autojump_clock, blocks, path):
    """What is wrong with a content block is named."""
    session = await new_session(client)

    answer = await client.post(f"/v1/sessions/{session}/events", json=content(*blocks))

    assert answer.status_code == 400
    assert f"events.0.{path}:" in answer.json()["error"]["message"]


FOUND = {"type": "search_result", "source": "s", "title": "t", "content": [TEXT], "citations": {"enabled": True}}


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"content": None}, "content"),
        ({"content": [{"type": "image"}]}, "content.0.type"),
        ({"citations": None}, "citations"),
        ({"citations": {}}, "citations.enabled"),
        ({"title": 7}, "title"),
    ],
)
async def test_search_results(client, autojump_clock, fields, path):
    """What is wrong with a search result is named."""
    session = await new_session(client)
    await say(client, session, "@tool a {}")
    (use,) = of_type(await history(client, session), "agent.custom_tool_use")
    answer = {"type": "user.custom_tool_result", "custom_tool_use_id": use["id"], "content": [{**FOUND, **fields}]}

    refused = await send(client, session, answer)

    assert refused.status_code == 400
    assert f"events.0.content.0.{path}:" in refused.json()["error"]["message"]


async def test_content_of_every_kind(client, autojump_clock):
    """Images and documents in a message, search results in a tool result: taken, and silent."""
    session = await new_session(client)
    image = {"type": "image", "source": {"type": "url", "url": "https://x.test/a.png"}}
    document = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "d"}, "title": "t"}
    system = {"type": "system.message", "content": [TEXT]}
    body = content(image, {"type": "text", "text": "@tool a {}"}, document)
    body["events"].append(system)

    taken = await client.post(f"/v1/sessions/{session}/events", json=body)
    await at_rest(client, session)
    (use,) = of_type(await history(client, session), "agent.custom_tool_use")
    answer = {"type": "user.custom_tool_result", "custom_tool_use_id": use["id"], "content": [FOUND]}

    assert [event["type"] for event in taken.json()["data"]] == ["user.message", "system.message"]
    assert (await send(client, session, answer)).status_code == 200


async def test_a_system_message_waits_for_company(client, autojump_clock):
    """Alone, a system message is refused while calls wait."""
    session = await new_session(client)
    await say(client, session, "@tool a {}")

    alone = await send(client, session, {"type": "system.message", "content": [TEXT]})

    assert alone.status_code == 400


SESSIONS = [
    ({"agent": None}, 400, "agent"),
    ({"agent": {"type": "agent"}}, 400, "agent.id"),
    ({"agent": {"type": "novel", "id": "x"}}, 400, "agent.type"),
    ({"agent": "agent_none"}, 404, "agent_none"),
    ({"environment_id": None}, 400, "environment_id"),
    ({"environment_id": "env_none"}, 404, "env_none"),
    ({"vault_ids": [1]}, 400, "vault_ids.0"),
    ({"vault_ids": ["vlt_none"]}, 404, "vlt_none"),
    ({"budget": {"type": "limit"}}, 400, "budget.max_list_cost"),
    (
        {"budget": {"type": "limit", "max_list_cost": {"amount": 5, "currency": "USD"}}},
        400,
        "budget.max_list_cost.amount",
    ),
    (
        {"budget": {"type": "limit", "max_list_cost": {"amount": "0", "currency": "EUR"}}},
        400,
        "budget.max_list_cost.currency",
    ),
    ({"resources": [{"type": "file", "file_id": "file_none"}]}, 400, "resources.0.file_id"),
    ({"resources": [{"type": "file"}]}, 400, "resources.0.file_id"),
    ({"resources": [{"type": "github_repository"}]}, 400, "resources.0.url"),
    (
        {"resources": [{"type": "github_repository", "url": "u", "checkout": {"type": "commit"}}]},
        400,
        "resources.0.checkout.sha",
    ),
    ({"resources": [{"type": "memory_store", "memory_store_id": "x"}]}, 400, "resources.0.memory_store_id"),
    ({"initial_events": [{"type": "user.interrupt"}]}, 400, "initial_events.0.type"),
    ({"initial_events": [message("x")] * 51}, 400, "initial_events"),
]


@pytest.mark.parametrize(("fields", "status", "path"), SESSIONS)
async def test_sessions(client, autojump_clock, fields, status, path):
    """What is wrong with a session is named; nothing is made."""
    agent = (await client.post("/v1/agents", json=AGENT)).json()["id"]
    environment = (await client.post("/v1/environments", json={"name": "e"})).json()["id"]

    answer = await client.post("/v1/sessions", json={"agent": agent, "environment_id": environment, **fields})

    assert answer.status_code == status
    assert path in answer.json()["error"]["message"]
    assert (await client.get("/v1/sessions")).json()["data"] == []


async def test_vaults_of_a_session(client, autojump_clock):
    """A session starts with vaults that exist; one that is archived or deleted starts no more, and a deployment's run says why."""
    session = await new_session(client)
    about = (await client.get(f"/v1/sessions/{session}")).json()
    vaults = [(await client.post("/v1/vaults", json={"display_name": "v"})).json()["id"] for _ in range(2)]
    body = {"agent": about["agent"]["id"], "environment_id": about["environment_id"], "vault_ids": vaults}
    deployed = {**body, "name": "d", "initial_events": [message("hi")]}
    deployment = (await client.post("/v1/deployments", json=deployed)).json()["id"]

    made = await client.post("/v1/sessions", json=body)
    await client.post(f"/v1/vaults/{vaults[1]}/archive")
    archived = await client.post("/v1/sessions", json=body)
    await client.delete(f"/v1/vaults/{vaults[0]}")
    deleted = await client.post("/v1/sessions", json=body)
    run = (await client.post(f"/v1/deployments/{deployment}/run")).json()

    assert made.json()["vault_ids"] == vaults
    assert (archived.status_code, archived.json()["error"]["details"]["error_code"]) == (400, "vault_archived")
    assert "vault_ids.1:" in archived.json()["error"]["message"]
    assert (deleted.status_code, deleted.json()["error"]["type"]) == (404, "not_found_error")
    assert deleted.json()["error"]["details"]["error_code"] == "vault_not_found"
    assert (run["session_id"], run["error"]["type"]) == (None, "vault_not_found_error")


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"vault_ids": []}, "vault_ids"),
        ({"agent": {"system": "x"}}, "agent.system"),
        ({"agent": {"tools": [{"type": "x"}]}}, "agent.tools.0.type"),
        ({"title": 1}, "title"),
        ({"budget": {"type": "x"}}, "budget.type"),
    ],
)
async def test_session_updates(client, autojump_clock, fields, path):
    """What a session's update may not do is named; nothing is changed."""
    session = await new_session(client, title="t")

    answer = await client.post(f"/v1/sessions/{session}", json=fields)

    assert answer.status_code == 400
    assert f"{path}:" in answer.json()["error"]["message"]
    assert (await client.get(f"/v1/sessions/{session}/events")).json()["data"] == []


PLAIN = [
    ("/v1/environments", {}, "name"),
    ("/v1/environments", {"name": "e", "scope": "world"}, "scope"),
    ("/v1/environments", {"name": "e", "config": {"type": "moon"}}, "config.type"),
    (
        "/v1/environments",
        {"name": "e", "config": {"type": "cloud", "networking": {"type": "x"}}},
        "config.networking.type",
    ),
    ("/v1/environments", {"name": "e", "config": {"type": "cloud", "packages": {"pip": [1]}}}, "config.packages.pip.0"),
    ("/v1/vaults", {}, "display_name"),
    ("/v1/memory_stores", {"name": ""}, "name"),
    ("/v1/deployments", {"name": "d"}, "agent"),
    ("/v1/files", {"file": "x"}, "body"),
    ("/v1/skills", {}, "body"),
]


@pytest.mark.parametrize(("url", "body", "path"), PLAIN)
async def test_plain_resources(client, autojump_clock, url, body, path):
    """What is wrong with the other resources is named."""
    answer = await client.post(url, json=body)

    assert answer.status_code == 400
    assert f"{path}:" in answer.json()["error"]["message"]
    assert (await client.get(url)).json()["data"] == []


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"auth": {"type": "static_bearer"}}, "auth.token"),
        ({"auth": {"type": "mcp_oauth", "access_token": "t"}}, "auth.mcp_server_url"),
        ({"auth": {**OAUTH, "expires_at": "soon"}}, "auth.expires_at"),
        ({"auth": {**OAUTH, "refresh": {}}}, "auth.refresh.refresh_token"),
        (
            {"auth": {**OAUTH, "refresh": {**REFRESH, "token_endpoint_auth": {"type": "client_secret_post"}}}},
            "auth.refresh.token_endpoint_auth.client_secret",
        ),
        ({"auth": {**VARIABLE, "networking": {"type": "limited"}}}, "auth.networking.allowed_hosts"),
        (
            {"auth": {**VARIABLE, "networking": {"type": "limited", "allowed_hosts": ["a"] * 17}}},
            "auth.networking.allowed_hosts",
        ),
        ({"auth": {**VARIABLE, "injection_location": {"header": False}}}, "auth.injection_location"),
        ({"auth": {"type": "magic"}}, "auth.type"),
        ({}, "auth"),
    ],
)
async def test_credentials(client, autojump_clock, body, path):
    """What is wrong with a credential is named; one in an unknown vault is a 404."""
    vault = (await client.post("/v1/vaults", json={"display_name": "v"})).json()["id"]

    answer = await client.post(f"/v1/vaults/{vault}/credentials", json=body)

    assert answer.status_code == 400
    assert f"{path}:" in answer.json()["error"]["message"]
    assert (await client.post("/v1/vaults/vlt_none/credentials", json=body)).status_code == 404


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"path": "/a"}, "content"),
        ({"path": "a", "content": "x"}, "path"),
        ({"path": "/a/../b", "content": "x"}, "path"),
        ({"path": "/" + "/".join("x" * 21), "content": "x"}, "path"),
        ({"path": "/a", "content": "x" * 102_401}, "content"),
        ({"path": "/a", "content": "é" * 51_201}, "content"),
        ({"path": "/" + "é" * 512, "content": "x"}, "path"),
        ({"path": "/e\u0301", "content": "x"}, "path"),
        ({"path": "/a\u2028b", "content": "x"}, "path"),
        ({"path": "/a\x00b", "content": "x"}, "path"),
    ],
)
async def test_memories(client, autojump_clock, body, path):
    """What is wrong with a memory is named."""
    store = (await client.post("/v1/memory_stores", json={"name": "s"})).json()["id"]

    answer = await client.post(f"/v1/memory_stores/{store}/memories", json=body)

    assert answer.status_code == 400
    assert f"{path}:" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("/v1/agents?limit=101", "limit"),
        ("/v1/agents?limit=" + "9" * 5000, "limit"),
        ("/v1/agents?limit=x", "limit"),
        ("/v1/agents?include_archived=maybe", "include_archived"),
        ("/v1/agents?created_at[gte]=yesterday", "created_at[gte]"),
        ("/v1/sessions?order=sideways", "order"),
        ("/v1/sessions?statuses[]=asleep", "statuses"),
        ("/v1/sessions?page=page_a", "page"),
        ("/v1/files?ids[]=x&limit=1", "ids"),
        ("/v1/deployments?status=gone", "status"),
        ("/v1/deployment_runs?trigger_type=moon", "trigger_type"),
    ],
)
async def test_query_parameters(client, autojump_clock, url, name):
    """A query parameter that cannot be used is a 400 that names it; unknown ones are ignored."""
    refused = await client.get(url)
    ignored = await client.get(url.partition("?")[0] + "?beta=true&novel[]=1")

    assert refused.status_code == 400
    assert f"{name}:" in refused.json()["error"]["message"]
    assert ignored.status_code == 200


async def test_archived_records_do_not_change(client, autojump_clock):
    """An archived plain resource is kept and no longer changed; archiving twice is fine."""
    vault = (await client.post("/v1/vaults", json={"display_name": "v"})).json()["id"]
    first = (await client.post(f"/v1/vaults/{vault}/archive")).json()

    again = (await client.post(f"/v1/vaults/{vault}/archive")).json()
    refused = await client.post(f"/v1/vaults/{vault}", json={"display_name": "w"})

    assert again == first
    assert refused.status_code == 400
    assert (await client.get("/v1/vaults")).json()["data"] == []
    assert (await client.get("/v1/vaults?include_archived=true")).json()["data"] == [first]


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"initial_events": []}, "initial_events"),
        ({"schedule": {**DAILY, "expression": "@daily"}}, "schedule.expression"),
        *(
            ({"schedule": {**DAILY, "expression": bad}}, "schedule.expression")
            for bad in (
                "60 * * * *",
                "* 24 * * *",
                "* * 0 * *",
                "* * * 13 *",
                "* * * * 8",
                "5-1 * * * *",
                "*/0 * * * *",
                "a * * * *",
                "* * L * *",
                "* * * * 1#2",
                "0 0 * * * *",
                "1,,2 * * * *",
                "",
            )
        ),
        ({"schedule": {**DAILY, "timezone": "Mars/Olympus"}}, "schedule.timezone"),
        ({"schedule": {"type": "once"}}, "schedule.type"),
        ({"agent": {"type": "agent"}}, "agent.id"),
    ],
)
async def test_deployments(client, autojump_clock, fields, path):
    """What is wrong with a deployment is named."""
    agent = (await client.post("/v1/agents", json=AGENT)).json()["id"]
    body = {"name": "d", "agent": agent, "environment_id": "env_x", "initial_events": [message("x")], **fields}

    answer = await client.post("/v1/deployments", json=body)

    assert path in answer.json()["error"]["message"]
    assert answer.status_code in (400, 404)


@pytest.mark.parametrize("expression", ["0 9 * * 1-5", "*/15 0,12 1-31/2 * 7", "59 23 31 12 0", "0-30/10 * * * *"])
async def test_schedules(client, autojump_clock, expression):
    """A schedule is kept as it is written; the simulator fires none."""
    agent = (await client.post("/v1/agents", json=AGENT)).json()["id"]
    schedule = {"type": "cron", "expression": expression, "timezone": "UTC"}
    body = {
        "name": "d",
        "agent": agent,
        "environment_id": "env_x",
        "initial_events": [message("x")],
        "schedule": schedule,
    }

    made = await client.post("/v1/deployments", json=body)

    assert made.json()["schedule"] == {**schedule, "last_run_at": None, "upcoming_runs_at": []}


async def test_changes_of_a_credential(client, autojump_clock):
    """Secrets can be replaced and never come out; what a credential is for cannot be changed; what is omitted stays."""
    vault = (await client.post("/v1/vaults", json={"display_name": "v"})).json()["id"]
    base = f"/v1/vaults/{vault}/credentials"
    oauth = (await client.post(base, json={"auth": {**OAUTH, "refresh": {**REFRESH, "scope": "a"}}})).json()
    variable = (await client.post(base, json={"auth": {**VARIABLE, "injection_location": {"body": True}}})).json()

    async def change(credential, **auth):
        return await client.post(
            f"{base}/{credential['id']}", json={"auth": {"type": credential["auth"]["type"], **auth}}
        )

    rotated = (await change(oauth, access_token="new", refresh={"refresh_token": "new", "scope": ""})).json()
    moved = await change(oauth, mcp_server_url="https://other.test")
    renamed = await change(variable, secret_name="m")
    closed = (await change(variable, injection_location={"header": False})).json()
    validated = (await client.post(f"{base}/{oauth['id']}/mcp_oauth_validate")).json()

    assert oauth["auth"]["refresh"] == {**SHOWN_REFRESH, "scope": "a"}
    assert rotated["auth"] == {**oauth["auth"], "refresh": {**SHOWN_REFRESH, "scope": None}}
    assert (moved.status_code, renamed.status_code) == (400, 400)
    assert "auth.mcp_server_url:" in moved.json()["error"]["message"]
    assert "auth.secret_name:" in renamed.json()["error"]["message"]
    assert variable["auth"]["injection_location"] == {"header": True, "body": True}
    assert closed["auth"]["injection_location"] == {"header": False, "body": True}
    assert (await change(variable, injection_location={"body": False, "header": False})).status_code == 400
    assert validated["has_refresh_token"] is True
    assert "secret'" not in str([oauth, rotated, variable, closed])


async def test_expired_files(client, autojump_clock):
    """A file with a life of an hour is gone after it."""
    form = {"expires_in_seconds": "3600"}
    made = (await client.post("/v1/files", files={"file": ("a.txt", b"x")}, data=form)).json()
    refused = await client.post("/v1/files", files={"file": ("a.txt", b"x")}, data={"expires_in_seconds": "10"})
    await trio.sleep(3601)
    gone = await client.get(f"/v1/files/{made['id']}")

    assert "expires_in_seconds:" in refused.json()["error"]["message"]
    assert gone.status_code == 404
    assert gone.json()["error"]["details"]["error_code"] == "file_expired"
    assert (await client.get("/v1/files")).json()["data"] == []
