"""The driver alone: bytes in, meanings out, every error translated, nothing left open."""

from __future__ import annotations

import json

import attrs
import httpx
import pytest
import trio
import trio.testing

from agentsup import ClaudeManagedAgents
from agentsup.ids import SessionId
from agentsup.providers.base import Opening, Rejected, Unavailable
from agentsup.providers.managed import ManagedDriver
from agentsup.providers.managed.driver import SEARCHED_PAGES
from agentsup.talk import events as ev
from agentsup.talk.content import Text
from agentsup.talk.outgoing import SayMessage, SayStop, SetOptions

SSE = {"content-type": "text/event-stream"}
STREAM = "/v1/sessions/sesn/events/stream"
EVENTS = "/v1/sessions/sesn/events"


def message(event_id, text="hi"):
    return {"type": "agent.message", "id": event_id, "content": [{"type": "text", "text": text}]}


def frame(event, *, newline="\n"):
    return f"event: {event['type']}{newline}data: {json.dumps(event)}{newline}{newline}".encode()


class Body(httpx.AsyncByteStream):
    """A streamed body: chunks of bytes, errors to raise, or None for silence without end."""

    def __init__(self, *parts):
        self.parts = parts
        self.closed = 0

    async def __aiter__(self):
        for part in self.parts:
            await trio.lowlevel.checkpoint()
            if part is None:
                await trio.sleep_forever()
            if isinstance(part, Exception):
                raise part
            yield part

    async def aclose(self):
        self.closed += 1


class Server:
    """Answers by path, first come first served; remembers what it was asked."""

    def __init__(self):
        self.answers = {}
        self.requests = []

    def on(self, method, path, *answers):
        self.answers[method, path] = list(answers)

    def stream(self, *parts, status=200, headers=SSE):
        body = Body(*parts)
        self.on("GET", STREAM, lambda _: httpx.Response(status, headers=headers, stream=body))
        return body

    def pages(self, *pages, path=EVENTS):
        """Pages of rows, each with the cursor to the next."""
        self.on("GET", path, *(httpx.Response(200, json={"data": rows, "next_page": nxt}) for rows, nxt in pages))

    async def handle(self, request):
        await request.aread()
        self.requests.append(request)
        answers = self.answers.get((request.method, request.url.path))
        assert answers, f"nobody expected {request.method} {request.url}"
        found = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(found, Exception):
            raise found
        return found(request) if callable(found) else found


@attrs.define(eq=False)
class Ear:
    """What a session would hear."""

    heard: list = attrs.field(factory=list)
    caught_up_after: int | None = None

    async def hear(self, bodies):
        await trio.lowlevel.checkpoint()
        self.heard += bodies

    async def caught_up(self):
        assert self.caught_up_after is None
        self.caught_up_after = len(self.heard)

    @property
    def ids(self):
        return [body.id for body in self.heard if isinstance(body, ev.Heard)]


@pytest.fixture
def server():
    made = Server()
    made.pages(([], None))
    return made


@pytest.fixture
async def driver(server):
    async with httpx.AsyncClient(transport=httpx.MockTransport(server.handle)) as http:
        yield ManagedDriver(base_url="http://provider", api_key="key", http=http)


async def follow(driver, *, heartbeat=45.0):
    """Attach until it ends, and what was heard until then."""
    ear = Ear()
    with pytest.raises((Unavailable, Rejected)) as caught:
        await driver.attach("sesn", hear=ear.hear, caught_up=ear.caught_up, heartbeat=heartbeat)
    return ear, caught.value


# --- following -------------------------------------------------------------------------------------------------------------------


async def test_the_stream_is_open_before_the_history_is_listed(driver, server):
    """So that nothing falls between the two; first all of the history, then what is live."""
    server.stream(frame(message("live")))
    server.pages(([message("a"), message("b")], "p2"), ([message("c")], None))

    ear, why = await follow(driver)

    assert [request.url.path for request in server.requests] == [STREAM, EVENTS, EVENTS]
    assert ear.ids == ["a", "b", "c", "live"]
    assert ear.caught_up_after == 3
    assert isinstance(why, Unavailable)
    assert str(why) == "following the session's events: the stream ended"


