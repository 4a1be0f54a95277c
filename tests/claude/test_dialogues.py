"""Dialogues as they go over the wire, written by hand from the reference: read whole, cut at every byte, and byte by byte.

Nothing here comes from the simulator: were it wrong in the same way as the client, neither would notice.
"""

from __future__ import annotations

import json

import pytest

from agentsup.claude import catalogue as ev
from agentsup.claude.events import EventStream
from agentsup.wire import sse
from agentsup.wire.frames import decode_frame
from agentsup.wire.managed.catalogue import event_of
from agentsup.wire.managed.events import read

T = "2026-11-20T10:00:00.123456Z"

PLAIN_TURN = f"""\
event: user.message
data: {{"id":"sevt_01","type":"user.message","content":[{{"type":"text","text":"Grüße 🙂"}}],"processed_at":"{T}"}}

event: session.status_running
data: {{"id":"sevt_02","type":"session.status_running","processed_at":"{T}"}}

event: span.model_request_start
data: {{"id":"sevt_03","type":"span.model_request_start","processed_at":"{T}"}}

: keepalive

event: event_start
data: {{"type":"event_start","event":{{"type":"agent.message","id":"sevt_04"}}}}

event: event_delta
data: {{"type":"event_delta","event_id":"sevt_04","delta":{{"type":"content_delta","content":{{"type":"text","text":"Hal"}}}}}}

event: event_delta
data: {{"type":"event_delta","event_id":"sevt_04","delta":{{"type":"content_delta","index":0,"content":{{"type":"text","text":"lo"}}}}}}

event: agent.message
data: {{"id":"sevt_04","type":"agent.message","content":[{{"type":"text","text":"Hallo"}}],"processed_at":"{T}"}}

event: span.model_request_end
data: {{"id":"sevt_05","type":"span.model_request_end","model_request_start_id":"sevt_03","is_error":null,"model_usage":{{"input_tokens":10,"output_tokens":2,"cache_creation_input_tokens":0,"cache_read_input_tokens":4}},"processed_at":"{T}"}}

event: session.usage
data: {{"id":"sevt_06","type":"session.usage","usage":{{"input_tokens":10,"output_tokens":2}},"budget":null,"processed_at":"{T}"}}

event: session.status_idle
data: {{"id":"sevt_07","type":"session.status_idle","stop_reason":{{"type":"end_turn"}},"stop_details":null,"processed_at":"{T}"}}

"""

TOOLS = f"""\
event: agent.custom_tool_use
data: {{"id":"sevt_10","type":"agent.custom_tool_use","name":"add","input":{{"a":12345678901234567890123,"b":[1.5,null]}},"processed_at":"{T}"}}

event: agent.tool_use
data: {{"id":"sevt_11","type":"agent.tool_use","name":"bash","input":{{"command":"ls"}},"evaluated_permission":"ask","evaluation":{{"type":"auto","evaluated_permission":{{"type":"ask","reason_code":"x"}}}},"session_thread_id":"sthr_02","processed_at":"{T}"}}

event: ping
data: {{"type":"ping"}}

event: session.status_idle
data: {{"id":"sevt_12","type":"session.status_idle","stop_reason":{{"type":"requires_action","event_ids":["sevt_10","sevt_11"]}},"processed_at":"{T}"}}

event: user.custom_tool_result
data: {{"id":"sevt_13","type":"user.custom_tool_result","custom_tool_use_id":"sevt_10","content":[{{"type":"text","text":"3"}}],"is_error":false,"processed_at":"{T}"}}

event: session.status_idle
data: {{"id":"sevt_14","type":"session.status_idle","stop_reason":{{"type":"requires_action","event_ids":["sevt_11"]}},"processed_at":"{T}"}}

event: user.tool_confirmation
data: {{"id":"sevt_15","type":"user.tool_confirmation","tool_use_id":"sevt_11","result":"deny","deny_message":"no","processed_at":null}}

event: agent.tool_result
data: {{"id":"sevt_16","type":"agent.tool_result","tool_use_id":"sevt_11","content":[{{"type":"text","text":"no"}}],"is_error":true,"processed_at":"{T}"}}

"""

