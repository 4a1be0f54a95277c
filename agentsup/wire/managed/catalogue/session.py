"""How the session stands, and its threads."""

from __future__ import annotations

from typing import ClassVar

import attrs

from agentsup.talk.content import hidden
from agentsup.wire.managed.catalogue.base import Event, Raw


def reason_of(stop_reason: Raw | None) -> str | None:
    """Why it stopped, in the service's word; None where it gives no reason."""
    kind = stop_reason.get("type") if stop_reason is not None else None
    return kind if isinstance(kind, str) else None


@attrs.frozen(slots=False)
class SessionStatusRunning(Event):
    """It works."""

    type: ClassVar[str] = "session.status_running"


@attrs.frozen(slots=False)
class SessionStatusIdle(Event):
    """It waits, for the reason given."""

    type: ClassVar[str] = "session.status_idle"

    stop_reason: Raw | None = None
    stop_details: Raw | None = attrs.field(default=None, repr=hidden)

    @property
    def reason(self) -> str | None:
        """`end_turn`, `requires_action`, `retries_exhausted`, `budget_reached`, `refusal`, or a word yet unknown."""
        return reason_of(self.stop_reason)

    @property
    def event_ids(self) -> tuple[str, ...]:
        """The calls it waits for, where the reason is `requires_action`; they may be answered already."""
        ids = self.stop_reason.get("event_ids") if self.stop_reason is not None else None
        return tuple(each for each in ids if isinstance(each, str)) if isinstance(ids, list) else ()


@attrs.frozen(slots=False)
class SessionStatusRescheduled(Event):
    """It will try again."""

    type: ClassVar[str] = "session.status_rescheduled"


@attrs.frozen(slots=False)
class SessionStatusTerminated(Event):
    """It is over for good."""

    type: ClassVar[str] = "session.status_terminated"


@attrs.frozen(slots=False)
class SessionError(Event):
    """Something failed. Not the end of the turn by itself: see `retry`."""

    type: ClassVar[str] = "session.error"

    error: Raw | None = attrs.field(default=None, repr=hidden)

    @property
    def kind(self) -> str:
        """The service's word for what failed."""
        kind = self.error.get("type") if self.error is not None else None
        return kind if isinstance(kind, str) else "unknown_error"

    @property
    def retry(self) -> str | None:
        """`retrying`: it goes on; `exhausted`: the turn is over; `terminal`: the session is."""
        return reason_of(self.error.get("retry_status")) if self.error is not None else None


@attrs.frozen(slots=False)
class SessionUpdated(Event):
    """Somebody changed it; only what changed is told. A field that became null is only in `raw`."""

    type: ClassVar[str] = "session.updated"

    title: str | None = attrs.field(default=None, repr=hidden)
    metadata: Raw | None = attrs.field(default=None, repr=hidden)
    agent: Raw | None = attrs.field(default=None, repr=hidden)
    budget: Raw | None = None


@attrs.frozen(slots=False)
class SessionUsage(Event):
    """What it used so far; told before each idle."""

    type: ClassVar[str] = "session.usage"

    usage: Raw | None = None
    budget: Raw | None = None


@attrs.frozen(slots=False)
class SessionDeleted(Event):
    """It was deleted: the last event, only in the stream."""

    type: ClassVar[str] = "session.deleted"


@attrs.frozen(slots=False)
class SessionThreadCreated(Event):
    """The agent started another one."""

    type: ClassVar[str] = "session.thread_created"

    session_thread_id: str
    agent_name: str | None = None
    workflow_run_id: str | None = None


@attrs.frozen(slots=False)
class SessionThreadStatusRunning(Event):
    """A thread works."""

    type: ClassVar[str] = "session.thread_status_running"

    session_thread_id: str
    agent_name: str | None = None


@attrs.frozen(slots=False)
class SessionThreadStatusIdle(Event):
    """A thread waits, for the reason given."""

    type: ClassVar[str] = "session.thread_status_idle"

    session_thread_id: str
    agent_name: str | None = None
    stop_reason: Raw | None = None
    stop_details: Raw | None = attrs.field(default=None, repr=hidden)

    @property
    def reason(self) -> str | None:
        """As of a session's idle."""
        return reason_of(self.stop_reason)


@attrs.frozen(slots=False)
class SessionThreadStatusRescheduled(Event):
    """A thread will try again."""

    type: ClassVar[str] = "session.thread_status_rescheduled"

    session_thread_id: str
    agent_name: str | None = None


@attrs.frozen(slots=False)
class SessionThreadStatusTerminated(Event):
    """A thread is over; calls of it that are open take no results."""

    type: ClassVar[str] = "session.thread_status_terminated"

    session_thread_id: str
    agent_name: str | None = None
