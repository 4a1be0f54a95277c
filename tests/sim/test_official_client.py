"""The official client as the judge: what it can do against the service, it can do against the simulator."""

from __future__ import annotations

import anthropic
import pytest
import trio
from anthropic.lib.sessions import accumulate_managed_agents_event

from agentsup.sim.server import serve

from .official import message, official, session_of


async def test_turn_with_two_parallel_tools():
    """It creates everything, streams a turn with two parallel tools, answers them, and lists the history through its pages."""
    async with official() as client:
        session = await session_of(client)
        answered, said, listed = [], [], []
        async with await client.beta.sessions.events.stream(session.id) as stream:
            await client.beta.sessions.events.send(
                session.id, events=[message('@tool count {"n": 1}\n@tool count {"n": 2}\n@say sum: {results}')]
            )
            uses = {}
            async for event in stream:
                if event.type == "agent.custom_tool_use":
                    uses[event.id] = event
                elif event.type == "agent.message":
                    said.append(event.content[0].text)
                elif event.type == "session.status_idle" and event.stop_reason.type == "requires_action":
                    answered = list(event.stop_reason.event_ids)
                    results = [
                        {
                            "type": "user.custom_tool_result",
                            "custom_tool_use_id": call_id,
                            "content": [{"type": "text", "text": str(uses[call_id].input["n"] * 10)}],
                        }
                        for call_id in answered
                    ]
                    await client.beta.sessions.events.send(session.id, events=results)
                elif event.type == "session.status_idle":
                    listed = [event async for event in client.beta.sessions.events.list(session.id, limit=3)]
                    await client.beta.sessions.delete(session.id)  # ends the stream

    assert answered == list(uses)
    assert said == ["sum: 10, 20"]
    assert [event.type for event in listed].count("user.custom_tool_result") == 2
    assert listed[-1].type == "session.status_idle"
    assert len({event.id for event in listed}) == len(listed)


async def test_errors_as_its_classes():
    """Refusals arrive as the client's own classes, with type and request id."""
    async with official(max_retries=0) as client:
        with pytest.raises(anthropic.NotFoundError) as missing:
            await client.beta.sessions.retrieve("sesn_none")
        with pytest.raises(anthropic.BadRequestError) as bad:
            await client.beta.agents.create(name="", model="m")

    assert missing.value.type == "not_found_error"
    assert missing.value.request_id.startswith("req_")
    assert "name:" in str(bad.value)


async def test_resources_have_every_field():
    """Agents, environments and sessions come back complete, in the client's own types."""
    async with official() as client:
        session = await session_of(client)
        agents = [agent async for agent in client.beta.agents.list(limit=1)]
        environments = [environment async for environment in client.beta.environments.list()]
        sessions = [found async for found in client.beta.sessions.list()]

    assert [agent.id for agent in agents] == [session.agent.id]
    assert agents[0].tools[0].name == "count"
    assert agents[0].version == 1
    assert environments[0].config.networking.type == "unrestricted"
    assert sessions[0].id == session.id
    assert session.usage.input_tokens == 0
    assert session.status == "idle"


def test_sync_client_in_a_thread():
    """The sync client works the same from another thread."""

    def use(url):
        with anthropic.Anthropic(api_key="any", base_url=url, timeout=10) as client:
            agent = client.beta.agents.create(name="a", model="m")
            environment = client.beta.environments.create(name="e")
            session = client.beta.sessions.create(agent=agent.id, environment_id=environment.id)
            with client.beta.sessions.events.stream(session.id, event_deltas=["agent.message"]) as stream:
                client.beta.sessions.events.send(session.id, events=[message("@deltas 4 1")])
                kinds = []
                for event in stream:
                    kinds.append(event.type)
                    if event.type == "session.status_idle":
                        return kinds
        return []

    async def main():
        async with trio.open_nursery() as nursery:
            url = await nursery.start(serve)
            kinds = await trio.to_thread.run_sync(use, url)
            nursery.cancel_scope.cancel()
        return kinds

    assert trio.run(main).count("event_delta") == 4


async def test_its_accumulator_of_previews():
    """What it folds from the deltas is a prefix of the message at every step, and the message in the end."""
    async with official() as client:
        session = await session_of(client)
        snapshot, seen = None, []
        async with await client.beta.sessions.events.stream(session.id, event_deltas=["agent.message"]) as stream:
            await client.beta.sessions.events.send(
                session.id, events=[message("@deltas 30 2\n@say plain\n@deltas 1 1")]
            )
            async for event in stream:
                snapshot = accumulate_managed_agents_event(snapshot, event)
                if event.type == "agent.message":
                    seen.append((snapshot.id, snapshot.content[0].text, event.content[0].text))
                elif event.type == "event_delta":
                    assert "".join(chr(97 + n % 26) * 2 for n in range(30)).startswith(snapshot.content[0].text)
                elif event.type == "session.status_idle":
                    await client.beta.sessions.delete(session.id)  # ends the stream

    assert [folded == whole for _, folded, whole in seen] == [True, True, True]
    assert [len(whole) for _, _, whole in seen] == [60, 5, 1]


async def _all(pages):
    return [item async for item in pages]


async def test_the_session_tool_runner_through_broken_streams():
    """The official tool runner answers every call exactly once, through a cut and a clean end of its stream."""
    calls = []

    @anthropic.beta_async_tool
    async def double(n: int) -> str:
        """Doubles.

        Args:
            n: the number.
        """
        calls.append(n)
        return str(n * 2)

    async with official() as client:
        session = await session_of(client)
        script = '@tool double {"n": 1}\n@cut\n@tool double {"n": 2}\n@eof\n@tool double {"n": 3}\n@say last: {results}'
        with trio.fail_after(20):
            async with trio.open_nursery() as nursery:
                runner = client.beta.sessions.events.tool_runner(session.id, tools=[double], max_idle=0.1)
                nursery.start_soon(runner.until_done)
                await client.beta.sessions.events.send(session.id, events=[message(script)])
        said = await _said(client, session.id)

    assert sorted(calls) == [1, 2, 3]
    assert said == ["last: 6"]


async def _said(client, session_id):
    events = await _all(client.beta.sessions.events.list(session_id, types=["agent.message"]))
    return [event.content[0].text for event in events]


async def test_the_work_poller():
    """The official poller drains the queue: claims, acknowledges and stops each item."""
    async with official() as client:
        agent = await client.beta.agents.create(name="a", model="m")
        environment = await client.beta.environments.create(name="e", config={"type": "self_hosted"})
        where = {"agent": agent.id, "environment_id": environment.id}
        sessions = [await client.beta.sessions.create(**where, initial_events=[message("hi")]) for _ in range(2)]
        work = client.beta.environments.work
        poller = work.poller(
            environment_id=environment.id, environment_key="any", worker_id="w", block_ms=1, drain=True
        )
        claimed = [item.data.id async for item in poller]
        states = {item.state for item in await _all(work.list(environment.id))}

    assert claimed == [session.id for session in sessions]
    assert states == {"stopping"}
