"""What arrived: every request, refused ones included, for tests to look at. Keeps secrets on purpose: it is a test tool."""

from __future__ import annotations

import json
from collections import deque

from .exchange import Json, Request

MOST_REQUESTS = 20_000
"""A test suite's worth. When full, the oldest are forgotten."""

MOST_BODY_BYTES = 64 * 1024 * 1024
"""Of all kept bodies together; beyond it the oldest requests are forgotten as well, the newest one never."""


class Ledger:
    """The newest requests, oldest first."""

    def __init__(self) -> None:
        self._kept: deque[tuple[Request, float]] = deque()
        self._body_bytes = 0

    def note(self, request: Request, time: float) -> None:
        """Keeps the request; `time` in epoch seconds."""
        self._kept.append((request, time))
        self._body_bytes += len(request.body)
        while len(self._kept) > MOST_REQUESTS or (self._body_bytes > MOST_BODY_BYTES and len(self._kept) > 1):
            forgotten, _ = self._kept.popleft()
            self._body_bytes -= len(forgotten.body)

    def clear(self) -> None:
        """Forgets everything."""
        self._kept.clear()
        self._body_bytes = 0

    def view(self) -> list[Json]:
        """The requests as `GET /_sim/requests` shows them: a body as JSON where it is that, as text else, null where there is none."""
        return [_view(request, time) for request, time in self._kept]


def _view(request: Request, time: float) -> Json:
    headers: dict[str, str] = {}
    for name, value in request.headers:
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return {
        "method": request.method,
        "path": request.path,
        "query": [list(pair) for pair in request.query],
        "headers": headers,
        "body": _body(request.body),
        "time": time,
    }


def _body(body: bytes) -> object:
    if not body:
        return None
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return body.decode("utf-8", "replace")
