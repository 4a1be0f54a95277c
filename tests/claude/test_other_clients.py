"""Any HTTP client that quacks like httpx: here httpx2, which the official package brings."""

from __future__ import annotations

import httpx
import httpx2
import pytest
import trio

import agentsup
from agentsup import claude
from agentsup.claude import catalogue as ev
from agentsup.claude import inputs
from agentsup.providers.foreign import errors_of
from agentsup.sim.server import serve


async def test_the_client_over_httpx2(tmp_path):
    """Everything works: requests, uploads, downloads, streams left in the middle."""
    (tmp_path / "in.txt").write_bytes(b"x" * 200_000)
    async with trio.open_nursery() as nursery:
        url = await nursery.start(serve)
        async with httpx2.AsyncClient() as http:
            client = claude.Client("k", url, http)
            agent = await client.agents.create(name="a", model="m")
            environment = await client.environments.create(name="e")
            session = await client.sessions.create(agent=agent.id, environment_id=environment.id)
            upload = await client.files.upload(tmp_path / "in.txt")
            heard = []
            async with client.events.stream(session.id) as events:
                await client.events.send(session.id, inputs.user_message("@file out.txt fine\n@say done"))
                async for event in events:
                    heard.append(event)
                    if isinstance(event, ev.SessionStatusIdle):
                        break
            (written,) = await client.files.list(session_id=session.id).all()
            content = await client.files.read(written.id)
            with pytest.raises(claude.NotFound):
                await client.agents.get("agent_none")
        nursery.cancel_scope.cancel()

    assert (upload.size_bytes, content) == (200_000, b"fine")
    assert [event.text for event in heard if isinstance(event, ev.AgentMessage)] == ["done"]


async def test_a_session_over_httpx2():
    """A whole session, through a cut stream."""
    async with trio.open_nursery() as nursery:
        url = await nursery.start(serve)
        async with httpx2.AsyncClient() as http:
            client = claude.Client("k", url, http)
            agent = await client.agents.create(name="a", model="m")
            environment = await client.environments.create(name="e")
            provider = agentsup.ClaudeManagedAgents(
                agent=agent.id, environment=environment.id, api_key="k", base_url=url, http=http
            )
            reconnect = agentsup.Reconnect(initial=0.01)
            spec = agentsup.SessionSpec(provider=provider, reconnect=reconnect)
            result = await agentsup.run(spec, "@cut\n@say whole")
        nursery.cancel_scope.cancel()

    assert result.text == "whole"


async def test_failures_of_httpx2_are_ours():
    """Its errors have classes of their own; what they mean is the same."""
    async with httpx2.AsyncClient() as http:
        client = claude.Client("k", "http://127.0.0.1:9", http, max_retries=0)
        with pytest.raises(claude.ConnectionFailed, match="nothing answers there") as failed:
            await client.agents.create(name="a", model="m")

    assert failed.value.ambiguous is False


def test_whose_errors_they_are():
    """By the client's class or a base of it; those of httpx always."""

    class Mine(httpx2.AsyncClient):
        pass

    class Odd:
        pass

    assert errors_of(Mine()).timeouts == (httpx.TimeoutException, httpx2.TimeoutException)
    assert errors_of(Odd()) == errors_of() == errors_of(httpx.AsyncClient())
    assert errors_of().timeouts == (httpx.TimeoutException,)
