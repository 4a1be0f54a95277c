"""A harness session's files, by the names every provider has: over real commands in the simulator's folder, so on the real clock."""

from __future__ import annotations

import pytest
import trio

import agentsup
from agentsup import Artifacts, agentcore
from agentsup.errors import SpecError
from agentsup.testing import open_simulator
from tests.kit.providers import KEYS

SESSION = "session-of-this-test-0000000000000"


@pytest.fixture
async def artifacts():
    async with open_simulator() as simulator, simulator.client(headers={}) as http:
        client = agentcore.Client("us-east-1", KEYS, http=http)
        harness = await client.harnesses.create("desk", "arn:aws:iam::123456789012:role/works")
        while harness.status != "READY":
            await trio.sleep(0.05)
            harness = await client.harnesses.get(harness.harness_id)
        provider = agentsup.BedrockAgentCore(
            harness=harness, runtime_session_id=SESSION, credentials=KEYS, http=http, storage="outputs"
        )
        yield Artifacts(provider)


async def test_there_and_back(artifacts, tmp_path):
    """As bytes, from a path and to one; what was put can be fetched here."""
    (tmp_path / "local.csv").write_bytes(b"a,b\n1,2\n")
    await artifacts.put("report.csv", tmp_path / "local.csv")
    await artifacts.put("note.txt", b"")

    assert await artifacts.fetch("report.csv") == b"a,b\n1,2\n"
    assert await artifacts.fetch("note.txt") == b""
    target = await artifacts.fetch("report.csv", tmp_path / "copy.csv")
    assert target.read_bytes() == b"a,b\n1,2\n"
    assert {(each.name, each.size, each.ref) for each in await artifacts.list()} == {
        ("report.csv", 8, "outputs/report.csv"),
        ("note.txt", 0, "outputs/note.txt"),
    }


async def test_gone_is_gone(artifacts):
    """And said to be."""
    await artifacts.put("x", b"1")
    await artifacts.delete("x")
    with pytest.raises(agentsup.NoSuchArtifact):
        await artifacts.fetch("x")
    with pytest.raises(agentsup.NoSuchArtifact):
        await artifacts.delete("x")


@pytest.mark.parametrize("name", ["two words", "ä", "a;b"])
async def test_names_are_plain_here(artifacts, name):
    """They travel through a shell."""
    with pytest.raises(SpecError, match="letters"):
        await artifacts.put(name, b"")


async def test_a_session_needs_its_harness():
    """Told before anything is asked."""
    with pytest.raises(SpecError, match="harness"):
        await Artifacts(agentsup.BedrockAgentCore(region="us-east-1", credentials=KEYS), SESSION).list()
