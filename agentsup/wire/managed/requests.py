"""What is said to Claude Managed Agents: bodies, queries and headers as plain data.

Source: the Managed Agents API reference, as told in this project's reference notes; the tests hold each against the official client.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, assert_never

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
from agentsup.talk.tools import ToolSpec
from agentsup.wire.errors import LocalProtocolError
from agentsup.wire.managed import inputs

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
    """The headers of every request."""
    return {**authorization(api_key), "anthropic-version": VERSION, "anthropic-beta": BETA}


def authorization(api_key: str | None) -> dict[str, str]:
    """The header that says who asks. OAuth tokens (`sk-ant-oat...`) travel as bearers, API keys in their own header.

    Without a key there is no such header: whoever sends the request must bring it.
    """
    if api_key is None:
        return {}
    return {"authorization": f"Bearer {api_key}"} if api_key.startswith("sk-ant-oat") else {"x-api-key": api_key}


def create_session(*, agent: str | Mapping[str, Any], environment: str, metadata: Mapping[str, str]) -> dict[str, Any]:
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
        case SayMessage(parts=parts):
            return inputs.user_message(parts)
        case GiveResult(result):
            return inputs.custom_tool_result(result.call_id, result.parts, is_error=result.is_error)
        case DefineOutcome(outcome=outcome):
            return inputs.define_outcome(outcome.description, outcome.rubric, max_iterations=outcome.max_iterations)
        case GiveLeave(call_id, allow=True):
            return inputs.tool_confirmation(call_id, "allow")
        case GiveLeave(call_id, message=message):
            return inputs.tool_confirmation(call_id, "deny", deny_message=message or None)
        case SayStop():
            return inputs.interrupt()
        case SayRaw(raw=raw):
            return dict(raw)
        case SetOptions():
            raise LocalProtocolError("options are no event: they are set by an update of the session")
    assert_never(item)
