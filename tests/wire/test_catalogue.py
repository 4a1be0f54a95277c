"""The catalogue of events: every documented one in its class, everything else carried as it is."""

from __future__ import annotations

import typing

import anthropic.types.beta.sessions as official
import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentsup.wire.managed import catalogue as ev
from agentsup.wire.managed.catalogue import KINDS, Unknown, event_of
from agentsup.wire.managed.events import read
from tests.kit.strategies import JSON

STAMP = "2026-01-01T00:00:00Z"
TEXT = [{"type": "text", "text": "hi"}]
USAGE = {"input_tokens": 1, "output_tokens": 2, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}

DOCUMENTED = [
    {"type": "user.message", "content": [*TEXT, {"type": "image"}, *TEXT]},
    {"type": "user.interrupt", "session_thread_id": "sthr_1"},
    {"type": "user.tool_confirmation", "tool_use_id": "t", "result": "deny", "deny_message": "no"},
    {"type": "user.custom_tool_result", "custom_tool_use_id": "t", "content": TEXT, "is_error": True},
    {"type": "user.tool_result", "tool_use_id": "t", "content": TEXT, "is_error": False},
    {
        "type": "user.define_outcome",
        "description": "d",
        "rubric": {"type": "text", "content": "r"},
        "max_iterations": 3,
        "outcome_id": "outc_1",
    },
    {"type": "system.message", "content": TEXT},
    {"type": "agent.message", "content": TEXT},
    {"type": "agent.thinking"},
    {
        "type": "agent.tool_use",
        "name": "bash",
        "input": {"a": 1},
        "evaluated_permission": "ask",
        "evaluation": {"type": "always_ask"},
        "session_thread_id": "sthr_1",
    },
    {"type": "agent.tool_result", "tool_use_id": "t", "content": TEXT, "is_error": False},
    {
        "type": "agent.mcp_tool_use",
        "mcp_server_name": "m",
        "name": "n",
        "input": {},
        "evaluated_permission": "allow",
        "evaluation": {"type": "always_allow"},
        "session_thread_id": "sthr_1",
    },
    {"type": "agent.mcp_tool_result", "mcp_tool_use_id": "t", "content": TEXT, "is_error": True},
    {"type": "agent.custom_tool_use", "name": "n", "input": {"a": [1]}, "session_thread_id": "sthr_1"},
    {"type": "agent.thread_context_compacted"},
    {"type": "agent.thread_message_sent", "to_session_thread_id": "s", "to_agent_name": "a", "content": TEXT},
    {"type": "agent.thread_message_received", "from_session_thread_id": "s", "from_agent_name": "a", "content": TEXT},
    {"type": "session.status_running"},
    {
        "type": "session.status_idle",
        "stop_reason": {"type": "requires_action", "event_ids": ["a", "b"]},
        "stop_details": {"type": "refusal"},
    },
    {"type": "session.status_rescheduled"},
    {"type": "session.status_terminated"},
    {"type": "session.error", "error": {"type": "billing_error", "retry_status": {"type": "terminal"}}},
    {
        "type": "session.updated",
        "title": "t",
        "metadata": {"k": "v"},
        "agent": {"id": "a"},
        "budget": {"type": "limit"},
    },
    {"type": "session.usage", "usage": {"input_tokens": 1}, "budget": {"type": "limit"}},
    {"type": "session.deleted"},
    {"type": "session.thread_created", "session_thread_id": "s", "agent_name": "a", "workflow_run_id": "w"},
    {"type": "session.thread_status_running", "session_thread_id": "s", "agent_name": "a"},
    {
        "type": "session.thread_status_idle",
        "session_thread_id": "s",
        "agent_name": "a",
        "stop_reason": {"type": "end_turn"},
        "stop_details": {"type": "refusal"},
    },
    {"type": "session.thread_status_rescheduled", "session_thread_id": "s", "agent_name": "a"},
    {"type": "session.thread_status_terminated", "session_thread_id": "s", "agent_name": "a"},
    {"type": "span.model_request_start"},
    {"type": "span.model_request_end", "model_request_start_id": "s", "is_error": False, "model_usage": USAGE},
    {"type": "span.outcome_evaluation_start", "outcome_id": "o", "iteration": 0},
    {"type": "span.outcome_evaluation_ongoing", "outcome_id": "o", "iteration": 1},
    {
        "type": "span.outcome_evaluation_end",
        "outcome_evaluation_start_id": "s",
        "outcome_id": "o",
        "iteration": 1,
        "result": "satisfied",
        "explanation": "e",
        "usage": USAGE,
    },
    {"type": "workflow_run.created", "workflow_run_id": "w", "name": "n", "description": "d", "phases": [{"id": "p"}]},
    {"type": "workflow_run.status_running", "workflow_run_id": "w"},
    {"type": "workflow_run.status_idle", "workflow_run_id": "w"},
    {"type": "workflow_run.status_ended", "workflow_run_id": "w", "result": {"type": "completed"}},
    {"type": "workflow_run.error", "workflow_run_id": "w", "error": {"type": "timeout_error", "message": "m"}},
    {"type": "workflow_run.phase_started", "workflow_run_id": "w", "workflow_run_phase_id": "p"},
    {"type": "workflow_run.phase_ended", "workflow_run_id": "w", "workflow_run_phase_id": "p", "phase_started_id": "s"},
    {"type": "event_start", "event": {"type": "agent.message", "id": "e"}},
    {
        "type": "event_delta",
        "event_id": "e",
        "delta": {"type": "content_delta", "content": {"type": "text", "text": "x"}},
    },
]
"""Each with all of its documented fields."""

