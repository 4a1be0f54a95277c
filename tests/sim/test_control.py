"""Confirmations, interrupts, provider errors, budgets: what stops a turn and what lets it go on."""

from __future__ import annotations

from itertools import pairwise

import pytest
import trio
import trio.testing

from .kit import (
    at_rest,
    history,
    listening,
    message,
    new_session,
    of_type,
    result,
    say,
    send,
    stop_reasons,
    texts,
    types,
)

INTERRUPT = {"type": "user.interrupt"}


def confirmation(call, verdict, **fields):
    return {"type": "user.tool_confirmation", "tool_use_id": call["id"], "result": verdict, **fields}


async def last_call(client, session):
    return [event for event in await history(client, session) if event["type"].endswith("tool_use")][-1]


async def test_server_tool(client, autojump_clock):
    """`@server` runs at once; input and output are the JSON, and `{results}` is its output."""
    session = await new_session(client)

    await say(client, session, '@server bash {"command":"ls"}\n@say {results}')

    events = await history(client, session)
    (use,), (output,) = of_type(events, "agent.tool_use"), of_type(events, "agent.tool_result")
    assert (use["name"], use["input"], use["evaluated_permission"]) == ("bash", {"command": "ls"}, "allow")
    assert (output["tool_use_id"], output["is_error"]) == (use["id"], False)
    assert texts(events) == ['{"command":"ls"}']


@pytest.mark.parametrize(
    ("verdict", "fields", "said"),
    [
        ("allow", {}, '{"a": 1}'),
        ("deny", {"deny_message": "no way"}, "no way"),
        ("deny", {}, "the user denied this call"),
    ],
)
async def test_confirmation(client, autojump_clock, verdict, fields, said):
    """`@ask` waits for a confirmation; allowed it runs, denied the message is its error result."""
    session = await new_session(client)
    await say(client, session, '@ask bash {"a": 1}\n@say {results}')
    use = await last_call(client, session)

    await send(client, session, confirmation(use, verdict, **fields))
    await at_rest(client, session)

    events = await history(client, session)
    (output,) = of_type(events, "agent.tool_result")
    assert use["evaluated_permission"] == "ask"
    assert output["is_error"] == (verdict == "deny")
    assert texts(events) == [said]
    assert stop_reasons(events) == ["requires_action", "end_turn"]


async def test_stale_idle(client, autojump_clock):
    """`@stale` repeats the last requires_action with its answered calls, and nothing else changes."""
    session = await new_session(client)
    await say(client, session, "@stale\n@tool a {}\n@stale\n@say done")
    use = await last_call(client, session)

    await send(client, session, result(use, "A"))
    await at_rest(client, session)

    events = await history(client, session)
    idles = of_type(events, "session.status_idle")
    assert stop_reasons(events) == ["requires_action", "requires_action", "end_turn"]
    assert idles[0]["stop_reason"] == idles[1]["stop_reason"]
    assert idles[0]["id"] != idles[1]["id"]
    assert all(before["type"] == "session.usage" for before, after in pairwise(events) if after in idles)


@pytest.mark.parametrize("which", ["unknown", "answered", "twice", "wrong kind"])
async def test_results_nobody_waits_for(client, autojump_clock, which):
    """A result for an unknown or answered call, or of the wrong kind, is a 400 that names the field and changes nothing."""
    session = await new_session(client)
    await say(client, session, "@tool a {}\n@tool b {}")
    first, second = of_type(await history(client, session), "agent.custom_tool_use")
    wrong = {
        "unknown": [result(second, "B"), result({"id": "sevt_none"}, "x")],
        "answered": [result(first, "again")],
        "twice": [result(second, "B"), result(second, "B")],
        "wrong kind": [confirmation(second, "allow")],
    }[which]
    if which == "answered":
        await send(client, session, result(first, "A"))
    before = await history(client, session)

    answer = await send(client, session, *wrong)

    assert answer.status_code == 400
    assert f"events.{len(wrong) - 1}." in answer.json()["error"]["message"]
    assert "tool_use_id" in answer.json()["error"]["message"]
    assert await history(client, session) == before


