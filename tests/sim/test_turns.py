"""What a message makes the simulated agent do."""

from __future__ import annotations

import json

import pytest
import trio
import trio.lowlevel

from agentsup.sim.claude import feed, tap
from agentsup.sim.exchange import Request

from .kit import (
    HEADERS,
    at_rest,
    history,
    listening,
    message,
    new_session,
    of_type,
    result,
    say,
    send,
    stop_reasons,
    texts,
    types,
)


async def test_plain_turn(client, autojump_clock):
    """A plain message is answered with its own text, in the documented sequence; usage goes right before the idle."""
    session = await new_session(client)

    await say(client, session, "hello {results}")

    events = await history(client, session)
    assert types(events) == [
        "user.message",
        "session.status_running",
        "span.model_request_start",
        "agent.message",
        "span.model_request_end",
        "session.usage",
        "session.status_idle",
    ]
    assert texts(events) == ["hello {results}"]
    assert stop_reasons(events) == ["end_turn"]
    assert all(event["processed_at"] and event["id"].startswith("sevt_") for event in events)


async def test_stream_shows_what_the_history_has(client, autojump_clock):
    """A stream hears everything from the moment it was opened, as named frames of one data line."""
    session = await new_session(client)

    async with listening(client, session) as stream:
        await say(client, session, "@say one\n@say two")
        await stream.until("session.status_idle")

    assert stream.events == await history(client, session)
    assert [name for name, _ in stream.frames] == types(stream.events)


async def test_parallel_tools(client, autojump_clock):
    """Consecutive tools are one batch; a part of the answers repeats the rest, the last one goes on."""
    session = await new_session(client)
    await say(client, session, '@tool a {"n": 1}\r\n@tool b {"n": 2}\n@say got {results}')
    events = await history(client, session)
    first, second = of_type(events, "agent.custom_tool_use")

    await send(client, session, result(second, "B"))
    await send(client, session, result(first, "A", is_error=True))
    await at_rest(client, session)

    events = await history(client, session)
    idles = [event["stop_reason"] for event in of_type(events, "session.status_idle")]
    assert idles == [
        {"type": "requires_action", "event_ids": [first["id"], second["id"]]},
        {"type": "requires_action", "event_ids": [first["id"]]},
        {"type": "end_turn"},
    ]
    assert texts(events) == ["got A, B"]
    assert [first["input"], second["input"]] == [{"n": 1}, {"n": 2}]


async def test_separate_batches(client, autojump_clock):
    """Tools with another direction between them are separate batches, and `{results}` is the last one's."""
    session = await new_session(client)
    await say(client, session, "@tool a {}\n@say {results}\n@tool b {}\n@say {results}")
    for text in ("A", "B"):
        await send(client, session, result(of_type(await history(client, session), "agent.custom_tool_use")[-1], text))
        await at_rest(client, session)

    events = await history(client, session)
    assert texts(events) == ["A", "B"]
    assert stop_reasons(events) == ["requires_action", "requires_action", "end_turn"]


@pytest.mark.parametrize("line", ["@", "@nothing", "@tool", "@tool x", "@tool x [1]", "@tool x {", "@sleep", "@sleep x",
                                  "@sleep -1", "@sleep inf", "@deltas 1", "@deltas 0 1", "@usage 1", "@error x",
                                  "@error x maybe", "@event {}", "@event 1", "@verdict satisfied", "@cut now"])  # fmt: skip
async def test_malformed_directions(client, autojump_clock, line):
    """A line that cannot be performed is said aloud, and the script goes on."""
    session = await new_session(client)

    await say(client, session, f"{line}\n@say after")

    events = await history(client, session)
    assert texts(events) == [f"unknown stage direction: {line}", "after"]
    assert stop_reasons(events) == ["end_turn"]


async def test_only_lf_and_crlf_end_lines(client, autojump_clock):
    """Other line separators belong to the text."""
    session = await new_session(client)

    await say(client, session, "@say a\u2028@say b\x0b@say c\r\n@say d")

    assert texts(await history(client, session)) == ["a\u2028@say b\x0b@say c", "d"]


