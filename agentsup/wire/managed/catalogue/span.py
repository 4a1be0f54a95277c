"""Stretches of work, from a start to an end: model calls, evaluations, workflow runs; and previews of what is being said."""

from __future__ import annotations

from typing import ClassVar

import attrs

from agentsup.talk.content import hidden
from agentsup.wire.managed.catalogue.base import Event, Raw


@attrs.frozen(slots=False)
class SpanModelRequestStart(Event):
    """A model call begins."""

    type: ClassVar[str] = "span.model_request_start"


@attrs.frozen(slots=False)
class SpanModelRequestEnd(Event):
    """A model call is over, also one that was cut off."""

    type: ClassVar[str] = "span.model_request_end"

    model_request_start_id: str | None = None
    is_error: bool | None = None
    model_usage: Raw | None = None
    """`input_tokens`, `output_tokens`, `cache_creation_input_tokens`, `cache_read_input_tokens`."""


@attrs.frozen(slots=False)
class SpanOutcomeEvaluationStart(Event):
    """The session's work is being judged."""

    type: ClassVar[str] = "span.outcome_evaluation_start"

    outcome_id: str | None = None
    iteration: int | None = None
    """Starts at 0."""


@attrs.frozen(slots=False)
class SpanOutcomeEvaluationOngoing(Event):
    """It is still being judged."""

    type: ClassVar[str] = "span.outcome_evaluation_ongoing"

    outcome_id: str | None = None
    iteration: int | None = None


@attrs.frozen(slots=False)
class SpanOutcomeEvaluationEnd(Event):
    """It was judged."""

    type: ClassVar[str] = "span.outcome_evaluation_end"

    result: str | None = None
    """`satisfied`, `needs_revision`, `max_iterations_reached`, `failed`, `interrupted`, or a word yet unknown."""

    explanation: str | None = attrs.field(default=None, repr=hidden)
    outcome_id: str | None = None
    iteration: int | None = None
    outcome_evaluation_start_id: str | None = None
    usage: Raw | None = None


@attrs.frozen(slots=False)
class WorkflowRunCreated(Event):
    """A workflow was started."""

    type: ClassVar[str] = "workflow_run.created"

    workflow_run_id: str | None = None
    name: str | None = None
    description: str | None = attrs.field(default=None, repr=hidden)
    phases: tuple[Raw, ...] = attrs.field(default=(), repr=hidden)


@attrs.frozen(slots=False)
class WorkflowRunStatusRunning(Event):
    """A workflow works."""

    type: ClassVar[str] = "workflow_run.status_running"

    workflow_run_id: str | None = None


@attrs.frozen(slots=False)
class WorkflowRunStatusIdle(Event):
    """A workflow waits."""

    type: ClassVar[str] = "workflow_run.status_idle"

    workflow_run_id: str | None = None


@attrs.frozen(slots=False)
class WorkflowRunStatusEnded(Event):
    """A workflow is over."""

    type: ClassVar[str] = "workflow_run.status_ended"

    workflow_run_id: str | None = None
    result: Raw | None = attrs.field(default=None, repr=hidden)
    """`{"type": "completed"}`, `stopped`, or `error` with the error."""


@attrs.frozen(slots=False)
class WorkflowRunError(Event):
    """Something in a workflow failed."""

    type: ClassVar[str] = "workflow_run.error"

    workflow_run_id: str | None = None
    error: Raw | None = attrs.field(default=None, repr=hidden)


@attrs.frozen(slots=False)
class WorkflowRunPhaseStarted(Event):
    """A part of a workflow begins."""

    type: ClassVar[str] = "workflow_run.phase_started"

    workflow_run_id: str | None = None
    workflow_run_phase_id: str | None = None


@attrs.frozen(slots=False)
class WorkflowRunPhaseEnded(Event):
    """A part of a workflow is over."""

    type: ClassVar[str] = "workflow_run.phase_ended"

    workflow_run_id: str | None = None
    workflow_run_phase_id: str | None = None
    phase_started_id: str | None = None


@attrs.frozen(slots=False)
class EventStart(Event):
    """An event is being written; its text follows in pieces. Only in a stream that asked for previews; never listed."""

    type: ClassVar[str] = "event_start"

    event: Raw | None = None
    """Type and id of the event to be."""


@attrs.frozen(slots=False)
class EventDelta(Event):
    """A piece of an event's text. Only in a stream that asked for previews; never listed."""

    type: ClassVar[str] = "event_delta"

    event_id: str | None = None
    delta: Raw | None = attrs.field(default=None, repr=hidden)

    @property
    def text(self) -> str:
        """The piece; empty if it is no text."""
        content = self.delta.get("content") if self.delta is not None else None
        text = content.get("text") if isinstance(content, dict) else None
        return text if isinstance(text, str) else ""
