"""The kernel against raw trio, in one process: goals 1, 2, 4 to 8 of the performance page.

Each comparison interleaves its variants round by round and shows the median ratio; a round takes a fraction of a second, so absolute figures drift
and only ratios are printed with a goal. Times are seconds of this process's CPU: nothing here waits for anything outside of it, and what else the
machine does is nobody's merit.
"""

from __future__ import annotations

import ast
import gc
import logging
import math
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import structlog
import trio
import trio.testing

from agentsup import otp
from tests.bench.rows import Row

ROUNDS = 5
T = TypeVar("T")
Measure = Callable[[], Awaitable[float]]
"""One round of one variant: operations per second."""


class Echo(otp.Actor):
    """Answers with what it is asked; counts what it is told."""

    def init(self) -> None:
        self.state = 0

    def handle_call(self, request: Any, caller: otp.Caller) -> otp.Reply:
        return otp.Reply(request)

    def handle_cast(self, message: Any) -> None:
        self.state += 1


async def interleaved(variants: dict[str, Measure], rounds: int = ROUNDS) -> dict[str, list[float]]:
    """Every variant once per round, in turn."""
    found: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(rounds):
        for name, measure in variants.items():
            gc.collect()
            found[name].append(await measure())
    return found


def row(name: str, ours: list[float], theirs: list[float], goal: str) -> Row:
    """The median of the rounds' ratios, with the absolute medians beside it."""
    ratios = [mine / other for mine, other in zip(ours, theirs, strict=True)]
    detail = f"{statistics.median(ours):,.0f}/s against {statistics.median(theirs):,.0f}/s"
    return Row(name=name, ratio=statistics.median(ratios), low=min(ratios), high=max(ratios), goal=goal, detail=detail)


# Calls.


async def raw_calls(pairs: int, calls: int) -> float:
    """Round trips over a trio memory channel with an event per call."""

    async def serve(receive: trio.MemoryReceiveChannel[Any]) -> None:
        async for slot in receive:
            slot[1].append(slot[0])
            slot[2].set()

    async def ask(send: trio.MemorySendChannel[Any]) -> None:
        for number in range(calls):
            answer: list[int] = []
            event = trio.Event()
            send.send_nowait((number, answer, event))
            await event.wait()
            assert answer[0] == number

    async with trio.open_nursery() as servers:
        ends = [trio.open_memory_channel[Any](100) for _ in range(pairs)]
        for _, receive in ends:
            servers.start_soon(serve, receive)
        await trio.testing.wait_all_tasks_blocked()
        began = time.process_time()
        async with trio.open_nursery() as nursery:
            for send, _ in ends:
                nursery.start_soon(ask, send)
        took = time.process_time() - began
        servers.cancel_scope.cancel()
    return pairs * calls / took


async def our_calls(
    pairs: int, calls: int, timeout: float | None, clock: Callable[[], float] = time.process_time
) -> float:
    """Round trips by registered name."""

    async def ask(name: otp.Name) -> None:
        for number in range(calls):
            assert await otp.call(name, number, timeout) == number

    specs = [otp.ChildSpec(id=f"echo-{n}", start=Echo, name=f"echo-{n}") for n in range(pairs)]
    async with otp.open_runtime(specs=specs):
        began = clock()
        async with trio.open_nursery() as nursery:
            for spec in specs:
                nursery.start_soon(ask, otp.Name(spec.name))
        took = clock() - began
    return pairs * calls / took


async def calls() -> list[Row]:
    """Goals 1 and 2."""
    rows = []
    for pairs, count, goal in ((1, 20_000, ">=1.0x / 1.2x"), (1000, 20, ">=1.2x / 1.5x")):
        found = await interleaved(
            {
                "raw": lambda pairs=pairs, count=count: raw_calls(pairs, count),
                "ours": lambda pairs=pairs, count=count: our_calls(pairs, count, None),
                "timed": lambda pairs=pairs, count=count: our_calls(pairs, count, 5.0),
            },
            rounds=15,  # three hundredths are to be told apart
        )
        rows.append(row(f"call by name / channel+Event, {pairs} pair(s)", found["ours"], found["raw"], goal))
        rows.append(
            row(f"call with a timeout / without, {pairs} pair(s)", found["timed"], found["ours"], ">=0.9x / 0.97x")
        )
    return rows


# Casts and fan-out.


