"""The few things that only real sockets show."""

from __future__ import annotations

import os

import httpx
import pytest
import trio

import agentsup
from agentsup.sim.server import serve
from agentsup.testing import crash
from tests.kit.providers import at_claude

MANY = 130
"""More streams than an HTTP client's default limit of 100 connections."""

HEADERS = {"x-api-key": "k", "anthropic-beta": "managed-agents-2026-04-01"}


@pytest.fixture
async def address(nursery):
    yield await nursery.start(serve)
    nursery.cancel_scope.cancel()


@pytest.fixture
async def provider(address):
    async with httpx.AsyncClient(base_url=address, headers=HEADERS) as client:
        return await at_claude(client, api_key="k", base_url=address, http=None)


def sockets() -> int:
    """The sockets this process has open."""
    links = (os.path.join("/proc/self/fd", name) for name in os.listdir("/proc/self/fd"))
    return sum(os.path.exists(link) and os.readlink(link).startswith("socket:") for link in links)


async def test_more_sessions_than_a_pool_has_connections(provider):
    """Each session has its stream, none waits for another's connection, and leaving the runtime closes all of them."""
    before = sockets()
    answers = {}

    async def one(runtime, number):
        ref = await runtime.start_session(f"s{number}", agentsup.SessionSpec(provider=provider))
        answers[number] = (await ref.submit(f"@say {number}")).text

    async with agentsup.open_runtime() as runtime:
        async with trio.open_nursery() as nursery:
            for number in range(MANY):
                nursery.start_soon(one, runtime, number)
        assert len(runtime.sessions()) == MANY
        assert sockets() >= before + MANY

    assert answers == {number: str(number) for number in range(MANY)}
    with trio.fail_after(10):  # the server's ends are in this process too, and it has yet to notice
        while sockets() > before:  # noqa: ASYNC110  -- nothing announces a closed descriptor
            await trio.sleep(0.01)


async def test_cuts_and_crashes_over_real_connections(provider):
    """A stream broken in the middle of a frame, a clean end in the middle of a turn, and a dying task: the answer is whole."""

    @agentsup.tool(effect="pure")
    def double(n: int) -> int:
        return 2 * n

    spec = agentsup.SessionSpec(
        provider=provider, tools=[double], reconnect=agentsup.Reconnect(initial=0.01, heartbeat=5.0)
    )
    script = '@say a\n@cut\n@say b\n@tool double {"n": 4}\n@say {results}\n@sleep 0.3\n@eof\n@say c\n@sleep 0.2\n@say d'
    results = []

    async with agentsup.open_runtime() as runtime:
        ref = await runtime.start_session("s", spec)

        async def ask():
            results.append(await ref.submit(script))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask)
            await trio.sleep(0.2)
            await crash(ref)
        info = await ref.info()

    assert [r.text for r in results] == ["a\nb\n8\nc\nd"]
    assert info.restarts == 1
    assert info.reconnects >= 1


async def test_a_stream_without_a_byte_is_taken_for_dead(provider, address):
    """A server that accepts and stays silent is noticed by our own heartbeat."""
    async with httpx.AsyncClient(base_url=address) as client:
        rule = {"method": "GET", "path": "/v1/sessions/*/events/stream", "mode": "stall", "times": 1}
        assert (await client.post("/_sim/faults", json=rule)).is_success
    spec = agentsup.SessionSpec(provider=provider, reconnect=agentsup.Reconnect(initial=0.01, heartbeat=0.2))

    async with agentsup.open_runtime() as runtime:
        ref = await runtime.start_session("s", spec)

        assert (await ref.submit("@say here")).text == "here"
        assert (await ref.info()).reconnects >= 1
