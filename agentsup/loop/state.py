"""What a session is at one moment.

Everything in it is told by events (`fold.py` says how), but for the fields that are about this incarnation only (`Now`): a request on its
way to the provider, tools at work, questions that were asked; `step` sets them, and a revived session begins with none of them.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Mapping
from typing import Any, Literal, TypeAlias

import attrs

from agentsup.ids import CallId, RequestId
from agentsup.loop.rules import Rules
from agentsup.talk import events as ev
from agentsup.talk.limits import Limits
from agentsup.talk.outgoing import Outgoing, Shown, joins, says
from agentsup.talk.tools import ToolResult, ToolUse
from agentsup.talk.usage import Usage

REMEMBERED = 256
"""How many finished requests and answered calls are remembered by id, to recognise them when they are named again. A retried submit
comes within a restart and a stale idle within a few turns; 256 is far beyond both, and bounds a session that lives for years."""


class Link(enum.Enum):
    """Where the connection to the provider's session stands."""

    OPENING = "opening"
    ATTACHING = "attaching"
    ATTACHED = "attached"
    GONE = "gone"


@attrs.frozen(kw_only=True)
class Current:
    """The running request."""

    id: RequestId
    taken_up: bool = False
    """The agent has come to it, and what it says from now on is about it: an older idle cannot end this request."""

    working: bool = False
    """The agent has done something since it last waited."""

    turns: int = 0
    rounds: int = 0
    """Batches of calls that were answered."""

    judged: int = 0
    """The newest turn that was looked at."""

    halt: ev.TurnJudged | None = None
    """It was judged to end here."""

    spent: Usage = Usage()
    concluded: bool = False
    """The tool that must be called has been."""

    reprompts: int = 0


@attrs.frozen(kw_only=True)
class Call:
    """A call that the provider waits for us about: to run it, or to let it run."""

    use: ToolUse
    ours: bool = True
    """It runs here; otherwise it is the provider's own, and asks for leave."""

    thread: str | None = None
    """The provider's thread that it belongs to, and ends with; None for the session's own."""

    awaited: bool = False
    """Whether it may run is for a person to say."""

    leave: ev.Confirmed | None = None
    """What was said."""

    started: bool = False
    doubt: bool = False
    """It was cut off while it ran, and a person is to say what came of it."""

    result: ToolResult | None = None
    queued: bool = False
    """Its answer is in the outbox."""

    @property
    def is_decided(self) -> bool:
        """Whether there is an answer to give."""
        return self.result is not None if self.ours else self.leave is not None

    @property
    def needs_person(self) -> bool:
        """Whether nothing but a person's word brings it on."""
        return not self.is_decided and ((self.awaited and self.leave is None) or self.doubt)


@attrs.frozen
class Sent:
    """An input that the provider has, or may have, and that the agent has not come to."""

    item: Shown
    echo: str | None = None
    """The id under which the provider has shown that it waits over there."""


StateName: TypeAlias = Literal[
    "opening", "idle", "running", "awaiting_approval", "awaiting_input", "passivated", "closed"
]


@attrs.frozen
class Now:
    """What is true of this incarnation only."""

    posting: bool = False
    """A request is on its way to the provider."""

    running: frozenset[CallId] = frozenset()
    """Tools at work."""

    asking: frozenset[CallId] = frozenset()
    """Calls about which the policy was asked."""

    judging: tuple[RequestId, int] | None = None
    """The turn that somebody looks at."""

    forsaken: ev.Failure | None = None
    """Why what was sent is not sent again, though it is not known yet whether it arrived."""

    refused: frozenset[str] = frozenset()
    """Keys of answers that were refused: somebody else may have given them. If the history does not say so, they are sent once more."""


