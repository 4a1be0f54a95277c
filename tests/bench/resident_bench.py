"""What a session costs while nothing happens, resident and passivated; what it costs to wake one; and a very long one at that."""

from __future__ import annotations

import gc
import statistics
import tempfile
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import trio

import agentsup
from agentsup.testing import open_simulator
from tests.bench.rows import Row
from tests.bench.session_bench import firehose
from tests.kit.providers import at_claude

SESSIONS = 200
EVENTS = 20
"""Of the one request each of them has had."""

PASSIVATE_AFTER = 10.0
"""Seconds: longer than their requests take, all at once."""

WOKEN = 60
"""Sessions that are woken."""

LONG = 100_000
"""Events of the session that is opened and asked."""


async def memory(base_url: str, path: Path) -> tuple[float, float]:
    """KB that an idle session takes in this process: resident, with its connection to the provider open; and passivated."""
    provider = agentsup.ClaudeManagedAgents(agent="a", environment="e", api_key="k", base_url=base_url)
    spec = agentsup.SessionSpec(provider=provider)
    async with agentsup.open_runtime(store=path, passivate_after=PASSIVATE_AFTER) as runtime:
        first = await runtime.start_session("first", spec)
        await first.submit("go")
        before = _taken()
        refs = [await runtime.start_session(f"s{number}", spec) for number in range(SESSIONS)]
        async with trio.open_nursery() as nursery:
            for ref in refs:
                nursery.start_soon(ref.submit, "go")
        resident = _taken()
        await trio.sleep(PASSIVATE_AFTER + 2)
        assert {(await ref.info()).state for ref in refs} == {"passivated"}
        asleep = _taken()
    return (resident - before) / SESSIONS / 1024, (asleep - before) / SESSIONS / 1024


def _taken() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


async def waking(path: Path) -> tuple[list[float], list[float]]:
    """Seconds from a word to its answer, of sessions that were passivated, and of the same ones right afterwards."""
    asleep, awake = [], []
    async with open_simulator() as simulator, simulator.client() as client:
        provider = await at_claude(client)
        async with agentsup.open_runtime(store=path, max_resident=1) as runtime:
            refs = [await runtime.start_session(f"s{n}", agentsup.SessionSpec(provider=provider)) for n in range(WOKEN)]
            for ref in refs:
                await ref.submit("@say first")
            for ref in refs:
                for seconds in (asleep, awake):
                    began = time.perf_counter()
                    await ref.submit("@say again")
                    seconds.append(time.perf_counter() - began)
    return asleep[:-1], awake[:-1]  # the last one was resident


async def live_long(base_url: str, path: Path) -> None:
    """A session of so many events, in the store."""
    provider = agentsup.ClaudeManagedAgents(agent="a", environment="e", api_key="k", base_url=base_url)
    async with agentsup.open_runtime(store=path) as runtime:
        await (await runtime.start_session("s", agentsup.SessionSpec(provider=provider))).submit("go")


async def take_up(base_url: str, path: Path) -> tuple[float, float]:
    """Seconds to have the session again and be told how it is; and to read all its events."""
    provider = agentsup.ClaudeManagedAgents(agent="a", environment="e", api_key="k", base_url=base_url)
    spec = agentsup.SessionSpec(provider=provider)
    async with agentsup.open_runtime(store=path, spec_for=lambda _: spec) as runtime:
        began = time.perf_counter()
        ref = runtime.session("s")
        info = await ref.info()
        opened = time.perf_counter() - began
        assert info.turns == 1
        began = time.perf_counter()
        history = await ref.history()
        assert len(history) == 1
        return opened, time.perf_counter() - began


def run() -> Iterator[Row]:
    """Every row."""
    with tempfile.TemporaryDirectory() as folder:
        with firehose(EVENTS) as base_url:
            tracemalloc.start()
            resident, asleep = trio.run(memory, base_url, Path(folder) / "memory.db")
            tracemalloc.stop()
        ratio = asleep / resident
        detail = (
            f"{resident:.1f} KB resident and idle, its connection included; {asleep:.1f} KB passivated; of {SESSIONS}"
        )
        yield Row(
            name="memory of a passivated session, of a resident one's",
            ratio=ratio,
            low=ratio,
            high=ratio,
            goal="-",
            detail=detail,
        )

        thaw, warm = trio.run(waking, Path(folder) / "waking.db")
        ratios = sorted(one / other for one, other in zip(thaw, warm, strict=True))
        detail = f"p50 {1e3 * statistics.median(thaw):.1f} ms from the word to its answer, {1e3 * statistics.median(warm):.1f} ms resident"
        yield Row(
            name="thaw: a passivated session answers, against a resident one",
            ratio=statistics.median(ratios),
            low=ratios[0],
            high=ratios[-1],
            goal="-",
            detail=detail,
        )

        with firehose(LONG) as base_url:
            trio.run(live_long, base_url, Path(folder) / "long.db")
            found = [trio.run(take_up, base_url, Path(folder) / "long.db") for _ in range(3)]
        ratios = sorted(opened / read for opened, read in found)
        opened, read = (statistics.median(column) for column in zip(*found, strict=True))
        detail = f"{1e3 * opened:.1f} ms until it answers, {read:.2f} s to read all of it"
        yield Row(
            name=f"a session with {LONG:,} events answers, against reading them",
            ratio=ratios[1],
            low=ratios[0],
            high=ratios[-1],
            goal="at most 0.05",
            detail=detail,
        )
