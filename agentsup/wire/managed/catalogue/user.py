"""Echoes of what was sent: each has what was said, an id, and from `processed_at` on has been heard."""

from __future__ import annotations

from typing import ClassVar

import attrs

from agentsup.talk.content import hidden
from agentsup.wire.managed.catalogue.base import Blocks, Event, Raw, text_of


@attrs.frozen(slots=False)
class UserMessage(Event):
    """A message."""

    type: ClassVar[str] = "user.message"

    content: Blocks = attrs.field(default=(), repr=hidden)

    @property
    def text(self) -> str:
        """The text of its text blocks, joined by newlines."""
        return text_of(self.content)


@attrs.frozen(slots=False)
class UserInterrupt(Event):
    """A stop, told again with `processed_at` when the agent has stopped."""

    type: ClassVar[str] = "user.interrupt"

    session_thread_id: str | None = None
    """The thread that is to stop; None for all of them."""


@attrs.frozen(slots=False)
class UserToolConfirmation(Event):
    """A tool may run, or may not."""

    type: ClassVar[str] = "user.tool_confirmation"

    tool_use_id: str
    result: str
    """`allow` or `deny`."""

    deny_message: str | None = attrs.field(default=None, repr=hidden)
    session_thread_id: str | None = None


@attrs.frozen(slots=False)
class UserCustomToolResult(Event):
    """What a tool of ours came to."""

    type: ClassVar[str] = "user.custom_tool_result"

    custom_tool_use_id: str
    content: Blocks = attrs.field(default=(), repr=hidden)
    is_error: bool | None = None
    session_thread_id: str | None = None


@attrs.frozen(slots=False)
class UserToolResult(Event):
    """What a server tool came to that a worker of ours ran, in a self-hosted environment."""

    type: ClassVar[str] = "user.tool_result"

    tool_use_id: str
    content: Blocks = attrs.field(default=(), repr=hidden)
    is_error: bool | None = None
    session_thread_id: str | None = None


@attrs.frozen(slots=False)
class UserDefineOutcome(Event):
    """What the session is to achieve, and how that is judged."""

    type: ClassVar[str] = "user.define_outcome"

    description: str | None = attrs.field(default=None, repr=hidden)
    rubric: Raw | None = attrs.field(default=None, repr=hidden)
    """`{"type": "text", "content": ...}` or `{"type": "file", "file_id": ...}`."""

    max_iterations: int | None = None
    outcome_id: str | None = None


@attrs.frozen(slots=False)
class SystemMessage(Event):
    """An instruction from whoever runs the agent."""

    type: ClassVar[str] = "system.message"

    content: Blocks = attrs.field(default=(), repr=hidden)

    @property
    def text(self) -> str:
        """The text of its text blocks, joined by newlines."""
        return text_of(self.content)