async def test_interrupt_while_running(client, autojump_clock):
    """An interrupt ends the running turn with end_turn; what is queued behind it follows."""
    session = await new_session(client)
    await send(client, session, message("@say one\n@sleep 1000\n@say never"))
    await trio.sleep(1)

    (kept,) = (await send(client, session, INTERRUPT)).json()["data"]
    await send(client, session, message("next"))
    await trio.testing.wait_all_tasks_blocked()

    events = await history(client, session)
    assert kept["processed_at"] is None
    assert texts(events) == ["one", "next"]
    assert stop_reasons(events) == ["end_turn", "end_turn"]
    assert types(events).count("span.model_request_start") == types(events).count("span.model_request_end")
    assert of_type(events, "user.interrupt")[0]["processed_at"] is not None
    assert trio.current_time() < 1000


async def test_interrupt_while_waiting(client, autojump_clock):
    """An interrupt drops pending calls; a late result is then refused."""
    session = await new_session(client)
    await say(client, session, "@tool a {}\n@say never")
    use = await last_call(client, session)

    await send(client, session, INTERRUPT)
    await trio.testing.wait_all_tasks_blocked()
    late = await send(client, session, result(use, "A"))

    events = await history(client, session)
    assert late.status_code == 400
    assert texts(events) == []
    assert stop_reasons(events) == ["requires_action", "end_turn"]


async def test_interrupt_at_rest(client, autojump_clock):
    """An interrupt of an idle session is kept and changes nothing."""
    session = await new_session(client)

    (kept,) = (await send(client, session, INTERRUPT)).json()["data"]

    assert types(await history(client, session)) == ["user.interrupt"]
    assert kept["processed_at"] is not None


async def test_interrupt_and_message_in_one_send(client, autojump_clock):
    """A message behind an interrupt in one send starts the next turn; one before it is what is interrupted."""
    session = await new_session(client)

    await send(client, session, message("@sleep 1000"), INTERRUPT, message("@say after"))
    await trio.testing.wait_all_tasks_blocked()

    events = await history(client, session)
    assert texts(events) == ["after"]
    assert stop_reasons(events) == ["end_turn", "end_turn"]


async def test_message_while_waiting_is_queued(client, autojump_clock):
    """A message sent while calls wait is accepted and answered after the turn."""
    session = await new_session(client)
    await say(client, session, "@tool a {}\n@say {results}")
    use = await last_call(client, session)

    await send(client, session, message("second"))
    waiting = await history(client, session)
    await send(client, session, result(use, "first"))
    await at_rest(client, session)

    assert waiting[-1]["processed_at"] is None
    assert texts(await history(client, session)) == ["first", "second"]


SYSTEM = {"type": "system.message", "content": [{"type": "text", "text": "be brief"}]}


async def test_a_system_message_waits_with_what_it_follows(client, autojump_clock):
    """Behind a message that is queued it is queued as well, and processed with it, before the work; alone it waits for what is next."""
    session = await new_session(client)
    first = (await send(client, session, message("@sleep 5\n@say one"), SYSTEM)).json()["data"]
    queued = (await send(client, session, message("@say two"), SYSTEM)).json()["data"]
    alone = (await send(client, session, SYSTEM)).json()["data"]
    await at_rest(client, session)
    await trio.testing.wait_all_tasks_blocked()

    events = await history(client, session)
    assert [event["processed_at"] is not None for event in first + queued + alone] == [True, True, False, False, False]
    told = [event["id"] for event in events if event["type"] in ("user.message", "system.message")]
    assert told == [event["id"] for event in first + queued + alone]
    assert all(event["processed_at"] for event in events)
    kinds = types(events)
    second = kinds.index("system.message", kinds.index("session.status_idle"))
    assert kinds[second - 1 : second + 3] == [
        "user.message",
        "system.message",
        "system.message",
        "session.status_running",
    ]
    assert texts(events) == ["one", "two"]


async def test_a_system_message_behind_a_result(client, autojump_clock):
    """Behind a result it is processed on receipt, as the result is."""
    session = await new_session(client)
    await say(client, session, "@tool a {}\n@say {results}")

    kept = (await send(client, session, result(await last_call(client, session), "A"), SYSTEM)).json()["data"]
    await at_rest(client, session)

    assert all(event["processed_at"] for event in kept)
    assert texts(await history(client, session)) == ["A"]


