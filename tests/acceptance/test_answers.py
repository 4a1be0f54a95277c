"""What a session makes of the answers to its requests: lies, silence, repetition and refusals, at every endpoint; real sockets."""

from __future__ import annotations

import gzip

import pytest
import trio
import trio.testing

import agentsup

from .hostile import Gone, check_kept, echo, frame, hostile_provider
from .test_wire import hidden, spec_for, text_of

CREATE = ("POST", "/v1/sessions")
POST = ("POST", "/v1/sessions/[^/]+/events")
LIST = ("GET", "/v1/sessions/[^/]+/events")
STREAM = ("GET", "/v1/sessions/[^/]+/events/stream")


def http(body=b"", *, status=200, type="application/json", more=""):
    head = f"HTTP/1.1 {status} X\r\ncontent-type: {type}\r\ncontent-length: {len(body)}\r\n{more}\r\n"
    return head.encode() + body


NONSENSE = {
    "nothing": b"",
    "an empty body": http(),
    "a page for people": http(b"<html>", type="text/html"),
    "a list": http(b"[]"),
    "no content": b"HTTP/1.1 204 No\r\n\r\n",
    "no UTF-8": http(b"\xff\xfe{}"),
    "JSON without a bottom": http(b"[" * 100_000),
    "an error without a bottom": http(b'{"error":' + b"[" * 100_000, status=500),
    "an error that is a list": http(b"[]", status=500),
    "an error with odd fields": http(b'{"error":{"type":[],"message":{}}}', status=429),
    "no HTTP": b"hello there\r\n\r\n",
    "half a body": b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nabc",
    "a header without end": b"HTTP/1.1 200 OK\r\nx: " + b"a" * 200_000 + b"\r\n\r\n",
    "another protocol": b"HTTP/1.1 101 S\r\n\r\n",
    "no known status": http(b"{}", status=999),
}


@pytest.mark.parametrize("done", [True, False], ids=["done", "not done"])
@pytest.mark.parametrize("endpoint", [CREATE, POST, LIST, STREAM], ids=["create", "post", "list", "stream"])
async def test_a_nonsensical_answer_is_no_answer(endpoint, done):
    """Whatever comes back instead of an answer, and whether the work was done or not: one session, one message, one reply, no restart."""
    for nonsense in NONSENSE.values():
        with trio.fail_after(60):
            async with hostile_provider() as server:

                @server.hook(*endpoint)
                async def lie(request, server=server, nonsense=nonsense):
                    if done and request.method == "POST":
                        await server.work(request)
                    await request.stream.send_all(nonsense)
                    raise Gone

                async with agentsup.open_runtime() as runtime:
                    ref = await runtime.start_session("s", spec_for(server))
                    result = await ref.submit("hello")
                    info = await ref.info()
                await server.all_gone()

        assert result.text == "echo hello"
        assert info.reconnects <= 1  # what the stream tells may be quicker
        assert info.restarts == 0
        assert server.only.texts() == ["hello"]


async def test_a_zipped_answer_is_read():
    """Compressed answers are the HTTP client's business."""
    async with hostile_provider() as server, agentsup.open_runtime() as runtime:

        @server.hook(*LIST)
        async def zipped(request):
            await request.stream.send_all(http(gzip.compress(b'{"data":[]}'), more="content-encoding: gzip\r\n"))
            return True

        ref = await runtime.start_session("s", spec_for(server))

        assert (await ref.info()).reconnects == 0


async def test_a_redirect_is_not_followed():
    """A redirect would carry key and content somewhere else: the start fails, with the status."""
    async with hostile_provider() as server, agentsup.open_runtime() as runtime:

        @server.hook(*CREATE)
        async def elsewhere(request):
            await request.stream.send_all(http(status=307, more=f"location: http://127.0.0.1:{server.port}/v2\r\n"))
            return True

        with pytest.raises(agentsup.ProviderFailed) as caught:
            await runtime.start_session("s", spec_for(server))

        assert caught.value.status == 307
        assert len(server.requests) == 1