async def test_text_blocks_are_joined(client, autojump_clock):
    """Several text blocks are one script, joined by line feeds."""
    session = await new_session(client)
    blocks = [{"type": "text", "text": "@say one"}, {"type": "text", "text": "@say two"}]

    await send(client, session, {"type": "user.message", "content": blocks})
    await at_rest(client, session)

    assert texts(await history(client, session)) == ["one", "two"]


async def test_sleep_takes_its_time(client, autojump_clock):
    """`@sleep` passes on the clock, and the session is running meanwhile."""
    session = await new_session(client)
    began = trio.current_time()

    await send(client, session, message("@sleep 3600\n@say awake"))
    running = (await client.get(f"/v1/sessions/{session}")).json()["status"]
    await at_rest(client, session)

    assert running == "running"
    assert trio.current_time() - began >= 3600
    assert (await client.get(f"/v1/sessions/{session}")).json()["usage"]["active_seconds"] == 3600


async def test_deltas(client, autojump_clock):
    """Who listens to deltas gets exactly N pieces and the message; who does not, and the history, get the message."""
    session = await new_session(client)

    async with (
        listening(client, session, **{"event_deltas[]": "agent.message"}) as previews,
        listening(client, session) as plain,
    ):
        await say(client, session, "@deltas 3 2")
        await previews.until("session.status_idle")
        await plain.until("session.status_idle")

    pieces = [event["delta"]["content"]["text"] for event in of_type(previews.events, "event_delta")]
    (final,) = of_type(previews.events, "agent.message")
    (started,) = of_type(previews.events, "event_start")
    assert pieces == ["aa", "bb", "cc"]
    assert final["content"][0]["text"] == "aabbcc"
    assert started == {"type": "event_start", "event": {"type": "agent.message", "id": final["id"]}}
    assert {event["event_id"] for event in of_type(previews.events, "event_delta")} == {final["id"]}
    assert plain.events == await history(client, session)


@pytest.fixture
def small_streams(monkeypatch):
    """Streams that hold little, so that a few thousand deltas are more than one of them can."""
    monkeypatch.setattr(tap, "MOST_WAITING_BYTES", 256 * 1024)
    monkeypatch.setattr(feed, "COMFORTABLE_BYTES", 64 * 1024)
    monkeypatch.setattr(feed, "PAUSE_EVERY_BYTES", 16 * 1024)


async def test_more_deltas_than_a_stream_can_hold(client, small_streams, autojump_clock):
    """However many the pieces are, who reads gets each of them, and others are served in between."""
    session = await new_session(client)

    async with listening(client, session, **{"event_deltas[]": "agent.message"}) as stream:
        await send(client, session, message("@deltas 10000 3"))
        await stream.until_raw(b"event: event_delta\n")
        meanwhile = (await client.get(f"/v1/sessions/{session}")).json()["status"]
        await stream.until_raw(b"event: session.status_idle\n")

    (final,) = of_type(await history(client, session), "agent.message")
    pieces = [json.loads(data)["delta"]["content"]["text"] for name, data in stream.frames if name == "event_delta"]
    assert meanwhile == "running"
    assert len(pieces) == 10_000
    assert "".join(pieces) == final["content"][0]["text"]
    assert len(stream.raw) > 4 * 256 * 1024


async def test_deltas_without_a_reader(client, simulator, small_streams, autojump_clock):
    """Somebody who asked for deltas and reads none holds the turn up for seconds, not for ever, and loses the stream."""
    session = await new_session(client)
    path, query = f"/v1/sessions/{session}/events/stream", (("event_deltas[]", "agent.message"),)
    stream = (await simulator.simulator.handle(Request("GET", path, query, tuple(HEADERS.items())))).body

    await say(client, session, "@deltas 10000 3\n@say after")

    assert texts(await history(client, session))[1] == "after"
    assert not stream.open
    assert trio.current_time() < 120


async def test_an_interrupt_between_deltas(client, small_streams, autojump_clock):
    """A message that is cut short has no end: the model call ends without it."""
    session = await new_session(client)

    async with listening(client, session, **{"event_deltas[]": "agent.message"}) as stream:
        await send(client, session, message("@deltas 10000 1"))
        await stream.until_raw(b"event: event_delta\n")
        await send(client, session, {"type": "user.interrupt"})
        await stream.until_raw(b"event: session.status_idle\n")

    events = await history(client, session)
    assert of_type(events, "agent.message") == []
    assert types(events)[-4:] == ["span.model_request_end", "user.interrupt", "session.usage", "session.status_idle"]
    assert 0 < stream.raw.count(b"event: event_delta\n") < 10_000


