"""Self-hosted environments: whose workers run the agent's built-in tools."""

from __future__ import annotations

import anthropic
import pytest
import trio

from .kit import at_rest, history, of_type, say, send, stop_reasons, texts, types
from .kit import result as custom_result
from .official import message as user_message
from .official import official

TOOLSET = {"type": "agent_toolset_20260401"}


async def hosted_session(client, tools=(TOOLSET,), kind="self_hosted"):
    """A session of an agent with these tools, in an environment of that kind."""
    agent = (await client.post("/v1/agents", json={"name": "a", "model": "m", "tools": list(tools)})).json()
    environment = (await client.post("/v1/environments", json={"name": "e", "config": {"type": kind}})).json()
    body = {"agent": agent["id"], "environment_id": environment["id"]}
    return (await client.post("/v1/sessions", json=body)).json()["id"]


def tool_result(call, text, **fields):
    content = [{"type": "text", "text": text}]
    return {"type": "user.tool_result", "tool_use_id": call["id"], "content": content, **fields}


async def test_a_built_in_tool_waits_for_the_worker(client, autojump_clock):
    """There, `@tool` with the name of a built-in tool is an agent.tool_use that a user.tool_result answers."""
    session = await hosted_session(client)
    await say(client, session, '@tool bash {"command": "ls"}\n@tool count {}\n@say {results}')
    (use,) = of_type(await history(client, session), "agent.tool_use")
    (custom,) = of_type(await history(client, session), "agent.custom_tool_use")

    crossed = await send(client, session, custom_result(use, "x"))
    sent = await send(client, session, tool_result(use, "files", is_error=False))
    (kept,) = sent.json()["data"]
    await send(client, session, custom_result(custom, "3"))
    await at_rest(client, session)

    events = await history(client, session)
    assert (use["name"], use["input"], use["evaluated_permission"]) == ("bash", {"command": "ls"}, "allow")
    assert crossed.status_code == 400
    assert (kept["type"], kept["tool_use_id"], kept["processed_at"] is not None) == (
        "user.tool_result",
        use["id"],
        True,
    )
    idles = [idle["stop_reason"] for idle in of_type(events, "session.status_idle")]
    assert idles[0] == {"type": "requires_action", "event_ids": [use["id"], custom["id"]]}
    assert idles[1] == {"type": "requires_action", "event_ids": [custom["id"]]}
    assert texts(events) == ["files, 3"]


@pytest.mark.parametrize("again", ["answered", "unknown"])
async def test_results_nobody_waits_for(client, autojump_clock, again):
    """A second result, or one for an unknown call, is a 400 that names the field."""
    session = await hosted_session(client)
    await say(client, session, "@tool bash {}\n@tool read {}")
    use = of_type(await history(client, session), "agent.tool_use")[0]
    await send(client, session, tool_result(use, "x"))

    answer = await send(client, session, tool_result(use if again == "answered" else {"id": "sevt_none"}, "x"))

    assert answer.status_code == 400
    assert "events.0.tool_use_id:" in answer.json()["error"]["message"]


async def test_only_there(client, autojump_clock):
    """In the cloud a built-in tool's name is any client's tool, and a user.tool_result is a 400 in every state."""
    session = await hosted_session(client, kind="cloud")
    refused = [await send(client, session, tool_result({"id": "sevt_x"}, "x"))]
    await say(client, session, "@tool bash {}\n@say {results}")
    (use,) = of_type(await history(client, session), "agent.custom_tool_use")
    refused.append(await send(client, session, tool_result(use, "x")))

    assert [answer.status_code for answer in refused] == [400, 400]
    assert all("self_hosted" in answer.json()["error"]["message"] for answer in refused)


OFF = {**TOOLSET, "configs": [{"name": "bash", "enabled": False}]}
HIDDEN = {"type": "custom", "name": "bash", "description": "d", "input_schema": {"type": "object"}}


@pytest.mark.parametrize("tools", [(), (OFF,), (TOOLSET, HIDDEN)])
async def test_tools_that_are_not_built_in(client, autojump_clock, tools):
    """Without the toolset, with the tool off, or with a custom tool of the name, the call is a custom one."""
    session = await hosted_session(client, tools)
    await say(client, session, "@tool bash {}")

    assert len(of_type(await history(client, session), "agent.custom_tool_use")) == 1


async def test_the_script_does_not_wait_for_a_worker(client, autojump_clock):
    """A message makes a work item and is answered without one; `@server` and a confirmed `@ask` run as everywhere."""
    session = await hosted_session(client)
    await say(client, session, '@server bash {"a": 1}\n@ask bash {"b": 2}\n@say {results}')
    use = of_type(await history(client, session), "agent.tool_use")[-1]
    await send(client, session, {"type": "user.tool_confirmation", "tool_use_id": use["id"], "result": "allow"})
    await at_rest(client, session)

    events = await history(client, session)
    assert types(events).count("agent.tool_result") == 2
    assert texts(events) == ['{"b": 2}']
    assert stop_reasons(events) == ["requires_action", "end_turn"]


async def test_a_childs_built_in_tool(client, autojump_clock):
    """A child's call is answered on the session and is among the child's events, under its id there."""
    session = await hosted_session(client)
    await say(client, session, "@thread red\n@tool bash {}\n@say {results}")
    (use,) = of_type(await history(client, session), "agent.tool_use")
    await send(client, session, tool_result(use, "out"))
    await at_rest(client, session)

    red = (await client.get(f"/v1/sessions/{session}/threads")).json()["data"][1]["id"]
    child = (await client.get(f"/v1/sessions/{session}/threads/{red}/events")).json()["data"]
    assert (
        of_type(child, "user.tool_result")[0]["tool_use_id"] == of_type(child, "agent.tool_use")[0]["id"] != use["id"]
    )
    assert texts(child) == ["out"]


async def test_the_official_worker(tmp_path):
    """The official worker claims the item, runs the built-in tools in its own folder, answers them, and stops the item."""
    (tmp_path / "note.txt").write_text("milk\n")
    async with official() as client:
        agent = await client.beta.agents.create(name="a", model="m", tools=[TOOLSET])
        environment = await client.beta.environments.create(name="e", config={"type": "self_hosted"})
        script = '@tool read {"file_path": "note.txt"}\n@tool bash {"command": "echo $((6 * 7))"}\n@say {results}'
        session = await client.beta.sessions.create(
            agent=agent.id, environment_id=environment.id, initial_events=[user_message(script)]
        )
        worker = client.beta.environments.work.worker(
            environment_id=environment.id, environment_key="any", workdir=str(tmp_path), max_idle=0.1
        )
        with trio.fail_after(30):
            work = await client.beta.environments.work.poll(environment.id, block_ms=900)
            await client.beta.environments.work.ack(work.id, environment_id=environment.id)
            await worker.handle_item(
                work_id=work.id, session_id=session.id, environment_id=environment.id, environment_key="any"
            )
        events = [event async for event in client.beta.sessions.events.list(session.id)]
        (item,) = [item async for item in client.beta.environments.work.list(environment.id)]

    (said,) = [event.content[0].text for event in events if event.type == "agent.message"]
    assert "milk" in said
    assert "42" in said
    assert [event.type for event in events].count("user.tool_result") == 2
    assert item.state == "stopped"
    assert isinstance(client, anthropic.AsyncAnthropic)