async def test_an_answer_that_is_slower_than_the_stream():
    """Everything a message causes may be heard before its POST is answered."""
    async with hostile_provider() as server, agentsup.open_runtime() as runtime:
        ref = await runtime.start_session("s", spec_for(server))

        @server.hook(*POST)
        async def late(request):
            answer = await server.work(request)
            while not any(event["type"] == "session.status_idle" for event in server.only.history):
                await trio.testing.wait_all_tasks_blocked()
            await server.answer(request, *answer)
            return True

        results = [await ref.submit("one"), await ref.submit("two")]

        assert [result.text for result in results] == ["echo one", "echo two"]
        assert server.only.texts() == ["one", "two"]
        await check_kept(ref, 2)


async def test_a_message_that_comes_back_trimmed_is_known_again():
    """The answer to its POST is lost, and the history has it with other spaces: it is there, and is not sent again."""
    async with hostile_provider() as server, agentsup.open_runtime() as runtime:
        ref = await runtime.start_session("s", spec_for(server))

        @server.hook(*POST)
        async def trim(request):
            [block] = request.body["events"][0]["content"]
            block["text"] = block["text"].strip().replace("\r\n", "\n")
            await server.work(request)
            raise Gone

        result = await ref.submit(" two\r\nlines \n")

        assert result.text == "echo two\nlines"
        assert server.only.texts() == ["two\nlines"]


async def test_a_history_that_fails_in_the_middle_is_read_again():
    """Nothing of half a history counts twice, and nothing is sent on its strength."""

    async def agent(c, text):
        await c.running()
        for number in range(2500):
            await hidden(c, "agent.message", **text_of(str(number)))
        await c.eof()
        await c.idle()

    async with hostile_provider(agent) as server, agentsup.open_runtime() as runtime:
        ref = await runtime.start_session("s", spec_for(server))
        pages = iter(["fine", "500", "fine", "cut"])

        @server.hook(*LIST, times=4)
        async def now_and_then(request):
            page = next(pages)
            if page == "cut":
                raise Gone
            if page == "500":
                await server.answer(request, 500, {})
            return page == "500"

        result = await ref.submit("go")

        assert result.text == "\n".join(str(number) for number in range(2500))
        assert (await ref.info()).reconnects == 3
        assert server.only.texts() == ["go"]


@pytest.mark.parametrize("cursors", [["1"], ["1", "2"]], ids=["itself", "a circle"])
async def test_pages_that_go_in_circles_are_left(cursors):
    """A history without end is no history; a start that finds no other gives up and says so."""
    async with hostile_provider() as server, agentsup.open_runtime() as runtime:

        @server.hook(*LIST, times=1000)
        async def round_and_round(request):
            cursor = cursors[len(server.requests) % len(cursors)]
            await server.answer(request, 200, {"data": [], "next_page": cursor})
            return True

        with pytest.raises(agentsup.ProviderFailed, match="a page names itself"):
            await runtime.start_session("s", spec_for(server))

        assert len(server.requests) < 50


async def test_a_session_deleted_under_way_ends():
    """The provider's word for it is a terminal; without one, the 404 is."""

    async def announced(c, text):
        await c.running()
        await c.say("a")
        c.deleted = True
        await c.emit("session.deleted")
        await c.eof()

    async def silent(c, text):
        await c.running()
        await c.say("a")
        c.deleted = True
        await c.hang_up()

    async with hostile_provider(announced) as server, agentsup.open_runtime() as runtime:
        ref = await runtime.start_session("s", spec_for(server))
        assert (await ref.submit("go")).terminal == "terminated"
        await check_kept(ref, 1)
    async with hostile_provider(silent) as server, agentsup.open_runtime() as runtime:
        ref = await runtime.start_session("s", spec_for(server))
        with pytest.raises(agentsup.ProviderFailed) as caught:
            await ref.submit("go")
        assert (caught.value.status, caught.value.result.text) == (404, "a")
        await check_kept(ref, 1)
        assert runtime.sessions() == ()


