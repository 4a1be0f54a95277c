"""The driver: one signed invoke per turn, followed to its end, and nothing asked twice that may have begun."""

from __future__ import annotations

import json

import httpx
import pytest
import structlog
import trio
from trio.testing import wait_all_tasks_blocked

from agentsup.providers.agentcore import BedrockAgentCore, Overrides
from agentsup.providers.aws.credentials import Credentials
from agentsup.providers.base import Rejected, Unavailable
from agentsup.talk import events as ev
from agentsup.talk.content import Image, SearchResult, Text
from agentsup.talk.outgoing import GiveResult, SayMessage, SayStop
from agentsup.talk.tools import ToolResult, ToolUse
from tests.providers.agentcore.harness import (
    ARN,
    KEYS,
    SESSION,
    Harness,
    Session,
    calling,
    driver,
    event,
    exception,
    refusal,
    saying,
    stream,
)

HELLO = SayMessage("r1", (Text("Hello"),))


def result(call_id, text="done", **more):
    use = ToolUse(call_id, "look", {"n": 7})
    return GiveResult(ToolResult(call_id, text, **more), use)


async def turn(harness, nursery, *items, **more):
    """A session that has asked for one turn, and heard all of it."""
    session = await Session(driver(harness, **more), nursery).attach()
    await session.post(*(items or (HELLO,)))
    await wait_all_tasks_blocked()
    return session


@pytest.fixture
async def scope(nursery):
    """A nursery whose tasks end with the test."""
    async with trio.open_nursery() as inner:
        yield inner
        inner.cancel_scope.cancel()


async def test_a_turn(scope):
    """Our message comes back, the agent works, speaks, is measured, rests."""
    harness = Harness(stream(saying("Hi")))
    session = await turn(harness, scope)

    kinds = [type(body).__name__ for body in session.heard]
    assert kinds == ["Echoed", "Working", "Noted", "TextDelta", "Said", "Noted", "Measured", "Waiting"]
    assert session.heard[0].text == "Hello"
    assert session.heard[-1].terminal == "end_turn"
    assert session.ended is None


async def test_the_request_is_the_services(scope):
    """Path, query, headers and body, as the model has them."""
    harness = Harness(stream(saying("Hi")))
    await turn(harness, scope, qualifier="live")
    (request,) = harness.requests

    assert request.method == "POST"
    assert str(request.url) == (
        "https://bedrock-agentcore.us-east-1.amazonaws.com/harnesses/invoke?harnessArn="
        "arn%3Aaws%3Abedrock-agentcore%3Aus-east-1%3A123456789012%3Aharness%2Fdesk-abcdefghij&qualifier=live"
    )
    assert request.headers["x-amzn-bedrock-agentcore-runtime-session-id"] == SESSION
    assert request.headers["content-type"] == "application/json"
    assert request.headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
    assert request.headers["x-amz-security-token"] == "TOKEN"
    assert json.loads(request.content) == {"messages": [{"role": "user", "content": [{"text": "Hello"}]}]}


async def test_what_is_said_is_heard_while_it_is_said(scope):
    """Not when the stream ends."""
    more = trio.Event()
    whole = saying("Hi")
    harness = Harness(stream(whole[:200], more, whole[200:]))
    session = await turn(harness, scope)
    assert session.of(ev.Working)
    assert not session.of(ev.Waiting)

    more.set()
    await wait_all_tasks_blocked()
    assert session.of(ev.Waiting)


