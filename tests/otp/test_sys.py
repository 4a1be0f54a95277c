"""Looking into running actors."""

from __future__ import annotations

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs
from trio.testing import wait_all_tasks_blocked

from agentsup import otp
from agentsup.errors import SpecError
from agentsup.otp.ageing import Ageing
from tests.otp.actors import NO_LIMIT, Boom, Store, child

A = otp.Name("a")


@pytest.fixture
async def rt():
    async with otp.open_runtime(NO_LIMIT, [child()]) as runtime:
        yield runtime


async def test_state(rt):
    """get_state shows the state, replace_state changes it, also while suspended (rule Y1)."""
    otp.cast(A, 1)
    await otp.call(A, "x")
    before = await otp.sys.get_state(A)
    await otp.sys.suspend(A)
    new = await otp.sys.replace_state(A, lambda state: [*state, "more"])
    during = await otp.sys.get_state(A)
    await otp.sys.resume(A)

    assert before == [1]
    assert new == during == [1, "more"] == await otp.call(A, "get")


async def test_failing_replace(rt):
    """A function that raises leaves the state as it was, and the actor alive (rule Y1)."""
    ref = rt.names.whereis("a")
    with pytest.raises(otp.CallbackFailed) as caught:
        await otp.sys.replace_state(A, lambda _: 1 / 0)

    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert await otp.call(ref, "get") == []


async def test_suspended_actors_queue(rt, autojump_clock):
    """While suspended, messages wait and calls time out; afterwards everything is handled in order (rule Y1)."""
    await otp.sys.suspend(A)
    await otp.sys.suspend(A)
    otp.cast(A, 1)
    with pytest.raises(otp.CallTimeout):
        await otp.call(A, "get", timeout=1)
    status = await otp.sys.get_status(A)
    shown = rt.snapshot().root.children[0]
    await otp.sys.resume(A)

    assert status.state == shown.state == "suspended"
    assert await otp.call(A, "get") == [1]


async def test_suspended_actors_can_be_stopped(rt):
    """A supervisor's stop reaches a suspended actor, and terminate runs."""
    await otp.sys.suspend(A)
    ref = rt.names.whereis("a")
    held = rt.cells[ref.serial]
    await otp.terminate_child(rt.root, "a")

    assert held.actor.log == [otp.Shutdown()]


async def test_served_before_waiting_messages(rt, autojump_clock):
    """System requests overtake what waits in the mailbox, not the callback that runs."""
    otp.cast(A, ("sleep", 1.0))
    await wait_all_tasks_blocked()
    for number in range(3):
        otp.cast(A, number)
    began = trio.current_time()
    state = await otp.sys.get_state(A)

    assert list(state) in ([], [0, 1, 2])
    assert trio.current_time() - began == pytest.approx(1)


async def test_statistics(rt):
    """Counting is off until it is asked for (rule Y2)."""
    off = await otp.sys.statistics(A)
    await otp.sys.start_statistics(A)
    otp.cast(A, 1)
    await otp.call(A, "get")
    counted = await otp.sys.statistics(A)
    await otp.sys.stop_statistics(A)
    again = await otp.sys.statistics(A)

    assert off is None
    assert again is None
    assert counted is not None
    assert (counted.messages_in, counted.messages_out) == (2, 1)


async def test_log_keeps_the_last(rt):
    """The ring keeps the newest events, by types in its repr (rule Y2)."""
    with pytest.raises(SpecError):
        await otp.sys.start_log(A, 0)
    await otp.sys.start_log(A, 3)
    for secret in ("s1", "s2", "s3"):
        otp.cast(A, secret)
    await otp.call(A, "get")
    events = await otp.sys.get_log(A)
    await otp.sys.no_debug(A)

    assert [event.kind for event in events] == ["in", "in", "out"]
    assert events[0].message == "s3"
    assert "s3" not in repr(events)
    assert await otp.sys.get_log(A) == []


async def test_watchers(rt):
    """An installed function sees everything, once; one that raises is removed and the actor lives on (rule Y2)."""
    seen: list[str] = []

    def watch(event: otp.sys.TraceEvent) -> None:
        seen.append(event.kind)
        if len(seen) > 3:
            raise Boom

    await otp.sys.install(A, watch)
    await otp.sys.install(A, watch)
    seen.clear()
    with capture_logs() as logs:
        for _ in range(5):
            otp.cast(A, 1)
        await otp.call(A, ("return", otp.Reply(1, then=otp.Continue("x"))))

    assert seen == ["in"] * 4
    assert [entry["event"] for entry in logs] == ["watcher_removed"]


async def test_trace(rt):
    """A traced actor is logged by types, until it is no more."""
    with capture_logs() as logs:
        await otp.sys.start_trace(A)
        otp.cast(A, "secret")
        await otp.call(A, ("return", otp.Reply("secret", then=otp.Continue("x"))))
        await otp.sys.stop_trace(A)
        otp.cast(A, "secret")
        await wait_all_tasks_blocked()

    assert [entry["kind"] for entry in logs] == ["in", "in", "out", "continue"]
    assert "secret" not in str(logs)


