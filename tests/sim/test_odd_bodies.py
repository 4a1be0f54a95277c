"""Every field of every body, replaced by everything it is not: refused with a path or taken, and never a failure of the simulator."""

from __future__ import annotations

import copy
import json

import pytest
import trio
import trio.testing

from .kit import message

ODD = [
    None,
    True,
    0,
    -1,
    1.5,
    10**30,
    "",
    "x",
    "\ud800",
    [],
    ["x"],
    [[]],
    [{}],
    {},
    {"type": "x"},
    {"x": {"y": [None]}},
]
TEXT = {"type": "text", "text": "@say hi"}
BUDGET = {"type": "limit", "max_list_cost": {"amount": "100", "currency": "USD"}}
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
TOOLSET = {
    "type": "agent_toolset_20260401",
    "default_config": {"enabled": True, "permission_policy": {"type": "always_ask"}},
    "configs": [
        {"name": "bash", "enabled": False},
        {"name": "web_search", "allowed_domains": ["a.test"], "user_location": {"type": "approximate"}},
        {"name": "web_fetch", "blocked_domains": ["a.test"], "max_content_tokens": 5, "url_sources": {}},
    ],
}
AGENT = {
    "name": "a",
    "description": "d",
    "system": "s",
    "model": {"id": "m", "effort": {"type": "low"}, "speed": "fast", "inference_geo": "eu"},
    "tools": [
        TOOLSET,
        {"type": "custom", "name": "t", "description": "d", "input_schema": SCHEMA},
        {"type": "mcp_toolset", "mcp_server_name": "s", "configs": [{"name": "x", "enabled": True}]},
    ],
    "mcp_servers": [{"type": "url", "name": "s", "url": "https://mcp.test"}],
    "skills": [{"type": "anthropic", "skill_id": "xlsx", "version": "1"}],
    "multiagent": {"type": "coordinator", "agents": [{"type": "self"}]},
    "execution_identity": {"type": "aws_role", "role_arn": "arn"},
    "metadata": {"k": "v"},
}
MEMBERS = {
    "type": "multiagent_20261001",
    "advisor": {"type": "enabled", "model": "m"},
    "subagents": {"type": "enabled", "inline_agents": {"type": "enabled"}, "predefined_agents": [{"type": "self"}]},
    "workflows": {"type": "disabled"},
}
ENVIRONMENT = {
    "name": "e",
    "description": "d",
    "metadata": {"k": "v"},
    "config": {
        "type": "cloud",
        "networking": {"type": "limited", "allowed_hosts": ["a.test"], "allow_package_managers": True},
        "packages": {"pip": ["x"]},
    },
}
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "eA=="}}
DOCUMENT = {
    "type": "document",
    "source": {"type": "text", "media_type": "text/plain", "data": "d"},
    "title": "t",
    "context": "c",
}
FOUND = {"type": "search_result", "source": "s", "title": "t", "content": [TEXT], "citations": {"enabled": True}}
EVENTS = [
    {"type": "user.message", "content": [TEXT, IMAGE, DOCUMENT]},
    {"type": "user.interrupt", "session_thread_id": None},
    {"type": "user.tool_confirmation", "tool_use_id": "sevt_x", "result": "deny", "deny_message": "no"},
    {"type": "user.custom_tool_result", "custom_tool_use_id": "sevt_x", "content": [TEXT, FOUND], "is_error": False},
    {"type": "user.tool_result", "tool_use_id": "sevt_x", "content": [TEXT], "is_error": True},
    {
        "type": "user.define_outcome",
        "description": "@say x",
        "rubric": {"type": "text", "content": "r"},
        "max_iterations": 2,
    },
    {"type": "user.define_outcome", "description": "@say x", "rubric": {"type": "file", "file_id": "FILE"}},
    {"type": "system.message", "content": [TEXT]},
]
RESOURCES = [
    {"type": "file", "file_id": "FILE", "mount_path": "/x"},
    {
        "type": "github_repository",
        "url": "https://g.test/a/b",
        "authorization_token": "t",
        "checkout": {"type": "branch", "name": "main"},
        "mount_path": "/y",
    },
    {"type": "memory_store", "memory_store_id": "STORE", "access": "read_only", "instructions": "i"},
]
SESSION = {
    "agent": {"type": "agent_with_overrides", "id": "AGENT", "version": 1, "model": "m", "system": None, "tools": []},
    "environment_id": "ENVIRONMENT",
    "title": "t",
    "metadata": {"k": "v"},
    "resources": RESOURCES,
    "vault_ids": ["VAULT"],
    "budget": BUDGET,
    "initial_events": EVENTS[:1] + EVENTS[5:6],
}
DEPLOYMENT = {
    "name": "d",
    "description": "d",
    "agent": {"type": "agent", "id": "AGENT", "version": 1},
    "environment_id": "ENVIRONMENT",
    "initial_events": [message("hi"), EVENTS[5]],
    "metadata": {"k": "v"},
    "resources": RESOURCES,
    "schedule": {"type": "cron", "expression": "0 9 * * *", "timezone": "UTC"},
    "vault_ids": ["VAULT"],
    "budget": BUDGET,
}
OAUTH = {
    "type": "mcp_oauth",
    "access_token": "t",
    "mcp_server_url": "https://u.test",
    "expires_at": "2027-01-01T00:00:00Z",
    "refresh": {
        "token_endpoint": "https://t.test",
        "client_id": "c",
        "refresh_token": "r",
        "token_endpoint_auth": {"type": "client_secret_basic", "client_secret": "s"},
        "scope": "s",
    },
}
VARIABLE = {
    "type": "environment_variable",
    "secret_name": "n",
    "secret_value": "v",
    "networking": {"type": "limited", "allowed_hosts": ["a.test"]},
    "injection_location": {"header": True, "body": False},
}
BODIES = [
    ("agents", AGENT),
    ("agents", {**AGENT, "multiagent": MEMBERS}),
    ("agents/AGENT", {**AGENT, "version": 1}),
    ("environments", ENVIRONMENT),
    ("environments/ENVIRONMENT", ENVIRONMENT),
    ("sessions", SESSION),
    ("sessions", {"agent": "AGENT", "environment_id": "ENVIRONMENT"}),
    ("sessions/SESSION", {"title": "t", "metadata": {"k": "v"}, "budget": BUDGET, "agent": {"tools": [], "mcp_servers": []}}),
    *(("sessions/SESSION/events", {"events": [event]}) for event in EVENTS),
    ("sessions/SESSION/resources", RESOURCES[0]),
    ("vaults", {"display_name": "v", "metadata": {"k": "v"}}),
    ("vaults/VAULT", {"display_name": "v", "metadata": {"k": None}}),
    *(("vaults/VAULT/credentials", {"auth": auth, "display_name": "c", "metadata": {}}) for auth in (OAUTH, VARIABLE)),
    ("vaults/VAULT/credentials/CREDENTIAL", {"auth": OAUTH, "display_name": "c"}),
    ("memory_stores", {"name": "s", "description": "d", "metadata": {"k": "v"}}),
    ("memory_stores/STORE", {"name": "s", "description": "d"}),
    ("memory_stores/STORE/memories", {"path": "/a/b", "content": "x"}),
    ("memory_stores/STORE/memories/MEMORY", {"content": "y", "precondition": {"type": "content_sha256", "content_sha256": "z"}}),
    ("deployments", DEPLOYMENT),
    ("deployments/DEPLOYMENT", DEPLOYMENT),
]  # fmt: skip
LISTS = ("agents", "environments", "sessions", "files", "vaults", "vaults/VAULT/credentials", "memory_stores",
         "memory_stores/STORE/memories", "memory_stores/STORE/memory_versions", "deployments", "deployment_runs")  # fmt: skip


