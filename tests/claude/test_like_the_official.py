"""Request by request, what we send is what the official client sends: method, version and betas, the target to the byte, the body's values.

Not compared: the order of an object's keys, which says nothing; and that the official client announces JSON also where it sends no body.
"""

from __future__ import annotations

import datetime
import json

import anthropic
import attrs
import pytest
import trio

from agentsup import claude

THING = {"id": "x", "type": "t"}
PAGE = {**THING, "data": [], "next_page": None}

HEADERS = ("anthropic-version", "anthropic-beta", "content-type", "anthropic-workspace-id", "anthropic-worker-id")


@attrs.frozen
class Sent:
    """A request as it came over the socket."""

    method: str
    target: str
    headers: dict
    body: bytes

    def shown(self) -> tuple:
        headers = {name: self.headers[name] for name in HEADERS if name in self.headers}
        kind, _, boundary = headers.get("content-type", "").partition("; boundary=")
        if not self.body:
            headers.pop("content-type", None)
            return self.method, self.target, headers
        if not boundary:
            return self.method, self.target, headers, json.loads(self.body)
        return self.method, self.target, {**headers, "content-type": kind}, parts(self.body, boundary.encode())


def parts(body: bytes, boundary: bytes) -> list[tuple]:
    """A form's parts: their headers as pairs, and the data."""
    found = []
    for part in body.split(b"--" + boundary)[1:-1]:
        head, _, data = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        lines = [line.partition(b": ") for line in head.split(b"\r\n")]
        found.append((sorted((name.lower(), value) for name, _, value in lines), data.removesuffix(b"\r\n")))
    return found


async def record(connection, sent):
    """Answer everything with the same, and keep what was asked."""
    buffer = b""
    async with connection:
        while True:
            while b"\r\n\r\n" not in buffer:
                data = await connection.receive_some()
                if not data:
                    return
                buffer += data
            head, buffer = buffer.split(b"\r\n\r\n", 1)
            first, *lines = head.decode().split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
            buffer, body = await read_body(connection, buffer, headers)
            method, target, _ = first.split(" ")
            sent.append(Sent(method, target, headers, body))
            answer = json.dumps(THING if "/work/" in target else PAGE).encode()
            status = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(answer)
            await connection.send_all(status + answer)


async def read_body(connection, buffer, headers):
    if headers.get("transfer-encoding") == "chunked":
        while not buffer.endswith(b"0\r\n\r\n"):
            buffer += await connection.receive_some()
        body = b""
        while buffer:
            size, _, buffer = buffer.partition(b"\r\n")
            body, buffer = body + buffer[: int(size, 16)], buffer[int(size, 16) + 2 :]
        return b"", body
    length = int(headers.get("content-length", 0))
    while len(buffer) < length:
        buffer += await connection.receive_some()
    return buffer[length:], buffer[:length]


WHEN = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
EVENT = {"type": "user.message", "content": [{"type": "text", "text": "hi"}]}
CONFIG = {"type": "cloud", "networking": {"type": "unrestricted"}}
FILES = [("sums/SKILL.md", b"---\nname: sums\n---\n"), ("sums/a.txt", b"x")]


async def through(pages):
    async for _ in pages:
        pass


