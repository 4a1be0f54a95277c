"""Many at once: queues, ends that race, ids that come again, people beside us at the provider."""

from __future__ import annotations

import attrs
import pytest
import trio

import agentsup
from agentsup.testing import crash, open_simulator
from tests.kit.providers import at_claude


@attrs.frozen
class Place:
    """The simulator, what is there, and a runtime."""

    sim: object
    http: object
    provider: agentsup.ClaudeManagedAgents
    runtime: agentsup.Runtime

    async def start(self, session_id="s", *tools, **options):
        spec = agentsup.SessionSpec(provider=self.provider, tools=tools, **options)
        return await self.runtime.start_session(session_id, spec)

    async def told(self):
        """What all sessions' histories have from users, in order."""
        sessions = (await self.http.get("/v1/sessions", params={"limit": 100})).json()["data"]
        pages = [await self.http.get(f"/v1/sessions/{s['id']}/events", params={"limit": 1000}) for s in sessions]
        events = [event for page in pages for event in page.json()["data"]]
        return [event["content"][0]["text"] for event in events if event["type"] == "user.message"]

    async def existing(self, text):
        """A session at the provider that somebody else has begun."""
        body = {"agent": self.provider.agent, "environment_id": self.provider.environment}
        session_id = (await self.http.post("/v1/sessions", json=body)).json()["id"]
        events = [{"type": "user.message", "content": [{"type": "text", "text": text}]}]
        await self.http.post(f"/v1/sessions/{session_id}/events", json={"events": events})
        return attrs.evolve(self.provider, session_id=session_id)


@pytest.fixture
async def place(autojump_clock):
    async with open_simulator() as sim, sim.client() as http:
        provider = await at_claude(http)
        async with agentsup.open_runtime() as runtime:
            yield Place(sim, http, provider, runtime)


async def test_fifty_messages_keep_their_order(place, autojump_clock):
    """Accepted at once, answered one after another, each with its own terminal."""
    ref = await place.start()

    ids = [await ref.message(f"@say {number}\n@sleep 0.1") for number in range(50)]
    ended = []
    async with ref.subscribe(after=0, overflow="block") as events:
        async for event in events:
            if event.type == "request_ended":
                ended.append((event.body.request_id, event.result.text))
                if len(ended) == 50:
                    break

    assert ended == [(request_id, str(number)) for number, request_id in enumerate(ids)]
    assert await place.told() == [f"@say {number}\n@sleep 0.1" for number in range(50)]


async def test_equal_messages_are_told_apart(place, autojump_clock):
    """The same words five times, with answers and requests lost: five in the history, five answers."""
    ref = await place.start()
    for mode in ("reset", "reset", "after_reset", "after_reset"):
        place.sim.fault(method="POST", path="/v1/sessions/*/events", mode=mode)

    results = [await ref.submit("same") for _ in range(5)]

    assert [result.text for result in results] == ["same"] * 5
    assert await place.told() == ["same"] * 5


@pytest.mark.parametrize("end", [agentsup.SessionRef.close, agentsup.SessionRef.abort])
async def test_whoever_asks_while_it_ends_hears_of_it(place, autojump_clock, end):
    """Asked before, at and after the end, with a crash in between: everybody gets an answer or is told, and nothing hangs."""
    heard = []

    async def ask(ref, text):
        try:
            heard.append((await ref.submit(text)).text)
        except agentsup.SessionClosed as exc:
            heard.append(type(exc).__name__)

    for number in range(8):
        ref = await place.start(f"s{number}")
        with trio.fail_after(60):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(ask, ref, "@sleep 1\n@say slow")
                nursery.start_soon(ask, ref, "second")
                nursery.start_soon(end, ref)
                nursery.start_soon(ask, ref, "third")
                if number % 2:
                    nursery.start_soon(crash, ref)
        assert (await ref.info()).state == "closed"

    assert len(heard) == 3 * 8
    assert set(heard) <= {"slow", "second", "third", "SessionClosed", "RequestClosed"}
    assert place.runtime.sessions() == ()


async def test_an_id_comes_again_at_once(place, autojump_clock):
    """Ended one moment, started the next: each time a session of its own, at the provider too."""
    for number in range(10):
        ref = await place.start("same")
        await ref.message("@sleep 5")
        await (ref.abort() if number % 2 else ref.close())

    sessions = (await place.http.get("/v1/sessions", params={"limit": 100})).json()["data"]
    assert len(sessions) == 10
    assert {session["status"] for session in sessions} == {"idle"}


async def test_what_others_began_is_not_our_answer(place, autojump_clock):
    """In a session that is at work for somebody else, our request is answered with what comes of it, and of nothing older."""
    provider = await place.existing("@say theirs\n@sleep 3\n@say theirs too")
    spec = agentsup.SessionSpec(provider=provider)
    await trio.sleep(1)

    ref = await place.runtime.start_session("s", spec)
    results = [await ref.submit("@say ours"), await ref.submit("@say ours again")]

    assert [result.text for result in results] == ["ours", "ours again"]


async def test_a_call_others_left_open_is_answered_first(place, autojump_clock):
    """Whoever goes on with a session brings the tools: its open call runs once, and then our request is answered."""
    runs = []

    @agentsup.tool(effect="unsafe")
    async def look(n: int) -> int:
        runs.append(n)
        return n

    provider = await place.existing('@tool look {"n": 1}\n@say {results}')
    spec = agentsup.SessionSpec(provider=provider, tools=[look])
    await trio.sleep(1)

    ref = await place.runtime.start_session("s", spec)
    result = await ref.submit("@say ours")

    assert (result.text, runs) == ("ours", [1])


async def test_leaving_tells_everybody_and_stops_nothing_there(place, autojump_clock):
    """The runtime's end is nobody's terminal: waiters hear of it, and the provider goes on."""
    heard = []

    async def ask(ref):
        with pytest.raises(agentsup.SessionClosed) as caught:
            await ref.submit("@sleep 30\n@say done")
        heard.append(type(caught.value))

    async with trio.open_nursery() as nursery, agentsup.open_runtime() as runtime:
        for number in range(5):
            ref = await runtime.start_session(f"s{number}", agentsup.SessionSpec(provider=place.provider))
            nursery.start_soon(ask, ref)
        await trio.sleep(1)

    assert heard == [agentsup.SessionClosed] * 5
    sessions = (await place.http.get("/v1/sessions")).json()["data"]
    assert {session["status"] for session in sessions} == {"running"}
