"""What the agent does: what it says, which tools it uses, and what it hears from other threads."""

from __future__ import annotations

from types import MappingProxyType
from typing import ClassVar, Final

import attrs

from agentsup.talk.content import hidden
from agentsup.wire.managed.catalogue.base import Blocks, Event, Raw, text_of

NOTHING_GIVEN: Final[Raw] = MappingProxyType({})
"""The input of a call without one."""


@attrs.frozen(slots=False)
class AgentMessage(Event):
    """The agent said something."""

    type: ClassVar[str] = "agent.message"

    content: Blocks = attrs.field(default=(), repr=hidden)

    @property
    def text(self) -> str:
        """The text of its text blocks, joined by newlines."""
        return text_of(self.content)


@attrs.frozen(slots=False)
class AgentThinking(Event):
    """The agent thinks; what it thinks is not told."""

    type: ClassVar[str] = "agent.thinking"


@attrs.frozen(slots=False)
class AgentToolUse(Event):
    """The agent uses a tool of the provider's; `id` is the call's id."""

    type: ClassVar[str] = "agent.tool_use"

    name: str
    input: Raw = attrs.field(default=NOTHING_GIVEN, repr=hidden)
    evaluated_permission: str | None = None
    """`allow`: it runs; `ask`: it waits for a confirmation; `deny`: it never runs."""

    evaluation: Raw | None = None
    """How that was decided."""

    session_thread_id: str | None = None
    """The thread that asks, where it is not the session's own."""


@attrs.frozen(slots=False)
class AgentToolResult(Event):
    """What a tool of the provider's came to."""

    type: ClassVar[str] = "agent.tool_result"

    tool_use_id: str
    content: Blocks = attrs.field(default=(), repr=hidden)
    is_error: bool | None = None


@attrs.frozen(slots=False)
class AgentMcpToolUse(Event):
    """The agent uses a tool of an MCP server; `id` is the call's id."""

    type: ClassVar[str] = "agent.mcp_tool_use"

    name: str
    mcp_server_name: str | None = None
    input: Raw = attrs.field(default=NOTHING_GIVEN, repr=hidden)
    evaluated_permission: str | None = None
    evaluation: Raw | None = None
    session_thread_id: str | None = None


@attrs.frozen(slots=False)
class AgentMcpToolResult(Event):
    """What an MCP server's tool came to."""

    type: ClassVar[str] = "agent.mcp_tool_result"

    mcp_tool_use_id: str
    content: Blocks = attrs.field(default=(), repr=hidden)
    is_error: bool | None = None


@attrs.frozen(slots=False)
class AgentCustomToolUse(Event):
    """The agent asks for a tool of yours; `id` is the call's id, and it waits for a `user.custom_tool_result` with it."""

    type: ClassVar[str] = "agent.custom_tool_use"

    name: str
    input: Raw = attrs.field(default=NOTHING_GIVEN, repr=hidden)
    session_thread_id: str | None = None


@attrs.frozen(slots=False)
class AgentThreadContextCompacted(Event):
    """The agent's memory of the conversation was made shorter."""

    type: ClassVar[str] = "agent.thread_context_compacted"


@attrs.frozen(slots=False)
class AgentThreadMessageSent(Event):
    """The agent wrote to another thread."""

    type: ClassVar[str] = "agent.thread_message_sent"

    to_session_thread_id: str
    to_agent_name: str | None = None
    content: Blocks = attrs.field(default=(), repr=hidden)


@attrs.frozen(slots=False)
class AgentThreadMessageReceived(Event):
    """Another thread wrote to the agent."""

    type: ClassVar[str] = "agent.thread_message_received"

    from_session_thread_id: str
    from_agent_name: str | None = None
    content: Blocks = attrs.field(default=(), repr=hidden)
