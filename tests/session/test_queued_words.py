"""Words that wait at the provider, against the simulator, which gives each a turn of its own."""

from __future__ import annotations

import trio

import agentsup
from agentsup.talk import events as ev
from tests.session.test_abilities import Asking, wait_for

BY_HAND = {"type": "user.message", "content": [{"type": "text", "text": "@sleep 3\n@say by hand"}]}


async def test_an_interrupt_stops_a_word_that_waits_over_there(world, autojump_clock):
    """The word would work on for half a minute after the turn that was stopped; the next request does not wait for it."""
    ref = await world.start()
    async with trio.open_nursery() as nursery:
        asking = Asking(nursery, ref, "@sleep 5\n@say first")
        await trio.sleep(1)
        await ref.steer("@sleep 30\n@say steered")
        await trio.sleep(1)
        await ref.interrupt()
        begun = trio.current_time()
        result = await ref.submit("@say second")

    assert (result.text, result.turns) == ("second", 1)
    assert trio.current_time() - begun < 1
    assert isinstance(asking.error, agentsup.Interrupted)


async def test_a_batch_a_word_and_what_goes_before_what(world, autojump_clock):
    """A denial first, then the word in the same request, then what follows it, then what waited."""
    ref = await world.start()
    async with trio.open_nursery() as nursery:
        asking = Asking(nursery, ref, '@ask delete {"a": 1}\n@say {results}')
        await wait_for(ref, "awaiting_approval")
        await ref.steer("@say steered")
        await ref.message("@say third")
        await ref.follow_up("@say second")
        (pending,) = (await ref.info()).pending_approvals
        await ref.confirm(pending.call_id, allow=False, message="no")
    await ref.submit("@say fourth")

    assert asking.result.text == "no\nsteered"
    told = [(turn.input, turn.text) for turn in await ref.history()]
    assert told[1:] == [
        (None, "no"),
        ("@say steered", "steered"),
        ("@say second", "second"),
        ("@say third", "third"),
        ("@say fourth", "fourth"),
    ]


async def test_a_request_behind_a_message_by_hand_has_its_own_answer(world, autojump_clock):
    """What the agent does about the other belongs to no request."""
    ref = await world.start()
    await ref.send_event(BY_HAND)

    result = await ref.submit("@say mine")

    assert (result.text, result.turns) == ("mine", 1)


async def test_an_outcome_behind_a_message_by_hand_has_its_own_answer(world, autojump_clock):
    """The provider takes it at once, and comes to it later."""
    ref = await world.start()
    await ref.send_event(BY_HAND)

    result = await ref.submit(agentsup.Outcome("@say reached", "whatever"))

    assert result.text == "reached"


async def test_an_interrupt_stops_what_no_request_began(world, autojump_clock):
    """The agent rests long before it would have been done."""
    ref = await world.start()
    async with ref.subscribe() as events:
        await ref.send_event({**BY_HAND, "content": [{"type": "text", "text": "@sleep 300"}]})
        begun = trio.current_time()
        await trio.sleep(1)
        await ref.interrupt()
        async for event in events:
            if isinstance(event.body, ev.Waiting):
                break

    assert trio.current_time() - begun < 10
