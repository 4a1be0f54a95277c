"""The bytes: frames beside botocore's decoder, breaks and ends of streams, authentication over HTTP, and the test clock."""

from __future__ import annotations

import json
import tempfile

import httpx
import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from agentsup.sim.agentcore import frames
from agentsup.sim.agentcore.stream import MOST_WAITING_BYTES, Stream

from .memory import SESSION_HEADER, events, memory, texts
from .peer import SECRET, SESSION, decode, result, sign, user

NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=50)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text(st.characters(codec="utf-8"), max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)


@pytest.fixture
async def sim_memory():
    async with memory() as found:
        yield found


# Frames


@given(st.lists(st.tuples(NAMES, st.dictionaries(NAMES, JSON, max_size=4)), max_size=5))
def test_frames_are_what_botocore_reads(told):
    """Any events and exceptions, one behind the other: the peer's decoder, with both checksums, reads the same."""
    data = b"".join(
        frames.event(name, payload) if number % 2 else frames.exception(name, payload)
        for number, (name, payload) in enumerate(told)
    )

    found = decode(data)

    assert [json.loads(body) for _, body in found] == [payload for _, payload in told]
    for number, (headers, _) in enumerate(found):
        kind = "event" if number % 2 else "exception"
        assert headers[":message-type"] == kind
        assert headers[f":{kind}-type"] == told[number][0]
        assert headers[":content-type"] == "application/json"


# Streams


