"""What each of the provider's events means, what broken ones mean, and that the official client reads them as we do."""

from __future__ import annotations

import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentsup.talk import events as ev
from agentsup.talk.outcome import Evaluation
from agentsup.talk.tools import ToolUse
from agentsup.talk.usage import Usage
from agentsup.wire.frames import checked
from agentsup.wire.managed.events import _READ, read, read_row
from tests.kit.strategies import JSON

AT = "2026-11-21T06:30:00Z"


def raw(kind, **fields):
    return {"id": "sevt_1", "type": kind, "processed_at": AT, **fields}


def text(*texts):
    return [{"type": "text", "text": each} for each in texts]


MESSAGE = raw("agent.message", content=text("Hello", "you"))
TOOL = raw("agent.custom_tool_use", name="look", input={"order": 7})
SERVER_TOOL = raw("agent.tool_use", name="bash", input={"command": "ls"}, evaluated_permission="allow")
MCP_TOOL = raw("agent.mcp_tool_use", name="find", mcp_server_name="s", input={}, evaluated_permission="ask")
DENIED_TOOL = raw("agent.tool_use", name="rm", input={}, evaluated_permission="deny")
SERVER_RESULT = raw("agent.tool_result", tool_use_id="sevt_8", content=text("a b"), is_error=False)
MCP_RESULT = raw("agent.mcp_tool_result", mcp_tool_use_id="sevt_7", content=text("no"), is_error=True)
IDLE = raw("session.status_idle", stop_reason={"type": "end_turn"}, stop_details=None)
ACTION = raw("session.status_idle", stop_reason={"type": "requires_action", "event_ids": ["b", "a"]}, stop_details=None)
RETRY = {"type": "model_overloaded_error", "message": "busy", "retry_status": {"type": "retrying"}}
ERROR = raw("session.error", error=RETRY)
SPAN = raw(
    "span.model_request_end",
    model_request_start_id="sevt_0",
    is_error=None,
    model_usage={
        "input_tokens": 3,
        "output_tokens": 4,
        "cache_creation_input_tokens": 5,
        "cache_read_input_tokens": 6,
    },
)
ECHO = raw("user.message", content=text("Hi"))
RESULT_ECHO = raw("user.custom_tool_result", custom_tool_use_id="sevt_9", content=text("7"), is_error=False)
STOP_ECHO = raw("user.interrupt")
ALLOW_ECHO = raw("user.tool_confirmation", tool_use_id="sevt_8", result="allow", deny_message=None)
OUTCOME_ECHO = raw(
    "user.define_outcome",
    description="A report",
    rubric={"type": "text", "content": "It has a date"},
    max_iterations=None,
    outcome_id="outc_1",
)
THREAD_OVER = raw("session.thread_status_terminated", session_thread_id="sthr_1", agent_name="helper")
EVALUATION_START = raw("span.outcome_evaluation_start", outcome_id="outc_1", iteration=0)
EVALUATION_ONGOING = raw("span.outcome_evaluation_ongoing", outcome_id="outc_1", iteration=0)
EVALUATION_END = raw(
    "span.outcome_evaluation_end",
    outcome_evaluation_start_id="sevt_4",
    outcome_id="outc_1",
    iteration=1,
    result="needs_revision",
    explanation="It has no date.",
    usage={
        "input_tokens": 3,
        "output_tokens": 4,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
    },
)
SYSTEM_ECHO = raw("system.message", content=text("Be brief"))
SELF_HOSTED_ECHO = raw("user.tool_result", tool_use_id="sevt_8", content=text("a b"), is_error=None)
KNOWN = [
    MESSAGE,
    TOOL,
    SERVER_TOOL,
    MCP_TOOL,
    DENIED_TOOL,
    SERVER_RESULT,
    MCP_RESULT,
    ALLOW_ECHO,
    OUTCOME_ECHO,
    SYSTEM_ECHO,
    SELF_HOSTED_ECHO,
    IDLE,
    ACTION,
    ERROR,
    SPAN,
    ECHO,
    RESULT_ECHO,
    STOP_ECHO,
    THREAD_OVER,
    EVALUATION_START,
    EVALUATION_ONGOING,
    EVALUATION_END,
    raw("session.status_running"),
    raw("session.status_terminated"),
    raw("session.deleted"),
]

