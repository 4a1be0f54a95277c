"""Outcomes: work, evaluations, verdicts."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from .kit import at_rest, history, message, new_session, of_type, result, send, stop_reasons, texts, types


def outcome(description, **fields):
    rubric = {"type": "text", "content": "is good"}
    return {"type": "user.define_outcome", "description": description, "rubric": rubric, **fields}


async def pursue(client, description, **fields):
    session = await new_session(client)
    response = await send(client, session, outcome(description, **fields))
    assert response.status_code == 200, response.text
    await at_rest(client, session)
    events = await history(client, session)
    (record,) = (await client.get(f"/v1/sessions/{session}")).json()["outcome_evaluations"]
    return events, record


def verdicts(events):
    return [(event["iteration"], event["result"]) for event in of_type(events, "span.outcome_evaluation_end")]


async def test_satisfied_by_default(client, autojump_clock):
    """Without a verdict the first evaluation is satisfied; the sequence is the documented one."""
    events, record = await pursue(client, "write it")

    assert types(events) == [
        "user.define_outcome",
        "session.status_running",
        "span.model_request_start",
        "agent.message",
        "span.model_request_end",
        "span.outcome_evaluation_start",
        "span.outcome_evaluation_ongoing",
        "span.outcome_evaluation_end",
        "session.usage",
        "session.status_idle",
    ]
    assert texts(events) == ["write it"]
    assert events[0]["outcome_id"].startswith("outc_")
    assert events[0]["processed_at"]
    assert (record["outcome_id"], record["result"], record["iteration"]) == (events[0]["outcome_id"], "satisfied", 0)
    assert stop_reasons(events) == ["end_turn"]


async def test_revisions(client, autojump_clock):
    """Each verdict is one evaluation's result; a revision goes on with what follows it."""
    events, record = await pursue(client, "@say a\n@verdict needs_revision\n@say b\n@verdict satisfied\n@say c")

    assert verdicts(events) == [(0, "needs_revision"), (1, "satisfied")]
    assert texts(events) == ["a", "b", "c"]
    assert (record["result"], record["iteration"]) == ("satisfied", 1)


async def test_failed(client, autojump_clock):
    """A failed verdict ends the outcome; the session rests with end_turn all the same."""
    events, record = await pursue(client, "@say x\n@verdict failed")

    assert verdicts(events) == [(0, "failed")]
    assert record["completed_at"] is not None
    assert stop_reasons(events) == ["end_turn"]


async def test_iterations_run_out(client, autojump_clock):
    """When the last iteration still needs revision, the result says so and one more model call acknowledges it."""
    events, record = await pursue(client, "@say x" + "\n@verdict needs_revision" * 5, max_iterations=2)

    assert verdicts(events) == [(0, "needs_revision"), (1, "max_iterations_reached")]
    assert record["result"] == "max_iterations_reached"
    after = types(events)[types(events).index("span.outcome_evaluation_end", 10) :]
    assert "span.model_request_start" in after


async def test_work_that_stops(client, autojump_clock):
    """Work that ends its turn is evaluated; for any other reason the outcome fails without."""
    events, record = await pursue(client, "@say a\n@stop end_turn\n@say never")
    refused, failed = await pursue(client, "@say a\n@stop refusal")

    assert (verdicts(events), record["result"]) == ([(0, "satisfied")], "satisfied")
    assert texts(events) == ["a"]
    assert (verdicts(refused), failed["result"]) == ([], "failed")
    assert stop_reasons(refused) == ["refusal"]


async def test_tools_and_children_in_the_work(client, autojump_clock):
    """Work may call tools and run children; an interrupt of a child leaves the outcome alone."""
    session = await new_session(client)
    work = "@tool a {}\n@say {results}\n@thread red\n@sleep 1000\n@thread blue\n@say b"
    await send(client, session, outcome(work))
    await trio.testing.wait_all_tasks_blocked()
    use = of_type(await history(client, session), "agent.custom_tool_use")[0]
    await send(client, session, result(use, "A"))
    await trio.sleep(1)
    red = (await client.get(f"/v1/sessions/{session}/threads")).json()["data"][1]["id"]
    await send(client, session, {"type": "user.interrupt", "session_thread_id": red})
    await at_rest(client, session)

    events = await history(client, session)
    assert texts(events) == ["A"]
    assert verdicts(events) == [(0, "satisfied")]
    assert stop_reasons(events) == ["requires_action", "end_turn"]


async def test_interrupt(client, autojump_clock):
    """An interrupt ends the work and the outcome."""
    session = await new_session(client)
    await send(client, session, outcome("@sleep 1000"))
    await trio.sleep(1)

    await send(client, session, {"type": "user.interrupt"})
    await trio.testing.wait_all_tasks_blocked()

    (record,) = (await client.get(f"/v1/sessions/{session}")).json()["outcome_evaluations"]
    assert record["result"] == "interrupted"
    assert stop_reasons(await history(client, session)) == ["end_turn"]


async def test_initial_events(client, autojump_clock):
    """Initial events set a new session to work in their order."""
    session = await new_session(client, initial_events=[message("first"), outcome("@say second")])
    await at_rest(client, session)
    await at_rest(client, session)

    assert texts(await history(client, session)) == ["first", "second"]


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"rubric": None}, "rubric"),
        ({"rubric": {"type": "text"}}, "rubric.content"),
        ({"rubric": {"type": "file", "file_id": "file_none"}}, "rubric.file_id"),
        ({"max_iterations": 21}, "max_iterations"),
        ({"description": ""}, "description"),
    ],
)
async def test_bad_outcomes(client, autojump_clock, fields, path):
    """What is wrong with an outcome is a 400 that names the path."""
    session = await new_session(client)

    answer = await send(client, session, {**outcome("x"), **fields})

    assert answer.status_code == 400
    assert f"events.0.{path}:" in answer.json()["error"]["message"]
