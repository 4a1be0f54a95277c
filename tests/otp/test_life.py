"""init, terminate, spawned tasks, monitors: the life of one process."""

from __future__ import annotations

import itertools

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from agentsup import otp
from agentsup.otp.testing import assert_event
from tests.otp.actors import NO_LIMIT, Boom, Store, child

A = otp.Name("a")


@pytest.fixture
async def rt():
    async with otp.open_runtime(
        NO_LIMIT, [otp.ChildSpec(id="dyn", start=otp.DynamicSupervisor, type="supervisor", name="dyn")]
    ) as runtime:
        yield runtime


DYN = otp.Name("dyn")


async def test_start_waits_for_init(rt, autojump_clock):
    """start_child returns only after init (rule G1), and the name is taken before it runs (rule G2)."""
    began = trio.current_time()

    class Slow(Store):
        async def init(self):
            super().init()
            assert rt.names.whereis("a") == self.ref
            await trio.sleep(3)

    ref = await otp.start_child(DYN, child(Slow))

    assert trio.current_time() - began == pytest.approx(3)
    assert rt.names.whereis("a") == ref


async def test_continue_runs_before_messages(rt):
    """Continue from init runs before everything that arrived during init; the starter is not kept waiting by it (rule G6)."""

    class Chain(Store):
        async def init(self):
            super().init()
            otp.cast(self.ref, "early")
            return otp.Continue(1)

        def handle_continue(self, arg):
            super().handle_continue(arg)
            return otp.Continue(arg + 1) if arg < 3 else None

    ref = await otp.start_child(DYN, child(Chain))

    assert await otp.call(ref, "get") == [("continued", 1), ("continued", 2), ("continued", 3), "early"]


class NoInit(Store):
    """Does in init whatever `does` says."""

    does: object = None

    def init(self):
        if isinstance(self.does, BaseException):
            raise self.does
        return self.does


def failing(does: object, log: list[object]) -> type[NoInit]:
    return type("Failing", (NoInit,), {"does": does, "__init__": lambda self: NoInit.__init__(self, log)})


@pytest.mark.parametrize(
    ("does", "error"),
    [
        (Boom(), otp.InitFailed),
        (otp.Stop(otp.Shutdown("no")), otp.InitFailed),
        ("nonsense", otp.BadReturn),
        (otp.Ignore(), otp.StartIgnored),
    ],
    ids=["raises", "stops", "returns nonsense", "ignores"],
)
async def test_failed_init(rt, does, error):
    """Whatever a failed init does, the starter gets one precise error, terminate does not run, and the name is free at once (rules G3, G4)."""
    log: list[object] = []
    for _ in range(100):
        with pytest.raises(error) as caught:
            await otp.start_child(DYN, child(failing(does, log)))
        assert rt.names.whereis("a") is None

    assert log == []
    assert (await otp.count_children(DYN)).specs == 0
    if error is otp.InitFailed:
        assert caught.value.reason == (otp.Crashed(does) if isinstance(does, Boom) else otp.Shutdown("no"))
        assert caught.value.__cause__ is (does if isinstance(does, Boom) else caught.value.__cause__)


async def test_factory_errors_are_start_errors(rt):
    """A factory that raises, or makes something that is no actor, fails the start and nobody else."""
    with pytest.raises(otp.InitFailed) as caught:
        await otp.start_child(DYN, child(lambda: 1 / 0))
    with pytest.raises(otp.BadReturn, match=r"otp\.Actor"):
        await otp.start_child(DYN, child(dict))

    assert isinstance(caught.value.__cause__, ZeroDivisionError)


async def test_init_timeout(rt, autojump_clock):
    """An init that takes longer than its init_timeout is killed and the starter is told (rule G1)."""

    class Stuck(Store):
        async def init(self):
            await trio.sleep_forever()

    began = trio.current_time()
    with pytest.raises(otp.InitTimeout):
        await otp.start_child(DYN, child(Stuck, init_timeout=2.0))
    waited = trio.current_time() - began
    ref = await otp.start_child(DYN, child(init_timeout=2.0))
    await trio.sleep(100)

    assert waited == pytest.approx(2)
    assert await otp.call(ref, "still here") == "still here"


