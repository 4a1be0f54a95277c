"""Interrupts in every state, of a whole session and of one thread."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from .kit import at_rest, history, message, new_session, of_type, result, say, send, stop_reasons, texts, types

INTERRUPT = {"type": "user.interrupt"}


def interrupt_of(thread):
    return {**INTERRUPT, "session_thread_id": thread["id"]}


async def threads_of(client, session):
    return (await client.get(f"/v1/sessions/{session}/threads")).json()["data"]


async def events_of(client, session, thread):
    return (await client.get(f"/v1/sessions/{session}/threads/{thread['id']}/events")).json()["data"]


async def calls_of(client, session):
    return of_type(await history(client, session), "agent.custom_tool_use")


async def test_one_child_of_two(client, autojump_clock):
    """An interrupt that names a child stops it alone: the rest of the script goes on, and its turn ends as usual."""
    session = await new_session(client)
    await send(client, session, message("@thread red\n@say one\n@sleep 1000\n@say never\n@thread blue\n@say two"))
    await trio.sleep(1)
    _, red = await threads_of(client, session)

    (kept,) = (await send(client, session, interrupt_of(red))).json()["data"]
    await at_rest(client, session)

    events = await history(client, session)
    _, red, blue = await threads_of(client, session)
    assert (kept["processed_at"], kept["session_thread_id"]) == (None, red["id"])
    assert of_type(events, "user.interrupt")[0]["processed_at"] is not None
    assert texts(await events_of(client, session, red)) == ["one"]
    assert texts(await events_of(client, session, blue)) == ["two"]
    assert [thread["status"] for thread in (red, blue)] == ["idle", "idle"]
    assert stop_reasons(events) == ["end_turn"]
    assert trio.current_time() < 1000


async def test_a_child_that_waits_for_answers(client, autojump_clock):
    """Its calls take no answer any more; those of the next child do."""
    session = await new_session(client)
    await say(client, session, "@thread red\n@tool a {}\n@say never\n@thread blue\n@tool b {}\n@say {results}")
    (first,) = await calls_of(client, session)
    _, red = await threads_of(client, session)

    await send(client, session, interrupt_of(red))
    await trio.testing.wait_all_tasks_blocked()
    late = await send(client, session, result(first, "A"))
    second = (await calls_of(client, session))[-1]
    await send(client, session, result(second, "B"))
    await at_rest(client, session)

    events = await history(client, session)
    _, red, blue = await threads_of(client, session)
    assert late.status_code == 400
    assert texts(await events_of(client, session, red)) == []
    assert texts(await events_of(client, session, blue)) == ["B"]
    assert stop_reasons(events) == ["requires_action", "requires_action", "end_turn"]
    running = types(events)[types(events).index("session.status_idle") + 1 :]
    assert running[:3] == ["session.status_running", "user.interrupt", "session.thread_status_idle"]


async def test_a_stopped_child_gives_no_reply(client, autojump_clock):
    """A child that was interrupted rests, alone or with everything else, and tells the session's own thread nothing."""
    for whole in (False, True):
        session = await new_session(client)
        await send(client, session, message("@thread red\n@say one\n@sleep 1000"))
        await trio.sleep(1)
        _, red = await threads_of(client, session)
        await send(client, session, INTERRUPT if whole else interrupt_of(red))
        await at_rest(client, session)

        events = await history(client, session)
        assert of_type(events, "agent.thread_message_received") == []
        assert types(events)[-3:] == [
            "session.thread_status_idle" if not whole else "user.interrupt",
            *types(events)[-2:],
        ]
        assert [idle["stop_reason"] for idle in of_type(events, "session.thread_status_idle")] == [{"type": "end_turn"}]
        assert stop_reasons(events) == ["end_turn"]