MEANINGS = [
    (MESSAGE, ev.Said(id="sevt_1", raw=MESSAGE, text="Hello\nyou")),
    (TOOL, ev.ToolAsked(id="sevt_1", raw=TOOL, use=ToolUse("sevt_1", "look", {"order": 7}))),
    (SERVER_TOOL, ev.ServerToolUsed(id="sevt_1", raw=SERVER_TOOL, use=ToolUse("sevt_1", "bash", {"command": "ls"}))),
    (MCP_TOOL, ev.ServerToolUsed(id="sevt_1", raw=MCP_TOOL, use=ToolUse("sevt_1", "find", {}), asks=True)),
    (DENIED_TOOL, ev.ServerToolUsed(id="sevt_1", raw=DENIED_TOOL, use=ToolUse("sevt_1", "rm", {}))),
    (SERVER_RESULT, ev.ServerToolEnded(id="sevt_1", raw=SERVER_RESULT, call_id="sevt_8")),
    (MCP_RESULT, ev.ServerToolEnded(id="sevt_1", raw=MCP_RESULT, call_id="sevt_7", is_error=True)),
    (IDLE, ev.Waiting(id="sevt_1", raw=IDLE, terminal="end_turn", stop_reason={"type": "end_turn"})),
    (
        ACTION,
        ev.Waiting(
            id="sevt_1",
            raw=ACTION,
            terminal="requires_action",
            stop_reason=ACTION["stop_reason"],
            asked=("b", "a"),
        ),
    ),
    (ERROR, ev.Troubled(id="sevt_1", raw=ERROR, kind="model_overloaded_error", retry="retrying")),
    (SPAN, ev.Measured(id="sevt_1", raw=SPAN, usage=Usage(3, 4, 6, 5, (SPAN["model_usage"],)))),
    (ECHO, ev.Echoed(id="sevt_1", raw=ECHO, kind="message", text="Hi")),
    (RESULT_ECHO, ev.Echoed(id="sevt_1", raw=RESULT_ECHO, kind="result", call_id="sevt_9")),
    (STOP_ECHO, ev.Echoed(id="sevt_1", raw=STOP_ECHO, kind="interrupt")),
    (ALLOW_ECHO, ev.Echoed(id="sevt_1", raw=ALLOW_ECHO, kind="confirmation", call_id="sevt_8")),
    (OUTCOME_ECHO, ev.Echoed(id="sevt_1", raw=OUTCOME_ECHO, kind="outcome", text="A report")),
    (THREAD_OVER, ev.ThreadEnded(id="sevt_1", raw=THREAD_OVER, thread="sthr_1")),
    (EVALUATION_START, ev.EvaluationStarted(id="sevt_1", raw=EVALUATION_START, outcome_id="outc_1", iteration=0)),
    (EVALUATION_ONGOING, ev.EvaluationOngoing(id="sevt_1", raw=EVALUATION_ONGOING, outcome_id="outc_1", iteration=0)),
    (
        EVALUATION_END,
        ev.EvaluationEnded(
            id="sevt_1",
            raw=EVALUATION_END,
            evaluation=Evaluation(
                result="needs_revision",
                iteration=1,
                explanation="It has no date.",
                outcome_id="outc_1",
                usage=Usage(3, 4, 0, 0, (EVALUATION_END["usage"],)),
            ),
        ),
    ),
    (SYSTEM_ECHO, ev.Echoed(id="sevt_1", raw=SYSTEM_ECHO, kind="other")),
    (SELF_HOSTED_ECHO, ev.Echoed(id="sevt_1", raw=SELF_HOSTED_ECHO, kind="other")),
]