async def test_trace_as_a_stream(rt):
    """A trace shows everything the actor does, in order, and leaves no switch on; it ends with its actor."""
    ref = otp.whereis("a")
    async with otp.sys.trace(A) as events:
        otp.cast(A, 1)
        await otp.call(A, "get")
        seen = [events.receive_nowait() for _ in range(len(events))]
    status = await otp.sys.get_status(A)
    async with otp.sys.trace(A) as events:
        otp.exit(ref, otp.Killed())
        rest = [event async for event in events]

    assert [(event.kind, event.message) for event in seen] == [("in", 1), ("in", "get"), ("out", [1])]
    assert status.debug == ()
    assert rest == []


async def test_status_is_redacted(rt):
    """The status shows what format_status shows, by default a type; a fault in it hides nothing (rule Y3)."""

    class Open(Store):
        def format_status(self, state):
            if state == ["boom"]:
                raise Boom
            return len(state)

    await otp.start_child(rt.root, child(Open, "open"))
    default = await otp.sys.get_status(A)
    opened = await otp.sys.get_status(otp.Name("open"))
    otp.cast(otp.Name("open"), "boom")
    await otp.call(otp.Name("open"), "x")
    faulty = await otp.sys.get_status(otp.Name("open"))

    assert default.formatted == "list"
    assert opened.formatted == 0
    assert faulty.formatted == "format_status raised Boom"
    assert default.parent == rt.root


async def test_dead_and_self(rt):
    """The errors are those of a call."""
    with pytest.raises(otp.NoProc):
        await otp.sys.get_state(otp.Name("nobody"))
    otp.cast(A, ("sleep", 1e9))
    await wait_all_tasks_blocked()

    async def ask() -> None:
        with pytest.raises(otp.ServerDied):
            await otp.sys.get_state(A)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        await wait_all_tasks_blocked()
        otp.exit(rt.names.whereis("a"), otp.Killed())


async def test_handler_times(autojump_clock):
    """While statistics are on, they and the snapshot tell how long messages take and how long the oldest has waited; off, nobody knows."""

    def shown():
        return rt.snapshot().root.children[0]

    async with otp.open_runtime(NO_LIMIT, [child()]) as rt:
        plain = shown()
        await otp.sys.start_statistics(A)
        await otp.call(A, ("sleep", 2.0))
        await trio.sleep(10)
        otp.cast(A, ("sleep", 4.0))
        await trio.sleep(1)
        otp.cast(A, "waits")
        await trio.sleep(0.5)
        otp.cast(A, "waits, too")
        await trio.sleep(1)
        busy = shown()
        counted = await otp.sys.statistics(A)
        await otp.call(A, "get")
        idle = shown()
        await otp.sys.stop_statistics(A)
        off = shown()

    for each in (plain, off):
        assert (each.current_since, each.average_time, each.longest_time, each.oldest_age) == (None,) * 4
    assert busy.current_since == trio.current_time() - 4.0
    assert (busy.oldest_age, busy.longest_time) == (1.5, 2.0)
    assert counted is not None
    assert (counted.messages_in, counted.busy, counted.longest, counted.oldest_age) == (2, 6.0, 4.0, 3.0)
    assert counted.average == 3.0
    assert (idle.current_since, idle.average_time, idle.longest_time, idle.oldest_age) == (None, 6.0 / 5, 4.0, None)


@given(
    what=st.lists(st.one_of(st.just("in"), st.just("out"), st.integers(0, 5), st.floats(0, 9, width=16))),
    waiting=st.integers(0, 3),
)
def test_ageing_queue(what, waiting):
    """A queue that ages holds the same as a plain one, and knows how long the head of it has waited."""
    now = 0.0
    aged, model = Ageing(range(waiting), lambda: now), [(number, 0.0) for number in range(waiting)]
    for number, each in enumerate(what):
        if each == "in":
            aged.append(number)
            model.append((number, now))
        elif each == "out":
            if model:
                assert aged.popleft() == model.pop(0)[0]
        elif isinstance(each, int):
            if each < len(model):
                del aged[each], model[each]
        else:
            now += each
        assert list(aged) == [entry for entry, _ in model]
        assert aged.oldest_age == (now - model[0][1] if model else None)


@pytest.mark.parametrize("overflow", ["reject", "drop_oldest", "block"])
async def test_statistics_go_with_every_policy(overflow, autojump_clock):
    """Counting changes nothing about what a full mailbox keeps, and can be switched while messages wait."""

    class Small(Store):
        mailbox = otp.MailboxSpec(3, overflow)

    async with otp.open_runtime(NO_LIMIT, [child(Small, "small")]):
        name = otp.Name("small")
        for switch in (otp.sys.start_statistics, otp.sys.stop_statistics, otp.sys.start_statistics, otp.sys.no_debug):
            await otp.sys.suspend(name)
            for number in range(5):
                otp.cast(name, number)
            await switch(name)
            await otp.sys.resume(name)
            kept = await otp.call(name, "get")
            await otp.sys.replace_state(name, lambda _: [])

            assert kept == ([2, 3, 4] if overflow == "drop_oldest" else [0, 1, 2])
