"""One id, several sessions one after another, and several who want to start one at once."""

from __future__ import annotations

import pytest
import trio

import agentsup
from agentsup.testing import crash


async def test_of_many_who_start_one_id_at_once_all_get_its_ref(world, autojump_clock):
    """One starts it, and `AlreadyStarted` leads everybody else to the same session, however early they come."""
    texts = []

    async def ask(number):
        try:
            ref = await world.start()
        except agentsup.AlreadyStarted as exc:
            ref = exc.ref
        texts.append((await ref.submit(f"@say {number}")).text)

    async with trio.open_nursery() as nursery:
        for number in range(8):
            nursery.start_soon(ask, number)

    assert sorted(texts) == [str(number) for number in range(8)]
    assert len(world.runtime.sessions()) == 1


async def test_the_id_of_a_session_that_says_goodbye_can_be_started(world, autojump_clock):
    """A session that has ended and still tells the provider so holds its id for a moment only."""
    ref = await world.start()
    await ref.message("@sleep 100")
    await trio.sleep(1)
    world.sim.fault(method="POST", path="/v1/sessions/*/events", delay=2.0)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ref.abort)
        await trio.sleep(0.5)
        again = await world.start()

    assert (await again.submit("@say fresh")).text == "fresh"


async def test_the_ref_of_an_ended_session_leaves_its_successor_alone(world, autojump_clock):
    """Closing, aborting or crashing through it concerns the session it was of."""
    old = await world.start()
    await old.close()
    new = await world.start()

    await old.close()
    await old.abort()
    with pytest.raises(agentsup.otp.NoProc):
        await crash(old)

    assert old.incarnation is None
    assert (await new.submit("@say mine")).text == "mine"
    assert (await new.info()).restarts == 0


async def test_a_session_that_is_described_and_not_started_holds_nothing(world, autojump_clock):
    """`session_child` makes a spec: neither a living session of that id nor a later start hears of it."""
    ref = await world.start(session_id="living")
    agentsup.session_child("living", world.spec())
    agentsup.session_child("later", world.spec())

    assert (await world.runtime.session("living").submit("@say here")).text == "here"
    assert [found.id for found in world.runtime.sessions()] == [ref.id]
    await world.start(session_id="later")


@pytest.mark.parametrize("in_a_file", [False, True])
async def test_an_id_that_no_file_can_hold_is_refused_at_the_door(world, autojump_clock, tmp_path, in_a_file):
    """Half a surrogate pair, as broken decoders make them: the same answer wherever the sessions are kept."""
    async with agentsup.open_runtime(store=tmp_path / "x.db" if in_a_file else None) as runtime:
        with pytest.raises(agentsup.SpecError, match="session_id: must be text that UTF-8 can carry"):
            await runtime.start_session("customer-\ud800", world.spec())
        assert runtime.sessions() == ()
