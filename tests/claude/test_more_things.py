"""The rest of the control plane through our client, against the simulator."""

from __future__ import annotations

import hashlib
import io
import zipfile

import pytest

from agentsup import claude
from agentsup.claude import inputs
from agentsup.errors import SpecError
from tests.sim.kit import at_rest

from .test_things import _session


async def test_session_resources(client):
    """Mounted, listed, a token rotated, removed."""
    upload = await client.files.upload(b"x", filename="a.txt")
    repository = {"type": "github_repository", "url": "https://example.com/a/b.git", "authorization_token": "hush"}
    session = await _session(client, resources=[repository])
    mounted = await client.resources.add_file(session.id, upload.id)
    placed = await client.resources.add_file(session.id, upload.id, mount_path="/here")
    listed = await client.resources.list(session.id).all()
    found = await client.resources.get(session.id, mounted.id)
    rotated = await client.resources.rotate(session.id, listed[0].id, authorization_token="new")
    deleted = await client.resources.delete(session.id, placed.id)

    assert (mounted.type, mounted.mount_path) == ("file", f"/mnt/session/uploads/{upload.id}")
    assert mounted.file_id != upload.id
    assert (placed.mount_path, found) == ("/here", mounted)
    assert [one.type for one in listed] == ["github_repository", "file", "file"]
    assert (rotated.url, deleted.type) == ("https://example.com/a/b.git", "session_resource_deleted")
    assert "hush" not in str([one.raw for one in listed])


async def test_vaults_and_credentials(client):
    """All verbs; a secret goes in and never comes out."""
    vault = await client.vaults.create(display_name="v", metadata={"k": "v"})
    renamed = await client.vaults.update(vault.id, display_name="w")
    auth = {"type": "static_bearer", "token": "hush", "mcp_server_url": "https://example.com"}
    made = await client.credentials.create(vault.id, auth=auth, display_name="c")
    changed = await client.credentials.update(vault.id, made.id, display_name=None)
    found = await client.credentials.get(vault.id, made.id)
    listed = await client.credentials.list(vault.id).all()
    validated = await client.credentials.validate(vault.id, made.id)
    archived = await client.credentials.archive(vault.id, made.id)
    deleted = await client.credentials.delete(vault.id, made.id)
    put_away = await client.vaults.archive(vault.id)
    gone = await client.vaults.delete(vault.id)

    assert (renamed.display_name, renamed.metadata) == ("w", {"k": "v"})
    assert (made.display_name, changed.display_name, made.auth["type"]) == ("c", None, "static_bearer")
    assert (found, listed, validated.status) == (changed, [changed], "unknown")
    assert (archived.archived_at is None, put_away.archived_at is None) == (False, False)
    assert (deleted.type, gone.type) == ("vault_credential_deleted", "vault_deleted")
    assert "hush" not in str(made.raw)
    assert await client.vaults.list().all() == []


async def test_memory(client):
    """Stores, memories with optimistic locks and folders, versions, redaction."""
    store = await client.memory_stores.create(name="n", description="d")
    renamed = await client.memory_stores.update(store.id, name="m")
    one = await client.memories.create(store.id, path="/a/one.md", content="1")
    two = await client.memories.create(store.id, path="/two.md", content="2")
    with pytest.raises(claude.Conflict) as taken:
        await client.memories.create(store.id, path="/two.md", content="x")
    with pytest.raises(claude.Conflict) as stale:
        await client.memories.update(store.id, one.id, content="x", expected_sha256="0" * 64)
    seen = hashlib.sha256(b"1").hexdigest()
    changed = await client.memories.update(store.id, one.id, content="11", expected_sha256=seen, view="full")
    found = await client.memories.get(store.id, one.id, view="basic")
    folded = await client.memories.list(store.id, path_prefix="/", depth=1).all()
    deleted = await client.memories.delete(store.id, two.id)
    versions = await client.memory_versions.list(store.id, memory_id=one.id, view="full").all()
    version = await client.memory_versions.get(store.id, versions[0].id)
    redacted = await client.memory_versions.redact(store.id, versions[1].id)
    archived = await client.memory_stores.archive(store.id)
    gone = await client.memory_stores.delete(store.id)

    assert (taken.value.type, stale.value.type) == ("memory_path_conflict_error", "memory_precondition_failed_error")
    assert (renamed.name, renamed.description, changed.content, found.content) == ("m", "d", "11", None)
    assert (found.content_sha256, found.content_size_bytes) == (hashlib.sha256(b"11").hexdigest(), 2)
    assert [(row.type, row.path, row.id is None) for row in folded] == [
        ("memory_prefix", "/a/", True),
        ("memory", "/two.md", False),
    ]
    assert [(row.operation, row.content) for row in versions] == [("modified", "11"), ("created", "1")]
    assert (version.content, redacted.content, redacted.redacted_at is None) == ("11", None, False)
    assert (deleted.type, archived.archived_at is None, gone.type) == ("memory_deleted", False, "memory_store_deleted")


