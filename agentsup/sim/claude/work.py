"""The work queues of self-hosted environments: one item per message that makes a session there go to work.

The simulated agent does not wait for a worker: items are for testing workers, the script runs all the same.
States: queued, starting (polled), active (first heartbeat), stopping (a stop was asked for), stopped. An item that was polled and
not acknowledged in time is offered again. Rules: API reference, "Self-hosted environments".
"""

from __future__ import annotations

from collections.abc import Callable

import attrs
import trio

from agentsup.sim.exchange import Json, Request, Response
from agentsup.sim.fields import Form
from agentsup.sim.pages import Paging, cut_page
from agentsup.sim.query import Query
from agentsup.sim.refusal import Refused, conflict, missing
from agentsup.sim.routing import Route
from agentsup.sim.table import Table
from agentsup.sim.world import World

from .gates import managed_agents

NO_HEARTBEAT = "NO_HEARTBEAT"
"""What a worker expects as the last heartbeat before its first."""

DEFAULT_TTL_S = 60
LONGEST_TTL_S = 300
DEFAULT_RECLAIM_MS = 5000
WORKER_SEEN_S = 30.0
"""How long a worker that polled counts as polling."""


@attrs.define(eq=False)
class Work:
    """One item."""

    id: str
    place: int
    environment_id: str
    session_id: str
    created_at: str
    state: str = "queued"
    metadata: dict[str, str] = attrs.field(factory=dict)
    acknowledged_at: str | None = None
    started_at: str | None = None
    latest_heartbeat_at: str | None = None
    stop_requested_at: str | None = None
    stopped_at: str | None = None
    ttl_s: int = DEFAULT_TTL_S
    polled: float | None = None
    """When it was last offered, on trio's clock."""

    def view(self) -> Json:
        """The item as the API writes it; the simulator hands out no secrets."""
        return {
            "id": self.id,
            "type": "work",
            "environment_id": self.environment_id,
            "data": {"type": "session", "id": self.session_id},
            "state": self.state,
            "secret": None,
            "metadata": self.metadata,
            "created_at": self.created_at,
            "acknowledged_at": self.acknowledged_at,
            "started_at": self.started_at,
            "latest_heartbeat_at": self.latest_heartbeat_at,
            "stop_requested_at": self.stop_requested_at,
            "stopped_at": self.stopped_at,
        }

    def waits(self, reclaim_s: float) -> bool:
        """Whether it is to be offered: never polled, or polled that long ago without acknowledgement."""
        if self.state == "queued":
            return True
        unacknowledged = self.state == "starting" and self.acknowledged_at is None
        return unacknowledged and self.polled is not None and trio.current_time() - self.polled >= reclaim_s


