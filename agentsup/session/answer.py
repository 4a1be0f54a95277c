"""What a tool returned, as the one result that the model gets."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, assert_never

from agentsup.errors import Problem, SpecError
from agentsup.ids import CallId
from agentsup.session.data import as_data
from agentsup.talk.content import Document, Image, Part, SearchResult, Text, as_text
from agentsup.talk.tools import ToolResult

MOST_DATA = 20_000_000
"""Characters that the pictures and documents of one result may have together, in base64 or as text. Providers refuse requests of some 32 MB as a
whole, and a refused result is worse than none: the conversation could not go on."""


def answer_of(call_id: CallId, value: Any, *, limit: int) -> ToolResult:
    """The result that says what the tool returned.

    Text goes as it is, None as nothing, a part (or a list with parts in it, beside text and data) as parts, a `ToolResult` as it is but
    for whose it is, and everything else as JSON. Of more text than `limit` characters, head and tail are left.

    Raises:
        SpecError: what it returned cannot be told.
    """
    is_error = isinstance(value, ToolResult) and value.is_error
    parts = value.parts if isinstance(value, ToolResult) else _parts_of(value)
    size = sum(_size(part) for part in parts)
    if size > MOST_DATA:
        raise SpecError.of("", f"has {size} characters of pictures and documents, where {MOST_DATA} can be sent")
    return ToolResult.of(call_id, shortened(parts, limit), is_error=is_error)


def text_of(value: Any) -> str:
    """The text among what the model is given for such a value.

    Raises:
        SpecError: the value cannot be told.
    """
    return as_text(_parts_of(value))


def shortened(parts: Sequence[Part], limit: int) -> tuple[Part, ...]:
    """The parts with at most `limit` characters of text, markers aside; each text gives up as much as its length asks for."""
    total = sum(len(part.text) for part in parts if isinstance(part, Text))
    if total <= limit:
        return tuple(parts)
    return tuple(
        Text(cut(part.text, limit * len(part.text) // total)) if isinstance(part, Text) else part for part in parts
    )


def cut(text: str, limit: int) -> str:
    """The text, or its head and tail with what is missing said between them; `limit` is what is left, without the marker."""
    missing = len(text) - limit
    if missing <= 0:
        return text
    tail = limit // 2
    marker = f"\n[... {missing} of {len(text)} characters left out here ...]\n"
    return f"{text[: limit - tail]}{marker}{text[len(text) - tail :]}"


def _size(part: Part) -> int:
    """Characters that the part puts on the wire beside plain text, which is cut."""
    match part:
        case Text():
            return 0
        case Image(data=data):
            return len(data or "")
        case Document(data=data, text=text):
            return len(data or text or "")
        case SearchResult(text=text):
            return len(text)
    assert_never(part)


def _parts_of(value: Any) -> tuple[Part, ...]:
    if value is None:
        return ()
    if isinstance(value, Part):
        return (value,)
    if isinstance(value, list | tuple) and any(isinstance(item, Part) for item in value):
        return _mixed(value)
    return (Text(_told(value)),)


def _mixed(items: Sequence[Any]) -> tuple[Part, ...]:
    parts: list[Part] = []
    problems: list[Problem] = []
    for place, item in enumerate(items):
        try:
            parts += (item,) if isinstance(item, Part) else (Text(_told(item)),)
        except SpecError as exc:
            problems += (Problem(f"[{place}]{problem.path}", problem.message) for problem in exc.problems)
    if problems:
        raise SpecError(problems)
    return tuple(parts)


def _told(value: Any) -> str:
    data = value if type(value) is str else as_data(value)
    return data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