async def test_the_sessions_own_thread(client, autojump_clock):
    """By its own thread's id a session is stopped at once where that thread works, else when the child at work is done."""
    session = await new_session(client)
    (own,) = await threads_of(client, session)
    await send(client, session, message("@say a\n@sleep 1000\n@say never\n@thread red\n@say never"))
    await trio.sleep(1)
    await send(client, session, interrupt_of(own))
    await at_rest(client, session)
    alone = await history(client, session)

    await send(client, session, message("@thread blue\n@sleep 10\n@say b\n@thread green\n@say never"), message("next"))
    await trio.sleep(1)
    await send(client, session, interrupt_of(own))
    await trio.sleep(20)

    _, blue = await threads_of(client, session)
    events = await history(client, session)
    assert (texts(alone), stop_reasons(alone)) == (["a"], ["end_turn"])
    assert texts(await events_of(client, session, blue)) == ["b"]
    assert texts(events) == ["a", "next"]
    assert stop_reasons(events) == ["end_turn"] * 3
    assert all(event["processed_at"] for event in events)


async def test_a_child_at_rest(client, autojump_clock):
    """An interrupt of a child that rests is kept and changes nothing, while another one works as well."""
    session = await new_session(client)
    await send(client, session, message("@thread red\n@say one\n@thread blue\n@sleep 5\n@say two"))
    await trio.sleep(1)
    _, red, blue = await threads_of(client, session)

    (kept,) = (await send(client, session, interrupt_of(red))).json()["data"]
    await at_rest(client, session)
    (later,) = (await send(client, session, interrupt_of(blue))).json()["data"]

    assert kept["processed_at"] is not None
    assert later["processed_at"] is not None
    assert texts(await events_of(client, session, blue)) == ["two"]


@pytest.mark.parametrize("thread_id", ["sthr_none", 7, ""])
async def test_no_such_thread(client, autojump_clock, thread_id):
    """An interrupt of a thread that the session does not have is a 400 that names the field; nothing of the send is taken."""
    session = await new_session(client)

    answer = await send(client, session, message("hi"), {**INTERRUPT, "session_thread_id": thread_id})

    assert answer.status_code == 400
    assert "events.1.session_thread_id:" in answer.json()["error"]["message"]
    assert await history(client, session) == []


async def test_null_means_every_thread(client, autojump_clock):
    """A null thread id is none."""
    session = await new_session(client)
    await send(client, session, message("@thread red\n@sleep 1000\n@thread blue\n@say never"))
    await trio.sleep(1)

    await send(client, session, {**INTERRUPT, "session_thread_id": None})
    await at_rest(client, session)

    assert len(await threads_of(client, session)) == 2
    assert stop_reasons(await history(client, session)) == ["end_turn"]


async def test_answers_behind_an_interrupt(client, autojump_clock):
    """In one send an interrupt comes first: an answer behind it finds no open call, one before it is taken."""
    session = await new_session(client)
    await say(client, session, "@tool a {}\n@say never")
    (call,) = await calls_of(client, session)

    behind = await send(client, session, INTERRUPT, result(call, "A"))
    before = await send(client, session, result(call, "A"), INTERRUPT)
    await trio.testing.wait_all_tasks_blocked()

    assert behind.status_code == 400
    assert "events.1.custom_tool_use_id:" in behind.json()["error"]["message"]
    assert before.status_code == 200
    assert texts(await history(client, session)) == []


async def test_interrupts_pile_up(client, autojump_clock):
    """Several interrupts of one turn are each processed, and the next turn is not touched by them."""
    session = await new_session(client)
    await send(client, session, message("@sleep 1000"), INTERRUPT, INTERRUPT, message("@say next"))
    await trio.sleep(1)

    events = await history(client, session)
    assert [event["processed_at"] is not None for event in of_type(events, "user.interrupt")] == [True, True]
    assert texts(events) == ["next"]
    assert stop_reasons(events) == ["end_turn", "end_turn"]


@pytest.mark.parametrize("how", ["archived", "terminated", "deleted"])
async def test_sessions_that_are_over(client, autojump_clock, how):
    """A session that is archived or terminated refuses interrupts with 400; a deleted one is not there."""
    session = await new_session(client)
    if how == "terminated":
        await say(client, session, "@error x terminal")
    elif how == "archived":
        await client.post(f"/v1/sessions/{session}/archive")
    else:
        await client.delete(f"/v1/sessions/{session}")

    assert (await send(client, session, INTERRUPT)).status_code == (404 if how == "deleted" else 400)
