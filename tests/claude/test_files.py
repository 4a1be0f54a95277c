"""Files through our client: up from bytes and paths, down in one step."""

from __future__ import annotations

import gc

import httpx
import pytest
import trio

from agentsup import claude
from tests.sim.kit import say

from .kit import client_answered
from .test_things import _session


async def _output(client, simulator, name="report.txt", text="all is well"):
    """A file a session wrote, and the session's id."""
    session = await _session(client)
    async with simulator.client() as http:
        await say(http, session.id, f"@file {name} {text}")
    return (await client.files.list(session_id=session.id).all())[0], session.id


async def test_upload_bytes(client):
    """Bytes are a file with a name, a type by its ending, and a life."""
    made = await client.files.upload(b'{"a": 1}', filename="a.json", expires_in_seconds=3600)
    found = await client.files.get(made.id)
    by_id = await client.files.list(ids=[made.id]).all()
    deleted = await client.files.delete(made.id)

    assert (made.filename, made.mime_type, made.size_bytes) == ("a.json", "application/json", 8)
    assert made.expires_at is not None
    assert (found, by_id) == (made, [made])
    assert deleted.type == "file_deleted"


async def test_upload_a_path(client, simulator, tmp_path):
    """A file is sent from its path, whole, under its own name unless another is given."""
    path = tmp_path / 'na"me ü.bin'
    path.write_bytes(bytes(range(256)) * 1000)
    made = await client.files.upload(path)
    named = await client.files.upload(str(path), filename="x.txt", content_type="text/x")
    empty = tmp_path / "empty"
    empty.write_bytes(b"")
    nothing = await client.files.upload(empty)

    assert (made.filename, made.size_bytes) == ("na%22me ü.bin", 256_000)
    assert (named.filename, named.mime_type, nothing.size_bytes) == ("x.txt", "text/x", 0)


async def test_a_missing_path_is_the_callers(client, simulator, tmp_path):
    """A path without a file is an OSError, and nothing is sent."""
    with pytest.raises(FileNotFoundError):
        await client.files.upload(tmp_path / "nothing")

    assert simulator.requests == []


async def test_download_in_one_step(client, simulator, tmp_path, autojump_clock):
    """A download replaces what is at the path, and leaves nothing else."""
    file, session_id = await _output(client, simulator)
    target = tmp_path / "here.txt"
    target.write_text("old")

    path = await client.files.download(file.id, target)

    assert (path, target.read_text()) == (target, "all is well")
    assert list(tmp_path.iterdir()) == [target]
    assert await client.files.read(file.id) == b"all is well"
    assert (file.scope.id, file.downloadable) == (session_id, True)


class _Breaks(httpx.AsyncByteStream):
    async def __aiter__(self):
        yield b"half of "
        raise httpx.ReadError("gone")


class _Hangs(httpx.AsyncByteStream):
    async def __aiter__(self):
        yield b"half of "
        await trio.sleep_forever()


async def test_a_download_that_breaks_leaves_what_was_there(tmp_path):
    """Half a file is no file: the old one stays, nothing lies around."""
    target = tmp_path / "here.txt"
    target.write_text("old")

    async with client_answered(httpx.Response(200, stream=_Breaks())) as (client, _):
        with pytest.raises(claude.ConnectionFailed, match="downloading a file: the connection broke"):
            await client.files.download("file_1", target)

    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("status", [204, 206])
async def test_a_part_is_not_taken_for_the_whole(tmp_path, status, autojump_clock):
    """Nobody asked for a part, and nobody packs it: what was cut could not be told from what is whole."""
    target = tmp_path / "report"
    part = httpx.Response(status, content=b"half" if status == 206 else b"")
    async with client_answered(part, part, part) as (client, seen):
        with pytest.raises(claude.UnreadableAnswer, match=f"answered {status}, not the whole"):
            await client.files.download("file_1", target)

    assert seen[0].headers["accept-encoding"] == "identity"
    assert list(tmp_path.iterdir()) == []


async def test_a_cancelled_download_leaves_what_was_there(tmp_path, autojump_clock):
    """The same under a deadline; and no iterator is left to the garbage collector."""
    target = tmp_path / "here.txt"
    async with client_answered(httpx.Response(200, stream=_Hangs())) as (client, _):
        with pytest.raises(trio.TooSlowError):
            with trio.fail_after(1):
                await client.files.download("file_1", target)
    gc.collect()

    assert list(tmp_path.iterdir()) == []


async def test_a_download_left_early_leaves_nothing(client, simulator, autojump_clock):
    """Whoever stops reading in the middle closes the connection and every iterator."""
    file, _ = await _output(client, simulator)
    async with client.files.open(file.id) as pieces:
        async for _ in pieces:
            break
    gc.collect()


async def test_what_may_not_be_downloaded_says_so(client):
    """An upload has no content for clients: the code says it."""
    made = await client.files.upload(b"x", filename="a")

    with pytest.raises(claude.BadRequest) as refused:
        await client.files.read(made.id)

    assert refused.value.error_code == "file_not_downloadable"


async def test_an_upload_is_retried_whole(tmp_path, autojump_clock):
    """A refusal before the file was looked at is repeated with the whole file."""
    path = tmp_path / "a.txt"
    path.write_bytes(b"x" * 100_000)
    made = httpx.Response(200, json={"id": "file_1", "type": "file"})
    async with client_answered(httpx.Response(429), made) as (client, seen):
        await client.files.upload(path)

    bodies = [request.content for request in seen]
    assert len(bodies) == 2
    assert all(int(request.headers["content-length"]) == len(request.content) for request in seen)
    assert [b"x" * 100_000 in body for body in bodies] == [True, True]
