"""What is said to Claude Managed Agents: bodies, queries and headers as plain data.

Source: the Managed Agents API reference, as told in this project's reference notes; the tests hold each against the official client.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, assert_never

from agentsup.talk.content import Document, Image, Part, Text
from agentsup.talk.outcome import FileRubric, Outcome
from agentsup.talk.outgoing import (
    DefineOutcome,
    GiveLeave,
    GiveResult,
    Outgoing,
    SayMessage,
    SayRaw,
    SayStop,
    SetOptions,
)
from agentsup.talk.tools import ToolResult, ToolSpec
from agentsup.wire.errors import LocalProtocolError

BETA = "managed-agents-2026-04-01"
"""The beta header of every Managed Agents endpoint; without it they answer 404."""

FILES_BETA = f"files-api-2025-04-14,{BETA}"
"""What a strict server wants to hear before it shows a session's files; newer ones do without."""

VERSION = "2023-06-01"
"""The API version the Managed Agents documentation shows."""

TOKEN_KEY = "agentsup_token"  # noqa: S105  -- the name of a metadata key, not a secret
"""Session metadata under which a session we made is found again after a create that went unanswered."""

SESSION_KEY = "agentsup_session"
"""Session metadata that tells people at the provider's console which session this is here."""


def headers(api_key: str | None) -> dict[str, str]:
    """The headers of every request. OAuth tokens (`sk-ant-oat...`) travel as bearers, API keys in their own header.

    Without a key there is no such header: whoever sends the request must bring it.
    """
    common = {"anthropic-version": VERSION, "anthropic-beta": BETA}
    if api_key is None:
        return common
    auth = {"authorization": f"Bearer {api_key}"} if api_key.startswith("sk-ant-oat") else {"x-api-key": api_key}
    return {**auth, **common}


def create_session(*, agent: str, environment: str, metadata: Mapping[str, str]) -> dict[str, Any]:
    """The body of `POST /v1/sessions`."""
    return {"agent": agent, "environment_id": environment, "metadata": dict(metadata)}


_OF_THE_AGENT = ("tools", "mcp_servers")


def update_session(options: Mapping[str, Any]) -> dict[str, Any]:
    """The body of `POST /v1/sessions/{id}`: only what is named is changed, and that as a whole."""
    body = {name: value for name, value in options.items() if name not in _OF_THE_AGENT}
    agent = {name: options[name] for name in _OF_THE_AGENT if name in options}
    return {**body, "agent": agent} if agent else body


def custom_tool(spec: ToolSpec) -> dict[str, Any]:
    """A tool that runs here, as an agent declares it."""
    return {
        "type": "custom",
        "name": spec.name,
        "description": spec.description or spec.name,
        "input_schema": dict(spec.input_schema),
    }


def send_events(items: Sequence[Outgoing]) -> dict[str, Any]:
    """The body of `POST /v1/sessions/{id}/events`: the service takes all of them or none, in this order."""
    return {"events": [event(item) for item in items]}


def event(item: Outgoing) -> dict[str, Any]:
    """One input of ours as the service's event.

    Raises:
        LocalProtocolError: it is none; options are changed by a request of their own.
    """
    match item:
        case SayMessage():
            return user_message(item.parts)
        case GiveResult(result):
            return custom_tool_result(result)
        case DefineOutcome(outcome=outcome):
            return define_outcome(outcome)
        case GiveLeave():
            return tool_confirmation(item)
        case SayStop():
            return {"type": "user.interrupt"}
        case SayRaw(raw=raw):
            return dict(raw)
        case SetOptions():
            raise LocalProtocolError("options are no event: they are set by an update of the session")
    assert_never(item)


def user_message(parts: Sequence[Part]) -> dict[str, Any]:
    """A user's message."""
    return {"type": "user.message", "content": _blocks(parts)}


def custom_tool_result(result: ToolResult) -> dict[str, Any]:
    """A client tool's result."""
    answer = {
        "type": "user.custom_tool_result",
        "custom_tool_use_id": result.call_id,
        "content": _blocks(result.parts),
    }
    return {**answer, "is_error": True} if result.is_error else answer


def _blocks(parts: Sequence[Part]) -> list[dict[str, Any]]:
    """The parts as content blocks. An empty text is left out: the service refuses empty text blocks."""
    return [_block(part) for part in parts if not (isinstance(part, Text) and not part.text)]


def _block(part: Part) -> dict[str, Any]:
    match part:
        case Text(text):
            return {"type": "text", "text": text}
        case Image():
            return {"type": "image", "source": _source(part)}
        case Document(title=title, context=context):
            said = {"title": title, "context": context}
            told = {name: value for name, value in said.items() if value is not None}
            return {"type": "document", "source": _source(part), **told}
    assert_never(part)


def _source(part: Image | Document) -> dict[str, Any]:
    """Where the content comes from; a part has exactly one source."""
    if isinstance(part, Document) and part.text is not None:
        return {"type": "text", "media_type": "text/plain", "data": part.text}
    if part.data is not None:
        return {"type": "base64", "media_type": part.media_type, "data": part.data}
    if part.url is not None:
        return {"type": "url", "url": part.url}
    return {"type": "file", "file_id": part.file_id}


def tool_confirmation(leave: GiveLeave) -> dict[str, Any]:
    """The word on a call of the service's own that asked for leave; only a denial says why."""
    word = {"type": "user.tool_confirmation", "tool_use_id": leave.call_id}
    if leave.allow:
        return {**word, "result": "allow"}
    return {**word, "result": "deny", **({"deny_message": leave.message} if leave.message else {})}


def define_outcome(outcome: Outcome) -> dict[str, Any]:
    """What is to be reached, and by what it is judged; without a number of iterations the service has its own."""
    body = {"type": "user.define_outcome", "description": outcome.description, "rubric": _rubric(outcome.rubric)}
    return body if outcome.max_iterations is None else {**body, "max_iterations": outcome.max_iterations}


def _rubric(rubric: str | FileRubric) -> dict[str, str]:
    if isinstance(rubric, FileRubric):
        return {"type": "file", "file_id": rubric.file_id}
    return {"type": "text", "content": rubric}
