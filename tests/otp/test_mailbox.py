"""Bounds and policies of mailboxes."""

from __future__ import annotations

import math

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from agentsup import otp
from agentsup.errors import SpecError
from tests.otp.actors import NO_LIMIT, Store, child

A = otp.Name("a")


def bounded(spec: otp.MailboxSpec) -> type[Store]:
    return type("Bounded", (Store,), {"mailbox": spec})


async def filled(spec: otp.MailboxSpec, rt: otp.Runtime) -> otp.Ref:
    """An actor in a long callback, with the casts 0..4 sent to it."""
    ref = await otp.start_child(rt.root, child(bounded(spec)))
    otp.cast(ref, ("sleep", 1.0))
    await wait_all_tasks_blocked()
    for number in range(5):
        otp.cast(ref, number)
    return ref


@pytest.mark.parametrize(
    ("overflow", "kept"),
    [("reject", [0, 1, 2]), ("drop_newest", [0, 1, 2]), ("drop_oldest", [2, 3, 4]), ("block", [0, 1, 2])],
)
async def test_policies_for_casts(overflow, kept, autojump_clock):
    """Each policy keeps what it says; what was refused is counted, and no cast raises."""
    async with otp.open_runtime() as rt:
        ref = await filled(otp.MailboxSpec(3, overflow), rt)
        statistics = rt.cells[ref.serial].mailbox.statistics()
        await trio.sleep(2)
        got = await otp.call(ref, "get")

    assert got == kept
    assert (statistics.length, statistics.dropped, statistics.high_water) == (3, 2, 3)


async def test_full_for_calls(autojump_clock):
    """A call to a full mailbox is MailboxFull at once, and succeeds later."""
    async with otp.open_runtime() as rt:
        ref = await filled(otp.MailboxSpec(3), rt)
        with pytest.raises(otp.MailboxFull):
            await otp.call(ref, "get")
        with pytest.raises(otp.MailboxFull):
            await otp.send(ref, "x")
        await trio.sleep(2)
        got = await otp.call(ref, "get")

    assert got == [0, 1, 2]


async def test_drop_oldest_answers_the_call_it_drops(autojump_clock):
    """A call pushed out by newer messages gets MailboxFull, not silence."""
    async with otp.open_runtime() as rt, trio.open_nursery() as nursery:
        ref = await otp.start_child(rt.root, child(bounded(otp.MailboxSpec(1, "drop_oldest"))))
        otp.cast(ref, ("sleep", 1.0))
        await wait_all_tasks_blocked()

        async def ask() -> None:
            with pytest.raises(otp.MailboxFull):
                await otp.call(ref, "get")

        nursery.start_soon(ask)
        await wait_all_tasks_blocked()
        otp.cast(ref, "newer")


async def test_block_waits_for_room(autojump_clock):
    """Send and call wait for room in order, within the call's timeout; cancelled, they delivered nothing."""
    async with otp.open_runtime() as rt:
        ref = await filled(otp.MailboxSpec(3, "block"), rt)
        with trio.move_on_after(0.1) as scope:
            await otp.send(ref, "cancelled")
        with pytest.raises(otp.CallTimeout):
            await otp.call(ref, "get", timeout=0.5)
        await otp.send(ref, "sent")
        got = await otp.call(ref, "get")

    assert scope.cancelled_caught
    assert got == [0, 1, 2, "sent"]


async def test_block_when_the_actor_ends(autojump_clock):
    """Who waits for room in a mailbox whose owner ends gets NoProc."""
    async with otp.open_runtime(NO_LIMIT) as rt, trio.open_nursery() as nursery:
        ref = await filled(otp.MailboxSpec(3, "block"), rt)

        async def wait() -> None:
            with pytest.raises(otp.NoProc):
                await otp.send(ref, "x")

        nursery.start_soon(wait)
        await wait_all_tasks_blocked()
        otp.exit(ref, otp.Killed())


