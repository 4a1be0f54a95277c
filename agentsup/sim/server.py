"""The simulator on a socket: hypercorn's connections over trio, starlette's requests and answers, one port.

Hypercorn's worker owns its sockets too closely for a server that must break some of them on purpose. So the listening and the
accepting are trio's, each connection is handed to hypercorn's TCP server, and the connection's stream travels in a context
variable to the application, which can then close it under hypercorn's feet: with what was sent still delivered (a cut), or with a
reset. All HTTP is hypercorn's and h11's.
"""

from __future__ import annotations

import socket
import struct
from contextlib import aclosing
from contextvars import ContextVar
from typing import Any

import attrs
import trio
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext
from starlette.requests import ClientDisconnect
from starlette.requests import Request as WebRequest
from starlette.responses import Response as WebResponse
from starlette.responses import StreamingResponse

from .agentcore import HarnessRules
from .exchange import Aborted, ByteStream, Request, Response, Severed
from .refusal import Refused
from .simulator import Simulator, running

MOST_BODY_BYTES = 512 * 1024 * 1024
"""Of one request, uploads included; a longer one is a 413."""

GRACE_S = 0.25
"""Seconds a stopping server gives its connections to send the end of their bodies; then they are closed."""

_BACKLOG = 4096
_NEVER = 10**9

_CONNECTION: ContextVar[trio.SocketStream] = ContextVar("agentsup_sim_connection")


async def listen(host: str, port: int) -> trio.SocketListener:
    """A listener for `serve_on`.

    Args:
        host: the address to listen on; of a name with several addresses, the first.
        port: 0 takes a free one.

    Raises:
        OSError: the address cannot be listened on.
    """
    listener, *others = await trio.open_tcp_listeners(port, host=host, backlog=_BACKLOG)
    for other in others:
        await other.aclose()
    return listener


