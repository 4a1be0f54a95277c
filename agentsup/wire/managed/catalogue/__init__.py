"""Every event of Claude Managed Agents as a frozen class, and `event_of`, which makes them of plain data.

This is the service's own vocabulary, for whoever reads events through the control plane. A session speaks the common one
(`agentsup.talk.events`), which `agentsup.wire.managed.events.read` makes of the same plain data, without the detour over these.

Source: the event catalogue of the Managed Agents API, as told in this project's reference notes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from agentsup.wire.managed.catalogue.agent import (
    AgentCustomToolUse,
    AgentMcpToolResult,
    AgentMcpToolUse,
    AgentMessage,
    AgentThinking,
    AgentThreadContextCompacted,
    AgentThreadMessageReceived,
    AgentThreadMessageSent,
    AgentToolResult,
    AgentToolUse,
)
from agentsup.wire.managed.catalogue.base import Blocks, Event, Raw, Unknown
from agentsup.wire.managed.catalogue.reader import Read, reader_of, unknown
from agentsup.wire.managed.catalogue.session import (
    SessionDeleted,
    SessionError,
    SessionStatusIdle,
    SessionStatusRescheduled,
    SessionStatusRunning,
    SessionStatusTerminated,
    SessionThreadCreated,
    SessionThreadStatusIdle,
    SessionThreadStatusRescheduled,
    SessionThreadStatusRunning,
    SessionThreadStatusTerminated,
    SessionUpdated,
    SessionUsage,
)
from agentsup.wire.managed.catalogue.span import (
    EventDelta,
    EventStart,
    SpanModelRequestEnd,
    SpanModelRequestStart,
    SpanOutcomeEvaluationEnd,
    SpanOutcomeEvaluationOngoing,
    SpanOutcomeEvaluationStart,
    WorkflowRunCreated,
    WorkflowRunError,
    WorkflowRunPhaseEnded,
    WorkflowRunPhaseStarted,
    WorkflowRunStatusEnded,
    WorkflowRunStatusIdle,
    WorkflowRunStatusRunning,
)
from agentsup.wire.managed.catalogue.user import (
    SystemMessage,
    UserCustomToolResult,
    UserDefineOutcome,
    UserInterrupt,
    UserMessage,
    UserToolConfirmation,
    UserToolResult,
)

KINDS: Final[tuple[type[Event], ...]] = (
    UserMessage,
    UserInterrupt,
    UserToolConfirmation,
    UserCustomToolResult,
    UserToolResult,
    UserDefineOutcome,
    SystemMessage,
    AgentMessage,
    AgentThinking,
    AgentToolUse,
    AgentToolResult,
    AgentMcpToolUse,
    AgentMcpToolResult,
    AgentCustomToolUse,
    AgentThreadContextCompacted,
    AgentThreadMessageSent,
    AgentThreadMessageReceived,
    SessionStatusRunning,
    SessionStatusIdle,
    SessionStatusRescheduled,
    SessionStatusTerminated,
    SessionError,
    SessionUpdated,
    SessionUsage,
    SessionDeleted,
    SessionThreadCreated,
    SessionThreadStatusRunning,
    SessionThreadStatusIdle,
    SessionThreadStatusRescheduled,
    SessionThreadStatusTerminated,
    SpanModelRequestStart,
    SpanModelRequestEnd,
    SpanOutcomeEvaluationStart,
    SpanOutcomeEvaluationOngoing,
    SpanOutcomeEvaluationEnd,
    WorkflowRunCreated,
    WorkflowRunStatusRunning,
    WorkflowRunStatusIdle,
    WorkflowRunStatusEnded,
    WorkflowRunError,
    WorkflowRunPhaseStarted,
    WorkflowRunPhaseEnded,
    EventStart,
    EventDelta,
)
"""Every event that is known. `Unknown` is for the rest."""

_READ: Final[Mapping[str, Read]] = {kind.type: reader_of(kind) for kind in KINDS}


def event_of(raw: Raw) -> Event:
    """The event that plain data is. `raw` must have passed `frames.checked`; nothing else can go wrong."""
    read = _READ.get(raw["type"])
    return unknown(raw) if read is None else read(raw)


__all__ = [
    "KINDS",
    "AgentCustomToolUse",
    "AgentMcpToolResult",
    "AgentMcpToolUse",
    "AgentMessage",
    "AgentThinking",
    "AgentThreadContextCompacted",
    "AgentThreadMessageReceived",
    "AgentThreadMessageSent",
    "AgentToolResult",
    "AgentToolUse",
    "Blocks",
    "Event",
    "EventDelta",
    "EventStart",
    "Raw",
    "SessionDeleted",
    "SessionError",
    "SessionStatusIdle",
    "SessionStatusRescheduled",
    "SessionStatusRunning",
    "SessionStatusTerminated",
    "SessionThreadCreated",
    "SessionThreadStatusIdle",
    "SessionThreadStatusRescheduled",
    "SessionThreadStatusRunning",
    "SessionThreadStatusTerminated",
    "SessionUpdated",
    "SessionUsage",
    "SpanModelRequestEnd",
    "SpanModelRequestStart",
    "SpanOutcomeEvaluationEnd",
    "SpanOutcomeEvaluationOngoing",
    "SpanOutcomeEvaluationStart",
    "SystemMessage",
    "Unknown",
    "UserCustomToolResult",
    "UserDefineOutcome",
    "UserInterrupt",
    "UserMessage",
    "UserToolConfirmation",
    "UserToolResult",
    "WorkflowRunCreated",
    "WorkflowRunError",
    "WorkflowRunPhaseEnded",
    "WorkflowRunPhaseStarted",
    "WorkflowRunStatusEnded",
    "WorkflowRunStatusIdle",
    "WorkflowRunStatusRunning",
    "event_of",
]