CALLS = {
    "agents.create": (
        lambda c: c.agents.create(name="a", model="m", system=None, tools=[], metadata={"k": "v"}),
        lambda b: b.agents.create(name="a", model="m", system=None, tools=[], metadata={"k": "v"}),
    ),
    "agents.get": (lambda c: c.agents.get("a", version=2), lambda b: b.agents.retrieve("a", version=2)),
    "agents.update": (
        lambda c: c.agents.update("a", version=1, description=None, metadata={"k": None}),
        lambda b: b.agents.update("a", version=1, description=None, metadata={"k": None}),
    ),
    "agents.list": (
        lambda c: through(c.agents.list(created_gte=WHEN, created_lte=WHEN, include_archived=True, limit=3)),
        lambda b: through(b.agents.list(created_at_gte=WHEN, created_at_lte=WHEN, include_archived=True, limit=3)),
    ),
    "agents.archive": (lambda c: c.agents.archive("a"), lambda b: b.agents.archive("a")),
    "agents.versions": (
        lambda c: through(c.agents.versions("a", limit=2)),
        lambda b: through(b.agents.versions.list("a", limit=2)),
    ),
    "environments.create": (
        lambda c: c.environments.create(name="e", config=CONFIG, description="d", metadata={}),
        lambda b: b.environments.create(name="e", config=CONFIG, description="d", metadata={}),
    ),
    "environments.get": (lambda c: c.environments.get("e"), lambda b: b.environments.retrieve("e")),
    "environments.update": (
        lambda c: c.environments.update("e", name="f", description=None),
        lambda b: b.environments.update("e", name="f", description=None),
    ),
    "environments.list": (
        lambda c: through(c.environments.list(include_archived=False, limit=1)),
        lambda b: through(b.environments.list(include_archived=False, limit=1)),
    ),
    "environments.archive": (lambda c: c.environments.archive("e"), lambda b: b.environments.archive("e")),
    "environments.delete": (lambda c: c.environments.delete("e"), lambda b: b.environments.delete("e")),
    "work.poll": (
        lambda c: c.work.poll("e", worker_id="w", block_ms=5, reclaim_older_than_ms=1),
        lambda b: b.environments.work.poll("e", anthropic_worker_id="w", block_ms=5, reclaim_older_than_ms=1),
    ),
    "work.ack": (lambda c: c.work.ack("e", "w"), lambda b: b.environments.work.ack("w", environment_id="e")),
    "work.heartbeat": (
        lambda c: c.work.heartbeat("e", "w", desired_ttl_seconds=60),
        lambda b: b.environments.work.heartbeat(
            "w", environment_id="e", desired_ttl_seconds=60, expected_last_heartbeat="NO_HEARTBEAT"
        ),
    ),
    "work.stop": (
        lambda c: c.work.stop("e", "w", force=True),
        lambda b: b.environments.work.stop("w", environment_id="e", force=True),
    ),
    "work.stop without force": (
        lambda c: c.work.stop("e", "w"),
        lambda b: b.environments.work.stop("w", environment_id="e"),
    ),
    "work.update": (
        lambda c: c.work.update("e", "w", metadata={"k": None}),
        lambda b: b.environments.work.update("w", environment_id="e", metadata={"k": None}),
    ),
    "work.get": (lambda c: c.work.get("e", "w"), lambda b: b.environments.work.retrieve("w", environment_id="e")),
    "work.list": (
        lambda c: through(c.work.list("e", limit=1)),
        lambda b: through(b.environments.work.list("e", limit=1)),
    ),
    "work.stats": (lambda c: c.work.stats("e"), lambda b: b.environments.work.stats("e")),
    "sessions.create": (
        lambda c: c.sessions.create(agent="a", environment_id="e", title="t", vault_ids=["v"], initial_events=[EVENT]),
        lambda b: b.sessions.create(agent="a", environment_id="e", title="t", vault_ids=["v"], initial_events=[EVENT]),
    ),
    "sessions.get": (lambda c: c.sessions.get("s"), lambda b: b.sessions.retrieve("s")),
    "sessions.update": (
        lambda c: c.sessions.update("s", title=None, budget=None, metadata={"k": None}),
        lambda b: b.sessions.update("s", title=None, budget=None, metadata={"k": None}),
    ),
    "sessions.list": (
        lambda c: through(
            c.sessions.list(
                agent_id="a",
                agent_version=1,
                created_gt=WHEN,
                created_gte="2026-01-01T00:00:00Z",
                created_lt=WHEN,
                created_lte=WHEN,
                deployment_id="d",
                include_archived=True,
                limit=5,
                memory_store_id="m",
                order="asc",
                statuses=["idle", "running"],
            )
        ),
        lambda b: through(
            b.sessions.list(
                agent_id="a",
                agent_version=1,
                created_at_gt=WHEN,
                created_at_gte="2026-01-01T00:00:00Z",
                created_at_lt=WHEN,
                created_at_lte=WHEN,
                deployment_id="d",
                include_archived=True,
                limit=5,
                memory_store_id="m",
                order="asc",
                statuses=["idle", "running"],
            )
        ),
    ),
    "sessions.archive": (lambda c: c.sessions.archive("s"), lambda b: b.sessions.archive("s")),
    "sessions.delete": (lambda c: c.sessions.delete("s"), lambda b: b.sessions.delete("s")),
    "events.send": (
        lambda c: c.events.send("s", EVENT, claude.inputs.interrupt()),
        lambda b: b.sessions.events.send("s", events=[EVENT, {"type": "user.interrupt"}]),
    ),
    "events.list": (
        lambda c: through(c.events.list("s", types=["agent.message"], order="desc", limit=9, created_gt=WHEN)),
        lambda b: through(
            b.sessions.events.list("s", types=["agent.message"], order="desc", limit=9, created_at_gt=WHEN)
        ),
    ),
    "threads.list": (
        lambda c: through(c.threads.list("s", statuses=["idle"])),
        lambda b: through(b.sessions.threads.list("s", statuses=["idle"])),
    ),
    "threads.get": (lambda c: c.threads.get("s", "t"), lambda b: b.sessions.threads.retrieve("t", session_id="s")),
    "threads.archive": (
        lambda c: c.threads.archive("s", "t"),
        lambda b: b.sessions.threads.archive("t", session_id="s"),
    ),
    "threads.events": (
        lambda c: through(c.threads.events("s", "t", limit=3)),
        lambda b: through(b.sessions.threads.events.list("t", session_id="s", limit=3)),
    ),
    "resources.add_file": (
        lambda c: c.resources.add_file("s", "f", mount_path="/x"),
        lambda b: b.sessions.resources.add("s", type="file", file_id="f", mount_path="/x"),
    ),
    "resources.list": (
        lambda c: through(c.resources.list("s", limit=3)),
        lambda b: through(b.sessions.resources.list("s", limit=3)),
    ),
    "resources.get": (
        lambda c: c.resources.get("s", "r"),
        lambda b: b.sessions.resources.retrieve("r", session_id="s"),
    ),
    "resources.rotate": (
        lambda c: c.resources.rotate("s", "r", authorization_token="t"),
        lambda b: b.sessions.resources.update("r", session_id="s", authorization_token="t"),
    ),
    "resources.delete": (
        lambda c: c.resources.delete("s", "r"),
        lambda b: b.sessions.resources.delete("r", session_id="s"),
    ),
    "files.upload": (
        lambda c: c.files.upload(b"abc", filename="a.txt", expires_in_seconds=3600),
        lambda b: b.files.upload(file=("a.txt", b"abc", "text/plain"), expires_in_seconds=3600),
    ),
    "files.get": (lambda c: c.files.get("f"), lambda b: b.files.retrieve_metadata("f")),
    "files.list": (
        lambda c: through(c.files.list(ids=["a", "b"])),
        lambda b: through(b.files.list(ids=["a", "b"])),
    ),
    "files.delete": (lambda c: c.files.delete("f"), lambda b: b.files.delete("f")),
    "vaults.create": (
        lambda c: c.vaults.create(display_name="v", metadata={"k": "v"}),
        lambda b: b.vaults.create(display_name="v", metadata={"k": "v"}),
    ),
    "vaults.get": (lambda c: c.vaults.get("v"), lambda b: b.vaults.retrieve("v")),
    "vaults.update": (
        lambda c: c.vaults.update("v", display_name="w", metadata={"k": None}),
        lambda b: b.vaults.update("v", display_name="w", metadata={"k": None}),
    ),
    "vaults.list": (
        lambda c: through(c.vaults.list(include_archived=True, limit=2)),
        lambda b: through(b.vaults.list(include_archived=True, limit=2)),
    ),
    "vaults.archive": (lambda c: c.vaults.archive("v"), lambda b: b.vaults.archive("v")),
    "vaults.delete": (lambda c: c.vaults.delete("v"), lambda b: b.vaults.delete("v")),
    "credentials.create": (
        lambda c: c.credentials.create("v", auth={"type": "static_bearer", "token": "t", "mcp_server_url": "u"}),
        lambda b: b.vaults.credentials.create("v", auth={"type": "static_bearer", "token": "t", "mcp_server_url": "u"}),
    ),
    "credentials.get": (
        lambda c: c.credentials.get("v", "c"),
        lambda b: b.vaults.credentials.retrieve("c", vault_id="v"),
    ),
    "credentials.update": (
        lambda c: c.credentials.update("v", "c", display_name=None),
        lambda b: b.vaults.credentials.update("c", vault_id="v", display_name=None),
    ),
    "credentials.list": (
        lambda c: through(c.credentials.list("v", limit=1)),
        lambda b: through(b.vaults.credentials.list("v", limit=1)),
    ),
    "credentials.archive": (
        lambda c: c.credentials.archive("v", "c"),
        lambda b: b.vaults.credentials.archive("c", vault_id="v"),
    ),
    "credentials.delete": (
        lambda c: c.credentials.delete("v", "c"),
        lambda b: b.vaults.credentials.delete("c", vault_id="v"),
    ),
    "credentials.validate": (
        lambda c: c.credentials.validate("v", "c"),
        lambda b: b.vaults.credentials.mcp_oauth_validate("c", vault_id="v"),
    ),
    "memory_stores.create": (
        lambda c: c.memory_stores.create(name="n", description="d"),
        lambda b: b.memory_stores.create(name="n", description="d"),
    ),
    "memory_stores.get": (lambda c: c.memory_stores.get("m"), lambda b: b.memory_stores.retrieve("m")),
    "memory_stores.update": (
        lambda c: c.memory_stores.update("m", name="n", metadata={"k": None}),
        lambda b: b.memory_stores.update("m", name="n", metadata={"k": None}),
    ),
    "memory_stores.list": (
        lambda c: through(c.memory_stores.list(created_gte=WHEN, include_archived=True)),
        lambda b: through(b.memory_stores.list(created_at_gte=WHEN, include_archived=True)),
    ),
    "memory_stores.archive": (lambda c: c.memory_stores.archive("m"), lambda b: b.memory_stores.archive("m")),
    "memory_stores.delete": (lambda c: c.memory_stores.delete("m"), lambda b: b.memory_stores.delete("m")),
    "memories.create": (
        lambda c: c.memories.create("m", path="/a", content="x", view="basic"),
        lambda b: b.memory_stores.memories.create("m", path="/a", content="x", view="basic"),
    ),
    "memories.get": (
        lambda c: c.memories.get("m", "n", view="full"),
        lambda b: b.memory_stores.memories.retrieve("n", memory_store_id="m", view="full"),
    ),
    "memories.update": (
        lambda c: c.memories.update("m", "n", content="y", expected_sha256="h", view="full"),
        lambda b: b.memory_stores.memories.update(
            "n",
            memory_store_id="m",
            content="y",
            precondition={"type": "content_sha256", "content_sha256": "h"},
            view="full",
        ),
    ),
    "memories.list": (
        lambda c: through(c.memories.list("m", path_prefix="/a/", depth=1, view="basic", limit=2)),
        lambda b: through(b.memory_stores.memories.list("m", path_prefix="/a/", depth=1, view="basic", limit=2)),
    ),
    "memories.delete": (
        lambda c: c.memories.delete("m", "n", expected_sha256="h"),
        lambda b: b.memory_stores.memories.delete("n", memory_store_id="m", expected_content_sha256="h"),
    ),
    "memory_versions.list": (
        lambda c: through(c.memory_versions.list("m", memory_id="n", operation="created", session_id="s", view="full")),
        lambda b: through(
            b.memory_stores.memory_versions.list("m", memory_id="n", operation="created", session_id="s", view="full")
        ),
    ),
    "memory_versions.get": (
        lambda c: c.memory_versions.get("m", "v", view="full"),
        lambda b: b.memory_stores.memory_versions.retrieve("v", memory_store_id="m", view="full"),
    ),
    "memory_versions.redact": (
        lambda c: c.memory_versions.redact("m", "v"),
        lambda b: b.memory_stores.memory_versions.redact("v", memory_store_id="m"),
    ),
    "skills.create": (
        lambda c: c.skills.create(dict(FILES), display_name="sums"),
        lambda b: b.skills.create(files=FILES, display_name="sums"),
    ),
    "skills.get": (lambda c: c.skills.get("s"), lambda b: b.skills.retrieve("s")),
    "skills.list": (
        lambda c: through(c.skills.list(source="custom", limit=1)),
        lambda b: through(b.skills.list(source="custom", limit=1)),
    ),
    "skills.delete": (lambda c: c.skills.delete("s"), lambda b: b.skills.delete("s")),
    "skill_versions.create": (
        lambda c: c.skill_versions.create("s", dict(FILES)),
        lambda b: b.skills.versions.create("s", files=FILES),
    ),
    "skill_versions.get": (
        lambda c: c.skill_versions.get("s", "latest"),
        lambda b: b.skills.versions.retrieve("latest", skill_id="s"),
    ),
    "skill_versions.list": (
        lambda c: through(c.skill_versions.list("s", limit=1)),
        lambda b: through(b.skills.versions.list("s", limit=1)),
    ),
    "skill_versions.delete": (
        lambda c: c.skill_versions.delete("s", "v"),
        lambda b: b.skills.versions.delete("v", skill_id="s"),
    ),
    "skill_versions.read": (
        lambda c: c.skill_versions.read("s", "v"),
        lambda b: b.skills.versions.download("v", skill_id="s"),
    ),
    "deployments.create": (
        lambda c: c.deployments.create(name="d", agent="a", environment_id="e", initial_events=[EVENT], schedule=None),
        lambda b: b.deployments.create(name="d", agent="a", environment_id="e", initial_events=[EVENT], schedule=None),
    ),
    "deployments.get": (lambda c: c.deployments.get("d"), lambda b: b.deployments.retrieve("d")),
    "deployments.update": (
        lambda c: c.deployments.update("d", description=None, vault_ids=[]),
        lambda b: b.deployments.update("d", description=None, vault_ids=[]),
    ),
    "deployments.list": (
        lambda c: through(c.deployments.list(agent_id="a", status="paused", created_gte=WHEN, limit=2)),
        lambda b: through(b.deployments.list(agent_id="a", status="paused", created_at_gte=WHEN, limit=2)),
    ),
    "deployments.archive": (lambda c: c.deployments.archive("d"), lambda b: b.deployments.archive("d")),
    "deployments.pause": (lambda c: c.deployments.pause("d"), lambda b: b.deployments.pause("d")),
    "deployments.unpause": (lambda c: c.deployments.unpause("d"), lambda b: b.deployments.unpause("d")),
    "deployments.run": (lambda c: c.deployments.run("d"), lambda b: b.deployments.run("d")),
    "deployment_runs.list": (
        lambda c: through(c.deployment_runs.list(deployment_id="d", has_error=True, trigger_type="manual")),
        lambda b: through(b.deployment_runs.list(deployment_id="d", has_error=True, trigger_type="manual")),
    ),
    "deployment_runs.get": (lambda c: c.deployment_runs.get("r"), lambda b: b.deployment_runs.retrieve("r")),
}

