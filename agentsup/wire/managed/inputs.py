"""Events for a session as the service wants them said: one builder for each that a client may send.

Each returns plain data for `client.events.send`, and for what a session of ours sends by itself (`requests`).

Source: the event catalogue of the Managed Agents API, as told in this project's reference notes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

from agentsup.talk.content import Part, Text, sayable
from agentsup.talk.outcome import FileRubric
from agentsup.wire.managed.blocks import blocks_of

Content: TypeAlias = str | Sequence[Part | Mapping[str, Any]]
"""A text, or several parts: our own, or content blocks as the service writes them."""


def user_message(content: Content) -> dict[str, Any]:
    """A message."""
    return {"type": "user.message", "content": _blocks(content)}


def interrupt(session_thread_id: str | None = None) -> dict[str, Any]:
    """A stop, for every thread or for one."""
    event = {"type": "user.interrupt"}
    return event if session_thread_id is None else {**event, "session_thread_id": session_thread_id}


def tool_confirmation(
    tool_use_id: str, result: Literal["allow", "deny"], *, deny_message: str | None = None
) -> dict[str, Any]:
    """Whether a tool that asks may run; with a refusal goes a message for the model."""
    event = {"type": "user.tool_confirmation", "tool_use_id": tool_use_id, "result": result}
    return event if deny_message is None else {**event, "deny_message": sayable(deny_message)}


def custom_tool_result(custom_tool_use_id: str, content: Content = (), *, is_error: bool = False) -> dict[str, Any]:
    """What a tool of yours came to."""
    event = {"type": "user.custom_tool_result", "custom_tool_use_id": custom_tool_use_id, "content": _blocks(content)}
    return {**event, "is_error": True} if is_error else event


def tool_result(tool_use_id: str, content: Content = (), *, is_error: bool = False) -> dict[str, Any]:
    """What a tool of the provider's came to that a worker of yours ran; only in self-hosted environments."""
    event = {"type": "user.tool_result", "tool_use_id": tool_use_id, "content": _blocks(content)}
    return {**event, "is_error": True} if is_error else event


def define_outcome(
    description: str, rubric: str | FileRubric | Mapping[str, Any], *, max_iterations: int | None = None
) -> dict[str, Any]:
    """What the session is to achieve, and by which rubric that is judged: a text, a file, or a rubric as the service writes it.

    Without a number of iterations the service has its own.
    """
    event = {"type": "user.define_outcome", "description": sayable(description), "rubric": _rubric(rubric)}
    return event if max_iterations is None else {**event, "max_iterations": max_iterations}


def system_message(text: str) -> dict[str, Any]:
    """An instruction from whoever runs the agent; the last of what is sent, behind a message or a result."""
    return {"type": "system.message", "content": [{"type": "text", "text": sayable(text)}]}


def _rubric(rubric: str | FileRubric | Mapping[str, Any]) -> dict[str, Any]:
    match rubric:
        case str():
            return {"type": "text", "content": sayable(rubric)}
        case FileRubric(file_id):
            return {"type": "file", "file_id": file_id}
        case _:
            return dict(rubric)


def _blocks(content: Content) -> list[dict[str, Any]]:
    """Content blocks; an empty text is none, because the service refuses empty text blocks."""
    found: list[dict[str, Any]] = []
    for part in [Text(content)] if isinstance(content, str) else content:
        found += [dict(part)] if isinstance(part, Mapping) else blocks_of([part])
    return found
