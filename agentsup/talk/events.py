"""What happens in a session: the one vocabulary of the journal, the session machine and the subscribers.

Every change of a session is one of these events. The machine decides by naming the events that follow from a message, its state is the
fold of them, the journal keeps them in order, and a subscriber is shown the same sequence. So there is no second account of a session
that could disagree with the first.

Three families: `Ours` (what this side did or found out), `Theirs` (what the provider said: each carries its `raw` event), and the
`Passing` ones, which are shown to whoever listens and kept nowhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, TypeAlias

import attrs

from agentsup.ids import CallId, Cursor, RequestId, SessionId
from agentsup.talk.content import Part, hidden
from agentsup.talk.limits import Limits
from agentsup.talk.outcome import Evaluation, Outcome
from agentsup.talk.result import SessionResult, Terminal
from agentsup.talk.tools import Effect, ToolResult, ToolUse
from agentsup.talk.usage import Usage
from agentsup.talk.verbatim import Verbatim, as_mapping

FailureKind: TypeAlias = Literal[
    "timeout", "turn_limit", "budget", "halted", "interrupted", "provider", "stream", "closed"
]
"""Why we, and not the agent, ended a request."""


@attrs.frozen(kw_only=True)
class Failure:
    """Why a request or a session ended without the provider having brought it to its end; plain data, so that it can be kept."""

    kind: FailureKind
    message: str
    """One sentence about the situation; never the content of the conversation."""

    status: int | None = None
    """The HTTP status, where there was one."""

    code: str | None = None
    """The provider's own word for the error, where it gave one."""

    provider_request_id: str | None = None
    """The provider's id of the HTTP request that failed, for asking its support."""


# --- ours ----------------------------------------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class SessionStarted:
    """The session exists here; `token` marks the provider's session as ours before we know its id."""

    type: ClassVar[str] = "session_started"
    token: str


@attrs.frozen(kw_only=True)
class SessionRestarted:
    """The session's task ended without having been asked to; this is the next incarnation, with everything it had."""

    type: ClassVar[str] = "session_restarted"
    number: int
    """How many restarts there have been; starts at 1."""

    reason: str


@attrs.frozen(kw_only=True)
class Resumed:
    """The session is taken up again where its journal left it: by another process, or because it was passivated and is wanted."""

    type: ClassVar[str] = "resumed"
    reason: str


@attrs.frozen(kw_only=True)
class Passivated:
    """The session was idle for a while and leaves memory; the next message brings it back."""

    type: ClassVar[str] = "passivated"


@attrs.frozen(kw_only=True)
class Forked:
    """What stands before this was lived by another session, up to its `cursor`; from here on this one goes its own way."""

    type: ClassVar[str] = "forked"
    source: SessionId
    cursor: int


@attrs.frozen(kw_only=True)
class Bound:
    """The provider's id for this session is known."""

    type: ClassVar[str] = "bound"
    provider_session_id: str


@attrs.frozen(kw_only=True)
class Connected:
    """The provider's event stream is open and everything missed has been caught up with."""

    type: ClassVar[str] = "connected"


@attrs.frozen(kw_only=True)
class ConnectionLost:
    """The event stream broke, or something sent may not have arrived; the session looks again before it goes on."""

    type: ClassVar[str] = "connection_lost"
    reason: str
    attempt: int
    """How often in a row, without a new event between; starts at 1."""


@attrs.frozen(kw_only=True)
class Accepted:
    """A request is in; from here on it ends in exactly one `RequestEnded`."""

    type: ClassVar[str] = "accepted"
    request_id: RequestId
    parts: tuple[Part, ...] = attrs.field(default=(), repr=hidden)
    outcome: Outcome | None = None
    """What is to be reached, where the request is not a message."""

    next: bool = False
    """It goes directly behind the running request, before what waits already."""


@attrs.frozen(kw_only=True)
class Steered:
    """A word to the running request; while none runs it waits for the next one's first model call."""

    type: ClassVar[str] = "steered"
    message_id: RequestId
    parts: tuple[Part, ...] = attrs.field(repr=hidden)