PREVIEWS = {"event_start", "event_delta"}


def whole(event):
    """With what every event has."""
    return event if event["type"] in PREVIEWS else {"id": "sevt_1", "processed_at": STAMP, **event}


def plain(value):
    return list(value) if isinstance(value, tuple) else value


@pytest.mark.parametrize("raw", [whole(event) for event in DOCUMENTED], ids=lambda raw: raw["type"])
def test_every_documented_event(raw):
    """In its own class, every field under its own name, the event itself as `raw`."""
    event = event_of(raw)
    fields = {field.name: plain(getattr(event, field.name)) for field in attrs.fields(type(event))}

    assert event.type == raw["type"]
    assert fields.pop("raw") is raw
    assert {"type": event.type, **{name: value for name, value in fields.items() if value is not None}} == raw


def test_none_is_left_out():
    """The table above, the catalogue and the official client know the same types."""
    unions = (official.BetaManagedAgentsSessionEvent, official.BetaManagedAgentsStreamSessionEvents)
    theirs = {
        typing.get_args(member.model_fields["type"].annotation)[0]
        for union in unions
        for member in typing.get_args(typing.get_args(union)[0])
    }

    assert {event["type"] for event in DOCUMENTED} == {kind.type for kind in KINDS}
    assert theirs - {kind.type for kind in KINDS} == set()


def test_fields_are_those_of_the_official_client():
    """Of each event, the fields that the official client has."""
    union = typing.get_args(typing.get_args(official.BetaManagedAgentsStreamSessionEvents)[0])
    theirs = {typing.get_args(one.model_fields["type"].annotation)[0]: set(one.model_fields) for one in union}
    ours = {kind.type: {field.name for field in attrs.fields(kind)} - {"raw"} | {"type"} for kind in KINDS}
    previews = {"id", "processed_at"}

    missing = {name: fields - ours[name] for name, fields in theirs.items() if fields - ours[name]}
    assert missing == {}
    for name in PREVIEWS:
        assert theirs[name] == ours[name] - previews


@pytest.mark.parametrize("raw", [whole(event) for event in DOCUMENTED], ids=lambda raw: raw["type"])
def test_new_fields_change_nothing(raw):
    """A field that nobody knows stays in `raw`."""
    event = event_of({**raw, "mood": "good"})

    assert (event, event.raw["mood"]) == (event_of(raw), "good")


