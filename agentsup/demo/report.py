"""What a process of the second act says of itself, line by line: that a session was asked, and what came of it."""

from __future__ import annotations

import json

import attrs

from agentsup.ids import CallId, SessionId
from agentsup.talk.result import SessionResult
from agentsup.talk.tools import ToolUse


@attrs.frozen
class Asked:
    """The session's prompt is durable."""

    session_id: str


@attrs.frozen
class Finished:
    """The session's request has ended."""

    session_id: str
    result: SessionResult | None
    failure: str | None = None

    @property
    def good(self) -> SessionResult | None:
        """The result of an agent that came to its end; None for any other ending."""
        if self.failure is not None or self.result is None or self.result.terminal != "end_turn":
            return None
        return self.result


Report = Asked | Finished


def to_line(report: Report) -> bytes:
    """The report as a line of JSON."""
    plain: dict[str, object] = {"session_id": report.session_id}
    if isinstance(report, Finished):
        plain |= {"failure": report.failure, "result": _plain(report.result)}
    return json.dumps(plain).encode() + b"\n"


def from_line(line: bytes) -> Report:
    """The report that a line of JSON is."""
    plain = json.loads(line)
    if "failure" not in plain:
        return Asked(plain["session_id"])
    found = plain["result"]
    if found is None:
        return Finished(plain["session_id"], None, plain["failure"])
    result = SessionResult(
        terminal=found["terminal"],
        stop_reason=found["stop_reason"],
        text=found["text"],
        tool_uses=tuple(ToolUse(CallId(use["call_id"]), use["name"], use["input"]) for use in found["tool_uses"]),
        turns=found["turns"],
        events=tuple(found["events"]),
        session_id=SessionId(plain["session_id"]),
    )
    return Finished(plain["session_id"], result, plain["failure"])


def _plain(result: SessionResult | None) -> dict[str, object] | None:
    if result is None:
        return None
    return {
        "terminal": result.terminal,
        "stop_reason": result.stop_reason,
        "text": result.text,
        "tool_uses": [{"call_id": use.call_id, "name": use.name, "input": dict(use.input)} for use in result.tool_uses],
        "turns": result.turns,
        "events": [dict(event) for event in result.events],
    }