@attrs.frozen(kw_only=True)
class Directed:
    """The runtime itself says something to the agent, as a message of the running request."""

    type: ClassVar[str] = "directed"
    message_id: RequestId
    kind: Literal["terminal_tool"]
    """Why: the tool that must have been called was not."""

    text: str = attrs.field(repr=hidden)


@attrs.frozen(kw_only=True)
class RawAsked:
    """An event in the provider's own words is to be sent as it is."""

    type: ClassVar[str] = "raw_asked"
    key: str
    raw: Mapping[str, Any] = attrs.field(repr=hidden)


@attrs.frozen(kw_only=True)
class Configured:
    """From here on the session has other limits, or its agent other options; what is not named stays as it was."""

    type: ClassVar[str] = "configured"
    key: str
    limits: Limits | None = None
    """In place of the spec's, as a whole; None leaves them."""

    options: Mapping[str, Any] = attrs.field(factory=dict, repr=hidden)
    """In the provider's words."""

    sent: bool = False
    """The provider is told once, and keeps them; otherwise it is told with every input from now on."""


@attrs.frozen(kw_only=True)
class RequestStarted:
    """It is this request's turn: its input is on its way to the provider."""

    type: ClassVar[str] = "request_started"
    request_id: RequestId


@attrs.frozen(kw_only=True)
class TakenUp:
    """The agent has come to the request: what it says from here on is about it, and nothing before this was."""

    type: ClassVar[str] = "taken_up"
    request_id: RequestId


@attrs.frozen(kw_only=True)
class Sending:
    """These inputs are about to go out: from here until they are delivered or withdrawn, the provider may have them."""

    type: ClassVar[str] = "sending"
    keys: tuple[str, ...]


@attrs.frozen(kw_only=True)
class Delivered:
    """The provider has these inputs of ours, by its own word."""

    type: ClassVar[str] = "delivered"
    keys: tuple[str, ...]


@attrs.frozen(kw_only=True)
class Withdrawn:
    """These inputs did not go out, and will not: the request they belonged to is over, or the provider refused them."""

    type: ClassVar[str] = "withdrawn"
    keys: tuple[str, ...]
    failure: Failure | None = None
    """The provider's refusal."""


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


@attrs.frozen(kw_only=True)
class InterruptSent:
    """The provider is being asked to stop what it is doing."""

    type: ClassVar[str] = "interrupt_sent"
    key: str


@attrs.frozen(kw_only=True)
class RestGivenUp:
    """The provider was asked to stop, and has not said in time that it did: what waits behind that goes out all the same."""

    type: ClassVar[str] = "rest_given_up"
    key: str


@attrs.frozen(kw_only=True)
class RequestEnded:
    """The request's one terminal: the provider's ending, or our own with a `failure`."""

    type: ClassVar[str] = "request_ended"
    request_id: RequestId
    terminal: Terminal
    stop_reason: Any = None
    failure: Failure | None = None


@attrs.frozen(kw_only=True)
class Closing:
    """No more requests are taken; the session ends after the running one."""

    type: ClassVar[str] = "closing"


@attrs.frozen(kw_only=True)
class SessionEnded:
    """The session is over here; nothing follows."""

    type: ClassVar[str] = "session_ended"
    reason: str
    failure: Failure | None = None


Ours: TypeAlias = (
    SessionStarted
    | SessionRestarted
    | Resumed
    | Passivated
    | Forked
    | Bound
    | Connected
    | ConnectionLost
    | Accepted
    | Steered
    | Directed
    | RawAsked
    | Configured
    | RequestStarted
    | TakenUp
    | Sending
    | Delivered
    | Withdrawn
    | ApprovalAwaited
    | Confirmed
    | ToolStarted
    | ToolEnded
    | DoubtRaised
    | DoubtResolved
    | TurnJudged
    | Answered
    | InterruptSent
    | RestGivenUp
    | RequestEnded
    | Closing
    | SessionEnded
)


