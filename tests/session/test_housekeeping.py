"""Beginning anew, copying and forgetting sessions of a store: nobody is left waiting, and nothing is half done."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
import trio
import trio.testing

import agentsup
from agentsup.errors import SpecError


@pytest.fixture
def store(tmp_path):
    return tmp_path / "sessions.db"


@pytest.fixture
def spec(provider):
    return agentsup.SessionSpec(provider=provider)


async def left_in_the_middle(store, spec):
    """A session in the store with a request that runs and one that waits; their ids."""
    async with agentsup.open_runtime(store=store) as runtime:
        ref = await runtime.start_session("s", spec)
        requests = [await ref.message("@sleep 100\n@say late"), await ref.message("@say queued")]
        await trio.sleep(1)
    return requests


async def test_a_fresh_session_gives_the_requests_of_the_old_one_their_terminals(provider, spec, store):
    """Each accepted request ends once, whoever listens to the old session hears its end, and its ref says so."""
    requests = await left_in_the_middle(store, spec)
    seen = []

    async def listen(events):
        seen.extend([(event.type, event.request_id) async for event in events])

    async with agentsup.open_runtime(store=store, spec_for=lambda _: spec, recover="lazy") as runtime:
        old = runtime.session("s")
        async with trio.open_nursery() as nursery, runtime.subscribe() as terminals:
            nursery.start_soon(listen, old.subscribe())
            await trio.testing.wait_all_tasks_blocked()
            new = await runtime.start_session("s", spec, fresh=True)
            told = [(event.type, event.request_id) for event in [await anext(terminals) for _ in range(3)]]
        ends = [*(("request_ended", request) for request in requests), ("session_ended", None)]
        with pytest.raises(agentsup.SessionClosed, match="begun under its id"):
            await old.submit("@say lost")

        assert seen[-3:] == told == ends
        assert (await new.submit("@say new")).text == "new"
        assert (await runtime.past("s", 1)).stored.ended


async def test_a_copy_says_in_its_last_record_what_it_is(provider, spec, store):
    """In the same breath as the copy: without it, it would be taken for the session that the provider has."""
    await left_in_the_middle(store, spec)
    async with agentsup.open_runtime(store=store) as runtime:
        copy = await runtime.fork("s", "copy")
        events = [event async for event in (await runtime.past("copy")).events()]

    assert (events[-1].type, events[-1].cursor) == ("forked", copy.last)


async def test_a_session_that_goes_on_is_copied_all_the_same(spec, store, monkeypatch):
    """Also if it lets go, between the question and the copying, of what it was at the cursor that was its last."""
    async with agentsup.open_runtime(store=store, keep_requests=1) as runtime:
        ref = await runtime.start_session("s", spec)
        await ref.submit("@say one")
        journal = runtime._services.journal
        fork = journal.fork

        async def late(*args, **options):
            if options["upto"] == before:
                while (await journal.find("s")).first <= before:
                    await ref.submit("@say on")
            return await fork(*args, **options)

        before = (await journal.find("s")).last
        monkeypatch.setattr(journal, "fork", late)
        copy = await runtime.fork("s", "copy")
        assert copy.last > before + 1
        with pytest.raises(SpecError, match=f"{before} is not among the cursors"):
            await runtime.fork("s", "another", upto=before)


async def test_a_copy_of_a_session_that_has_ended_has_not(world, autojump_clock):
    """As it is told at once, not only when it is looked up."""
    ref = await world.start()
    await ref.close()

    copy = await world.runtime.fork("s1", "copy")

    assert not copy.ended
    assert copy == (await world.runtime.stored())[-1]


@pytest.mark.parametrize("upto", ["5", 1.0, True, -1])
async def test_a_cursor_that_is_none_is_refused_at_the_door(spec, store, upto):
    """And costs nobody anything: the store is written on."""
    async with agentsup.open_runtime(store=store) as runtime:
        ref = await runtime.start_session("s", spec)
        with pytest.raises(SpecError, match=r"new_id: .*; upto: must be None or a cursor"):
            await runtime.fork("s", "", upto=upto)

        assert (await ref.submit("@say on")).text == "on"
        assert len(await runtime.stored()) == 1


async def test_a_copy_does_not_bury_a_session_that_has_not_ended(spec, store):
    """What waits in that one would never be answered."""
    await left_in_the_middle(store, spec)
    async with agentsup.open_runtime(store=store) as runtime:
        await runtime.start_session("other", spec)
        with pytest.raises(SpecError, match=r"new_id: .* has not ended"):
            await runtime.fork("other", "s")

        assert [stored.generation for stored in await runtime.stored(all_generations=True)] == [1, 1]


async def test_who_holds_on_to_a_deleted_session_is_told(spec, store):
    """Its refs answer at once, and its subscriptions end."""
    await left_in_the_middle(store, spec)
    async with agentsup.open_runtime(store=store, spec_for=lambda _: spec, recover="lazy") as runtime:
        ref = runtime.session("s")
        events = ref.subscribe()
        await runtime.delete("s")

        assert [event async for event in events] == []
        for say in (ref.info, ref.interrupt, lambda: ref.submit("@say lost")):
            with pytest.raises(agentsup.SessionClosed, match="it was deleted"):
                await say()
        await ref.close()
        assert await runtime.stored() == ()


async def test_a_session_that_cannot_be_read_is_told_and_can_be_begun_anew(spec, store):
    """Its words say what is wrong with the store; nobody else feels it; and what is there of it stays."""
    await left_in_the_middle(store, spec)
    with closing(sqlite3.connect(store)) as file:
        file.execute("UPDATE records SET body = '{' WHERE kind = 'accepted'")
        file.commit()
    async with agentsup.open_runtime(store=store, spec_for=lambda _: spec) as runtime:
        other = await runtime.start_session("other", spec)
        for say in (runtime.session("s").info, lambda: runtime.session("s").submit("@say lost")):
            with pytest.raises(agentsup.StoreCorrupt, match="no JSON"):
                await say()
        with pytest.raises(agentsup.StoreCorrupt, match="no JSON"):
            await runtime.start_session("s", spec)
        new = await runtime.start_session("s", spec, fresh=True)

        assert [(await ref.submit("@say here")).text for ref in (new, other)] == ["here", "here"]
        assert [(s.generation, s.ended) for s in await runtime.stored(all_generations=True)] == [
            (1, True),
            (1, False),
            (2, False),
        ]


async def test_nothing_is_begun_in_a_runtime_that_was_left(provider):
    """Nor copied or forgotten; whoever tries is told."""
    async with agentsup.open_runtime() as left:
        await (await left.start_session("s", agentsup.SessionSpec(provider=provider))).close()
    for late in (
        lambda: left.start_session("s", agentsup.SessionSpec(provider=provider)),
        lambda: left.fork("s", "copy"),
        lambda: left.delete("s"),
    ):
        with pytest.raises(agentsup.SessionClosed, match="the runtime was left"):
            await late()


async def test_a_session_that_has_not_come_back_is_not_connected(spec, store):
    """Whatever it was when the last process ended."""
    await left_in_the_middle(store, spec)
    async with agentsup.open_runtime(store=store, spec_for=lambda _: spec, recover="lazy") as runtime:
        info = await runtime.session("s").info()

    assert (info.state, info.connection, info.queued) == ("passivated", "attaching", 1)


async def test_beginning_and_deleting_at_once_come_one_after_the_other(spec, store):
    """Either it begins and lives, and is not deleted; or it is deleted, and begins anew."""
    async with agentsup.open_runtime(store=store) as runtime:
        await (await runtime.start_session("s", spec)).close()
        refused = []

        async def delete():
            try:
                await runtime.delete("s")
            except agentsup.AlreadyStarted as exc:
                refused.append(exc)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(runtime.start_session, "s", spec)
            nursery.start_soon(delete)

        (stored,) = await runtime.stored()
        assert stored.generation == (2 if refused else 1)
        assert (await runtime.session("s").submit("@say here")).text == "here"


async def test_asking_for_doubts_wakes_nobody_who_has_none(provider, autojump_clock):
    """A page that shows them all must not bring ten thousand sessions back into memory."""
    async with agentsup.open_runtime(passivate_after=1.0) as runtime:
        ref = await runtime.start_session("s", agentsup.SessionSpec(provider=provider, in_doubt="wait"))
        await trio.sleep(2)

        assert await ref.doubts() == ()
        assert (await ref.info()).state == "passivated"


async def test_a_start_is_over_before_its_session_leaves_memory(spec, autojump_clock):
    """However many start under a cap of one: each start returns, and each session can be spoken to."""
    async with agentsup.open_runtime(max_resident=1) as runtime:
        with trio.fail_after(60):
            async with trio.open_nursery() as nursery:
                for number in range(8):
                    nursery.start_soon(runtime.start_session, f"s{number}", spec)
            for ref in runtime.sessions():
                assert (await ref.submit("@say here")).text == "here"
        await trio.sleep(1)

        states = sorted([(await ref.info()).state for ref in runtime.sessions()])
        assert states == ["idle"] + ["passivated"] * 7


async def test_idle_time_is_counted_from_when_the_agent_rests(provider, autojump_clock):
    """Also when it worked on what was no request."""
    async with agentsup.open_runtime(passivate_after=10.0) as runtime:
        ref = await runtime.start_session("s", agentsup.SessionSpec(provider=provider))
        said = [{"type": "text", "text": "@sleep 30\n@say by hand"}]
        await ref.send_event({"type": "user.message", "content": said})
        states = []
        for _ in range(3):
            await trio.sleep(15)
            states.append((await ref.info()).state)

    assert states == ["idle", "idle", "passivated"]
