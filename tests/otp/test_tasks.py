"""Tasks: one result for one owner, and fates shared or not."""

from __future__ import annotations

import contextvars

import pytest
import trio
import trio.lowlevel
from trio.testing import wait_all_tasks_blocked

from agentsup import otp
from agentsup.errors import SpecError
from tests.otp.actors import NO_LIMIT, Boom, child

TS = otp.TaskSupervisor
SUP = otp.Name("tasks")
LANGUAGE: contextvars.ContextVar[str] = contextvars.ContextVar("language", default="en")


class Host(otp.Actor):
    """Runs in a callback whatever async function it is sent, and keeps what arrives."""

    def init(self):
        self.state = []

    async def handle_call(self, request, caller):
        if request == "get":
            return otp.Reply(list(self.state))
        return otp.Reply(await request(self))

    async def handle_cast(self, message):
        await message(self)

    def handle_info(self, message):
        self.state.append(message)


class Trapper(Host):
    """The same, and hears of exits."""

    trap_exit = True


@pytest.fixture
async def rt():
    specs = [
        child(otp.TaskSupervisor, "tasks", type="supervisor"),
        child(Host, "host"),
        child(Trapper, "trapper"),
    ]
    async with otp.open_runtime(NO_LIMIT, specs) as runtime:
        yield runtime


async def double(x):
    return 2 * x


async def fail(error=None):
    raise error or Boom()


async def linger(log=None):
    try:
        await trio.sleep_forever()
    finally:
        if log is not None:
            log.append("cleaned up")


async def running():
    return (await otp.count_children(SUP)).active


# One result, one owner.


async def test_result(rt):
    """D4: await gives the value, as often as its owner asks, and the task's place is free by then."""
    task = await TS.async_nolink(SUP, double, 21)
    value = await task.await_()

    assert value == await task.await_() == 42
    assert await running() == 0
    assert task.end == otp.Returned(42)


async def test_failure_is_raised_where_it_is_awaited(rt):
    """D4, D5: a task that failed raises at its owner, who lives on; the cause is the task's own exception."""
    boom = Boom()
    task = await TS.async_nolink(SUP, fail, boom)
    with pytest.raises(otp.TaskExited) as caught:
        await task.await_()

    assert caught.value.reason == otp.Crashed(boom)
    assert caught.value.__cause__ is boom
    assert caught.value.ref == task.ref


async def test_only_the_owner_waits(rt):
    """D4: nobody but the trio task that started it may await, yield, shut down or ignore a task."""
    task = await TS.async_nolink(SUP, linger)

    async def steal(act):
        with pytest.raises(otp.NotTaskOwner):
            await act()

    async def ignore():
        task.ignore()

    async def many():
        await otp.await_many([task])

    async with trio.open_nursery() as nursery:
        for act in (task.await_, task.yield_, task.shutdown, ignore, many):
            nursery.start_soon(steal, act)

    assert await task.shutdown() is None


async def test_timeout_leaks_nothing(rt, autojump_clock):
    """D4: a timed-out await raises, leaves nothing that could arrive later, and the task can still be had."""
    done = trio.Event()

    async def work():
        await done.wait()
        return "late"

    task = await TS.async_nolink(SUP, work)
    with pytest.raises(otp.TaskTimeout) as caught:
        await task.await_(2)
    done.set()

    assert isinstance(caught.value, trio.TooSlowError)
    assert trio.current_time() >= 2
    assert task._then == []
    assert await task.await_() == "late"


async def test_cancelled_await(rt):
    """An await that is cancelled has taken nothing; the task goes on."""
    task = await TS.async_nolink(SUP, linger)
    with trio.move_on_after(0) as scope:
        await task.await_(None)

    assert scope.cancelled_caught
    assert task._then == []
    assert task.end is None
    assert await running() == 1