async def test_a_stream_waits_for_its_reader(autojump_clock):
    """Whoever sends more than the bound waits until there is room; whoever has nobody reading does not."""
    stream, sent = Stream(), []

    async def send():
        for number in range(6):
            await stream.send(b"x" * (MOST_WAITING_BYTES // 2))
            sent.append(number)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(send)
        await trio.testing.wait_all_tasks_blocked()
        before = len(sent)
        await stream.read()
        await trio.testing.wait_all_tasks_blocked()
        after = len(sent)
        stream.close()

    assert (before, after, len(sent)) == (3, 4, 6)


async def test_cut_breaks_in_the_middle_of_a_frame(sim_memory, autojump_clock):
    """What was sent before arrives, then half a frame, then the connection breaks; what follows happens all the same."""
    harness = await sim_memory.harness()
    heard = b""

    answer = await sim_memory.client.send(
        sim_memory.invoking(harness, "@say heard\n@cut\n@say lost\n@file a.txt kept"), stream=True
    )
    with pytest.raises(httpx.RemoteProtocolError):
        async for chunk in answer.aiter_raw():
            heard += chunk
    await answer.aclose()

    assert texts(events(heard)) == ["heard"]
    assert len(heard) > sum(len(frames.event("x", {})) for _ in events(heard))
    assert "kept" in json.dumps(await sim_memory.run(harness, "cat a.txt"))


async def test_calls_behind_a_cut_stay_open(sim_memory, autojump_clock):
    """The history has them: new text is refused until the session is stopped."""
    harness = await sim_memory.harness()
    with pytest.raises(httpx.RemoteProtocolError):
        await sim_memory.client.send(sim_memory.invoking(harness, "@cut\n@tool a"))

    refused = await sim_memory.client.send(sim_memory.invoking(harness, "hello?"))
    call_id = refused.json()["message"].partition("[")[2].partition("]")[0]

    assert refused.status_code == 400
    assert texts(await sim_memory.invoke(harness, user(result(call_id, "x")))) == []


async def test_eof_ends_cleanly_without_message_stop(sim_memory, autojump_clock):
    """A body that ends in order, in the middle of a turn."""
    harness = await sim_memory.harness()
    found = await sim_memory.invoke(harness, "@say heard\n@eof\n@say lost")

    assert texts(found) == ["heard"]
    assert "messageStop" not in [name for name, _ in found]


async def test_frames_and_events_verbatim(sim_memory, autojump_clock):
    """@frame sends any payload under any event name, @event an event of the model that no direction makes."""
    harness = await sim_memory.harness()
    hook = {"hookEventId": "0" * 8, "name": "h", "type": "before_tool_call"}
    answer = await sim_memory.client.send(
        sim_memory.invoking(
            harness, "@frame somethingNew not json\n@event " + json.dumps({**hook, "type": "hookEvent"})
        )
    )
    found = decode(answer.content)

    assert (found[0][0][":event-type"], found[0][1]) == ("somethingNew", b"not json")
    assert (found[1][0][":event-type"], json.loads(found[1][1])["name"]) == ("hookEvent", "h")


async def test_a_client_that_leaves_does_not_stop_the_turn(sim_memory, autojump_clock):
    """The session works on without a listener; the next invoke waits for it."""
    harness = await sim_memory.harness()
    answer = await sim_memory.client.send(sim_memory.invoking(harness, "@sleep 5\n@file a.txt done"), stream=True)
    await answer.aclose()
    began = trio.current_time()

    assert texts(await sim_memory.invoke(harness, "next")) == ["next"]
    assert trio.current_time() - began == pytest.approx(5)


async def test_waiting_invokes_go_to_the_new_session(sim_memory, autojump_clock):
    """Who waited when the session was stopped is served by the empty one that has its id now, in order."""
    harness = await sim_memory.harness()
    heard = []

    async def say(text):
        heard.extend(texts(await sim_memory.invoke(harness, text)))

    async def broken():
        with pytest.raises(httpx.RemoteProtocolError):
            await sim_memory.invoke(harness, "@sleep 60")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(broken)
        await trio.testing.wait_all_tasks_blocked(0.001)
        for text in ("one", "two", "three"):
            nursery.start_soon(say, text)
            await trio.testing.wait_all_tasks_blocked(0.001)
        assert (await sim_memory.stop(harness)).status_code == 200

    assert heard == ["one", "two", "three"]


async def test_too_many_wait(sim_memory, autojump_clock):
    """A hundred invokes may wait for a session; the next one is throttled, as the model has it."""
    harness = await sim_memory.harness()
    answers = []

    async def say():
        answers.append((await sim_memory.client.send(sim_memory.invoking(harness, "@sleep 1"))).status_code)

    async with trio.open_nursery() as nursery:
        for _ in range(102):
            nursery.start_soon(say)
            await trio.testing.wait_all_tasks_blocked()

    assert answers.count(429) == 1
    assert answers.count(200) == 101


async def test_reset_sends_those_away_who_wait(sim_memory, autojump_clock):
    """What runs breaks, what waits hears that there is no such harness any more, and no task is left."""
    harness = await sim_memory.harness()
    answers, turns = [], sim_memory.simulator.simulator._nursery

    async def say(text):
        try:
            answers.append((await sim_memory.client.send(sim_memory.invoking(harness, text))).status_code)
        except httpx.RemoteProtocolError:
            answers.append("broken")

    async with trio.open_nursery() as nursery:
        for text in ("@sleep 60", "@say one", "@say two"):
            nursery.start_soon(say, text)
            await trio.testing.wait_all_tasks_blocked(0.001)
        running = len(turns.child_tasks)
        assert (await sim_memory.client.post("/_sim/reset")).status_code == 200

    await trio.testing.wait_all_tasks_blocked()
    assert sorted(answers, key=str) == [404, 404, "broken"]
    assert (running, len(turns.child_tasks)) == (1, 0)


async def test_refused_sessions_were_never_there(sim_memory, autojump_clock):
    """A first invoke that is refused, or given up while it waits, begins nothing."""
    harness = await sim_memory.harness()
    sessions = sim_memory.simulator.simulator._agentcore._sessions

    refused = await sim_memory.client.send(sim_memory.invoking(harness, "@stale"))

    assert refused.status_code == 400
    assert sessions._rows == {}
    assert (await sim_memory.stop(harness)).status_code == 404


async def test_a_waiting_client_that_gives_up(sim_memory, autojump_clock):
    """It leaves nothing behind, and those behind it get their turn."""
    harness = await sim_memory.harness()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(sim_memory.invoke, harness, "@sleep 10")
        await trio.testing.wait_all_tasks_blocked(0.001)
        with trio.move_on_after(1) as gave_up:
            await sim_memory.invoke(harness, "@say never")
        heard = texts(await sim_memory.invoke(harness, "next"))

    assert gave_up.cancelled_caught
    assert heard == ["next"]


async def test_time_runs_out_in_the_middle_of_a_block(sim_memory, autojump_clock):
    """A client that does not read holds the turn back; when its seconds are over the block is closed, and what was sent is whole."""
    harness = await sim_memory.harness()
    slow = await sim_memory.client.send(
        sim_memory.invoking(harness, "@deltas 400 10000", timeoutSeconds=5), stream=True
    )
    before = await sim_memory.client.send(sim_memory.invoking(harness, "@sleep 9", session="b" * 40, timeoutSeconds=3))
    await trio.sleep(10)
    found = events(await slow.aread())
    await slow.aclose()

    assert [name for name, _ in found[-3:]] == ["contentBlockStop", "messageStop", "metadata"]
    assert 100 < len(texts(found)) < 400
    assert [name for name, _ in events(before.content)] == ["messageStart", "messageStop", "metadata"]
    assert "timeout_exceeded" in json.dumps(events(before.content))


async def test_too_many_commands(sim_memory, autojump_clock):
    """Fifty at once in one session; the next one is throttled, and another session's is not."""
    harness = await sim_memory.harness()
    session = sim_memory.simulator.simulator._agentcore._sessions.named(await _row(sim_memory, harness), SESSION)
    for _ in range(50):
        session.begin_command()
    path = f"/runtimes/{harness['arn'].replace(':', '%3A').replace('/', '%2F')}/commands"
    answer = await sim_memory.send("POST", path, {"command": "true"}, headers={SESSION_HEADER: SESSION})
    other = await sim_memory.run(harness, "echo hi", session="b" * 40)
    for _ in range(50):
        session.end_command()

    assert (answer.status_code, answer.headers["x-amzn-errortype"]) == (429, "ThrottlingException")
    assert {"contentDelta": {"stdout": "hi\n"}} in other


async def _row(found, harness):
    return found.simulator.simulator._agentcore._harnesses.get("us-east-1", harness["harnessId"])


# Commands and the test clock


async def test_a_command_that_cannot_begin(sim_memory, monkeypatch, tmp_path, autojump_clock):
    """Where no folder can be made, the platform's own exit code, and a sentence; the simulator goes on."""
    harness = await sim_memory.harness()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    chunks = await sim_memory.run(harness, "true")

    assert chunks[-1] == {"contentStop": {"exitCode": -1, "status": "COMPLETED"}}
    assert "could not be started" in chunks[1]["contentDelta"]["stderr"]


async def test_a_reader_who_takes_his_time(sim_memory, autojump_clock):
    """A command that ended long ago still has its output for who reads it late."""
    harness = await sim_memory.harness()
    path = f"/runtimes/{harness['arn'].replace(':', '%3A').replace('/', '%2F')}/commands"
    request = sim_memory.request("POST", path, {"command": "yes | head -c 3000000"}, headers={SESSION_HEADER: SESSION})
    answer = await sim_memory.client.send(request, stream=True)
    for _ in range(700):
        await trio.lowlevel.checkpoint()  # about 1.4 seconds, as the clock is held for the command
    chunks = [payload for _, payload in events(await answer.aread())]
    await answer.aclose()

    assert sum(len(chunk["contentDelta"]["stdout"]) for chunk in chunks[1:-1]) == 3_000_000
    assert chunks[-1]["contentStop"] == {"exitCode": 0, "status": "COMPLETED"}


async def test_commands_under_the_test_clock(sim_memory, autojump_clock):
    """A process takes its real time; the clock does not jump over it, neither to the command's limit nor to the client's."""
    harness = await sim_memory.harness()
    before = trio.current_time()
    chunks = await sim_memory.run(harness, "sleep 0.3; echo slept", timeout=5)
    timed_out = await sim_memory.run(harness, "sleep 60", timeout=1)

    assert {"contentDelta": {"stdout": "slept\n"}} in chunks
    assert chunks[-1]["contentStop"] == {"exitCode": 0, "status": "COMPLETED"}
    assert timed_out[-1]["contentStop"] == {"exitCode": -1, "status": "TIMED_OUT"}
    assert trio.current_time() - before < 0.1


# Authentication over HTTP


@pytest.mark.parametrize(
    ("keys", "status", "code"),
    [
        ({}, 200, None),
        ({"token": "any"}, 200, None),
        ({"key": "ASIAEXAMPLE", "token": "agentsup-session-token"}, 200, None),
        ({"key": "ASIAEXAMPLE"}, 403, "UnrecognizedClientException"),
        ({"key": "ASIAEXAMPLE", "token": "agentsup-expired-token"}, 403, "ExpiredTokenException"),
        ({"key": "AKIDOTHER"}, 403, "UnrecognizedClientException"),
        ({"secret": SECRET[:-1]}, 403, "InvalidSignatureException"),
    ],
)
async def test_keys(sim_memory, keys, status, code, autojump_clock):
    """The two keys, on every operation's door, with AWS's answer: code in a header, message in the body, an id for the request."""
    answer = await sim_memory.send("GET", "/harnesses", **keys)

    assert (answer.status_code, answer.headers.get("x-amzn-errortype")) == (status, code)
    assert answer.headers["x-amzn-requestid"]
    assert ("message" in answer.json()) == (status != 200)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/harnesses"),
        ("GET", "/harnesses/x-0123456789"),
        ("PATCH", "/harnesses/x-0123456789"),
        ("DELETE", "/harnesses/x-0123456789"),
        ("GET", "/harnesses/x-0123456789/versions"),
        ("POST", "/harnesses/x-0123456789/endpoints"),
        ("GET", "/harnesses/x-0123456789/endpoints/DEFAULT"),
        ("GET", "/tags/arn%3Aaws"),
        ("POST", "/harnesses/invoke"),
        ("POST", "/runtimes/arn%3Aaws/commands"),
        ("POST", "/runtimes/arn%3Aaws/stopruntimesession"),
    ],
)
async def test_nothing_is_open_to_strangers(sim_memory, method, path, autojump_clock):
    """Without a signature: MissingAuthenticationToken, whatever else would be wrong."""
    answer = await sim_memory.client.request(method, path)

    assert (answer.status_code, answer.headers["x-amzn-errortype"]) == (403, "MissingAuthenticationTokenException")


