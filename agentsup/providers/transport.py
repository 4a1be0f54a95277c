"""HTTP such that no session pays for another: streams have connections of their own, requests share a pool.

A shared connection pool looks at every one of its connections for every request, so a thousand open streams in it make each small request
slower, and a thousand streams ending together make it look a million times. Here a stream never enters the pool: it gets a connection
that is closed with it. What remains in the pool are requests in flight and a few idle connections, whatever number of sessions there is.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from functools import cache
from http.cookiejar import CookieJar
from typing import Any

import httpx

from agentsup.providers.shortage import shortage

STREAM: dict[str, Any] = {"agentsup.stream": True}
"""Request extension that asks for a connection of its own."""

IDLE_CONNECTIONS = 32
"""Idle connections kept for reuse: enough for steady traffic, few enough that looking through them costs nothing."""


def own_client() -> httpx.AsyncClient:
    """A client of our own, for who was not given one.

    It keeps no cookies: no provider asks for them, one that a proxy sets would be sent along by every session of the endpoint, and httpx
    never again sends a request from a jar with a cookie in it that is not ASCII.
    """
    return httpx.AsyncClient(transport=StreamsApart(), cookies=_NoCookies())


class _NoCookies(CookieJar):
    """A jar that nothing goes into."""

    def extract_cookies(self, response: object, request: object) -> None:
        """Leave them."""


class StreamsApart(httpx.AsyncBaseTransport):
    """A transport that gives each stream a connection of its own and pools everything else, without a limit that could make one wait."""

    def __init__(self) -> None:
        self._pool: httpx.AsyncHTTPTransport | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request on its way."""
        if isinstance(request.stream, httpx.ByteStream):
            request.stream = _Whole(b"".join(request.stream))
        if "agentsup.stream" not in request.extensions:
            if self._pool is None:
                self._pool = _transport(request, max_connections=None, max_keepalive_connections=IDLE_CONNECTIONS)
            return await self._pool.handle_async_request(request)
        own = _transport(request, max_connections=1, max_keepalive_connections=0)
        try:
            response = await own.handle_async_request(request)
        except BaseException:
            await own.aclose()
            raise
        assert isinstance(response.stream, httpx.AsyncByteStream)
        response.stream = _WithItsConnection(response.stream, own)
        return response

    async def aclose(self) -> None:
        """Close what the pool holds; streams close with their responses."""
        if self._pool is not None:
            await self._pool.aclose()


class _Whole(httpx.AsyncByteStream):
    """A request body in one piece.

    httpx's own is an async generator, which nobody closes when a request is cancelled while it is being sent: Python then complains of
    it when it is collected. This one has nothing to close.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data

    def __aiter__(self) -> AsyncIterator[bytes]:
        return _Once(self._data)


class _Once:
    """Yields one piece, once."""

    def __init__(self, data: bytes) -> None:
        self._pieces = iter((data,))

    def __aiter__(self) -> _Once:
        return self

    async def __anext__(self) -> bytes:
        for piece in self._pieces:
            return piece
        raise StopAsyncIteration


class _WithItsConnection(httpx.AsyncByteStream):
    """A response body that takes its connection with it when it is closed."""

    def __init__(self, body: httpx.AsyncByteStream, transport: httpx.AsyncHTTPTransport) -> None:
        self._body = body
        self._transport = transport

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._body.__aiter__()

    async def aclose(self) -> None:
        try:
            await self._body.aclose()
        finally:
            await self._transport.aclose()


def _transport(request: httpx.Request, **limits: int | None) -> httpx.AsyncHTTPTransport:
    """A transport of httpx's own. The first one reads a file: where that cannot be opened for now, it is the request that fails."""
    try:
        return httpx.AsyncHTTPTransport(verify=_ssl_context(), limits=httpx.Limits(**limits))
    except OSError as exc:
        if shortage(exc) is None:
            raise
        raise httpx.ConnectError("the authorities cannot be read", request=request) from exc


@cache
def _ssl_context() -> ssl.SSLContext:
    """One for the process: reading the authorities takes longer than everything else about a connection."""
    return httpx.create_ssl_context()