TROUBLE = f"""\
event: session.error
data: {{"id":"sevt_20","type":"session.error","error":{{"type":"model_overloaded_error","message":"busy","retry_status":{{"type":"retrying"}}}},"processed_at":"{T}"}}

event: session.status_rescheduled
data: {{"id":"sevt_21","type":"session.status_rescheduled","processed_at":"{T}"}}

event: session.error
data: {{"id":"sevt_22","type":"session.error","error":{{"type":"brand_new_error","message":"?","retry_status":{{"type":"exhausted"}}}},"processed_at":"{T}"}}

event: session.status_idle
data: {{"id":"sevt_23","type":"session.status_idle","stop_reason":{{"type":"a_new_reason","why":1}},"processed_at":"{T}"}}

event: agent.brand_new
data: {{"id":"sevt_24","type":"agent.brand_new","anything":[{{"deep":true}}],"processed_at":"{T}"}}

event: user.interrupt
data: {{"id":"","type":"user.interrupt","processed_at":null}}

event: session.deleted
data: {{"id":"sevt_25","type":"session.deleted","processed_at":"{T}"}}

"""

OUTCOME_AND_THREADS = f"""\
event: user.define_outcome
data: {{"id":"sevt_30","type":"user.define_outcome","outcome_id":"outc_1","description":"d","rubric":{{"type":"text","content":"r"}},"max_iterations":3,"processed_at":"{T}"}}

event: session.thread_created
data: {{"id":"sevt_31","type":"session.thread_created","session_thread_id":"sthr_02","agent_name":"helper","workflow_run_id":null,"processed_at":"{T}"}}

event: session.thread_status_idle
data: {{"id":"sevt_32","type":"session.thread_status_idle","session_thread_id":"sthr_02","agent_name":"helper","stop_reason":{{"type":"budget_reached"}},"stop_details":null,"processed_at":"{T}"}}

event: span.outcome_evaluation_start
data: {{"id":"sevt_33","type":"span.outcome_evaluation_start","outcome_id":"outc_1","iteration":0,"processed_at":"{T}"}}

event: span.outcome_evaluation_end
data: {{"id":"sevt_34","type":"span.outcome_evaluation_end","outcome_evaluation_start_id":"sevt_33","outcome_id":"outc_1","iteration":0,"result":"needs_revision","explanation":"more","usage":{{}},"processed_at":"{T}"}}

event: session.status_terminated
data: {{"id":"sevt_35","type":"session.status_terminated","processed_at":"{T}"}}

"""