async def raw_fan_out(boxes: int, rounds: int, *, parked: bool) -> float:
    """One publisher to many memory channels; the publisher yields after each message if the readers are to be parked."""
    count = 0

    async def read(receive: trio.MemoryReceiveChannel[int]) -> None:
        nonlocal count
        async for _ in receive:
            count += 1

    async with trio.open_nursery() as nursery:
        ends = [trio.open_memory_channel[int](rounds + 2) for _ in range(boxes)]
        if not parked:
            for send, _ in ends:
                send.send_nowait(0)
        for _, receive in ends:
            nursery.start_soon(read, receive)
        if parked:
            await trio.testing.wait_all_tasks_blocked()
        began = time.process_time()
        for number in range(rounds):
            for send, _ in ends:
                send.send_nowait(number)
            await trio.lowlevel.checkpoint()
        while count < boxes * rounds:
            await trio.lowlevel.checkpoint()
        took = time.process_time() - began
        nursery.cancel_scope.cancel()
    return boxes * rounds / took


async def our_fan_out(boxes: int, rounds: int, *, parked: bool) -> float:
    """The same with casts to actors."""
    sup = otp.ChildSpec(id="sup", name="sup", type="supervisor", start=otp.DynamicSupervisor)
    async with otp.open_runtime(specs=[sup]) as rt:
        refs = [await otp.start_child(otp.Name("sup"), otp.ChildSpec(id="box", start=Echo)) for _ in range(boxes)]
        await trio.testing.wait_all_tasks_blocked()
        every = rt.cells
        cells = [every[ref.serial] for ref in refs]
        if not parked:
            for ref in refs:
                otp.cast(ref, 0)
        began = time.process_time()
        for number in range(rounds):
            for ref in refs:
                otp.cast(ref, number)
            await trio.lowlevel.checkpoint()
        while any(cell.mailbox.queue for cell in cells):
            await trio.lowlevel.checkpoint()
        took = time.process_time() - began
    return boxes * rounds / took


async def fan_out() -> list[Row]:
    """Goals 7 and 8."""
    rows = []
    for parked, goal in ((True, ">=1.4x / 1.7x"), (False, ">=1.05x / 1.2x")):
        found = await interleaved(
            {
                "raw": lambda parked=parked: raw_fan_out(1000, 20, parked=parked),
                "ours": lambda parked=parked: our_fan_out(1000, 20, parked=parked),
            }
        )
        regime = "parked" if parked else "never parked"
        rows.append(row(f"cast to 1000 / memory channels, {regime}", found["ours"], found["raw"], goal))
    return rows


# Starting, restarting, memory.


async def raw_spawn(count: int) -> float:
    """Bare tasks, started and run to their first wait."""
    async with trio.open_nursery() as nursery:
        began = time.process_time()
        for _ in range(count):
            nursery.start_soon(trio.sleep_forever)
        await trio.lowlevel.checkpoint()
        await trio.lowlevel.checkpoint()
        took = time.process_time() - began
        nursery.cancel_scope.cancel()
    return count / took


