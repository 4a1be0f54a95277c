"""What we say is what the provider's own client would say."""

from __future__ import annotations

import warnings

import pytest

from agentsup.errors import AgentsupError
from agentsup.talk.content import Text
from agentsup.talk.outgoing import GiveResult, SayMessage, SayStop
from agentsup.talk.tools import ToolResult
from agentsup.wire.managed import requests

MESSAGE = SayMessage("r1", (Text("Hi"), Text("there")))
RESULT = GiveResult(ToolResult("sevt_1", "7"))
FAILED = GiveResult(ToolResult("sevt_1", "no", is_error=True))
SILENT = GiveResult(ToolResult("sevt_1", ""))


def test_events_go_out_together_and_in_order():
    """Messages, results and interrupts in the service's words; an empty result has no empty text block, which it refuses."""
    body = requests.send_events([RESULT, FAILED, SILENT, SayStop("stop:r1"), MESSAGE])

    assert body == {
        "events": [
            {
                "type": "user.custom_tool_result",
                "custom_tool_use_id": "sevt_1",
                "content": [{"type": "text", "text": "7"}],
            },
            {
                "type": "user.custom_tool_result",
                "custom_tool_use_id": "sevt_1",
                "content": [{"type": "text", "text": "no"}],
                "is_error": True,
            },
            {"type": "user.custom_tool_result", "custom_tool_use_id": "sevt_1", "content": []},
            {"type": "user.interrupt"},
            {"type": "user.message", "content": [{"type": "text", "text": "Hi"}, {"type": "text", "text": "there"}]},
        ]
    }


@pytest.mark.parametrize("item", [MESSAGE, RESULT, FAILED, SILENT, SayStop("stop:r1")], ids=lambda item: item.key)
def test_the_official_client_would_send_the_same(item):
    """Each body passes the vendor's own parameter types."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from anthropic.types.beta.sessions import BetaManagedAgentsEventParams
    from pydantic import TypeAdapter

    said = requests.event(item)

    assert TypeAdapter(BetaManagedAgentsEventParams).validate_python(said)["type"] == said["type"]


def test_a_session_is_created_with_our_marks():
    """Agent, environment, metadata; nothing that starts work."""
    body = requests.create_session(agent="agent_1", environment="env_1", metadata={requests.TOKEN_KEY: "t"})

    assert body == {"agent": "agent_1", "environment_id": "env_1", "metadata": {"agentsup_token": "t"}}


@pytest.mark.parametrize(
    ("key", "header", "value"),
    [("sk-ant-api03-x", "x-api-key", "sk-ant-api03-x"), ("sk-ant-oat01-x", "authorization", "Bearer sk-ant-oat01-x")],
)
def test_a_key_travels_in_the_header_of_its_kind(key, header, value):
    """API keys in their own, OAuth tokens as bearers, and with both the version and the beta."""
    found = requests.headers(key)

    assert found == {
        header: value,
        "anthropic-version": "2023-06-01",
        "anthropic-beta": "managed-agents-2026-04-01",
    }


def test_without_a_key_nothing_pretends_to_be_one():
    """Whoever sends the request brings it."""
    assert not {"x-api-key", "authorization"} & set(requests.headers(None))


def test_errors_of_the_protocol_are_ours():
    """One root for everything raised on purpose."""
    from agentsup.wire.errors import LocalProtocolError, RemoteProtocolError

    assert issubclass(LocalProtocolError, AgentsupError)
    assert issubclass(RemoteProtocolError, AgentsupError)
