"""What the client's tests share."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import asynccontextmanager

import httpx

from agentsup import claude


@asynccontextmanager
async def client_of(simulator, **options):
    """Our client, its requests answered by the simulator."""
    async with (
        httpx.AsyncClient(transport=simulator.transport) as http,
        claude.Client("sk-test", simulator.base_url, http, **options) as client,
    ):
        yield client


Answer = Callable[[httpx.Request], httpx.Response]


@asynccontextmanager
async def client_answered(*answers: httpx.Response | Exception | Answer, **options):
    """Our client, its requests answered by these, one after the other; with it the list of requests that were made."""
    seen: list[httpx.Request] = []
    waiting = list(answers)

    async def answer(request: httpx.Request) -> httpx.Response:
        await request.aread()
        seen.append(request)
        given = waiting.pop(0)
        if isinstance(given, Exception):
            raise given
        return given(request) if callable(given) else given

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        yield claude.Client("sk-test", "http://service", http, **options), seen


def refusal(status: int, kind: str = "api_error", message: str = "no", code: str | None = None, **headers: str):
    """A refusal as the service words one."""
    error = {"type": kind, "message": message, **({"details": {"error_code": code}} if code else {})}
    body = {"type": "error", "error": error, "request_id": "req_1"}
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, json=body, headers={"request-id": "req_1", **sent})
