"""The simulator itself: one door for every request, faults before anything else, then the protocols' routes."""

from __future__ import annotations

import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import attrs
import trio

from .agentcore import AgentCoreProtocol, HarnessRules
from .claude import ClaudeProtocol
from .exchange import Aborted, Request, Response
from .faults import Fault, FaultBook, read_fault
from .ledger import Ledger
from .manner import ClaudeManner, Manner
from .mint import Calendar, Mint
from .pages import Cursors
from .refusal import Refused
from .routing import Route, Router
from .world import World

CONTROL = "/_sim/"
"""Paths of the control plane; never logged, never spoiled by a fault."""

_CLAUDE = ClaudeManner()


class Simulator:
    """Answers requests; `open_simulator` and `serve` put a client or a socket in front of it."""

    def __init__(self, nursery: trio.Nursery, *, mark: str, harness: HarnessRules | None = None) -> None:
        self._harness_rules = harness or HarnessRules()
        self._mint = Mint(mark)
        self._calendar = Calendar(time.time())
        self._nursery = nursery
        self.faults = FaultBook()
        self.ledger = Ledger()
        self._control = Router(self._control_routes())
        self._begin()

    def __repr__(self) -> str:
        return f"<Simulator {self._statistics()}>"

    def _begin(self) -> None:
        world = World(self._mint, self._calendar, Cursors(), self._nursery)
        self._agentcore = AgentCoreProtocol(world, self._harness_rules)
        self._protocols = (ClaudeProtocol(world), self._agentcore)
        self._router = Router([route for protocol in self._protocols for route in protocol.routes()])

    def _statistics(self) -> dict[str, int]:
        found: Counter[str] = Counter()
        for protocol in self._protocols:
            found.update(protocol.statistics())
        return {**found, "faults": len(self.faults)}

    def _manner_of(self, request: Request) -> Manner:
        return self._agentcore.manner if self._agentcore.speaks(request) else _CLAUDE

    def reset(self) -> None:
        """Forgets everything, ends open streams and stops running turns; ids are not handed out a second time."""
        self.close()
        self.faults.clear()
        self.ledger.clear()
        self._begin()

    def close(self) -> None:
        """Ends open streams and running turns at once."""
        for protocol in self._protocols:
            protocol.close()

    async def handle(self, request: Request) -> Response:
        """The answer to one request.

        Raises:
            Severed: a fault rule breaks the connection instead.
        """
        request_id = self._mint.id("req")
        if request.path.startswith(CONTROL):
            return await self._serve(self._control, request, request_id)
        self.ledger.note(request, self._calendar.now().timestamp())
        fault = self.faults.take(request.method, request.path)
        if fault is None:
            return await self._serve(self._router, request, request_id)
        return await self._misbehave(fault, request, request_id)

    def refuse(self, request: Request, refusal: Refused) -> Response:
        """The answer to a request that was refused before it was read to its end."""
        if not request.path.startswith(CONTROL):
            self.ledger.note(request, self._calendar.now().timestamp())
        return self._manner_of(request).refuse(refusal, self._mint.id("req"))

    async def _serve(self, router: Router, request: Request, request_id: str) -> Response:
        manner = self._manner_of(request)
        try:
            response = await router.serve(request)
        except Refused as refusal:
            return manner.refuse(refusal, request_id)
        return attrs.evolve(response, headers=(*response.headers, (manner.request_id_header, request_id)))

    async def _misbehave(self, fault: Fault, request: Request, request_id: str) -> Response:
        """Performs a fault; where work is done at all, it is done before the silence if its answer is withheld."""
        if fault.mode == "stall":
            await trio.sleep_forever()
        if fault.mode in ("after", "after_reset"):
            (await self._serve(self._router, request, request_id)).discard()
        await trio.sleep(fault.delay)
        if fault.mode in ("reset", "after_reset"):
            raise Aborted
        if fault.status is None:
            return await self._serve(self._router, request, request_id)
        return fault.answer(self._manner_of(request), request_id)

    def _control_routes(self) -> list[Route]:
        return [
            Route("POST", "/_sim/faults", self._add_fault),
            Route("DELETE", "/_sim/faults", _after(self.faults.clear)),
            Route("GET", "/_sim/requests", self._show_requests),
            Route("POST", "/_sim/reset", self._reset),
            Route("GET", "/_sim/health", self._show_health),
        ]

    async def _add_fault(self, request: Request) -> Response:
        self.faults.add(read_fault(request.json()))
        return Response.json({"ok": True})

    async def _reset(self, request: Request) -> Response:
        before = self._agentcore
        self.reset()
        await before.all_gone()
        return Response.json({"ok": True})

    async def _show_requests(self, request: Request) -> Response:
        return Response.json(self.ledger.view())

    async def _show_health(self, request: Request) -> Response:
        return Response.json({"ok": True, **self._statistics()})


def _after(action: Callable[[], None]) -> Callable[[Request], Any]:
    """A handler that does one thing and says so."""

    async def handler(request: Request) -> Response:  # noqa: ARG001 - a handler's shape
        action()
        return Response.json({"ok": True})

    return handler


@asynccontextmanager
async def running(*, mark: str | None = None, harness: HarnessRules | None = None) -> AsyncIterator[Simulator]:
    """A simulator with a nursery of its own; leaving the block ends its streams, turns and commands.

    Args:
        mark: what its ids carry in the middle; by default random, so that two simulators never hand out the same id.
        harness: how its AgentCore side behaves where there is a choice.
    """
    in_the_block: BaseException | None = None
    async with trio.open_nursery() as nursery:
        simulator = Simulator(nursery, mark=secrets.token_hex(4) if mark is None else mark, harness=harness)
        try:
            yield simulator
        # Raised again behind the nursery, which would wrap it in a group.
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - nothing is swallowed
            in_the_block = error
        finally:
            simulator.close()
            nursery.cancel_scope.cancel()
    if in_the_block is not None:
        raise in_the_block
