"""Events through our client: sent, listed, followed, of sessions and of threads."""

from __future__ import annotations

import gc

import httpx
import pytest
import trio

from agentsup import claude
from agentsup.claude import catalogue as ev
from agentsup.claude import inputs
from agentsup.errors import SpecError

from .kit import client_answered
from .test_things import _session


async def _until_idle(events):
    """The events up to the first idle."""
    heard = []
    async for event in events:
        heard.append(event)
        if isinstance(event, ev.SessionStatusIdle):
            return heard
    return heard


async def test_a_turn(client, autojump_clock):
    """Open the stream, send, follow to the idle; the history has the same events."""
    session = await _session(client)
    async with client.events.stream(session.id) as events:
        (echo,) = await client.events.send(session.id, inputs.user_message("hello"))
        heard = await _until_idle(events)
    listed = await client.events.list(session.id).all()
    said = [event.text for event in listed if isinstance(event, ev.AgentMessage)]

    assert isinstance(echo, ev.UserMessage)
    assert (echo.text, echo.id) == ("hello", listed[0].id)
    assert [event.id for event in heard] == [event.id for event in listed]
    assert (said, heard[-1].reason) == (["hello"], "end_turn")


async def test_a_tool_and_its_result(client, autojump_clock):
    """A call is told with its input, the idle names it, and its result goes in by its id."""
    session = await _session(client)
    async with client.events.stream(session.id) as events:
        await client.events.send(session.id, inputs.user_message('@tool add {"a": 1}\n@say got {results}'))
        heard = await _until_idle(events)
        (call,) = [event for event in heard if isinstance(event, ev.AgentCustomToolUse)]
        await client.events.send(session.id, inputs.custom_tool_result(call.id, "2"))
        after = await _until_idle(events)

    assert (call.name, call.input, heard[-1].event_ids) == ("add", {"a": 1}, (call.id,))
    assert [event.text for event in after if isinstance(event, ev.AgentMessage)] == ["got 2"]


async def test_every_builder(client, autojump_clock):
    """What each builder makes is taken by the service, and comes back as the event of its class."""
    session = await _session(client)
    await client.events.send(session.id, inputs.user_message('@ask rm {"x": 1}\n@ask rm {"x": 2}\n@say {results}'))
    await _at_rest(client, session)
    first = [event.id async for event in client.events.list(session.id, types=["agent.tool_use"])][-1]
    await client.events.send(session.id, inputs.tool_confirmation(first, "allow"))
    await _at_rest(client, session)
    second = [event.id async for event in client.events.list(session.id, types=["agent.tool_use"])][-1]
    echoes = await client.events.send(session.id, inputs.tool_confirmation(second, "deny", deny_message="not that"))
    await _at_rest(client, session)
    echoes += await client.events.send(session.id, inputs.define_outcome("Be right.", "It is right.", max_iterations=2))
    await _at_rest(client, session)
    echoes += await client.events.send(session.id, inputs.user_message("hi"), inputs.system_message("Be brief."))
    echoes += await client.events.send(session.id, inputs.interrupt())
    await _at_rest(client, session)

    kinds = [ev.UserToolConfirmation, ev.UserDefineOutcome, ev.UserMessage, ev.SystemMessage, ev.UserInterrupt]
    assert [type(echo) for echo in echoes] == kinds
    assert (echoes[0].result, echoes[0].deny_message) == ("deny", "not that")
    assert (echoes[1].description, echoes[1].rubric, echoes[1].max_iterations) == (
        "Be right.",
        {"type": "text", "content": "It is right."},
        2,
    )


async def _at_rest(client, session):
    pause_s = 0.001
    while (await client.sessions.get(session.id)).status == "running":
        await trio.sleep(pause_s)
        pause_s *= 1.5


def test_what_builders_make():
    """Plain data as the service wants it; what is not said is left out, an empty text is no block."""
    assert inputs.user_message("a") == {"type": "user.message", "content": [{"type": "text", "text": "a"}]}
    assert inputs.user_message([{"type": "image", "source": {}}])["content"] == [{"type": "image", "source": {}}]
    assert inputs.custom_tool_result("t") == {
        "type": "user.custom_tool_result",
        "custom_tool_use_id": "t",
        "content": [],
    }
    assert inputs.custom_tool_result("t", "", is_error=True)["is_error"] is True
    assert inputs.tool_result("t", "x", is_error=True) == {
        "type": "user.tool_result",
        "tool_use_id": "t",
        "content": [{"type": "text", "text": "x"}],
        "is_error": True,
    }
    assert inputs.tool_confirmation("t", "allow") == {
        "type": "user.tool_confirmation",
        "tool_use_id": "t",
        "result": "allow",
    }
    assert inputs.interrupt("sthr_1") == {"type": "user.interrupt", "session_thread_id": "sthr_1"}
    assert inputs.define_outcome("d", {"type": "file", "file_id": "f"}) == {
        "type": "user.define_outcome",
        "description": "d",
        "rubric": {"type": "file", "file_id": "f"},
    }
    assert inputs.system_message("half \ud800") == {
        "type": "system.message",
        "content": [{"type": "text", "text": "half ?"}],
    }


async def test_deltas_are_told_to_who_asks(client, autojump_clock):
    """Pieces under the id of the message to be, then the message."""
    session = await _session(client)
    async with client.events.stream(session.id, deltas=["agent.message"]) as events:
        await client.events.send(session.id, inputs.user_message("@deltas 3 2"))
        heard = await _until_idle(events)
    deltas = [event for event in heard if isinstance(event, ev.EventDelta)]
    (message,) = [event for event in heard if isinstance(event, ev.AgentMessage)]

    assert "".join(delta.text for delta in deltas) == message.text == "aabbcc"
    assert {delta.event_id for delta in deltas} == {message.id}