async def test_a_flushed_outcome_is_over(client, autojump_clock):
    """An outcome that waits behind an exhausted turn is dropped, and its record says so."""
    session = await new_session(client)
    rubric = {"type": "text", "content": "r"}
    outcome = {"type": "user.define_outcome", "description": "@say never", "rubric": rubric}
    await send(client, session, message("@sleep 1\n@error x exhausted"), outcome)
    await at_rest(client, session)

    (record,) = (await client.get(f"/v1/sessions/{session}")).json()["outcome_evaluations"]
    assert (record["result"], record["completed_at"] is not None) == ("interrupted", True)
    assert texts(await history(client, session)) == []


async def test_how_a_call_was_judged(client, autojump_clock):
    """A provider's tool says whether it was allowed or must be asked for, and by which policy."""
    session = await new_session(client)

    await say(client, session, "@server bash {}\n@ask bash {}")

    uses = of_type(await history(client, session), "agent.tool_use")
    assert [(use["evaluated_permission"], use["evaluation"]) for use in uses] == [
        ("allow", {"type": "always_allow"}),
        ("ask", {"type": "always_ask"}),
    ]


async def test_a_terminated_session(client, autojump_clock):
    """A session that is over ages no more, and its budget does not change."""
    session = await new_session(client, budget=limit(100))
    await say(client, session, "@sleep 3\n@error x terminal")
    await trio.sleep(100)

    found = (await client.get(f"/v1/sessions/{session}")).json()
    refused = await client.post(f"/v1/sessions/{session}", json={"budget": limit(500)})
    assert found["stats"]["duration_seconds"] == pytest.approx(3, abs=0.5)
    assert refused.status_code == 400
    assert "budget:" in refused.json()["error"]["message"]


async def test_retrying_error(client, autojump_clock):
    """A retrying error reschedules and the turn goes on."""
    session = await new_session(client)

    await say(client, session, "@error model_overloaded_error retrying\n@say recovered")

    events = await history(client, session)
    (error,) = of_type(events, "session.error")
    where = types(events).index("session.error")
    assert error["error"]["type"] == "model_overloaded_error"
    assert error["error"]["retry_status"] == {"type": "retrying"}
    assert types(events)[where + 1 : where + 3] == ["session.status_rescheduled", "session.status_running"]
    assert texts(events) == ["recovered"]


async def test_exhausted_error(client, autojump_clock):
    """An exhausted error ends the turn with retries_exhausted and flushes what is queued; a new message is answered."""
    session = await new_session(client)
    await send(client, session, message("@sleep 1\n@error x exhausted\n@say never"), message("flushed"))
    await at_rest(client, session)

    await say(client, session, "new")

    events = await history(client, session)
    assert texts(events) == ["new"]
    assert stop_reasons(events) == ["retries_exhausted", "end_turn"]
    assert all(event["processed_at"] for event in events)


async def test_terminal_error(client, autojump_clock):
    """A terminal error terminates the session: streams end cleanly behind it, sends are refused."""
    session = await new_session(client)

    async with listening(client, session) as stream:
        await say(client, session, "@error x terminal\n@say never")
        await stream.over.wait()
    refused = await send(client, session, message("more"))
    async with listening(client, session) as late:
        await late.over.wait()

    assert stream.ended == late.ended == "clean"
    assert types(stream.events)[-1] == "session.status_terminated"
    assert (await client.get(f"/v1/sessions/{session}")).json()["status"] == "terminated"
    assert refused.status_code == 400


async def test_frames_and_events(client, autojump_clock):
    """`@frame` goes to the streams as it is, `@event` to streams and history with id and time added."""
    session = await new_session(client)

    async with listening(client, session) as stream:
        await say(client, session, '@frame ping {"type": "odd"\n@event {"type": "agent.novel", "x": [1]}')
        await stream.until("session.status_idle")

    events = await history(client, session)
    assert ("ping", '{"type": "odd"') in stream.frames
    (novel,) = of_type(events, "agent.novel")
    assert (novel["x"], bool(novel["id"]), bool(novel["processed_at"])) == ([1], True, True)
    assert "ping" not in types(events)


