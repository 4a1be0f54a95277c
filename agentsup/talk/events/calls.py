"""What becomes of the agent's calls and turns: decided, run, in doubt, judged, answered."""

from __future__ import annotations

from typing import ClassVar, Literal, TypeAlias

import attrs

from agentsup.ids import CallId
from agentsup.talk.content import hidden
from agentsup.talk.tools import Effect, ToolResult


@attrs.frozen(kw_only=True)
class ApprovalAwaited:
    """A call waits for a person's word: neither a rule nor the policy decided it."""

    type: ClassVar[str] = "approval_awaited"
    call_id: CallId
    name: str
    reason: str | None = None
    """What went wrong with the policy; None where nothing did."""


@attrs.frozen(kw_only=True)
class Confirmed:
    """A call that needed approval was decided."""

    type: ClassVar[str] = "confirmed"
    call_id: CallId
    allow: bool
    message: str | None = attrs.field(default=None, repr=hidden)
    """With a denial: what the model is told."""

    by: Literal["person", "policy", "rule", "runtime"] = "person"
    """Who decided: `rule` is the tool's own, saying that this call needs nobody; `runtime` denies what a request that is stopped left open."""


@attrs.frozen(kw_only=True)
class ToolStarted:
    """A tool is about to run: known before it acts, so that a crash in between is recognised."""

    type: ClassVar[str] = "tool_started"
    call_id: CallId
    name: str
    effect: Effect


@attrs.frozen(kw_only=True)
class ToolEnded:
    """A tool call came to this; the result is what the provider is sent, however often we have to look whether it arrived."""

    type: ClassVar[str] = "tool_ended"
    result: ToolResult


@attrs.frozen(kw_only=True)
class DoubtRaised:
    """A call was cut off while it ran; whether it took effect is unknown, and a person is to say how it goes on."""

    type: ClassVar[str] = "doubt_raised"
    call_id: CallId
    name: str


@attrs.frozen(kw_only=True)
class DoubtResolved:
    """A call in doubt may run again; one that was given a result instead has its `ToolEnded`."""

    type: ClassVar[str] = "doubt_resolved"
    call_id: CallId


@attrs.frozen(kw_only=True)
class TurnJudged:
    """The turn was looked at (by the guard, by its price), and the request goes on unless it says otherwise."""

    type: ClassVar[str] = "turn_judged"
    turn: int
    """Counted over the request; starts at 1."""

    halt: str | None = None
    """Why the request must end; None lets it go on."""

    cost: float | None = None
    """What the request has cost so far, where its price is known."""

    over: bool = False
    """It ends because it cost too much."""


@attrs.frozen(kw_only=True)
class Answered:
    """All calls of a batch have come to something; the answers go out together, in the order the provider asked."""

    type: ClassVar[str] = "answered"
    call_ids: tuple[CallId, ...]


OfCall: TypeAlias = (
    ApprovalAwaited | Confirmed | ToolStarted | ToolEnded | DoubtRaised | DoubtResolved | TurnJudged | Answered
)
"""Of the agent's calls and turns."""