async def test_skills(client, tmp_path):
    """From a folder on disk and from bytes; versions, the zip, and what is left out."""
    folder = tmp_path / "sums"
    (folder / "deep").mkdir(parents=True)
    (folder / "SKILL.md").write_text("---\nname: sums\ndescription: adds\n---\nbody")
    (folder / "deep" / "a.txt").write_bytes(b"x" * 100_000)
    made = await client.skills.create(folder, display_name="Sums")
    second = await client.skill_versions.create(made.id, {"sums/SKILL.md": b"---\nname: sums\n---\n"})
    found = await client.skills.get(made.id)
    newest = await client.skill_versions.get(made.id, "latest")
    versions = await client.skill_versions.list(made.id).all()
    archive = zipfile.ZipFile(io.BytesIO(await client.skill_versions.read(made.id, made.latest_version_id)))
    removed = await client.skill_versions.delete(made.id, second.id)
    listed = await client.skills.list(source="custom").all()
    deleted = await client.skills.delete(made.id)

    assert (made.display_name, made.source, found.latest_version_id) == ("Sums", {"type": "custom"}, second.id)
    assert (newest, versions[1].description) == (second, "adds")
    assert sorted(archive.namelist()) == ["sums/SKILL.md", "sums/deep/a.txt"]
    assert [one.id for one in listed] == [made.id]
    assert (removed.type, deleted.type) == ("skill_version_deleted", "skill_deleted")
    with pytest.raises(SpecError, match="has no files"):
        await client.skills.create({})


async def test_deployments(client, simulator):
    """All verbs; a run is a session, or says why there is none."""
    session = await _session(client)
    schedule = {"type": "cron", "expression": "0 9 * * 1-5", "timezone": "UTC"}
    made = await client.deployments.create(
        name="d",
        agent=session.agent.id,
        environment_id=session.environment_id,
        initial_events=[inputs.user_message("@say started")],
        schedule=schedule,
    )
    changed = await client.deployments.update(made.id, description="x", schedule=None)
    paused = await client.deployments.pause(made.id)
    active = await client.deployments.unpause(made.id)
    run = await client.deployments.run(made.id)
    async with simulator.client() as http:
        await at_rest(http, run.session_id)
    events = await client.events.list(run.session_id, types=["agent.message"]).all()
    started = await client.sessions.list(deployment_id=made.id).all()
    await client.environments.archive(session.environment_id)
    failed = await client.deployments.run(made.id)
    runs = await client.deployment_runs.list(deployment_id=made.id).all()
    errors = await client.deployment_runs.list(has_error=True).all()
    found = await client.deployment_runs.get(run.id)
    listed = await client.deployments.list(agent_id=session.agent.id).all()
    archived = await client.deployments.archive(made.id)

    assert (made.agent["version"], made.schedule["expression"]) == (1, "0 9 * * 1-5")
    assert (changed.description, changed.schedule, changed.name) == ("x", None, "d")
    assert (paused.status, paused.paused_reason, active.status) == ("paused", {"type": "manual"}, "active")
    assert [event.text for event in events] == ["started"]
    assert [one.id for one in started] == [run.session_id]
    assert (failed.session_id, failed.error["type"]) == (None, "environment_archived_error")
    assert ([one.id for one in runs], [one.id for one in errors]) == ([failed.id, run.id], [failed.id])
    assert (found, [one.id for one in listed], archived.archived_at is None) == (run, [made.id], False)


async def test_work(client):
    """A worker's side of a self-hosted environment."""
    agent = await client.agents.create(name="a", model="m")
    environment = await client.environments.create(name="e", config={"type": "self_hosted"})
    where = environment.id
    session = await client.sessions.create(agent=agent.id, environment_id=where)
    nothing = await client.work.poll(where, block_ms=1)
    await client.events.send(session.id, inputs.user_message("hi"))
    item = await client.work.poll(where, worker_id="w")
    await client.work.ack(where, item.id)
    beat = await client.work.heartbeat(where, item.id, desired_ttl_seconds=30)
    with pytest.raises(claude.PreconditionFailed) as stale:
        await client.work.heartbeat(where, item.id)
    again = await client.work.heartbeat(where, item.id, expected_last_heartbeat=beat.last_heartbeat)
    changed = await client.work.update(where, item.id, metadata={"k": "v"})
    stopped = await client.work.stop(where, item.id, force=True)
    found = await client.work.get(where, item.id)
    listed = await client.work.list(where).all()
    stats = await client.work.stats(where)

    assert (nothing, item.data, item.state) == (None, {"type": "session", "id": session.id}, "starting")
    assert (beat.state, beat.lease_extended, again.ttl_seconds) == ("active", True, 30)
    assert (stale.value.status, stale.value.error_code) == (412, "heartbeat_precondition_failed")
    assert (changed.metadata, stopped.state, found.state) == ({"k": "v"}, "stopped", "stopped")
    assert ([one.id for one in listed], stats.depth, stats.workers_polling) == ([item.id], 0, 1)