async def test_what_is_asked_for(driver, server):
    """Text deltas, an event stream and nothing kept on the way; credentials and beta on every request; pages by their cursor."""
    server.stream()
    server.pages(([], "p2"), ([], None))

    await follow(driver)

    stream, first, second = server.requests
    assert stream.url.params.multi_items() == [("event_deltas[]", "agent.message")]
    assert stream.headers["accept"] == "text/event-stream"
    assert [request.headers["x-api-key"] for request in server.requests] == ["key"] * 3
    assert [request.headers["anthropic-beta"] for request in server.requests] == ["managed-agents-2026-04-01"] * 3
    assert (dict(first.url.params), dict(second.url.params)) == ({"limit": "1000"}, {"limit": "1000", "page": "p2"})


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("size", [1, 2, 7, 10_000])
async def test_frames_may_be_cut_anywhere(driver, server, newline, size):
    """In the middle of a character, of a line end, of a frame."""
    data = b"".join(
        (
            b": hello" + newline.encode() * 2,
            frame(message("a", "grüße 🙂"), newline=newline),
            f"event: ping{newline}data: {{}}{newline}{newline}".encode(),
            f"data: {json.dumps(message('b'))}{newline}{newline}".encode(),
        )
    )
    server.stream(*(data[place : place + size] for place in range(0, len(data), size)))

    ear, _ = await follow(driver)

    assert [body.text for body in ear.heard] == ["grüße 🙂", "hi"]


async def test_hollow_frames_and_comments_say_nothing(driver, server):
    """An id without data, a retry hint, a ping, a keepalive."""
    server.stream(b": keepalive\n\nid: 7\n\nretry: 100\n\nevent: ping\ndata: {}\n\n", frame(message("a")))

    ear, _ = await follow(driver)

    assert ear.ids == ["a"]


async def test_deltas_pass_and_announcements_do_not(driver, server):
    """A piece of text is heard, its announcement says nothing by itself."""
    delta = {"type": "event_delta", "event_id": "a", "delta": {"content": {"type": "text", "text": "h"}}}
    server.stream(frame({"type": "event_start", "event": {"type": "agent.message", "id": "a"}}), frame(delta))

    ear, _ = await follow(driver)

    assert ear.heard == [ev.TextDelta(message_id="a", text="h")]


@pytest.mark.parametrize(
    ("last", "reason"),
    [
        (b"event: agent.message\ndata: {\n\n", "a frame of 1 bytes is not JSON"),
        (b"data: []\n\n", "an event is a JSON list, not an object"),
        (b"data: {}\n\n", "an event has no type"),
        (
            b'event: error\ndata: {"error": {"type": "overloaded_error"}}\n\n',
            "the provider ended the stream with an error of type 'overloaded_error'",
        ),
        (b'event: agent.message\ndata: {"type": "agent.message"', "the stream ended"),
        (httpx.ReadError("reset"), "the connection broke (ReadError)"),
        (httpx.RemoteProtocolError("incomplete chunked read"), "the connection broke (RemoteProtocolError)"),
        (httpx.ReadTimeout("silence"), "no answer in time (ReadTimeout)"),
    ],
    ids=["no JSON", "no object", "no type", "error frame", "half a frame", "reset", "cut", "silence"],
)
async def test_a_stream_that_breaks_is_a_cut(driver, server, last, reason):
    """However it breaks, what came before was heard, and the reason is said."""
    body = server.stream(frame(message("a")), last, frame(message("never")))
    if reason == "the stream ended":
        body.parts = body.parts[:-1]

    ear, why = await follow(driver)

    assert ear.ids == ["a"]
    assert isinstance(why, Unavailable)
    assert str(why) == f"following the session's events: {reason}"
    assert body.closed