async def test_name_clash(rt):
    """The second holder of a name does not start; its init never runs, and the error carries the first one's ref (rule G2)."""
    first = await otp.start_child(DYN, child())

    with pytest.raises(otp.AlreadyStarted) as caught:
        await otp.start_child(DYN, child(lambda: pytest.fail("started")))

    assert caught.value.ref == first


@pytest.mark.parametrize("how", ["stop", "self.stop", "result", "crash", "shutdown", "exit signal"])
async def test_terminate_runs(rt, how):
    """Terminate runs once on every graceful end and on a crash, with the reason (rule G14)."""
    log: list[object] = []
    ref = await otp.start_child(DYN, child(lambda: Store(log), restart="temporary"))
    boom = Boom()
    match how:
        case "stop":
            await otp.stop(ref)
        case "self.stop":
            otp.cast(ref, ("stop", otp.Normal()))
        case "result":
            otp.cast(ref, ("return", otp.Stop()))
        case "crash":
            otp.cast(ref, ("raise", boom))
        case "shutdown":
            await otp.terminate_child(DYN, ref)
        case "exit signal":
            otp.exit(ref, otp.Shutdown("now"))
    await otp.wait_down(ref)

    expected = {"crash": otp.Crashed(boom), "shutdown": otp.Shutdown(), "exit signal": otp.Shutdown("now")}
    assert log == [expected.get(how, otp.Normal())]


async def test_kill_runs_no_terminate(rt, autojump_clock):
    """A kill ends an actor at once, in the middle of a callback, without terminate (rules P3, G14)."""
    log: list[object] = []
    ref = await otp.start_child(DYN, child(lambda: Store(log), restart="temporary"))
    otp.cast(ref, ("sleep", 1000.0))
    await wait_all_tasks_blocked()
    began = trio.current_time()
    otp.exit(ref, otp.Killed())
    reason = await otp.wait_down(ref)

    assert reason == otp.Killed()
    assert log == []
    assert trio.current_time() == began


async def test_kill_reaches_a_busy_actor(rt):
    """An actor that drains a full mailbox of sync callbacks is killed between two of them."""
    ref = await otp.start_child(DYN, child(restart="temporary"))
    for number in range(10_000):
        otp.cast(ref, number)
    otp.exit(ref, otp.Killed())

    assert await otp.wait_down(ref) == otp.Killed()


async def test_terminate_has_a_budget(rt, autojump_clock):
    """A terminate that takes longer than the child's shutdown time is cut off; the stop succeeds all the same (rule S7)."""

    class Clinging(Store):
        async def terminate(self, reason):
            await trio.sleep(1000)

    ref = await otp.start_child(DYN, child(Clinging, shutdown=3.0))
    began = trio.current_time()
    await otp.terminate_child(DYN, ref)

    assert trio.current_time() - began == pytest.approx(3)


async def test_crashing_terminate(rt):
    """Terminate that raises after a crash keeps the crash and adds to it; after an end of its own it is the crash (rule G14)."""

    class Worse(Store):
        def terminate(self, reason):
            raise KeyError

    ref = await otp.start_child(DYN, child(Worse, restart="temporary"))
    otp.cast(ref, ("raise", Boom()))
    crashed = await otp.wait_down(ref)
    ref = await otp.start_child(DYN, child(Worse, restart="temporary"))
    otp.cast(ref, ("stop", otp.Normal()))
    stopped = await otp.wait_down(ref)
    ref = await otp.start_child(DYN, child(Worse, restart="permanent"))
    held = rt.cells[ref.serial]
    await otp.terminate_child(DYN, ref)

    assert isinstance(crashed, otp.Crashed)
    assert isinstance(crashed.exception, Boom)
    assert isinstance(crashed.cleanup, KeyError)
    assert isinstance(stopped, otp.Crashed)
    assert isinstance(stopped.exception, KeyError)
    assert held.reason == otp.Shutdown()
    assert rt.names.whereis("a") is None


async def test_missing_callbacks(rt):
    """Without handle_info a message is reported and forgotten; without handle_cast or handle_call the actor crashes (rule G12)."""

    class Bare(otp.Actor):
        pass

    ref = await otp.start_child(DYN, child(Bare, restart="temporary"))
    otp.info(ref, "nobody takes this")
    await wait_all_tasks_blocked()
    alive = rt.names.whereis("a")
    otp.cast(ref, "nor this")
    reason = await otp.wait_down(ref)

    assert alive == ref
    assert isinstance(reason, otp.Crashed)
    assert isinstance(reason.exception, NotImplementedError)