async def test_think(client, autojump_clock):
    """`@think` is agent.thinking, which a listener to its previews hears begin."""
    session = await new_session(client)

    async with listening(client, session, **{"event_deltas[]": "agent.thinking"}) as stream:
        await say(client, session, "@think hm\n@deltas 2 1")
        await stream.until("session.status_idle")

    (thinking,) = of_type(stream.events, "agent.thinking")
    assert of_type(stream.events, "event_start") == [
        {"type": "event_start", "event": {"type": "agent.thinking", "id": thinking["id"]}}
    ]
    assert of_type(stream.events, "event_delta") == []


async def test_usage(client, autojump_clock):
    """`@usage` sets one model call's counts, a second one begins the next call; the session sums them."""
    session = await new_session(client)

    await say(client, session, "@usage 10 5\n@say a\n@usage 20 7\n@say b")

    events = await history(client, session)
    counts = [event["model_usage"] for event in of_type(events, "span.model_request_end")]
    assert [(count["input_tokens"], count["output_tokens"]) for count in counts] == [(10, 5), (20, 7)]
    (usage,) = of_type(events, "session.usage")
    assert (usage["usage"]["input_tokens"], usage["usage"]["output_tokens"]) == (30, 12)


async def test_cut(client, autojump_clock):
    """`@cut` breaks every open stream in the middle of a frame; what follows is in the history."""
    session = await new_session(client)

    async with listening(client, session) as one, listening(client, session) as two:
        await say(client, session, "@say heard\n@cut\n@say missed")
        await one.over.wait()
        await two.over.wait()

    for stream in (one, two):
        assert stream.ended == "RemoteProtocolError"
        assert texts(stream.events) == ["heard"]
        assert not stream.raw.endswith(b"\n\n")
    assert texts(await history(client, session)) == ["heard", "missed"]


async def test_eof(client, autojump_clock):
    """`@eof` ends the bodies cleanly in the middle of the turn."""
    session = await new_session(client)

    async with listening(client, session) as stream:
        await say(client, session, "@say heard\n@eof\n@say missed")
        await stream.over.wait()

    assert stream.ended == "clean"
    assert texts(stream.events) == ["heard"]


async def test_breaks_without_a_listener(client, autojump_clock):
    """`@cut` and `@eof` without a listener do nothing."""
    session = await new_session(client)

    await say(client, session, "@cut\n@eof\n@say fine")

    assert texts(await history(client, session)) == ["fine"]


@pytest.mark.parametrize("reason", ["end_turn", "refusal", "max_tokens", "something_new"])
async def test_stop(client, autojump_clock, reason):
    """`@stop` ends the turn with the reason as it is written; the rest of the script is dropped."""
    session = await new_session(client)

    await say(client, session, f"@say a\n@stop {reason}\n@say b")

    events = await history(client, session)
    assert texts(events) == ["a"]
    assert stop_reasons(events) == [reason]
    assert (events[-1]["stop_details"] is None) == (reason != "refusal")


async def test_messages_queue(client, autojump_clock):
    """A message sent during a turn waits, is shown without and later with its time under one id, and is answered in order."""
    session = await new_session(client)

    async with listening(client, session) as stream:
        await send(client, session, message("@sleep 5\n@say one"))
        queued = (await send(client, session, message("two"))).json()["data"][0]
        waiting = await history(client, session)
        await stream.until("session.status_idle", 2)

    assert queued["processed_at"] is None
    assert waiting[-1] == queued
    seen = [event for event in stream.events if event["id"] == queued["id"]]
    assert [event["processed_at"] is None for event in seen] == [True, False]
    events = await history(client, session)
    assert texts(events) == ["one", "two"]
    assert sorted(event["processed_at"] for event in events) == [event["processed_at"] for event in events]
    assert [event["id"] for event in events].count(queued["id"]) == 1


async def test_keepalive(client, autojump_clock):
    """A silent stream carries a comment every 15 seconds."""
    session = await new_session(client)

    async with listening(client, session) as stream:
        await trio.sleep(50)

    assert stream.raw.count(b": keepalive\n\n") == 3
    assert stream.frames == []