async def test_yield(rt, autojump_clock):
    """D4: yield says None while the task runs and how it ended then, and never raises what the task raised."""
    good, bad = await TS.async_nolink(SUP, trio.sleep, 3), await TS.async_nolink(SUP, fail)

    assert await good.yield_(0) is None
    assert await good.yield_(1) is None
    assert await good.yield_(5) == otp.Returned(None)
    assert isinstance((await bad.yield_()).reason, otp.Crashed)


async def test_shutdown(rt):
    """D4: shutdown cuts the work off, waits for its clean-up, and says None as it did what it was told."""
    log = []
    task = await TS.async_nolink(SUP, linger, log)
    end = await task.shutdown()

    assert end is None
    assert log == ["cleaned up"]
    assert task.end == otp.Exited(otp.Shutdown())
    assert await running() == 0


async def test_shutdown_of_what_is_over(rt):
    """D4: shutdown gives the result that was there already, or the failure."""
    good, bad = await TS.async_nolink(SUP, double, 1), await TS.async_nolink(SUP, fail)
    await wait_all_tasks_blocked()

    assert await good.shutdown() == otp.Returned(2)
    assert isinstance((await bad.shutdown()).reason, otp.Crashed)


async def test_shutdown_of_the_stubborn(rt, autojump_clock):
    """Clean-up that takes longer than the timeout is killed; brutal kill does not ask."""

    async def stubborn():
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(3)

    patient, impatient, brutal = [await TS.async_nolink(SUP, stubborn) for _ in range(3)]
    ends = [await patient.shutdown(4), await impatient.shutdown(1), await brutal.shutdown(otp.BRUTAL_KILL)]

    assert ends == [None, None, None]
    assert [task.end.reason for task in (patient, impatient, brutal)] == [otp.Shutdown(), otp.Killed(), otp.Killed()]
    with pytest.raises(SpecError, match="timeout: 'soon' is no span"):
        await patient.shutdown("soon")


async def test_ignore(rt):
    """D4: an ignored task goes on and its end is nobody's business; it cannot be awaited afterwards."""
    over, going = await TS.async_nolink(SUP, double, 1), await TS.async_nolink(SUP, linger)
    await wait_all_tasks_blocked()

    assert over.ignore() == otp.Returned(2)
    assert going.ignore() is None
    assert await running() == 1
    with pytest.raises(otp.TaskSpent):
        await going.await_()


async def test_await_many(rt, autojump_clock):
    """D4: results come in the order of the tasks, whichever ends first."""

    async def after(seconds):
        await trio.sleep(seconds)
        return seconds

    tasks = [await TS.async_nolink(SUP, after, seconds) for seconds in (3, 1, 2)]

    assert await otp.await_many(tasks) == [3, 1, 2]
    assert await otp.await_many([]) == []


async def test_await_many_fails_at_once(rt, autojump_clock):
    """D4: the first failure is raised at once; a timeout names a task that is late; the others go on."""
    slow, bad = await TS.async_nolink(SUP, trio.sleep, 100), await TS.async_nolink(SUP, fail)
    with pytest.raises(otp.TaskExited) as caught:
        await otp.await_many([slow, bad])
    failed_at = trio.current_time()
    with pytest.raises(otp.TaskTimeout) as late:
        await otp.await_many([slow], 2)

    assert caught.value.ref == bad.ref
    assert failed_at == 0
    assert late.value.ref == slow.ref
    assert slow.end is None
    assert slow._then == []


@pytest.mark.parametrize("wait", [lambda task: task.await_(-1), lambda task: otp.await_many([task], -1)])
async def test_bad_timeouts(rt, wait):
    """A negative time to wait is refused."""
    task = await TS.async_nolink(SUP, linger)
    with pytest.raises(SpecError, match="timeout: -1"):
        await wait(task)


# Fates.


