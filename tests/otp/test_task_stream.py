"""Streams of tasks (rule D6)."""

from __future__ import annotations

import itertools

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from agentsup import otp
from agentsup.errors import SpecError
from tests.otp.actors import NO_LIMIT, Boom, Store, child

TS = otp.TaskSupervisor
SUP = otp.Name("tasks")


def tree(**options):
    return otp.open_runtime(
        NO_LIMIT, [child(lambda: otp.TaskSupervisor(**options), "tasks", type="supervisor"), child(Store, "host")]
    )


@pytest.fixture
async def rt():
    async with tree() as runtime:
        yield runtime


async def after(seconds):
    if seconds < 0:
        raise Boom
    await trio.sleep(seconds)
    return seconds


async def running():
    return (await otp.count_children(SUP)).active


async def collect(stream):
    async with stream as results:
        return [each async for each in results]


async def test_ordered(rt, autojump_clock):
    """D6: by default results come in the order of the items; otherwise in the order of their ends."""
    ordered = await collect(TS.async_stream(SUP, after, [3, 1, 2]))
    unordered = await collect(TS.async_stream(SUP, after, [3, 1, 2], ordered=False))

    assert [each.value for each in ordered] == [3, 1, 2]
    assert [each.value for each in unordered] == [1, 2, 3]
    assert await running() == 0
    assert await collect(TS.async_stream(SUP, after, [])) == []


@pytest.mark.parametrize("ordered", [True, False])
async def test_max_concurrency(rt, autojump_clock, ordered):
    """D6: never more tasks at once than said, and that many where there is work."""
    now, most = 0, 0

    async def count(_):
        nonlocal now, most
        now += 1
        most = max(most, now)
        await trio.sleep(1)
        now -= 1

    await collect(TS.async_stream(SUP, count, range(10), max_concurrency=3, ordered=ordered))

    assert most == 3
    assert trio.current_time() == pytest.approx(4)


async def test_fits_into_max_children(autojump_clock):
    """A stream never needs more room in its supervisor than its concurrency."""
    async with tree(max_children=2):
        outcomes = await collect(TS.async_stream(SUP, after, [0.0] * 20, max_concurrency=2))

    assert outcomes == [otp.Returned(0.0)] * 20


async def test_lazy(rt, autojump_clock):
    """D6: items are taken only as there is room for their tasks, so they may be endless; nothing starts before the first is asked for."""
    taken = []

    def endless():
        for n in itertools.count():
            taken.append(n)
            yield 0

    async with TS.async_stream(SUP, after, endless(), max_concurrency=4) as results:
        assert taken == []
        for _ in range(3):
            await anext(results)

    assert len(taken) <= 3 + 4


async def test_halting(rt, autojump_clock):
    """D6: leaving the block ends the tasks that still run, with their clean-up, and leaves neither tasks nor messages nor timers."""
    log = []

    async def work(n):
        try:
            await trio.sleep(n)
        finally:
            log.append(n)

    async with TS.async_stream(SUP, work, [1, 50, 60, 70], max_concurrency=3, timeout=None) as results:
        await anext(results)
        assert await running() >= 2
    timers = rt.snapshot().timers

    assert await running() == 0
    assert min(log) == 1
    assert set(log) <= {1, 50, 60, 70}
    assert trio.current_time() == pytest.approx(1)
    assert timers == 0


async def test_cancelled_reader(rt, autojump_clock):
    """D6: a reader that is cancelled, wherever it is, takes its tasks along; one with an error as well."""
    with trio.move_on_after(1):
        await collect(TS.async_stream(SUP, after, [50] * 5))
    with trio.CancelScope() as at_once:
        at_once.cancel()
        await collect(TS.async_stream(SUP, after, [50] * 5))
    with pytest.raises(ZeroDivisionError):
        async with TS.async_stream(SUP, after, [0.5, 50]) as results:
            async for _ in results:
                raise ZeroDivisionError
    await wait_all_tasks_blocked()

    assert await running() == 0


@pytest.mark.parametrize("steps", range(12))
async def test_cancelled_at_any_step(rt, steps):
    """D6: at whatever step the reader is cancelled, nothing runs on."""
    started = []

    async def work(n):
        started.append(n)
        await trio.sleep(0 if n < 2 else 50)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(collect, TS.async_stream(SUP, work, range(6), max_concurrency=3, timeout=None))
        for _ in range(steps):
            await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel()
    await wait_all_tasks_blocked()

    assert await running() == 0
    assert started == sorted(started)


async def test_killed_reader(rt, autojump_clock):
    """D6: an actor that is killed while it reads takes its tasks along, and hears of none of them if it is not."""

    class Reader(Store):
        async def handle_cast(self, message):
            await collect(TS.async_stream(SUP, after, message, timeout=None))

    ref = await otp.start_child(rt.root, otp.ChildSpec(id="reader", start=Reader, restart="temporary"))
    otp.cast(ref, [0.1] * 5)
    assert await otp.call(ref, "get") == []
    otp.cast(ref, [50] * 5)
    await wait_all_tasks_blocked()
    assert await running() == 5
    otp.exit(ref, otp.Killed())
    await otp.wait_down(ref)

    assert await running() == 0


