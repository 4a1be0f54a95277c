"""Artifacts over commands that answer strangely: nothing damaged is handed out, and no half of a file is left."""

from __future__ import annotations

import base64
import hashlib
import json
import shlex

import httpx
import pytest

from agentsup import agentcore
from agentsup.agentcore import Client
from agentsup.errors import SpecError
from tests.providers.agentcore.harness import ARN, KEYS, SESSION, Harness, event, refusal, stream


def wrote(text="", code=0, stderr=""):
    """A command's whole stream."""
    return stream(
        event("chunk", contentDelta={"stdout": text, "stderr": stderr})
        + event("chunk", contentStop={"exitCode": code, "status": "COMPLETED"})
    )


def files(*answers):
    """Artifacts whose commands are answered so, and what they said."""
    harness = Harness(*answers)
    client = Client("us-east-1", KEYS, http=harness.client(), max_retries=0)
    return client.artifacts(ARN, SESSION, "/mnt/data"), harness


def said(harness):
    """The arguments of each command, after its script."""
    return [shlex.split(json.loads(request.content)["command"])[3:] for request in harness.requests]


def stat(data):
    return wrote(json.dumps([len(data), hashlib.sha256(data).hexdigest()]))


async def test_a_file_that_changed_on_the_way_is_not_handed_out():
    """By its hash."""
    artifacts, _ = files(stat(b"right"), wrote(base64.b64encode(b"wrong").decode()))
    with pytest.raises(agentcore.UnreadableAnswer, match="changed"):
        await artifacts.fetch("x")


async def test_a_file_that_shrank_ends():
    """And does not ask for ever."""
    artifacts, harness = files(stat(b"right"), wrote(""))
    with pytest.raises(agentcore.UnreadableAnswer):
        await artifacts.fetch("x")
    assert len(harness.requests) == 2


@pytest.mark.parametrize("answer", ["not base64!", "abc"])
async def test_a_damaged_piece(answer):
    """Told."""
    artifacts, _ = files(stat(b"right"), wrote(answer))
    with pytest.raises(agentcore.UnreadableAnswer):
        await artifacts.fetch("x")


@pytest.mark.parametrize("answer", ["", "{}", "nonsense"])
async def test_an_answer_that_is_something_else(answer):
    """A machine without python3 writes what it likes."""
    artifacts, _ = files(wrote(answer))
    with pytest.raises(agentcore.UnreadableAnswer):
        await artifacts.list()


async def test_a_command_that_fails_brings_what_it_wrote():
    """In the error's result, not in its text."""
    artifacts, _ = files(wrote("", 127, "python3: not found"))
    with pytest.raises(agentcore.CommandFailed, match="127") as caught:
        await artifacts.list()

    assert caught.value.result.stderr == "python3: not found"
    assert "not found" not in str(caught.value)


async def test_what_arrived_wrong_leaves_nothing(autojump_clock):
    """The half is cleared away under its own name."""
    artifacts, harness = files(wrote(), wrote("", 4), wrote())
    with pytest.raises(agentcore.UnreadableAnswer, match="not what was sent"):
        await artifacts.put("x", b"data")

    put, finish, cleared = said(harness)
    assert put[1] == finish[1] == cleared[1]
    assert put[1] != "x"


async def test_clearing_away_that_fails_does_not_hide_why(autojump_clock):
    """The first error counts."""
    artifacts, _ = files(wrote("", 1), refusal(403, "AccessDeniedException"))
    with pytest.raises(agentcore.CommandFailed):
        await artifacts.put("x", b"data")


async def test_what_is_not_known_is_asked_again_and_what_is_refused_is_not(autojump_clock):
    """Every command comes to the same however often it is done."""
    artifacts, harness = files(httpx.ReadError("x"), httpx.ReadError("x"), wrote("[]"))
    assert await artifacts.list() == []
    assert len({request.content for request in harness.requests}) == 1

    artifacts, harness = files(refusal(403, "AccessDeniedException"))
    with pytest.raises(agentcore.PermissionDenied):
        await artifacts.list()
    assert len(harness.requests) == 1


async def test_gone_at_a_repetition_is_deleted(autojump_clock):
    """The answer to the first time was lost."""
    artifacts, harness = files(httpx.ReadError("x"), wrote("", 3))
    await artifacts.delete("x")

    assert len(harness.requests) == 2


@pytest.mark.parametrize("folder", ["", " ", None, "a\nb"])
def test_a_folder_that_is_none(folder):
    """Before anything is asked."""
    client = Client("us-east-1", KEYS)
    with pytest.raises(SpecError, match="folder"):
        client.artifacts(ARN, SESSION, folder)


async def test_content_that_is_none():
    """Text is not bytes."""
    artifacts, harness = files()
    with pytest.raises(SpecError, match="bytes"):
        await artifacts.put("x", "text")
    assert harness.requests == []
    assert repr(artifacts) == f"<Artifacts in /mnt/data of {SESSION}>"
