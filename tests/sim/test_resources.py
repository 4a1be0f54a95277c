"""What the service's other resources remember, refuse, and show by default: environments, work, vaults, memory, files, deployments."""

from __future__ import annotations

import pytest

from .kit import message, new_session

CLOUD = {"type": "cloud"}


async def made(client, path, /, **body):
    """A new resource."""
    answer = await client.post(f"/v1/{path}", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def changed(client, path, /, **body):
    """A resource after a change."""
    return await made(client, path, **body)


async def refusal(client, method, path, /, **body):
    """The error of a request that is refused with 400."""
    answer = await client.request(method, f"/v1/{path}", json=body)
    assert answer.status_code == 400, answer.text
    return answer.json()["error"]


async def test_an_environments_update_keeps_what_it_omits(client, autojump_clock):
    """Of a configuration, what is omitted or null stays as it is, down to the single flag and package manager."""
    limited = {"type": "limited", "allowed_hosts": ["a.test"], "allow_package_managers": True}
    config = {**CLOUD, "networking": limited, "packages": {"pip": ["x"], "npm": ["y"]}}
    environment = await made(client, "environments", name="e", config=config)
    path = f"environments/{environment['id']}"

    untouched = await changed(client, path, config=None, name="f")
    flag = await changed(client, path, config={**CLOUD, "networking": {"type": "limited", "allow_mcp_servers": True}})
    packages = await changed(client, path, config={**CLOUD, "packages": {"npm": []}})
    opened = await changed(client, path, config={**CLOUD, "networking": {"type": "unrestricted"}})
    closed = await refusal(
        client, "POST", path, config={**CLOUD, "networking": {"type": "limited", "allow_package_managers": False}}
    )

    assert untouched["config"] == environment["config"]
    assert flag["config"]["networking"] == {**limited, "allow_mcp_servers": True}
    assert (packages["config"]["packages"]["pip"], packages["config"]["packages"]["npm"]) == (["x"], [])
    assert opened["config"]["networking"] == {"type": "unrestricted"}
    assert opened["config"]["packages"]["pip"] == ["x"]
    assert "config.packages:" in closed["message"]


async def test_an_environment_stays_of_its_kind(client, autojump_clock):
    """The type of a configuration cannot change; the only scope is the organization."""
    environment = await made(client, "environments", name="e")
    path = f"environments/{environment['id']}"

    kind = await refusal(client, "POST", path, config={"type": "self_hosted"})
    scope = await refusal(client, "POST", "environments", name="e", scope="account")

    assert kind["details"]["error_code"] == "invalid_config_type_change"
    assert "scope:" in scope["message"]
    assert (await client.get(f"/v1/{path}")).json() == environment


async def test_an_environments_texts(client, autojump_clock):
    """An empty description is kept as such, null clears it; null or an empty text deletes a key of the metadata."""
    environment = await made(client, "environments", name="e", description="d", metadata={"a": "1", "b": "2", "c": "3"})
    path = f"environments/{environment['id']}"

    empty = await changed(client, path, description="", metadata={"a": None, "b": ""})
    cleared = await changed(client, path, description=None)

    assert (empty["description"], empty["metadata"]) == ("", {"c": "3"})
    assert cleared["description"] is None


async def test_heartbeats(client, autojump_clock):
    """The first heartbeat expects none; a stale one is a 412 with the lease as it is; one of a stopping item is not compared."""
    environment = await made(client, "environments", name="e", config={"type": "self_hosted"})
    agent = await made(client, "agents", name="a", model="m")
    body = {"agent": agent["id"], "environment_id": environment["id"], "initial_events": [message("hi")]}
    await made(client, "sessions", **body)
    base = f"/v1/environments/{environment['id']}/work"
    work = (await client.get(f"{base}/poll")).json()["id"]
    beat = f"{base}/{work}/heartbeat"

    unclaimed = await client.post(beat, params={"expected_last_heartbeat": "2026-01-01T00:00:00Z"})
    first = await client.post(beat, params={"expected_last_heartbeat": "NO_HEARTBEAT", "desired_ttl_seconds": 30})
    again = await client.post(beat, params={"expected_last_heartbeat": first.json()["last_heartbeat"]})
    stale = await client.post(beat, params={"expected_last_heartbeat": first.json()["last_heartbeat"]})
    await client.post(f"{base}/{work}/stop")
    stopping = await client.post(beat, params={"expected_last_heartbeat": "whatever"})

    assert (unclaimed.status_code, stale.status_code) == (412, 412)
    lease = unclaimed.json()["error"]["details"]["current_state"]
    assert (lease["last_heartbeat"], lease["lease_extended"], lease["state"]) == (None, False, "starting")
    assert (first.json()["state"], first.json()["lease_extended"], first.json()["ttl_seconds"]) == ("active", True, 30)
    assert again.json()["last_heartbeat"] > first.json()["last_heartbeat"]
    assert stale.json()["error"]["details"]["error_code"] == "heartbeat_precondition_failed"
    assert stale.json()["error"]["details"]["current_state"]["last_heartbeat"] == again.json()["last_heartbeat"]
    assert (stopping.status_code, stopping.json()["state"], stopping.json()["lease_extended"]) == (
        200,
        "stopping",
        False,
    )


async def test_the_lease_of_an_item_without_heartbeat(client, autojump_clock):
    """A heartbeat that extends nothing says that there was none."""
    environment = await made(client, "environments", name="e", config={"type": "self_hosted"})
    agent = await made(client, "agents", name="a", model="m")
    body = {"agent": agent["id"], "environment_id": environment["id"], "initial_events": [message("hi")]}
    await made(client, "sessions", **body)
    base = f"/v1/environments/{environment['id']}/work"
    (work,) = (await client.get(base)).json()["data"]

    beat = (await client.post(f"{base}/{work['id']}/heartbeat")).json()

    assert (beat["last_heartbeat"], beat["lease_extended"], beat["state"]) == ("", False, "queued")


async def test_credentials_of_a_vault_that_is_closed(client, autojump_clock):
    """A vault that is archived takes no credentials and lets none be changed; with a deleted one they are gone."""
    vault = await made(client, "vaults", display_name="v")
    base = f"vaults/{vault['id']}/credentials"
    auth = {"type": "static_bearer", "token": "t", "mcp_server_url": "https://u.test"}
    credential = await made(client, base, auth=auth)
    await client.post(f"/v1/vaults/{vault['id']}/archive")

    await refusal(client, "POST", base, auth=auth)
    shown = await client.get(f"/v1/{base}/{credential['id']}")
    await client.delete(f"/v1/vaults/{vault['id']}")
    gone = [await client.get(f"/v1/{base}/{credential['id']}"), await client.get(f"/v1/{base}")]

    assert shown.status_code == 200
    assert [answer.status_code for answer in gone] == [404, 404]


async def test_an_archived_memory_store(client, autojump_clock):
    """It takes no memories, no changes and no sessions; its memories can still be read and deleted, its versions redacted."""
    store = await made(client, "memory_stores", name="s")
    base = f"memory_stores/{store['id']}"
    one = await made(client, f"{base}/memories", path="/a", content="x")
    await client.post(f"/v1/{base}/archive")
    session = (await client.get(f"/v1/sessions/{await new_session(client)}")).json()
    where = {"agent": session["agent"]["id"], "environment_id": session["environment_id"]}

    await refusal(client, "POST", f"{base}/memories", path="/b", content="y")
    await refusal(client, "POST", f"{base}/memories/{one['id']}", content="y")
    await refusal(client, "POST", base, name="t")
    attached = await refusal(
        client, "POST", "sessions", **where, resources=[{"type": "memory_store", "memory_store_id": store["id"]}]
    )
    read = (await client.get(f"/v1/{base}/memories/{one['id']}")).json()
    (version,) = (await client.get(f"/v1/{base}/memory_versions")).json()["data"]
    redacted = await client.post(f"/v1/{base}/memory_versions/{version['id']}/redact")
    deleted = await client.delete(f"/v1/{base}/memories/{one['id']}")
    await client.delete(f"/v1/{base}")
    gone = [
        await client.get(f"/v1/{base}/memories/{one['id']}"),
        await client.get(f"/v1/{base}/memory_versions/{version['id']}"),
    ]

    assert "resources.0.memory_store_id:" in attached["message"]
    assert read["content"] == "x"
    assert (redacted.status_code, deleted.status_code) == (200, 200)
    assert [answer.status_code for answer in gone] == [404, 404]


async def test_what_of_a_memory_is_shown(client, autojump_clock):
    """The content is shown where it is asked for, and by default where one memory is looked up; such pages hold 20."""
    store = await made(client, "memory_stores", name="s")
    base = f"memory_stores/{store['id']}/memories"
    rows = [await made(client, base, path=f"/{n:02}", content=str(n)) for n in range(25)]

    updated = await changed(client, f"{base}/{rows[0]['id']}", content="new")
    asked = await changed(client, f"{base}/{rows[0]['id']}?view=full", content="newer")
    found = (await client.get(f"/v1/{base}/{rows[0]['id']}")).json()
    basic = (await client.get(f"/v1/{base}?limit=100")).json()
    full = (await client.get(f"/v1/{base}?limit=100&view=full")).json()
    rest = (await client.get(f"/v1/{base}", params={"limit": 100, "view": "full", "page": full["next_page"]})).json()

    assert (rows[0]["content"], updated["content"], asked["content"], found["content"]) == (
        None,
        None,
        "newer",
        "newer",
    )
    assert {row["content"] for row in basic["data"]} == {None}
    assert (len(basic["data"]), basic["next_page"]) == (25, None)
    assert [row["content"] for row in full["data"] + rest["data"]] == ["newer", *map(str, range(1, 25))]
    assert len(full["data"]) == 20


async def test_memories_below_a_folder(client, autojump_clock):
    """A prefix stands for whole segments; one that does not end with a slash is a 400 that names it."""
    store = await made(client, "memory_stores", name="s")
    base = f"memory_stores/{store['id']}/memories"
    for path in ("/notes/a", "/notes/b/c", "/notes-archive/d"):
        await made(client, base, path=path, content="x")

    below = (await client.get(f"/v1/{base}?path_prefix=/notes/")).json()["data"]
    children = (await client.get(f"/v1/{base}?path_prefix=/notes/&depth=1")).json()["data"]
    refused = await client.get(f"/v1/{base}?path_prefix=/notes")

    assert [row["path"] for row in below] == ["/notes/a", "/notes/b/c"]
    assert [(row["type"], row["path"]) for row in children] == [("memory", "/notes/a"), ("memory_prefix", "/notes/b/")]
    assert refused.status_code == 400
    assert "path_prefix:" in refused.json()["error"]["message"]


@pytest.mark.parametrize(
    ("name", "folder"), [("User Preferences", "user-preferences"), ("a--b__C!", "a-b-c"), ("Über", "ber")]
)
async def test_where_a_memory_store_is_mounted(client, autojump_clock, name, folder):
    """In a folder called as the store is, in lower case with hyphens."""
    store = await made(client, "memory_stores", name=name, description="d")
    session = await new_session(client, resources=[{"type": "memory_store", "memory_store_id": store["id"]}])

    (resource,) = (await client.get(f"/v1/sessions/{session}")).json()["resources"]
    assert resource["mount_path"] == f"/mnt/memory/{folder}"
    assert (resource["name"], resource["description"], resource["access"]) == (name, "d", "read_write")


@pytest.mark.parametrize(
    ("kind", "name"), [("text/plain", "unnamed.txt"), ("application/pdf", "unnamed.pdf"), ("x/y", "unnamed")]
)
async def test_uploads_without_a_name(client, autojump_clock, kind, name):
    """A part without a filename is called after its type."""
    body = f'--b\r\nContent-Disposition: form-data; name="file"\r\nContent-Type: {kind}\r\n\r\nhi\r\n--b--\r\n'

    answer = await client.post(
        "/v1/files", content=body.encode(), headers={"content-type": "multipart/form-data; boundary=b"}
    )

    assert answer.status_code == 200
    assert (answer.json()["filename"], answer.json()["size_bytes"]) == (name, 2)


async def test_uploads_without_a_file(client, autojump_clock):
    """A form without the part `file` is a 400; other fields, such as `purpose`, are ignored."""
    refused = await client.post("/v1/files", data={"purpose": "agent"}, files={"other": ("a.txt", b"x")})
    taken = await client.post("/v1/files", data={"purpose": "agent"}, files={"file": ("d/a.txt", b"x")})

    assert "file:" in refused.json()["error"]["message"]
    assert taken.json()["filename"] == "a.txt"


async def deployment_of(client, **fields):
    """A deployment, and what it was made of."""
    agent = await made(client, "agents", name="a", model="m")
    environment = await made(client, "environments", name="e")
    body = {"agent": agent["id"], "environment_id": environment["id"], "initial_events": [message("hi")], **fields}
    return await made(client, "deployments", name="d", **body)


async def test_runs_whose_parts_are_gone(client, autojump_clock):
    """A run says which of the deployment's parts is missing or archived; it starts no session."""
    file = (await client.post("/v1/files", files={"file": ("a.txt", b"x")})).json()["id"]
    store = (await made(client, "memory_stores", name="s"))["id"]
    with_file = await deployment_of(client, resources=[{"type": "file", "file_id": file}])
    with_store = await deployment_of(client, resources=[{"type": "memory_store", "memory_store_id": store}])
    plain = await deployment_of(client)

    async def run(deployment):
        return await made(client, f"deployments/{deployment['id']}/run")

    fine = await run(with_file)
    await client.delete(f"/v1/files/{file}")
    await client.post(f"/v1/memory_stores/{store}/archive")
    await client.post(f"/v1/agents/{plain['agent']['id']}/archive")
    errors = [(await run(deployment))["error"]["type"] for deployment in (with_file, with_store, plain)]
    await client.delete(f"/v1/memory_stores/{store}")
    errors.append((await run(with_store))["error"]["type"])

    assert (fine["error"], fine["session_id"] is None) == (None, False)
    assert errors == [
        "file_not_found_error",
        "memory_store_archived_error",
        "agent_archived_error",
        "session_resource_not_found_error",
    ]
    assert len((await client.get("/v1/sessions")).json()["data"]) == 1
    assert len((await client.get("/v1/deployment_runs?limit=1000&has_error=true")).json()["data"]) == 4


async def test_archived_deployments(client, autojump_clock):
    """A paused deployment that is archived is no longer paused; it is found by include_archived, which excludes `status`."""
    deployment = await deployment_of(client)
    path = f"/v1/deployments/{deployment['id']}"
    await client.post(f"{path}/pause")

    archived = (await client.post(f"{path}/archive")).json()
    both = await client.get("/v1/deployments?status=active&include_archived=true")
    alone = await client.get("/v1/deployments?include_archived=true")

    assert (archived["status"], archived["paused_reason"], archived["archived_at"] is None) == ("active", None, False)
    assert both.status_code == 400
    assert "include_archived:" in both.json()["error"]["message"]
    assert [row["id"] for row in alone.json()["data"]] == [deployment["id"]]


async def test_a_models_effort_survives(client, autojump_clock):
    """An update of the model that says no effort keeps the effort; everything else of the model is replaced."""
    model = {"id": "m", "effort": "low", "speed": "fast", "inference_geo": "eu"}
    agent = await made(client, "agents", name="a", model=model)

    plain = await changed(client, f"agents/{agent['id']}", model="n")
    whole = await changed(client, f"agents/{agent['id']}", model={"id": "o", "effort": {"type": "max"}})

    assert plain["model"] == {"id": "n", "effort": {"type": "low"}, "speed": "standard", "inference_geo": None}
    assert whole["model"]["effort"] == {"type": "max"}


@pytest.mark.parametrize(
    ("identity", "path"),
    [
        ({"type": "root"}, "execution_identity.type"),
        ({"type": "aws_role"}, "execution_identity.role_arn"),
        ("me", "execution_identity"),
    ],
)
async def test_execution_identities(client, autojump_clock, identity, path):
    """Runs act as the service account or as a role of AWS; anything else is named."""
    error = await refusal(client, "POST", "agents", name="a", model="m", execution_identity=identity)
    role = {"type": "aws_role", "role_arn": "arn:aws:iam::1:role/x"}
    agent = await made(client, "agents", name="a", model="m", execution_identity=role)
    cleared = await changed(client, f"agents/{agent['id']}", execution_identity=None)

    assert f"{path}:" in error["message"]
    assert agent["execution_identity"] == role
    assert cleared["execution_identity"] == {"type": "service_account"}
