"""The kernel's part of the testing kit."""

from __future__ import annotations

import pytest
import trio

from agentsup import otp
from agentsup.errors import SpecError
from agentsup.otp.testing import (
    EventMissing,
    InjectedCrash,
    Leaked,
    assert_event,
    crash,
    no_leaks,
    pass_time,
    restarted,
    so_far,
)
from tests.otp.actors import NO_LIMIT, Boom, Store, child

A = otp.Name("a")


async def test_a_clean_block_passes():
    """A tree that was opened, broken and closed leaves nothing."""
    async with no_leaks(), otp.open_runtime(NO_LIMIT, [child(), child(id="b")]) as rt:
        first = rt.names.whereis("a")
        await crash(A)
        await restarted(rt, "a", first)


async def test_what_is_left_is_named():
    """Processes, names and tasks that were not there before, each in the text."""
    async with otp.open_runtime(NO_LIMIT) as rt, trio.open_nursery() as nursery:
        with pytest.raises(Leaked) as caught:
            async with no_leaks(rt):
                ref = await otp.start_child(rt.root, child())
                nursery.start_soon(trio.sleep_forever, name="forgotten")
        nursery.cancel_scope.cancel()

    assert caught.value.found == (f"process {ref!r} is running", "task forgotten", "name 'a'")
    assert "task forgotten" in str(caught.value)


async def test_what_was_there_before_is_no_leak():
    """Only the difference counts, so the block may stand in the middle of a test."""
    async with otp.open_runtime(NO_LIMIT, [child()]) as rt, no_leaks(rt):
        await otp.start_child(rt.root, child(id="b"))
        await otp.terminate_child(rt.root, "b")


async def test_zombies_are_leaks(mock_clock):
    """What was killed and lives on is told by its name."""
    release = trio.Event()

    class Stubborn(Store):
        async def handle_cast(self, message):
            with trio.CancelScope(shield=True):
                await release.wait()

    async with otp.open_runtime(NO_LIMIT, kill_grace=1.0) as rt:
        with pytest.raises(Leaked) as caught:
            async with no_leaks(rt):
                ref = await otp.start_child(rt.root, child(Stubborn, restart="temporary"))
                otp.cast(ref, "hang")
                await rt.quiesce()
                otp.exit(ref, otp.Killed())
                await pass_time(1.0)
        release.set()

    assert any(line.startswith("zombie") and "a" in line for line in caught.value.found)


async def test_an_error_of_the_block_goes_first():
    """What the block raises is what the test sees, whatever is left."""
    async with otp.open_runtime(NO_LIMIT) as rt:
        with pytest.raises(Boom):
            async with no_leaks(rt):
                await otp.start_child(rt.root, child())
                raise Boom


async def test_injected_errors_arrive(autojump_clock):
    """The error one gives is the one the process dies of; without one it is InjectedCrash."""
    boom = Boom()
    async with otp.open_runtime(NO_LIMIT, [child()]) as rt:
        first = await crash(A, boom)
        second = await crash(await rt.names.until("a"))

    assert first == otp.Crashed(boom)
    assert isinstance(second, otp.Crashed)
    assert isinstance(second.exception, InjectedCrash)


async def test_events_are_asserted(autojump_clock):
    """By kind and fields, a field by value or by class; those before it are passed over."""
    async with otp.open_runtime(NO_LIMIT, [child(), child(id="b")]) as rt, rt.events() as events:
        await crash(otp.Name("b"))
        await crash(A)
        ended = await assert_event(events, otp.ProcessEnded, id="a", reason=otp.Crashed)
        started = await assert_event(events, otp.ProcessStarted, id="a")

    assert isinstance(ended.reason, otp.Crashed)
    assert started.ref > ended.ref


async def test_a_missing_event_is_told_with_what_came(autojump_clock):
    """Too late, or the stream ended: the text says what was wanted and what came instead."""
    async with otp.open_runtime(NO_LIMIT, [child()]) as rt:
        events = rt.events()
        await crash(A)
        with pytest.raises(EventMissing) as late:
            await assert_event(events, otp.ProcessEnded, reason=otp.Killed(), within=5.0)
    with pytest.raises(EventMissing, match="before the stream ended"):
        await assert_event(events, otp.ZombieParked)

    assert "no ProcessEnded(reason=Killed()) came within 5.0 s" in str(late.value)
    assert "Crashed(InjectedCrash)" in str(late.value)


async def test_a_field_that_no_event_has():
    """A misspelt field is said, not waited for."""
    async with otp.open_runtime() as rt, rt.events() as events:
        with pytest.raises(SpecError, match="a ProcessEnded has no reasn"):
            await assert_event(events, otp.ProcessEnded, reasn=otp.Killed())


async def test_nothing_happened():
    """What waits in a stream is what happened since the last look."""
    async with otp.open_runtime(NO_LIMIT, [child()]) as rt, rt.events() as events:
        await otp.call(A, "x")
        await rt.quiesce()
        quiet = so_far(events)
        await crash(A)
        await rt.quiesce()
        busy = so_far(events)

    assert quiet == []
    assert [type(event) for event in busy] == [otp.ProcessEnded, otp.ProcessStarted]


class Ticker(Store):
    """Writes the time down every second."""

    def init(self):
        self.state = []
        self.send_after(1.0, "tick")

    def handle_info(self, message):
        self.state.append(trio.current_time())
        self.send_after(1.0, "tick")


async def test_time_passes_step_by_step(mock_clock):
    """What is set off on the way happens when it is due, and not one moment past the end."""
    async with otp.open_runtime(specs=[child(Ticker)]):
        began = trio.current_time()
        await pass_time(3.5)
        now = trio.current_time()
        seen = await otp.call(A, "get")
        await pass_time(0.0)

    assert now - began == pytest.approx(3.5)
    assert [at - began for at in seen] == pytest.approx([1.0, 2.0, 3.0])


async def test_time_that_cannot_pass(mock_clock):
    """A negative time is refused."""
    with pytest.raises(SpecError, match="no duration"):
        await pass_time(-1.0)


async def test_time_passes_on_a_mock_clock_only():
    """On a real clock the kit says what it needs."""
    with pytest.raises(RuntimeError, match="pass_time needs"):
        await pass_time(1.0)
