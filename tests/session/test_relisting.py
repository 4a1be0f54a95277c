"""A session that reconnects lists what may be new, and not its whole life; and nothing is lost or said twice for it."""

from __future__ import annotations

import attrs
import pytest
import trio

import agentsup
from agentsup.testing import crash, open_simulator
from tests.kit.providers import at_claude

LONG = "\n".join(f"@say {n}" for n in range(400))


def lists(sim):
    """The queries of the lists of events, in order."""
    return [
        dict(request["query"])
        for request in sim.requests
        if request["method"] == "GET" and request["path"].endswith("/events")
    ]


async def rows_of(world, ref, query):
    """How many events such a list has."""
    session_id = (await ref.info()).provider_session_id
    async with world.sim.client() as http:
        return len((await http.get(f"/v1/sessions/{session_id}/events", params=query)).json()["data"])


async def counted(ref):
    """How often each event of the provider's was told."""
    seen = {}
    with trio.move_on_after(0.5):
        async with ref.subscribe(after=0, overflow="block") as events:
            async for event in events:
                if event.raw and "id" in event.raw and event.body.sighting:
                    seen[event.body.sighting] = seen.get(event.body.sighting, 0) + 1
    return seen


async def test_a_cut_lists_only_what_may_be_new(world, autojump_clock):
    """From the newest event's own time on, less a margin; the request ends with what was missed in it, each event once."""
    ref = await world.start()
    await ref.submit(LONG)
    await trio.sleep(3600)

    result = await ref.submit("@say before\n@cut\n@say missed\n@say after")

    assert result.text == "before\nmissed\nafter"
    first, again = lists(world.sim)
    assert "created_at[gte]" not in first
    assert await rows_of(world, ref, again) < 30
    assert await rows_of(world, ref, {"limit": "10000"}) > 400
    assert set((await counted(ref)).values()) == {1}


@pytest.mark.parametrize("how", ["crash", "passivation"])
async def test_a_session_that_comes_back_lists_only_what_may_be_new(provider, sim, autojump_clock, how):
    """Its task died, or it left memory: what it heard is in the journal."""
    async with agentsup.open_runtime(passivate_after=600.0 if how == "passivation" else None) as runtime:
        ref = await runtime.start_session("s", agentsup.SessionSpec(provider=provider))
        await ref.submit(LONG)
        await trio.sleep(3600)
        if how == "crash":
            await crash(ref)
        else:
            assert (await ref.info()).state == "passivated"

        assert (await ref.submit("@say fine")).text == "fine"

        assert "created_at[gte]" in lists(sim)[-1]
        assert set((await counted(ref)).values()) == {1}


@pytest.mark.parametrize("keep", [None, 1])
async def test_the_next_process_lists_only_what_may_be_new(tmp_path, keep):
    """Also where the records that told of it are old, or were let go but for the newest. On a disk, so on the real clock."""
    async with open_simulator() as simulator, simulator.client() as http:
        provider = await at_claude(http)
        spec = agentsup.SessionSpec(provider=provider)
        options = {} if keep is None else {"keep_requests": keep}
        async with agentsup.open_runtime(store=tmp_path / "s.db", **options) as runtime:
            ref = await runtime.start_session("s", spec)
            for _ in range(3):
                await ref.submit(LONG)
        async with agentsup.open_runtime(store=tmp_path / "s.db", **options) as runtime:
            ref = await runtime.start_session("s", spec)
            assert (await ref.submit("@say fine")).text == "fine"
            assert (await ref.info()).turns == 4

        first, *again = lists(simulator)
        assert "created_at[gte]" not in first
        assert again
        assert all("created_at[gte]" in query for query in again)


async def test_a_message_that_waits_over_there_is_not_sent_again(world, autojump_clock):
    """Its POST was answered by nobody while older work ran: it waits without a time, where a list from a moment on does not show it."""
    ref = await world.start()
    await ref.submit(LONG)
    await trio.sleep(3600)
    session_id = (await ref.info()).provider_session_id
    stranger = {"type": "user.message", "content": [{"type": "text", "text": "@sleep 60\n@say theirs"}]}
    async with world.sim.client() as http:
        await http.post(f"/v1/sessions/{session_id}/events", json={"events": [stranger]})
    await trio.sleep(1)
    world.sim.fault(method="POST", path="/v1/sessions/*/events", mode="after_reset", times=1)

    result = await ref.submit("@say mine")

    assert result.text == "mine"
    assert [query.get("types[]") for query in lists(world.sim)][1:] == [None, "user.message"]
    assert (await world.history_types(ref)).count("user.message") == 3


async def test_what_is_in_doubt_and_did_not_arrive_is_sent_again(world, autojump_clock):
    """The history says so, as little of it as is listed."""
    ref = await world.start()
    await ref.submit(LONG)
    await trio.sleep(3600)
    world.sim.fault(method="POST", path="/v1/sessions/*/events", mode="reset", times=1)

    assert (await ref.submit("@say mine")).text == "mine"

    assert (await world.history_types(ref)).count("user.message") == 2


async def test_a_session_that_is_gone_on_with_lists_all_of_it_once(world, autojump_clock):
    """What somebody else said in it before was never heard here."""
    ref = await world.start()
    await ref.submit(LONG)
    provider = attrs.evolve(world.provider, session_id=(await ref.info()).provider_session_id)
    await ref.close()

    other = await world.runtime.start_session("other", agentsup.SessionSpec(provider=provider))
    await other.submit("@say fine\n@cut\n@say and more")

    first, second, third = lists(world.sim)
    assert ["created_at[gte]" in query for query in (first, second, third)] == [False, False, True]
    assert len(await counted(other)) >= 400


async def test_a_fork_lists_all_of_its_own(world, autojump_clock):
    """What was heard before it was another session's, at the provider as well."""
    ref = await world.start()
    await ref.submit(LONG)
    await world.runtime.fork("s1", "fork")
    fork = await world.runtime.start_session("fork", world.spec())

    assert (await fork.submit("@say mine")).text == "mine"

    assert "created_at[gte]" not in lists(world.sim)[-1]
