"""What an invoke's stream means: messages, calls of ours and of theirs, the end, and what is no end."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentsup.loop.pieces import Pieces
from agentsup.talk import events as ev
from agentsup.wire.agentcore.frames import StreamEvent
from agentsup.wire.agentcore.turn import ENDS, TurnFold
from agentsup.wire.errors import RemoteProtocolError
from tests.kit.strategies import JSON


def start(role="assistant"):
    return StreamEvent("messageStart", {"role": role})


def text(said, *, index=0, pieces=2):
    cut = len(said) // pieces or 1
    return [
        *(
            StreamEvent("contentBlockDelta", {"contentBlockIndex": index, "delta": {"text": said[at : at + cut]}})
            for at in range(0, len(said), cut)
        ),
        StreamEvent("contentBlockStop", {"contentBlockIndex": index}),
    ]


def call(call_id, name, given, *, index=0, **more):
    said = json.dumps(given) if given is not None else ""
    use = {"toolUseId": call_id, "name": name, **more}
    return [
        StreamEvent("contentBlockStart", {"contentBlockIndex": index, "start": {"toolUse": use}}),
        *(
            StreamEvent(
                "contentBlockDelta", {"contentBlockIndex": index, "delta": {"toolUse": {"input": said[at : at + 3]}}}
            )
            for at in range(0, len(said), 3)
        ),
        StreamEvent("contentBlockStop", {"contentBlockIndex": index}),
    ]


def result(call_id, *, index=0):
    return [
        StreamEvent("contentBlockStart", {"contentBlockIndex": index, "start": {"toolResult": {"toolUseId": call_id}}}),
        StreamEvent("contentBlockDelta", {"contentBlockIndex": index, "delta": {"toolResult": [{"text": "x"}]}}),
        StreamEvent("contentBlockStop", {"contentBlockIndex": index}),
    ]


def stop(reason="end_turn"):
    return StreamEvent("messageStop", {"stopReason": reason})


def metadata(**usage):
    return StreamEvent("metadata", {"usage": usage, "metrics": {"latencyMs": 5}})


def fold(*events):
    """All bodies, and the rule of every stream: each event's own JSON once, in order."""
    turn = TurnFold("t")
    bodies = [body for event in events for body in turn.feed(event)]
    assert [body.raw for body in bodies if isinstance(body, ev.Heard) and body.raw] == [event.raw for event in events]
    return bodies + list(turn.end())


def of(kind, bodies):
    return [body for body in bodies if isinstance(body, kind)]


def test_a_plain_answer():
    """Text in pieces and whole, usage, the end."""
    bodies = fold(start(), *text("Hello there"), stop(), metadata(inputTokens=3, outputTokens=4, totalTokens=7))

    assert [body.text for body in of(ev.Said, bodies)] == ["Hello there"]
    assert "".join(body.text for body in of(ev.TextDelta, bodies)) == "Hello there"
    (measured,) = of(ev.Measured, bodies)
    assert (measured.usage.input_tokens, measured.usage.output_tokens) == (3, 4)
    assert measured.usage.raw == ({"inputTokens": 3, "outputTokens": 4, "totalTokens": 7},)
    waiting = bodies[-1]
    assert (waiting.terminal, waiting.stop_reason, waiting.asked) == ("end_turn", "end_turn", ())
    assert type(bodies[0]) is ev.Working


def test_the_pieces_are_the_text():
    """What is streamed, joined, is the result's text: blocks and messages with a newline between."""
    bodies = fold(start(), *text("One"), *text("Two", index=1), stop("tool_use"), start(), *text("Three"), stop())
    pieces = Pieces()

    assert "".join(pieces.feed(body) for body in bodies) == "One\nTwo\nThree"
    assert "\n".join(body.text for body in of(ev.Said, bodies)) == "One\nTwo\nThree"


def test_a_block_that_is_not_ended_ends_with_its_message():
    """Tolerated."""
    bodies = fold(start(), *text("Hello")[:-1], stop())

    assert [body.text for body in of(ev.Said, bodies)] == ["Hello"]


