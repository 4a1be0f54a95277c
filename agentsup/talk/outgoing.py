"""What this side tells a provider, each under a key by which its delivery is recorded."""

from __future__ import annotations

from typing import TypeAlias

import attrs

from agentsup.ids import RequestId
from agentsup.talk.content import Part, as_text, hidden
from agentsup.talk.tools import ToolResult


@attrs.frozen
class SayMessage:
    """A user's message on its way to the provider."""

    request_id: RequestId
    parts: tuple[Part, ...] = attrs.field(repr=hidden)

    @property
    def key(self) -> str:
        """What its delivery is recorded under."""
        return f"message:{self.request_id}"

    @property
    def text(self) -> str:
        """Its text, by which an echo of it is recognised."""
        return as_text(self.parts)


@attrs.frozen
class GiveResult:
    """A tool's result on its way to the provider."""

    result: ToolResult

    @property
    def key(self) -> str:
        """What its delivery is recorded under."""
        return f"result:{self.result.call_id}"


@attrs.frozen
class SayStop:
    """An interrupt on its way to the provider."""

    key: str


Outgoing: TypeAlias = SayMessage | GiveResult | SayStop