async def serve(
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    harness: HarnessRules | None = None,
    task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serves a new simulator until cancelled; then streams end, connections close, and nothing is left behind.

    Start it with `url = await nursery.start(serve)`: the value is the base URL, such as `http://127.0.0.1:40123`.

    Args:
        host: as for `listen`.
        port: as for `listen`.
        harness: how the AgentCore side behaves where there is a choice.
        task_status: hears the base URL.

    Raises:
        OSError: the address cannot be listened on.
    """
    await serve_on(await listen(host, port), harness, task_status=task_status)


async def serve_on(
    listener: trio.SocketListener,
    harness: HarnessRules | None = None,
    *,
    task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serves a new simulator on a listener, which it closes; otherwise as `serve`."""
    async with listener, running(harness=harness) as simulator, trio.open_nursery() as nursery:
        connections = await nursery.start(_Connections(simulator).hold)
        try:
            task_status.started(_url(listener.socket))
            await connections.accept(listener)
        finally:
            with trio.CancelScope(shield=True):
                await connections.close()


def _url(sock: trio.socket.SocketType) -> str:
    host, port = sock.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class _Connections:
    """The accepted connections: each a task of hypercorn's, shielded so that they can end in order."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self._app = ASGIWrapper(_Application(simulator))
        self._config = _quiet_config()
        self._context = WorkerContext(None)
        self._open: set[trio.SocketStream] = set()
        self._quiet = trio.Event()
        self._nursery: trio.Nursery | None = None

    async def hold(self, *, task_status: trio.TaskStatus[_Connections]) -> None:
        """Owns the connections' tasks until `close` is through."""
        async with trio.open_nursery() as nursery:
            nursery.cancel_scope.shield = True
            self._nursery = nursery
            task_status.started(self)
            await trio.sleep_forever()

    async def accept(self, listener: trio.SocketListener) -> None:
        """Serves every connection that comes, until cancelled."""
        await trio.serve_listeners(self._serve, [listener], handler_nursery=self._nursery)

    async def _serve(self, stream: trio.SocketStream) -> None:
        _CONNECTION.set(stream)
        self._open.add(stream)
        try:
            plain: Any = stream  # hypercorn takes it as well, though it is annotated for TLS streams only
            await _Connection(self._app, self._config, self._context, {}, plain)
        finally:
            self._open.discard(stream)
            if not self._open:
                self._quiet.set()

    async def close(self) -> None:
        """Ends streams and idle connections, waits a moment for the busy ones, closes what is left."""
        self._simulator.close()
        await self._context.terminated.set()
        if self._open:
            with trio.move_on_after(GRACE_S):
                await self._quiet.wait()
        for stream in self._open:
            stream.socket.close()  # not aclose: hypercorn shields its sends, and only a closed socket ends those
        if self._nursery is not None:
            self._nursery.cancel_scope.cancel()


class _Connection(TCPServer):
    """One of hypercorn's connections that ends when the client hangs up, and not when it would have been idle for long enough."""

    async def _read_data(self) -> None:
        await super()._read_data()
        await self.idle_task.stop()


def _quiet_config() -> Config:
    config = Config()
    config.loglevel = "ERROR"  # a bug in the simulator is a traceback on stderr and a 500
    config.include_server_header = False
    config.keep_alive_timeout = _NEVER  # the client decides; a server that hangs up first is a race in every test
    config.keep_alive_max_requests = _NEVER
    config.h11_max_incomplete_size = 256 * 1024
    return config


class _Application:
    """The ASGI application: reads the request, lets the simulator answer, performs the breaks."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        try:
            response = await self._answer(scope, receive)
        except Severed as error:
            await _break(abruptly=isinstance(error, Aborted))
            return
        except ClientDisconnect:
            return
        if response is None:
            return
        try:
            await _as_starlette(response)(scope, receive, send)
        finally:
            response.discard()

    async def _answer(self, scope: Any, receive: Any) -> Response | None:
        """The simulator's answer, None where the client did not wait for it."""
        web = WebRequest(scope, receive)
        try:
            request = await _read(web)
        except Refused as refusal:
            return self._simulator.refuse(_head(web), refusal)
        waiting = trio.CancelScope()
        broken = response = None
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_cancel_when_gone, receive, waiting)
            with waiting:
                try:
                    response = await self._simulator.handle(request)
                except Severed as error:  # kept for outside of the nursery, which would wrap it in a group
                    broken = error
            nursery.cancel_scope.cancel()
        if broken is not None:
            raise broken
        if waiting.cancel_called and response is not None:
            response.discard()  # the hanging up was heard here, so the body's own watch would never hear it
            return None
        return response


async def _read(web: WebRequest) -> Request:
    body = bytearray()
    async with aclosing(web.stream()) as chunks:
        async for chunk in chunks:
            body += chunk
            if len(body) > MOST_BODY_BYTES:
                raise Refused(413, f"a request may have at most {MOST_BODY_BYTES} bytes")
    return _head(web, bytes(body))


def _head(web: WebRequest, body: bytes = b"") -> Request:
    headers = tuple((name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in web.headers.raw)
    path, query = web.scope["raw_path"].decode("latin-1"), web.scope["query_string"].decode("latin-1")
    return Request.arrived(web.method, path, query, headers, body)


async def _cancel_when_gone(receive: Any, scope: trio.CancelScope) -> None:
    """A client that hangs up while its answer is held back ends the holding back."""
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()


def _as_starlette(response: Response) -> WebResponse:
    body = response.body
    answer = (
        WebResponse(body, response.status)
        if isinstance(body, bytes)
        else StreamingResponse(_Chunks(body), response.status)
    )
    for name, value in response.headers:
        answer.headers.append(name, value)
    return answer


@attrs.frozen
class _Chunks:
    """The body's bytes; where it breaks, so does the connection, and what starlette sends after that reaches nobody."""

    _body: ByteStream

    def __aiter__(self) -> _Chunks:
        return self

    async def __anext__(self) -> bytes:
        try:
            chunk = await self._body.read()
        except Severed as error:
            await _break(abruptly=isinstance(error, Aborted))
            raise StopAsyncIteration from error
        if not chunk:
            raise StopAsyncIteration
        return chunk


async def _break(*, abruptly: bool) -> None:
    """Closes the connection of the current request; abruptly means by a reset, which discards what was not yet delivered."""
    stream = _CONNECTION.get()
    if abruptly:
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    await stream.aclose()