async def test_monitor_hears_once_after_names_are_free(rt):
    """Each monitor hears exactly one Down, when the dead one's name is free already (rules P5, P6)."""
    heard: list[object] = []

    class Watcher(Store):
        def handle_info(self, message):
            heard.append((message, rt.names.whereis("a")))

    watcher = await otp.start_child(DYN, child(Watcher, id="w"))
    ref = await otp.start_child(DYN, child(restart="temporary"))
    first = await otp.call(watcher, ("monitor", ref))
    second = await otp.call(watcher, ("monitor", ref))
    third = await otp.call(watcher, ("monitor", ref))
    await otp.call(watcher, ("demonitor", third))
    await otp.stop(ref, otp.Shutdown("done"))
    await otp.call(watcher, "x")
    late = await otp.call(watcher, ("monitor", ref))
    await otp.call(watcher, "x")

    assert heard == [
        (otp.Down(ref, first, otp.Shutdown("done")), None),
        (otp.Down(ref, second, otp.Shutdown("done")), None),
        (otp.Down(ref, late, otp.Gone()), None),
    ]


async def test_demonitor_flushes(rt):
    """After demonitor the Down is never seen, even if it waited in the mailbox already (rule P5)."""

    class Watcher(Store):
        async def handle_cast(self, message):
            monitor = self.monitor(message)
            otp.exit(message, otp.Killed())
            await otp.wait_down(message)
            self.demonitor(monitor)

    watcher = await otp.start_child(DYN, child(Watcher, id="w"))
    ref = await otp.start_child(DYN, child(restart="temporary"))
    otp.cast(watcher, ref)

    assert await otp.call(watcher, "get") == []


async def test_wait_down_of_a_dead_one(rt):
    """Who asks too late is told that the reason is not known any more (rule P5)."""
    ref = await otp.start_child(DYN, child(restart="temporary"))
    await otp.stop(ref)

    assert await otp.wait_down(ref) == otp.Gone()


async def test_actor_only_functions(rt):
    """Monitor outside an actor says what to do instead."""
    ref = await otp.start_child(DYN, child())

    with pytest.raises(otp.NotAnActor, match="wait_down"):
        otp.monitor(ref)


class Parent(Store):
    """Spawns what it is asked to."""

    async def handle_call(self, request, caller):
        if callable(request):
            self.task = self.spawn(request, self)
            return otp.Reply()
        if request == "cancel":
            self.task.cancel()
            return otp.Reply()
        return await super().handle_call(request, caller)


async def test_spawned_crash_is_the_actors_crash(rt):
    """An exception that escapes a spawned task ends the actor at once, even in a long callback; terminate runs."""
    log: list[object] = []
    ref = await otp.start_child(DYN, child(lambda: Parent(log), restart="temporary"))
    boom = Boom()

    async def later(_: otp.Actor) -> None:
        await wait_all_tasks_blocked()
        raise boom

    await otp.call(ref, later)
    otp.cast(ref, ("sleep", 1e6))

    assert await otp.wait_down(ref) == otp.Crashed(boom)
    assert log == [otp.Crashed(boom)]


async def test_spawned_tasks_end_before_the_death_is_announced(rt, autojump_clock):
    """The end of an actor cancels what it spawned and waits for it: nothing of a dead actor runs on."""
    ended: list[float] = []

    async def lingering(_: otp.Actor) -> None:
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(2)
            ended.append(trio.current_time())

    ref = await otp.start_child(DYN, child(Parent, restart="temporary"))
    await otp.call(ref, lingering)
    await wait_all_tasks_blocked()
    began = trio.current_time()
    await otp.stop(ref)

    assert ended == [pytest.approx(began + 2)]
    assert trio.current_time() == pytest.approx(began + 2)


async def test_cancelled_spawned_task_is_no_crash(rt):
    """Cancelling a spawned task harms nobody."""
    ref = await otp.start_child(DYN, child(Parent))

    async def forever(_: otp.Actor) -> None:
        await trio.sleep_forever()

    await otp.call(ref, forever)
    await wait_all_tasks_blocked()
    await otp.call(ref, "cancel")
    await wait_all_tasks_blocked()

    assert await otp.call(ref, "alive") == "alive"


