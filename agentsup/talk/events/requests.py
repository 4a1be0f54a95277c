"""What becomes of what is asked: accepted, sent, taken up, and ended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, TypeAlias

import attrs

from agentsup.ids import RequestId
from agentsup.talk.content import Part, hidden
from agentsup.talk.events.failure import Failure
from agentsup.talk.outcome import Outcome
from agentsup.talk.result import Terminal
from agentsup.talk.usage import Usage


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
    turns: int = 0
    """What it took, as its result says it: this record outlives the others of its request."""

    usage: Usage = Usage()
    """What it cost, likewise; without the provider's own words."""


OfRequest: TypeAlias = (
    Accepted
    | Steered
    | Directed
    | RawAsked
    | RequestStarted
    | TakenUp
    | Sending
    | Delivered
    | Withdrawn
    | InterruptSent
    | RestGivenUp
    | RequestEnded
)
"""Of what is asked."""
