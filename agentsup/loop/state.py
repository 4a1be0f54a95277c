"""What a session is at one moment.

Everything in it is told by events (`fold.py` says how), but for two fields, which are about this incarnation only: `posting` (a request
is on its way to the provider) and `running` (tools at work); `step` sets them, and a revived session begins with neither.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Literal, TypeAlias

import attrs

from agentsup.ids import CallId, RequestId
from agentsup.talk import events as ev
from agentsup.talk.outgoing import Outgoing
from agentsup.talk.tools import Effect, ToolResult, ToolUse
from agentsup.talk.usage import Usage

REMEMBERED = 256
"""How many finished requests and answered calls are remembered by id, to recognise them when they are named again. A retried submit
comes within a restart and a stale idle within a few turns; 256 is far beyond both, and bounds a session that lives for years."""


@attrs.frozen(kw_only=True)
class Rules:
    """What the session was told about its limits and its tools; not journaled, it comes with the spec."""

    max_turns: int = 50
    timeout: float | None = 600.0
    max_attempts: int | None = None
    """Losses of the connection in a row after which the session gives up; None never does."""

    max_open_attempts: int | None = 4
    """The same, before there was any connection: whoever starts the session waits, and an address that never answered is likely wrong."""

    effects: Mapping[str, Effect] = attrs.field(factory=dict)
    """Tool name to effect class; a tool that is not named is `unsafe`."""


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
    armed: bool = False
    """The provider has its message, and what it says from now on is about it: an older idle cannot end this request."""

    queued: bool = False
    """The provider has its message and works on something older."""

    working: bool = False
    """The agent has done something since it last waited."""

    turns: int = 0


@attrs.frozen(kw_only=True)
class Call:
    """A call of one of our tools that the provider has no answer to yet, as far as we know."""

    use: ToolUse
    started: bool = False
    result: ToolResult | None = None
    queued: bool = False
    """Its result is in the outbox."""


StateName: TypeAlias = Literal["opening", "idle", "running", "closed"]


@attrs.frozen(kw_only=True)
class State:
    """A session at one moment."""

    rules: Rules
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
    current: Current | None = None
    outbox: tuple[Outgoing, ...] = ()
    """What the provider must be told and has not confirmed, in order."""

    sent: frozenset[str] = frozenset()
    """Keys of what is in the outbox and may have arrived all the same."""

    calls: Mapping[CallId, Call] = attrs.field(factory=dict)
    idle: ev.Waiting | None = None
    """The provider's last word, while it waits."""

    stopping: bool = False
    """The agent was told to stop, and has not come to rest since. What it still asks for is about to be dropped over there, and is not
    acted on here; and the next message is held back: behind the rest, nothing of the old request can be taken for the new one's."""

    unheard_stops: int = 0
    """Interrupts the provider has by its answer and has not echoed; the next echo is of one of these."""

    last_stop: str | None = None
    """The key of the newest interrupt."""

    terminated: ev.Terminated | None = None
    answered: tuple[CallId, ...] = ()
    """Calls that want nothing more of us, answered or dropped over there; an idle that names only these is an old one."""

    done: tuple[RequestId, ...] = ()
    requests: int = 0
    turns: int = 0
    usage: Usage = Usage()
    closing: bool = False
    ended: ev.SessionEnded | None = None
    # Of this incarnation only, see above.
    posting: bool = False
    running: frozenset[CallId] = frozenset()

    @property
    def name(self) -> StateName:
        """The state in one word, as `info()` says it."""
        if self.ended is not None:
            return "closed"
        if self.current is not None:
            return "running"
        return "opening" if self.provider_session_id is None else "idle"

    def knows(self, request_id: RequestId) -> bool:
        """Whether this request is in already."""
        waiting = any(accepted.request_id == request_id for accepted in self.queue)
        return waiting or request_id in self.done or (self.current is not None and self.current.id == request_id)
