"""Every endpoint of the simulator, driven by the official client, async and sync, and read back in its own types."""

from __future__ import annotations

import anthropic
import pytest
import trio

from . import official as flavours
from .official import message, official, session_of


@pytest.fixture(autouse=True, params=["async", "sync"])
def flavour(request, monkeypatch):
    """Each test with either client."""
    monkeypatch.setattr(flavours, "FLAVOUR", request.param)


async def _collect(pages):
    return [item async for item in pages]


async def test_agents():
    """Agents: create, retrieve, update, versions, list, archive."""
    async with official() as client:
        agents = client.beta.agents
        made = await agents.create(name="a", model={"id": "m", "effort": "low"}, system="s", metadata={"k": "v"})
        changed = await agents.update(made.id, version=made.version, description="d")
        versions = await _collect(agents.versions.list(made.id, limit=1))
        old = await agents.retrieve(made.id, version=1)
        archived = await agents.archive(made.id)
        listed = await _collect(agents.list(include_archived=True))

    assert (made.version, made.system, made.model.effort.type, made.execution_identity.type) == (
        1,
        "s",
        "low",
        "service_account",
    )
    assert (changed.version, changed.description, changed.metadata) == (2, "d", {"k": "v"})
    assert [version.version for version in versions] == [2, 1]
    assert old.description is None
    assert archived.archived_at is not None
    assert [agent.id for agent in listed] == [made.id]


async def test_environments():
    """Environments: create, retrieve, update, list, archive, delete."""
    async with official() as client:
        environments = client.beta.environments
        config = {
            "type": "cloud",
            "networking": {"type": "limited", "allowed_hosts": ["a.test"], "allow_package_managers": True},
            "packages": {"pip": ["x"]},
        }
        made = await environments.create(name="e", config=config)
        changed = await environments.update(made.id, name="f", metadata={"k": "v"})
        found = await environments.retrieve(made.id)
        listed = await _collect(environments.list())
        archived = await environments.archive(made.id)
        deleted = await environments.delete(made.id)
        with pytest.raises(anthropic.NotFoundError):
            await environments.retrieve(made.id)

    assert (made.config.networking.allowed_hosts, made.config.packages.pip) == (["a.test"], ["x"])
    assert (changed.name, found.metadata, [one.id for one in listed]) == ("f", {"k": "v"}, [made.id])
    assert archived.archived_at is not None
    assert (deleted.id, deleted.type) == (made.id, "environment_deleted")


async def test_sessions():
    """Sessions: create with everything, retrieve, update, list with filters, archive, delete."""
    async with official() as client:
        sessions = client.beta.sessions
        plain = await session_of(client)
        file = await client.beta.files.upload(file=("in.txt", b"in"))
        store = await client.beta.memory_stores.create(name="notes")
        made = await sessions.create(
            agent={"type": "agent", "id": plain.agent.id, "version": 1},
            environment_id=plain.environment_id,
            title="t",
            metadata={"k": "v"},
            budget={"type": "limit", "max_list_cost": {"amount": "100", "currency": "USD"}},
            resources=[
                {"type": "file", "file_id": file.id},
                {"type": "github_repository", "url": "https://git.test/a/b.git", "authorization_token": "x"},
                {"type": "memory_store", "memory_store_id": store.id},
            ],
        )
        changed = await sessions.update(made.id, title="u", budget=None)
        by_store = await _collect(sessions.list(memory_store_id=store.id))
        idle = await _collect(sessions.list(statuses=["idle"], order="asc", limit=1))
        running = await _collect(sessions.list(statuses=["running", "terminated"]))
        archived = await sessions.archive(made.id)
        deleted = await sessions.delete(made.id)

    assert [resource.type for resource in made.resources] == ["file", "github_repository", "memory_store"]
    assert made.resources[0].mount_path == f"/mnt/session/uploads/{file.id}"
    assert made.resources[0].file_id != file.id
    assert made.resources[1].mount_path == "/workspace/b"
    assert "authorization_token" not in made.resources[1].to_dict()
    assert (made.budget.max_list_cost.amount, changed.title, changed.budget) == ("100", "u", None)
    assert [one.id for one in by_store] == [made.id]
    assert [one.id for one in idle] == [plain.id, made.id]
    assert running == []
    assert archived.archived_at is not None
    assert deleted.type == "session_deleted"


