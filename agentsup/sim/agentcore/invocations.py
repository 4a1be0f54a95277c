"""The data plane's first operation: InvokeHarness, one turn on one stream."""

from __future__ import annotations

from agentsup.sim.exchange import Json, Request, Response
from agentsup.sim.routing import Route
from agentsup.sim.world import World

from .gate import check_signature, region_of
from .harness import LONGEST_TURN_S, MOST_ITERATIONS, Harness
from .harnesses import Harnesses
from .messages import read_messages
from .operations import INVOKE_HARNESS, read_input
from .rules import HarnessRules
from .sense import check_sense
from .sessions import Sessions, at_work
from .stream import Stream
from .turn import Ending, Limits, Turn

EVENT_STREAM = "application/vnd.amazon.eventstream"


class Invocations:
    """Takes what a client says to a session, when it is that client's turn, and lets the agent answer."""

    def __init__(self, world: World, rules: HarnessRules, harnesses: Harnesses, sessions: Sessions) -> None:
        self._world = world
        self._rules = rules
        self._harnesses = harnesses
        self._sessions = sessions

    def routes(self) -> list[Route]:
        """The line of the routing table."""
        return [Route("POST", "/harnesses/invoke", self._invoke, check_signature)]

    async def _invoke(self, request: Request) -> Response:
        given = read_input(INVOKE_HARNESS, request)
        check_sense(given)
        harness, definition = self._usable(given, region_of(request))
        session = await self._sessions.enter(harness, given["runtimeSessionId"])
        handed_over = False
        try:
            harness, definition = self._usable(given, region_of(request))  # it may have gone while we waited
            meaning = read_messages(given["messages"], session.pending, strict=self._rules.strict_resume)
            script = session.accept(meaning)
            stream = Stream()
            turn = Turn(session, stream, _limits(given, definition))
            handed_over = True
        finally:
            if not handed_over:
                self._sessions.leave(harness, session)

        async def work() -> None:
            try:
                with at_work(session, stream):
                    if await turn.perform(script) is Ending.OVER:
                        self._sessions.end(harness, session)
            finally:
                self._sessions.leave(harness, session)

        self._world.nursery.start_soon(work, name=f"a turn of {session.id}")
        return Response(200, (("content-type", EVENT_STREAM),), stream)

    def _usable(self, given: Json, region: str) -> tuple[Harness, Json]:
        return self._harnesses.usable(given["harnessArn"], given.get("qualifier"), region, "InvokeHarness")


def _limits(given: Json, definition: Json) -> Limits:
    """The call's own limits before the harness's, before the service's."""
    return Limits(
        given.get("maxIterations") or definition.get("maxIterations") or MOST_ITERATIONS,
        given.get("maxTokens") or definition.get("maxTokens"),
        given.get("timeoutSeconds") or definition.get("timeoutSeconds") or LONGEST_TURN_S,
    )