async def test_coalesce(autojump_clock):
    """A newer cast takes the place of the waiting one with the same key."""
    async with otp.open_runtime() as rt:
        ref = await otp.start_child(
            rt.root, child(bounded(otp.MailboxSpec(2, "coalesce", key=lambda message: message[0])))
        )
        otp.cast(ref, ("sleep", 1.0))
        await wait_all_tasks_blocked()
        for message in (("x", 1), ("y", 1), ("x", 2), ("z", 1), ("x", 3)):
            otp.cast(ref, message)
        await trio.sleep(2)
        otp.cast(ref, ("x", 4))
        got = await otp.call(ref, "get")

    assert got == [("x", 3), ("y", 1), ("x", 4)]


async def test_signals_pass_a_full_mailbox(autojump_clock):
    """Down, timers and stop reach an actor whose mailbox is full, and drop_oldest never drops them."""
    for overflow in ("reject", "drop_oldest"):
        async with otp.open_runtime() as rt:
            other = await otp.start_child(rt.root, child(id="b", restart="temporary"))
            ref = await otp.start_child(rt.root, child(bounded(otp.MailboxSpec(2, overflow)), restart="temporary"))
            monitor = await otp.call(ref, ("monitor", other))
            otp.cast(ref, ("sleep", 1.0))
            await wait_all_tasks_blocked()
            await otp.stop(other)
            for number in range(5):
                otp.cast(ref, number)
            await trio.sleep(2)
            got = await otp.call(ref, "get")
            await otp.stop(ref)

        assert otp.Down(other, monitor, otp.Normal()) in got
        assert len(got) == 2


def test_bad_specs():
    """Every contradiction in a mailbox spec is named."""
    with pytest.raises(SpecError) as caught:
        otp.MailboxSpec(0, "maybe", key=str)

    assert [problem.path for problem in caught.value.problems] == ["overflow", "capacity", "key"]
    with pytest.raises(SpecError, match="unbounded"):
        otp.MailboxSpec(math.inf)


@pytest.mark.parametrize("overflow", ["reject", "drop_newest", "drop_oldest", "block"])
async def test_signal_always_arrives(overflow, autojump_clock):
    """A signal is taken by a full mailbox whatever its policy, in turn and never pushed out; it is no cast, and nothing was dropped for it."""
    seen = []

    class Listens(bounded(otp.MailboxSpec(3, overflow))):
        def handle_info(self, message):
            seen.append((message, list(self.state)))

    async with otp.open_runtime() as rt:
        ref = await otp.start_child(rt.root, child(Listens))
        otp.cast(ref, ("sleep", 1.0))
        await wait_all_tasks_blocked()
        for number in range(3):
            otp.cast(ref, number)
        otp.signal(ref, "done")
        otp.signal(otp.Name("a"), "done, too")
        statistics = rt.cells[ref.serial].mailbox.statistics()
        await trio.sleep(2)

    assert seen == [("done", [0, 1, 2]), ("done, too", [0, 1, 2])]
    assert (statistics.length, statistics.dropped) == (5, 0)


async def test_signal_outlives_drop_oldest(autojump_clock):
    """Casts that push out what is oldest leave signals where they are."""
    async with otp.open_runtime() as rt:
        ref = await filled(otp.MailboxSpec(3, "drop_oldest"), rt)
        otp.signal(ref, "done")
        for number in range(5, 10):
            otp.cast(ref, number)
        await trio.sleep(2)
        got = await otp.call(ref, "get")

    assert got == ["done", 7, 8, 9]  # it takes nobody's room


async def test_signal_to_nobody():
    """A dead ref and an unknown name take a signal in silence; what is no address is refused."""
    async with otp.open_runtime() as rt:
        ref = await otp.start_child(rt.root, child(restart="temporary"))
        await otp.stop(ref)
        otp.signal(ref, "late")
        otp.signal(otp.Name("nobody"), "early")
        with pytest.raises(SpecError, match="no address"):
            otp.signal("a", "astray")


async def test_forwarded_down_is_a_message_like_any_other():
    """A `Down` that somebody sends on is delivered: only those of ended watches are held back."""
    async with otp.open_runtime() as rt:
        ref = await otp.start_child(rt.root, child())
        down = otp.Down(ref, otp.Monitor(ref), otp.Normal())
        otp.signal(ref, down)

        assert await otp.call(ref, "get") == [down]
