"""Files of a session by name: the newest one, whole, where it was asked to go; and nothing of it elsewhere."""

from __future__ import annotations

from contextlib import asynccontextmanager
from pathlib import Path

import attrs
import httpx
import pytest
import structlog
import trio

import agentsup
from agentsup import Artifact, Artifacts
from agentsup.providers.base import Rejected, Unavailable
from agentsup.provisioning import OUTPUTS, NotDone
from agentsup.sim.server import serve
from agentsup.talk.events import Failure

HEADERS = {"x-api-key": "k", "anthropic-beta": "managed-agents-2026-04-01"}


@pytest.fixture
async def http(simulator):
    async with simulator.client(headers=HEADERS) as http:
        yield http


@pytest.fixture
async def session(http):
    """A session's id at the simulator."""
    agent = (await http.post("/v1/agents", json={"name": "a", "model": "m"})).json()["id"]
    environment = (await http.post("/v1/environments", json={"name": "e"})).json()["id"]
    made = await http.post("/v1/sessions", json={"agent": agent, "environment_id": environment})
    return made.json()["id"]


@pytest.fixture
def provider(simulator, http):
    return agentsup.ClaudeManagedAgents(api_key="k", base_url=simulator.base_url, http=http)


@pytest.fixture
def artifacts(provider, session):
    return Artifacts(provider, session)


async def tell(http, session, *directions):
    """Have the agent do something; it is done when it is idle again, a moment later."""
    content = [{"type": "text", "text": "\n".join(directions)}]
    await http.post(f"/v1/sessions/{session}/events", json={"events": [{"type": "user.message", "content": content}]})
    await trio.testing.wait_all_tasks_blocked(0.001)


async def files(http, **query):
    return (await http.get("/v1/files", params=query)).json()["data"]


# --- what the agent wrote ----------------------------------------------------------------------------------------------------------


async def test_a_whole_session(provider, simulator, http, autojump_clock):
    """From a prompt to the file that came of it."""
    handle = await agentsup.provision(provider, agentsup.AgentSpec(name="writer", model="m"))
    spec = agentsup.SessionSpec(provider=attrs.evolve(provider, agent=handle, environment=handle))

    result = await agentsup.run(spec, f"Write to {OUTPUTS}.\n@file report.csv a,b")

    assert await Artifacts(provider, result.provider_session_id).fetch("report.csv") == b"a,b"


async def test_the_newest_of_a_name(http, session, artifacts, autojump_clock):
    """Reruns write a name again: one artifact, the newest content."""
    await tell(http, session, "@file a.txt one", "@file b.txt other")
    await tell(http, session, "@file a.txt two, and longer")

    listed = await artifacts.list()

    assert [(each.name, each.size) for each in listed] == [("a.txt", 15), ("b.txt", 5)]
    assert all(each.retrievable for each in listed)
    assert listed[0].raw["filename"] == "a.txt"
    assert await artifacts.fetch("a.txt") == b"two, and longer"


async def test_other_sessions_files_are_theirs(http, session, artifacts, provider, autojump_clock):
    """The list is one session's."""
    agent = (await http.get(f"/v1/sessions/{session}")).json()
    other = await http.post(
        "/v1/sessions", json={"agent": agent["agent"]["id"], "environment_id": agent["environment_id"]}
    )
    await tell(http, other.json()["id"], "@file a.txt theirs")

    assert list(await artifacts.list()) == []
    with pytest.raises(agentsup.NoSuchArtifact, match=f"session {session} has no file a.txt"):
        await artifacts.fetch("a.txt")
    assert await Artifacts(provider, other.json()["id"]).fetch("a.txt") == b"theirs"


async def test_to_a_path(http, session, artifacts, tmp_path):
    """Written there as a whole; a folder takes it under its name; nothing else is left."""
    await tell(http, session, "@file a.txt content")
    (tmp_path / "old").write_bytes(b"before")

    assert await artifacts.fetch("a.txt", tmp_path / "old") == tmp_path / "old"
    assert await artifacts.fetch("a.txt", str(tmp_path)) == tmp_path / "a.txt"

    assert (tmp_path / "old").read_bytes() == (tmp_path / "a.txt").read_bytes() == b"content"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.txt", "old"]


