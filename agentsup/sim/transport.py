"""The simulator in memory, behind an httpx client: no socket, so trio's mock clock jumps over every wait.

Breaks look to the client as they would on a socket: a cut body is a `RemoteProtocolError`, a reset connection a `ReadError`, and
silence beyond the client's read timeout a `ReadTimeout`.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import attrs
import httpx
import trio

from .agentcore import HarnessRules
from .exchange import Aborted, ByteStream, Json, Request, Severed
from .faults import read_fault
from .simulator import Simulator, running

BASE_URL = "http://simulator.test"
"""Any host would do; nothing is looked up."""

_CUT = "peer closed connection without sending complete message body (incomplete chunked read)"


class SimTransport(httpx.AsyncBaseTransport):
    """Hands each request to a simulator; closing it is the client's affair and leaves the simulator alone."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The simulator's answer.

        Raises:
            httpx.ReadError: a fault rule reset the connection.
            httpx.ReadTimeout: the client's read timeout passed without a byte, here or in the body.
        """
        patience_s = _patience_s(request)
        try:
            with _patient(patience_s):
                response = await self._simulator.handle(await _arrived(request))
        except Severed as error:
            raise httpx.ReadError("connection reset by peer", request=request) from error
        headers = [(name.encode(), value.encode("utf-8")) for name, value in response.headers]
        if isinstance(response.body, bytes):
            return httpx.Response(response.status, headers=headers, content=response.body, request=request)
        return httpx.Response(
            response.status, headers=headers, stream=_Body(response.body, patience_s), request=request
        )


async def _arrived(request: httpx.Request) -> Request:
    headers = tuple((name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in request.headers.raw)
    path, _, query = request.url.raw_path.decode("ascii").partition("?")
    return Request.arrived(request.method, path, query, headers, await request.aread())


def _patience_s(request: httpx.Request) -> float:
    """The client's read timeout in seconds: how long it waits for the next byte."""
    timeout: dict[str, float | None] = request.extensions.get("timeout", {})
    read = timeout.get("read")
    return math.inf if read is None else read


@contextmanager
def _patient(patience_s: float) -> Iterator[None]:
    """Waits as long as the client would on a socket."""
    with trio.move_on_after(patience_s) as scope:
        yield
    if scope.cancelled_caught:
        raise httpx.ReadTimeout("nothing arrived in time")


class _Body(httpx.AsyncByteStream, AsyncIterator[bytes]):
    """A simulator's body as httpx reads one."""

    def __init__(self, body: ByteStream, patience_s: float) -> None:
        self._body = body
        self._patience_s = patience_s

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        try:
            with _patient(self._patience_s):
                chunk = await self._body.read()
        except Aborted as error:
            raise httpx.ReadError("connection reset by peer") from error
        except Severed as error:
            raise httpx.RemoteProtocolError(_CUT) from error
        if not chunk:
            raise StopAsyncIteration
        return chunk

    async def aclose(self) -> None:
        self._body.close()


@attrs.frozen
class MemorySimulator:
    """A simulator in memory, for tests."""

    simulator: Simulator
    transport: SimTransport
    base_url: str = BASE_URL

    def client(self, *, headers: Mapping[str, str] | None = None) -> httpx.AsyncClient:
        """A new httpx client; without `headers`, with an API key and the beta header of Claude Managed Agents."""
        given = {"x-api-key": "any", "anthropic-beta": "managed-agents-2026-04-01"} if headers is None else headers
        return httpx.AsyncClient(transport=self.transport, base_url=self.base_url, headers=given, timeout=600.0)

    @property
    def requests(self) -> list[Json]:
        """What arrived, as `GET /_sim/requests` shows it."""
        return self.simulator.ledger.view()

    def fault(self, **rule: Any) -> None:
        """Adds a fault rule, with the fields of `POST /_sim/faults`.

        Raises:
            Refused: the rule makes no sense.
        """
        self.simulator.faults.add(read_fault(rule))

    def reset(self) -> None:
        """Forgets everything, ends open streams and stops running turns."""
        self.simulator.reset()


@asynccontextmanager
async def open_simulator(*, mark: str = "sim", harness: HarnessRules | None = None) -> AsyncIterator[MemorySimulator]:
    """A simulator in memory for the length of the block; its streams, turns and commands end with it.

    Args:
        mark: what its ids carry in the middle, the same in every run by default, so that ids in tests are stable.
        harness: how its AgentCore side behaves where there is a choice.
    """
    async with running(mark=mark, harness=harness) as simulator:
        yield MemorySimulator(simulator, SimTransport(simulator))
