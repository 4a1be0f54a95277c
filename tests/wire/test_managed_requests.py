"""What we say is what the provider's own client would say."""

from __future__ import annotations

import warnings

import pytest

from agentsup.errors import AgentsupError
from agentsup.talk.content import Document, Image, SearchResult, Text
from agentsup.talk.outcome import FileRubric, Outcome
from agentsup.talk.outgoing import DefineOutcome, GiveLeave, GiveResult, SayMessage, SayRaw, SayStop
from agentsup.talk.tools import ToolResult
from agentsup.wire.managed import requests

MESSAGE = SayMessage("r1", (Text("Hi"), Text("there")))
RESULT = GiveResult(ToolResult("sevt_1", "7"))
FAILED = GiveResult(ToolResult("sevt_1", "no", is_error=True))
SILENT = GiveResult(ToolResult("sevt_1", ""))
PARTS = (
    Text("See:"),
    Image(data=b"png", media_type="image/png"),
    Image(url="https://example.org/a.png"),
    Image(file_id="file_1"),
    Document(data=b"pdf"),
    Document(text="Plain.", title="Notes", context="From the desk."),
    Document(url="https://example.org/a.pdf"),
    Document(file_id="file_2"),
    Text(""),
)
MIXED_MESSAGE = SayMessage("r2", PARTS)
MIXED_RESULT = GiveResult(ToolResult.of("sevt_2", PARTS))
FOUND = SearchResult(source="https://example.org/a", title="Opening hours", text="Nine to five.", citations=True)
FOUND_RESULT = GiveResult(ToolResult.of("sevt_3", [FOUND]))


OUTCOME = DefineOutcome("r1", Outcome("A report", "It has a date"))
SHORT_OUTCOME = DefineOutcome("r2", Outcome("A report", "It has a date", max_iterations=1))
ALLOW = GiveLeave("sevt_2", allow=True, message="never said")
DENY = GiveLeave("sevt_3", allow=False, message="not today")
PLAIN_DENY = GiveLeave("sevt_4", allow=False)
RAW = SayRaw("raw:1", {"type": "system.message", "content": [{"type": "text", "text": "Be brief"}]})
ITEMS = [MESSAGE, RESULT, FAILED, SILENT, SayStop("stop:r1"), OUTCOME, SHORT_OUTCOME, ALLOW, DENY, PLAIN_DENY, RAW]


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


BLOCKS = [
    {"type": "text", "text": "See:"},
    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "cG5n"}},
    {"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}},
    {"type": "image", "source": {"type": "file", "file_id": "file_1"}},
    {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "cGRm"}},
    {
        "type": "document",
        "source": {"type": "text", "media_type": "text/plain", "data": "Plain."},
        "title": "Notes",
        "context": "From the desk.",
    },
    {"type": "document", "source": {"type": "url", "url": "https://example.org/a.pdf"}},
    {"type": "document", "source": {"type": "file", "file_id": "file_2"}},
]


def test_parts_are_content_blocks():
    """In messages and in results, each with its source; empty texts are left out."""
    assert requests.event(MIXED_MESSAGE)["content"] == requests.event(MIXED_RESULT)["content"] == BLOCKS


def test_a_search_result_is_a_block_of_a_result():
    """With where it is from; its passage as text."""
    assert requests.event(FOUND_RESULT)["content"] == [
        {
            "type": "search_result",
            "source": "https://example.org/a",
            "title": "Opening hours",
            "content": [{"type": "text", "text": "Nine to five."}],
            "citations": {"enabled": True},
        }
    ]


ITEMS = [MESSAGE, RESULT, FAILED, SILENT, MIXED_MESSAGE, MIXED_RESULT, FOUND_RESULT, SayStop("stop:r1")]


def test_an_outcome_is_defined_with_its_rubric():
    """The rubric as text; how often it is evaluated only where that was said."""
    body = {
        "type": "user.define_outcome",
        "description": "A report",
        "rubric": {"type": "text", "content": "It has a date"},
    }

    assert requests.event(OUTCOME) == body
    assert requests.event(SHORT_OUTCOME) == {**body, "max_iterations": 1}


def test_a_rubric_in_a_file_is_named_by_its_id():
    """The service reads it; nothing of it is said."""
    body = requests.event(DefineOutcome("r3", Outcome("A report", FileRubric("file_1"))))

    assert body["rubric"] == {"type": "file", "file_id": "file_1"}


def test_leave_is_given_or_denied_by_the_calls_id():
    """A message goes with a denial, and with a denial only: the service takes it nowhere else."""
    word = {"type": "user.tool_confirmation"}

    assert requests.event(ALLOW) == {**word, "tool_use_id": "sevt_2", "result": "allow"}
    assert requests.event(DENY) == {
        **word,
        "tool_use_id": "sevt_3",
        "result": "deny",
        "deny_message": "not today",
    }
    assert requests.event(PLAIN_DENY) == {**word, "tool_use_id": "sevt_4", "result": "deny"}


def test_the_providers_own_words_go_out_as_they_are():
    """Nothing is added, and nothing checked."""
    assert requests.event(RAW) == RAW.raw
    assert requests.event(SayRaw("raw:2", {"anything": [1, {"a": None}]})) == {"anything": [1, {"a": None}]}


def _whole(block):
    """A block whose own blocks, which are looked at when they are asked for, have been."""
    return {**block, "content": list(block["content"])} if "content" in block else block


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: item.key)
def test_the_official_client_would_send_the_same(item):
    """Each body passes the vendor's own parameter types."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from anthropic.types.beta.sessions import BetaManagedAgentsEventParams
    from pydantic import TypeAdapter

    said = requests.event(item)

    adapter = TypeAdapter(
        BetaManagedAgentsEventParams
    )  # must outlive what it takes: the blocks are looked at when they are asked for
    taken = adapter.validate_python(said)
    blocks = {"content": [_whole(block) for block in taken["content"]]} if "content" in taken else {}
    assert {**taken, **blocks} == said  # fields they do not know would be gone


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
