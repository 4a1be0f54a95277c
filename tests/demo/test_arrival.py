"""What arrived, by the provider's own word."""

from __future__ import annotations

import pytest

from agentsup.demo.arrival import Arrived, Told, by_history, by_requests
from agentsup.talk.result import SessionResult
from agentsup.talk.tools import ToolUse

PLAIN = Told("c1", "1", False)
BAD = Told("c2", "no\nmore", True)


def use(call_id):
    return {"toolUse": {"toolUseId": call_id, "name": "x", "input": {}}}


def given(told):
    status = "error" if told.is_error else "success"
    return {
        "toolResult": {"toolUseId": told.call_id, "content": [{"text": part} for part in [told.text]], "status": status}
    }


def invoke(session_id, *content, calls=()):
    """A request as the simulator shows it: a resume says the agent's calls again, and those are none of ours."""
    again = [{"role": "assistant", "content": [use(call) for call in calls]}] if calls else []
    return {
        "method": "POST",
        "path": "/harnesses/invoke",
        "headers": {"x-amzn-bedrock-agentcore-runtime-session-id": session_id},
        "body": {"messages": [*again, {"role": "user", "content": list(content)}]},
    }


def test_by_requests():
    """Prompts and results by their session, in order; other requests are not looked at."""
    found = by_requests(
        [
            {"method": "POST", "path": "/v1/sessions", "headers": {}, "body": {"agent": "a"}},
            {"method": "GET", "path": "/harnesses", "headers": {}, "body": None},
            invoke("a", {"text": "ask"}),
            invoke("b", {"text": "ask"}),
            invoke("a", given(PLAIN), given(BAD), calls=["c1", "c2"]),
        ]
    )

    assert found == {"a": Arrived(1, (PLAIN, BAD)), "b": Arrived(1, ())}


def test_what_arrived_twice_is_there_twice():
    """Nothing is put together: a doubled prompt or result is what this is for."""
    twice = by_requests([invoke("a", {"text": "ask"}), invoke("a", given(PLAIN), calls=["c1"])] * 2)

    assert twice == {"a": Arrived(2, (PLAIN, PLAIN))}


def test_by_history():
    """The user's events that the history shows."""
    result = outcome(
        {"type": "user.message"},
        {"type": "agent.message"},
        {
            "type": "user.custom_tool_result",
            "custom_tool_use_id": "c2",
            "content": [{"type": "text", "text": "no\n"}, {"type": "text", "text": "more"}],
            "is_error": True,
        },
    )

    assert by_history(result) == Arrived(1, (BAD,))


@pytest.mark.parametrize(
    ("arrived", "once"),
    [
        (Arrived(1, (PLAIN, BAD)), True),
        (Arrived(1, (BAD, PLAIN)), True),
        (Arrived(2, (PLAIN, BAD)), False),
        (Arrived(0, (PLAIN, BAD)), False),
        (Arrived(1, (PLAIN,)), False),
        (Arrived(1, (PLAIN, BAD, BAD)), False),
        (Arrived(1, (PLAIN, BAD, Told("c3", "?", False))), False),
    ],
)
def test_once(arrived, once):
    """One prompt, and for each call one result, whatever their order."""
    assert arrived.is_once(outcome()) is once


def outcome(*events):
    return SessionResult(
        terminal="end_turn",
        stop_reason=None,
        tool_uses=(ToolUse("c1", "x", {}), ToolUse("c2", "x", {})),
        events=events,
        session_id="s",
    )