async def test_threads(client, autojump_clock):
    """A child's events are on its own list and stream."""
    session = await _session(client)
    await client.events.send(
        session.id, inputs.user_message("@thread helper\n@say below\n@thread other\n@sleep 5\n@say late")
    )
    await _at_rest(client, session)
    own, helper, other = await client.threads.list(session.id).all()
    found = await client.threads.get(session.id, helper.id)
    trace = await client.threads.events(session.id, helper.id).all()
    archived = await client.threads.archive(session.id, helper.id)
    async with client.threads.stream(session.id, other.id) as events:
        await client.sessions.archive(session.id)
        with trio.move_on_after(1):
            await anext(events)

    assert (own.parent_thread_id, helper.parent_thread_id, found.status) == (None, own.id, "idle")
    assert "below" in [event.text for event in trace if isinstance(event, ev.AgentMessage)]
    assert archived.archived_at is not None


async def test_a_list_of_types_and_orders(client, autojump_clock):
    """Filters and order reach the service."""
    session = await _session(client)
    await client.events.send(session.id, inputs.user_message("@say one\n@say two"))
    await _at_rest(client, session)
    newest = await client.events.list(session.id, types=["agent.message"], order="desc", limit=1).all()

    assert [event.text for event in newest] == ["two", "one"]


async def test_nothing_is_not_sent(client):
    """The service refuses an empty send; it is found here."""
    with pytest.raises(SpecError, match="at least one event"):
        await client.events.send("sesn_1")


class _Stream(httpx.AsyncByteStream):
    def __init__(self, *pieces):
        self._pieces = pieces
        self.closed = False

    async def __aiter__(self):
        for piece in self._pieces:
            if isinstance(piece, Exception):
                raise piece
            if piece is None:
                await trio.sleep_forever()
            yield piece

    async def aclose(self):
        self.closed = True


def streaming(*pieces, kind="text/event-stream"):
    body = _Stream(*pieces)
    return body, httpx.Response(200, headers={"content-type": kind}, stream=body)


FRAME = b'event: agent.message\ndata: {"type": "agent.message", "id": "sevt_1", "content": []}\n\n'


@pytest.mark.parametrize(
    ("pieces", "error", "says"),
    [
        ([FRAME, httpx.ReadError("x")], claude.ConnectionFailed, "the connection broke"),
        ([FRAME, httpx.ReadTimeout("x")], claude.ConnectionFailed, "no answer in time"),
        ([FRAME, b"data: {\n\n"], claude.UnreadableAnswer, "is not JSON"),
        ([FRAME, b"data: []\n\n"], claude.UnreadableAnswer, "not an object"),
        (
            [FRAME, b'event: error\ndata: {"type": "error", "error": {"type": "overloaded_error"}}\n\n'],
            claude.ServerError,
            "overloaded_error",
        ),
    ],
)
async def test_a_stream_that_breaks(pieces, error, says):
    """What came before it is told; then the error says what happened."""
    body, response = streaming(*pieces)
    heard = []
    async with client_answered(response) as (client, _):
        with pytest.raises(error, match=f"following a session's events: .*{says}"):
            async with client.events.stream("sesn_1") as events:
                while True:
                    heard.append((await anext(events)).id)

    assert (heard, body.closed) == (["sevt_1"], True)


async def test_a_stream_that_ends():
    """A clean end ends the iteration; hollow frames and comments say nothing."""
    _, response = streaming(b": hi\n\nevent: ping\ndata: {}\n\n", FRAME[:20], FRAME[20:], b"data: cut")
    async with client_answered(response) as (client, seen), client.events.stream("sesn_1") as events:
        heard = [event.id async for event in events]

    assert heard == ["sevt_1"]
    assert seen[0].headers["accept-encoding"] == "identity"


async def test_a_stream_left_in_the_middle(autojump_clock):
    """Leaving it closes the connection, and leaves no iterator to the garbage collector."""
    body, response = streaming(FRAME, None)
    async with client_answered(response) as (client, _), client.events.stream("sesn_1") as events:
        await anext(events)
    gc.collect()

    assert body.closed


async def test_a_cancelled_stream(autojump_clock):
    """The same by a deadline."""
    body, response = streaming(FRAME, None)
    async with client_answered(response) as (client, _):
        with trio.move_on_after(3) as scope:
            async with client.events.stream("sesn_1") as events:
                async for _ in events:
                    pass
    gc.collect()

    assert (scope.cancelled_caught, body.closed) == (True, True)


async def test_what_is_no_stream():
    """An answer of another type is none, and its connection is given back."""
    body, response = streaming(b"<html>", kind="text/html")
    async with client_answered(response, max_retries=0) as (client, _):
        with pytest.raises(claude.UnreadableAnswer, match="no text/event-stream"):
            async with client.events.stream("sesn_1"):
                pass

    assert body.closed


async def test_the_users_own_errors_stay_theirs():
    """What is raised inside the block, be it of the same HTTP client's kind, is not taken for the stream's."""
    _, response = streaming(FRAME, None)
    async with client_answered(response) as (client, _):
        with pytest.raises(httpx.ReadError):
            async with client.events.stream("sesn_1"):
                raise httpx.ReadError("another connection's")


async def test_an_opening_is_repeated(autojump_clock):
    """Nothing was heard yet: it may be asked for again."""
    _, response = streaming(FRAME)
    answers = (httpx.Response(503), httpx.ConnectError("x"), response)
    async with client_answered(*answers) as (client, seen), client.events.stream("sesn_1") as events:
        assert (await anext(events)).id == "sevt_1"

    assert len(seen) == 3
