"""What is known of each session while the demo runs: one row per session, folded from its events. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

import attrs

from agentsup.demo.house import House
from agentsup.talk import events as ev
from agentsup.talk.result import SessionResult

RowState: TypeAlias = Literal["waiting", "opening", "running", "reconnecting", "restarting", "answered", "failed"]


@attrs.define(eq=False, kw_only=True)
class Row:
    """One session, as it is at the moment."""

    session_id: str
    title: str
    house: House = "claude"
    """Where it lives."""

    state: RowState = "waiting"
    turns: int = 0
    tools: int = 0
    """Calls that came to something."""

    failed_tools: int = 0
    restarts: int = 0
    reconnects: int = 0
    lately: str = ""
    """The last thing worth telling."""

    result: SessionResult | None = None
    failure: str | None = None
    _working: bool = False

    def hear(self, event: ev.SessionEvent) -> str | None:
        """Take an event in; what is worth telling of it, if anything is."""
        match event.body:
            case ev.SessionStarted():
                self.state = "opening"
            case ev.RequestStarted() | ev.Connected() if not self.is_over:
                self.state = "running"
            case ev.ConnectionLost(reason=reason):
                self.reconnects += 1
                self.state = "reconnecting"
                return self._tell(f"reconnecting: {reason}")
            case ev.SessionRestarted(number=number):
                self.restarts = number
                self.state = "restarting"
                return self._tell("its task was killed; a new one goes on where it was")
            case ev.ToolEnded(result=result):
                self.tools += 1
                self.failed_tools += result.is_error
                return self._tell("a tool raised; the agent is told so") if result.is_error else None
            case ev.Working() | ev.Said() | ev.ToolAsked():
                self._working = True
            case ev.Waiting() | ev.Terminated():
                self.turns += self._working
                self._working = False
            case ev.RequestEnded(failure=failure):
                return self._settle(event.result, failure)
            case _:
                pass
        return None

    @property
    def is_over(self) -> bool:
        """Its request came to something."""
        return self.state in ("answered", "failed")

    def fail(self, reason: str) -> str:
        """Nothing will come of it; what is to be told."""
        self.state, self.failure = "failed", reason
        return self._tell(f"failed: {reason}")

    def _settle(self, result: SessionResult | None, failure: ev.Failure | None) -> str:
        self.result = result
        if failure is not None or result is None:
            return self.fail(failure.message if failure is not None else "it ended without a result")
        if result.terminal != "end_turn":
            return self.fail(f"the request ended with {result.terminal}")
        self.state, self.turns = "answered", result.turns
        return self._tell(f"answered after {self.turns} turns and {self.tools} tool calls")

    def _tell(self, news: str) -> str:
        self.lately = news
        return news


@attrs.frozen
class Totals:
    """All rows together."""

    answered: int
    turns: int
    tools: int
    failed_tools: int
    restarts: int
    reconnects: int


def totals(rows: Sequence[Row]) -> Totals:
    """The sums over the rows."""
    return Totals(
        answered=sum(row.state == "answered" for row in rows),
        turns=sum(row.turns for row in rows),
        tools=sum(row.tools for row in rows),
        failed_tools=sum(row.failed_tools for row in rows),
        restarts=sum(row.restarts for row in rows),
        reconnects=sum(row.reconnects for row in rows),
    )
