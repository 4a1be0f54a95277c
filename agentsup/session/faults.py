"""What goes wrong between a session and its provider, as lines of the log: for whoever watches a service and not a session.

What a caller asked for (an interrupt, a limit, an abort) is no fault and has no line; the caller is told.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import structlog

from agentsup.ids import SessionId
from agentsup.talk import events as ev

_log = structlog.get_logger("agentsup.session")

_FAULTS = frozenset({ev.ConnectionLost, ev.Troubled, ev.RequestEnded, ev.SessionEnded})

_WORD = 100
"""Characters of the provider's own word for an error, at most."""


def report(bodies: Iterable[ev.Kept], *, session_id: SessionId, provider_session_id: str | None) -> None:
    """A line for each fault among these events; the busy ones that have none cost a look at their classes."""
    if _FAULTS.isdisjoint(map(type, bodies)):
        return
    who = {"session_id": session_id, "provider_session_id": provider_session_id}
    for body in bodies:
        match body:
            case ev.ConnectionLost(reason=reason, attempt=1):  # daily life
                _log.info("session.connection_lost", **who, attempt=1, reason=reason)
            case ev.ConnectionLost(reason=reason, attempt=attempt):  # nothing new came since the one before
                _log.warning("session.connection_lost", **who, attempt=attempt, reason=reason)
            case ev.Troubled(kind=kind, retry=retry):
                _log.warning("session.provider_error", **who, kind=kind[:_WORD], retry=retry[:_WORD] if retry else None)
            case ev.RequestEnded(request_id=request_id, failure=failure) if _is_fault(failure):
                _log.warning("session.request_failed", **who, request_id=request_id, **_of(failure))
            case ev.SessionEnded(failure=failure) if _is_fault(failure):
                _log.error("session.failed", **who, **_of(failure))


def _is_fault(failure: ev.Failure | None) -> bool:
    return failure is not None and failure.kind in ("provider", "stream")


def _of(failure: ev.Failure | None) -> dict[str, Any]:
    if failure is None:
        return {}
    return {
        "reason": failure.message,
        "status": failure.status,
        "code": failure.code,
        "provider_request_id": failure.provider_request_id,
    }