@pytest.mark.parametrize(("event", "meaning"), MEANINGS, ids=[event["type"] for event, _ in MEANINGS])
def test_what_events_mean(event, meaning):
    """In the common vocabulary, with the provider's own event beside it."""
    assert read(event) == meaning


@pytest.mark.parametrize(
    ("kind", "meaning"),
    [
        ("session.status_running", ev.Working),
        ("session.status_terminated", ev.Terminated),
        ("session.deleted", ev.Terminated),
        ("session.status_rescheduled", ev.Noted),
        ("agent.thinking", ev.Noted),
        ("session.thread_status_idle", ev.Noted),
        ("session.usage", ev.Noted),
        ("nobody.has_heard_of_this", ev.Noted),
        ("span.outcome_evaluation_start", ev.EvaluationStarted),
        ("span.outcome_evaluation_end", ev.Noted),
        ("agent.tool_result", ev.Noted),
        ("session.thread_status_terminated", ev.Noted),
        ("user.of_the_future", ev.Echoed),
    ],
)
def test_states_and_events_that_change_nothing(kind, meaning):
    """An unknown event travels on, verbatim."""
    event = raw(kind, anything=[1])

    found = read(event)

    assert type(found) is meaning
    assert found.raw is event


@pytest.mark.parametrize(
    ("reason", "terminal"),
    [
        ({"type": "end_turn"}, "end_turn"),
        ({"type": "requires_action", "event_ids": []}, "requires_action"),
        ({"type": "retries_exhausted"}, "terminated"),
        ({"type": "budget_reached"}, "terminated"),
        ({"type": "refusal"}, "terminated"),
        ({"type": "satisfied"}, "end_turn"),
        ({"type": "max_iterations_reached"}, "end_turn"),
        ({"type": "failed"}, "terminated"),
        ({"type": "of the future"}, "terminated"),
        (None, "terminated"),
        ("end_turn", "terminated"),
    ],
)
def test_stop_reasons(reason, terminal):
    """Every value ends the turn somehow, and is kept as it came."""
    found = read(raw("session.status_idle", stop_reason=reason))

    assert (found.terminal, found.stop_reason) == (terminal, reason)


def test_deltas_pass_by_the_message_they_belong_to():
    """They have no id of their own; their announcement says nothing."""
    delta = {"type": "content_delta", "content": {"type": "text", "text": "He"}}

    assert read({"type": "event_delta", "event_id": "sevt_1", "delta": delta}) == ev.TextDelta(
        message_id="sevt_1", text="He"
    )
    assert read({"type": "event_start", "event": {"type": "agent.message", "id": "sevt_1"}}) is None


@pytest.mark.parametrize("event_id", ["", None, 7, {"a": 1}, ["x"]])
def test_an_id_that_is_none_is_none(event_id):
    """The live service gives interrupts an empty one; all of them are not one event."""
    assert read({"type": "user.interrupt", "id": event_id}).id is None


@pytest.mark.parametrize("event_id", ["", None])
@pytest.mark.parametrize("kind", ["user.interrupt", "agent.message", "session.status_idle", "brand.new"])
def test_an_event_without_an_id_is_known_by_its_time(kind, event_id):
    """The history shows it again at every reading; an old interrupt must not be taken for the echo of the next one."""
    first, again, later = (
        read({"type": kind, "id": event_id, "processed_at": f"2026-01-01T00:00:0{second}Z"}) for second in (1, 1, 2)
    )

    assert first.sighting == again.sighting == f"{kind} at 2026-01-01T00:00:01Z"
    assert later.sighting != first.sighting


@pytest.mark.parametrize("at", [None, "", 5, ["x"]])
def test_without_an_id_and_a_time_an_event_is_known_by_nothing(at):
    """Two of the same are two."""
    assert read({"type": "brand.new", "processed_at": at}).sighting is None