async def test_an_answer_that_is_no_event_stream_is_a_cut(driver, server):
    """A login page, for example. It is noticed before anything else is done: nothing is sent that nobody would hear the answer of."""
    body = server.stream(b"<html>", headers={"content-type": "text/html"})

    ear, why = await follow(driver)

    assert isinstance(why, Unavailable)
    assert str(why) == "following the session's events: the answer is not an event stream"
    assert (len(server.requests), ear.caught_up_after) == (1, None)
    assert body.closed


async def test_a_media_type_may_be_written_in_capitals(driver, server):
    """With or without parameters."""
    server.stream(frame(message("a")), headers={"content-type": "Text/Event-Stream; charset=utf-8"})

    ear, _ = await follow(driver)

    assert ear.ids == ["a"]


@pytest.mark.parametrize(("status", "kind"), [(404, Rejected), (401, Rejected), (400, Rejected), (503, Unavailable)])
async def test_a_refused_stream_is_told_by_its_status(driver, server, status, kind):
    """With the envelope's words; the history is not asked for."""
    body = server.stream(
        b'{"error": {"type": "some_error", "message": "because"}}',
        status=status,
        headers={"content-type": "application/json"},
    )

    ear, why = await follow(driver)

    assert isinstance(why, kind)
    assert "some_error: because" in str(why)
    assert len(server.requests) == 1
    assert ear.caught_up_after is None
    assert body.closed


@pytest.mark.parametrize(
    ("answer", "kind", "reason"),
    [
        (httpx.Response(404, json={}), Rejected, "the provider answered 404"),
        (httpx.Response(500), Unavailable, "the provider answered 500"),
        (httpx.Response(200, text="x"), Unavailable, "the answer is not JSON"),
        (httpx.Response(200, json=[]), Unavailable, "the answer is not a JSON object"),
        (httpx.Response(200, json={"data": {}}), Unavailable, "a page has no list of data"),
        (httpx.ReadTimeout(""), Unavailable, "no answer in time (ReadTimeout)"),
    ],
)
async def test_a_history_that_fails_fails_the_attempt(driver, server, answer, kind, reason):
    """Nothing is done on half a history: not caught up, stream closed."""
    body = server.stream(frame(message("live")), None)
    first = httpx.Response(200, json={"data": [message("a")], "next_page": "p2"})
    server.on("GET", EVENTS, first, answer)

    ear, why = await follow(driver)

    assert isinstance(why, kind)
    assert reason in str(why)
    assert (ear.ids, ear.caught_up_after) == (["a"], None)
    assert body.closed


async def test_a_row_that_is_no_event_is_noted(driver, server):
    """Nothing else has what it said, and it says the same tomorrow: to insist on it would be the session's end."""
    server.stream()
    server.pages(([message("a"), 3, {"id": "odd"}, {"type": 7}, message("b")], None))

    ear, _ = await follow(driver)

    assert [type(body) for body in ear.heard] == [ev.Said, ev.Noted, ev.Noted, ev.Noted, ev.Said]
    assert [dict(body.raw) for body in ear.heard[1:4]] == [{"row": 3}, {"id": "odd"}, {"type": 7}]
    assert ear.caught_up_after == 5


async def test_pages_that_go_round_are_noticed(driver, server):
    """A page that names itself as the next one would be asked for ever."""
    server.stream(None)
    server.on("GET", EVENTS, httpx.Response(200, json={"data": [], "next_page": "p1"}))

    _, why = await follow(driver)

    assert "names itself" in str(why)
    assert len(server.requests) == 3


@pytest.mark.parametrize("last", [None, ""])
async def test_an_empty_cursor_is_the_end(driver, server, last):
    """As the official client has it."""
    server.stream()
    server.pages(([message("a")], last))

    ear, _ = await follow(driver)

    assert ear.ids == ["a"]


