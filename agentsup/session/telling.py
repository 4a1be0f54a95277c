"""A session's events as telemetry: what was recorded, in numbers, for whoever measures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import trio

from agentsup import telemetry as tm
from agentsup.ids import CallId, RequestId, SessionId
from agentsup.session.spec import SessionSpec
from agentsup.talk import events as ev
from agentsup.talk.result import SessionResult


class Telling:
    """One session's telemetry, over one incarnation; it keeps only the times it needs for durations."""

    def __init__(self, session_id: SessionId, spec: SessionSpec) -> None:
        self._who = {"session_id": session_id, "provider": spec.provider.kind, "labels": spec.metadata}
        self._accepted: dict[RequestId, float] = {}
        self._began: dict[RequestId, float] = {}
        self._tools: dict[CallId, tuple[float, str | None]] = {}
        self._attaching: float | None = None
        self._calls = 0
        self._turns = 0
        self._request: RequestId | None = None

    def tell(self, bodies: Iterable[ev.Kept], *, provider_session_id: str | None) -> None:
        """Say what these events mean in numbers; called only while anybody listens."""
        for body in bodies:
            self._tell(body, provider_session_id)

    def tell_end(self, body: ev.RequestEnded, result: SessionResult) -> None:
        """A request has had its terminal, and this is what it came to."""
        began = self._began.pop(body.request_id, None)
        self._accepted.pop(body.request_id, None)
        usage = result.usage
        self._emit(
            tm.REQUEST_STOPPED,
            {
                "duration_s": 0.0 if began is None else trio.current_time() - began,
                "turns": result.turns,
                "input_tokens": usage.input_tokens,
                "output_tokens": usage.output_tokens,
                "cache_read_tokens": usage.cache_read_tokens,
                "cache_write_tokens": usage.cache_write_tokens,
            },
            request_id=body.request_id,
            terminal=body.terminal,
            failure=body.failure.kind if body.failure is not None else None,
        )

    def _tell(self, body: ev.Kept, provider_session_id: str | None) -> None:  # noqa: C901  -- one clause per event is the point
        now = trio.current_time()
        match body:
            case ev.Accepted(request_id=request_id):
                self._accepted[request_id] = now
            case ev.RequestStarted(request_id=request_id):
                self._began[request_id], self._request, self._turns = now, request_id, 0
                waited = now - self._accepted.pop(request_id, now)
                self._emit(tm.REQUEST_STARTED, {"queued_s": waited}, request_id=request_id)
            case ev.Waiting(terminal=terminal, asked=asked) if self._request is not None:
                self._turns += 1
                measurements = {"turn": self._turns, "tool_calls": len(asked)}
                self._emit(tm.TURN_STOPPED, measurements, request_id=self._request, terminal=terminal)
            case ev.ToolStarted(call_id=call_id, name=name):
                self._tools[call_id] = (now, name)
                self._emit(tm.TOOL_STARTED, {}, tool=name, call_id=call_id)
            case ev.ToolEnded(result=result):
                began, tool = self._tools.pop(result.call_id, (now, None))
                self._emit(
                    tm.TOOL_STOPPED,
                    {"duration_s": now - began},
                    tool=tool,
                    call_id=result.call_id,
                    is_error=result.is_error,
                )
            case ev.SessionStarted():
                self._attaching = now
                self._emit(tm.SESSION_STARTED, {})
            case ev.SessionRestarted(number=number):
                self._attaching = now
                self._emit(tm.SESSION_RESTARTED, {"restarts": number})
            case ev.Resumed(reason=reason):
                self._attaching = now
                self._emit(tm.SESSION_RESUMED, {}, reason=reason)
            case ev.Passivated():
                self._emit(tm.SESSION_PASSIVATED, {})
            case ev.SessionEnded(reason=reason, failure=failure):
                self._emit(tm.SESSION_STOPPED, {}, reason=reason, failure=failure.kind if failure is not None else None)
            case ev.ConnectionLost(attempt=attempt):
                self._attaching = now
                self._emit(tm.CONNECTION_LOST, {"attempt": attempt}, provider_session_id=provider_session_id)
            case ev.Connected():
                took = 0.0 if self._attaching is None else now - self._attaching
                self._emit(tm.STREAM_CONNECTED, {"duration_s": took}, provider_session_id=provider_session_id)
            case ev.ApprovalAwaited(call_id=call_id, name=name):
                self._emit(tm.APPROVAL_AWAITED, {}, tool=name, call_id=call_id)
            case ev.Confirmed(call_id=call_id, allow=allow, by=by):
                self._emit(tm.APPROVAL_GIVEN, {}, call_id=call_id, allow=allow, by=by)

    def _emit(self, kind: tm.Kind, measurements: Mapping[str, float], **metadata: Any) -> None:
        tm.emit(kind, measurements, {**self._who, **metadata})