@pytest.mark.parametrize("row", [3, None, "x", [], {}, {"id": "odd"}, {"type": 7}, {"id": 5, "type": None}])
def test_a_row_that_is_no_event_is_noted(row):
    """And known again when the history is read again."""
    found = read_row(row)

    assert type(found) is ev.Noted
    assert found.raw == (row if isinstance(row, dict) else {"row": row})
    assert found.sighting is not None
    assert found.sighting == read_row(row).sighting


def test_an_errors_words_are_words():
    """They stand in `info()` and in reports."""
    long = read({"type": "session.error", "error": {"type": "k" * 5000, "retry_status": {"type": "r" * 5000}}})
    odd = read({"type": "session.error", "error": {"type": {"a": 1}, "retry_status": {"type": ["x"]}}})

    assert (long.kind, long.retry) == ("k" * 100, "r" * 100)
    assert (odd.kind, odd.retry) == ("unknown_error", None)


def test_a_call_without_an_id_is_no_call():
    """It could not be answered; what runs over there does not ask us, then."""
    assert type(read({"type": "agent.custom_tool_use", "name": "x", "input": {}})) is ev.Noted
    assert not read({"type": "agent.tool_use", "name": "x", "input": {}, "evaluated_permission": "ask"}).asks


def test_repr_does_not_show_content():
    """Events end up in logs."""
    shown = repr([read(event) for event in (MESSAGE, TOOL, ECHO, EVALUATION_END)])

    assert "Hello" not in shown
    assert "order" not in shown
    assert "no date" not in shown


FIELDS = st.sampled_from(
    [
        "id",
        "content",
        "name",
        "input",
        "stop_reason",
        "error",
        "model_usage",
        "custom_tool_use_id",
        "tool_use_id",
        "mcp_tool_use_id",
        "evaluated_permission",
        "description",
        "delta",
        "event_id",
        "session_thread_id",
        "result",
        "iteration",
        "explanation",
        "outcome_id",
        "usage",
    ]
)


@settings(max_examples=300)
@given(kind=st.sampled_from(sorted(_READ)), fields=st.dictionaries(FIELDS, JSON, max_size=4))
def test_a_known_type_with_any_fields_never_breaks_us(kind, fields):
    """Missing or mistyped: it means less, or nothing, and what it is recognised by can be put into a set."""
    event = checked({**fields, "type": kind})

    found = read(event)

    if isinstance(found, ev.Heard):
        assert found.id is None or isinstance(found.id, str)
        assert isinstance(hash((found.id, getattr(found, "asked", ()), getattr(found, "call_id", None))), int)
    else:
        assert found is None or isinstance(found.text, str)


@settings(max_examples=150)
@given(event=st.sampled_from(KNOWN), field=st.data(), value=JSON)
def test_one_broken_field_never_breaks_us(event, field, value):
    """Real events with one thing wrong, at any depth."""
    broken = dict(event)
    key = field.draw(st.sampled_from(sorted(set(broken) - {"type"})))
    inner = broken[key]
    if isinstance(inner, dict) and inner and field.draw(st.booleans()):
        broken[key] = {**inner, field.draw(st.sampled_from(sorted(inner))): value}
    else:
        broken[key] = value

    found = read(broken)

    assert found is None or isinstance(found, ev.Heard | ev.TextDelta)


@pytest.mark.parametrize("event", KNOWN, ids=lambda event: event["type"])
def test_the_official_client_reads_the_same_events(event):
    """Each of our examples is what the vendor's own types call by that name, with all its fields."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from anthropic.types.beta.sessions import BetaManagedAgentsStreamSessionEvents
    from pydantic import TypeAdapter

    theirs = TypeAdapter(BetaManagedAgentsStreamSessionEvents).validate_python(event)

    assert theirs.type == event["type"]
    assert theirs.id == event["id"]
    assert theirs.model_extra in (None, {})