@pytest.mark.parametrize("raw", [whole(event) for event in DOCUMENTED], ids=lambda raw: raw["type"])
def test_a_field_of_another_kind(raw):
    """The event is carried as one that nobody knows, and says which field it is."""
    for name in raw.keys() - {"type"}:
        event = event_of({**raw, name: object()})
        assert isinstance(event, Unknown)
        assert event.kind == raw["type"]
        assert event.misfit.startswith(f"{name}: must be ")


def test_every_misfit_is_named():
    """All at once; also a list with something else in it, and a field that has to be there."""
    event = event_of({"type": "agent.tool_result", "id": 3, "content": [{}, "x"], "is_error": 1})

    assert event.misfit == (
        "id: must be a string, is an integer; tool_use_id: is missing; "
        "content: must be a list of objects, has a string in it; is_error: must be true or false, is an integer"
    )
    assert (event.id, event.processed_at) == (None, None)


def test_an_unknown_event_is_carried():
    """With its id and time, and everything in `raw`."""
    raw = {"type": "agent.daydream", "id": "sevt_1", "processed_at": STAMP, "about": ["sheep"]}

    assert event_of(raw) == Unknown(raw, "sevt_1", STAMP, "agent.daydream", None)


@given(st.dictionaries(st.sampled_from(["id", "processed_at", "content", "name", "input", "error"]), JSON))
def test_nothing_else_can_go_wrong(fields):
    """Whatever is in the fields of whatever event, an event comes of it, with what came in `raw`."""
    for kind in KINDS:
        raw = {**fields, "type": kind.type}
        event = event_of(raw)
        assert event.raw is raw
        assert isinstance(event, kind | Unknown)


@given(st.dictionaries(st.sampled_from(["stop_reason", "error", "delta", "content"]), JSON))
def test_what_is_looked_up_inside_is_never_a_crash(fields):
    """The words of convenience answer for any content."""
    for kind in (ev.SessionStatusIdle, ev.SessionError, ev.EventDelta, ev.AgentMessage, ev.UserMessage):
        event = event_of({**fields, "type": kind.type})
        for name in ("reason", "event_ids", "kind", "retry", "text"):
            if hasattr(type(event), name):  # an error of its own would be taken for a word that is not there
                getattr(event, name)


def test_words_of_convenience():
    """The few things that everybody looks up."""
    idle = event_of({"type": "session.status_idle", "stop_reason": {"type": "requires_action", "event_ids": ["a", 1]}})
    error = event_of({"type": "session.error", "error": {"type": "x", "retry_status": {"type": "retrying"}}})
    message = event_of({"type": "agent.message", "content": [*TEXT, {"type": "image"}, *TEXT]})
    delta = event_of({"type": "event_delta", "delta": {"content": {"type": "text", "text": "x"}}})

    assert (idle.reason, idle.event_ids) == ("requires_action", ("a",))
    assert (error.kind, error.retry) == ("x", "retrying")
    assert (message.text, delta.text) == ("hi\nhi", "x")
    assert event_of({"type": "session.status_idle"}).reason is None


@pytest.mark.parametrize("raw", [whole(event) for event in DOCUMENTED], ids=lambda raw: raw["type"])
def test_both_vocabularies_tell_the_same(raw):
    """What a session makes of an event has the id and the data of the one in the catalogue."""
    meant, event = read(raw), event_of(raw)

    if meant is not None and raw["type"] not in PREVIEWS:
        assert (meant.id, meant.raw) == (event.id, event.raw)


def test_a_repr_hides_content():
    """Sizes stand where words do."""
    shown = repr([event_of({**whole(event), "mood": "hush"}) for event in DOCUMENTED])

    assert "hush" not in shown
    assert "'hi'" not in shown
    assert "'text'" not in shown
