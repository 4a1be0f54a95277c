"""The supervisor of many alike children."""

from __future__ import annotations

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from agentsup import otp
from agentsup.errors import SpecError
from tests.otp.actors import AT_ONCE, NO_LIMIT, Boom, Store, child, crash

A, DYN = otp.Name("a"), otp.Name("dyn")


def dynamic(flags: otp.SupFlags = NO_LIMIT, max_children: int | None = None) -> otp.ChildSpec:
    return otp.ChildSpec(
        id="dyn", name="dyn", type="supervisor", start=lambda: otp.DynamicSupervisor(flags, max_children)
    )


async def test_children_are_known_by_ref():
    """Ids mean nothing here: two children may share one, and the lists show refs only (rule D1)."""
    async with otp.open_runtime(specs=[dynamic()]):
        first = await otp.start_child(DYN, child(name=None))
        second = await otp.start_child(DYN, child(name=None))
        listed = await otp.which_children(DYN)
        await otp.terminate_child(DYN, first)
        left = [info.ref for info in await otp.which_children(DYN)]

    assert [(info.id, info.ref) for info in listed] == [(None, second), (None, first)]
    assert left == [second]


async def test_dead_and_foreign_children():
    """terminate_child of a dead ref or of somebody else's child is NotFound, of an id a SpecError (rule S19)."""
    async with otp.open_runtime(specs=[dynamic(), child()]) as rt:
        ref = await otp.start_child(DYN, child(id="b", restart="temporary"))
        await otp.stop(ref)
        with pytest.raises(otp.NotFound):
            await otp.terminate_child(DYN, ref)
        with pytest.raises(otp.NotFound):
            await otp.terminate_child(DYN, rt.names.whereis("a"))
        with pytest.raises(SpecError):
            await otp.terminate_child(DYN, "b")


async def test_max_children(autojump_clock):
    """max_children counts the living and those that wait for a restart; 0 is legal (rule D1)."""
    async with otp.open_runtime(specs=[dynamic(max_children=1)]) as rt:
        await otp.start_child(DYN, child())
        with pytest.raises(otp.MaxChildren) as caught:
            await otp.start_child(DYN, child(id="b"))
        await crash(A, Boom(retry_after=10.0))
        with pytest.raises(otp.MaxChildren):
            await otp.start_child(DYN, child(id="b"))
        await otp.stop(await rt.names.until("a"))
        await otp.terminate_child(DYN, await rt.names.until("a"))
        await otp.start_child(DYN, child(id="b"))

    assert caught.value.limit == 1
    assert "max_children" in str(caught.value)


async def test_restart_gives_a_new_ref(autojump_clock):
    """A restarted child is known by its new ref; one that waits for its restart by the old one (rule D2)."""
    async with otp.open_runtime(specs=[dynamic()]) as rt:
        first = await otp.start_child(DYN, child())
        await crash(A)
        second = await rt.names.until("a")
        await wait_all_tasks_blocked()
        with pytest.raises(otp.NotFound):
            await otp.terminate_child(DYN, first)
        await crash(A, Boom(retry_after=10.0))
        counted = await otp.count_children(DYN)
        await otp.terminate_child(DYN, second)
        await trio.sleep(100)
        after = await otp.count_children(DYN)

    assert counted == otp.Counts(specs=1, active=0, supervisors=0, workers=1)
    assert after.specs == 0


async def test_ignored_restart_drops_the_child():
    """A child whose restart has nothing to run is forgotten (rule D2)."""
    times: list[int] = []

    class Once(Store):
        def init(self):
            super().init()
            times.append(1)
            return otp.Ignore() if len(times) > 1 else None

    async with otp.open_runtime(specs=[dynamic()]):
        await otp.start_child(DYN, child(Once))
        await crash(A)
        await wait_all_tasks_blocked()
        assert (await otp.count_children(DYN)).specs == 0


async def test_slow_starts_run_side_by_side(autojump_clock):
    """A slow init keeps nobody else's start waiting."""

    class Slow(Store):
        async def init(self):
            await trio.sleep(1)

    async with otp.open_runtime(specs=[dynamic()]):
        began = trio.current_time()
        async with trio.open_nursery() as nursery:
            for _ in range(100):
                nursery.start_soon(otp.start_child, DYN, child(Slow, name=None))
        waited = trio.current_time() - began

    assert waited == pytest.approx(1)


async def test_children_stop_side_by_side(autojump_clock):
    """Stopping the supervisor stops all its children at once, each within its own time (rule S6)."""

    class Slow(Store):
        async def terminate(self, reason):
            await trio.sleep(2)
            self.log.append(trio.current_time())

    log: list[float] = []
    async with otp.open_runtime(specs=[dynamic()]):
        for shutdown in (1.0, 3.0, 3.0, 5.0):
            await otp.start_child(DYN, child(lambda: Slow(log), name=None, shutdown=shutdown))
        began = trio.current_time()

    assert trio.current_time() - began == pytest.approx(2)
    assert len(log) == 3


async def test_limit_is_shared():
    """The restart limit counts over all children (rule S11)."""
    async with otp.open_runtime(NO_LIMIT, [dynamic(otp.SupFlags(intensity=2, backoff=AT_ONCE))]) as rt:
        first = rt.names.whereis("dyn")
        for id in "abc":
            await otp.start_child(DYN, child(id=id))
        for id in "abc":
            await crash(otp.Name(id))
        await wait_all_tasks_blocked()
        second = rt.names.whereis("dyn")
        left = (await otp.count_children(DYN)).specs

    assert first != second
    assert left == 0


async def test_bad_flags_are_refused():
    """Only one_for_one, and no auto_shutdown (rules D1, S20)."""
    for flags in (otp.SupFlags("one_for_all"), otp.SupFlags(auto_shutdown="any_significant")):
        with pytest.raises(SpecError):
            otp.DynamicSupervisor(flags)
    with pytest.raises(SpecError):
        otp.DynamicSupervisor(max_children=-1)


async def test_starter_gone(autojump_clock):
    """If whoever asked for a start is cancelled, the start goes on and the child lives."""

    class Slow(Store):
        async def init(self):
            await trio.sleep(1)

    async with otp.open_runtime(specs=[dynamic()]) as rt:
        with trio.move_on_after(0.5):
            await otp.start_child(DYN, child(Slow))
        await trio.sleep(1)
        alive = rt.names.whereis("a")

    assert alive is not None
