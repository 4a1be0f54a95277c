"""The client against the simulator: signed, with real commands, and files that go there and back."""

from __future__ import annotations

import attrs
import pytest
import trio

from agentsup import agentcore
from agentsup.agentcore import Client
from agentsup.agentcore.artifacts import PIECE_BACK, PIECE_THERE
from agentsup.errors import SpecError
from tests.kit.providers import KEYS, ROLE, ready

TEMPORARY = attrs.evolve(KEYS, access_key_id="ASIAEXAMPLE", session_token="agentsup-session-token")
SESSION = "session-of-this-test-0000000000000"


@pytest.fixture
async def http(simulator):
    async with simulator.client(headers={}) as http:
        yield http


async def test_the_life_of_a_harness(http):
    """Made, changed, its versions and endpoints, and gone."""
    async with Client("eu-west-1", KEYS, http=http) as client:
        harness = await ready(client, system_prompt="Be kind.")
        changed = await client.harnesses.update(harness.harness_id, system_prompt="Be brief.", max_iterations=3)
        assert changed.status == "UPDATING"
        await trio.sleep(0.3)
        versions = await client.harnesses.versions(harness.harness_id).all()
        assert sorted(version.version for version in versions) == ["1", "2"]
        first = await client.harnesses.get(harness.harness_id, version="1")
        assert first.raw["systemPrompt"] == [{"text": "Be kind."}]
        await client.endpoints.create(harness.harness_id, "live", target_version="1")
        await trio.sleep(0.3)
        assert (await client.endpoints.get(harness.harness_id, "live")).live_version == "1"
        assert {row.name async for row in client.endpoints.list(harness.harness_id)} == {"DEFAULT", "live"}
        await client.endpoints.delete(harness.harness_id, "live")
        gone = await client.harnesses.delete(harness.harness_id)
        assert gone.status == "DELETING"
        await trio.sleep(0.3)
        with pytest.raises(agentcore.NotFound):
            await client.harnesses.get(harness.harness_id)
        assert ":eu-west-1:" in harness.arn


async def test_pages_of_one(http):
    """Every row once."""
    async with Client("us-east-1", KEYS, http=http) as client:
        for number in range(4):
            await client.harnesses.create(f"desk{number}", ROLE)
        names = [row.harness_name async for row in client.harnesses.list(limit=1)]

    assert sorted(names) == ["desk0", "desk1", "desk2", "desk3"]


@pytest.mark.parametrize(
    ("keys", "kind"),
    [
        (attrs.evolve(KEYS, secret_access_key="wrong"), agentcore.AuthenticationFailed),
        (attrs.evolve(KEYS, access_key_id="AKIDUNKNOWN"), agentcore.AuthenticationFailed),
        (attrs.evolve(TEMPORARY, session_token=None), agentcore.AuthenticationFailed),
        (TEMPORARY, None),
    ],
)
async def test_who_is_believed(http, keys, kind):
    """The simulator looks closely."""
    async with Client("us-east-1", keys, http=http) as client:
        if kind is None:
            assert await client.harnesses.list().all() == []
            return
        with pytest.raises(kind) as caught:
            await client.harnesses.list().all()
        assert keys.secret_access_key not in str(caught.value)


async def test_what_clashes(http):
    """A taken name, a token for two wishes, a harness that is still being made."""
    token = "t" * 40
    async with Client("us-east-1", KEYS, http=http) as client:
        harness = await client.harnesses.create("desk", ROLE, client_token=token)
        assert (await client.harnesses.create("desk", ROLE, client_token=token)).harness_id == harness.harness_id
        with pytest.raises(agentcore.TokenReused):
            await client.harnesses.create("other", ROLE, client_token=token)
        with pytest.raises(agentcore.Conflict):
            await client.harnesses.create("desk", ROLE)
        with pytest.raises(agentcore.Conflict):
            await client.harnesses.delete(harness.harness_id)


async def test_a_command(http):
    """Real output of a real shell, both streams, the exit."""
    async with Client("us-east-1", KEYS, http=http) as client:
        harness = await ready(client)
        result = await client.commands.run(harness, SESSION, "echo out; echo err >&2; exit 7")

    assert (result.stdout, result.stderr, result.exit_code) == ("out\n", "err\n", 7)


async def test_a_command_that_takes_too_long(http):
    """Is stopped over there."""
    async with Client("us-east-1", KEYS, http=http) as client:
        harness = await ready(client)
        result = await client.commands.run(harness, SESSION, "sleep 30", timeout=1)

    assert (result.exit_code, result.timed_out) == (-1, True)


@pytest.fixture
async def artifacts(http):
    """A session's files."""
    async with Client("us-east-1", KEYS, http=http) as client:
        harness = await ready(client)
        yield client.artifacts(harness, SESSION, "outputs")


@pytest.mark.parametrize("size", [0, 1, PIECE_THERE, PIECE_THERE + 1, PIECE_BACK + 3])
async def test_files_go_there_and_back(artifacts, size):
    """Byte for byte, in one piece or several."""
    data = bytes(n * 7 % 256 for n in range(size))
    await artifacts.put("a-file.bin", data)

    assert await artifacts.fetch("a-file.bin") == data
    assert await artifacts.list() == [agentcore.Artifact(name="a-file.bin", size=size)]


async def test_a_file_is_replaced_and_deleted(artifacts):
    """By its name."""
    assert await artifacts.list() == []
    await artifacts.put("x", b"long content")
    await artifacts.put("x", b"short")
    assert await artifacts.fetch("x") == b"short"
    await artifacts.delete("x")
    for work in (artifacts.fetch, artifacts.delete):
        with pytest.raises(agentcore.NotFound):
            await work("x")


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../x", "a b", "a\n", "ä", "x" * 201, None, "$(id)"])
async def test_names_that_could_be_something_else_are_refused(simulator, artifacts, name):
    """Before anything is asked."""
    before = len(simulator.requests)
    for work in (artifacts.fetch(name), artifacts.put(name, b""), artifacts.delete(name)):
        with pytest.raises(SpecError):
            await work

    assert len(simulator.requests) == before


async def test_a_file_that_is_too_large_is_not_fetched(artifacts):
    """It would be held in memory."""
    await artifacts.put("x", b"12345")
    with pytest.raises(agentcore.UnreadableAnswer, match="5 bytes"):
        await artifacts.fetch("x", max_bytes=4)


async def test_a_piece_whose_answer_got_lost_is_sent_again(simulator, artifacts):
    """It has its own place, so it is not there twice; and no half of a file is left."""
    data = bytes(PIECE_THERE * 2 + 5)
    simulator.fault(path="/runtimes/*/commands", mode="after_reset", times=2)
    await artifacts.put("x", data)

    assert await artifacts.fetch("x") == data
    assert [row.name for row in await artifacts.list()] == ["x"]
