"""What a request, or a turn, came to: folds over the kept events, with no state of their own to go stale."""

from __future__ import annotations

from collections.abc import Iterable

from agentsup.ids import RequestId, SessionId
from agentsup.talk import events as ev
from agentsup.talk.content import as_text
from agentsup.talk.result import SessionResult, Turn
from agentsup.talk.tools import ToolUse
from agentsup.talk.usage import Usage


class _Sum:
    """What a stretch of events adds up to."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.tool_uses: list[ToolUse] = []
        self.server_tool_uses: list[ToolUse] = []
        self.usage: list[Usage] = []
        self.acted = False

    def add(self, body: ev.Kept) -> None:
        match body:
            case ev.Said():
                self.said.append(body.text)
            case ev.ToolAsked():
                self.tool_uses.append(body.use)
            case ev.ServerToolUsed():
                self.server_tool_uses.append(body.use)
            case ev.Measured():
                self.usage.append(body.usage)
            case ev.Working():
                pass
            case _:
                return
        self.acted = True

    @property
    def total(self) -> Usage:
        raw = tuple(piece for usage in self.usage for piece in usage.raw)
        return Usage(
            sum(usage.input_tokens for usage in self.usage),
            sum(usage.output_tokens for usage in self.usage),
            sum(usage.cache_read_tokens for usage in self.usage),
            sum(usage.cache_write_tokens for usage in self.usage),
            raw,
        )


class Span:
    """Where a request begins in what the provider says: behind the echo of its message.

    What an older request still brings (a provider may finish its sentence after an interrupt) is not taken for this one's.
    """

    def __init__(self, request_id: RequestId | None = None) -> None:
        self.request_id = request_id
        """The request that is told apart; None follows whichever runs."""

        self.begun = False
        self._key: str | None = None
        self._waits = False
        self._delivered = False
        self._behind = False

    def feed(self, body: ev.Body) -> bool:
        """Whether this event belongs to the running request."""
        match body:
            case ev.RequestStarted() if self.request_id in (None, body.request_id):
                self._key = f"message:{body.request_id}"
                self.begun = self._waits = self._delivered = self._behind = False
            case ev.Sending() if not self.begun and self._key in body.keys:
                self._waits = True  # an echo before this is of an older request's message, which took its time
            case ev.Delivered() if self._waits:
                self._delivered = self._delivered or self._key in body.keys
            case ev.Echoed(kind="message", queued=True) if self._waits:
                self._behind = True  # older work goes first, and what is done until this one's turn comes is about that
            case ev.Echoed(kind="message") if self._waits:
                self.begun, self._waits = True, False
            case ev.Working() if self._waits and self._delivered and not self._behind:  # a provider that does not echo
                self.begun, self._waits = True, False
            case ev.RequestEnded() if self.request_id in (None, body.request_id):
                self.begun, self._waits, self._key = False, False, None
        return self.begun


def result_of(
    bodies: Iterable[ev.Kept], request_id: RequestId, *, session_id: SessionId, provider_session_id: str | None
) -> SessionResult:
    """What the request came to (so far, if it has not ended), from the session's events in order.

    A caller may hand in more events than the request's own.
    """
    sums, raws, turns, worked = _Sum(), [], 0, False
    span = Span(request_id)
    ending: ev.RequestEnded | None = None
    for body in bodies:
        inside = span.feed(body)
        if isinstance(body, ev.RequestEnded) and body.request_id == request_id:
            ending = body
            break
        if not inside:
            continue
        sums.add(body)
        if isinstance(body, ev.Heard):
            raws.append(body.raw)
        if isinstance(body, ev.Waiting | ev.Terminated):
            turns, worked = turns + worked, False
        else:
            worked = worked or _is_work(body)
    return SessionResult(
        terminal=ending.terminal if ending is not None else "terminated",
        stop_reason=ending.stop_reason if ending is not None else None,
        text="\n".join(sums.said),
        tool_uses=tuple(sums.tool_uses),
        server_tool_uses=tuple(sums.server_tool_uses),
        usage=sums.total,
        turns=turns,
        events=tuple(raws),
        session_id=session_id,
        provider_session_id=provider_session_id,
    )


def turns_of(bodies: Iterable[ev.Kept]) -> tuple[Turn, ...]:
    """The session's finished turns, oldest first."""
    turns: list[Turn] = []
    asked: dict[RequestId, str] = {}
    request_id: RequestId | None = None
    sums, begins = _Sum(), False
    span = Span()
    for body in bodies:
        inside = span.feed(body)
        match body:
            case ev.Accepted():
                asked[body.request_id] = as_text(body.parts)
            case ev.RequestStarted():
                request_id, begins, sums = body.request_id, True, _Sum()
            case _ if not inside:
                continue
            case ev.Waiting() | ev.Terminated() if request_id is not None and sums.acted:
                turns.append(
                    Turn(
                        number=len(turns) + 1,
                        request_id=request_id,
                        input=asked.get(request_id) if begins else None,
                        text="\n".join(sums.said),
                        tool_uses=tuple(sums.tool_uses),
                        server_tool_uses=tuple(sums.server_tool_uses),
                        usage=sums.total,
                        stop_reason=body.stop_reason,
                    )
                )
                sums, begins = _Sum(), False
            case _:
                sums.add(body)
    return tuple(turns)


def _is_work(body: ev.Kept) -> bool:
    return isinstance(body, ev.Working | ev.Said | ev.ToolAsked | ev.ServerToolUsed | ev.Measured)