# --- theirs --------------------------------------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class Heard:
    """Something the provider said; `raw` is its own event, verbatim."""

    type: ClassVar[str] = "heard"
    id: str | None
    """The provider's event id, or its type and time where it has none; what it is recognised by when it is seen again."""

    _raw: Verbatim = attrs.field(repr=hidden)
    """As it came, where it came as text: a text costs the garbage collector nothing, and the journal no encoding."""

    thread: str | None = None
    """The provider's id of the thread it is about, where the provider says so: of a subagent's, as a rule. None for the session itself."""

    @property
    def raw(self) -> Mapping[str, Any]:
        """The provider's own event, verbatim; empty for what is concluded from several of them."""
        return as_mapping(self._raw)

    @property
    def verbatim(self) -> Verbatim:
        """The same, in the form in which it is kept."""
        return self._raw

    @property
    def sighting(self) -> str | None:
        """What this is recognised by when it is seen again; None for what cannot be recognised."""
        return self.id


@attrs.frozen(kw_only=True)
class Working(Heard):
    """The agent began, or went on, to work."""

    type: ClassVar[str] = "working"


@attrs.frozen(kw_only=True)
class Waiting(Heard):
    """The agent stopped working: it is done, or it waits for us."""

    type: ClassVar[str] = "waiting"
    terminal: Terminal
    stop_reason: Any
    asked: tuple[CallId, ...] = ()
    """With `requires_action`: the calls it waits for, in its order; they may be old ones, and answered already."""

    failure: Failure | None = None
    """It broke off because of this, and nothing can be looked up or asked again: the request ends with it."""


@attrs.frozen(kw_only=True)
class Terminated(Heard):
    """The provider ended its session for good."""

    type: ClassVar[str] = "terminated"
    stop_reason: Any


@attrs.frozen(kw_only=True)
class Said(Heard):
    """The agent said something, whole."""

    type: ClassVar[str] = "said"
    text: str = attrs.field(repr=hidden)


@attrs.frozen(kw_only=True)
class ToolAsked(Heard):
    """The model wants one of our tools run."""

    type: ClassVar[str] = "tool_asked"
    use: ToolUse


@attrs.frozen(kw_only=True)
class ServerToolUsed(Heard):
    """The provider ran a tool on its side, or wants leave to."""

    type: ClassVar[str] = "server_tool_used"
    use: ToolUse
    asks: bool = False
    """It waits for leave, given or denied by `confirm`."""


@attrs.frozen(kw_only=True)
class ServerToolEnded(Heard):
    """A tool on the provider's side came to something; if it had asked for leave, somebody has given or denied it."""

    type: ClassVar[str] = "server_tool_ended"
    call_id: CallId
    is_error: bool = False


@attrs.frozen(kw_only=True)
class ThreadEnded(Heard):
    """A thread (of a subagent) is over: what it had asked for wants nothing more, and its calls that run here are stopped."""

    type: ClassVar[str] = "thread_ended"


@attrs.frozen(kw_only=True)
class Measured(Heard):
    """A model call is over, and this is what it used."""

    type: ClassVar[str] = "measured"
    usage: Usage


@attrs.frozen(kw_only=True)
class EvaluationStarted(Heard):
    """The work on an outcome is being judged."""

    type: ClassVar[str] = "evaluation_started"
    outcome_id: str | None = None
    """The provider's id of the outcome."""

    iteration: int | None = None
    """Starts at 0."""


@attrs.frozen(kw_only=True)
class EvaluationOngoing(Heard):
    """It still is; a sign of life while the grader works."""

    type: ClassVar[str] = "evaluation_ongoing"
    outcome_id: str | None = None
    iteration: int | None = None


@attrs.frozen(kw_only=True)
class EvaluationEnded(Heard):
    """It was judged; alone this ends nothing, for the agent works on, or says its last word."""

    type: ClassVar[str] = "evaluation_ended"
    evaluation: Evaluation


