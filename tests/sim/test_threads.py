"""Child threads, their feeds, and what of them the session shows."""

from __future__ import annotations

from .kit import (
    at_rest,
    history,
    listening,
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
