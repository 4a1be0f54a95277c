"""Child threads, their feeds, and what of them the session shows."""

from __future__ import annotations

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


async def threads_of(client, session):
    return (await client.get(f"/v1/sessions/{session}/threads")).json()["data"]


async def thread_events(client, session, thread):
    return (await client.get(f"/v1/sessions/{session}/threads/{thread['id']}/events")).json()["data"]


async def test_children_speak_on_their_own(client, autojump_clock):
    """What a child says is on its own feed; the session sees it begin, reply and rest."""
    session = await new_session(client)

    await say(client, session, "@say mine\n@thread red\n@say one\n@thread blue\n@say two")

    events = await history(client, session)
    own, red, blue = await threads_of(client, session)
    assert texts(events) == ["mine"]
    assert [own["parent_thread_id"], red["parent_thread_id"], blue["parent_thread_id"]] == [None, own["id"], own["id"]]
    assert [thread["agent"]["name"] for thread in (red, blue)] == ["red", "blue"]
    assert texts(await thread_events(client, session, red)) == ["one"]
    replies = of_type(events, "agent.thread_message_received")
    assert [(reply["from_agent_name"], reply["content"][0]["text"]) for reply in replies] == [
        ("red", "one"),
        ("blue", "two"),
    ]
    assert types(events)[5:11] == [
        "session.thread_created",
        "session.thread_status_running",
        "agent.thread_message_sent",
        "agent.thread_message_received",
        "session.thread_status_idle",
        "session.thread_created",
    ]
    assert await thread_events(client, session, own) == events


async def test_a_childs_calls_are_answered_on_the_session(client, autojump_clock):
    """A child's call is on both feeds under different ids; the session's id answers it, and the answer names the thread."""
    session = await new_session(client)
    await say(client, session, "@thread red\n@tool a {}\n@say got {results}")
    (use,) = of_type(await history(client, session), "agent.custom_tool_use")
    child = (await threads_of(client, session))[1]
    (own_use,) = of_type(await thread_events(client, session, child), "agent.custom_tool_use")

    await send(client, session, result(use, "A"))
    await at_rest(client, session)

    events = await history(client, session)
    assert use["session_thread_id"] == child["id"]
    assert use["id"] != own_use["id"]
    assert of_type(events, "user.custom_tool_result")[0]["session_thread_id"] == child["id"]
    assert texts(await thread_events(client, session, child)) == ["got A"]
    assert stop_reasons(events) == ["requires_action", "end_turn"]
    assert [idle["stop_reason"]["type"] for idle in of_type(events, "session.thread_status_idle")] == [
        "requires_action",
        "end_turn",
    ]


async def test_a_childs_confirmation(client, autojump_clock):
    """A child's confirmed tool runs on its own feed, and its result names the call there."""
    session = await new_session(client)
    await say(client, session, '@thread red\n@ask bash {"a": 1}\n@say {results}')
    (asked,) = of_type(await history(client, session), "agent.tool_use")

    await send(client, session, {"type": "user.tool_confirmation", "tool_use_id": asked["id"], "result": "allow"})
    await at_rest(client, session)

    child = await thread_events(client, session, (await threads_of(client, session))[1])
    (use,), (output,) = of_type(child, "agent.tool_use"), of_type(child, "agent.tool_result")
    assert output["tool_use_id"] == use["id"] != asked["id"]
    assert texts(child) == ['{"a": 1}']


async def test_thread_stream(client, autojump_clock):
    """A session's own thread streams what the session streams."""
    session = await new_session(client)
    (own,) = await threads_of(client, session)

    async with listening(client, session, path=f"threads/{own['id']}/stream") as stream:
        await say(client, session, "hello")
        await stream.until("session.status_idle")

    assert texts(stream.events) == ["hello"]


async def test_a_childs_stream(client, autojump_clock):
    """A child streams what its list has, with previews for those who asked; the session's stream has none of them."""
    session = await new_session(client)
    await send(client, session, message("@thread red\n@sleep 5\n@deltas 3 2\n@think x"))
    await trio.sleep(1)
    red = (await threads_of(client, session))[1]
    path, asked = f"threads/{red['id']}/stream", {"event_deltas[]": ["agent.message", "agent.thinking"]}

    async with listening(client, session, path=path, **asked) as child, listening(client, session, **asked) as own:
        await child.until("session.thread_status_idle")
        await own.until("session.status_idle")

    trace = await thread_events(client, session, red)
    heard = [event for event in child.events if event["type"] not in ("event_start", "event_delta")]
    assert heard == trace[-len(heard) :]
    assert texts(heard) == ["aabbcc"]
    assert types(child.events).count("event_delta") == 3
    assert types(child.events).count("event_start") == 2
    assert not {"event_start", "event_delta", "agent.message"} & set(types(own.events))