async def test_session_resources():
    """Session resources: add, list, retrieve, rotate a token, delete."""
    async with official() as client:
        session = await session_of(client)
        resources = client.beta.sessions.resources
        file = await client.beta.files.upload(file=("in.txt", b"in"))
        added = await resources.add(session.id, type="file", file_id=file.id, mount_path="/x")
        listed = await _collect(resources.list(session.id))
        found = await resources.retrieve(added.id, session_id=session.id)
        with pytest.raises(anthropic.BadRequestError):
            await resources.update(added.id, session_id=session.id, authorization_token="t")
        deleted = await resources.delete(added.id, session_id=session.id)
        rest = await _collect(resources.list(session.id))

    assert (added.mount_path, [one.id for one in listed], found.id) == ("/x", [added.id], added.id)
    assert (deleted.type, rest) == ("session_resource_deleted", [])


async def test_files():
    """Files: upload, list by session, metadata, download of outputs only, delete; newer records of a name come first."""
    async with official(max_retries=0) as client:
        files = client.beta.files
        session = await session_of(client)
        content = bytes(range(256)) + b"\r\n--x\r\n"
        upload = await files.upload(file=("dir/näme.bin", content, "application/x-odd"), expires_in_seconds=3600)
        script = "@file out.txt one\n@file out.txt two words\n@say done"
        async with await client.beta.sessions.events.stream(session.id) as stream:
            await client.beta.sessions.events.send(session.id, events=[message(script)])
            async for event in stream:
                if event.type == "session.status_idle":
                    await client.beta.sessions.archive(session.id)
                    listed = await _collect(files.list(scope_id=session.id, limit=1))
                    await client.beta.sessions.delete(session.id)
        newest = await files.download(listed[0].id)
        with pytest.raises(anthropic.BadRequestError) as refused:
            await files.download(upload.id)
        by_id = await _collect(files.list(ids=[upload.id]))
        metadata = await files.retrieve_metadata(upload.id)
        deleted = await files.delete(upload.id)

        assert await newest.read() == b"two words"
    assert [(file.filename, file.scope.id, file.downloadable) for file in listed] == [("out.txt", session.id, True)] * 2
    assert listed[0].created_at > listed[1].created_at
    assert (upload.filename, upload.mime_type, upload.size_bytes) == ("näme.bin", "application/x-odd", len(content))
    assert upload.expires_at is not None
    assert refused.value.body["error"]["details"]["error_code"] == "file_not_downloadable"
    assert [file.id for file in by_id] == [metadata.id] == [deleted.id]


async def test_interrupting_one_thread():
    """An interrupt that names a child stops that child, and the next one does its part."""
    async with official(max_retries=0) as client:
        session = await session_of(client)
        events = client.beta.sessions.events
        async with await events.stream(session.id) as stream:
            await events.send(
                session.id, events=[message("@thread red\n@sleep 600\n@say never\n@thread blue\n@say two")]
            )
            async for event in stream:
                if event.type == "session.thread_created" and event.agent_name == "red":
                    interrupt = {"type": "user.interrupt", "session_thread_id": event.session_thread_id}
                    await events.send(session.id, events=[interrupt])
                elif event.type == "session.status_idle":
                    _, red, blue = await _collect(client.beta.sessions.threads.list(session.id))
                    await client.beta.sessions.delete(session.id)
        with pytest.raises(anthropic.NotFoundError) as unknown:
            where = {"agent": session.agent.id, "environment_id": session.environment_id}
            await client.beta.sessions.create(**where, vault_ids=["vlt_none"])

    assert event.type == "session.deleted"
    assert [(thread.agent.name, thread.status) for thread in (red, blue)] == [("red", "idle"), ("blue", "idle")]
    assert unknown.value.body["error"]["details"]["error_code"] == "vault_not_found"


async def test_threads():
    """Threads: list, retrieve, events, archive."""
    async with official() as client:
        session = await session_of(client)
        await client.beta.sessions.events.send(session.id, events=[message("@thread helper\n@say hi")])
        await _until_idle(client, session.id)
        threads = client.beta.sessions.threads
        own, child = await _collect(threads.list(session.id))
        found = await threads.retrieve(child.id, session_id=session.id)
        events = await _collect(threads.events.list(child.id, session_id=session.id))
        archived = await threads.archive(child.id, session_id=session.id)

    assert (own.parent_thread_id, found.parent_thread_id, found.agent.name) == (None, own.id, "helper")
    assert "agent.message" in [event.type for event in events]
    assert archived.archived_at is not None


async def _until_idle(client, session_id):
    while (await client.beta.sessions.retrieve(session_id)).status == "running":
        await trio.lowlevel.checkpoint()