async def test_calls_and_their_results(scope):
    """The results go out with the calls they answer, every one once, and overrides are said again."""
    harness = Harness(stream(calling(("c1", "look", {"n": 7}), ("c2", "see", {}))), stream(saying("Done")))
    session = await turn(harness, scope, overrides=Overrides(model="m", max_iterations=3))
    assert session.heard[-1].asked == ("c1", "c2")
    await session.post(result("c1"), result("c2", "broke", is_error=True))
    await wait_all_tasks_blocked()

    said = harness.bodies[1]
    assert said.pop("messages") == [
        {
            "role": "assistant",
            "content": [
                {"toolUse": {"toolUseId": "c1", "name": "look", "input": {"n": 7}}},
                {"toolUse": {"toolUseId": "c2", "name": "look", "input": {"n": 7}}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"toolResult": {"toolUseId": "c1", "content": [{"text": "done"}], "status": "success"}},
                {"toolResult": {"toolUseId": "c2", "content": [{"text": "broke"}], "status": "error"}},
            ],
        },
    ]
    assert said == {"model": {"bedrockModelConfig": {"modelId": "m"}}, "maxIterations": 3}
    assert {name: value for name, value in harness.bodies[0].items() if name != "messages"} == said
    assert [echo.call_id for echo in session.of(ev.Echoed) if echo.kind == "result"] == ["c1", "c2"]


@pytest.mark.parametrize(("seconds", "budget"), [(None, None), (0.2, 1), (30.0, 30), (30.5, 31)])
async def test_the_service_stops_when_our_time_is_up(scope, autojump_clock, seconds, budget):
    """Whether or not we are there to tell it."""
    harness = Harness(stream(saying("Hi")))
    session = await Session(driver(harness), scope).attach()
    await session.post(HELLO, seconds=seconds)

    assert harness.bodies[0].get("timeoutSeconds") == budget


BROKEN = [
    ((event("messageStart", role="assistant"),), None, "without the message's end"),
    ((), None, "without the message's end"),
    ((saying("x")[:-3],), None, "bytes into a frame"),
    ((saying("x") + b"\x00",), None, "bytes into a frame"),
    ((saying("x")[:50] + b"\xff" + saying("x")[51:],), None, "checksum"),
    ((exception("runtimeClientError", "throttled"),), "runtimeClientError", "throttled"),
    ((exception("validationException"),), "validationException", "said"),
    ((exception("internalServerException"),), "internalServerException", "said"),
    ((saying("x"), exception("somethingNew")), "somethingNew", "said"),
    ((saying("x")[:150], httpx.RemoteProtocolError("peer closed")), None, "the connection broke"),
    ((saying("x")[:150], httpx.ReadTimeout("silence")), None, "nothing came for too long"),
]


@pytest.mark.parametrize(("pieces", "code", "why"), BROKEN)
async def test_an_answer_that_breaks_off_ends_the_turn_and_is_not_asked_again(scope, pieces, code, why):
    """What came until then was heard; the session lives on."""
    harness = Harness(stream(*pieces), stream(saying("Next")))
    session = await turn(harness, scope)
    (waiting,) = session.of(ev.Waiting)

    assert waiting.failure.kind == "stream"
    assert waiting.failure.code == code
    assert why in waiting.failure.message
    assert waiting.terminal == "terminated"
    assert len(harness.requests) == 1

    await session.post(HELLO)
    await wait_all_tasks_blocked()
    assert session.heard[-1].terminal == "end_turn"


async def test_what_came_before_a_break_was_heard(scope):
    """Whole events, in order, each once."""
    whole = saying("Hello")
    harness = Harness(stream(whole + exception("runtimeClientError")))
    session = await turn(harness, scope)

    assert [body.text for body in session.of(ev.Said)] == ["Hello"]
    assert len([body for body in session.heard if isinstance(body, ev.Heard) and body.raw]) == 5