class WorkQueues:
    """The items of all environments and their endpoints."""

    def __init__(self, world: World, environment_exists: Callable[[str], object]) -> None:
        self._world = world
        self._environment_exists = environment_exists
        """Raises `Refused` where there is no such environment."""
        self._table: Table[Work] = Table("work item")
        self._arrival = trio.Event()
        self._workers: dict[tuple[str, str], float] = {}
        """When each worker last polled each environment, on trio's clock."""

    def routes(self) -> list[Route]:
        """Their lines of the routing table."""
        base = "/v1/environments/{environment_id}/work"
        one = f"{base}/{{work_id}}"
        return [
            Route("GET", base, self._list, managed_agents),
            Route("GET", f"{base}/poll", self._poll, managed_agents),
            Route("GET", f"{base}/stats", self._stats, managed_agents),
            Route("GET", one, self._retrieve, managed_agents),
            Route("POST", one, self._update, managed_agents),
            Route("POST", f"{one}/ack", self._acknowledge, managed_agents),
            Route("POST", f"{one}/heartbeat", self._heartbeat, managed_agents),
            Route("POST", f"{one}/stop", self._stop, managed_agents),
        ]

    def add(self, environment_id: str, session_id: str) -> None:
        """Queues an item for a session."""
        now = self._world.calendar.stamp()
        place = self._table.next_place()
        self._table.add(Work(self._world.mint.id("work"), place, environment_id, session_id, now))
        self._arrival.set()
        self._arrival = trio.Event()

    def _of(self, request: Request) -> list[Work]:
        environment_id = request.params["environment_id"]
        self._environment_exists(environment_id)
        return [work for work in self._table if work.environment_id == environment_id]

    def _work(self, request: Request) -> Work:
        work = self._table.get(request.params["work_id"])
        if work.environment_id != request.params["environment_id"]:
            raise missing("work item", work.id)
        return work

    async def _list(self, request: Request) -> Response:
        paging = Paging.asked(request, default=20, most=100)
        page = cut_page(self._of(request), lambda work: work.place, paging, self._world.cursors)
        return Response.json(page.view(Work.view))

    async def _poll(self, request: Request) -> Response:
        query = Query(request)
        block_ms = query.integer("block_ms", default=0, least=1, most=999)
        reclaim_ms = query.integer("reclaim_older_than_ms", default=DEFAULT_RECLAIM_MS, least=0, most=10**8)
        worker = request.header("anthropic-worker-id")
        if worker:
            self._workers[request.params["environment_id"], worker] = trio.current_time()
        found = self._claim(request, reclaim_ms / 1000)
        with trio.move_on_after(block_ms / 1000):
            while found is None and block_ms:
                await self._arrival.wait()
                found = self._claim(request, reclaim_ms / 1000)
        return Response.json(None if found is None else found.view())

    def _claim(self, request: Request, reclaim_s: float) -> Work | None:
        for work in self._of(request):
            if work.waits(reclaim_s):
                work.state, work.polled = "starting", trio.current_time()
                return work
        return None

    async def _stats(self, request: Request) -> Response:
        rows = self._of(request)
        queued = [work for work in rows if work.state == "queued"]
        pending = [work for work in rows if work.state == "starting" and work.acknowledged_at is None]
        oldest = min((work.created_at for work in (*queued, *pending)), default=None)
        environment_id, since = request.params["environment_id"], trio.current_time() - WORKER_SEEN_S
        polling = sum(key[0] == environment_id and seen >= since for key, seen in self._workers.items())
        return Response.json(
            {
                "type": "work_queue_stats",
                "depth": len(queued),
                "pending": len(pending),
                "oldest_queued_at": oldest,
                "workers_polling": polling,
            }
        )

    async def _retrieve(self, request: Request) -> Response:
        return Response.json(self._work(request).view())

    async def _update(self, request: Request) -> Response:
        work = self._work(request)
        form = Form.of(request)
        metadata = form.metadata(work.metadata)
        form.check()
        work.metadata = metadata
        return Response.json(work.view())

    async def _acknowledge(self, request: Request) -> Response:
        work = self._work(request)
        if work.acknowledged_at is None:
            work.acknowledged_at = self._world.calendar.stamp()
            if work.state == "queued":
                work.state = "starting"
        return Response.json(work.view())

    async def _heartbeat(self, request: Request) -> Response:
        work = self._work(request)
        query = Query(request)
        expected = query.text("expected_last_heartbeat")
        ttl_s = query.integer("desired_ttl_seconds", default=work.ttl_s, least=1, most=LONGEST_TTL_S)
        ending = work.state in ("stopping", "stopped")
        if not ending and expected is not None and expected != (work.latest_heartbeat_at or NO_HEARTBEAT):
            lease = {**self._lease(work, extended=False), "last_heartbeat": work.latest_heartbeat_at}
            details = {"error_code": "heartbeat_precondition_failed", "current_state": lease}
            raise Refused(412, "expected_last_heartbeat: another worker sent one since", details=details)
        extended = work.state in ("starting", "active")
        if extended:
            now = self._world.calendar.stamp()
            work.latest_heartbeat_at, work.ttl_s, work.state = now, ttl_s, "active"
            work.started_at = work.started_at or now
        return Response.json({"type": "work_heartbeat", **self._lease(work, extended=extended)})

    def _lease(self, work: Work, *, extended: bool) -> Json:
        return {
            "last_heartbeat": work.latest_heartbeat_at or "",
            "lease_extended": extended,
            "state": work.state,
            "ttl_seconds": work.ttl_s,
        }

    async def _stop(self, request: Request) -> Response:
        work = self._work(request)
        form = Form.of(request)
        force = form.boolean("force") or False
        form.check()
        if work.state == "stopped":
            raise conflict(f"work item {work.id} has stopped")
        now = self._world.calendar.stamp()
        work.stop_requested_at = work.stop_requested_at or now
        at_once = force or work.state == "queued"
        work.state = "stopped" if at_once else "stopping"
        work.stopped_at = now if at_once else None
        return Response.json(work.view())