async def test_link(rt):
    """D5: async_ is linked: a task that fails ends its owner with the same reason, one that succeeds does not."""
    boom = Boom()
    host = rt.names.whereis("host")

    async def good(self):
        return await (await TS.async_(SUP, double, 4)).await_()

    async def bad(self):
        await TS.async_(SUP, fail, boom)

    assert await otp.call(host, good) == 8
    otp.cast(host, bad)
    assert await otp.wait_down(host) == otp.Crashed(boom)


async def test_link_the_other_way(rt):
    """D5: the end of the owner ends its linked tasks, with their clean-up, and leaves the others alone."""
    log = []

    async def start(self):
        await TS.async_(SUP, linger, log)
        await TS.async_nolink(SUP, linger, log)

    host = rt.names.whereis("host")
    await otp.call(host, start)
    otp.exit(host, otp.Shutdown("enough"))
    await otp.wait_down(host)
    await wait_all_tasks_blocked()

    assert log == ["cleaned up"]
    assert await running() == 1


async def test_trapping_owner(rt):
    """D5: an owner that traps exits hears of the failure of a linked task, and gets the error where it awaits."""

    async def try_it(self):
        task = await TS.async_(SUP, fail)
        with pytest.raises(otp.TaskExited):
            await task.await_()
        return task.ref

    ref = await otp.call(otp.Name("trapper"), try_it)
    heard = await otp.call(otp.Name("trapper"), "get")

    assert [type(each) for each in heard] == [otp.Exit]
    assert heard[0].sender == ref


async def test_shutdown_unlinks(rt):
    """D4: shutting a linked task down, or ignoring it, does not touch its owner."""
    host = rt.names.whereis("host")

    async def work(self):
        task, other = await TS.async_(SUP, linger), await TS.async_(SUP, linger)
        other.ignore()
        otp.exit(other.ref, otp.Killed())
        return await task.shutdown()

    assert await otp.call(host, work) is None
    assert await otp.call(host, "get") == []
    assert rt.names.whereis("host") == host


async def test_link_needs_an_actor(rt):
    """D5: a plain task cannot be linked; it is told what to use instead, and nothing was started."""
    with pytest.raises(otp.NotAnActor, match="async_nolink"):
        await TS.async_(SUP, double, 1)

    assert await running() == 0


async def test_report(rt):
    """D5: an actor that does not wait finds the end in its mailbox, exactly once, also if it asks late; a plain task cannot."""

    async def work(self):
        good, bad = await TS.async_nolink(SUP, double, 1), await TS.async_nolink(SUP, fail)
        bad.report()
        await good.await_()
        good.report()
        with pytest.raises(otp.TaskSpent):
            await bad.await_()

    await otp.call(otp.Name("host"), work)
    await wait_all_tasks_blocked()
    reports = await otp.call(otp.Name("host"), "get")
    task = await TS.async_nolink(SUP, linger)

    assert sorted(type(report.end).__name__ for report in reports) == ["Exited", "Returned"]
    with pytest.raises(otp.NotTaskOwner, match="mailbox"):
        task.report()


async def test_task_and_owner_wait_for_each_other(rt):
    """A task that calls the actor which waits for it, and the other way round, is refused at once instead of after both timeouts."""

    async def ask_back(owner, first):
        await first()
        await otp.call(owner, "get")

    async def task_is_first(self):
        task = await TS.async_nolink(SUP, ask_back, self.ref, trio.lowlevel.checkpoint)
        await wait_all_tasks_blocked()
        assert await task.yield_(0) is None
        with pytest.raises(otp.CallCycle):
            await task.await_()

    async def owner_is_first(self):
        task = await TS.async_nolink(SUP, ask_back, self.ref, wait_all_tasks_blocked)
        return await task.yield_()

    await otp.call(otp.Name("host"), task_is_first)
    end = await otp.call(otp.Name("host"), owner_is_first)

    assert isinstance(end.reason.exception, otp.CallCycle)


# Starting.


