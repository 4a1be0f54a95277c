"""Calls with timeouts, however many, however they wait: none is given up early, and none is forgotten."""

from __future__ import annotations

import attrs
import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from agentsup import otp
from tests.otp.actors import child


@attrs.frozen
class Ask:
    """One call: when it is made, how long it may take, how long its server takes, and how it comes to the answer."""

    at: float
    timeout: float
    takes: float
    how: str = "later"
    server: int = 0


class Puts(otp.Actor):
    """Answers after a while: from a task of its own, or in the callback, so that others wait in the queue."""

    mailbox = otp.MailboxSpec(2, "block")

    async def handle_call(self, request, caller):
        if request.how == "later":
            self.spawn(self.answer, request, caller)
            return otp.NoReply()
        await trio.sleep(request.takes)
        return otp.Reply("done")

    async def answer(self, request, caller):
        await trio.sleep(request.takes)
        self.reply(caller, "done")


TIMES = st.floats(0, 3, width=16)
ASKS = st.lists(
    st.builds(
        Ask, TIMES, TIMES, st.floats(0, 6, width=16), st.sampled_from(["later", "later", "inline"]), st.integers(0, 1)
    ),
    min_size=1,
    max_size=12,
)


@given(asks=ASKS)
@settings(max_examples=150)
def test_calls_end_in_time(asks):
    """G7: a call ends with its answer, or from its deadline on, and by 10 ms later at the latest: queued, in line, being handled or put off."""

    async def ask(one, servers, ended):
        await trio.sleep(one.at)
        try:
            await otp.call(servers[one.server], one, one.timeout)
        except otp.CallTimeout:
            ended[one] = ("timeout", trio.current_time())
        else:
            ended[one] = ("answer", trio.current_time())

    async def main():
        ended = {}
        async with otp.open_runtime(specs=[child(Puts, str(number)) for number in range(2)]):
            servers = [otp.Name("0"), otp.Name("1")]
            async with trio.open_nursery() as nursery:
                began = trio.current_time()
                for one in asks:
                    nursery.start_soon(ask, one, servers, ended)
            for one, (how, at) in ended.items():
                deadline = began + one.at + one.timeout
                assert at <= deadline + 0.0101
                assert how == "answer" or at >= deadline
        assert len(ended) == len(set(asks))

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


@pytest.mark.parametrize("timeouts", [[5.0, 4.0, 3.0], [3.0, 4.0, 5.0], [4.0, 3.0, 5.0]])
async def test_lone_calls_end_exactly(timeouts, autojump_clock):
    """Calls far enough apart end on their deadlines, whichever was made first."""
    ended = []

    async def ask(timeout):
        with pytest.raises(otp.CallTimeout):
            await otp.call(otp.Name("a"), Ask(0, 0, 60), timeout)
        ended.append(trio.current_time() - began)

    async with otp.open_runtime(specs=[child(Puts)]):
        began = trio.current_time()
        async with trio.open_nursery() as nursery:
            for timeout in timeouts:
                nursery.start_soon(ask, timeout)

    assert ended == sorted(timeouts)


async def test_deadline_in_mid_stop(autojump_clock):
    """A caller whose server is ending keeps its deadline while `terminate` takes its time."""

    class Slow(otp.Actor):
        def handle_call(self, request, caller):
            return otp.Stop(reply="done")

        async def terminate(self, reason):
            await trio.sleep(4)

    async with otp.open_runtime(specs=[child(Slow, restart="temporary")]):
        began = trio.current_time()
        with pytest.raises(otp.CallTimeout):
            await otp.call(otp.Name("a"), "stop", 2.0)
        took = trio.current_time() - began

    assert took == 2.0


async def test_answered_calls_leave_nothing_behind(autojump_clock):
    """Thousands of answered calls, with growing and shrinking timeouts, leave neither timers nor sets behind."""
    async with otp.open_runtime(specs=[child()]) as rt:
        for number in range(2000):
            await otp.call(otp.Name("a"), number, 5.0 - number / 1000)
            await otp.call(otp.Name("a"), number, 5.0 + number / 1000)
        before = len(rt.timers)
        await trio.sleep(30)

        assert len(rt.timers) == 0
        assert rt.deadlines._buckets == {}
        assert before == 1