def places(value, path=()):
    """Every place in a JSON value, the whole of it included."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from places(item, (*path, key))


def at(value, path):
    """What stands at that place."""
    for key in path:
        value = value[key]
    return value


def takes_any(path):
    """Whether values of several types are right there: a model or agent by its id, a text that may be null, a schema's own words."""
    return path[-1:] in (("model",), ("system",)) or "properties" in path or path[:1] == ("metadata",)


def replaced(value, path, odd):
    """The value with another one at that place."""
    if not path:
        return odd
    made = copy.deepcopy(value)
    inner = made
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = odd
    return made


def named(value, ids):
    """The value with ids in place of their names."""
    if isinstance(value, dict):
        return {key: named(item, ids) for key, item in value.items()}
    if isinstance(value, list):
        return [named(item, ids) for item in value]
    return ids.get(value, value) if isinstance(value, str) else value


def extended(value, path):
    """The value with an unknown field in the object at that place; None where there is no object, or one of the client's own."""
    if not isinstance(at(value, path), dict) or any(key in path for key in ("input_schema", "metadata", "url_sources")):
        return None
    made = copy.deepcopy(value)
    at(made, path)["novel_field"] = {"novel": 1}
    return made


@pytest.fixture
async def ids(client):
    """One of everything."""

    async def made(path, /, **body):
        answer = await client.post(f"/v1/{path}", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()["id"]

    found = {"FILE": (await client.post("/v1/files", files={"file": ("a.txt", b"x")})).json()["id"]}
    found["AGENT"] = await made("agents", name="a", model="m")
    found["ENVIRONMENT"] = await made("environments", name="e")
    found["VAULT"] = await made("vaults", display_name="v")
    found["CREDENTIAL"] = await made(f"vaults/{found['VAULT']}/credentials", auth=OAUTH)
    found["STORE"] = await made("memory_stores", name="s")
    found["MEMORY"] = await made(f"memory_stores/{found['STORE']}/memories", path="/m", content="m")
    found["SESSION"] = await made("sessions", agent=found["AGENT"], environment_id=found["ENVIRONMENT"], budget=BUDGET)
    found["DEPLOYMENT"] = await made("deployments", **named(DEPLOYMENT, found))
    return found


@pytest.mark.parametrize(("path", "body"), BODIES, ids=[f"{n}-{path}" for n, (path, _) in enumerate(BODIES)])
async def test_unknown_fields(client, ids, path, body, autojump_clock):
    """A field that the API does not know is ignored wherever it stands, and neither answered nor kept."""
    url = "/v1/" + "/".join(ids.get(segment, segment) for segment in path.split("/"))
    body = named(body, ids)
    for place in places(body):
        if (odd := extended(body, place)) is not None:
            plain, answer = await client.post(url, json=body), await client.post(url, json=odd)
            alike = {plain.status_code, answer.status_code} - {409}  # what was made once may be in the way of itself
            assert len(alike) < 2, (place, answer.text)
            assert "novel" not in answer.text
    await trio.testing.wait_all_tasks_blocked()
    for name in LISTS:
        shown = await client.get("/v1/" + "/".join(ids.get(segment, segment) for segment in name.split("/")))
        assert "novel" not in shown.text
    assert "novel" not in (await client.get(f"/v1/sessions/{ids['SESSION']}/events")).text


@pytest.mark.parametrize(("path", "body"), BODIES, ids=[f"{n}-{path}" for n, (path, _) in enumerate(BODIES)])
async def test_odd_bodies(client, ids, path, body, autojump_clock):
    """Whatever stands in one place of a body, it is taken or refused, refused where its type is wrong; what was taken can be shown."""
    url = "/v1/" + "/".join(ids.get(segment, segment) for segment in path.split("/"))
    body = named(body, ids)
    plain = await client.post(url, json=body)
    for place in places(body):
        for odd in ODD:
            answer = await client.post(url, content=json.dumps(replaced(body, place, odd)))
            told = answer.json()
            assert answer.status_code in (200, 400, 404, 409), (place, odd, answer.text)
            if odd is not None and type(odd) is not type(at(body, place)) and not takes_any(place):
                assert answer.status_code != 200, (place, odd)
            if answer.status_code == 400:
                assert told["error"]["type"] == "invalid_request_error"
                assert told["error"]["message"]
    await trio.testing.wait_all_tasks_blocked()
    await trio.sleep(1)
    for name in LISTS:
        shown = await client.get("/v1/" + "/".join(ids.get(segment, segment) for segment in name.split("/")))
        assert shown.status_code == 200, name
    for row in (await client.get("/v1/sessions?limit=1000")).json()["data"]:
        for rest in ("", "/events?created_at[gt]=2020-01-01T00:00:00Z", "/threads", "/resources"):
            assert (await client.get(f"/v1/sessions/{row['id']}{rest}")).status_code == 200
    runs = await client.post(f"/v1/deployments/{ids['DEPLOYMENT']}/run")
    assert runs.status_code == 200
    assert plain.status_code in (200, 400, 409), plain.text
