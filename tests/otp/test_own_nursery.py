"""Supervisors that run in a nursery of the user's own: `await nursery.start(sup.run)`."""

from __future__ import annotations

import functools

import pytest
import trio

from agentsup import otp
from agentsup.errors import SpecError
from agentsup.otp.testing import crash, no_leaks
from tests.otp.actors import AT_ONCE, NO_LIMIT, Boom, Store, child


class Part(Store):
    """Takes a second to stop, and writes down when it has."""

    def __init__(self, name, order):
        super().__init__()
        self.name, self.order = name, order

    async def terminate(self, reason):
        await trio.sleep(1)
        self.order.append((self.name, reason))


def parts(order, *names):
    return [child(functools.partial(Part, name, order), name) for name in names]


async def test_run(autojump_clock):
    """`start` gives the supervisor's ref when its children run; cancelling the nursery stops them in reverse order, in their time."""
    order = []
    async with no_leaks():
        async with trio.open_nursery() as nursery:
            ref = await nursery.start(otp.Supervisor(NO_LIMIT, parts(order, "a", "b")).run)
            ids = [info.id for info in await otp.which_children(ref)]
            more = await otp.start_child(ref, child(functools.partial(Part, "c", order), "c"))
            answers = [await otp.call(otp.Name("a"), "by name"), await otp.call(more, "by ref")]
            await crash(otp.Name("b"))
            nursery.cancel_scope.cancel()
        with pytest.raises(otp.NoProc):
            await otp.call(more, "gone")

    assert ids == ["b", "a"]
    assert answers == ["by name", "by ref"]
    assert [name for name, _ in order] == ["b", "c", "b", "a"]
    assert order[1:] == [(name, otp.Shutdown()) for name in "cba"]


async def test_deadline_of_the_stop(autojump_clock):
    """What does not stop within `shutdown_deadline` is cut, and the nursery is left."""

    class Stubborn(Store):
        async def terminate(self, reason):
            await trio.sleep(3600)

    async with no_leaks(), trio.open_nursery() as nursery:
        sup = otp.Supervisor(NO_LIMIT, [child(Stubborn, shutdown=otp.INFINITY)])
        await nursery.start(functools.partial(sup.run, shutdown_deadline=7.0, kill_grace=1.0))
        began = trio.current_time()
        nursery.cancel_scope.cancel()

    assert trio.current_time() - began == 7.0


async def test_stopped_by_hand(autojump_clock):
    """A supervisor that is stopped ends its task without an error; the nursery goes on."""
    order = []
    async with no_leaks(), trio.open_nursery() as nursery:
        ref = await nursery.start(otp.Supervisor(NO_LIMIT, parts(order, "a")).run)
        await otp.stop(ref)
        await trio.sleep(1)
        left = len(nursery.child_tasks)

    assert left == 0
    assert order == [("a", otp.Shutdown())]


async def test_auto_shutdown_ends_the_task(autojump_clock):
    """The end of a significant child ends the supervisor, and its task without an error."""
    flags = otp.SupFlags(auto_shutdown="any_significant")
    specs = [child(id="a"), child(id="b", restart="temporary", significant=True)]
    async with no_leaks(), trio.open_nursery() as nursery:
        ref = await nursery.start(otp.Supervisor(flags, specs).run)
        await otp.stop(otp.Name("b"))
        reason = await otp.wait_down(ref)

    assert reason in (otp.Shutdown(otp.AutoShutdownDone("b")), otp.Gone())


async def test_failed_start_is_raised_at_the_starter(autojump_clock):
    """A child that cannot start fails `nursery.start`, bare; those before it are stopped, the nursery and its other tasks are unharmed."""
    order = []

    class Fails(Store):
        def init(self):
            raise Boom

    async with no_leaks(), trio.open_nursery() as nursery:
        with pytest.raises(otp.InitFailed) as caught:
            await nursery.start(otp.Supervisor(NO_LIMIT, [*parts(order, "a"), child(Fails, "b")]).run)
        await nursery.start(otp.Supervisor(NO_LIMIT, parts(order, "a")).run)
        nursery.cancel_scope.cancel()

    assert isinstance(caught.value.reason.info, otp.StartFailed)
    assert [name for name, _ in order] == ["a", "a"]


async def test_giving_up_fails_the_nursery(autojump_clock):
    """Over its limit the supervisor fails its nursery as a task would: others in it are cancelled, the error tells the limit."""
    flags = otp.SupFlags(intensity=0, backoff=AT_ONCE)
    async with no_leaks():
        with pytest.raises(ExceptionGroup) as caught:
            async with trio.open_nursery() as nursery:
                await nursery.start(otp.Supervisor(flags, [child()]).run)
                otp.cast(otp.Name("a"), ("raise", Boom()))
                await trio.sleep_forever()

    (error,) = otp.root_causes(caught.value)
    assert isinstance(error, otp.RestartLimitExceeded)
    assert isinstance(error.__cause__, Boom)