async def test_a_path_changed_on_the_way(sim_memory, autojump_clock):
    """The path is verified as it was on the wire: a decoded slash is another path."""
    harness = await sim_memory.harness()
    request = sim_memory.request("GET", f"/tags/{harness['arn'].replace(':', '%3A').replace('/', '%2F')}")
    moved = sim_memory.client.build_request("GET", str(request.url).replace("%2F", "/"), headers=request.headers)

    assert (await sim_memory.client.send(request)).status_code == 200
    assert (await sim_memory.client.send(moved)).status_code in (403, 404)


async def test_unknown_operations(sim_memory, autojump_clock):
    """A path or method that is no operation of ours is answered as AWS does, wherever it is; a signed one outside too."""
    for method, path in (("PUT", "/harnesses"), ("GET", "/harnesses/a/b/c/d"), ("GET", "/memories")):
        answer = await sim_memory.send(method, path)
        assert answer.status_code in (404, 405)
        assert answer.headers["x-amzn-errortype"] == "UnknownOperationException"


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b"\xff", b'{"a": NaN}', b'{"a": 1e999}', b"[" * 100_000, b'{"a":' * 300 + b"1" + b"}" * 300]
)
async def test_bodies_that_are_no_json_object(sim_memory, body, autojump_clock):
    """A ValidationException whose reason is CannotParse."""
    url = "http://simulator.test/harnesses"
    answer = await sim_memory.client.post(url, content=body, headers=sign("POST", url, body=body))

    assert (answer.status_code, answer.json()["reason"]) == (400, "CannotParse")