async def test_what_a_threads_list_takes(client, autojump_clock):
    """Threads are filtered by their status and come in pages; their events come in pages; nonsense is a 400."""
    session = await new_session(client)
    await say(client, session, "@thread red\n@say a\n@thread blue\n@say b")
    base = f"/v1/sessions/{session}/threads"
    red = (await threads_of(client, session))[1]
    await client.post(f"{base}/{red['id']}/archive")

    terminated = (await client.get(f"{base}?statuses[]=terminated&statuses[]=running")).json()["data"]
    first = (await client.get(f"{base}?limit=2")).json()
    rest = (await client.get(base, params={"limit": 2, "page": first["next_page"]})).json()
    events = (await client.get(f"{base}/{red['id']}/events?limit=1")).json()
    wrong = [
        await client.get(f"{base}?statuses[]=asleep"),
        await client.get(f"{base}?limit=1001"),
        await client.get(f"{base}/{red['id']}/events", params={"page": first["next_page"]}),
        await client.get(f"{base}/{red['id']}/stream?event_deltas[]=agent.tool_use"),
    ]

    assert [thread["id"] for thread in terminated] == [red["id"]]
    assert [len(page["data"]) for page in (first, rest, events)] == [2, 1, 1]
    assert rest["next_page"] is None
    assert [answer.status_code for answer in wrong] == [400] * 4


async def test_cuts_reach_the_threads_streams(client, autojump_clock):
    """`@cut` breaks the streams of a session's threads as well, `@eof` ends them."""
    session = await new_session(client)
    await say(client, session, "@thread red")
    red = (await threads_of(client, session))[1]

    for line, ended in (("@cut", "RemoteProtocolError"), ("@eof", "clean")):
        async with listening(client, session, path=f"threads/{red['id']}/stream") as stream:
            await say(client, session, line)
            await stream.over.wait()
        assert stream.ended == ended


async def test_a_child_has_its_whole_trace(client, autojump_clock):
    """An answer to a child's call is among the child's events, and names the call by its id there, as the child's rest does."""
    session = await new_session(client)
    await say(client, session, "@thread red\n@tool a {}\n@say {results}")
    use = of_type(await history(client, session), "agent.custom_tool_use")[-1]
    await send(client, session, result(use, "A"))
    await at_rest(client, session)

    child = await thread_events(client, session, (await threads_of(client, session))[1])
    (own_use,), (answer,) = of_type(child, "agent.custom_tool_use"), of_type(child, "user.custom_tool_result")
    assert answer["custom_tool_use_id"] == own_use["id"] != use["id"]
    rested = of_type(child, "session.thread_status_idle")[0]["stop_reason"]
    told = of_type(await history(client, session), "session.thread_status_idle")[0]["stop_reason"]
    assert (rested["event_ids"], told["event_ids"]) == ([own_use["id"]], [use["id"]])
    assert "session_thread_id" not in answer
    assert len({event["id"] for event in child}) == len(child)


@pytest.mark.parametrize(
    ("line", "reason", "status"),
    [
        ("@stop refusal", "refusal", "idle"),
        ("@stop something_new", "something_new", "idle"),
        ("@error x exhausted", "retries_exhausted", "idle"),
        ("@error x terminal", None, "terminated"),
    ],
)
async def test_how_a_childs_work_ends(client, autojump_clock, line, reason, status):
    """A child whose work ends the turn rests for the turn's reason, or is terminated with it, and gives no reply."""
    session = await new_session(client)
    await say(client, session, f"@thread red\n@say a\n{line}\n@say never")

    events, (_, red) = await history(client, session), await threads_of(client, session)
    child = await thread_events(client, session, red)
    assert (red["status"], texts(child)) == (status, ["a"])
    assert types(child)[-1] == f"session.thread_status_{status}"
    assert "agent.thread_message_sent" not in types(child)
    idle = of_type(events, "session.status_idle")
    rested = of_type(child, "session.thread_status_idle")
    assert [event["stop_reason"]["type"] for event in rested] == ([reason] if reason else [])
    assert [(event["stop_reason"], event["stop_details"]) for event in rested] == [
        (event["stop_reason"], event["stop_details"]) for event in idle
    ]
    assert types(events).count("span.model_request_start") == types(events).count("span.model_request_end")


async def test_a_child_that_is_rescheduled(client, autojump_clock):
    """A retrying error of a child reschedules the child and the session, and the child goes on."""
    session = await new_session(client)
    await say(client, session, "@thread red\n@error x retrying\n@say a")

    events, (_, red) = await history(client, session), await threads_of(client, session)
    where = types(events).index("session.error")
    assert types(events)[where + 1 : where + 5] == [
        "session.thread_status_rescheduled",
        "session.status_rescheduled",
        "session.status_running",
        "session.thread_status_running",
    ]
    assert texts(await thread_events(client, session, red)) == ["a"]
    assert red["status"] == "idle"


async def test_who_sent_a_message(client, autojump_clock):
    """Messages name the child they went to or came from, and leave the session's own agent out."""
    session = await new_session(client)
    await say(client, session, "@thread red\n@say one")

    events = await history(client, session)
    child = await thread_events(client, session, (await threads_of(client, session))[1])
    assert of_type(events, "agent.thread_message_sent")[0]["to_agent_name"] == "red"
    assert of_type(events, "agent.thread_message_received")[0]["from_agent_name"] == "red"
    assert "to_agent_name" not in of_type(child, "agent.thread_message_sent")[0]
    assert "from_agent_name" not in of_type(child, "agent.thread_message_received")[0]