async def test_failure_is_raised(rt, autojump_clock):
    """D6: a failing item ends the stream at once, before the results of items that came earlier."""
    with pytest.raises(otp.TaskExited) as caught:
        await collect(TS.async_stream(SUP, after, [3, -1, 50]))

    assert isinstance(caught.value.reason.exception, Boom)
    assert trio.current_time() == pytest.approx(0)
    assert await running() == 0


async def test_failure_is_a_result(rt, autojump_clock):
    """D6: without links a failing item is an outcome like the others, with its input where that was asked for."""
    plain = await collect(TS.async_stream_nolink(SUP, after, [0.5, -1]))
    zipped = await collect(TS.async_stream_nolink(SUP, after, [0.5, -1], zip_input_on_exit=True))

    assert plain[0] == zipped[0] == otp.Returned(0.5)
    assert isinstance(plain[1].reason, otp.Crashed)
    assert zipped[1].input == -1


async def test_timeout_ends_the_stream(rt, autojump_clock):
    """D6: by default an item that takes too long - 5 seconds if nothing is said - raises at the reader and takes the others along."""
    with pytest.raises(otp.TaskTimeout) as caught:
        await collect(TS.async_stream(SUP, after, [1, 90, 90]))

    assert caught.value.timeout == 5
    assert trio.current_time() == pytest.approx(5)
    assert await running() == 0


@pytest.mark.parametrize("stream", [TS.async_stream, TS.async_stream_nolink])
async def test_timeout_kills_the_task(rt, autojump_clock, stream):
    """D6: with kill_task an item that takes too long is an outcome, in its place and with its input; each item has its own clock."""
    outcomes = await collect(
        stream(SUP, after, [1, 90, 1.5], max_concurrency=1, timeout=2, on_timeout="kill_task", zip_input_on_exit=True)
    )

    assert outcomes == [otp.Returned(1), otp.TimedOut(2, 90), otp.Returned(1.5)]
    assert trio.current_time() == pytest.approx(4.5)


async def test_bad_items(rt, autojump_clock):
    """What the items' iterator raises is raised at the reader, and what runs is ended."""

    def items():
        yield 50
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await collect(TS.async_stream(SUP, after, items()))

    assert await running() == 0


async def test_only_inside_its_block(rt):
    """A stream is read in its block and by the task that opened it."""
    stream = TS.async_stream(SUP, after, [0])
    with pytest.raises(otp.NotTaskOwner, match="async with"):
        await anext(stream)
    await collect(stream)
    with pytest.raises(otp.NotTaskOwner):
        await anext(stream)


def test_bad_options():
    """D6: options that mean nothing are refused, all at once, before anything starts."""
    with pytest.raises(SpecError) as caught:
        TS.async_stream(SUP, after, [], max_concurrency=0, timeout=-1, on_timeout="shrug", shutdown=-1)

    assert [problem.path for problem in caught.value.problems] == [
        "max_concurrency",
        "timeout",
        "on_timeout",
        "shutdown",
    ]


@pytest.mark.parametrize(
    ("work", "items", "problem"), [("after", [1], "async_fn: a str"), (after, 3, "items: 3 holds no items")]
)
def test_bad_arguments(work, items, problem):
    """No function or no items: refused before anything starts."""
    with pytest.raises(SpecError, match=problem):
        TS.async_stream(SUP, work, items)


@given(
    seconds=st.lists(st.sampled_from([-1, 0, 0.5, 1, 1.5, 2, 9]), max_size=8),
    concurrency=st.integers(1, 4),
    ordered=st.booleans(),
)
@settings(max_examples=50)
def test_every_item_once(seconds, concurrency, ordered):
    """D6: whatever ends when and how, each item has exactly one outcome, ordered ones in order, and nothing is left."""

    async def main():
        async with tree() as runtime:
            stream = TS.async_stream_nolink(
                SUP,
                after,
                seconds,
                max_concurrency=concurrency,
                ordered=ordered,
                timeout=3,
                on_timeout="kill_task",
                zip_input_on_exit=True,
            )
            outcomes = await collect(stream)
            return outcomes, await running(), runtime.snapshot().timers

    outcomes, left, timers = trio.run(main, clock=MockClock(autojump_threshold=0))
    items = [each.value if isinstance(each, otp.Returned) else each.input for each in outcomes]

    assert (items if ordered else sorted(items)) == (seconds if ordered else sorted(seconds))
    assert all(isinstance(each, otp.TimedOut) == (item == 9) for each, item in zip(outcomes, items, strict=True))
    assert all(isinstance(each, otp.Exited) == (item == -1) for each, item in zip(outcomes, items, strict=True))
    assert (left, timers) == (0, 0)
