"""What this side tells a provider, each under a key by which its delivery is recorded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias, TypeGuard

import attrs

from agentsup.ids import CallId, RequestId
from agentsup.talk.content import Part, as_text, hidden
from agentsup.talk.outcome import Outcome
from agentsup.talk.tools import ToolResult, ToolUse


@attrs.frozen
class SayMessage:
    """A message on its way to the provider: a request's first word, or one that joins it."""

    request_id: RequestId
    parts: tuple[Part, ...] = attrs.field(repr=hidden)
    message_id: RequestId | None = None
    """Of a message that joins the request; None for the one that begins it."""

    @property
    def key(self) -> str:
        """What its delivery is recorded under."""
        return f"message:{self.message_id or self.request_id}"

    @property
    def text(self) -> str:
        """Its text, by which an echo of it is recognised."""
        return as_text(self.parts)


@attrs.frozen
class DefineOutcome:
    """An outcome on its way to the provider, in place of a request's first message."""

    request_id: RequestId
    outcome: Outcome

    @property
    def key(self) -> str:
        """What its delivery is recorded under."""
        return f"message:{self.request_id}"


@attrs.frozen
class GiveResult:
    """A tool's result on its way to the provider."""

    result: ToolResult
    use: ToolUse | None = attrs.field(default=None, eq=False)
    """The call it answers, for providers that must be told of it again."""

    @property
    def call_id(self) -> CallId:
        """The call that it answers."""
        return self.result.call_id

    @property
    def key(self) -> str:
        """What its delivery is recorded under."""
        return f"result:{self.call_id}"


@attrs.frozen
class GiveLeave:
    """The word on a call of the provider's own that asked for leave, on its way."""

    call_id: CallId
    allow: bool
    message: str | None = attrs.field(default=None, repr=hidden)

    @property
    def key(self) -> str:
        """What its delivery is recorded under."""
        return f"leave:{self.call_id}"


@attrs.frozen
class SayStop:
    """An interrupt on its way to the provider."""

    key: str


@attrs.frozen
class SayRaw:
    """An event in the provider's own words, on its way as it is."""

    key: str
    raw: Mapping[str, Any] = attrs.field(repr=hidden)


@attrs.frozen
class SetOptions:
    """What the provider's session is to have otherwise from now on. To say it twice comes to the same."""

    key: str
    options: Mapping[str, Any] = attrs.field(repr=hidden)


Outgoing: TypeAlias = SayMessage | DefineOutcome | GiveResult | GiveLeave | SayStop | SayRaw | SetOptions

Shown: TypeAlias = SayMessage | DefineOutcome | SayStop | SayRaw
"""What a provider shows again as it comes to it. Answers to calls are known by their calls."""

Answer: TypeAlias = GiveResult | GiveLeave
"""What answers a call."""

Opening: TypeAlias = SayMessage | DefineOutcome
"""What can begin a request."""


def answers(item: Outgoing) -> TypeGuard[Answer]:
    """Whether this answers a call."""
    return isinstance(item, GiveResult | GiveLeave)


def begins(item: Outgoing) -> TypeGuard[Opening]:
    """Whether this is a request's first word, and not one that joins it."""
    return isinstance(item, DefineOutcome) or (isinstance(item, SayMessage) and item.message_id is None)


def says(item: Outgoing) -> TypeGuard[Opening]:
    """Whether this gives the agent something to do: a request's first word, or one that joins it."""
    return isinstance(item, SayMessage | DefineOutcome)


def goes_alone(item: Outgoing) -> bool:
    """Whether this is sent with nothing else: what it is refused for concerns nothing else, and whoever said it is told."""
    return isinstance(item, SayRaw | SetOptions)


def joins(item: Outgoing, request_id: RequestId) -> bool:
    """Whether this is a word that joined the request."""
    return isinstance(item, SayMessage) and item.message_id is not None and item.request_id == request_id