async def test_vaults_and_credentials():
    """Vaults and credentials: all verbs; secrets never come back."""
    async with official() as client:
        vaults, credentials = client.beta.vaults, client.beta.vaults.credentials
        vault = await vaults.create(display_name="v")
        renamed = await vaults.update(vault.id, display_name="w", metadata={"k": "v"})
        auth = {"type": "static_bearer", "token": "hush", "mcp_server_url": "https://mcp.test"}
        made = await credentials.create(vault_id=vault.id, auth=auth, display_name="c")
        changed = await credentials.update(made.id, vault_id=vault.id, auth={"type": "static_bearer", "token": "new"})
        found = await credentials.retrieve(made.id, vault_id=vault.id)
        listed = await _collect(credentials.list(vault.id))
        checked = await credentials.mcp_oauth_validate(made.id, vault_id=vault.id)
        archived = await credentials.archive(made.id, vault_id=vault.id)
        deleted = await credentials.delete(made.id, vault_id=vault.id)
        await vaults.archive(vault.id)
        gone = await vaults.delete(vault.id)

    assert (renamed.display_name, renamed.metadata) == ("w", {"k": "v"})
    assert "hush" not in made.to_json() + changed.to_json() + found.to_json()
    assert (found.auth.mcp_server_url, found.vault_id, [one.id for one in listed]) == (
        "https://mcp.test",
        vault.id,
        [made.id],
    )
    assert (checked.status, archived.archived_at is None) == ("unknown", False)
    assert (deleted.type, gone.type) == ("vault_credential_deleted", "vault_deleted")


async def test_memory_stores():
    """Memory stores, memories, versions: all verbs, conflicts and preconditions by their own types."""
    async with official(max_retries=0) as client:
        stores = client.beta.memory_stores
        store = await stores.create(name="notes", description="d")
        await stores.update(store.id, name="n")
        one = await stores.memories.create(store.id, path="/a/one.md", content="1")
        await stores.memories.create(store.id, path="/two.md", content="2")
        with pytest.raises(anthropic.ConflictError) as taken:
            await stores.memories.create(store.id, path="/two.md", content="3")
        changed = await stores.memories.update(
            one.id,
            memory_store_id=store.id,
            content="11",
            precondition={"type": "content_sha256", "content_sha256": one.content_sha256},
            view="full",
        )
        with pytest.raises(anthropic.ConflictError) as stale:
            await stores.memories.delete(one.id, memory_store_id=store.id, expected_content_sha256=one.content_sha256)
        folded = await _collect(stores.memories.list(store.id, path_prefix="/", depth=1))
        found = await stores.memories.retrieve(one.id, memory_store_id=store.id)
        await stores.memories.delete(one.id, memory_store_id=store.id)
        versions = await _collect(stores.memory_versions.list(store.id, memory_id=one.id))
        redacted = await stores.memory_versions.redact(versions[-1].id, memory_store_id=store.id)
        listed = await _collect(stores.list())
        await stores.archive(store.id)
        deleted = await stores.delete(store.id)

    assert (taken.value.type, stale.value.type) == ("memory_path_conflict_error", "memory_precondition_failed_error")
    assert (changed.content, found.content, found.content_size_bytes) == ("11", "11", 2)
    assert [(item.type, item.path) for item in folded] == [("memory_prefix", "/a/"), ("memory", "/two.md")]
    assert [version.operation for version in versions] == ["deleted", "modified", "created"]
    assert (redacted.content, redacted.redacted_at is None) == (None, False)
    assert ([one.name for one in listed], deleted.type) == (["n"], "memory_store_deleted")


async def test_skills():
    """Skills and their versions: create from a folder, list, download, delete."""
    async with official() as client:
        skills = client.beta.skills
        text = b"---\nname: sums\ndescription: adds\n---\nbody"
        made = await skills.create(files=[("sums/SKILL.md", text), ("sums/a.txt", b"x")])
        second = await skills.versions.create(made.id, files=[("sums/SKILL.md", text)])
        found = await skills.retrieve(made.id)
        version = await skills.versions.retrieve("latest", skill_id=made.id)
        versions = await _collect(skills.versions.list(made.id))
        content = await skills.versions.download(made.latest_version_id, skill_id=made.id)
        archive = await content.read()
        await skills.versions.delete(made.latest_version_id, skill_id=made.id)
        listed = await _collect(skills.list())
        deleted = await skills.delete(made.id)
        with pytest.raises(anthropic.BadRequestError, match=r"SKILL\.md"):
            await skills.create(files=[("x/readme.md", b"")])

    assert (made.display_name, version.description, found.latest_version_id) == ("sums", "adds", second.id)
    assert [one.id for one in versions] == [second.id, made.latest_version_id]
    assert archive.startswith(b"PK")
    assert ([one.id for one in listed], deleted.type) == ([made.id], "skill_deleted")


