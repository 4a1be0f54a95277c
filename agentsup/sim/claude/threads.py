"""The threads of a session and their events.

Rules: API reference, "Session threads".
"""

from __future__ import annotations

from agentsup.sim.exchange import Request, Response
from agentsup.sim.pages import Paging, cut_page
from agentsup.sim.query import Query
from agentsup.sim.refusal import invalid, missing
from agentsup.sim.routing import Route
from agentsup.sim.world import World

from .events import MOST_PER_PAGE, PAGE_SIZE, deltas_asked, stream_of
from .gates import managed_agents
from .session import Session
from .sessions import STATUSES, Sessions
from .thread import Child, Thread

MOST_THREADS = 1000


class Threads:
    """The endpoints of a session's threads."""

    def __init__(self, world: World, sessions: Sessions) -> None:
        self._world = world
        self._sessions = sessions

    def routes(self) -> list[Route]:
        """Their lines of the routing table."""
        base = "/v1/sessions/{session_id}/threads"
        return [
            Route("GET", base, self._list, managed_agents),
            Route("GET", f"{base}/{{thread_id}}", self._retrieve, managed_agents),
            Route("POST", f"{base}/{{thread_id}}/archive", self._archive, managed_agents),
            Route("GET", f"{base}/{{thread_id}}/events", self._events, managed_agents),
            Route("GET", f"{base}/{{thread_id}}/stream", self._stream, managed_agents),
        ]

    def _find(self, request: Request) -> tuple[Session, Thread]:
        session = self._sessions.get(request.params["session_id"]).session
        for thread in session.threads:
            if thread.id == request.params["thread_id"]:
                return session, thread
        raise missing("session thread", request.params["thread_id"])

    async def _list(self, request: Request) -> Response:
        session = self._sessions.get(request.params["session_id"]).session
        statuses = Query(request).many("statuses", STATUSES)
        rows = [row for row in session.threads if not statuses or row.view(session)["status"] in statuses]
        paging = Paging.asked(request, default=MOST_THREADS, most=MOST_THREADS, order="asc")
        page = cut_page(rows, lambda row: row.place, paging, self._world.cursors)
        return Response.json(page.view(lambda row: row.view(session)))

    async def _retrieve(self, request: Request) -> Response:
        session, thread = self._find(request)
        return Response.json(thread.view(session))

    async def _archive(self, request: Request) -> Response:
        """A child that rests is archived, and with that terminated; calls of its that wait take no answer any more."""
        session, thread = self._find(request)
        if thread.parent_id is None:
            raise invalid("", "the session's own thread is archived with the session")
        if session.archived_at is not None:
            raise invalid("", f"session {session.id} is archived and cannot be changed")
        if thread.status == "running":
            raise invalid("", f"session thread {thread.id} is running: interrupt it first")
        if thread.archived_at is None:
            if thread.status != "terminated":
                Child(session, thread).terminate()
            thread.archived_at = thread.updated_at = self._world.calendar.stamp()
            self._sessions.get(session.id).desk.drop_child(thread.id)
        return Response.json(thread.view(session))

    async def _events(self, request: Request) -> Response:
        _, thread = self._find(request)
        paging = Paging.asked(request, default=PAGE_SIZE, most=MOST_PER_PAGE, order="asc")
        page = thread.feed.page(paging, self._world.cursors, lambda _event: True)
        return Response.json(page.view(lambda event: event))

    async def _stream(self, request: Request) -> Response:
        session, thread = self._find(request)
        return stream_of(thread.feed.open(deltas_asked(request)), over=session.status == "terminated")
