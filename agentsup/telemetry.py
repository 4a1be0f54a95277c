"""What happens in here, as numbers for whoever measures: named events, and hooks that are shown each of them.

An event has a name, measurements (numbers) and metadata (what they are of). All names stand in one table, `EVENTS`, and in the documentation;
what is not in the table is not said. Bridges to metrics and tracing systems are hooks. Content never is in an event, nor are secrets.

With no hook attached nothing is made and nothing is measured: places that speak ask `listening` first. A hook is called where the event
happens, so it must be quick and must not wait; one that raises is detached, and that is logged, as a faulty listener must not hurt the run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

import attrs
import structlog

_log = structlog.get_logger("agentsup.telemetry")


@attrs.frozen
class Kind:
    """One kind of event: its name, and what it always carries."""

    name: str
    """Dotted, past tense or a state: `tool.stopped`."""

    measurements: tuple[str, ...]
    """Names of its numbers; durations are seconds and end in `_s`."""

    metadata: tuple[str, ...]
    """Names of what the numbers are of."""

    meaning: str
    """When it happens, in one sentence."""


@attrs.frozen
class TelemetryEvent:
    """One event, as hooks are shown it."""

    name: str
    """Which kind: one of the table's names."""

    measurements: Mapping[str, float]
    """Its numbers."""

    metadata: Mapping[str, Any]
    """What they are of: ids, names, kinds; never content."""


class Hook(Protocol):
    """Whoever measures."""

    def __call__(self, event: TelemetryEvent, /) -> None:
        """Take note of an event; quick, and without waiting."""


_SESSION = ("session_id", "provider", "labels")

REQUEST_STARTED = Kind("request.started", ("queued_s",), (*_SESSION, "request_id"), "A request's turn has come.")
REQUEST_STOPPED = Kind(
    "request.stopped",
    ("duration_s", "turns", "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens"),
    (*_SESSION, "request_id", "terminal", "failure"),
    "A request has had its terminal; `failure` is the kind of ours, or None.",
)
TURN_STOPPED = Kind(
    "turn.stopped",
    ("turn", "tool_calls"),
    (*_SESSION, "request_id", "terminal"),
    "The agent came to rest, or waits for us.",
)
TOOL_STARTED = Kind("tool.started", (), (*_SESSION, "tool", "call_id"), "A tool begins to run here.")
TOOL_STOPPED = Kind(
    "tool.stopped",
    ("duration_s",),
    (*_SESSION, "tool", "call_id", "is_error"),
    "A tool came to something, good or bad.",
)
TOOL_OUTLIVED = Kind(
    "tool.outlived",
    ("held_s",),
    (*_SESSION, "tool", "call_id", "where"),
    "A cancelled tool goes on: a thread at once, a task after 5 seconds and whenever that has doubled.",
)
SESSION_STARTED = Kind("session.started", (), _SESSION, "A session's first task begins.")
SESSION_RESTARTED = Kind(
    "session.restarted", ("restarts",), _SESSION, "A session's task ended unasked; the next one begins."
)
SESSION_RESUMED = Kind("session.resumed", (), (*_SESSION, "reason"), "A session was taken up from the store, or woken.")
SESSION_NOT_RECOVERED = Kind(
    "session.not_recovered",
    (),
    (*_SESSION, "error"),
    "A session of the store should have come back, and could not; `error` is the name of the error's class.",
)
SESSION_PASSIVATED = Kind("session.passivated", (), _SESSION, "An idle session leaves memory.")
SESSION_STOPPED = Kind("session.stopped", (), (*_SESSION, "reason", "failure"), "A session is over here.")
CONNECTION_LOST = Kind(
    "connection.lost",
    ("attempt",),
    (*_SESSION, "provider_session_id"),
    "A stream broke, or something sent may not have arrived.",
)
STREAM_CONNECTED = Kind(
    "stream.connected",
    ("duration_s",),
    (*_SESSION, "provider_session_id"),
    "A stream is open, and the history was caught up with.",
)
HTTP_STOPPED = Kind(
    "http.stopped",
    ("duration_s",),
    ("provider", "method", "operation", "status", "error"),
    "A request to a provider was answered (`status`), or was not (`error`).",
)
APPROVAL_AWAITED = Kind("approval.awaited", (), (*_SESSION, "tool", "call_id"), "A call waits for a person's word.")
APPROVAL_GIVEN = Kind("approval.given", (), (*_SESSION, "call_id", "allow", "by"), "A call was decided.")
EVENTS_DROPPED = Kind(
    "channel.dropped", ("count",), ("session_id", "overflow"), "A subscriber was too slow: events were not kept for it."
)
JOURNAL_COMMITTED = Kind("journal.committed", ("duration_s", "rows", "backlog"), ("store",), "Records became durable.")
JOURNAL_FAILED = Kind(
    "journal.failed", ("backlog",), ("store", "error"), "Records could not be written; they are tried again."
)
CHILD_RESTARTED = Kind("child.restarted", ("restarts",), ("supervisor", "child"), "A supervisor starts a child again.")

EVENTS: Mapping[str, Kind] = {kind.name: kind for kind in globals().copy().values() if isinstance(kind, Kind)}
"""Every kind of event there is, by its name."""

_hooks: list[Hook] = []


def listening() -> bool:
    """Whether anybody is; ask before measuring anything."""
    return bool(_hooks)


def emit(kind: Kind, measurements: Mapping[str, float], metadata: Mapping[str, Any]) -> None:
    """Show an event to every hook."""
    event = TelemetryEvent(kind.name, measurements, metadata)
    for hook in tuple(_hooks):
        try:
            hook(event)
        except Exception as exc:  # noqa: BLE001  -- the border: a listener's failure is not the run's
            detach(hook)
            _log.warning("telemetry.hook_detached", hook=repr(hook), kind=kind.name, error=type(exc).__name__)


def attach(hook: Hook) -> None:
    """Show this hook every event from now on, in the whole process; attached twice is attached once.

    Raises:
        TypeError: it cannot be called.
    """
    if not callable(hook):
        raise TypeError(f"a hook is a function of one TelemetryEvent, not a {type(hook).__name__}")
    if hook not in _hooks:
        _hooks.append(hook)


def detach(hook: Hook) -> None:
    """Show it nothing more; harmless if it is not attached."""
    if hook in _hooks:
        _hooks.remove(hook)


@contextmanager
def attached(hook: Hook) -> Iterator[None]:
    """Within: the hook is attached."""
    attach(hook)
    try:
        yield
    finally:
        detach(hook)
