"""What sessions make of whatever bytes a service answers with: nothing hangs, nothing is lost, nothing is done twice."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager

import pytest
import structlog.testing
import trio
import trio.testing

import agentsup
from agentsup.providers.managed import driver

from .peer import KEY, Request, answer, chunk, does, drips, later, peer, refusal, says


@agentsup.tool(effect="pure")
async def add(n: int) -> str:
    """One more."""
    return f"result {n}"


@asynccontextmanager
async def session(service, *, reconnect=None, timeout=600.0, tools=(add,)):
    """A session at the service, in a runtime of its own; none of this may take longer than a day."""
    spec = agentsup.SessionSpec(
        provider=service.provider,
        tools=tools,
        limits=agentsup.Limits(timeout=timeout),
        reconnect=reconnect or agentsup.Reconnect(),
    )
    with trio.fail_after(86_400):
        async with agentsup.open_runtime() as runtime:
            yield await runtime.start_session("s", spec)


PROMPTS = {"create": "hi", "stream": "hi", "list": "hi", "message": "hi", "result": "tool 2"}
WANTED = {"hi": "re: hi", "tool 2": "done"}
TOLD = {
    "hi": ["message hi", "message again"],
    "tool 2": ["message tool 2", "custom_tool_result result 0", "custom_tool_result result 1", "message again"],
}


async def gets_through(kind, fault):
    """A session whose request of this kind meets this gets through all the same, and what it says is taken once; the time it took."""
    prompt = PROMPTS[kind]
    async with peer() as service:
        service.faults[kind] = [fault]
        began = trio.current_time()
        async with session(service) as ref:
            assert (await ref.submit(prompt)).text == WANTED[prompt]
            took = trio.current_time() - began
            await trio.sleep(5)  # whatever comes late has come
            assert (await ref.submit("again")).text == "re: again"
        assert service.told() == TOLD[prompt]
        assert len(service.sessions) == 1
    assert service.connections == 0
    return took


# --- statuses --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", PROMPTS)
@pytest.mark.parametrize("status", [429, 529])
async def test_a_status_that_passes_is_waited_out(kind, status, autojump_clock):
    """Wherever it comes."""
    assert await gets_through(kind, says(refusal(status))) < 5


@pytest.mark.parametrize("status", [302, 400, 401, 422])
@pytest.mark.parametrize("kind", ["create", "stream", "list"])
async def test_a_refusal_of_the_session_itself_ends_its_start(kind, status, autojump_clock):
    """With the status as data, and nothing left."""
    async with peer() as service:
        service.faults[kind] = [says(refusal(status))]
        with pytest.raises(agentsup.ProviderFailed) as caught:
            async with session(service):
                pass
    assert caught.value.status == status
    assert service.connections == 0


@pytest.mark.parametrize("status", [400, 413, 422])
async def test_a_refusal_of_what_was_sent_ends_the_request_alone(status, autojump_clock):
    """The session takes the next one."""
    async with peer() as service:
        service.faults["message"] = [says(refusal(status))]
        async with session(service) as ref:
            with pytest.raises(agentsup.ProviderFailed) as caught:
                await ref.submit("hi")
            assert (caught.value.status, caught.value.code) == (status, "some_error")
            assert (await ref.submit("again")).text == "re: again"
        assert service.told() == ["message again"]


# --- answers that are none -------------------------------------------------------------------------------------------------------

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
ANSWERS = {
    "another JSON object": says(answer(200, {"status": "ok"})),
    "an error with a success's status": says(answer(201, {"error": {"type": "x", "message": "y"}})),
    "a page of HTML": says(answer(200, b"<html>sign in</html>", kind="text/html")),
    "nothing at all": says(answer(204)),
    "bottomless JSON": says(answer(200, b'{"data":' + b"[" * 100_000)),
    "ten megabytes": says(answer(500, b"x" * 10_000_000, kind="text/plain")),
    "no HTTP": says(b"\x00\x01\x02\r\n\r\n", then="end"),
    "half an answer": says(HEAD + b'content-length: 50\r\n\r\n{"id":', then="end"),
    "a chunk without a size": says(HEAD + b"transfer-encoding: chunked\r\n\r\nzz\r\n", then="end"),
    "silence": drips(b"", b""),
    "a body that drips": drips(HEAD + b"content-length: 1000000\r\n\r\n", b" "),
    "headers that drip": drips(HEAD, b"x: y\r\n"),
    "patience without end": drips(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
}


@pytest.mark.parametrize("kind", PROMPTS)
@pytest.mark.parametrize("name", ANSWERS)
async def test_an_answer_that_is_none(kind, name, autojump_clock):
    """Is no yes and no no, and is not waited for without end: a drop every ten seconds is no silence, and no answer either."""
    assert await gets_through(kind, ANSWERS[name]) < (605 if kind == "list" else 125)


@pytest.mark.parametrize("kind", ["create", "message", "result"])
@pytest.mark.parametrize(
    "fault",
    [
        does(then="reset"),
        does(then="end"),
        does(HEAD + b"content-length: 50\r\n\r\n{", then="reset"),
        does(refusal(500)),
        does(refusal(529)),
        does(answer(200, {"status": "ok"})),
        does(answer(204)),
        does(answer(409)),
    ],
    ids=["reset", "end", "half an answer", "500", "529", "another object", "nothing", "409"],
)
async def test_what_was_done_without_a_yes_is_not_done_again(kind, fault, autojump_clock):
    """The history, or the list of sessions, knows."""
    await gets_through(kind, fault)


@pytest.mark.parametrize("kind", ["create", "message", "result"])
async def test_what_arrives_after_the_break_is_not_done_twice(kind, autojump_clock):
    """A service may take in what it has while the connection breaks: it is given a moment before anybody looks."""
    await gets_through(kind, later(0.9))


async def test_what_was_on_its_way_when_the_task_crashed_is_not_sent_twice(autojump_clock):
    """A restart takes no time, and a request may take a moment to arrive."""
    async with peer() as service, session(service) as ref:
        service.faults["message"] = [later(0.5, breaks=False)]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ref.submit, "hi")
            await trio.testing.wait_all_tasks_blocked()
            await agentsup.testing.crash(ref)
        await trio.sleep(5)
        assert (await ref.info()).restarts == 1
        assert service.told() == ["message hi"]


# --- confirmations and interrupts ------------------------------------------------------------------------------------------------

BROKEN = {
    "reset after": does(then="reset"),
    "reset before": says(b"", then="reset"),
    "503": says(refusal(503)),
    "503 after": does(refusal(503)),
    "another object": says(answer(200, {})),
    "a body that drips": ANSWERS["a body that drips"],
    "400": says(refusal(400)),
}


@pytest.mark.parametrize("name", BROKEN)
async def test_a_word_about_a_call_arrives_once(name, autojump_clock):
    """Whatever becomes of the POST that carries it."""
    async with peer() as service, session(service) as ref:
        service.faults["confirm"] = [BROKEN[name]]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ref.submit, "ask")
            await trio.testing.wait_all_tasks_blocked()
            (call,) = (await ref.info()).pending_approvals
            await ref.confirm(call.call_id, allow=True)
        assert service.told() == ["message ask", "tool_confirmation"]


@pytest.mark.parametrize("name", sorted(BROKEN.keys() - {"400"}))
@pytest.mark.parametrize("nameless", [False, True])
async def test_every_interrupt_arrives_once(name, nameless, autojump_clock):
    """Also where the service gives interrupts an empty id: an old one in the history is not taken for the echo of a new one."""
    async with peer() as service:
        service.nameless_interrupts = nameless
        async with session(service) as ref:
            for number in (1, 2):
                if number == 2:
                    service.faults["interrupt"] = [BROKEN[name]]
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(_interrupted, ref, f"hang {number}")
                    await trio.testing.wait_all_tasks_blocked()
                    await ref.interrupt()
                await trio.sleep(130)
            assert (await ref.submit("again")).text == "re: again"
        assert service.told() == ["message hang 1", "interrupt", "message hang 2", "interrupt", "message again"]


async def _interrupted(ref, prompt):
    with pytest.raises(agentsup.Interrupted):
        await ref.submit(prompt)


# --- waiting ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["create", "message"])
@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("retry-after: 3", 3),
        ("retry-after-ms: 2500", 2.5),
        ("retry-after: 300", 300),
        ("retry-after: Wed, 21 Oct 2026 07:05:00 GMT", 300),
        ("retry-after: 1e300", 3600),
        ("retry-after: Wed, 21 Oct 2926 07:05:00 GMT", 3600),
        ("retry-after: Wed, 21 Oct 99999999999999999999 07:05:00 GMT", 0),
        ("retry-after: soon", 0),
    ],
)
async def test_the_service_is_left_alone_for_as_long_as_it_says(kind, header, seconds, autojump_clock):
    """Neither shorter, because nothing else happened meanwhile, nor for years."""
    fault = says(refusal(429, header, "date: Wed, 21 Oct 2026 07:00:00 GMT"))
    async with peer() as service:
        service.faults[kind] = [fault]
        began = trio.current_time()
        async with session(service, timeout=None) as ref:
            assert (await ref.submit("hi")).text == "re: hi"
    assert seconds <= trio.current_time() - began < seconds + 5


# --- the history -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", [17, {}, {"id": "odd", "type": None}])
async def test_a_row_that_makes_no_sense_is_not_the_end_of_a_session(row, autojump_clock):
    """It stays in the history; each reading shows it again, and it is seen once."""
    async with peer() as service:
        service.history.append(row)
        async with session(service) as ref:
            for text in ("hi", "again"):
                assert (await ref.submit(text)).text == f"re: {text}"
                service.cut()
                await trio.sleep(5)
            seen = [event.type async for event in _so_far(ref)]
    assert seen.count("noted") == 1
    assert seen.count("connection_lost") == 2


async def _so_far(ref):
    async with ref.subscribe(after=0) as events:
        with trio.move_on_after(1):
            async for event in events:
                yield event


async def test_events_without_ids_are_seen_once(autojump_clock):
    """Ten readings of the history tell them no more often than one, and are no progress: the pauses grow."""
    async with peer() as service:
        service.history.append(service.event("user.interrupt") | {"id": ""})
        async with session(service) as ref:
            for _ in range(8):
                service.cut()
                await trio.sleep(0.6)
            assert (await ref.info()).reconnects < 8
            seen = [event.type async for event in _so_far(ref)]
    assert seen.count("echoed") == 1


async def test_a_service_that_fails_at_a_part_of_the_history_is_asked_for_all_of_it(autojump_clock):
    """It is not insisted on for ever: after a few losses in a row nothing is left out."""
    async with peer() as service:
        service.fails_at_filters = True
        async with session(service) as ref:
            assert (await ref.submit("hi")).text == "re: hi"
            service.cut()
            assert (await ref.submit("again")).text == "re: again"
            assert (await ref.info()).reconnects == 3
        assert service.told() == ["message hi", "message again"]


# --- what is not the service's fault ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", PROMPTS)
async def test_a_client_that_fails_in_its_own_way(kind, autojump_clock):
    """Whoever passes an HTTP client passes its hooks: what they raise is a request that failed, not the session's death."""
    raised = []

    async def hook(request):
        body = json.loads(request.content) if request.content else None
        if not raised and Request(request.method, request.url.path, body).kind == kind:
            raised.append(kind)
            raise RuntimeError("no token from the token service")

    async with peer(event_hooks={"request": [hook]}) as service:
        with structlog.testing.capture_logs() as logs:
            async with session(service) as ref:
                assert (await ref.submit(PROMPTS[kind])).text == WANTED[PROMPTS[kind]]
                assert (await ref.info()).restarts == 0
    assert [line["event"] for line in logs if line["event"] != "session.connection_lost"] == ["request.failed"]
    assert logs[0]["error"] == "RuntimeError"
    assert "exc_info" not in logs[0]  # a console would show the locals of its frames, and in them the key
    assert KEY not in repr(logs)
    assert "token service" not in repr(logs)


