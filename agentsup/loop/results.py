"""What a request, or a turn, came to: folds over the kept events, with no state of their own to go stale."""

from __future__ import annotations

from collections.abc import Iterable

from agentsup.ids import RequestId, SessionId
from agentsup.talk import events as ev
from agentsup.talk.content import as_text
from agentsup.talk.outcome import Evaluation
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

    def add(self, body: ev.Kept) -> bool:
        """Take it in, if it is the agent's work; whether it is."""
        match body:
            case ev.Said():
                self.said.append(body.text)
            case ev.ToolAsked():
                self.tool_uses.append(body.use)
            case ev.ServerToolUsed():
                self.server_tool_uses.append(body.use)
            case ev.Measured():
                self.usage.append(body.usage)
            case ev.Working() | ev.ServerToolEnded():
                pass
            case _:
                return False
        return True

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
    """Where a request begins and ends in what the provider says: from its having been taken up to its terminal.

    What an older request still brings (a provider may finish its sentence after an interrupt) is not taken for this one's.
    """

    def __init__(self, request_id: RequestId | None = None) -> None:
        self.request_id = request_id
        """The request that is told apart; None follows whichever runs."""

        self._running: RequestId | None = None

    @property
    def begun(self) -> bool:
        """Whether the request has been taken up, and has not ended."""
        return self._running is not None

    def feed(self, body: ev.Body) -> bool:
        """Whether this event belongs to the running request."""
        match body:
            case ev.TakenUp() if self.request_id in (None, body.request_id):
                self._running = body.request_id
            case ev.RequestEnded() if body.request_id == self._running:  # not one that ends while it waits
                self._running = None
        return self.begun


def result_of(
    bodies: Iterable[ev.Kept], request_id: RequestId, *, session_id: SessionId, provider_session_id: str | None
) -> SessionResult:
    """What the request came to (so far, if it has not ended), from the session's events in order.

    A caller may hand in more events than the request's own.
    """
    sums, raws, turns, acted = _Sum(), [], 0, False
    evaluations: list[Evaluation] = []
    span = Span(request_id)
    ending: ev.RequestEnded | None = None
    for body in bodies:
        if isinstance(body, ev.Heard):
            if not span.begun:
                continue
            acted = sums.add(body) or acted
            if isinstance(body, ev.EvaluationEnded):
                evaluations.append(body.evaluation)
            if body.verbatim:
                raws.append(body.verbatim)
            if isinstance(body, (ev.Waiting, ev.Terminated)):
                turns, acted = turns + acted, False
        else:
            span.feed(body)
            if isinstance(body, ev.RequestEnded) and body.request_id == request_id:
                ending = body
                break
    return SessionResult(
        terminal=ending.terminal if ending is not None else "terminated",
        stop_reason=ending.stop_reason if ending is not None else None,
        text="\n".join(sums.said),
        tool_uses=tuple(sums.tool_uses),
        server_tool_uses=tuple(sums.server_tool_uses),
        usage=sums.total,
        turns=turns,
        evaluations=tuple(evaluations),
        events=tuple(raws),
        session_id=session_id,
        provider_session_id=provider_session_id,
    )


def turns_of(bodies: Iterable[ev.Kept]) -> tuple[Turn, ...]:
    """The session's finished turns, oldest first."""
    turns: list[Turn] = []
    given: dict[RequestId, str] = {}
    told: list[str] = []
    request_id = RequestId("")
    sums, acted, just_begun = _Sum(), False, False
    span = Span()
    for body in bodies:
        inside = span.feed(body)
        match body:
            case ev.Accepted():
                given[body.request_id] = as_text(body.parts) if body.outcome is None else body.outcome.description
            case ev.TakenUp():
                request_id, sums, acted, told = body.request_id, _Sum(), False, [given.pop(body.request_id, "")]
            case _ if not inside:
                pass
            case ev.Echoed(kind="message" | "outcome", queued=False):
                # Right behind the beginning it is the request's own message, as the agent has it: words may have joined it.
                told = [*([] if just_begun and body.text else told), *([body.text] if body.text else [])]
            case ev.Waiting() | ev.Terminated() if acted:
                turns.append(
                    Turn(
                        number=len(turns) + 1,
                        request_id=request_id,
                        input="\n".join(told) if told else None,
                        text="\n".join(sums.said),
                        tool_uses=tuple(sums.tool_uses),
                        server_tool_uses=tuple(sums.server_tool_uses),
                        usage=sums.total,
                        stop_reason=body.stop_reason,
                    )
                )
                sums, acted, told = _Sum(), False, []
            case _:
                acted = sums.add(body) or acted
        just_begun = isinstance(body, ev.TakenUp)
    return tuple(turns)