async def test_a_path_that_cannot_be_written(http, session, artifacts, tmp_path):
    """The system's own error."""
    await tell(http, session, "@file a.txt content")

    with pytest.raises(FileNotFoundError):
        await artifacts.fetch("a.txt", tmp_path / "no" / "such" / "folder")


async def test_waiting_for_what_comes(http, session, artifacts, autojump_clock):
    """What the agent writes later is there later; without waiting it is not found."""
    await tell(http, session, "@sleep 20", "@file late.txt here")

    with pytest.raises(agentsup.NoSuchArtifact):
        await artifacts.fetch("late.txt")
    with pytest.raises(agentsup.NoSuchArtifact):
        await artifacts.fetch("late.txt", wait=5.0)
    assert trio.current_time() == 5.0

    assert await artifacts.fetch("late.txt", wait=60.0) == b"here"
    assert trio.current_time() <= 21.5


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        ".",
        "..",
        "a/b",
        "/etc/passwd",
        "../a",
        "a\\b",
        "a\x00",
        "a\nb",
        " a",
        "a ",
        "x" * 256,
        "\ud800",
        7,
        None,
    ],
)
async def test_names_that_lead_elsewhere(artifacts, simulator, name):
    """They are refused before anything is asked, wherever a name is taken."""
    before = len(simulator.requests)
    for call in (artifacts.fetch(name), artifacts.fetch(name, "x"), artifacts.put(name, b""), artifacts.delete(name)):
        with pytest.raises(agentsup.SpecError, match="name:"):
            await call

    assert len(simulator.requests) == before


@pytest.mark.parametrize("name", ["report.csv", "Über uns.txt", "a..b", ".hidden", "x" * 255])
async def test_names_that_are_names(http, session, artifacts, name, autojump_clock):
    """Whatever one step can be called."""
    await artifacts.put(name, b"x")

    assert [each.name for each in await artifacts.list()] == [name]


# --- what is put there -------------------------------------------------------------------------------------------------------------


async def test_put_and_take_away(http, session, artifacts, autojump_clock):
    """The agent finds it under `/data/`, we can list and delete it; fetched it cannot be."""
    made = await artifacts.put("in.csv", b"1,2")

    (resource,) = (await http.get(f"/v1/sessions/{session}/resources")).json()["data"]
    assert (resource["mount_path"], resource["file_id"]) == ("/data/in.csv", made.ref)
    assert [(each.name, each.size, each.retrievable) for each in await artifacts.list()] == [("in.csv", 3, False)]
    with pytest.raises(agentsup.ArtifactFailed, match="cannot be fetched"):
        await artifacts.fetch("in.csv")

    await artifacts.delete("in.csv")

    assert (await http.get(f"/v1/sessions/{session}/resources")).json()["data"] == []
    assert list(await artifacts.list()) == []


async def test_put_a_file_at_a_path(http, session, artifacts, tmp_path):
    """Read while it is sent, mounted where it was asked for."""
    (tmp_path / "local name").write_bytes(b"x" * 200_000)

    made = await artifacts.put("big.bin", tmp_path / "local name", path="/workspace/deep/big.bin")

    (resource,) = (await http.get(f"/v1/sessions/{session}/resources")).json()["data"]
    assert resource["mount_path"] == "/workspace/deep/big.bin"
    assert (made.name, made.size) == ("big.bin", 200_000)
    with pytest.raises(FileNotFoundError):
        await artifacts.put("x", Path(tmp_path / "missing"))


async def test_an_output_is_preferred_to_an_input(http, session, artifacts, autojump_clock):
    """Of one name what can be fetched counts, also if something was put there after it."""
    await tell(http, session, "@file data.csv out")
    await artifacts.put("data.csv", b"in")

    assert await artifacts.fetch("data.csv") == b"out"
    assert [each.retrievable for each in await artifacts.list()] == [True]


