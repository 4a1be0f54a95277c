"""How much of the history is listed: never less than what may be new, whatever the service makes of the filters, and no more than it takes."""

from __future__ import annotations

import datetime

import attrs
import httpx
import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from agentsup.providers.base import Rejected, Seen, Unavailable
from agentsup.providers.managed import ManagedDriver
from agentsup.providers.managed.history import MARGIN, PAGE, since_of, waiting_types
from agentsup.talk import events as ev
from agentsup.talk.content import Text
from agentsup.talk.outgoing import GiveLeave, GiveResult, SayMessage, SayRaw, SayStop, SetOptions
from agentsup.talk.tools import ToolResult
from agentsup.wire.managed.events import read

START = datetime.datetime(2026, 11, 21, tzinfo=datetime.UTC)
MESSAGE = SayMessage("r1", (Text("hi"),))


def at(seconds):
    return (START + datetime.timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


def event(number, seconds, kind="agent.thinking"):
    return {"type": kind, "id": f"sevt_{number}", "processed_at": None if seconds is None else at(seconds)}


@attrs.define(eq=False)
class Service:
    """A session's history behind the list of events, with as much understanding of the filters as is wanted."""

    history: list
    understands: bool = True
    refuses: int | None = None
    shows_waiting: bool = False
    """A list from a moment on has what waits as well."""

    requests: list = attrs.field(factory=list)
    rows: int = 0
    """Events listed."""

    def answer(self, request):
        self.requests.append(request)
        if request.url.path.endswith("/stream"):
            return httpx.Response(200, headers={"content-type": "text/event-stream"}, content=b": hello\n\n")
        query = request.url.params
        filtered = "created_at[gte]" in query or "types[]" in query
        if filtered and self.refuses is not None:
            return httpx.Response(self.refuses, json={"type": "error", "error": {"type": "invalid_request_error"}})
        rows = [row for row in self.history if not self.understands or self.fits(row, query)]
        start, limit = int(query.get("page", "0")), int(query["limit"])
        page = rows[start : start + limit]
        self.rows += len(page)
        after = str(start + limit) if start + limit < len(rows) else None
        return httpx.Response(200, json={"data": page, "next_page": after})

    def fits(self, row, query):
        types, since = query.get_list("types[]"), query.get("created_at[gte]")
        if types and row["type"] not in types:
            return False
        if since is None:
            return True
        if row["processed_at"] is None:
            return self.shows_waiting
        return datetime.datetime.fromisoformat(row["processed_at"]) >= datetime.datetime.fromisoformat(since)

    async def told(self, seen):
        """What an attach tells before it has caught up; the error it ends with."""
        told = []

        async def hear(bodies):
            told.extend(bodies)

        async def caught_up():
            told.append("caught up")

        async with httpx.AsyncClient(transport=httpx.MockTransport(self.answer)) as http:
            driver = ManagedDriver(base_url="http://example.com", api_key="k", http=http)
            with pytest.raises((Unavailable, Rejected)) as caught:
                await driver.attach("sesn", hear=hear, caught_up=caught_up, heartbeat=5.0, seen=seen)
        return told, caught.value

    @property
    def queries(self):
        return [dict(request.url.params) for request in self.requests[1:]]


def seen(rows, *doubted):
    """As a session has it that heard these."""
    return Seen(tuple(read(row) for row in reversed(rows[-32:])), doubted)


def ids(told):
    return [body if isinstance(body, str) else body.id for body in told]


# --- how much ----------------------------------------------------------------------------------------------------------------------


async def test_a_long_history_is_not_listed_again():
    """100,000 events, of which three are new: what is listed is a margin of the newest, in one page, by the service's own time."""
    history = [event(n, n) for n in range(100_000)]
    service = Service(history)

    told, _ = await service.told(seen(history[:-3]))

    assert ids(told)[-4:] == ["sevt_99997", "sevt_99998", "sevt_99999", "caught up"]
    assert service.rows == MARGIN.total_seconds() + 6
    assert service.queries == [{"limit": str(PAGE), "created_at[gte]": at(99_994 - 300)}]


async def test_without_anything_heard_all_of_it_is():
    """The first time; and where nothing that was heard has a time."""
    history = [event(n, n) for n in range(5)]
    for known in (None, seen([event(1, None)]), seen([{"type": "agent.thinking", "id": "x", "processed_at": "soon"}])):
        service = Service(history)

        told, _ = await service.told(known)

        assert ids(told) == [*(row["id"] for row in history), "caught up"]
        assert service.queries == [{"limit": str(PAGE)}]


async def test_what_waits_is_looked_for_where_it_matters():
    """Its place in such a list is told nowhere: where something of ours is in doubt, its types are listed as a whole."""
    waiting = event(7, None, "user.message")
    history = [event(0, 0, "user.message"), *(event(n, n) for n in range(1, 6)), waiting]
    service = Service(history)

    told, _ = await service.told(seen(history[:5], MESSAGE))

    assert ids(told)[-2:] == ["sevt_7", "caught up"]
    assert [query.get("types[]") for query in service.queries] == [None, "user.message"]


async def test_what_arrived_by_a_clock_that_was_set_back_is_found():
    """It has a time of long ago, where no list from a moment on shows it; to send it again would be to double it."""
    ours = event(7, -4000, "user.message")
    history = [*(event(n, n) for n in range(6)), ours]

    told, _ = await Service(history).told(seen(history[:6], MESSAGE))

    assert ids(told)[-2:] == ["sevt_7", "caught up"]


async def test_an_event_whose_time_is_ahead_hides_nothing():
    """One clock of many may be wrong: what comes behind such an event is listed all the same."""
    ahead = {"type": "agent.thinking", "id": "ahead", "processed_at": "9999-12-31T00:00:00Z"}
    history = [*(event(n, n) for n in range(1000, 1005)), ahead, event(1005, 1005)]

    told, _ = await Service(history).told(seen(history[:-1]))

    assert ids(told)[-2:] == ["sevt_1005", "caught up"]


@pytest.mark.parametrize("status", [400, 422])
async def test_a_service_that_refuses_a_filter_is_asked_for_everything(status):
    """An older one; the reconnect costs more, and loses nothing."""
    history = [event(n, n * 100) for n in range(50)]
    service = Service(history, refuses=status)

    told, _ = await service.told(seen(history[:40]))

    assert ids(told) == [*(row["id"] for row in history), "caught up"]


async def test_a_refusal_for_another_reason_is_one():
    """Who may not see the history may not see all of it either."""
    service = Service([event(0, 0)], refuses=403)

    told, why = await service.told(seen([event(0, 0)]))

    assert (told, why.failure.status) == ([], 403)
    assert len(service.queries) == 1


# --- never less ------------------------------------------------------------------------------------------------------------------


@st.composite
def histories(draw):
    """A history in the service's order, and how much of it was heard. Times go on, but may step back by less than the margin."""
    count = draw(st.integers(1, 40))
    moment, rows = 0.0, []
    for number in range(count):
        moment += draw(st.sampled_from([0.0, 0.5, 20.0, 400.0, 5000.0]))
        back = draw(st.sampled_from([0.0, 0.0, 1.0, 290.0]))
        kind = draw(st.sampled_from(["agent.thinking", "user.message", "user.interrupt", "user.custom_tool_result"]))
        rows.append(event(number, max(0.0, moment - back), kind))
    heard = draw(st.integers(0, count))
    waiting = [event(100 + n, None, "user.message") for n in range(draw(st.integers(0, 3)))]
    return rows, heard, waiting


@settings(max_examples=200)
@given(
    made=histories(),
    understands=st.booleans(),
    shows_waiting=st.booleans(),
    refuses=st.sampled_from([None, None, 400]),
    doubts=st.booleans(),
)
def test_whatever_is_new_is_told_in_order(made, understands, shows_waiting, refuses, doubts):
    """By any service: all that was not heard, each in its place, and what waits if it could be ours."""
    rows, heard, waiting = made
    old = {row["id"] for row in rows[:heard]}
    service = Service([*rows, *waiting], understands=understands, shows_waiting=shows_waiting, refuses=refuses)
    known = seen(rows[:heard], *([MESSAGE] if doubts else [])) if heard else None

    told, _ = trio.run(service.told, known)

    assert told[-1] == "caught up"
    new = [row["id"] for row in rows[heard:]]
    assert [found for found in dict.fromkeys(ids(told)) if found in new] == new
    if doubts or known is None:
        assert {row["id"] for row in waiting} <= set(ids(told))
    order = [row["id"] for row in (*rows, *waiting)]
    first_seen = [order.index(found) for found in dict.fromkeys(ids(told)[:-1]) if found not in old]
    assert refuses or first_seen == sorted(first_seen)


# --- the pieces --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stamp", "since"),
    [
        ("2026-11-21T06:30:00Z", "2026-11-21T06:25:00Z"),
        ("2026-11-21T06:30:00.123456Z", "2026-11-21T06:25:00.123456Z"),
        ("2026-11-21T08:30:00+02:00", "2026-11-21T06:25:00Z"),
        ("2026-11-21T06:30:00", None),
        ("0001-01-01T00:00:00Z", None),
        ("yesterday", None),
        (7, None),
        (None, None),
    ],
)
def test_the_moment_to_begin_at(stamp, since):
    """Five minutes before the newest event; what is no time in the world is none."""
    assert since_of([read({"type": "agent.thinking", "id": "x", "processed_at": stamp})]) == since


def test_the_earliest_of_the_newest_counts():
    """Of three that have a time: inputs that wait have none."""
    newest = [read(event(9, None, "user.message")), *(read(event(n, n)) for n in (2000, 1000, 1500, 500))]

    assert since_of(newest) == at(700)


def test_what_may_wait():
    """Messages, interrupts, confirmations and what is said by hand; results and options never do."""
    doubted = [
        MESSAGE,
        MESSAGE,
        SayStop("stop:1"),
        GiveLeave("c1", True),
        GiveResult(ToolResult("c2", "x")),
        SayRaw("raw:1", {"type": "system.message"}),
        SetOptions("o", {}),
    ]

    assert waiting_types(doubted) == ["user.message", "user.interrupt", "user.tool_confirmation", "system.message"]
    assert waiting_types([]) == []
    assert isinstance(read(event(1, 1)), ev.Noted)
