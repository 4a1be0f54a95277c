"""A stream has a connection of its own, and takes it along when it ends. Over real sockets: connections are the point."""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import partial

import httpx
import pytest
import trio

from agentsup.providers.transport import STREAM, StreamsApart, own_client

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
HELLO = b"5\r\nhello\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


class Counting:
    """A server that keeps streams open and counts its connections."""

    def __init__(self):
        self.opened = 0
        self.closed = 0
        self._changed = trio.Event()

    @property
    def open(self):
        return self.opened - self.closed

    async def serve(self, stream):
        self.opened += 1
        data = b""
        try:
            while chunk := await stream.receive_some():
                data += chunk
                if data.endswith(b"\r\n\r\n"):
                    await stream.send_all(HEAD + HELLO if data.startswith(b"GET /stream") else ANSWER)
                    data = b""
        except trio.BrokenResourceError:
            pass
        finally:
            self.closed += 1
            self._changed.set()

    async def has_open(self, count):
        while self.open != count:
            self._changed = trio.Event()
            await self._changed.wait()


@asynccontextmanager
async def serving():
    server = Counting()
    async with trio.open_nursery() as nursery:
        (listener,) = await nursery.start(partial(trio.serve_tcp, server.serve, 0, host="127.0.0.1"))
        address = f"http://127.0.0.1:{listener.socket.getsockname()[1]}"
        transport = StreamsApart()
        async with httpx.AsyncClient(transport=transport, base_url=address, timeout=5) as http:
            yield server, transport, http
        nursery.cancel_scope.cancel()


def pooled(transport):
    return len(transport._pool._pool.connections) if transport._pool is not None else 0


async def test_streams_never_enter_the_pool():
    """However many are open, a request finds the pool with nothing but idle connections in it."""
    async with serving() as (server, transport, http), trio.open_nursery() as nursery:
        for _ in range(20):
            await nursery.start(hold, http)
        for _ in range(3):
            assert (await http.get("/")).text == "ok"

        assert server.open == 21
        assert pooled(transport) == 1
        nursery.cancel_scope.cancel()


async def hold(http, task_status):
    async with http.stream("GET", "/stream", extensions=dict(STREAM)) as response:
        async for chunk in response.aiter_raw():
            assert chunk == b"hello"
            task_status.started()


async def test_a_stream_that_is_left_closes_its_connection():
    """At once, and not when somebody looks at the pool."""
    async with serving() as (server, transport, http):
        async with http.stream("GET", "/stream", extensions=dict(STREAM)) as response:
            assert response.status_code == 200
            assert server.open == 1

        with trio.fail_after(5):
            await server.has_open(0)
        assert pooled(transport) == 0


async def test_a_stream_that_is_cancelled_closes_its_connection():
    """Also in the middle of waiting for bytes."""
    async with serving() as (server, _, http):
        async with trio.open_nursery() as nursery:
            await nursery.start(hold, http)
            nursery.cancel_scope.cancel()

        with trio.fail_after(5):
            await server.has_open(0)


async def test_a_stream_that_cannot_be_opened_leaves_nothing():
    """The connection that failed is given back."""
    async with serving() as (_, transport, http):
        with pytest.raises(httpx.ConnectError):
            async with http.stream("GET", "http://127.0.0.1:1/stream", extensions=dict(STREAM)):
                pass

        assert pooled(transport) == 0


async def test_requests_share_idle_connections():
    """One after the other, they need one."""
    async with serving() as (server, transport, http):
        for _ in range(5):
            await http.get("/")

        assert (server.opened, pooled(transport)) == (1, 1)


async def test_our_own_client_keeps_no_cookies():
    """A cookie would go along with every session's requests, and one that is not ASCII would break them all, for ever."""
    seen = []

    def answer(request):
        seen.append(request)
        return httpx.Response(200, headers=[(b"set-cookie", b"a=b"), (b"set-cookie", b"\xff=\xfe")])

    async with own_client() as http:
        http._transport = httpx.MockTransport(answer)
        for _ in range(2):
            await http.get("http://provider/")

    assert ["cookie" in request.headers for request in seen] == [False, False]