async def test_everything_wrong_with_a_put_at_once(artifacts):
    """Name, content and path."""
    with pytest.raises(agentsup.SpecError) as caught:
        await artifacts.put("a/b", "text or path?", path="relative")

    assert [problem.path for problem in caught.value.problems] == ["name", "data", "path"]


@pytest.mark.parametrize("path", ["", "data", "/data/", "/a/../b", "/a//b", "/./b", "/a\nb", 7])
async def test_places_that_are_no_places(artifacts, path):
    """Absolute, plain, and a file's."""
    with pytest.raises(agentsup.SpecError, match="path:"):
        await artifacts.put("a", b"", path=path)


# --- deleting ----------------------------------------------------------------------------------------------------------------------


async def test_all_of_a_name_go(http, session, artifacts, autojump_clock):
    """None comes to light behind another."""
    await tell(http, session, "@file a.txt one", "@file a.txt two", "@file b.txt other")
    await artifacts.put("a.txt", b"in")

    await artifacts.delete("a.txt")

    assert [each.name for each in await artifacts.list()] == ["b.txt"]
    with pytest.raises(agentsup.NotFound):
        await artifacts.delete("a.txt")


async def test_a_delete_that_partly_fails(http, session, artifacts, simulator, autojump_clock):
    """The newest stays the newest; the error says how many are left."""
    await tell(http, session, "@file a.txt one", "@file a.txt two")
    simulator.fault(method="DELETE", path="/v1/files/*", status=403)

    with pytest.raises(
        agentsup.ArtifactFailed, match=r"deleting a\.txt: 1 of 2 of that name are still there"
    ) as caught:
        await artifacts.delete("a.txt")

    assert caught.value.failure.status == 403
    assert await artifacts.fetch("a.txt") == b"one"


# --- trouble -----------------------------------------------------------------------------------------------------------------------


TROUBLE = [
    {"status": 503},
    {"status": 503, "mode": "after"},
    {"mode": "reset"},
    {"mode": "after_reset"},
    {"status": 429},
]


@pytest.mark.parametrize("fault", TROUBLE, ids=str)
@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/v1/files"), ("GET", "/v1/files/*/content"), ("DELETE", "/v1/files/*")]
)
async def test_hiccups_are_sat_out(http, session, artifacts, simulator, autojump_clock, fault, method, path):
    """Lists, contents and deletions are asked for again."""
    await tell(http, session, "@file a.txt content")
    simulator.fault(method=method, path=path, **fault)

    assert await artifacts.fetch("a.txt") == b"content"
    await artifacts.delete("a.txt")

    assert await files(http, scope_id=session) == []


@pytest.mark.parametrize("fault", TROUBLE, ids=str)
async def test_mounted_once(http, session, artifacts, simulator, autojump_clock, fault):
    """A mount whose answer got lost is looked for before it is asked for again: done or not, in the end there is one."""
    simulator.fault(method="POST", path="/v1/sessions/*/resources", **fault)

    made = await artifacts.put("a.txt", b"content")

    (resource,) = (await http.get(f"/v1/sessions/{session}/resources")).json()["data"]
    assert resource["file_id"] == made.ref
    assert [row["id"] for row in await files(http, scope_id=session)] == [made.ref]


@pytest.mark.parametrize("fault", [{"status": 503}, {"mode": "after_reset"}], ids=str)
async def test_an_upload_in_doubt_is_an_error(http, session, artifacts, simulator, autojump_clock, fault):
    """Uploads look alike, so one whose answer got lost cannot be found: it is not repeated, and nothing is mounted."""
    simulator.fault(method="POST", path="/v1/files", **fault)

    with pytest.raises(agentsup.ArtifactFailed, match=r"putting a\.txt: uploading a file"):
        await artifacts.put("a.txt", b"content")

    assert len([each for each in simulator.requests if (each["method"], each["path"]) == ("POST", "/v1/files")]) == 1
    assert await files(http, scope_id=session) == []