@pytest.mark.parametrize(
    ("answer", "status", "code", "fatal"),
    [
        (refusal(400, "ValidationException"), 400, "ValidationException", False),
        (refusal(402, "ServiceQuotaExceededException"), 402, "ServiceQuotaExceededException", False),
        (refusal(403, "AccessDeniedException"), 403, "AccessDeniedException", True),
        (refusal(403, "InvalidSignatureException"), 403, "InvalidSignatureException", True),
        (refusal(404, "ResourceNotFoundException"), 404, "ResourceNotFoundException", True),
        (refusal(413, "RequestEntityTooLarge"), 413, "RequestEntityTooLarge", False),
        (refusal(424, "RuntimeClientError"), 424, "RuntimeClientError", False),
        (refusal(500, "InternalServerException"), 500, "InternalServerException", False),
        (refusal(503, "ServiceUnavailable"), 503, "ServiceUnavailable", False),
        (httpx.Response(302, headers={"location": "http://elsewhere"}), 302, None, False),
        (httpx.Response(502, text="<html>"), 502, None, False),
    ],
)
async def test_a_refusal_before_the_stream_is_told_to_who_asked_and_not_tried_again(scope, answer, status, code, fatal):
    """Also a 500: it may have begun."""
    harness = Harness(answer)
    session = await Session(driver(harness), scope).attach()

    with pytest.raises(Rejected) as caught:
        await session.post(HELLO)

    failure = caught.value.failure
    assert (failure.kind, failure.status, failure.code, caught.value.fatal) == ("provider", status, code, fatal)
    assert len(harness.requests) == 1
    assert session.heard == []


@pytest.mark.parametrize("error", [httpx.ReadError("reset"), httpx.RemoteProtocolError("x"), httpx.WriteError("x")])
async def test_a_connection_that_breaks_before_the_answer_is_not_tried_again(scope, error):
    """It may have begun."""
    harness = Harness(error)
    session = await Session(driver(harness), scope).attach()

    with pytest.raises(Rejected) as caught:
        await session.post(HELLO)

    assert (caught.value.failure.kind, caught.value.fatal) == ("stream", False)
    assert "unknown" in caught.value.failure.message
    assert len(harness.requests) == 1


@pytest.mark.parametrize(
    "answer",
    [
        refusal(429, "ThrottlingException"),
        httpx.ConnectError("refused"),
        httpx.ConnectTimeout("x"),
        httpx.PoolTimeout("x"),
    ],
)
async def test_what_was_not_begun_is_tried_again_and_said_to_be(scope, autojump_clock, answer):
    """Twice, with a wait between; each time with a new signature."""
    harness = Harness(answer, answer, stream(saying("Hi")))
    with structlog.testing.capture_logs() as logs:
        session = await Session(driver(harness), scope).attach()
        await session.post(HELLO)
        await trio.sleep(60)

    assert [body.retry for body in session.of(ev.Troubled)] == ["retrying", "retrying"]
    assert [log["event"] for log in logs] == ["agentcore.invoke_repeated"] * 2
    assert session.heard[-1].terminal == "end_turn"
    assert len({request.headers["authorization"] for request in harness.requests}) >= 1
    assert harness.bodies[0] == harness.bodies[2]


async def test_it_is_tried_again_only_so_often(scope, autojump_clock):
    """Then the request ends, with the service's word; nothing of it was begun."""
    harness = Harness(*(refusal(429, "ThrottlingException") for _ in range(3)))
    session = await Session(driver(harness), scope).attach()
    failure = None
    try:
        await session.post(HELLO)
    except Rejected as exc:
        failure = exc.failure
    await trio.sleep(60)
    failure = failure or session.of(ev.Waiting)[0].failure

    assert (failure.status, failure.code) == (429, "ThrottlingException")
    assert len(harness.requests) == 3


async def test_a_service_that_wants_to_be_left_alone_for_long_is_believed_at_once(scope):
    """Nobody waits an hour without knowing it."""
    harness = Harness(refusal(429, "ThrottlingException", **{"retry-after": "3600"}))
    session = await Session(driver(harness), scope).attach()

    with pytest.raises(Rejected):
        await session.post(HELLO)


async def test_a_service_that_is_silent_does_not_hold_up_an_interrupt(scope, autojump_clock):
    """The asking ends after two seconds; the stop goes out, and the agent rests."""
    harness = Harness(trio.Event())
    session = await Session(driver(harness), scope).attach()
    began = trio.current_time()
    await session.post(HELLO)
    assert trio.current_time() - began == 2.0
    assert session.heard == []

    await session.post(SayStop("stop:r1"))

    assert harness.requests[-1].url.path.endswith("/stopruntimesession")
    assert [type(body).__name__ for body in session.heard] == ["Echoed", "Echoed", "Waiting"]
    assert session.heard[1].kind == "interrupt"
    assert session.heard[-1].stop_reason == "interrupted"
    assert session.heard[-1].failure is None