async def test_send_after(rt, autojump_clock):
    """A timer's message arrives exactly on time; a cancelled one does not, and it ends with its actor."""

    class Clock(Store):
        def init(self):
            super().init()
            began = trio.current_time()
            self.send_after(2.0, "two")
            self.send_after(1.0, "one")
            self.send_after(1.5, "never").cancel()
            self.began = began

        def handle_info(self, message):
            self.state.append((message, trio.current_time() - self.began))

    ref = await otp.start_child(DYN, child(Clock))
    await trio.sleep(5)

    assert await otp.call(ref, "get") == [("one", pytest.approx(1.0)), ("two", pytest.approx(2.0))]


async def test_fairness_of_supervisors(rt):
    """A supervisor with thousands of ends in its system lane lets other tasks run in between."""
    refs = [await otp.start_child(DYN, child(name=None, restart="temporary")) for _ in range(3000)]
    cell = rt.names.holder("dyn")
    rt.is_hearing = True  # as if it were in the middle of one: the others wait for their turn
    for ref in refs:
        otp.exit(ref, otp.Killed())
    await trio.lowlevel.checkpoint()
    rt.is_hearing = False
    left = []
    while cell.actor.roster():
        left.append(len(cell.actor.roster()))
        await trio.lowlevel.checkpoint()

    assert len(left) > 3000 / 128
    assert max(before - after for before, after in itertools.pairwise(left)) <= 128


async def test_ends_are_heard_at_once(rt):
    """A supervisor that has nothing else to do hears of an end in the step in which it is announced."""
    ref = await otp.start_child(DYN, child(restart="temporary"))
    cell = rt.names.holder("dyn")
    found = []
    rt.cells[ref.serial].watch(lambda _: found.append(len(cell.actor.roster())))
    otp.exit(ref, otp.Killed())
    await otp.wait_down(ref)

    assert found == [1]  # it hears last, when everybody else was told
    assert cell.actor.roster() == []


async def test_fault_of_a_supervisor_is_its_own(rt):
    """A supervisor that fails over a notice crashes itself, not the process whose end it was told of."""

    class Faulty(otp.DynamicSupervisor):
        def _on_died(self, child, reason):
            raise Boom

    sup = await otp.start_child(rt.root, otp.ChildSpec(id="faulty", start=Faulty, restart="temporary"))
    ref = await otp.start_child(sup, child(restart="temporary"))
    events = rt.events()
    otp.exit(ref, otp.Killed())

    await assert_event(events, otp.ProcessEnded, ref=ref, reason=otp.Killed())
    await assert_event(events, otp.ProcessEnded, ref=sup, reason=otp.Crashed)


async def test_fairness(rt):
    """An actor with a full mailbox of sync work lets other tasks run in between."""
    turns: list[int] = []

    class Busy(Store):
        def handle_cast(self, message):
            self.state.append(message)

    ref = await otp.start_child(DYN, child(Busy))
    held = rt.cells[ref.serial]
    for number in range(10_000):
        otp.cast(ref, number)
    while held.mailbox.queue:
        turns.append(len(held.mailbox.queue))
        await trio.lowlevel.checkpoint()

    assert len(turns) > 100
    assert (
        max(before - after for before, after in itertools.pairwise(turns)) <= 128
    )  # two batches, as trio shuffles the tasks of a step


async def test_a_request_nobody_waits_for_any_more_does_not_void_the_idle_timer(autojump_clock):
    """G13: a skipped request is as if it had not come; the idle timeout that was armed still runs out."""
    idle = trio.Event()

    class Patient(otp.Actor):
        def init(self):
            return otp.Continue()

        def handle_continue(self, arg):
            return otp.NoReply(timeout=1.0)

        def handle_call(self, request, caller):
            return otp.Reply(None)

        def handle_info(self, message):
            if isinstance(message, otp.Idle):
                idle.set()

    async with otp.open_runtime(otp.SupFlags(), [otp.ChildSpec(id="p", name="p", start=Patient)]):
        with trio.CancelScope() as scope:
            scope.cancel()
            await otp.call(otp.Name("p"), "never mind")

        with trio.fail_after(10):
            await idle.wait()
