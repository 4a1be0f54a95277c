"""Reports: what one process writes, the other reads."""

from __future__ import annotations

import pytest

from agentsup.demo.report import Asked, Finished, from_line, to_line
from agentsup.ids import CallId, SessionId
from agentsup.talk.result import SessionResult
from agentsup.talk.tools import ToolUse

RESULT = SessionResult(
    terminal="end_turn",
    stop_reason={"type": "end_turn"},
    text="two\nlines \u2028 ü",
    tool_uses=(ToolUse(CallId("c"), "enter", {"entry": "x"}),),
    turns=2,
    events=({"type": "user.message"}, '{"type": "session.status_idle"}'),
    session_id=SessionId("s"),
)


@pytest.mark.parametrize("report", [Asked("s"), Finished("s", None, "too long"), Finished("s", RESULT)])
def test_there_and_back(report):
    """A report is one line, and what is read of it is what was written."""
    line = to_line(report)
    found = from_line(line)

    assert line.count(b"\n") == 1
    assert found == report or found.result.events == report.result.events
    assert to_line(found) == line


def test_only_an_agent_that_was_done_is_good():
    """A failure and another ending are none."""
    other = SessionResult(terminal="requires_action", stop_reason=None, session_id=SessionId("s"))

    assert Finished("s", RESULT).good is RESULT
    assert Finished("s", RESULT, "too long").good is None
    assert Finished("s", other).good is None
    assert Finished("s", None).good is None