async def test_start_child(rt):
    """D5: start_child runs work nobody waits for; a failure is the supervisor's to report and touches nobody."""
    log = []
    await TS.start_child(SUP, linger, log)
    ref = await TS.start_child(SUP, fail)
    await otp.wait_down(ref)
    left = await TS.children(SUP)
    await otp.terminate_child(SUP, left[0])

    assert len(left) == 1
    assert log == ["cleaned up"]


async def test_start_child_restarts(rt, autojump_clock):
    """Work nobody waits for may be run again when it fails, until it succeeds."""
    tries = []

    async def third_time():
        tries.append(1)
        if len(tries) < 3:
            raise Boom

    await TS.start_child(SUP, third_time, restart="transient")
    await wait_all_tasks_blocked()
    await trio.lowlevel.checkpoint()

    assert len(tries) >= 2


async def test_max_children():
    """D5: a full supervisor refuses more, whatever kind of start it is; an awaited task has made room."""
    spec = child(lambda: otp.TaskSupervisor(max_children=1), "tasks", type="supervisor")
    async with otp.open_runtime(NO_LIMIT, [spec]):
        task = await TS.async_nolink(SUP, linger)
        for start in (TS.start_child, TS.async_nolink):
            with pytest.raises(otp.MaxChildren):
                await start(SUP, double, 1)
        await task.shutdown()
        for n in range(5):
            assert await (await TS.async_nolink(SUP, double, n)).await_() == 2 * n


@pytest.mark.parametrize("steps", range(6))
async def test_cancelled_start(rt, steps):
    """Who is cancelled while starting a task, at whatever step, leaves none behind; who was handed it has it."""
    log, tasks = [], []

    async def start(task_status):
        with trio.CancelScope() as scope:
            task_status.started(scope)
            tasks.append(await TS.async_nolink(SUP, linger, log))

    async with trio.open_nursery() as nursery:
        scope = await nursery.start(start)
        for _ in range(steps):
            await trio.lowlevel.checkpoint()
        scope.cancel()
    await wait_all_tasks_blocked()

    assert await running() == len(tasks)
    assert all(task.end is None for task in tasks)


@pytest.mark.parametrize("start", [TS.start_child, TS.async_nolink])
async def test_bad_work(rt, start):
    """What is no function, such as a coroutine, is refused where it is handed over; nothing was started."""
    coroutine = double(1)
    with pytest.raises(SpecError, match="async_fn: a coroutine cannot be called"):
        await start(SUP, coroutine)
    with pytest.raises(SpecError, match="shutdown: -1"):
        await start(SUP, double, 1, shutdown=-1)
    coroutine.close()

    assert await running() == 0


async def test_no_supervisor(rt):
    """Nothing runs without a supervisor."""
    with pytest.raises(otp.NoProc):
        await TS.async_nolink(otp.Name("nobody"), double, 1)


async def test_context_and_callers(rt):
    """D6: work runs in the caller's context variables, and knows on whose behalf."""
    host = rt.names.whereis("host")

    async def inner():
        return LANGUAGE.get(), otp.callers()

    async def outer(self):
        LANGUAGE.set("fr")
        return await (await TS.async_nolink(SUP, inner)).await_()

    assert await otp.call(host, outer) == ("fr", (host,))
    assert otp.callers() == ()


async def test_supervisor_stops_tasks(rt):
    """Stopping the supervisor cuts its tasks off, with their clean-up; who awaits one is told."""
    log = []
    task = await TS.async_nolink(SUP, linger, log)
    await otp.terminate_child(rt.root, "tasks")

    assert log == ["cleaned up"]
    assert task.end == otp.Exited(otp.Shutdown())
    with pytest.raises(otp.TaskExited):
        await task.await_()


async def test_repr_shows_no_results(rt):
    """Results stay out of reprs."""
    task = await TS.async_nolink(SUP, double, "secret")
    await task.await_()

    assert "secret" not in repr(task) + repr(task.end)
    assert "returned" in repr(task)