async def test_killed(autojump_clock):
    """A killed supervisor takes its children along and fails the nursery."""
    async with no_leaks():
        with pytest.raises(ExceptionGroup) as caught:
            async with trio.open_nursery() as nursery:
                otp.exit(await nursery.start(otp.Supervisor(NO_LIMIT, [child()]).run), otp.Killed())
                await trio.sleep_forever()

    assert [type(error) for error in otp.root_causes(caught.value)] == [otp.RootDied]


async def test_failing_neighbour_stops_the_tree_in_order(autojump_clock):
    """When another task of the nursery fails, the tree stops in order before the error goes on."""
    order = []
    async with no_leaks():
        with pytest.raises(ExceptionGroup) as caught:
            async with trio.open_nursery() as nursery:
                await nursery.start(otp.Supervisor(NO_LIMIT, parts(order, "a", "b")).run)
                raise Boom

    assert [type(error) for error in otp.root_causes(caught.value)] == [Boom]
    assert [name for name, _ in order] == ["b", "a"]


async def test_side_by_side(autojump_clock):
    """Several supervisors each have names of their own; refs and shared registries reach across, also beside an open runtime."""
    shared = otp.Registry("shared")
    async with no_leaks(), otp.open_runtime(NO_LIMIT, [child()]) as rt, trio.open_nursery() as nursery:
        here = rt.names.whereis("a")
        sups = [
            otp.Supervisor(NO_LIMIT, [child(), child(id="public", name=otp.Name(number, shared))]) for number in (1, 2)
        ]
        refs = [await nursery.start(sup.run) for sup in sups]
        found = [(await otp.which_children(ref))[-1].ref for ref in refs]

        assert otp.whereis("a") == here
        assert len({here, *found}) == 3
        for each in (here, *found, otp.Name(1, shared), otp.Name(2, shared)):
            assert await otp.call(each, "hello") == "hello"
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    "make",
    [
        lambda: otp.DynamicSupervisor(NO_LIMIT, source=lambda: [child(), child(id="b")]),
        lambda: otp.PartitionSupervisor(otp.ChildSpec(id="x", start=Store), partitions=2),
        otp.TaskSupervisor,
    ],
)
async def test_every_kind(make, autojump_clock):
    """Every kind of supervisor can be run; an object runs once."""
    sup = make()
    async with no_leaks(), trio.open_nursery() as nursery:
        ref = await nursery.start(sup.run)
        assert (await otp.count_children(ref)).active in (0, 2)
        await otp.stop(ref)
        with pytest.raises(otp.StartError):
            await nursery.start(sup.run)


async def test_in_an_actor(autojump_clock):
    """An actor that spawns a supervisor has a tree of its own, which ends before the actor's end is announced."""
    order = []

    class Owner(otp.Actor):
        def init(self):
            self.spawn(otp.Supervisor(NO_LIMIT, parts(order, "inner")).run)

    async with no_leaks(), otp.open_runtime(NO_LIMIT, [child(Owner, "owner", restart="temporary")]) as rt:
        await rt.quiesce()
        await otp.stop(otp.Name("owner"))

        assert [name for name, _ in order] == ["inner"]


async def test_wrong_times_are_refused():
    """Durations are checked at the door, all at once."""
    sup = otp.Supervisor(NO_LIMIT)
    with pytest.raises(SpecError) as caught:
        await sup.run(shutdown_deadline=-1, kill_grace="soon")

    assert [problem.path for problem in caught.value.problems] == ["shutdown_deadline", "kill_grace"]


@pytest.mark.parametrize("around", ["start", "nursery"])
async def test_cancelled_while_starting(around, autojump_clock):
    """A start that hangs is cut off with whoever waits for it; what had started stops in order, nothing is left."""
    order = []

    class Hangs(Store):
        async def init(self):
            await trio.sleep(3600)

    specs = [*parts(order, "a"), child(Hangs, "b")]
    async with no_leaks():
        began = trio.current_time()
        with trio.move_on_after(5):
            async with trio.open_nursery() as nursery:
                if around == "nursery":
                    await nursery.start(otp.Supervisor(NO_LIMIT, specs).run)
                else:
                    with trio.move_on_after(2):
                        await nursery.start(otp.Supervisor(NO_LIMIT, specs).run)

    assert trio.current_time() - began == (6 if around == "nursery" else 3)
    assert order == [("a", otp.Shutdown())]


async def test_in_a_cancelled_scope(autojump_clock):
    """Where everything is cancelled already, nothing hangs and nothing is left."""
    async with no_leaks():
        with trio.CancelScope() as scope:
            scope.cancel()
            async with trio.open_nursery() as nursery:
                await nursery.start(otp.Supervisor(NO_LIMIT, [child()]).run)
