"""The Bedrock AgentCore Harness protocol, server side: both planes on one port, as botocore's service models have them.

`AgentCoreProtocol` is the whole of it. Below that: `gate` and `sigv4` (who may knock), `operations`, `definition` and `shapes` (what a
request may say), `harnesses`, `endpoints` and `tags` (the control plane), `invocations` and `runtimes` (the data plane), `session`,
`messages`, `stage` and `turn` (what the agent does), `shell` (what commands do), `frames` and `stream` (how it is told).
"""

from __future__ import annotations

from agentsup.sim.exchange import Request
from agentsup.sim.routing import Route
from agentsup.sim.world import World

from .endpoints import Endpoints
from .gate import is_signed
from .harnesses import Harnesses
from .invocations import Invocations
from .refusal import AwsManner
from .rules import HarnessRules
from .runtimes import Runtimes
from .sessions import Sessions
from .tags import Tags

_PREFIXES = ("harnesses", "runtimes", "tags")


class AgentCoreProtocol:
    """Everything under `/harnesses`, `/runtimes` and `/tags`, and all it remembers."""

    def __init__(self, world: World, rules: HarnessRules) -> None:
        self.manner = AwsManner()
        self._sessions = Sessions()
        self._harnesses = Harnesses(world, rules, self._sessions.end_all)
        self._nouns = (
            Invocations(world, rules, self._harnesses, self._sessions),  # first: `invoke` is no harness's id
            self._harnesses,
            Endpoints(world, self._harnesses),
            Tags(self._harnesses),
            Runtimes(world, self._harnesses, self._sessions),
        )

    def routes(self) -> list[Route]:
        """Its lines of the routing table."""
        return [route for noun in self._nouns for route in noun.routes()]

    def speaks(self, request: Request) -> bool:
        """Whether a request is to be answered the AWS way: by its path, or because it is signed."""
        return request.segments()[0] in _PREFIXES or is_signed(request)

    def statistics(self) -> dict[str, int]:
        """How many harnesses and sessions there are, and what runs in them."""
        return {"harnesses": len(self._harnesses), **self._sessions.statistics()}

    def close(self) -> None:
        """Ends every session at once: streams, turns, processes and folders."""
        self._sessions.end_all()

    async def all_gone(self) -> None:
        """Returns when nothing is left of the sessions that were ended."""
        await self._sessions.all_gone()


__all__ = ["AgentCoreProtocol", "HarnessRules"]
