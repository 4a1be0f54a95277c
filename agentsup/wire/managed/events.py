"""What Claude Managed Agents' events mean in the common vocabulary.

Stateless: whether an event was seen before (by stream, by history, by both) is for the session to know, which takes each id once. Text
deltas have no id and are never listed; they pass through.

Source: the event catalogue of the Managed Agents API, as told in this project's reference notes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs

from agentsup.ids import CallId
from agentsup.talk import events as ev
from agentsup.talk.outcome import Evaluation
from agentsup.talk.result import Terminal
from agentsup.talk.tools import ToolUse
from agentsup.talk.usage import Usage
from agentsup.talk.verbatim import Verbatim

Raw = Mapping[str, Any]

WORD_AT_MOST: Final = 100
"""Characters kept of a word that is quoted outside the event itself."""

_ENDS: Mapping[str, Terminal] = {
    "end_turn": "end_turn",
    "requires_action": "requires_action",
    # Outcome verdicts that older versions of the service gave as stop reasons.
    "satisfied": "end_turn",
    "max_iterations_reached": "end_turn",
}
"""Stop reason to terminal. Every other one, also one nobody has heard of yet, ends the turn as `terminated` (the official client's rule)."""


def read(raw: Raw, source: str | None = None) -> ev.Theirs | ev.TextDelta | None:
    """What the event means; None if it says nothing by itself. `raw` must have passed `frames.checked`; `source` is the text it was."""
    meaning = _READ.get(raw["type"])
    if meaning is None and raw["type"].startswith("user."):
        meaning = _input  # the service shows what it was sent, also in words we do not know
    # An interrupt's echo may come with an empty id, which would make all of them one.
    event_id = raw.get("id")
    if not isinstance(event_id, str) or not event_id:
        event_id = None
    verbatim = raw if source is None else source
    body = (_noted if meaning is None else meaning)(event_id, raw, verbatim)
    return _marked(body, raw) if event_id is None and isinstance(body, ev.Heard) else body


def read_row(row: object) -> ev.Theirs | ev.TextDelta | None:
    """What a row of the history means. One that is no event is only noted.

    A broken frame makes a stream suspect, and the history has what it said. Nothing else has what a broken row said: to insist on it would be
    to give the session up for good.
    """
    if isinstance(row, dict) and isinstance(row.get("type"), str):
        return read(row)
    raw = row if isinstance(row, dict) else {"row": row}
    named = raw.get("id")
    if not isinstance(named, str) or not named:
        named = f"row {hashlib.sha256(json.dumps(raw, sort_keys=True).encode()).hexdigest()[:16]}"
    return ev.Noted(id=named, raw=raw)


def _marked(body: ev.Theirs, raw: Raw) -> ev.Theirs:
    """An event without an id, to be known again by its time.

    Else each reading of the history would bring it anew, and an old interrupt would be taken for the echo of the next one.
    """
    at = raw.get("processed_at")
    return attrs.evolve(body, id=f"{raw['type']} at {at}") if isinstance(at, str) and at else body


def _noted(event_id: Any, raw: Raw, verbatim: Verbatim) -> ev.Noted:
    return ev.Noted(id=event_id, raw=verbatim, thread=_thread(raw))


def _delta(_: Any, raw: Raw, __: Verbatim) -> ev.TextDelta | None:
    delta = raw.get("delta")
    content = delta.get("content") if isinstance(delta, dict) else None
    text = content.get("text") if isinstance(content, dict) else None
    return ev.TextDelta(message_id=str(raw.get("event_id")), text=text) if isinstance(text, str) else None


def _nothing(_: Any, __: Raw, ___: Verbatim) -> None:
    """`event_start` announces deltas, which say it all."""


def _message(event_id: Any, raw: Raw, verbatim: Verbatim) -> ev.Said:
    return ev.Said(id=event_id, raw=verbatim, text=_text(raw))


def _custom_tool_use(event_id: Any, raw: Raw, verbatim: Verbatim) -> ev.ToolAsked | ev.Noted:
    if event_id is None:
        return ev.Noted(id=None, raw=verbatim)  # a call without an id cannot be answered
    return ev.ToolAsked(id=event_id, raw=verbatim, use=_use(event_id, raw), thread=_thread(raw))


def _server_tool_use(event_id: Any, raw: Raw, verbatim: Verbatim) -> ev.ServerToolUsed:
    """The service says by `evaluated_permission` whether it waits for leave, whatever policy that came of."""
    asks = raw.get("evaluated_permission") == "ask" and event_id is not None  # leave is given by id
    return ev.ServerToolUsed(id=event_id, raw=verbatim, use=_use(event_id, raw), asks=asks, thread=_thread(raw))


def _server_tool_result(event_id: Any, raw: Raw, verbatim: Verbatim) -> ev.ServerToolEnded | ev.Noted:
    call_id = raw.get("tool_use_id" if raw["type"] == "agent.tool_result" else "mcp_tool_use_id")
    if not isinstance(call_id, str):
        return ev.Noted(id=event_id, raw=verbatim)
    return ev.ServerToolEnded(id=event_id, raw=verbatim, call_id=CallId(call_id), is_error=raw.get("is_error") is True)


def _running(event_id: Any, _: Raw, verbatim: Verbatim) -> ev.Working:
    return ev.Working(id=event_id, raw=verbatim)


def _idle(event_id: Any, raw: Raw, verbatim: Verbatim) -> ev.Waiting:
    reason = raw.get("stop_reason")
    kind = reason.get("type") if isinstance(reason, dict) else None
    terminal = _ENDS.get(kind, "terminated") if isinstance(kind, str) else "terminated"
    asked = reason.get("event_ids") if isinstance(reason, dict) and terminal == "requires_action" else None
    named = dict.fromkeys(call for call in asked if isinstance(call, str)) if isinstance(asked, list) else {}
    calls = tuple(CallId(call) for call in named)  # each once: a call named twice is still one call
    return ev.Waiting(id=event_id, raw=verbatim, terminal=terminal, stop_reason=reason, asked=calls)


def _over(event_id: Any, raw: Raw, verbatim: Verbatim) -> ev.Terminated:
    return ev.Terminated(id=event_id, raw=verbatim, stop_reason=raw.get("stop_reason"))


def _thread_over(event_id: Any, raw: Raw, verbatim: Verbatim) -> ev.ThreadEnded | ev.Noted:
    thread = raw.get("session_thread_id")
    if not isinstance(thread, str) or not thread:
        return ev.Noted(id=event_id, raw=verbatim)
    return ev.ThreadEnded(id=event_id, raw=verbatim, thread=thread)


def _model_request_end(event_id: Any, raw: Raw, verbatim: Verbatim) -> ev.Measured:
    return ev.Measured(id=event_id, raw=verbatim, usage=_usage(raw.get("model_usage")))


def _evaluation_start(event_id: Any, raw: Raw, verbatim: Verbatim) -> ev.EvaluationStarted:
    return ev.EvaluationStarted(id=event_id, raw=verbatim, outcome_id=_outcome(raw), iteration=_iteration(raw))


def _evaluation_ongoing(event_id: Any, raw: Raw, verbatim: Verbatim) -> ev.EvaluationOngoing:
    return ev.EvaluationOngoing(id=event_id, raw=verbatim, outcome_id=_outcome(raw), iteration=_iteration(raw))


def _evaluation_end(event_id: Any, raw: Raw, verbatim: Verbatim) -> ev.EvaluationEnded | ev.Noted:
    result, explanation = raw.get("result"), raw.get("explanation")
    if not isinstance(result, str):
        return ev.Noted(id=event_id, raw=verbatim)
    evaluation = Evaluation(
        result=result,
        iteration=_iteration(raw),
        explanation=explanation if isinstance(explanation, str) else None,
        outcome_id=_outcome(raw),
        usage=_usage(raw.get("usage")),
    )
    return ev.EvaluationEnded(id=event_id, raw=verbatim, evaluation=evaluation)


def _error(event_id: Any, raw: Raw, verbatim: Verbatim) -> ev.Troubled:
    error = raw.get("error")
    error = error if isinstance(error, dict) else {}
    status = error.get("retry_status")
    retry = status.get("type") if isinstance(status, dict) else None
    return ev.Troubled(
        id=event_id,
        raw=verbatim,
        kind=_word(error.get("type")) or "unknown_error",
        retry=_word(retry),
    )


def _user_message(event_id: Any, raw: Raw, verbatim: Verbatim) -> ev.Echoed:
    queued = "processed_at" in raw and raw["processed_at"] is None
    return ev.Echoed(id=event_id, raw=verbatim, kind="message", text=_text(raw), queued=queued)


def _user_result(event_id: Any, raw: Raw, verbatim: Verbatim) -> ev.Echoed:
    call_id = CallId(str(raw.get("custom_tool_use_id")))
    return ev.Echoed(id=event_id, raw=verbatim, kind="result", call_id=call_id, thread=_thread(raw))


def _user_confirmation(event_id: Any, raw: Raw, verbatim: Verbatim) -> ev.Echoed:
    call_id = CallId(str(raw.get("tool_use_id")))
    return ev.Echoed(id=event_id, raw=verbatim, kind="confirmation", call_id=call_id, thread=_thread(raw))


def _user_outcome(event_id: Any, raw: Raw, verbatim: Verbatim) -> ev.Echoed:
    description = raw.get("description")
    return ev.Echoed(
        id=event_id, raw=verbatim, kind="outcome", text=description if isinstance(description, str) else None
    )


def _input(event_id: Any, _: Raw, verbatim: Verbatim) -> ev.Echoed:
    """An input that we send in the provider's own words only."""
    return ev.Echoed(id=event_id, raw=verbatim, kind="other")


def _user_interrupt(event_id: Any, _: Raw, verbatim: Verbatim) -> ev.Echoed:
    return ev.Echoed(id=event_id, raw=verbatim, kind="interrupt")


_READ: Mapping[str, Callable[[Any, Raw, Verbatim], ev.Theirs | ev.TextDelta | None]] = {
    "event_delta": _delta,
    "event_start": _nothing,
    "agent.message": _message,
    "agent.custom_tool_use": _custom_tool_use,
    "agent.tool_use": _server_tool_use,
    "agent.mcp_tool_use": _server_tool_use,
    "agent.tool_result": _server_tool_result,
    "agent.mcp_tool_result": _server_tool_result,
    "session.status_running": _running,
    "session.status_idle": _idle,
    "session.status_terminated": _over,
    "session.deleted": _over,
    "session.thread_status_terminated": _thread_over,
    "session.error": _error,
    "span.model_request_end": _model_request_end,
    "span.outcome_evaluation_start": _evaluation_start,
    "span.outcome_evaluation_ongoing": _evaluation_ongoing,
    "span.outcome_evaluation_end": _evaluation_end,
    "user.message": _user_message,
    "user.custom_tool_result": _user_result,
    "user.tool_confirmation": _user_confirmation,
    "user.define_outcome": _user_outcome,
    "user.interrupt": _user_interrupt,
    "system.message": _input,
}
"""Event type to meaning. Inputs of other types are `other` echoes; all else changes nothing here and travels as `Noted`."""


def _text(raw: Raw) -> str:
    """The text of all text blocks, joined by a newline; other blocks are passed over."""
    content = raw.get("content")
    texts: list[str] = []
    if isinstance(content, list):
        for block in content:
            if isinstance(block, dict) and block.get("type") == "text":
                text = block.get("text")
                if isinstance(text, str):
                    texts.append(text)
    return texts[0] if len(texts) == 1 else "\n".join(texts)


def _use(event_id: Any, raw: Raw) -> ToolUse:
    given = raw.get("input")
    return ToolUse(CallId(str(event_id)), str(raw.get("name", "")), given if isinstance(given, dict) else {})


_THREADS = ("session_thread_id", "from_session_thread_id", "to_session_thread_id")
"""Where an event names a thread: whose it is, or with whom the session's own agent talks."""


def _thread(raw: Raw) -> str | None:
    for name in _THREADS:
        thread = raw.get(name)
        if isinstance(thread, str) and thread:
            return thread
    return None


def _outcome(raw: Raw) -> str | None:
    outcome_id = raw.get("outcome_id")
    return outcome_id if isinstance(outcome_id, str) else None


def _iteration(raw: Raw) -> int | None:
    iteration = raw.get("iteration")
    return iteration if type(iteration) is int else None


def _usage(usage: object) -> Usage:
    """The tokens of a model call; none where nothing is said of them."""
    if not isinstance(usage, dict):
        return Usage()
    return Usage(
        input_tokens=_count(usage, "input_tokens"),
        output_tokens=_count(usage, "output_tokens"),
        cache_read_tokens=_count(usage, "cache_read_input_tokens"),
        cache_write_tokens=_count(usage, "cache_creation_input_tokens"),
        raw=(usage,),
    )


def _word(value: object) -> str | None:
    """What should be one word of the provider's; it stands in `info()` and in reports, so a novel is cut. None for what is no text."""
    return value[:WORD_AT_MOST] if isinstance(value, str) else None


def _count(usage: Raw, key: str) -> int:
    value = usage.get(key)
    return value if isinstance(value, int) else 0
