"""The Claude Managed Agents protocol, server side, as the API reference of November 2026 has it.

`ClaudeProtocol` is the whole of it; below that, one noun per file: what the API lists has an endpoint class (`Agents`, `Sessions`,
`Events` ...), a session's life is `session` (record), `feed` and `tap` (events), `desk` (inputs), `turn` (the performance).
"""

from __future__ import annotations

from agentsup.sim.routing import Route
from agentsup.sim.world import World

from .agents import Agents
from .deployments import Deployments
from .events import Events
from .files import Files
from .memories import Memories
from .resources import Resources
from .sessions import Sessions
from .skills import Skills
from .threads import Threads
from .vaults import Vaults


class ClaudeProtocol:
    """Everything under `/v1` that belongs to Claude Managed Agents, and all it remembers."""

    def __init__(self, world: World) -> None:
        agents, files, memories, vaults = Agents(world), Files(world), Memories(world), Vaults(world)
        self._sessions = Sessions(world, agents, files, vaults, Resources(world, files, memories.store))
        self._nouns = (
            agents,
            files,
            memories,
            self._sessions,
            Events(world, self._sessions, files),
            Threads(world, self._sessions),
            vaults,
            Skills(world),
            Deployments(world, agents, self._sessions),
        )

    def routes(self) -> list[Route]:
        """Its lines of the routing table."""
        return [route for noun in self._nouns for route in noun.routes()]

    def statistics(self) -> dict[str, int]:
        """How many sessions there are, how many are at work, and how many streams are open."""
        return self._sessions.statistics()

    def close(self) -> None:
        """Ends its open streams and running turns at once."""
        self._sessions.close()


__all__ = ["ClaudeProtocol"]