async def our_spawn(count: int) -> float:
    """Supervised children, each waited for until its init is done; a hundred at a time."""
    sup = otp.ChildSpec(id="sup", name="sup", type="supervisor", start=otp.DynamicSupervisor)
    spec = otp.ChildSpec(id="echo", start=Echo, restart="temporary")

    async def some(number: int) -> None:
        for _ in range(number):
            await otp.start_child(otp.Name("sup"), spec)

    async with otp.open_runtime(specs=[sup], shutdown_deadline=60):
        began = time.process_time()
        async with trio.open_nursery() as nursery:
            for _ in range(100):
                nursery.start_soon(some, count // 100)
        took = time.process_time() - began
    return count / took


async def spawn() -> list[Row]:
    """Goal 5."""
    gc.collect()
    gc.disable()  # as timeit does: the collector's share depends on everything else that lives
    try:
        found = await interleaved({"raw": lambda: raw_spawn(5000), "ours": lambda: our_spawn(5000)}, rounds=11)
    finally:
        gc.enable()
    return [row("supervised start / start_soon, collector off", found["ours"], found["raw"], ">=0.20x / 0.25x")]


class Phoenix(Echo):
    """Says when it is there again, and dies when told to."""

    born: list[float] = []  # noqa: RUF012  (shared by its incarnations on purpose)
    again: trio.Event

    def init(self) -> None:
        self.born.append(time.process_time())
        self.again.set()

    def handle_cast(self, message: Any) -> None:
        raise RuntimeError


async def restart_times(how: str, count: int) -> list[float]:
    """Microseconds of CPU from each blow to the next incarnation's init, its name held, with 10,000 idle actors beside it; sorted."""
    at_once = otp.SupFlags(intensity=math.inf, backoff=otp.Backoff(base=0, cap=0))
    idle = otp.ChildSpec(id="idle", name="idle", type="supervisor", start=otp.DynamicSupervisor)
    phoenix = otp.ChildSpec(id="x", start=Phoenix, name="x")
    sup = otp.ChildSpec(id="sup", type="supervisor", start=lambda: otp.Supervisor(at_once, [phoenix]))
    Phoenix.again = trio.Event()
    async with otp.open_runtime(specs=[idle, sup], shutdown_deadline=60) as rt:
        for _ in range(10_000):
            await otp.start_child(otp.Name("idle"), otp.ChildSpec(id="idle", start=Echo))
        gc.collect()
        gc.freeze()
        took = sorted([await _blow(rt, how) for _ in range(count)])
        gc.unfreeze()
    return took


async def restart() -> list[Row]:
    """Goal 6, and the aim of 30 microseconds."""
    rows = []
    for how in ("kill", "crash"):
        rounds = [await restart_times(how, 500) for _ in range(ROUNDS)]
        middles = [took[len(took) // 2] for took in rounds]
        p50, p99 = statistics.median(middles), statistics.median(took[len(took) * 99 // 100] for took in rounds)
        detail = f"p50 {p50:.1f} us of CPU, p99 {p99:.0f} us, 10,000 idle actors beside it, nobody listening to reports"
        name = f"{how} -> restarted and registered, of 75 us"
        rows.append(
            Row(
                name=name,
                ratio=p50 / 75,
                low=min(middles) / 75,
                high=max(middles) / 75,
                goal="<=1.0x / 0.4x",
                detail=detail,
            )
        )
    return rows


async def _blow(rt: otp.Runtime, how: str) -> float:
    ref = rt.names.whereis("x")
    assert ref is not None
    Phoenix.again = trio.Event()
    began = time.process_time()
    if how == "kill":
        otp.exit(ref, otp.Killed())
    else:
        otp.cast(ref, "die")
    await Phoenix.again.wait()
    return (Phoenix.born[-1] - began) * 1e6


def resident() -> int:
    """Bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4096


class Waits(Echo):
    """The same with callbacks that are waited for."""

    async def init(self) -> None:
        self.state = 0


async def idle_actors(count: int, start: type[otp.Actor]) -> tuple[float, float]:
    """Kilobytes that each of so many takes, named and with a spec of its own, and the seconds to stop them all."""
    sup = otp.ChildSpec(id="sup", name="sup", type="supervisor", start=otp.DynamicSupervisor, shutdown=60.0)
    async with otp.open_runtime(specs=[sup], shutdown_deadline=120):
        gc.collect()
        before = resident()
        for number in range(count):
            spec = otp.ChildSpec(
                id=number, name=number, start=start, shutdown=60.0
            )  # they stop side by side, all at once
            await otp.start_child(otp.Name("sup"), spec)
        gc.collect()
        each = (resident() - before) / count
        began = time.process_time()
    return each / 1024, time.process_time() - began


async def memory() -> list[Row]:
    """Goal 4: what an idle supervised actor costs, and what stopping them takes. Each measure in a process of its own: memory once taken stays."""
    few, many, waits = [
        await _apart(call)
        for call in ("idle_actors(10_000, Echo)", "idle_actors(100_000, Echo)", "idle_actors(100_000, Waits)")
    ]
    rows = []
    for size, name, goal in (
        (many[0], "idle supervised actor", "<=1.0x / 0.78x"),
        (waits[0], "the same, with a callback that was waited for", "-"),
    ):
        detail = f"{size:.2f} KB at 100,000, each named and with a spec of its own; goal 4.5 / 3.5 KB"
        ratio = size / 4.5
        rows.append(Row(name=f"{name}, of 4.5 KB", ratio=ratio, low=ratio, high=ratio, goal=goal, detail=detail))
    ratio = many[1] / few[1] / 10
    name = "stopping 100,000 / 10 times stopping 10,000"
    rows.append(Row(name=name, ratio=ratio, low=ratio, high=ratio, goal="about 1: linear", detail=f"{many[1]:.1f} s"))
    return rows


async def _apart(call: str) -> tuple[float, float]:
    """What a call into this file gives, in a Python of its own."""
    script = f"from tests.bench.otp_bench import *; print(quietly(lambda: {call}))"
    done = await trio.run_process([sys.executable, "-c", script], capture_stdout=True)
    found: tuple[float, float] = ast.literal_eval(done.stdout.decode())
    return found


async def _all() -> list[Row]:
    rows = []
    for part in (calls, fan_out, spawn, restart, memory):
        rows += await part()
    return rows


def quietly(benchmark: Callable[[], Awaitable[T]]) -> T:
    """Run one with nobody listening to the reports, as it is about the kernel and not about writing lines."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        return trio.run(benchmark)
    finally:
        structlog.reset_defaults()


def run() -> list[Row]:
    """Every row."""
    return quietly(_all)