async def test_silence_is_bounded_by_the_heartbeat(driver, server):
    """The read timeout of the stream is the heartbeat, that of requests is not; opening has its own."""
    server.stream()

    await follow(driver, heartbeat=7.0)

    stream, listing = (request.extensions["timeout"] for request in server.requests)
    assert (stream["read"], stream["connect"], stream["pool"]) == (7.0, 10.0, None)
    assert listing["read"] == 30.0


async def test_cancelling_leaves_nothing_open(driver, server):
    """The body is closed on the way out, wherever it was."""
    body = server.stream(frame(message("a")), None)
    ear = Ear()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lambda: driver.attach("sesn", hear=ear.hear, caught_up=ear.caught_up, heartbeat=45.0))
        await trio.testing.wait_all_tasks_blocked()
        assert ear.ids == ["a"]
        nursery.cancel_scope.cancel()

    assert body.closed == 1


async def test_a_slow_listener_slows_the_stream(driver, server):
    """The stream is not read ahead of who hears it: nothing piles up here."""
    server.stream(*(frame(message(f"m{number}")) for number in range(50)), None)
    told = []

    async def hear(bodies):
        told.extend(bodies)
        if bodies:
            await trio.sleep_forever()

    async def caught_up():
        pass

    async with trio.open_nursery() as nursery:
        nursery.start_soon(lambda: driver.attach("sesn", hear=hear, caught_up=caught_up, heartbeat=45.0))
        await trio.testing.wait_all_tasks_blocked()
        assert len(told) == 1
        nursery.cancel_scope.cancel()


# --- how long, and how much -----------------------------------------------------------------------------------------------------


class Dripping(httpx.AsyncByteStream):
    """A body of one byte every ten seconds, for ever."""

    async def __aiter__(self):
        while True:
            await trio.sleep(10)
            yield b" "


def dripping(status=200):
    return lambda _: httpx.Response(status, headers={"content-type": "application/json"}, stream=Dripping())


@pytest.mark.parametrize(
    ("ask", "method", "path", "seconds"),
    [
        (lambda driver: driver.post("sesn", [SayStop("stop:r1")]), "POST", EVENTS, 120),
        (lambda driver: driver.create_session({}), "POST", "/v1/sessions", 120),
        (lambda driver: driver.find_session("token"), "GET", "/v1/sessions", 600),
    ],
    ids=["post", "create", "search"],
)
@pytest.mark.parametrize("status", [200, 500])
async def test_an_answer_that_drips_is_given_up(driver, server, autojump_clock, ask, method, path, seconds, status):
    """A byte now and then is no silence. Yet whoever waits for the whole must not wait for ever."""
    server.on(method, path, dripping(status))
    began = trio.current_time()

    with pytest.raises(Unavailable, match=rf"no whole answer in {seconds} s"):
        await ask(driver)

    assert trio.current_time() - began == seconds


async def test_a_history_that_drips_is_given_up(driver, server, autojump_clock):
    """The session would never come to attach."""
    body = server.stream(None)
    server.on("GET", EVENTS, dripping())

    _, why = await follow(driver)

    assert str(why) == "listing the session's events: no whole answer in 600 s"
    assert body.closed


async def test_a_stream_whose_answer_does_not_begin_is_given_up(driver, server, autojump_clock):
    """Its headers have as long as silence may last, and what a connection takes; also those of a refusal that drips."""

    async def never(request):
        await trio.sleep_forever()

    server.handle = never
    async with httpx.AsyncClient(transport=httpx.MockTransport(never)) as http:
        _, why = await follow(ManagedDriver(base_url="http://provider", api_key="key", http=http), heartbeat=20.0)
    assert str(why) == "following the session's events: no whole answer in 30 s"

    server.on("GET", STREAM, dripping(503))
    _, why = await follow(driver, heartbeat=20.0)
    assert str(why) == "following the session's events: no whole answer in 30 s"