async def test_a_refusal_that_comes_late_is_told_like_a_break(scope, autojump_clock):
    """Nobody waits for the answer any more; the turn ends with it."""
    late = trio.Event()
    harness = Harness(late, refusal(400, "ValidationException"))
    session = await Session(driver(harness), scope).attach()
    await session.post(HELLO)
    late.set()
    await wait_all_tasks_blocked()

    assert [type(body).__name__ for body in session.heard] == ["Echoed", "Waiting"]
    assert session.heard[-1].failure.code == "ValidationException"
    assert session.ended is None


async def test_a_fatal_refusal_that_comes_late_ends_the_stream(scope, autojump_clock):
    """And with it the session."""
    late = trio.Event()
    harness = Harness(late, refusal(403, "AccessDeniedException"))
    session = await Session(driver(harness), scope).attach()
    await session.post(HELLO)
    late.set()
    await wait_all_tasks_blocked()

    assert isinstance(session.ended, Rejected)
    assert session.ended.fatal


async def test_a_stop_cuts_a_turn_that_speaks(scope):
    """The session over there is stopped, our side of the stream is closed, and the agent rests."""
    harness = Harness(stream(saying("Hi")[:200], trio.Event()), stream(saying("Next")))
    session = await turn(harness, scope)
    await session.post(SayStop("stop:r1"))

    (waiting,) = session.of(ev.Waiting)
    assert (waiting.terminal, waiting.stop_reason) == ("terminated", "interrupted")
    request = harness.requests[-1]
    assert request.url.raw_path.decode() == (
        "/runtimes/arn%3Aaws%3Abedrock-agentcore%3Aus-east-1%3A123456789012%3Aharness%2Fdesk-abcdefghij/stopruntimesession"
    )
    assert request.headers["x-amzn-bedrock-agentcore-runtime-session-id"] == SESSION
    assert len(json.loads(request.content)["clientToken"]) == 36

    await session.post(HELLO)
    await wait_all_tasks_blocked()
    assert session.heard[-1].terminal == "end_turn"


async def test_results_beside_a_stop_go_nowhere(scope):
    """The calls they answer end with the session over there."""
    harness = Harness(stream(calling(("c1", "look", {}))))
    session = await turn(harness, scope)
    await session.post(result("c1"), SayStop("stop:r1"))

    assert len(harness.bodies) == 1
    assert session.heard[-1].stop_reason == "interrupted"


async def test_a_stop_without_a_line_goes_out_all_the_same(scope):
    """A session that ends has no line any more."""
    harness = Harness()
    await driver(harness).post(SESSION, [SayStop("stop:r1")])

    assert len(harness.requests) == 1


@pytest.mark.parametrize("first", [refusal(500, "x"), refusal(429, "x"), httpx.ReadError("x"), httpx.ConnectError("x")])
async def test_a_stop_is_tried_again(autojump_clock, first):
    """Stopping twice comes to the same: with the same token."""
    tokens = []

    def answer(request):
        tokens.append(json.loads(request.content)["clientToken"])
        return first if len(tokens) == 1 else httpx.Response(200)

    harness = Harness(answer, answer)
    await driver(harness).post(SESSION, [SayStop("stop:r1")])

    assert len(set(tokens)) == 1
    assert len(tokens) == 2


async def test_a_session_that_is_gone_is_stopped():
    """404 is as good as 200."""
    harness = Harness(lambda request: refusal(404, "ResourceNotFoundException"))
    await driver(harness).post(SESSION, [SayStop("stop:r1")])


async def test_a_stop_that_is_refused_says_so(scope):
    """And the turn is left all the same."""
    harness = Harness(stream(saying("Hi")[:200], trio.Event()), lambda request: refusal(403, "AccessDeniedException"))
    session = await turn(harness, scope)
    with pytest.raises(Rejected) as caught:
        await session.post(SayStop("stop:r1"))

    assert (caught.value.failure.code, caught.value.fatal) == ("AccessDeniedException", False)
    assert session.of(ev.Waiting)


