"""What a session makes of a provider that breaks, bends and repeats things on the wire; real sockets, every byte chosen."""

from __future__ import annotations

import json

import pytest
import trio

import agentsup

from .hostile import FAST, check_kept, chunk, frame, hostile_provider


@agentsup.tool(effect="pure")
def double(n: int) -> int:
    """Twice the number."""
    return 2 * n


def spec_for(server, **options):
    return agentsup.SessionSpec(provider=server.provider, tools=[double], reconnect=FAST, **options)


async def answered(agent, *, text="go", hooks=()):
    """What one request to this agent comes to, with the promises that hold for every request checked on the way."""
    with trio.fail_after(60):
        async with hostile_provider(agent) as server:
            for hook in hooks:
                hook(server)
            async with agentsup.open_runtime() as runtime:
                ref = await runtime.start_session("s", spec_for(server))
                result = await ref.submit(text)
                again = await ref.submit("@echo")
                await check_kept(ref, 2)
                info = await ref.info()
            await server.all_gone()
            c = server.only
            assert c.texts() == [text, "@echo"]
            assert again.text == "echo @echo"
            assert len(c.result_ids()) == len(set(c.result_ids()))
            return result, info, c


def script(function):
    """An agent that does this for the first message, and echoes every other one."""

    async def agent(c, text):
        await c.listened()
        if text == "@echo":
            await c.running()
            await c.say(f"echo {text}")
            await c.idle()
        else:
            await c.running()
            await function(c)

    return agent


WIRES = {}


def wire(text):
    """Register a scenario with the text its request must come to."""

    def register(function):
        WIRES[function.__name__] = (function, text)
        return function

    return register


async def hidden(c, type, **fields):
    """An event in the history that no stream shows."""
    event = {"id": c.mint(), "type": type, "processed_at": None, **fields}
    c.history.append(event)
    return event


def text_of(text):
    return {"content": [{"type": "text", "text": text}]}


@wire("a\nb")
async def clean_end_in_mid_turn(c):
    await c.say("a")
    await c.eof()
    await c.listened()
    await c.say("b")
    await c.idle()


@wire("a\nb")
async def terminal_while_nobody_listens(c):
    await c.say("a")
    await c.eof()
    await c.say("b")
    await c.idle()


@wire("a\nb")
async def cut_in_mid_frame(c):
    await c.say("a")
    event = await hidden(c, "agent.message", **text_of("b"))
    await c.raw(frame(event)[:-20])
    await c.hang_up()
    await c.idle()


@wire("a")
async def frame_without_its_blank_line_at_the_end(c):
    event = await hidden(c, "agent.message", **text_of("a"))
    await c.raw(frame(event)[:-1])
    await c.eof()
    await c.idle()


@wire("a")
async def cut_in_mid_chunk(c):
    event = await hidden(c, "agent.message", **text_of("a"))
    await c.wire(chunk(frame(event))[:-30])
    await c.hang_up()
    await c.idle()


@wire("grün")
async def cut_in_mid_character(c):
    event = await hidden(c, "agent.message", **text_of("grün"))
    raw = f"event: agent.message\ndata: {json.dumps(event, ensure_ascii=False)}\n\n".encode()
    await c.raw(raw[: raw.index(b"\xbc")])
    await c.hang_up()
    await c.idle()


@wire("grün \u2028\u2029\x85 \x0b \x1c ☃")
async def characters_some_take_for_line_ends(c):
    text = "grün \u2028\u2029\x85 \x0b \x1c ☃"
    event = await hidden(c, "agent.message", **text_of(text))
    raw = f"event: agent.message\ndata: {json.dumps(event, ensure_ascii=False)}\n\n".encode()
    for byte in raw:
        await c.raw(bytes([byte]))
    c.history.remove(event)
    await c.idle()


@wire("a\nb")
async def carriage_returns(c):
    for text in "ab":
        event = await hidden(c, "agent.message", **text_of(text))
        data = frame(event, newline="\r\n")
        await c.raw(data[:-1])
        await c.raw(data[-1:])
    await c.idle()