async def test_of_a_huge_refusal_only_the_status_is_told(driver, server):
    """Ten megabytes of words are not read to their end."""
    body = Body(*[b"x" * 100_000] * 100)
    server.on("POST", EVENTS, lambda _: httpx.Response(413, headers={"content-type": "application/json"}, stream=body))

    with pytest.raises(Rejected) as caught:
        await driver.post("sesn", [SayStop("stop:r1")])

    assert str(caught.value) == "sending to the session: the provider answered 413"
    assert body.closed


# --- sending -------------------------------------------------------------------------------------------------------------------


async def test_items_go_out_in_one_request(driver, server):
    """All of them, in order, as JSON."""
    server.on("POST", EVENTS, httpx.Response(200, json={"data": []}))

    await driver.post("sesn", [SayStop("stop:r1"), SayMessage("r2", (Text("grüße"),))])

    (request,) = server.requests
    assert json.loads(request.content) == {
        "events": [
            {"type": "user.interrupt"},
            {"type": "user.message", "content": [{"type": "text", "text": "grüße"}]},
        ]
    }


@pytest.mark.parametrize(
    ("answer", "kind", "fatal"),
    [
        (httpx.Response(400), Rejected, False),
        (httpx.Response(403), Rejected, True),
        (httpx.Response(429, headers={"retry-after": "2"}), Unavailable, None),
        (httpx.ReadError(""), Unavailable, None),
    ],
)
async def test_a_post_that_fails_says_how(driver, server, answer, kind, fatal):
    """And is not tried again here: whether it arrived is for the history to say."""
    server.on("POST", EVENTS, answer)

    with pytest.raises(kind) as caught:
        await driver.post("sesn", [SayStop("stop:r1")])

    assert len(server.requests) == 1
    assert getattr(caught.value, "fatal", None) == fatal


@pytest.mark.parametrize("answer", [{}, {"status": "ok"}, {"data": None}, {"error": {"type": "x"}}])
async def test_a_yes_that_is_none_leaves_it_open(driver, server, answer):
    """A gateway's own 200 does not say that the events were taken: the history is asked."""
    server.on("POST", EVENTS, httpx.Response(200, json=answer))

    with pytest.raises(Unavailable, match="does not say that it was taken"):
        await driver.post("sesn", [SayStop("stop:r1")])


@pytest.mark.parametrize("answer", [{}, {"status": "ok"}, {"data": []}])
async def test_a_change_that_nobody_confirms_leaves_it_open(driver, server, answer):
    """A gateway's own 200 is no changed session; a change is sent again without harm."""
    server.on("POST", "/v1/sessions/sesn", httpx.Response(200, json=answer))

    with pytest.raises(Unavailable, match="no id"):
        await driver.post("sesn", [SetOptions("options:1", {"title": "new"})])


# --- opening -------------------------------------------------------------------------------------------------------------------

PROVIDER = ClaudeManagedAgents(agent="agent_1", environment="env_1", api_key="key")


def opening(*, search):
    return Opening(session_id=SessionId("customer-42"), token="token", search=search)


def session(session_id, token):
    return {"id": session_id, "metadata": {"agentsup_token": token}}


async def test_a_new_session_carries_our_marks(driver, server):
    """By them it is found if the answer is lost."""
    server.on("POST", "/v1/sessions", httpx.Response(200, json={"id": "sesn_1"}))

    found = await PROVIDER.open(driver, opening(search=False))

    assert found == "sesn_1"
    assert json.loads(server.requests[0].content) == {
        "agent": "agent_1",
        "environment_id": "env_1",
        "metadata": {"agentsup_token": "token", "agentsup_session": "customer-42"},
    }


async def test_a_session_that_was_made_is_found(driver, server):
    """On whichever page of the newest, and none is made."""
    server.pages(
        ([session("sesn_1", "other"), {"id": "odd", "metadata": None}, 3], "p2"),
        ([session("sesn_2", "token")], "p3"),
        path="/v1/sessions",
    )

    assert await PROVIDER.open(driver, opening(search=True)) == "sesn_2"
    assert len(server.requests) == 2