def test_an_empty_block_start_for_text_is_tolerated():
    """Not in the model, and seen."""
    bodies = fold(start(), StreamEvent("contentBlockStart", {"contentBlockIndex": 0, "start": {}}), *text("x"), stop())

    assert [body.text for body in of(ev.Said, bodies)] == ["x"]


@pytest.mark.parametrize(
    ("reason", "terminal"),
    [
        ("end_turn", "end_turn"),
        ("stop_sequence", "end_turn"),
        ("tool_use", "requires_action"),
        ("tool_result", "terminated"),
        ("max_tokens", "terminated"),
        ("content_filtered", "terminated"),
        ("malformed_model_output", "terminated"),
        ("malformed_tool_use", "terminated"),
        ("interrupted", "terminated"),
        ("partial_turn", "terminated"),
        ("model_context_window_exceeded", "terminated"),
        ("max_iterations_exceeded", "terminated"),
        ("max_output_tokens_exceeded", "terminated"),
        ("timeout_exceeded", "terminated"),
        ("hook_stopped", "terminated"),
        ("something_new", "terminated"),
    ],
)
def test_every_stop_reason_has_a_terminal_and_is_carried(reason, terminal):
    """Verbatim, also one nobody has heard of."""
    waiting = fold(start(), stop(reason))[-1]

    assert (waiting.terminal, waiting.stop_reason) == (terminal, reason)
    assert ENDS.get(reason, "terminated") == terminal


def test_calls_of_ours_wait_for_us():
    """Those of the last message, in its order, with their arguments put together."""
    bodies = fold(
        start(), *call("c1", "look", {"n": 7}), *call("c2", "see", None, index=1), stop("tool_use"), metadata()
    )

    assert [(asked.use.call_id, asked.use.name, asked.use.input) for asked in of(ev.ToolAsked, bodies)] == [
        ("c1", "look", {"n": 7}),
        ("c2", "see", {}),
    ]
    assert bodies[-1].asked == ("c1", "c2")


def test_calls_are_told_apart_by_id_and_not_by_index():
    """One index for two calls was seen live."""
    bodies = fold(start(), *call("c1", "a", {"x": 1}), *call("c2", "b", {"y": 2}), stop("tool_use"))

    assert [asked.use.input for asked in of(ev.ToolAsked, bodies)] == [{"x": 1}, {"y": 2}]


def test_a_call_that_is_announced_twice_is_one_call():
    """Its arguments are those of the second time."""
    bodies = fold(start(), *call("c1", "a", {"x": 1}), *call("c1", "a", {"x": 2}), stop("tool_use"))

    assert [asked.use.input for asked in of(ev.ToolAsked, bodies)] == [{"x": 2}]


def test_interleaved_calls():
    """Fragments go to the call that is open at their index."""
    one, two = call("c1", "a", {"x": 1}, index=0), call("c2", "b", {"y": 2}, index=1)
    mixed = [event for pair in zip(one, two, strict=True) for event in pair]

    assert [asked.use.input for asked in of(ev.ToolAsked, fold(start(), *mixed, stop("tool_use")))] == [
        {"x": 1},
        {"y": 2},
    ]


def test_a_tool_that_ran_over_there_is_not_ours():
    """Its result came in the stream, and the agent went on."""
    bodies = fold(
        start(),
        *call("s1", "shell", {"command": "ls"}),
        stop("tool_use"),
        start("user"),
        *result("s1"),
        stop("tool_result"),
        start(),
        *text("Done"),
        stop(),
    )

    assert [used.use.call_id for used in of(ev.ServerToolUsed, bodies)] == ["s1"]
    assert of(ev.ToolAsked, bodies) == []
    assert bodies[-1].terminal == "end_turn"
    assert len(of(ev.Working, bodies)) == 2


def test_theirs_and_ours_in_one_message():
    """Only what no result came for is asked of us."""
    bodies = fold(
        start(),
        *call("s1", "shell", {}),
        *call("c1", "look", {}, index=1),
        *result("s1", index=2),
        stop("tool_use"),
    )

    assert [used.use.call_id for used in of(ev.ServerToolUsed, bodies)] == ["s1"]
    assert bodies[-1].asked == ("c1",)


