"""The bounded channel to one subscriber."""

from __future__ import annotations

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import wait_all_tasks_blocked

from agentsup import otp
from agentsup.errors import SpecError


async def consume(channel: otp.Channel[int]) -> list[int]:
    return [item async for item in channel]


async def test_items_arrive_in_order():
    """What was offered arrives in order, before and after the consumer waits, and iteration ends after a close."""
    channel: otp.Channel[int] = otp.Channel(10)
    got: list[int] = []

    async def read() -> None:
        got.extend(await consume(channel))

    channel.offer(1)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(read)
        await wait_all_tasks_blocked()
        channel.offer(2)
        channel.offer(3)
        channel.close()

    assert got == [1, 2, 3]
    assert not channel.offer(4)


@pytest.mark.parametrize(("overflow", "expected"), [("drop_oldest", [3, 4]), ("drop_newest", [1, 2])])
async def test_dropping(overflow, expected):
    """A full channel forgets as its policy says, counts it, and shows the consumer how many since it last asked."""
    channel: otp.Channel[int] = otp.Channel(2, overflow)
    accepted = [channel.offer(item) for item in (1, 2, 3, 4)]
    dropped = channel.take_dropped(), channel.take_dropped(), channel.dropped
    channel.close()

    assert await consume(channel) == expected
    assert dropped == (2, 0, 2)
    assert accepted == [True, True, overflow == "drop_oldest", overflow == "drop_oldest"]


async def test_disconnect():
    """The third policy ends the subscription: what waits is still delivered, then the consumer is told."""
    channel: otp.Channel[int] = otp.Channel(2, "disconnect")
    for item in (1, 2, 3):
        channel.offer(item)

    assert channel.is_closed
    assert [await channel.receive(), await channel.receive()] == [1, 2]
    with pytest.raises(otp.Disconnected, match="more than 2 items"):
        await channel.receive()


@given(st.lists(st.booleans()), st.integers(1, 4), st.sampled_from(["drop_oldest", "drop_newest"]))
def test_what_must_arrive_arrives(musts, buffer, overflow):
    """Items that must arrive do, in order, under every policy; the others never exceed the buffer, and nothing is lost uncounted."""
    channel: otp.Channel[tuple[int, bool]] = otp.Channel(buffer, overflow)
    for number, must in enumerate(musts):
        channel.offer((number, must), must_deliver=must)
    channel.close()
    got = []
    while len(channel):
        got.append(channel.receive_nowait())

    assert [item for item in got if item[1]] == [(number, must) for number, must in enumerate(musts) if must]
    assert got == sorted(got)
    assert sum(not must for _, must in got) <= buffer
    assert len(got) + channel.dropped == len(musts)


async def test_must_deliver_under_disconnect():
    """An item that must arrive does not disconnect a full channel."""
    channel: otp.Channel[str] = otp.Channel(1, "disconnect")
    channel.offer("a")
    channel.offer("terminal", must_deliver=True)
    channel.close()

    assert [item async for item in channel] == ["a", "terminal"]


async def test_cancelled_receive_takes_nothing():
    """A receive that is cancelled has taken no item."""
    channel: otp.Channel[int] = otp.Channel(1)
    with trio.move_on_after(0):
        await channel.receive()
    channel.offer(1)
    with trio.CancelScope() as scope:
        scope.cancel()
        await channel.receive()

    assert scope.cancelled_caught
    assert await channel.receive() == 1


async def test_one_consumer():
    """A second consumer is refused."""
    channel: otp.Channel[int] = otp.Channel(1)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(consume, channel)
        await wait_all_tasks_blocked()
        with pytest.raises(trio.BusyResourceError):
            await channel.receive()
        channel.close()


async def test_leaving_the_block_closes():
    """A producer sees that the subscriber left."""
    async with otp.Channel[int](1) as channel:
        channel.offer(1)

    assert not channel.offer(2)
    assert channel.statistics().is_closed


async def test_receive_nowait():
    """receive_nowait says whether nothing is there yet or never will be."""
    channel: otp.Channel[int] = otp.Channel(1)
    with pytest.raises(trio.WouldBlock):
        channel.receive_nowait()
    channel.close()
    with pytest.raises(trio.EndOfChannel):
        channel.receive_nowait()


def test_bad_options():
    """Every wrong option is named."""
    with pytest.raises(SpecError) as caught:
        otp.Channel(0, "block")

    assert [problem.path for problem in caught.value.problems] == ["buffer", "overflow"]
