"""Our client over real sockets: what in memory cannot be seen."""

from __future__ import annotations

import gc
from contextlib import asynccontextmanager

import pytest
import trio

from agentsup import claude
from agentsup.claude import catalogue as ev
from agentsup.claude import inputs
from agentsup.sim.server import serve


@asynccontextmanager
async def served(**options):
    """Our own HTTP client, pointed at a simulator on a socket."""
    async with trio.open_nursery() as nursery:
        url = await nursery.start(serve)
        with trio.fail_after(300):
            async with claude.Client("any", url, **options) as client:
                yield client
        nursery.cancel_scope.cancel()


async def _session(client):
    agent = await client.agents.create(name="a", model="m")
    environment = await client.environments.create(name="e")
    return await client.sessions.create(agent=agent.id, environment_id=environment.id)


async def _say(client, session_id, text):
    """The events of one turn, from a stream of its own."""
    async with client.events.stream(session_id) as events:
        await client.events.send(session_id, inputs.user_message(text))
        return await _until_idle(events)


async def _until_idle(events):
    heard = []
    async for event in events:
        heard.append(event)
        if isinstance(event, ev.SessionStatusIdle):
            break
    return heard


async def test_a_turn_and_a_file(tmp_path):
    """Sent, followed, uploaded from a path, written by the agent, downloaded to a path."""
    content = bytes(range(256)) * 4096
    (tmp_path / "in.bin").write_bytes(content)
    async with served() as client:
        session = await _session(client)
        upload = await client.files.upload(tmp_path / "in.bin")
        heard = await _say(client, session.id, "@file out.txt all is well\n@say done")
        (written,) = await client.files.list(session_id=session.id).all()
        await client.files.download(written.id, tmp_path / "out.txt")

    assert upload.size_bytes == len(content)
    assert [event.text for event in heard if isinstance(event, ev.AgentMessage)] == ["done"]
    assert (tmp_path / "out.txt").read_text() == "all is well"


async def test_a_cut_stream():
    """A body without its end is an error; a clean end is the end; the history has what was missed."""
    async with served() as client:
        session = await _session(client)
        with pytest.raises(claude.ConnectionFailed):
            await _say(client, session.id, "@cut\n@say unheard")
        heard = await _say(client, session.id, "@eof\n@say unheard")
        listed = await client.events.list(session.id, types=["agent.message"]).all()
    gc.collect()

    assert not any(isinstance(event, ev.SessionStatusIdle) for event in heard)
    assert [event.text for event in listed] == ["unheard", "unheard"]


async def test_nothing_answers_there():
    """A refused connection did nothing: that is said."""
    async with claude.Client("any", "http://127.0.0.1:9", max_retries=0) as client:
        with pytest.raises(claude.ConnectionFailed, match="nothing answers there") as failed:
            await client.agents.create(name="a", model="m")

    assert failed.value.ambiguous is False


async def test_an_upload_that_is_cancelled(tmp_path):
    """In the middle of a file: nothing is left to the garbage collector, the client goes on."""
    (tmp_path / "big.bin").write_bytes(b"x" * 32 * 1024 * 1024)
    async with served() as client:
        with trio.move_on_after(0.02):
            await client.files.upload(tmp_path / "big.bin")
        gc.collect()
        assert (await client.files.upload(b"small", filename="a")).size_bytes == 5


async def test_five_hundred_sessions_at_once():
    """Each with an open stream of its own, all at the same time, each told of its own turn and of nothing else."""
    said = {}
    few = trio.CapacityLimiter(50)  # at the door only: both ends are one process here, and a connection has a deadline
    all_open = trio.Event()
    async with served() as client:
        session = await _session(client)
        where = {"agent": session.agent.id, "environment_id": session.environment_id}

        async def one(number, *, task_status):
            async with few:
                made = await client.sessions.create(**where)
            async with client.events.stream(made.id) as events:
                task_status.started()
                await all_open.wait()
                async with few:
                    await client.events.send(made.id, inputs.user_message(f"@say {number}"))
                said[number] = [event.text for event in await _until_idle(events) if isinstance(event, ev.AgentMessage)]

        async with trio.open_nursery() as nursery:
            for number in range(500):
                await nursery.start(one, number)
            all_open.set()

    assert said == {number: [str(number)] for number in range(500)}