@attrs.frozen(kw_only=True)
class Echoed(Heard):
    """An input of ours came back: the provider has it."""

    type: ClassVar[str] = "echoed"
    kind: Literal["message", "outcome", "result", "confirmation", "interrupt", "other"]
    call_id: CallId | None = None
    text: str | None = attrs.field(default=None, repr=hidden)
    queued: bool = False
    """The provider has the message and has not come to it: older work goes first. When its turn comes, it is echoed again."""

    @property
    def sighting(self) -> str | None:
        """A message that waits over there is seen twice under one id, and says two things."""
        return f"{self.id} queued" if self.queued and self.id is not None else self.id


@attrs.frozen(kw_only=True)
class Troubled(Heard):
    """The provider reports an error; alone it ends nothing, what follows from it comes as events of their own."""

    type: ClassVar[str] = "troubled"
    kind: str
    retry: str | None
    """What the provider does about it, in its own word (`retrying`, `exhausted`, `terminal`)."""


@attrs.frozen(kw_only=True)
class Noted(Heard):
    """An event that changes nothing here but that the provider lives, known or not; what it says is in `raw`."""

    type: ClassVar[str] = "noted"


Theirs: TypeAlias = (
    Working
    | Waiting
    | Terminated
    | Said
    | ToolAsked
    | ServerToolUsed
    | ServerToolEnded
    | ThreadEnded
    | Measured
    | EvaluationStarted
    | EvaluationOngoing
    | EvaluationEnded
    | Echoed
    | Troubled
    | Noted
)


# --- passing -------------------------------------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class TextDelta:
    """A piece of a message while it is being said; the whole follows as `Said`, with the same id."""

    type: ClassVar[str] = "text_delta"
    message_id: str
    text: str = attrs.field(repr=hidden)


@attrs.frozen(kw_only=True)
class Dropped:
    """The subscriber was too slow: this many events were not kept for it at this place."""

    type: ClassVar[str] = "dropped"
    count: int


Kept: TypeAlias = Ours | Theirs
"""What the journal keeps, in order."""

Passing: TypeAlias = TextDelta | Dropped

Body: TypeAlias = Kept | Passing


@attrs.frozen(kw_only=True)
class Entry:
    """A kept event in its place."""

    cursor: Cursor
    """Its number in the session, starting at 1."""

    at: float
    """When it was kept, in seconds since the epoch."""

    body: Kept


@attrs.frozen(kw_only=True)
class SessionEvent:
    """An event as a subscriber gets it."""

    cursor: Cursor
    """Its place in the session; pass it as `after=` to go on behind it. A passing event has the place of the kept one before it."""

    session_id: SessionId
    """The session it happened in."""

    at: float
    """When it happened, in seconds since the epoch."""

    body: Body
    """What happened: one of the classes of `agentsup.talk.events`."""

    result: SessionResult | None = None
    """On a request's last event, and there only: what the request came to."""

    @property
    def type(self) -> str:
        """The kind of event, in snake case."""
        return self.body.type

    @property
    def raw(self) -> Mapping[str, Any] | None:
        """The provider's own event, verbatim; None where the event is not the provider's."""
        return self.body.raw if isinstance(self.body, Heard) else None

    @property
    def thread(self) -> str | None:
        """The provider's id of the thread (of a subagent) that this is about; None where it is about the session itself."""
        return self.body.thread if isinstance(self.body, Heard) else None

    @property
    def dropped(self) -> int:
        """How many events are missing at this place because the subscriber was too slow."""
        return self.body.count if isinstance(self.body, Dropped) else 0

    @property
    def text(self) -> str | None:
        """The text of a message or of a piece of one."""
        return self.body.text if isinstance(self.body, Said | TextDelta) else None

    @property
    def request_id(self) -> RequestId | None:
        """The request that was accepted, started, taken up or ended here."""
        body = self.body
        return body.request_id if isinstance(body, Accepted | RequestStarted | TakenUp | RequestEnded) else None
