"""Every query parameter of every list with everything it cannot be: refused by name or ignored, and never a failure of the simulator."""

from __future__ import annotations

import pytest

from .kit import message, new_session, say

ODD = [
    "",
    " ",
    "0",
    "-1",
    "1e3",
    "10000000000000000000000",
    "\x00",
    "ü",
    "null",
    "true",
    "2026-13-45",
    "[",
    "page_",
    "%",
    "a,b",
]
PARAMETERS = ["limit", "page", "order", "created_at[gt]", "created_at[lte]", "created_at", "include_archived", "statuses[]",
              "types[]", "ids[]", "scope_id", "view", "depth", "path_prefix", "version", "agent_id", "agent_version",
              "has_error", "trigger_type", "status", "source", "memory_id", "operation", "novel", "novel[]", ""]  # fmt: skip
LISTS = ["agents", "agents/AGENT", "agents/AGENT/versions", "environments", "environments/ENVIRONMENT/work",
         "environments/ENVIRONMENT/work/stats", "sessions", "sessions/SESSION/events", "sessions/SESSION/threads",
         "sessions/SESSION/threads/THREAD/events", "sessions/SESSION/resources", "files", "vaults", "vaults/VAULT/credentials",
         "memory_stores", "memory_stores/STORE/memories", "memory_stores/STORE/memory_versions", "skills", "deployments",
         "deployment_runs"]  # fmt: skip


@pytest.fixture
async def ids(client):
    """Something to list everywhere."""
    session = await new_session(client)
    await say(client, session, "@thread red\n@say hi")
    shown = (await client.get(f"/v1/sessions/{session}")).json()
    vault = (await client.post("/v1/vaults", json={"display_name": "v"})).json()["id"]
    store = (await client.post("/v1/memory_stores", json={"name": "s"})).json()["id"]
    await client.post(f"/v1/memory_stores/{store}/memories", json={"path": "/a/b", "content": "x"})
    parts = {"agent": shown["agent"]["id"], "environment_id": shown["environment_id"], "initial_events": [message("x")]}
    await client.post("/v1/deployments", json={"name": "d", **parts})
    await client.post("/v1/files", files={"file": ("a.txt", b"x")})
    threads = (await client.get(f"/v1/sessions/{session}/threads")).json()["data"]
    return {
        "AGENT": shown["agent"]["id"],
        "ENVIRONMENT": shown["environment_id"],
        "SESSION": session,
        "THREAD": threads[1]["id"],
        "VAULT": vault,
        "STORE": store,
    }


@pytest.mark.parametrize("path", LISTS)
async def test_odd_queries(client, ids, path, autojump_clock):
    """A value that a parameter cannot have is a 400 that names the parameter; what the list does not know changes nothing."""
    url = "/v1/" + "/".join(ids.get(segment, segment) for segment in path.split("/"))
    plain = (await client.get(url)).json()
    for parameter in PARAMETERS:
        for odd in ODD:
            answer = await client.get(url, params=[(parameter, odd)])
            assert answer.status_code in (200, 400, 404), (parameter, odd, answer.text)
            if answer.status_code == 400:
                name = parameter.removesuffix("[]")
                assert answer.json()["error"]["message"].startswith(f"{name}:"), (parameter, odd, answer.text)
            if parameter.startswith("novel") and "workers_polling" not in plain and "stats" not in answer.text:
                assert answer.json() == plain
