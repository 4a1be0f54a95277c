"""Everything that can be said to a session: the closed set that `step` has an answer to, in every state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import attrs

from agentsup.ids import CallId, RequestId
from agentsup.talk.content import Part, hidden
from agentsup.talk.events import Failure, Theirs
from agentsup.talk.limits import Limits
from agentsup.talk.outcome import Outcome
from agentsup.talk.tools import ToolResult


@attrs.frozen
class Start:
    """The first message of a session's first incarnation."""

    token: str
    """New and unguessable; by it the provider's session is found if its creation goes unanswered."""

    existing: str | None = None
    """The provider's id of a session to go on with; None makes a new one."""


@attrs.frozen
class Revive:
    """The first message of a later incarnation: the state is a fold of the journal, and nothing runs."""

    reason: str
    crashed: bool = True
    """The incarnation before it ended without having been asked to; otherwise the session was put down, and is taken up again."""


@attrs.frozen
class Submit:
    """A user's input; the same id twice is the same request."""

    request_id: RequestId
    parts: tuple[Part, ...] = attrs.field(repr=hidden)
    outcome: Outcome | None = None
    next: bool = False
    """Directly behind the running request, before what waits already."""


@attrs.frozen
class Steer:
    """A word to the running request, or to the next one; the same id twice is the same word."""

    message_id: RequestId
    parts: tuple[Part, ...] = attrs.field(repr=hidden)


@attrs.frozen
class SendRaw:
    """An event in the provider's own words; the same key twice is the same event."""

    key: str
    raw: Mapping[str, Any] = attrs.field(repr=hidden)


@attrs.frozen
class Configure:
    """Other limits, or other options of the agent's, from now on; the same key twice is the same word."""

    key: str
    limits: Limits | None = None
    options: Mapping[str, Any] = attrs.field(factory=dict, repr=hidden)
    sent: bool = False
    """The provider keeps them and is told once; otherwise it is told with every input."""


@attrs.frozen
class Confirm:
    """Somebody's word on a call that needs approval."""

    call_id: CallId
    allow: bool
    message: str | None = attrs.field(default=None, repr=hidden)
    by: Literal["person", "policy", "rule"] = "person"


@attrs.frozen
class Undecided:
    """Neither a rule nor the policy decided about the call: a person must."""

    call_id: CallId
    reason: str | None = None
    """What went wrong with the policy; None where it left the call to a person by itself, or there is none."""


@attrs.frozen
class Resolve:
    """A person's word on a call in doubt: what it came to, or that it is to run again."""

    call_id: CallId
    result: ToolResult | None
    """None runs it again."""


@attrs.frozen
class Judged:
    """The turn was looked at."""

    request_id: RequestId
    turn: int
    halt: str | None = None
    cost: float | None = None
    over: bool = False


@attrs.frozen
class Passivate:
    """The session has been idle for long: leave memory, if it still is."""


@attrs.frozen
class Opened:
    """The provider has a session for us."""

    provider_session_id: str


@attrs.frozen
class Attached:
    """The stream is open and the history has been merged: what is not in the state now has not happened."""


@attrs.frozen
class News:
    """What the provider said, in its order, each event once; also while the history is being merged."""

    bodies: tuple[Theirs, ...]


@attrs.frozen
class Lost:
    """The stream is gone, or it could not be opened; so could the session."""

    reason: str
    ours: bool = False
    """It was for something that this process lacks: the provider was not asked, and has not failed once more."""


@attrs.frozen
class Unanswered:
    """It is unknown whether what we sent arrived: nothing of ours is on its way any more, and only the history knows."""

    reason: str
    ours: bool = False
    """As in `Lost`."""


@attrs.frozen
class Refused:
    """The provider said no for good: to the session, to its opening, or to what we sent."""

    failure: Failure
    fatal: bool
    """The session itself is refused (authentication, permission, not there), not only what was sent."""

    doubtful: bool = False
    """What was sent may have been done all the same."""


@attrs.frozen
class Posted:
    """The provider took what we sent."""

    keys: tuple[str, ...]


@attrs.frozen
class ToolDone:
    """A tool came to an end, one way or the other."""

    result: ToolResult


@attrs.frozen
class TimedOut:
    """A request's time is up."""

    request_id: RequestId


@attrs.frozen
class RestOverdue:
    """The agent was told to stop some time ago, by the interrupt of this key."""

    key: str


@attrs.frozen
class Interrupt:
    """Stop the running request, here and at the provider; the session lives on."""


@attrs.frozen
class Close:
    """Take nothing more, finish what runs, end."""


@attrs.frozen
class Abort:
    """End now."""

    reason: str = "aborted"


Message: TypeAlias = (
    Start
    | Revive
    | Submit
    | Steer
    | SendRaw
    | Configure
    | Confirm
    | Undecided
    | Resolve
    | Judged
    | Passivate
    | Opened
    | Attached
    | News
    | Lost
    | Unanswered
    | Refused
    | Posted
    | ToolDone
    | TimedOut
    | RestOverdue
    | Interrupt
    | Close
    | Abort
)
