"""Everything a session asks the outside to do; each is answered by a message, or needs no answer."""

from __future__ import annotations

from typing import TypeAlias

import attrs

from agentsup.ids import CallId, RequestId
from agentsup.talk.outgoing import Outgoing
from agentsup.talk.tools import ToolUse
from agentsup.talk.usage import Usage


@attrs.frozen
class Open:
    """Find or make the provider's session: `Opened`, `Lost` or `Refused` comes back."""

    token: str
    search: bool
    """A create may have happened already: look for one that carries the token first."""

    attempt: int
    """How often this has failed in a row; 0 goes at once."""


@attrs.frozen
class Attach:
    """Open the stream, list the history, merge: `News`, then `Attached`, then `News` until `Lost` or `Refused`."""

    provider_session_id: str
    attempt: int
    """How often the connection was lost in a row; 0 goes at once."""


@attrs.frozen
class Detach:
    """Drop the stream: what comes from it from now on is not wanted."""


@attrs.frozen
class Post:
    """Send these, in one request and in this order: `Posted`, `Unanswered` or `Refused` comes back, also after the stream was lost."""

    items: tuple[Outgoing, ...]


@attrs.frozen
class RunTool:
    """Run a tool: `ToolDone` comes back, whatever it does."""

    use: ToolUse


@attrs.frozen
class CancelTools:
    """Stop these tools for real; nothing comes back from them."""

    call_ids: tuple[CallId, ...]


@attrs.frozen
class AskApproval:
    """Ask the tool's own rule and the policy about this call: `Confirm` or `Undecided` comes back."""

    use: ToolUse
    ours: bool
    """It would run here; otherwise it is the provider's own, which asked for leave."""


@attrs.frozen
class Judge:
    """Look at the turn that just ended (the guard, the price): `Judged` comes back."""

    request_id: RequestId
    turn: int
    """Counted over the request; starts at 1."""

    turns: int
    """Counted over the session."""

    usage: Usage
    """Of the request so far."""


@attrs.frozen
class PauseTimer:
    """The request waits for a person: its time stands still."""

    request_id: RequestId


@attrs.frozen
class ResumeTimer:
    """The request goes on, and so does its time."""

    request_id: RequestId


@attrs.frozen
class Rest:
    """The session leaves memory: end its task, which is begun again when it is wanted."""


@attrs.frozen
class StartTimer:
    """Say `TimedOut` when the request's time is up."""

    request_id: RequestId
    seconds: float


@attrs.frozen
class ChangeTimer:
    """The running request has other time from now on; what it used up counts."""

    request_id: RequestId
    seconds: float | None
    """All of its time; None is without end."""

    stands: bool
    """It stands still at the moment."""


@attrs.frozen
class CancelTimer:
    """The request is over; its timer is not wanted any more."""

    request_id: RequestId


@attrs.frozen
class AwaitRest:
    """Say `RestOverdue` after this time; nobody need be told that it is not wanted any more."""

    key: str
    seconds: float


@attrs.frozen
class Finish:
    """The session is over: end its task."""


Effect: TypeAlias = (
    Open
    | Attach
    | Detach
    | Post
    | AskApproval
    | RunTool
    | CancelTools
    | Judge
    | StartTimer
    | PauseTimer
    | ResumeTimer
    | ChangeTimer
    | CancelTimer
    | AwaitRest
    | Rest
    | Finish
)