@attrs.frozen(kw_only=True)
class State:
    """A session at one moment."""

    rules: Rules
    limits: Limits | None = None
    """The limits that were configured, in place of the spec's; `rules` has them."""

    options: Mapping[str, Any] = attrs.field(factory=dict)
    """What the agent was configured to have otherwise, where the provider is told with every input."""

    token: str | None = None
    provider_session_id: str | None = None
    link: Link = Link.OPENING
    reached: bool = False
    """There was a connection once."""

    attempts: int = 0
    """Losses of the connection in a row without a new event between."""

    reconnects: int = 0
    restarts: int = 0
    last_error: str | None = None
    queue: tuple[ev.Accepted, ...] = ()
    steers: tuple[ev.Steered, ...] = ()
    """Words for the next request's first model call."""

    current: Current | None = None
    outbox: tuple[Outgoing, ...] = ()
    """What the provider must be told and has not confirmed, in order."""

    sent: frozenset[str] = frozenset()
    """Keys of what is in the outbox and may have arrived all the same."""

    unheard: tuple[Sent, ...] = ()
    """What the provider may have of ours, in the order in which it was sent, and has not shown that it came to: what an echo can be of."""

    calls: Mapping[CallId, Call] = attrs.field(factory=dict)
    at_work: bool = False
    """The agent was given something, or works, and has not come to the end of it since."""

    idle: ev.Waiting | None = None
    """The provider's last word, while it waits."""

    stopping: bool = False
    """The agent was told to stop, and has not come to rest since. What it still asks for is about to be dropped over there, and is not
    acted on here; and the next message is held back: behind the rest, nothing of the old request can be taken for the new one's."""

    stops: int = 0
    """Interrupts so far."""

    last_stop: str | None = None
    """The key of the newest interrupt."""

    terminated: ev.Terminated | None = None
    answered: tuple[CallId, ...] = ()
    """Calls that want nothing more of us, answered or dropped over there; an idle that names only these is an old one."""

    done: tuple[RequestId, ...] = ()
    words: tuple[str, ...] = ()
    """Ids of the newest words to requests and keys of the newest raw events, by which a repeated one is known."""

    requests: int = 0
    turns: int = 0
    usage: Usage = Usage()
    asleep: bool = False
    closing: bool = False
    ended: ev.SessionEnded | None = None
    now: Now = Now()

    @property
    def name(self) -> StateName:
        """The state in one word, as `info()` says it."""
        if self.ended is not None:
            return "closed"
        if self.asleep:
            return "passivated"
        if self.waits_for_person:
            return "awaiting_approval"
        if self.current is not None:
            return "running"
        if self.provider_session_id is None:
            return "opening"
        return "awaiting_input" if self.waits_for_input else "idle"

    @property
    def rests(self) -> bool:
        """Whether the agent has come to the end of everything it was given: there is nothing to stop."""
        return not self.at_work and not any(says(sent.item) or sent.echo is not None for sent in self.unheard)

    @property
    def adrift(self) -> bool:
        """Whether the last turn came to no good end where nobody can look it up: the agent may work on, or wait for calls we never heard of."""
        return not self.rules.has_history and self.idle is not None and self.idle.failure is not None

    @property
    def owes_word(self) -> bool:
        """Whether something joined the running request that the agent has not come to: it is not over before that."""
        current = self.current
        if current is None or not (self.outbox or self.unheard):
            return False
        return any(joins(item, current.id) for item in (*self.outbox, *(sent.item for sent in self.unheard)))

    @property
    def doubted(self) -> tuple[Outgoing, ...]:
        """What went out and the agent has not come to, as far as is known: it may have arrived, and wait over there."""
        return (*(item for item in self.outbox if item.key in self.sent), *(sent.item for sent in self.unheard))

    @property
    def asked_calls(self) -> tuple[Call, ...]:
        """The calls that the agent waits for by its last word and that have no answer on its way, in its order."""
        if self.idle is None or not self.calls:
            return ()
        named = (self.calls.get(call_id) for call_id in self.idle.asked)
        return tuple(call for call in named if call is not None and not call.queued)

    @property
    def waits_for_person(self) -> bool:
        """Whether the agent waits for a call about which a person has to say something."""
        return not self.stopping and any(call.needs_person for call in self.asked_calls)

    @property
    def waits_for_input(self) -> bool:
        """Whether the agent waits for something this session did not give."""
        idle = self.idle
        if idle is None or idle.terminal != "requires_action" or self.stopping:
            return False
        given = {*self.answered, *(call_id for call_id, call in self.calls.items() if call.queued)}
        return not idle.asked or not given.issuperset(idle.asked)

    @property
    def has_work(self) -> bool:
        """Whether something is under way, or waits to be."""
        waits = self.current or self.queue or self.outbox or self.stopping or self.closing or not self.rests
        return bool(waits) and self.ended is None

    @property
    def may_sleep(self) -> bool:
        """Whether it may leave memory: it follows its agent, and nothing is under way or waits to be.

        One that does not follow yet is waited for by whoever started it; and after a loss it is about to find out what it missed.
        """
        if self.link is not Link.ATTACHED or self.current is not None or self.now.posting:
            return False
        return self.name == "idle" and not self.has_work

    def ruled(self, rules: Rules) -> State:
        """The same under the rules of a spec, but for the limits that were configured meanwhile."""
        return attrs.evolve(self, rules=rules if self.limits is None else rules.under(self.limits))

    def settled(self, call_ids: Collection[CallId]) -> State:
        """The state after these calls: they want nothing more, and are recognised should they be named again."""
        if not call_ids:
            return self
        calls = {call_id: call for call_id, call in self.calls.items() if call_id not in call_ids}
        return attrs.evolve(self, calls=calls, answered=(*self.answered, *call_ids)[-REMEMBERED:])

    def knows(self, request_id: RequestId) -> bool:
        """Whether this request is in already."""
        if request_id in self.done or any(accepted.request_id == request_id for accepted in self.queue):
            return True
        return self.current is not None and self.current.id == request_id

    def knows_word(self, key: str) -> bool:
        """Whether this word to a request, or this event in the provider's own words, is in already."""
        return key in self.words
