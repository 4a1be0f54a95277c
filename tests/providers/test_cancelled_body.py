"""A request that is cancelled while it is being sent. Over a real socket: only one that is full makes the sender wait."""

from __future__ import annotations

import gc

import httpx
import pytest
import trio
import trio.testing

from agentsup.providers.transport import StreamsApart

MUCH = b"x" * 64 * 1024 * 1024
"""More than the buffers between two sockets hold."""


@pytest.mark.filterwarnings("error")
async def test_leaves_nothing_to_collect():
    """Cancelled in the middle of its body, a request leaves nothing that Python complains of when it collects it."""
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    url = f"http://127.0.0.1:{listener.socket.getsockname()[1]}/"
    async with listener, httpx.AsyncClient(transport=StreamsApart()) as http, trio.open_nursery() as nursery:
        nursery.start_soon(lambda: http.post(url, content=MUCH, timeout=None))
        async with await listener.accept() as peer:
            await peer.receive_some(1)
            await trio.testing.wait_all_tasks_blocked(0.01)
            nursery.cancel_scope.cancel()

    gc.collect()


async def test_body_arrives_whole():
    """What is sent is what was given, with its length said beforehand, also when it is sent again."""
    transport = StreamsApart()
    request = httpx.Request("POST", "http://127.0.0.1:1/", json={"a": "ü"})
    with pytest.raises(httpx.ConnectError):
        await transport.handle_async_request(request)
    await transport.aclose()

    assert isinstance(request.stream, httpx.AsyncByteStream)
    assert b"".join([piece async for piece in request.stream]) == '{"a":"ü"}'.encode()
    assert b"".join([piece async for piece in request.stream]) == '{"a":"ü"}'.encode()
    assert request.headers["content-length"] == "10"