async def test_a_session_that_was_not_made_is_made(driver, server):
    """Searched to the end, then created."""
    server.pages(([session("sesn_1", "other")], None), path="/v1/sessions")
    server.on("POST", "/v1/sessions", httpx.Response(200, json={"id": "sesn_2"}))

    assert await PROVIDER.open(driver, opening(search=True)) == "sesn_2"


async def test_the_search_is_bounded(driver, server):
    """A busy account has more sessions than anybody wants to list: ours was made seconds ago."""
    server.on(
        "GET",
        "/v1/sessions",
        *(httpx.Response(200, json={"data": [], "next_page": f"p{number}"}) for number in range(100)),
    )

    assert await driver.find_session("token") is None
    assert len(server.requests) == SEARCHED_PAGES


@pytest.mark.parametrize("answer", [{}, {"id": ""}, {"id": 3}])
async def test_a_session_without_an_id_is_none(driver, server, answer):
    """It is looked for again."""
    server.on("POST", "/v1/sessions", httpx.Response(200, json=answer))

    with pytest.raises(Unavailable, match="no id"):
        await driver.create_session({})


# --- the value -----------------------------------------------------------------------------------------------------------------


def test_everything_that_is_missing_is_named(monkeypatch):
    """Before anything is opened."""
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)

    found = [problem.path for problem in ClaudeManagedAgents(base_url="ftp://x").problems()]

    assert found == ["api_key", "base_url", "agent", "environment"]
    assert list(PROVIDER.problems()) == []
    assert list(ClaudeManagedAgents(session_id="sesn", api_key="key").problems()) == []


def test_what_is_no_id_is_not_called_missing():
    """Something of another type was passed, and that is what is said."""
    found = {
        problem.path: problem.message
        for problem in ClaudeManagedAgents(agent=3, environment=4, api_key="key").problems()
    }

    assert found["agent"].startswith("has no id in it, being of type int: pass an agent's id or handle")
    assert found["environment"] == "has no id in it, being of type int: pass an environment's id or handle"


def test_arguments_go_before_the_environment_and_that_before_the_default(monkeypatch):
    """The same order everywhere."""
    monkeypatch.setenv("ANTHROPIC_API_KEY", "from env")
    monkeypatch.delenv("ANTHROPIC_BASE_URL", raising=False)
    default = ClaudeManagedAgents()
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://from-env/")

    assert "http://from-env as" in ClaudeManagedAgents().endpoint
    assert "http://argument as" in ClaudeManagedAgents(base_url="http://argument").endpoint
    assert ClaudeManagedAgents().endpoint != ClaudeManagedAgents(api_key="other").endpoint
    assert default.kind == "claude-managed-agents"


def test_handles_are_as_good_as_ids():
    """What provisioning gives back goes straight in."""

    @attrs.frozen
    class Handle:
        agent_id: str = "agent_1"
        environment_id: str = "env_1"

    assert list(ClaudeManagedAgents(agent=Handle(), environment=Handle(), api_key="key").problems()) == []


def test_the_key_shows_nowhere():
    """Not in the value, the driver or the endpoint's name."""
    value = ClaudeManagedAgents(agent="a", environment="e", api_key="sk-secret")

    assert "sk-secret" not in f"{value!r} {value.endpoint} {value.connect()!r}"


async def test_a_client_that_was_given_stays_open():
    """It is its owner's to close; one of our own is closed with the driver."""
    async with httpx.AsyncClient() as http:
        await ManagedDriver(base_url="http://x", api_key="k", http=http).aclose()
        assert not http.is_closed

    own = ManagedDriver(base_url="http://x", api_key="k")
    await own.aclose()
    with pytest.raises(Unavailable, match="RuntimeError"):  # httpx says so of a client that is closed
        await own.post("sesn", [])