async def test_a_stop_that_nobody_answers_is_unknown(autojump_clock):
    """After three times."""
    harness = Harness(*[lambda request: httpx.ReadError("x")] * 3)
    with pytest.raises(Unavailable):
        await driver(harness).post(SESSION, [SayStop("stop:r1")])


async def test_without_a_line_nothing_is_sent():
    """The session attaches again, and sends then."""
    harness = Harness()
    with pytest.raises(Unavailable):
        await driver(harness).post(SESSION, [HELLO])

    assert harness.requests == []


async def test_a_line_that_is_dropped_in_the_middle_says_that_it_may_have_begun(scope):
    """So nobody sends it again."""
    harness = Harness(trio.Event())
    session = await Session(driver(harness), scope).attach()
    outcome = []

    async def ask():
        try:
            await session.post(HELLO)
        except (Rejected, Unavailable) as exc:
            outcome.append(exc)

    scope.start_soon(ask)
    await wait_all_tasks_blocked()
    session.scope.cancel()
    await wait_all_tasks_blocked()

    assert isinstance(outcome[0], Rejected)
    assert outcome[0].failure.kind == "stream"


async def test_what_a_harness_does_not_take_is_refused_here(scope):
    """Named; nothing is sent."""
    harness = Harness()
    session = await Session(driver(harness), scope).attach()
    with pytest.raises(Rejected, match="text") as caught:
        await session.post(SayMessage("r1", (Image(data=b"x", media_type="image/png"),)))

    assert not caught.value.fatal
    assert harness.requests == []


async def test_an_answer_that_is_no_event_stream_is_an_error(scope):
    """A proxy's page with a 200."""
    harness = Harness(httpx.Response(200, text="<html>"))
    session = await turn(harness, scope)

    assert "not an event stream" in session.of(ev.Waiting)[0].failure.message


async def test_credentials_that_ended_too_early_are_renewed(scope):
    """Once, if the source has newer ones: the service refused the request unseen."""
    keys = iter([Credentials(access_key_id=f"KEY{n}", secret_access_key="s") for n in (1, 2)])

    class Source:
        async def load(self):
            return next(keys)

    harness = Harness(refusal(403, "ExpiredTokenException"), stream(saying("Hi")))
    session = await turn(harness, scope, credentials=Source())

    assert session.heard[-1].terminal == "end_turn"
    assert [
        "KEY1" in harness.requests[0].headers["authorization"],
        "KEY2" in harness.requests[1].headers["authorization"],
    ] == [
        True,
        True,
    ]


async def test_credentials_that_ended_and_are_all_there_is_are_refused(scope):
    """With the service's word."""
    harness = Harness(refusal(403, "ExpiredTokenException"))
    session = await Session(driver(harness), scope).attach()
    with pytest.raises(Rejected) as caught:
        await session.post(HELLO)

    assert caught.value.failure.code == "ExpiredTokenException"
    assert len(harness.requests) == 1


async def test_no_credentials_end_the_session(scope):
    """Nothing is sent."""

    class Source:
        async def load(self):
            raise OSError

    harness = Harness()
    session = await Session(driver(harness, credentials=Source()), scope).attach()
    with pytest.raises(Rejected) as caught:
        await session.post(HELLO)

    assert (caught.value.failure.code, caught.value.fatal) == ("NoCredentials", True)
    assert harness.requests == []


async def test_a_refused_signature_is_told_without_the_credentials(scope):
    """The service quotes what the signature was to be made of, the token included."""
    said = "The canonical string should have been x-amz-security-token:TOKEN of AKIDEXAMPLE"
    harness = Harness(refusal(403, "InvalidSignatureException", said))
    session = await Session(driver(harness), scope).attach()
    with pytest.raises(Rejected) as caught:
        await session.post(HELLO)

    assert "canonical string" in str(caught.value)
    assert "TOKEN" not in str(caught.value)
    assert "AKIDEXAMPLE" not in str(caught.value)


