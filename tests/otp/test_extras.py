"""The watchdog, messages from threads, signals, spread restarts, sources of truth, and the testing kit."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import threading
import time

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs
from trio.testing import wait_all_tasks_blocked

from agentsup import otp
from agentsup.errors import SpecError
from agentsup.otp.spread import Bucket
from agentsup.otp.testing import InjectedCrash, crash, leftovers, next_event, restarted
from tests.otp.actors import NO_LIMIT, Boom, Store, child

A, DYN = otp.Name("a"), otp.Name("dyn")


async def test_watchdog_names_the_culprit():
    """A sync callback that stops the loop is reported once, with the actor and its stack, while it does so."""

    class Blocking(Store):
        def handle_cast(self, message):
            message.wait(5)

    with capture_logs() as logs:
        async with otp.open_runtime(NO_LIMIT, [child(Blocking)], watchdog=0.02) as rt:
            ref = rt.names.whereis("a")
            release = threading.Event()
            threading.Timer(0.15, release.set).start()
            otp.cast(A, release)
            await otp.call(A, "get")

    blocked = [entry for entry in logs if entry["event"] == "loop_blocked"]
    assert len(blocked) == 1
    assert blocked[0]["ref"] == str(ref)
    assert any("handle_cast" in frame for frame in blocked[0]["frames"])
    assert not [thread for thread in threading.enumerate() if thread.name == "agentsup watchdog"]


async def test_cast_from_thread():
    """A thread can cast to names and refs; afterwards nothing happens."""
    async with otp.open_runtime(specs=[child()]) as rt:
        ref = rt.names.whereis("a")
        await trio.to_thread.run_sync(rt.cast_from_thread, A, 1)
        await trio.to_thread.run_sync(rt.cast_from_thread, ref, 2)
        await wait_all_tasks_blocked()
        got = await otp.call(A, "get")
    rt.cast_from_thread(A, 3)
    await wait_all_tasks_blocked()

    assert got == [1, 2]


STUBBORN = """
    import signal, sys, trio
    from agentsup import otp

    class Stubborn(otp.Actor):
        async def terminate(self, reason):
            print("stopping", flush=True)
            await trio.sleep(SECONDS)

    async def main():
        specs = [otp.ChildSpec(id="s", start=Stubborn, shutdown=60.0)]
        async with otp.open_runtime(specs=specs, shutdown_deadline=60.0, stop_on=[signal.SIGTERM]) as rt:
            print("ready", flush=True)
            await rt.run_forever()
        print("left", flush=True)

    trio.run(main)
"""


def stubborn(seconds: float) -> subprocess.Popen[str]:
    code = textwrap.dedent(STUBBORN).replace("SECONDS", str(seconds))
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_second_interrupt_cuts():
    """The first Ctrl-C stops in order, a second one at once; what leaves is a bare KeyboardInterrupt."""
    with stubborn(60.0) as process:
        assert process.stdout is not None
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == "stopping\n"
        time.sleep(0.1)  # noqa: TID251  (a real process: it has to get back to its wait)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)

    assert process.returncode == -signal.SIGINT
    assert errors.rstrip().endswith("KeyboardInterrupt")
    assert "Group" not in errors


def test_signals_that_were_asked_for():
    """A signal in stop_on leaves the block as the end of its body does."""
    with stubborn(0.01) as process:
        process.send_signal(signal.SIGTERM)
        output, errors = process.communicate(timeout=20)

    assert (process.returncode, output, errors) == (0, "stopping\nleft\n", "")


@given(st.lists(st.integers(0, 100), max_size=40).map(sorted), st.integers(1, 5), st.integers(1, 8))
def test_bucket(times, rate, burst):
    """At most `burst` tokens at once, and never more than `rate` per second on top in any span."""
    bucket, granted = Bucket(otp.Spread(rate, burst)), []
    for now in times:
        wait, bucket = bucket.take(float(now))
        granted.append(now + wait)

    assert granted == sorted(granted)
    for first in range(len(granted)):
        for last in range(first, len(granted)):
            span = granted[last] - granted[first]
            assert last - first + 1 <= burst + rate * span + 1e-6


async def test_mass_restarts_are_spread(autojump_clock):
    """Children that fail together come back at the supervisor's pace, not all at once."""
    flags = otp.SupFlags(intensity=float("inf"), backoff=otp.Backoff(base=0, cap=0), spread=otp.Spread(10.0, burst=5))
    times: list[float] = []

    class Timed(Store):
        def init(self):
            super().init()
            times.append(trio.current_time())

    sup = otp.ChildSpec(id="dyn", name="dyn", type="supervisor", start=lambda: otp.DynamicSupervisor(flags))
    async with otp.open_runtime(specs=[sup]):
        refs = [await otp.start_child(DYN, child(Timed, name=None)) for _ in range(25)]
        times.clear()
        began = trio.current_time()
        for ref in refs:
            otp.cast(ref, ("raise", Boom()))
        await trio.sleep(10)

    assert len(times) == 25
    assert sum(at == began for at in times) == 5
    assert max(times) - began == pytest.approx(2.0)


