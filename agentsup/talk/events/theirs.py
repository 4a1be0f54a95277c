"""What the provider said: each event carries its `raw` form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, TypeAlias

import attrs

from agentsup.ids import CallId
from agentsup.talk.content import hidden
from agentsup.talk.events.failure import Failure
from agentsup.talk.outcome import Evaluation
from agentsup.talk.result import Terminal
from agentsup.talk.tools import ToolUse
from agentsup.talk.usage import Usage
from agentsup.talk.verbatim import Verbatim, as_mapping


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