async def test_events_as_they_are_written(client, autojump_clock):
    """`@event` adds an id and a time only where there is none; whatever stands there, the history can be filtered by time."""
    session = await new_session(client)
    odd = '@event {"type": "agent.odd", "id": "sevt_own", "processed_at": %s}'

    await say(client, session, "\n".join(odd % value for value in ("null", '"soon"', "7", '"2026-01-01T00:00:00"')))

    found = of_type(await history(client, session), "agent.odd")
    late = await history(client, session, **{"created_at[gt]": "2000-01-01T00:00:00Z", "types[]": "agent.odd"})
    assert [event["processed_at"] for event in found] == [None, "soon", 7, "2026-01-01T00:00:00"]
    assert {event["id"] for event in found} == {"sevt_own"}
    assert [event["processed_at"] for event in late] == ["2026-01-01T00:00:00"]


@pytest.mark.parametrize("line", ['@event {"type": "a\\nb"}', '@event {"type": ""}', '@event {"type": "a\\u0000"}'])
async def test_events_no_stream_can_carry(client, autojump_clock, line):
    """An event whose type would break a frame is no direction."""
    session = await new_session(client)

    await say(client, session, line)

    assert texts(await history(client, session)) == [f"unknown stage direction: {line}"]


def limit(cents):
    return {"type": "limit", "max_list_cost": {"amount": str(cents), "currency": "USD"}}


async def test_budget(client, autojump_clock):
    """A spent budget rests the turn, refuses messages, drops interrupts; raising it lets the turn go on by itself."""
    session = await new_session(client, budget=limit(100))
    await say(client, session, "@usage 1000000 0\n@tool a {}\n@say rest")
    await send(client, session, result(await last_call(client, session), "A"))
    await at_rest(client, session)
    spent = await history(client, session)

    refused = await send(client, session, message("more"))
    ignored = await send(client, session, INTERRUPT)
    too_low = await client.post(f"/v1/sessions/{session}", json={"budget": limit(300)})
    raised = await client.post(f"/v1/sessions/{session}", json={"budget": limit(301)})
    await at_rest(client, session)

    assert types(spent)[-3:] == ["session.thread_status_idle", "session.usage", "session.status_idle"]
    assert stop_reasons(spent) == ["requires_action", "budget_reached"]
    assert (refused.status_code, ignored.json()["data"]) == (400, [])
    assert too_low.json()["error"]["details"]["error_code"] == "budget_not_raised"
    assert raised.status_code == 200
    events = await history(client, session)
    assert texts(events) == ["rest"]
    assert stop_reasons(events)[-1] == "end_turn"
    assert "user.interrupt" not in types(events)


@pytest.mark.parametrize("rest", ["@usage 1 1\n@say more", "@thread red\n@say more"])
async def test_a_spent_budget_makes_no_more_model_calls(client, autojump_clock, rest):
    """The next model call, a child's included, is made when there is money for it, and what came before is in the history."""
    session = await new_session(client, budget=limit(100))
    await say(client, session, f"@usage 1000000 0\n@say once\n{rest}")
    spent = await history(client, session)
    await client.post(f"/v1/sessions/{session}", json={"budget": limit(1000)})
    await at_rest(client, session)

    events = await history(client, session)
    threads = (await client.get(f"/v1/sessions/{session}/threads")).json()["data"]
    assert (texts(spent), stop_reasons(spent)) == (["once"], ["budget_reached"])
    assert types(spent).count("span.model_request_start") == types(spent).count("span.model_request_end") == 1
    assert stop_reasons(events) == ["budget_reached", "end_turn"]
    assert texts(events) == ["once", "more"] if len(threads) == 1 else ["once"]


async def test_stop_budget_reached(client, autojump_clock):
    """`@stop budget_reached` brings what a spent budget brings; a budget cannot be added afterwards."""
    session = await new_session(client)

    await say(client, session, "@stop budget_reached\n@say never")
    refused = await send(client, session, message("more"))
    added = await client.post(f"/v1/sessions/{session}", json={"budget": limit(5)})

    assert stop_reasons(await history(client, session)) == ["budget_reached"]
    assert refused.status_code == 400
    assert added.json()["error"]["details"]["error_code"] == "budget_create_only"