@pytest.mark.parametrize("more", [{"type": "server_tool_use"}, {"type": "mcp_tool_use"}, {"serverName": "s"}])
def test_a_call_that_says_it_is_theirs_is_theirs(more):
    """Also when its result is not shown."""
    bodies = fold(start(), *call("s1", "search", {}, **more), stop("tool_use"))

    assert [used.use.call_id for used in of(ev.ServerToolUsed, bodies)] == ["s1"]
    assert bodies[-1].asked == ()


def test_a_call_whose_result_is_not_shown_was_theirs_if_the_agent_goes_on():
    """The next message of the agent says so."""
    bodies = fold(start(), *call("s1", "shell", {}), stop("tool_use"), start(), *text("Done"), stop("tool_use"))

    assert [used.use.call_id for used in of(ev.ServerToolUsed, bodies)] == ["s1"]
    assert bodies[-1].asked == ()


def test_a_stream_without_the_messages_end_was_cut():
    """However cleanly it closed; also after an earlier message that had one."""
    for events in ([], [start(), *text("x")], [start(), *text("x"), stop(), start()]):
        turn = TurnFold("t")
        for event in events:
            list(turn.feed(event))
        with pytest.raises(RemoteProtocolError, match="without the message's end"):
            list(turn.end())


@pytest.mark.parametrize("pieces", ['{"x": ', "[1]", "nonsense", "3", "[" * 100_000])
def test_arguments_that_are_no_object_are_an_error_and_not_empty(pieces):
    """A tool that runs with other arguments than the model gave does something else. All of the stream is told before."""
    turn = TurnFold("t")
    events = [
        start(),
        StreamEvent(
            "contentBlockStart", {"contentBlockIndex": 0, "start": {"toolUse": {"toolUseId": "c", "name": "n"}}}
        ),
        StreamEvent("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"toolUse": {"input": pieces}}}),
        StreamEvent("contentBlockStop", {"contentBlockIndex": 0}),
        stop("tool_use"),
    ]
    told = [body.raw for event in events for body in turn.feed(event)]

    assert told == [event.raw for event in events]
    with pytest.raises(RemoteProtocolError, match="arguments of a tool call") as caught:
        list(turn.end())
    assert "nonsense" not in str(caught.value)


def test_a_call_that_is_not_finished_is_an_error():
    """Its arguments may be a part of what was meant."""
    turn = TurnFold("t")
    for event in (start(), *call("c1", "a", {"x": 1})[:-1], stop("tool_use")):
        list(turn.feed(event))
    with pytest.raises(RemoteProtocolError, match="in the middle of a tool call"):
        list(turn.end())


def test_events_of_two_turns_have_different_ids():
    """And pieces that cannot be seen again have none."""
    one, two = TurnFold("a"), TurnFold("b")
    ids = [body.id for turn in (one, two) for body in turn.feed(start())]

    assert len(set(ids)) == 2
    assert {body.id for body in one.feed(text("x")[0]) if isinstance(body, ev.Noted)} == {None}


@settings(max_examples=300)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(
                [
                    "messageStart",
                    "contentBlockStart",
                    "contentBlockDelta",
                    "contentBlockStop",
                    "messageStop",
                    "metadata",
                    "hookEvent",
                    "news",
                ]
            ),
            st.dictionaries(
                st.sampled_from(["role", "contentBlockIndex", "start", "delta", "stopReason", "usage", "x"]),
                JSON
                | st.sampled_from(
                    [{"toolUse": {"toolUseId": "c", "name": "n", "input": "{}"}}, {"text": "t"}, "assistant"]
                ),
                max_size=4,
            ),
        ),
        max_size=8,
    )
)
def test_any_events_at_all_are_told_once_each(events):
    """Whatever the service says in whatever order: no event is lost or doubled, and the end is an end or an error of theirs."""
    turn = TurnFold("t")
    said = [StreamEvent(name, value) for name, value in events]
    told = [body.raw for event in said for body in turn.feed(event) if isinstance(body, ev.Heard) and body.raw]
    assert told == [event.raw for event in said]
    try:
        *_, waiting = turn.end()
    except RemoteProtocolError:
        return
    assert isinstance(waiting, ev.Waiting)
