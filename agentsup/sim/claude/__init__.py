"""The Claude Managed Agents protocol, server side, as the API reference of November 2026 has it.

`ClaudeProtocol` is the whole of it; below that, one noun per file: what the API lists has an endpoint class (`Agents`, `Sessions`,
`Events` ...), a session's life is `session` (record), `feed` and `tap` (events), `desk` (inputs), `turn` (the performance).
"""

from __future__ import annotations

from agentsup.sim.routing import Route
from agentsup.sim.world import World

from .agents import Agents
from .events import Events
from .sessions import Sessions


class ClaudeProtocol:
    """Everything under `/v1` that belongs to Claude Managed Agents, and all it remembers."""

    def __init__(self, world: World) -> None:
        self._agents = Agents(world)
        self._sessions = Sessions(world, self._agents)
        self._events = Events(world, self._sessions)

    def routes(self) -> list[Route]:
        """Its lines of the routing table."""
        return [*self._agents.routes(), *self._sessions.routes(), *self._events.routes()]

    def statistics(self) -> dict[str, int]:
        """How many sessions there are, how many are at work, and how many streams are open."""
        return self._sessions.statistics()

    def close(self) -> None:
        """Ends its open streams and running turns at once."""
        self._sessions.close()


__all__ = ["ClaudeProtocol"]