@given(JSON)
def test_no_body_is_a_crash(value):
    """Any JSON as body of any operation is taken or refused, never a crash."""

    async def main():
        async with memory() as found:
            harness = await found.harness()
            for method, path in (
                ("POST", "/harnesses"),
                ("PATCH", f"/harnesses/{harness['harnessId']}"),
                ("POST", f"/harnesses/invoke?harnessArn={harness['arn'].replace(':', '%3A').replace('/', '%2F')}"),
            ):
                body = {
                    "harnessName": value,
                    "executionRoleArn": value,
                    "messages": value,
                    "tools": value,
                    "tags": value,
                }
                for given_body in (value, body):
                    answer = await found.send(
                        method, path, given_body, headers={"X-Amzn-Bedrock-AgentCore-Runtime-Session-Id": SESSION}
                    )
                    assert answer.status_code < 500

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


# Faults and the log


async def test_faults_come_before_authentication_and_speak_as_aws(sim_memory, autojump_clock):
    """A rule answers a stranger; without a body of its own, in AWS's words for the status."""
    for status, code in (
        (400, "ValidationException"),
        (402, "ServiceQuotaExceededException"),
        (403, "AccessDeniedException"),
        (404, "ResourceNotFoundException"),
        (409, "ConflictException"),
        (424, "RuntimeClientError"),
        (429, "ThrottlingException"),
        (500, "InternalServerException"),
        (503, "ServiceUnavailableException"),
    ):
        sim_memory.simulator.fault(path="/harnesses*", status=status, headers={"Retry-After": "3"})
        answer = await sim_memory.client.get("/harnesses/invoke")
        assert (answer.status_code, answer.headers["x-amzn-errortype"]) == (status, code)
        assert answer.headers["retry-after"] == "3"
    own = {"status": 409, "headers": {"x-amzn-errortype": "RetryableConflictException"}}
    sim_memory.simulator.fault(path="/runtimes/*", **own)
    answer = await sim_memory.client.get("/runtimes/arn%3Aaws%2Fx/commands")
    assert answer.headers.get_list("x-amzn-errortype") == ["RetryableConflictException"]


async def test_the_log_has_what_was_refused(sim_memory, autojump_clock):
    """Every request, with its decoded path, its query as pairs, its headers with their secrets, and its body."""
    await sim_memory.client.post("/harnesses/invoke?harnessArn=arn%3Ax", json={"messages": []})
    (entry,) = sim_memory.simulator.requests

    assert (entry["method"], entry["path"], entry["query"]) == (
        "POST", "/harnesses/invoke", [["harnessArn", "arn:x"]],
    )  # fmt: skip
    assert entry["body"] == {"messages": []}
    await sim_memory.send("GET", "/harnesses", token="secret")
    assert sim_memory.simulator.requests[-1]["headers"]["x-amz-security-token"] == "secret"


async def test_a_fault_that_does_the_work(sim_memory, autojump_clock):
    """Mode after_reset: the turn was performed, the answer never came; a second try is a second turn."""
    harness = await sim_memory.harness()
    sim_memory.simulator.fault(path="/harnesses/invoke", mode="after_reset")
    with pytest.raises(httpx.ReadError):
        await sim_memory.invoke(harness, "@file a.txt once")

    assert "once" in json.dumps(await sim_memory.run(harness, "cat a.txt"))
