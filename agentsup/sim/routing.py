"""Which handler answers which method and path."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

import attrs

from .exchange import Request, Response
from .refusal import Refused

Handler = Callable[[Request], Awaitable[Response]]
Gate = Callable[[Request], None]


def _open_gate(request: Request) -> None:
    """Lets everybody in."""


@attrs.frozen
class Route:
    """One line of the table: `GET /v1/agents/{agent_id}`."""

    method: str
    pattern: str
    """Literal segments and `{placeholders}`, each of which takes exactly one segment."""
    handler: Handler
    gate: Gate = _open_gate
    """Asked before the handler; raises `Refused`."""

    def match(self, segments: tuple[str, ...]) -> dict[str, str] | None:
        """What the placeholders stand for in a path with as many segments, None where a literal differs."""
        params = {}
        for want, have in zip(self.pattern.strip("/").split("/"), segments, strict=True):
            if want.startswith("{"):
                params[want[1:-1]] = have
            elif want != have:
                return None
        return params


class Router:
    """All routes of a simulator, looked up by their number of segments; the first line that fits answers."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._by_length: dict[int, list[Route]] = {}
        for route in routes:
            self._by_length.setdefault(len(route.pattern.strip("/").split("/")), []).append(route)

    async def serve(self, request: Request) -> Response:
        """The handler's answer.

        Raises:
            Refused: 404 where no pattern fits, 405 where one does but not for this method, and whatever gate or handler refuse.
        """
        segments = request.segments()
        allowed = []
        for route in self._by_length.get(len(segments), ()):
            params = route.match(segments)
            if params is None:
                continue
            if route.method == request.method:
                route.gate(request)
                return await route.handler(attrs.evolve(request, params=params))
            allowed.append(route.method)
        if allowed:
            raise Refused(405, f"{request.method} is not allowed here", headers=(("allow", ", ".join(allowed)),))
        raise Refused(404, f"no such path: {request.path}")