@wire("a")
async def comments_and_hollow_frames(c):
    for data in (
        b": hello\n\n",
        b":\n",
        b"\n\n\n",
        b"event: ping\ndata: {}\n\n",
        b"event: x\n\n",
        b"id: 7\n\n",
        b"retry: 10\n\n",
    ):
        await c.raw(data)
    await c.say("a")
    await c.idle()


@wire("a")
async def frames_without_names(c):
    event = await hidden(c, "agent.message", **text_of("a"))
    await c.raw(b"data: " + json.dumps(event).encode() + b"\n\n")
    await c.idle()


@wire("a")
async def data_in_many_lines(c):
    event = await hidden(c, "agent.message", **text_of("a"))
    lines = json.dumps(event, indent=1).splitlines()
    await c.raw(b"event: agent.message\n" + b"".join(f"data: {line}\n".encode() for line in lines) + b"\n")
    await c.idle()


for name, data in {
    "no_json": b"data: {\n\n",
    "a_list": b"data: [1]\n\n",
    "a_number": b"data: 5\n\n",
    "null": b"data: null\n\n",
    "a_string": b'data: "x"\n\n',
    "no_type": b'data: {"id": "x"}\n\n',
    "a_number_for_a_type": b'data: {"id": "x", "type": 5}\n\n',
    "deep": b"data: " + b"[" * 100_000 + b"\n\n",
    "long_number": b'data: {"type": "x", "n": ' + b"1" * 5000 + b"}\n\n",
    "no_utf8": b"data: \xff\xfe\n\n",
    "error_frame": b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"m"}}\n\n',
    "error_frame_without_json": b"event: error\ndata: oops\n\n",
    "no_chunk": None,
}.items():

    async def broken(c, data=data):
        await c.say("a")
        if data is None:
            await c.wire(b"what is this?\r\n")
        else:
            await c.raw(data)
        await hidden(c, "agent.message", **text_of("b"))
        await c.idle()

    WIRES[f"frame_{name}"] = (broken, "a\nb")


@wire("a\nb")
async def events_of_unknown_kinds(c):
    await c.emit("agent.sneezed", content=[{"type": "text", "text": "no"}])
    await c.say("a")
    await c.emit("session.status_levitating")
    await c.emit("")
    await c.say("b")
    await c.idle()


@wire("\n\n\na")
async def events_of_wrong_shapes(c):
    for type in [
        "agent.custom_tool_use",
        "agent.message",
        "agent.tool_use",
        "session.error",
        "span.model_request_end",
        "user.message",
        "user.custom_tool_result",
        "user.interrupt",
        "agent.thinking",
        "event_start",
        "event_delta",
        "session.usage",
    ]:
        for junk in (
            {},
            {"content": 5, "name": [], "input": 5, "error": 5, "model_usage": [], "delta": 5, "event": 5},
            {
                "content": [5, None, {"type": "text"}, {"type": "text", "text": 5}],
                "name": None,
                "input": None,
                "error": {"type": 5, "retry_status": 5},
                "model_usage": {"input_tokens": "x", "output_tokens": -5.5},
                "delta": {"content": 5},
                "custom_tool_use_id": 5,
            },
        ):
            await c.emit(type, **junk)
    await c.say("a")
    await c.idle()


@wire("a\nb")
async def events_without_ids(c):
    for id in (None, "", 5, [], {}):
        await c.raw(frame({"type": "agent.thinking", "id": id}))
    await c.raw(frame({"type": "agent.message", **text_of("a")}))
    await c.raw(frame({"type": "agent.message", "id": 7, **text_of("b")}))
    await c.idle()


@wire("a\nb")
async def doubled_events(c):
    a = await c.say("a")
    for _ in range(3):
        await c.raw(frame(a))
    await c.say("b")
    await c.raw(frame(a))
    idle = await c.idle()
    await c.raw(frame(idle))
    await c.raw(frame(a))


