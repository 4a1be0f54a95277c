"""What a client may send to a session: each event checked, and the whole list at once. Pure.

Shapes: API reference, "Session events", the events sent by the client.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from agentsup.sim.exchange import Json
from agentsup.sim.fields import Form

from .content import MESSAGE_BLOCKS, RESULT_BLOCKS, check_blocks, known_blocks

RESULT_ID_FIELDS = {
    "user.custom_tool_result": "custom_tool_use_id",
    "user.tool_result": "tool_use_id",
    "user.tool_confirmation": "tool_use_id",
}
"""Which field of an answer names the call."""

MOST_EVENTS = 1000
"""In one send; the service's limit is not documented."""

MOST_RUBRIC_CHARS = 262_144
MOST_ITERATIONS = 20
DEFAULT_ITERATIONS = 3

_MAY_PRECEDE_SYSTEM = ("user.message", "user.tool_result", "user.custom_tool_result")


def _message(form: Form) -> None:
    check_blocks(form, MESSAGE_BLOCKS, required=True)


def _interrupt(form: Form) -> None:
    form.text("session_thread_id")


def _confirmation(form: Form) -> None:
    form.text("tool_use_id", required=True)
    allowed = form.choice("result", ("allow", "deny"), required=True) == "allow"
    if form.text("deny_message") is not None and allowed:
        form.wrong("deny_message", "is only for result deny")


def _custom_result(form: Form) -> None:
    form.text("custom_tool_use_id", required=True)
    check_blocks(form, RESULT_BLOCKS, required=False)
    form.boolean("is_error")


def _result(form: Form) -> None:
    form.text("tool_use_id", required=True)
    check_blocks(form, RESULT_BLOCKS, required=False)
    form.boolean("is_error")


def _outcome(form: Form) -> None:
    form.text("description", required=True, least=1)
    form.integer("max_iterations", least=1, most=MOST_ITERATIONS)
    rubric = form.child("rubric", required=True)
    if rubric is None:
        return
    kind = rubric.choice("type", ("text", "file"), required=True)
    if kind == "text":
        rubric.text("content", required=True, most=MOST_RUBRIC_CHARS)
    elif kind == "file":
        rubric.text("file_id", required=True)


def _system(form: Form) -> None:
    for block in form.children("content", required=True, least=1, most=1000):
        block.choice("type", ("text",), required=True)
        block.text("text", required=True)


_CHECKS: dict[str, Callable[[Form], None]] = {
    "user.message": _message,
    "user.interrupt": _interrupt,
    "user.tool_confirmation": _confirmation,
    "user.custom_tool_result": _custom_result,
    "user.tool_result": _result,
    "user.define_outcome": _outcome,
    "system.message": _system,
}


_FIELDS: dict[str, tuple[str, ...]] = {
    "user.message": ("content",),
    "user.interrupt": ("session_thread_id",),
    "user.tool_confirmation": ("tool_use_id", "result", "deny_message"),
    "user.custom_tool_result": ("custom_tool_use_id", "content", "is_error"),
    "user.tool_result": ("tool_use_id", "content", "is_error"),
    "user.define_outcome": ("description", "rubric", "max_iterations"),
    "system.message": ("content",),
}
"""What is kept of each; which thread an answer belongs to the server knows better than the client."""


def read_events(
    form: Form, key: str, *, least: int, most: int, only: Collection[str] = frozenset(_CHECKS)
) -> list[Form]:
    """The events in the list `key`, each checked for itself and for its place; problems are noted in the form."""
    events = list(form.children(key, least=least, most=most, required=least > 0))
    for event in events:
        kind = event.choice("type", only, required=True)
        if kind is not None:
            _CHECKS[kind](event)
    for index, event in enumerate(events):
        if event.data.get("type") == "system.message":
            if index != len(events) - 1:
                event.wrong("", "system.message must be the last event of a request")
            if index and events[index - 1].data.get("type") not in _MAY_PRECEDE_SYSTEM:
                event.wrong("", f"system.message must directly follow one of {', '.join(_MAY_PRECEDE_SYSTEM)}")
    return events


def check_rubrics(events: Iterable[Form], file_exists: Callable[[str], bool]) -> None:
    """Notes rubrics in files that are not there."""
    for event in events:
        rubric = event.data.get("rubric")
        if isinstance(rubric, dict) and rubric.get("type") == "file" and not file_exists(rubric["file_id"]):
            event.wrong("rubric.file_id", f"there is no file {rubric['file_id']}")


def echo_of(event: Json) -> Json:
    """The event as the session keeps it: the fields that the API knows for its type, and no others."""
    known = _FIELDS[event["type"]]
    kept = {"type": event["type"], **{key: event[key] for key in known if key in event}}
    if "content" in kept:
        kept["content"] = known_blocks(kept["content"])
    if "rubric" in kept:
        rubric = kept["rubric"]
        kept["rubric"] = {key: rubric[key] for key in ("type", "content", "file_id") if key in rubric}
    return kept