async def test_a_childs_reply(client, autojump_clock):
    """A child replies with the last thing it said, however it said it; one that said nothing with nothing."""
    session = await new_session(client)
    words = '{"type": "agent.message", "content": [{"type": "text", "text": "last"}]}'
    await say(client, session, f"@thread red\n@say first\n@event {words}\n@thread blue\n@deltas 2 1\n@thread green")

    replies = of_type(await history(client, session), "agent.thread_message_received")
    assert [(reply["from_agent_name"], reply["content"][0]["text"]) for reply in replies] == [
        ("red", "last"),
        ("blue", "ab"),
        ("green", ""),
    ]


async def test_usage_of_each_thread(client, autojump_clock):
    """Each thread has the tokens of its own model calls, the session the sum."""
    session = await new_session(client)
    await say(client, session, "@usage 1 2\n@thread red\n@usage 10 20")

    usages = [thread["usage"] for thread in await threads_of(client, session)]
    whole = (await client.get(f"/v1/sessions/{session}")).json()["usage"]
    assert [(usage["input_tokens"], usage["output_tokens"]) for usage in usages] == [(1, 2), (10, 20)]
    assert (whole["input_tokens"], whole["output_tokens"]) == (11, 22)


async def test_time_of_each_thread(client, autojump_clock):
    """A child's active time is what it worked, without what it waited; its usage has the same."""
    session = await new_session(client)
    await say(client, session, "@sleep 5\n@thread red\n@sleep 7\n@tool a {}\n@thread blue")
    await trio.sleep(100)
    (_, red) = await threads_of(client, session)

    assert (red["stats"]["active_seconds"], red["usage"]["active_seconds"]) == (7, 7)
    assert red["stats"]["duration_seconds"] == pytest.approx(107, abs=5)


async def test_archiving_terminates(client, autojump_clock):
    """A child that is archived says terminated on both feeds, once; its open calls take no answers, and the script goes on."""
    session = await new_session(client)
    await say(client, session, "@thread red\n@tool a {}\n@say never\n@thread blue\n@say two")
    use = of_type(await history(client, session), "agent.custom_tool_use")[-1]
    red = (await threads_of(client, session))[1]
    path = f"/v1/sessions/{session}/threads/{red['id']}"

    archived = [(await client.post(f"{path}/archive")).json() for _ in range(2)]
    late = await send(client, session, result(use, "A"))
    interrupt = await send(client, session, {"type": "user.interrupt", "session_thread_id": red["id"]})
    await trio.testing.wait_all_tasks_blocked()

    events, child = await history(client, session), await thread_events(client, session, red)
    assert [thread["status"] for thread in archived] == ["terminated", "terminated"]
    assert (late.status_code, interrupt.status_code) == (400, 400)
    for feed in (events, child):
        assert [event["session_thread_id"] for event in of_type(feed, "session.thread_status_terminated")] == [
            red["id"]
        ]
    assert types(child)[-1] == "session.thread_status_terminated"
    assert texts(await thread_events(client, session, (await threads_of(client, session))[2])) == ["two"]
    assert stop_reasons(events) == ["requires_action", "end_turn"]


async def test_archiving_what_is_over(client, autojump_clock):
    """A child that was terminated with its session is archived without a second word."""
    session = await new_session(client)
    await say(client, session, "@thread red\n@error x terminal")
    red = (await threads_of(client, session))[1]
    before = await history(client, session)

    archived = (await client.post(f"/v1/sessions/{session}/threads/{red['id']}/archive")).json()

    assert (archived["status"], archived["archived_at"] is None) == ("terminated", False)
    assert await history(client, session) == before


async def test_running_children_are_not_archived(client, autojump_clock):
    """A child at work is archived after an interrupt only; one of an archived session not at all."""
    session = await new_session(client)
    await send(client, session, message("@thread red\n@sleep 1000"))
    await trio.sleep(1)
    red = (await threads_of(client, session))[1]
    path = f"/v1/sessions/{session}/threads/{red['id']}/archive"

    running = await client.post(path)
    await send(client, session, {"type": "user.interrupt", "session_thread_id": red["id"]})
    await at_rest(client, session)
    await client.post(f"/v1/sessions/{session}/archive")
    archived = await client.post(path)

    assert (running.status_code, archived.status_code) == (400, 400)


async def test_archive(client, autojump_clock):
    """A child can be archived, the session's own thread cannot; an unknown one is a 404."""
    session = await new_session(client)
    await say(client, session, "@thread red")
    own, red = await threads_of(client, session)
    base = f"/v1/sessions/{session}/threads"

    archived = (await client.post(f"{base}/{red['id']}/archive")).json()

    assert archived["archived_at"] is not None
    assert (await client.post(f"{base}/{own['id']}/archive")).status_code == 400
    assert (await client.get(f"{base}/sthr_none")).status_code == 404