DIALOGUES = {
    "a plain turn with deltas": (
        PLAIN_TURN,
        [
            (ev.UserMessage, "sevt_01", {"text": "Grüße 🙂"}),
            (ev.SessionStatusRunning, "sevt_02", {}),
            (ev.SpanModelRequestStart, "sevt_03", {}),
            (ev.EventStart, None, {"event": {"type": "agent.message", "id": "sevt_04"}}),
            (ev.EventDelta, None, {"event_id": "sevt_04", "text": "Hal"}),
            (ev.EventDelta, None, {"event_id": "sevt_04", "text": "lo"}),
            (ev.AgentMessage, "sevt_04", {"text": "Hallo", "processed_at": T}),
            (ev.SpanModelRequestEnd, "sevt_05", {"model_request_start_id": "sevt_03", "is_error": None}),
            (ev.SessionUsage, "sevt_06", {"budget": None}),
            (ev.SessionStatusIdle, "sevt_07", {"reason": "end_turn"}),
        ],
    ),
    "tools, approvals and a second idle": (
        TOOLS,
        [
            (ev.AgentCustomToolUse, "sevt_10", {"input": {"a": 12345678901234567890123, "b": [1.5, None]}}),
            (ev.AgentToolUse, "sevt_11", {"evaluated_permission": "ask", "session_thread_id": "sthr_02"}),
            (ev.SessionStatusIdle, "sevt_12", {"event_ids": ("sevt_10", "sevt_11")}),
            (ev.UserCustomToolResult, "sevt_13", {"custom_tool_use_id": "sevt_10", "is_error": False}),
            (ev.SessionStatusIdle, "sevt_14", {"event_ids": ("sevt_11",)}),
            (ev.UserToolConfirmation, "sevt_15", {"result": "deny", "deny_message": "no", "processed_at": None}),
            (ev.AgentToolResult, "sevt_16", {"tool_use_id": "sevt_11", "is_error": True}),
        ],
    ),
    "trouble, and words of the future": (
        TROUBLE,
        [
            (ev.SessionError, "sevt_20", {"kind": "model_overloaded_error", "retry": "retrying"}),
            (ev.SessionStatusRescheduled, "sevt_21", {}),
            (ev.SessionError, "sevt_22", {"kind": "brand_new_error", "retry": "exhausted"}),
            (ev.SessionStatusIdle, "sevt_23", {"reason": "a_new_reason", "event_ids": ()}),
            (ev.Unknown, "sevt_24", {"kind": "agent.brand_new", "misfit": None}),
            (ev.UserInterrupt, "", {"processed_at": None}),
            (ev.SessionDeleted, "sevt_25", {}),
        ],
    ),
    "an outcome and a thread": (
        OUTCOME_AND_THREADS,
        [
            (ev.UserDefineOutcome, "sevt_30", {"outcome_id": "outc_1", "max_iterations": 3}),
            (ev.SessionThreadCreated, "sevt_31", {"session_thread_id": "sthr_02", "agent_name": "helper"}),
            (ev.SessionThreadStatusIdle, "sevt_32", {"reason": "budget_reached"}),
            (ev.SpanOutcomeEvaluationStart, "sevt_33", {"iteration": 0}),
            (ev.SpanOutcomeEvaluationEnd, "sevt_34", {"result": "needs_revision", "explanation": "more"}),
            (ev.SessionStatusTerminated, "sevt_35", {}),
        ],
    ),
}


def told(*pieces: bytes) -> list[ev.Event]:
    """The events in these pieces of a body."""
    reader = sse.Reader()
    frames = [frame for piece in pieces for frame in reader.feed(piece)]
    return [event_of(raw) for name, data in frames if (raw := decode_frame(name, data)) is not None]


@pytest.mark.parametrize(("dialogue", "expected"), DIALOGUES.values(), ids=DIALOGUES.keys())
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
async def test_a_dialogue(dialogue, expected, newline):
    """Each event in its class, with what it says, whatever the line ends."""

    async def body():
        yield dialogue.replace("\n", newline).encode()

    events = [event async for event in EventStream(body(), "testing")]

    assert [(type(event), event.id) for event in events] == [(kind, key) for kind, key, _ in expected]
    for event, (_, _, facts) in zip(events, expected, strict=True):
        assert {name: getattr(event, name) for name in facts} == facts


@pytest.mark.parametrize("dialogue", [dialogue for dialogue, _ in DIALOGUES.values()], ids=DIALOGUES.keys())
def test_cut_at_every_byte(dialogue):
    """In two pieces at every place there is, and in as many pieces as there are bytes: the same events."""
    data = dialogue.encode()
    whole = told(data)

    for place in range(len(data)):
        assert told(data[:place], data[place:]) == whole
    assert told(*(data[place : place + 1] for place in range(len(data)))) == whole


@pytest.mark.parametrize("dialogue", [dialogue for dialogue, _ in DIALOGUES.values()], ids=DIALOGUES.keys())
def test_a_session_hears_the_same(dialogue):
    """What a session makes of it has the same ids and data, in the same order."""
    events = told(dialogue.encode())
    heard = [(event, read(event.raw)) for event in events]

    for event, meant in heard:
        if isinstance(event, ev.EventDelta):
            assert (meant.message_id, meant.text) == (event.event_id, event.text)
        elif not isinstance(event, ev.EventStart):
            assert (meant.id, meant.raw) == (event.id or None, event.raw)


def test_dialogues_are_what_they_look_like():
    """Every data line is one line of JSON whose type is the frame's name."""
    for dialogue, _ in DIALOGUES.values():
        for block in dialogue.split("\n\n"):
            lines = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
            if lines:
                assert json.loads(lines["data"])["type"] == lines["event"]
