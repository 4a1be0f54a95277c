"""However much of a session's past is let go, a subscriber with a cursor gets each request's end behind it, once."""

from __future__ import annotations

import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import structlog.testing
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

import agentsup
from agentsup.session.log import SessionLog
from agentsup.testing import crash, open_simulator
from tests.kit.providers import at_claude

POLICIES = st.sampled_from(["block", "drop_oldest", "drop_newest"])
STEPS = st.lists(
    st.one_of(
        st.sampled_from(["ask", "ask", "ask", "crash", "sleep", "reopen"]).map(lambda word: (word,)),
        st.tuples(st.just("read"), st.integers(0, 2), st.integers(1, 30)),
        st.tuples(st.just("come back"), st.integers(0, 2)),
    ),
    min_size=4,
    max_size=14,
)


class Reader:
    """A subscriber who keeps its cursor, and comes back with it."""

    def __init__(self, overflow, buffer):
        self.options = {"overflow": overflow, "buffer": buffer}
        self.cursor = 0
        self.ends = []
        self.events = None

    def note(self, event):
        self.cursor = event.cursor
        if event.type == "request_ended":
            self.ends.append(event)

    async def read(self, count):
        """Up to that many events, if they are there."""
        with trio.move_on_after(0.5):
            for _ in range(count):
                self.note(await anext(self.events))


class Service:
    """A runtime over a store, or in memory, that lets go of old requests; and those who listen to its one session."""

    def __init__(self, provider, store, keep, readers):
        self.provider, self.store, self.keep, self.readers = provider, store, keep, readers
        self.asked = 0
        self.crashes = 2
        """Fewer than a session's restarts."""

    async def open(self):
        self.stack = AsyncExitStack()
        options = {"store": self.store, "keep_requests": self.keep, "passivate_after": 30.0}
        runtime = await self.stack.enter_async_context(agentsup.open_runtime(**options))
        # The clock jumps while the store's thread is at work: no request may be too slow for that.
        spec = agentsup.SessionSpec(provider=self.provider, limits=agentsup.Limits(timeout=None))
        self.ref = await runtime.start_session("s", spec)
        for reader in self.readers:
            self.listen(reader)

    def listen(self, reader):
        reader.events = self.ref.subscribe(after=reader.cursor, **reader.options)

    async def do(self, word, *args):
        match word:
            case "ask":
                await self.ref.submit(f"@say {self.asked}")
                self.asked += 1
            case "crash" if self.ref.incarnation is not None and self.crashes:
                self.crashes -= 1
                await crash(self.ref)
            case "sleep":
                await trio.sleep(60)
            case "reopen" if self.store is not None:
                await self.stack.aclose()
                await self.open()
            case "read":
                await self.readers[args[0]].read(args[1])
            case "come back":
                self.readers[args[0]].events.close()
                self.listen(self.readers[args[0]])


async def play(steps, keep, readers, folder):
    store = None if folder is None else Path(folder) / "sessions.db"
    async with open_simulator() as simulator, simulator.client() as http:
        service = Service(await at_claude(http, base_url=simulator.base_url), store, keep, readers)
        await service.open()
        async with AsyncExitStack() as leaving:
            leaving.push_async_callback(lambda: service.stack.aclose())
            for step in steps:
                await service.do(*step)
            await service.ref.close()
            for reader in readers:
                async for event in reader.events:
                    reader.note(event)
    texts = [str(number) for number in range(service.asked)]
    for reader in readers:
        assert [event.result.turns for event in reader.ends] == [1] * service.asked
        assert [event.cursor for event in reader.ends] == sorted({event.cursor for event in reader.ends})
        told = [event.result for event in reader.ends]
        assert [
            text for result, text in zip(told, texts, strict=True) if not result.let_go and result.text != text
        ] == []


def in_a_world(play, *args):
    with structlog.testing.capture_logs():  # of the crashes
        trio.run(play, *args, clock=trio.testing.MockClock(autojump_threshold=0.005))


@settings(max_examples=25, deadline=None)
@given(
    steps=STEPS, keep=st.integers(1, 2), policies=st.lists(POLICIES, min_size=3, max_size=3), buffer=st.integers(1, 6)
)
@pytest.mark.parametrize("kept", ["in memory", "on disk"])
def test_every_subscriber_sees_every_end_behind_its_cursor_once(kept, steps, keep, policies, buffer):
    """Whenever requests end, old ones are let go, readers are slow or come back, tasks die, sleep, and runtimes follow one another."""
    with tempfile.TemporaryDirectory() as folder:
        readers = [Reader(policy, buffer) for policy in policies]
        in_a_world(play, steps, keep, readers, folder if kept == "on disk" else None)


async def test_an_end_that_outlived_its_request_says_what_is_left_of_it(provider, tmp_path):
    """How it ended, its turns and its cost; that its text is gone is said, and so is how much is missing before it. A new process says the same."""
    store = tmp_path / "sessions.db"
    async with agentsup.open_runtime(store=store, keep_requests=1) as runtime:
        ref = await runtime.start_session("s", agentsup.SessionSpec(provider=provider))
        whole = [await ref.submit(f"@usage 3 4\n@say {number}") for number in range(2)]
        while (await runtime.stored())[0].first == 1:
            await trio.to_thread.run_sync(lambda: None)  # in the store's own time, which no clock of trio's knows
    seen = []
    for _ in range(2):
        async with agentsup.open_runtime(store=store) as runtime:
            ref = await runtime.start_session("s", agentsup.SessionSpec(provider=provider))
            async with ref.subscribe(after=0, overflow="block") as events:
                seen.append([await anext(events) for _ in range(3)])
            past = [event.result async for event in (await runtime.past("s")).events() if event.result is not None]

    (missing, end, next_), again = seen
    assert again == seen[0]
    assert missing.dropped == end.cursor - 1
    assert next_.cursor == end.cursor + 1
    assert (end.result.let_go, end.result.text, end.result.terminal) == (True, "", "end_turn")
    assert (end.result.turns, end.result.stop_reason) == (whole[0].turns, whole[0].stop_reason)
    assert (end.result.usage.total, end.result.usage.raw) == (whole[0].usage.total, ())
    assert whole[0].usage.total > 0
    assert past[0] == end.result
    assert (past[1].text, past[1].let_go) == ("1", False)


async def test_a_subscriber_far_behind_what_was_let_go_goes_on_where_records_begin(
    provider, autojump_clock, monkeypatch
):
    """Also where more was let go than is read at once: it is told how much is missing, and misses nothing that is there."""
    monkeypatch.setattr(SessionLog.read, "__kwdefaults__", {"limit": 5})
    async with agentsup.open_runtime(keep_requests=1) as runtime:
        ref = await runtime.start_session("s", agentsup.SessionSpec(provider=provider))
        await ref.submit("\n".join(f"@say {number}" for number in range(100)))
        await ref.submit("@say last")
        await trio.sleep(1)
        await ref.submit("@say very last")
        await trio.sleep(1)

        assert [turn.text for turn in await ref.history()] == ["very last"]
        await ref.close()
        async with ref.subscribe(after=0, overflow="block") as events:
            got = [event async for event in events]

    assert [event.type for event in got[:2]] == ["dropped", "request_ended"]
    assert [event.result.turns for event in got if event.result is not None] == [1, 1, 1]
    last = 0
    for event in got:
        last += event.dropped or 1
        assert event.cursor == last