async def test_a_drivers_bug_is_reported_without_what_it_was_about(monkeypatch, autojump_clock):
    """Its type and its frames; the text, and the locals that a console would show, may hold anything."""
    plainly, met = driver.follow, []

    async def follow(response, hear):
        if not met:
            met.append(response)
            raise ValueError(KEY)
        await plainly(response, hear)

    monkeypatch.setattr(driver, "follow", follow)
    with structlog.testing.capture_logs() as logs:
        assert await gets_through("message", says(refusal(503))) < 5
    assert [line["event"] for line in logs if line["event"] != "session.connection_lost"] == ["stream.failed"]
    assert logs[0]["error"] == "ValueError"
    assert "in follow" in logs[0]["frames"][-1]
    assert "exc_info" not in logs[0]
    assert KEY not in repr(logs)


async def test_whatever_is_said_on_a_stream_in_the_wrong_place(autojump_clock):
    """An event stream where a page should be, a page where an event stream should be: neither is listened to for ever."""

    async def a_stream_for_a_page(service, line, request):
        line.say(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        while not line.incoming.ended:
            line.say(chunk(b": ping\n\n"))
            await trio.sleep(15)

    async def a_page_for_a_stream(service, line, request):
        line.say(answer(200, {"data": [], "next_page": None}))

    assert await gets_through("list", a_stream_for_a_page) < 605
    assert await gets_through("stream", a_page_for_a_stream) < 5