async def test_source_of_truth():
    """A dynamic supervisor with a source starts whom it names, again after its own crash; a wrong answer is a failed start."""
    wanted = ["x", "y"]
    answers: list[object] = [None]

    async def source() -> list[otp.ChildSpec]:
        return [child(id=name) for name in wanted] if answers[0] is None else answers[0]

    sup = otp.ChildSpec(
        id="dyn", name="dyn", type="supervisor", start=lambda: otp.DynamicSupervisor(NO_LIMIT, source=source)
    )
    async with otp.open_runtime(NO_LIMIT, [sup]) as rt:
        await rt.names.until("y")
        old = rt.names.whereis("dyn")
        wanted[:] = ["y", "z"]
        otp.exit(old, otp.Killed())
        await otp.wait_down(old)
        await rt.names.until("z")
        names = sorted(map(str, rt.names.keys()))

    assert names == ["dyn", "y", "z"]
    answers[0] = ["nonsense"]
    with pytest.raises(otp.InitFailed) as caught:
        async with otp.open_runtime(NO_LIMIT, [sup]):
            pytest.fail("entered")
    assert isinstance(caught.value.reason, otp.Shutdown)
    assert isinstance(caught.value.reason.info, otp.StartFailed)
    assert isinstance(caught.value.reason.info.reason.exception, SpecError)


async def test_crash_injection(autojump_clock):
    """Crash ends a process in the middle of whatever it does, as a bug would, and the supervisor acts on it."""
    log: list[object] = []
    async with otp.open_runtime(NO_LIMIT, [child(lambda: Store(log))]) as rt:
        first = rt.names.whereis("a")
        otp.cast(A, ("sleep", 1e6))
        await wait_all_tasks_blocked()
        reason = await crash(A)
        second = await restarted(rt, "a", first)
        with pytest.raises(otp.NoProc):
            await crash(first)
    again = leftovers(rt)

    assert isinstance(reason, otp.Crashed)
    assert isinstance(reason.exception, InjectedCrash)
    assert log[0] == reason
    assert second != first
    assert again == []


async def test_waiting_for_events():
    """next_event passes over what is not wanted."""
    async with otp.open_runtime(NO_LIMIT, [child()]) as rt, rt.events() as events:
        ref = rt.names.whereis("a")
        await crash(A)
        started = await next_event(events, lambda event: isinstance(event, otp.ProcessStarted))

    assert started.id == "a"
    assert started.ref != ref


def test_bad_options_are_named_together():
    """Every wrong option of a runtime is named, and nothing is opened."""
    with pytest.raises(SpecError) as caught:
        otp.open_runtime("flags", ["spec"], shutdown_deadline=-1, watchdog=0)
    with pytest.raises(SpecError):
        otp.Spread(0, burst=0)

    assert [problem.path for problem in caught.value.problems] == [
        "shutdown_deadline",
        "watchdog",
        "flags",
        "children[0]",
    ]


async def test_body_group_without_our_cancellation():
    """If the root gives up while the body fails by itself, the body's own errors are what is left."""
    flags = otp.SupFlags(intensity=0, backoff=otp.Backoff(base=0, cap=0))
    with pytest.raises(ExceptionGroup) as caught:
        async with otp.open_runtime(flags, [child()]) as rt, trio.open_nursery() as nursery:

            async def fail() -> None:
                try:
                    await trio.sleep_forever()
                finally:
                    raise Boom

            nursery.start_soon(fail)
            await wait_all_tasks_blocked()
            otp.cast(A, ("raise", Boom()))
            await rt.run_forever()

    assert caught.group_contains(Boom)


async def test_source_child_that_waits_for_its_name_is_a_child(autojump_clock):
    """A child from the source whose name is taken is listed, takes a place, waits, and is called off with its supervisor."""
    flags = otp.SupFlags(intensity=1000, backoff=otp.Backoff(base=1.0, cap=1.0))
    wanted = [otp.ChildSpec(id="x", name="taken", start=Store)]
    dyn = otp.ChildSpec(
        id="dyn", name="dyn", type="supervisor", start=lambda: otp.DynamicSupervisor(flags, 1, source=lambda: wanted)
    )
    async with otp.open_runtime(NO_LIMIT, [child(id="taken", restart="temporary"), dyn]) as rt:
        waiting = await otp.which_children(otp.Name("dyn"))
        counts = await otp.count_children(otp.Name("dyn"))
        with pytest.raises(otp.MaxChildren):
            await otp.start_child(otp.Name("dyn"), child(id="y"))
        await otp.stop(otp.Name("taken"))
        await rt.names.until("taken")
        running = await otp.which_children(otp.Name("dyn"))
        killed = rt.names.whereis("dyn")
        otp.exit(killed, otp.Killed())
        await otp.wait_down(killed)
        await rt.names.until("taken")

        assert await otp.count_children(otp.Name("dyn")) == otp.Counts(1, 1, 0, 1)

    assert [(info.state, info.ref) for info in waiting] == [("restarting", None)]
    assert counts == otp.Counts(specs=1, active=0, supervisors=0, workers=1)
    assert [info.state for info in running] == ["running"]