async def test_the_clients_own_ways_do_not_get_into_a_signed_request(scope):
    """Base address, parameters, headers, cookies, authentication of the client that was given."""
    harness = Harness(stream(saying("Hi")))
    http = httpx.AsyncClient(
        transport=harness,
        base_url="http://elsewhere/x",
        params={"a": "b"},
        headers={"x-amz-meta": "unsigned"},
        cookies={"c": "d"},
        auth=("user", "secret"),
        follow_redirects=True,
    )
    await turn(harness, scope, http=http)
    (request,) = harness.requests

    assert request.url.host == "bedrock-agentcore.us-east-1.amazonaws.com"
    assert dict(request.url.params) == {"harnessArn": ARN}
    assert "x-amz-meta" not in request.headers
    assert "cookie" not in request.headers
    assert request.headers["authorization"].startswith("AWS4-")


async def test_two_sessions_do_not_wait_for_each_other(scope):
    """Each has its own line."""
    harness = Harness(stream(saying("Hi")[:200], trio.Event()), stream(saying("Other")))
    shared = driver(harness)
    one = await Session(shared, scope).attach()
    two = await Session(shared, scope, "x" + SESSION).attach()
    await one.post(HELLO)
    await two.post(HELLO)
    await wait_all_tasks_blocked()

    assert not one.of(ev.Waiting)
    assert two.of(ev.Waiting)


async def test_its_own_client_is_closed_and_a_given_one_is_not():
    """Who opens closes."""
    harness = Harness()
    given = harness.client()
    await BedrockAgentCore(harness=ARN, credentials=KEYS, http=given).connect().aclose()
    own = BedrockAgentCore(harness=ARN, credentials=KEYS).connect()
    await own.aclose()

    assert not given.is_closed
    assert own._http.is_closed
    assert "AKID" not in repr(own)


async def test_a_turn_that_waits_behind_another_is_stopped_with_it(scope, autojump_clock):
    """It was asked for by a request that is over by then."""
    harness = Harness(stream(saying("Hi")[:200], trio.Event()), stream(saying("Next")))
    session = await turn(harness, scope)
    scope.start_soon(session.post, SayMessage("r2", (Text("behind"),)))
    await trio.sleep(1)
    await session.post(SayStop("stop:r2"))
    await trio.sleep(5)

    assert [body["messages"][0]["content"][0]["text"] for body in harness.bodies] == ["Hello"]
    assert len(session.of(ev.Waiting)) == 2


async def test_a_turn_that_waits_when_the_line_is_dropped_was_not_sent(scope):
    """So it may be sent again."""
    harness = Harness(stream(saying("Hi")[:200], trio.Event()))
    session = await turn(harness, scope)
    outcome = []

    async def ask():
        try:
            await session.post(SayMessage("r2", (Text("behind"),)))
        except (Rejected, Unavailable) as exc:
            outcome.append(exc)

    scope.start_soon(ask)
    await wait_all_tasks_blocked()
    session.scope.cancel()
    await wait_all_tasks_blocked()

    assert isinstance(outcome[0], Unavailable)
    assert len(harness.requests) == 1


async def test_a_picture_in_a_result_is_left_out_and_the_model_is_told(scope):
    """It is no reason to end the request."""
    harness = Harness(stream(calling(("c1", "look", {}))), stream(saying("Done")))
    session = await turn(harness, scope)
    picture = Image(data=b"x", media_type="image/png")
    found = SearchResult(source="/hours", title="Opening hours", text="Nine to five.")
    await session.post(GiveResult(ToolResult.of("c1", [Text("see"), picture, found]), ToolUse("c1", "look", {})))

    said = harness.bodies[1]["messages"][1]["content"][0]["toolResult"]["content"]
    assert said == [
        {"text": "see"},
        {"text": "[image: this provider takes text only]"},
        {"text": "Opening hours (/hours):\nNine to five."},
    ]