async def test_ids_no_encoding_can_carry_go_back_as_they_came():
    """JSON can say half a surrogate pair, UTF-8 cannot: a call with such an id is answered all the same."""

    async def agent(c, text):
        use = {"id": "sevt_\ud800", "type": "agent.custom_tool_use", "name": "double", "input": {"n": 4}}
        c.history.append(use)
        await c.running()
        await c.raw(frame(use))
        await c.idle("requires_action", event_ids=[use["id"]])
        [answer] = await c.results([use["id"]])
        await c.say(answer)
        await c.idle()

    async with hostile_provider(agent) as server, agentsup.open_runtime() as runtime:
        ref = await runtime.start_session("s", spec_for(server))

        result = await ref.submit("go")

        assert result.text == "8"
        assert server.only.result_ids() == ["sevt_\ud800"]


async def test_a_silent_stream_is_left_and_a_breathing_one_is_not():
    """Any byte is life; a stream without one for the heartbeat's time is opened again."""

    async def breathes(c, text):
        await c.running()
        for _ in range(6):
            await trio.sleep(0.1)
            await c.raw(b":\n")
        await c.say("a")
        await c.idle()

    async def falls_silent(c, text):
        await c.running()
        c.listeners.clear()  # the connections stand, and nothing comes
        await c.say("a")
        await c.idle()

    reconnect = agentsup.Reconnect(initial=0.01, heartbeat=0.3, grace=0.01)
    for agent, reconnects in ((breathes, 0), (falls_silent, 1)):
        async with hostile_provider(agent) as server, agentsup.open_runtime() as runtime:
            spec = agentsup.SessionSpec(provider=server.provider, reconnect=reconnect)
            ref = await runtime.start_session("s", spec)

            assert (await ref.submit("go")).text == "a"
            assert (await ref.info()).reconnects == reconnects


async def test_one_mad_session_is_its_own_affair():
    """A stream of rubbish in one session neither slows nor breaks the others, and can be ended."""

    async def agent(c, text):
        if text != "go mad":
            await echo(c, text)
            return
        await c.running()
        while True:
            await c.listened()
            await c.raw(b"data: {\n\n")
            await trio.lowlevel.checkpoint()

    async with hostile_provider(agent) as server, agentsup.open_runtime() as runtime:
        mad = await runtime.start_session("mad", spec_for(server))
        sane = await runtime.start_session("sane", spec_for(server))
        await mad.message("go mad")

        answers = [(await sane.submit(str(number))).text for number in range(20)]

        assert answers == [f"echo {number}" for number in range(20)]
        assert (await sane.info()).reconnects == 0
        with trio.fail_after(60):
            await mad.abort()
        await check_kept(mad, 1)


SESSIONS = 120


async def test_a_hundred_sessions_at_a_slow_provider():
    """Slow answers are waited for side by side, beyond a pool's usual hundred connections."""
    async with hostile_provider() as server:
        asked, all_asked = [], trio.Event()

        @server.hook(*POST, times=SESSIONS)
        async def slow(request):
            """No answer before all have asked: one after another, they would wait for ever."""
            asked.append(request)
            if len(asked) == SESSIONS:
                all_asked.set()
            await all_asked.wait()

        answers = {}

        async def one(number):
            ref = await runtime.start_session(f"s{number}", spec_for(server))
            answers[number] = (await ref.submit(str(number))).text

        with trio.fail_after(60):
            async with agentsup.open_runtime() as runtime, trio.open_nursery() as nursery:
                for number in range(SESSIONS):
                    nursery.start_soon(one, number)
            await server.all_gone()

        assert answers == {number: f"echo {number}" for number in range(SESSIONS)}
        assert all(len(conversation.texts()) == 1 for conversation in server.conversations.values())