async def test_deployments():
    """Deployments and runs: all verbs; a run is a session on its initial events, or an error where a part is gone."""
    async with official() as client:
        deployments = client.beta.deployments
        session = await session_of(client)
        made = await deployments.create(
            name="d",
            agent=session.agent.id,
            environment_id=session.environment_id,
            initial_events=[message("@say started")],
            schedule={"type": "cron", "expression": "0 9 * * 1-5", "timezone": "UTC"},
        )
        changed = await deployments.update(made.id, description="x")
        paused = await deployments.pause(made.id)
        active = await deployments.unpause(made.id)
        run = await deployments.run(made.id)
        await _until_idle(client, run.session_id)
        events = await _collect(client.beta.sessions.events.list(run.session_id))
        started = await _collect(client.beta.sessions.list(deployment_id=made.id))
        await client.beta.environments.archive(session.environment_id)
        failed = await deployments.run(made.id)
        runs = await _collect(client.beta.deployment_runs.list(deployment_id=made.id))
        errors = await _collect(client.beta.deployment_runs.list(has_error=True))
        found = await client.beta.deployment_runs.retrieve(run.id)
        archived = await deployments.archive(made.id)
        listed = await _collect(deployments.list(include_archived=True))

    assert (made.agent.version, made.schedule.expression, changed.description) == (1, "0 9 * * 1-5", "x")
    assert (paused.status, paused.paused_reason.type, active.status) == ("paused", "manual", "active")
    assert [event.content[0].text for event in events if event.type == "agent.message"] == ["started"]
    assert [one.id for one in started] == [run.session_id]
    assert (failed.session_id, failed.error.type) == (None, "environment_archived_error")
    assert [one.id for one in runs] == [failed.id, run.id]
    assert ([one.id for one in errors], found.id) == ([failed.id], run.id)
    assert ([one.id for one in listed], archived.archived_at is None) == ([made.id], False)


async def test_work():
    """A message in a self-hosted environment is work: polled, acknowledged, kept alive, stopped; the script does not wait for it."""
    async with official(max_retries=0) as client:
        agent = await client.beta.agents.create(name="a", model="m")
        environment = await client.beta.environments.create(name="e", config={"type": "self_hosted"})
        session = await client.beta.sessions.create(agent=agent.id, environment_id=environment.id)
        work, where = client.beta.environments.work, environment.id
        nothing = await work.poll(where, block_ms=1)
        await client.beta.sessions.events.send(session.id, events=[message("@say alone")])
        await _until_idle(client, session.id)
        waiting = await work.stats(where)
        item = await work.poll(where, extra_headers={"anthropic-worker-id": "w1"})
        again = await work.poll(where)
        reclaimed = await work.poll(where, reclaim_older_than_ms=0)
        await work.ack(item.id, environment_id=where)
        beat = await work.heartbeat(item.id, environment_id=where, expected_last_heartbeat="NO_HEARTBEAT")
        with pytest.raises(anthropic.APIStatusError) as stale:
            await work.heartbeat(item.id, environment_id=where, expected_last_heartbeat="NO_HEARTBEAT")
        stopping = await work.stop(item.id, environment_id=where)
        last = await work.heartbeat(item.id, environment_id=where, expected_last_heartbeat=beat.last_heartbeat)
        stopped = await work.stop(item.id, environment_id=where, force=True)
        with pytest.raises(anthropic.ConflictError):
            await work.stop(item.id, environment_id=where)
        await work.update(item.id, environment_id=where, metadata={"k": "v"})
        found = await work.retrieve(item.id, environment_id=where)
        listed = await _collect(work.list(where))
        stats = await work.stats(where)

    assert (nothing, waiting.depth, again) == (None, 1, None)
    assert (item.data.id, item.state, reclaimed.id) == (session.id, "starting", item.id)
    assert (beat.state, beat.lease_extended) == ("active", True)
    assert (stale.value.status_code, stale.value.body["error"]["details"]["error_code"]) == (
        412,
        "heartbeat_precondition_failed",
    )
    assert (stopping.state, last.state, last.lease_extended, stopped.state) == (
        "stopping",
        "stopping",
        False,
        "stopped",
    )
    assert (found.metadata, [one.id for one in listed]) == ({"k": "v"}, [item.id])
    assert (stats.depth, stats.pending, stats.workers_polling) == (0, 0, 1)