async def test_a_mount_that_cannot_be_had(http, session, artifacts, simulator, autojump_clock):
    """Given up after some tries; the upload goes, too."""
    simulator.fault(method="POST", path="/v1/sessions/*/resources", status=503, times=100)

    with pytest.raises(agentsup.ArtifactFailed, match="503"):
        await artifacts.put("a.txt", b"content")

    assert await files(http) == []


async def test_a_put_that_is_refused_leaves_nothing(http, session, artifacts, simulator, autojump_clock):
    """The upload goes with the mount that was not to be."""
    await http.post(f"/v1/sessions/{session}/archive")

    with pytest.raises(agentsup.ArtifactFailed, match=r"putting a\.txt.*archived"):
        await artifacts.put("a.txt", b"content")

    assert await files(http) == []


async def test_a_put_that_is_cancelled_leaves_nothing(http, session, artifacts, simulator, autojump_clock):
    """Also if the mount was done and only its answer was outstanding."""
    simulator.fault(method="POST", path="/v1/sessions/*/resources", mode="after", status=200, delay=30)

    with trio.move_on_after(5) as scope:
        await artifacts.put("a.txt", b"content")

    assert scope.cancelled_caught
    assert await files(http) == []
    assert (await http.get(f"/v1/sessions/{session}/resources")).json()["data"] == []


async def test_what_stays_of_a_put_is_told(http, session, artifacts, simulator, autojump_clock):
    """In the log, with its id; the error is the first one."""
    simulator.fault(method="POST", path="/v1/sessions/*/resources", status=400)
    simulator.fault(method="DELETE", path="/v1/files/*", status=403)

    with structlog.testing.capture_logs() as logs, pytest.raises(agentsup.ArtifactFailed, match="400"):
        await artifacts.put("a.txt", b"content")

    (row,) = await files(http)
    assert [log["what"] for log in logs if log["event"] == "provision.left_behind"] == [f"file a.txt ({row['id']})"]


async def test_refusals_keep_their_reason(artifacts, simulator, autojump_clock):
    """Status and request id are on the error."""
    simulator.fault(path="/v1/files", status=401)

    with pytest.raises(agentsup.ArtifactFailed, match=r"listing files of session .* 401") as caught:
        await artifacts.list()

    assert caught.value.failure.status == 401
    assert caught.value.failure.provider_request_id.startswith("req_")


class Cutting(httpx.AsyncBaseTransport):
    """Cuts contents short without saying so: no length, a clean end."""

    def __init__(self, inner, times):
        self._inner = inner
        self._times = times

    async def handle_async_request(self, request):
        response = await self._inner.handle_async_request(request)
        if request.url.path.endswith("/content") and self._times:
            self._times -= 1
            body = await response.aread()
            return httpx.Response(200, stream=Body(body[:-1]), request=request)
        return response


class Body(httpx.AsyncByteStream):
    def __init__(self, data):
        self._data = data

    async def __aiter__(self):
        yield self._data


@pytest.mark.parametrize("times", [1, 100])
async def test_content_that_ends_early(http, session, simulator, provider, tmp_path, times, autojump_clock):
    """Shorter than it was said to be is cut: fetched again, and given up in the end, with the old file as it was."""
    await tell(http, session, "@file a.txt content")
    async with httpx.AsyncClient(transport=Cutting(simulator.transport, times), headers=HEADERS) as client:
        artifacts = Artifacts(attrs.evolve(provider, http=client), session)
        if times == 1:
            assert await artifacts.fetch("a.txt") == b"content"
            return
        with pytest.raises(agentsup.ArtifactFailed, match="ended after 6 of 7 bytes"):
            await artifacts.fetch("a.txt")


# --- on a socket -------------------------------------------------------------------------------------------------------------------