SLOTS = [name for name in vars(claude.Client("k", "http://x")) if not name.startswith("_") and name != "base_url"]


async def sent_by(ours, theirs):
    sent: list[Sent] = []
    async with trio.open_nursery() as nursery:

        async def serve(*, task_status):
            await trio.serve_tcp(
                lambda connection: record(connection, sent), 0, host="127.0.0.1", task_status=task_status
            )

        (listener,) = await nursery.start(serve)
        url = f"http://127.0.0.1:{listener.socket.getsockname()[1]}"
        with trio.fail_after(20):
            async with claude.Client("k", url, workspace_id="wrkspc_1") as client:
                await ours(client)
            async with anthropic.AsyncAnthropic(api_key="k", base_url=url, max_retries=0) as official:
                official = official.with_options(default_headers={"anthropic-workspace-id": "wrkspc_1"})
                await theirs(official.beta)
        nursery.cancel_scope.cancel()
    return [each.shown() for each in sent]


@pytest.mark.parametrize(("ours", "theirs"), CALLS.values(), ids=CALLS.keys())
async def test_the_same_request(ours, theirs):
    """Whatever we ask for, the official client asks in the same words."""
    mine, other = await sent_by(ours, theirs)

    assert mine == other


def test_no_operation_is_left_out():
    """Every operation of every group stands in the table, or below with its reason."""
    apart = {
        "files.open": "the content, see the test of session files",
        "files.read": "likewise",
        "files.download": "likewise",
        "events.stream": "see the test of streams",
        "threads.stream": "likewise",
    }
    client = claude.Client("k", "http://x")
    operations = {
        f"{slot}.{name}" for slot in SLOTS for name in vars(type(getattr(client, slot))) if not name.startswith("_")
    }

    assert operations - apart.keys() == {name.partition(" ")[0] for name in CALLS}
