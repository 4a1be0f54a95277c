"""The block around a tree: entering, leaving in order, and every way in which that can go wrong."""

from __future__ import annotations

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from agentsup import otp
from agentsup.errors import SpecError
from tests.otp.actors import NO_LIMIT, Boom, Store, child

A = otp.Name("a")


class Slow(Store):
    """Takes a second to stop."""

    async def terminate(self, reason):
        await trio.sleep(1)
        self.log.append(self.ref.label)


def slow(id: str, log: list[object]) -> otp.ChildSpec:
    return child(lambda: Slow(log), id)


async def test_body_error_is_raised_unwrapped(autojump_clock):
    """An exception in the body stops the tree in order and goes on its way as it is."""
    log: list[object] = []
    boom = Boom()
    with pytest.raises(Boom) as caught:
        async with otp.open_runtime(specs=[slow("a", log), slow("b", log)]):
            raise boom

    assert caught.value is boom
    assert log == ["b", "a"]


async def test_order_survives_outer_cancellation(autojump_clock):
    """A cancelled block stops its tree in order, late by what that takes."""
    log: list[object] = []
    began = trio.current_time()
    with trio.move_on_after(5) as scope:
        async with otp.open_runtime(specs=[slow("a", log), slow("b", log)]):
            await trio.sleep_forever()

    assert scope.cancelled_caught
    assert log == ["b", "a"]
    assert trio.current_time() - began == pytest.approx(7)


async def test_shutdown_deadline(autojump_clock):
    """The whole stop has a deadline; after it everything is cut, also a child that waits for ever to stop."""

    class Endless(Store):
        async def terminate(self, reason):
            await trio.sleep_forever()

    began = trio.current_time()
    async with otp.open_runtime(specs=[child(Endless, shutdown=float("inf"))], shutdown_deadline=3.0):
        pass

    assert trio.current_time() - began == pytest.approx(3)


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt()])
async def test_exits_leave_bare(error, autojump_clock):
    """SystemExit and KeyboardInterrupt in a callback stop the tree in order and leave the block as they are."""
    log: list[object] = []
    with pytest.raises(type(error)) as caught:
        async with otp.open_runtime(NO_LIMIT, [slow("b", log), child()]):
            otp.cast(A, ("raise", error))
            await trio.sleep_forever()

    assert caught.value is error
    assert log == ["b"]


async def test_zombie_is_parked(autojump_clock):
    """A process that cannot be killed never blocks its supervisor: it is announced dead, its name is free, and its task is kept until it ends."""

    class Undead(Store):
        async def handle_cast(self, message):
            with trio.CancelScope(shield=True):
                await trio.sleep(60)

    async with otp.open_runtime(NO_LIMIT, [child(Undead, shutdown=1.0)], kill_grace=2.0, shutdown_deadline=1000) as rt:
        first = rt.names.whereis("a")
        assert first is not None
        otp.cast(A, "hang")
        await wait_all_tasks_blocked()
        began = trio.current_time()
        await otp.terminate_child(rt.root, "a")
        waited = trio.current_time() - began
        zombies = len(rt.zombies)
        with pytest.raises(otp.NoProc):
            await otp.call(first, "x")
        await otp.restart_child(rt.root, "a")
        again = await otp.call(A, "alive")

    assert waited == pytest.approx(3)
    assert zombies == 1
    assert again == "alive"
    assert trio.current_time() - began == pytest.approx(60)


async def test_run_forever_ends_with_the_root():
    """run_forever waits for the root; an auto_shutdown leaves the block without an error."""
    flags = otp.SupFlags(auto_shutdown="any_significant", backoff=otp.Backoff(base=0, cap=0))
    async with otp.open_runtime(flags, [child(restart="transient", significant=True)]) as rt:
        otp.cast(A, ("stop", otp.Normal()))
        await rt.run_forever()
        pytest.fail("went on")


async def test_bad_input_is_refused_before_anything_starts():
    """Wrong flags, specs and durations are SpecErrors at the door."""
    with pytest.raises(SpecError):
        otp.open_runtime(specs=["nonsense"])
    with pytest.raises(SpecError, match="shutdown_deadline"):
        otp.open_runtime(shutdown_deadline=-1)


async def test_two_runtimes():
    """Runtimes do not know each other; a bare name means the innermost one."""
    async with otp.open_runtime(specs=[child(lambda: Store(["outer"]))]) as outer:
        async with otp.open_runtime(specs=[child(lambda: Store(["inner"]))]) as inner:
            assert otp.current_runtime() is inner
            inside = otp.current_runtime().names.whereis("a")
        assert otp.current_runtime() is outer
        assert outer.names.whereis("a") != inside


async def test_nothing_is_left(autojump_clock):
    """After the block no process, name or timer is left, whatever was going on."""
    async with otp.open_runtime(NO_LIMIT, [child(id=str(n)) for n in range(50)]) as rt:
        for n in range(50):
            otp.cast(otp.Name(str(n)), ("sleep", float(n)))
        otp.cast(otp.Name("3"), ("raise", Boom()))

    assert not rt.cells
    assert not rt.zombies
    assert len(rt.names) == 0


async def test_fatal_errors_restart_nobody(autojump_clock):
    """Between a SystemExit in a callback and the stop of the tree, nobody is started again."""
    starts: list[int] = []

    class Counting(Store):
        def init(self):
            super().init()
            starts.append(1)

    with pytest.raises(SystemExit):
        async with otp.open_runtime(NO_LIMIT, [child(Counting)]):
            otp.cast(A, ("raise", SystemExit(1)))
            await trio.sleep_forever()

    assert starts == [1]


async def test_interrupting_a_callback_that_never_ends():
    """A Ctrl-C reaches a sync callback that does not give control back, and leaves the block bare."""
    import signal

    class Endless(Store):
        def handle_cast(self, message):
            signal.raise_signal(signal.SIGINT)
            while True:
                pass

    with pytest.raises(KeyboardInterrupt):
        async with otp.open_runtime(NO_LIMIT, [child(Endless)]):
            otp.cast(A, "go")
            await trio.sleep_forever()


async def test_spawning_at_the_end(autojump_clock):
    """A task that an ending actor still spawns is cancelled from its start, and waited for."""
    ran: list[str] = []

    class Clinging(Store):
        def init(self):
            super().init()
            self.spawn(self.last)

        async def last(self):
            try:
                await trio.sleep_forever()
            finally:
                self.spawn(self.more)

        async def more(self):
            ran.append("began")
            await trio.sleep(100)
            ran.append("went on")

    async with otp.open_runtime(NO_LIMIT, [child(Clinging)]):
        await wait_all_tasks_blocked()

    assert ran == ["began"]
