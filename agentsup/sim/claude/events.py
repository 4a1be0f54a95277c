"""The events of a session: send, list, stream.

Rules: API reference, "Session events".
"""

from __future__ import annotations

from collections.abc import Callable

from agentsup.sim.exchange import Json, Request, Response
from agentsup.sim.fields import Form
from agentsup.sim.pages import Paging
from agentsup.sim.query import Query
from agentsup.sim.refusal import invalid
from agentsup.sim.routing import Route
from agentsup.sim.world import World

from .files import Files
from .gates import managed_agents
from .inputs import MOST_EVENTS, RESULT_ID_FIELDS, check_rubrics, read_events
from .sessions import Hosted, Sessions
from .tap import Tap

DELTA_KINDS = ("agent.message", "agent.thinking")
MOST_DELTA_KINDS = 100
PAGE_SIZE = 1000
MOST_PER_PAGE = 10_000

_BEGIN_TURNS = ("user.message", "user.define_outcome", "system.message")


class Events:
    """The endpoints of a session's events."""

    def __init__(self, world: World, sessions: Sessions, files: Files) -> None:
        self._world = world
        self._files = files
        self._sessions = sessions

    def routes(self) -> list[Route]:
        """Their lines of the routing table."""
        base = "/v1/sessions/{session_id}/events"
        return [
            Route("POST", base, self._send, managed_agents),
            Route("GET", base, self._list, managed_agents),
            Route("GET", f"{base}/stream", self._stream, managed_agents),
        ]

    async def _send(self, request: Request) -> Response:
        """All of the events or none."""
        hosted = self._sessions.get(request.params["session_id"])
        form = Form.of(request)
        events = read_events(form, "events", least=1, most=MOST_EVENTS)
        if not form.problems:
            _check_place(hosted, events)
            _check_room(hosted, events, form)
            check_rubrics(events, self._files.exists)
        form.check()
        refuse_closed(hosted)
        taken = [event.data for event in events if not _ignored(hosted, event)]
        return Response.json({"data": self._sessions.deliver(hosted, taken)})

    async def _list(self, request: Request) -> Response:
        hosted = self._sessions.get(request.params["session_id"])
        paging = Paging.asked(request, default=PAGE_SIZE, most=MOST_PER_PAGE, order="asc", either_order=True)
        page = hosted.session.feed.page(paging, self._world.cursors, _filter(Query(request)))
        return Response.json(page.view(lambda event: event))

    async def _stream(self, request: Request) -> Response:
        hosted = self._sessions.get(request.params["session_id"])
        return stream_of(hosted.session.feed.open(deltas_asked(request)), over=hosted.session.status == "terminated")


def stream_of(tap: Tap, *, over: bool) -> Response:
    """The answer that carries a stream; one on a session that is over ends at once."""
    if over:
        tap.end()
    return Response(200, (("content-type", "text/event-stream"), ("cache-control", "no-cache")), tap)


def deltas_asked(request: Request) -> frozenset[str]:
    """The event types whose previews a stream wants.

    Raises:
        Refused: 400, one that has none, or more than 100 values.
    """
    found = Query(request).many("event_deltas", DELTA_KINDS)
    if len(found) > MOST_DELTA_KINDS:
        raise invalid("event_deltas", f"must have at most {MOST_DELTA_KINDS} values")
    return frozenset(found)


def refuse_closed(hosted: Hosted) -> None:
    """Refuses sends to a session that takes none any more.

    Raises:
        Refused: 400, it is archived or terminated.
    """
    if hosted.session.archived_at is not None:
        raise invalid("", f"session {hosted.id} is archived and takes no events")
    if hosted.session.status == "terminated":
        raise invalid("", f"session {hosted.id} is terminated and takes no events")


def _check_place(hosted: Hosted, events: list[Form]) -> None:
    """Notes answers to calls that do not wait for them, interrupts of no thread, and inputs that have no place now."""
    answered: set[str] = set()
    waiting = hosted.desk.waits_for_answers
    for event in events:
        kind = event.data["type"]
        if kind in RESULT_ID_FIELDS:
            field = RESULT_ID_FIELDS[kind]
            call_id = event.data[field]
            if kind == "user.tool_result" and not hosted.session.self_hosted:
                event.wrong("", f"{kind} is only for sessions in a self_hosted environment")
            elif not waiting or call_id in answered or not hosted.desk.waits_for(call_id, kind):
                event.wrong(field, f"no open call {call_id} waits for a {kind}")
            answered.add(call_id)
        elif kind == "user.interrupt":
            waiting = _check_interrupt(hosted, event) and waiting
        elif kind in _BEGIN_TURNS and hosted.session.spent:
            event.wrong("", f"{kind} is refused: the session's budget is reached (budget_reached)")
        elif kind == "system.message" and len(events) == 1 and waiting:
            event.wrong("", "system.message is refused alone while calls wait for their answers")


def _check_interrupt(hosted: Hosted, event: Form) -> bool:
    """Notes an interrupt of a thread that takes none; answers whether open calls still wait behind it."""
    thread_id: str | None = event.data.get("session_thread_id")
    if thread_id is None:
        return False
    thread = next((one for one in hosted.session.threads if one.id == thread_id), None)
    if thread is None:
        event.wrong("session_thread_id", f"there is no session thread {thread_id}")
    elif thread.archived_at is not None:
        event.wrong("session_thread_id", f"session thread {thread_id} is archived and takes no events")
    return thread_id != hosted.desk.thread_at_work


def _check_room(hosted: Hosted, events: list[Form], form: Form) -> None:
    """Notes a send that would make too many inputs wait."""
    inputs = sum(event.data["type"] in _BEGIN_TURNS for event in events)
    if inputs > hosted.desk.room:
        form.wrong("events", f"{hosted.desk.room} more inputs can wait behind the running turn")


def _ignored(hosted: Hosted, event: Form) -> bool:
    """An interrupt is not even kept while the budget is reached."""
    return bool(hosted.session.spent and event.data["type"] == "user.interrupt")


def _filter(query: Query) -> Callable[[Json], bool]:
    types, within = query.many("types"), query.moments("created_at")
    return lambda event: (not types or event["type"] in types) and within(event["processed_at"])