@wire("a\n8\nb")
async def doubled_calls(c):
    use = await c.use("double", {"n": 4})
    await c.raw(frame(use))
    await c.say("a")
    idle = await c.idle("requires_action", event_ids=[use["id"], use["id"]])
    await c.raw(frame(idle))
    await c.raw(frame(use))
    [answer] = await c.results([use["id"]])
    await c.idle("requires_action", event_ids=[use["id"]])
    await c.say(answer)
    await c.say("b")
    await c.idle()


@wire("6, 8")
async def a_call_that_comes_after_the_idle_that_names_it(c):
    early = await c.use("double", {"n": 3})
    late = {"id": c.mint(), "type": "agent.custom_tool_use", "name": "double", "input": {"n": 4}}
    await c.idle("requires_action", event_ids=[early["id"], late["id"]])
    c.history.append(late)
    await c.raw(frame(late))
    answers = await c.results([early["id"], late["id"]])
    await c.say(", ".join(answers))
    await c.idle()


@wire("6, 8")
async def calls_answered_in_parts(c):
    one, two = await c.use("double", {"n": 3}), await c.use("double", {"n": 4})
    await c.idle("requires_action", event_ids=[one["id"]])
    first = await c.results([one["id"]])
    await c.idle("requires_action", event_ids=[two["id"]])
    second = await c.results([two["id"]])
    await c.say(", ".join(first + second))
    await c.idle()


@wire("8")
async def an_idle_that_names_a_call_of_somebody_else_too(c):
    """What is ours is answered, and then it is the provider's turn: it goes on, or says what it still waits for."""
    call = await c.use("double", {"n": 4})
    await c.idle("requires_action", event_ids=["sevt_of_somebody_else", call["id"]])
    [answer] = await c.results([call["id"]])
    await c.running()
    await c.say(answer)
    await c.idle()


@wire("8")
async def a_cut_between_call_and_idle(c):
    use = await c.use("double", {"n": 4})
    await c.hang_up()
    await c.idle("requires_action", event_ids=[use["id"]])
    [answer] = await c.results([use["id"]])
    await c.hang_up()
    await c.say(answer)
    await c.idle()


@wire("x" * 8_000_000)
async def a_frame_of_eight_megabytes(c):
    await c.say("x" * 8_000_000)
    await c.idle()


@wire("\n".join(str(n) for n in range(3000)))
async def thousands_of_events_nobody_heard(c):
    await c.hang_up()
    for n in range(3000):
        await hidden(c, "agent.message", **text_of(str(n)))
    await c.idle()


@wire("a")
async def a_session_error_is_not_the_end(c):
    await c.emit(
        "session.error", error={"type": "model_overloaded_error", "message": "m", "retry_status": {"type": "retrying"}}
    )
    await c.emit("session.status_rescheduled")
    await c.running()
    await c.say("a")
    await c.idle()


@wire("\ud800 a")
async def half_a_character_pair(c):
    await c.say("\ud800 a")
    await c.idle()


@pytest.mark.parametrize("name", WIRES)
async def test_a_broken_wire_changes_no_answer(name):
    """Whatever the wire does, the request comes to what the provider's history says, and nothing is sent twice."""
    function, text = WIRES[name]

    result, _, _ = await answered(script(function))

    assert result.text == text
    assert result.terminal == "end_turn"


async def test_an_idle_that_waits_for_a_call_nobody_made():
    """The request ends, since nobody here can answer; it says what the provider waits for, and nothing is made up to please it."""

    async def waits(c, text):
        await c.running()
        await c.say("a")
        await c.idle("requires_action", event_ids=["sevt_nobody", 5, None, {}])

    async with hostile_provider(waits) as server, agentsup.open_runtime() as runtime:
        ref = await runtime.start_session("s", spec_for(server))

        result = await ref.submit("go")

        assert (result.terminal, result.text) == ("requires_action", "a")
        assert server.only.result_ids() == []
        assert (await ref.info()).state == "awaiting_input"
