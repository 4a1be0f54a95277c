"""A session's row, folded from its events."""

from __future__ import annotations

import pytest

from agentsup.demo.board import Row, totals
from agentsup.ids import RequestId
from agentsup.talk import events as ev
from agentsup.talk.result import SessionResult
from agentsup.talk.tools import ToolResult, ToolUse

REQUEST = RequestId("r")


def working():
    return ev.Working(id=None, raw={})


def waiting():
    return ev.Waiting(id=None, raw={}, terminal="end_turn", stop_reason={})


def tool_ended(*, is_error=False):
    return ev.ToolEnded(result=ToolResult("c", "text", is_error=is_error))


def ended(terminal="end_turn", failure=None):
    return ev.RequestEnded(request_id=REQUEST, terminal=terminal, failure=failure)


def result(terminal="end_turn", **changes):
    return SessionResult(terminal=terminal, stop_reason=None, session_id="s", **changes)


@pytest.fixture
def row():
    return Row(session_id="part-01", title="a part")


def test_a_session_s_way(row, heard):
    """The row shows what the session is doing at each moment, and counts as it goes."""
    states = []
    for body in (
        ev.SessionStarted(token="t"),
        ev.Connected(),
        ev.RequestStarted(request_id=REQUEST),
        working(),
        waiting(),
        tool_ended(),
        tool_ended(is_error=True),
        ev.ConnectionLost(reason="cut", attempt=1),
        ev.Connected(),
        ev.SessionRestarted(number=1, reason="crash"),
        ev.Connected(),
        working(),
        ev.ToolAsked(id=None, raw={}, use=ToolUse("c", "name")),
        waiting(),
        waiting(),
    ):
        row.hear(heard(body))
        states.append(row.state)
    row.hear(heard(ended(), result(turns=2)))

    assert states == [
        *["opening"] + ["running"] * 6,
        *["reconnecting", "running", "restarting"],
        *["running"] * 5,
    ]
    assert (row.state, row.turns, row.tools, row.failed_tools) == ("answered", 2, 2, 1)
    assert (row.restarts, row.reconnects, row.is_over) == (1, 1, True)


def test_news(row, heard):
    """What is worth telling is told, once, and is the row's last word; the rest is not."""
    assert row.hear(heard(working())) is None
    assert row.hear(heard(tool_ended())) is None
    assert row.hear(heard(ev.ConnectionLost(reason="the stream ended", attempt=1))) == "reconnecting: the stream ended"
    assert "a tool raised" in row.hear(heard(tool_ended(is_error=True)))
    assert "a new one goes on" in row.hear(heard(ev.SessionRestarted(number=1, reason="crash")))
    assert row.hear(heard(ended(), result(turns=3))) == "answered after 3 turns and 2 tool calls"
    assert row.lately == "answered after 3 turns and 2 tool calls"


@pytest.mark.parametrize(
    ("body", "outcome", "told"),
    [
        (ended("terminated", ev.Failure(kind="timeout", message="too long")), result("terminated"), "too long"),
        (ended("requires_action"), result("requires_action"), "the request ended with requires_action"),
    ],
)
def test_failures(row, heard, body, outcome, told):
    """Whatever is no answer is a failure that says why."""
    row.hear(heard(body, outcome))

    assert (row.state, row.failure) == ("failed", told)


def test_totals(row):
    """The sums over all rows."""
    done = Row(session_id="b", title="b", state="answered", turns=2, tools=3, restarts=1, reconnects=4, failed_tools=1)

    sums = totals([row, done, done])

    assert (sums.answered, sums.turns, sums.tools) == (2, 4, 6)
    assert (sums.restarts, sums.reconnects, sums.failed_tools) == (2, 8, 2)