async def test_on_a_socket(nursery, monkeypatch, tmp_path):
    """By class, with address and key from the environment: a megabyte there and another one back."""
    address = await nursery.start(serve)
    monkeypatch.setenv("ANTHROPIC_BASE_URL", address)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "k")
    handle = await agentsup.provision(agentsup.ClaudeManagedAgents, agentsup.AgentSpec(name="writer", model="m"))
    provider = agentsup.ClaudeManagedAgents(agent=handle, environment=handle)
    text = "x" * 1_000_000
    result = await agentsup.run(agentsup.SessionSpec(provider=provider), f"@file big.txt {text}")
    artifacts = Artifacts(agentsup.ClaudeManagedAgents, result.provider_session_id)

    path = await artifacts.fetch("big.txt", tmp_path)
    await artifacts.put("again.txt", path)

    assert path.read_text() == text
    assert {each.name: each.size for each in await artifacts.list()} == {"big.txt": 10**6, "again.txt": 10**6}
    nursery.cancel_scope.cancel()


# --- another provider's shelf ------------------------------------------------------------------------------------------------------


@attrs.define(eq=False)
class FakeShelf:
    """A shelf in a dictionary, as another provider would have one: everything can be fetched, names are narrow."""

    files: dict = attrs.field(factory=dict)
    troubles: list = attrs.field(factory=list)

    def problems(self, name, path):
        if " " in name:
            yield agentsup.Problem("name", "must have no spaces here")

    async def entries(self):
        self._trouble()
        return [Artifact(name=name, size=len(data), ref=name) for name, data in self.files.items()]

    @asynccontextmanager
    async def read(self, artifact):
        self._trouble()
        pieces = iter([self.files[artifact.ref][:2], self.files[artifact.ref][2:]])

        class Pieces:
            def __aiter__(self):
                return self

            async def __anext__(self):
                for piece in pieces:
                    return piece
                raise StopAsyncIteration

        yield Pieces()

    async def write(self, name, data, path):
        self._trouble()
        self.files[name] = data
        return Artifact(name=name, size=len(data), ref=name)

    async def remove(self, artifact):
        self._trouble()
        self.files.pop(artifact.ref, None)

    async def aclose(self):
        raise AssertionError("a shelf that was passed is not ours to close")

    def _trouble(self):
        if self.troubles and (trouble := self.troubles.pop(0)) is not None:
            raise trouble


async def test_another_shelf(tmp_path):
    """Whatever keeps the four verbs: same names, same checks, same errors."""
    shelf = FakeShelf()
    artifacts = Artifacts(shelf, "any")

    await artifacts.put("a.txt", b"content")
    with pytest.raises(agentsup.SpecError, match="no spaces here"):
        await artifacts.put("a b", b"")
    assert await artifacts.fetch("a.txt") == b"content"
    assert (await artifacts.fetch("a.txt", tmp_path)).read_bytes() == b"content"
    await artifacts.delete("a.txt")

    assert shelf.files == {}


async def test_a_put_is_not_repeated_blindly(autojump_clock):
    """What is repeated is the shelf's to know; an error in doubt is an error."""
    shelf = FakeShelf(troubles=[Unavailable("lost")])

    with pytest.raises(agentsup.ArtifactFailed, match="putting a: lost"):
        await Artifacts(shelf, "any").put("a", b"")


async def test_giving_up(autojump_clock):
    """After some tries, or at once where it is refused."""
    refused = Rejected(Failure(kind="provider", message="no", status=403), fatal=True)
    for troubles, left in (([NotDone("later")] * 9, 5), ([refused] * 9, 8)):
        shelf = FakeShelf(troubles=list(troubles))
        with pytest.raises(agentsup.ArtifactFailed):
            await Artifacts(shelf, "any").list()
        assert len(shelf.troubles) == left


@pytest.mark.parametrize("session_id", [None, "", " ", 7])
def test_without_a_session(session_id):
    """There are no files without one."""
    with pytest.raises(agentsup.SpecError, match="session_id"):
        Artifacts(agentsup.ClaudeManagedAgents, session_id)


def test_the_session_of_the_provider_value():
    """A provider that goes on with a session says whose files they are."""
    assert repr(Artifacts(agentsup.ClaudeManagedAgents(session_id="sesn_1"))) == "<Artifacts of sesn_1>"
