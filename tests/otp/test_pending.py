"""Requests that are sent now and waited for later."""

from __future__ import annotations

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from agentsup import otp
from tests.otp.actors import NO_LIMIT, Boom, Store, child

A = otp.Name("a")


@pytest.fixture
async def rt():
    async with otp.open_runtime(NO_LIMIT, [child()]) as runtime:
        yield runtime


async def test_reply_comes_later(rt, autojump_clock):
    """The sender goes on; the reply can be looked at, waited for, and waited for again (rule G20)."""
    began = trio.current_time()
    pending = otp.send_request(A, ("sleep", 1.0))
    sent = trio.current_time()
    with pytest.raises(otp.NoReplyYet):
        pending.check()

    assert sent == began
    assert await pending.wait() == await pending.wait() == pending.check() == "slept"


async def test_wait_does_not_abandon(rt, autojump_clock):
    """A wait that times out or is cancelled leaves the request pending (rule G20)."""
    pending = otp.send_request(A, ("sleep", 2.0))
    with pytest.raises(otp.CallTimeout):
        await pending.wait(0.5)
    with trio.move_on_after(0.5):
        await pending.wait()

    assert await pending.wait() == "slept"


async def test_receive_abandons(rt, autojump_clock):
    """A receive that times out drops the late reply, and a request that was not begun is skipped (rule G20)."""
    first = otp.send_request(A, ("sleep", 2.0))
    second = otp.send_request(A, ("raise", Boom()))
    with pytest.raises(otp.CallTimeout):
        await first.receive(1.0)
    with pytest.raises(otp.CallTimeout):
        await second.receive(0.1)
    await trio.sleep(5)
    cell = rt.names.holder("a")

    assert await otp.call(A, "alive") == "alive"
    assert (cell.late_replies, cell.skipped) == (1, 1)
    with pytest.raises(otp.NoReplyYet):
        first.check()


async def test_errors_are_replies(rt, autojump_clock):
    """Nobody there, a full mailbox, the server's death, its error: all of it is what the reply says, never what sending raises."""
    nobody = otp.send_request(otp.Name("nobody"), "x")
    error = otp.send_request(A, ("error", KeyError("k")))
    dying = otp.send_request(A, ("raise", Boom()))

    with pytest.raises(otp.NoProc):
        nobody.check()
    with pytest.raises(KeyError):
        await error.receive()
    with pytest.raises(otp.ServerDied):
        await dying.receive()
    small = await otp.start_child(rt.root, child(type("Small", (Store,), {"mailbox": otp.MailboxSpec(1)}), "small"))
    otp.cast(small, ("sleep", 1.0))
    await wait_all_tasks_blocked()
    kept, full = otp.send_request(small, "kept"), otp.send_request(small, "full")
    with pytest.raises(otp.MailboxFull):
        await full.wait()
    assert await kept.wait() == "kept"


async def test_collection(rt, autojump_clock):
    """A collection gives the replies back with their labels, in the order in which they come (rule G20)."""
    replies: otp.PendingReplies[str] = otp.PendingReplies()
    for label, seconds in (("slow", 3.0), ("quick", 1.0), ("middle", 2.0)):
        ref = await otp.start_child(rt.root, child(id=label))
        replies.add(label, otp.send_request(ref, ("sleep", seconds)))
    replies.add("dead", otp.send_request(otp.Name("nobody"), "x"))
    got = []
    while len(replies):
        label, reply = await replies.receive()
        got.append(label)

    assert got == ["dead", "quick", "middle", "slow"]
    assert reply.check() == "slept"
    with pytest.raises(LookupError):
        await replies.receive()


async def test_no_waiting_for_oneself(rt):
    """An actor may send itself a request; waiting for it in its own task is refused."""

    class Selfish(Store):
        async def handle_cast(self, message):
            self.pending = otp.send_request(self.ref, "later")
            with pytest.raises(otp.CallingSelf):
                await self.pending.wait()

    await otp.start_child(rt.root, child(Selfish, "s"))
    cell = rt.names.holder("s")
    otp.cast(otp.Name("s"), "go")
    await wait_all_tasks_blocked()

    assert cell.actor.pending.check() == "later"


async def test_full_mailbox_does_not_slow_calls(rt):
    """An actor with a huge mailbox calls others through a slot of its own: none of its messages is looked at (rule G21)."""

    class Busy(Store):
        async def handle_call(self, request, caller):
            answer = await otp.call(A, "quick")
            return otp.Reply((answer, len(self._cell.mailbox.queue)))

    busy = await otp.start_child(rt.root, child(Busy, "busy"))
    pending = otp.send_request(busy, "go")
    for number in range(10_000):
        otp.cast(busy, number)

    assert await pending.wait() == ("quick", 10_000)
