"""Asking a session by its id, against a raw trio memory channel and event."""

from __future__ import annotations

import statistics
import time

import trio

import agentsup
from agentsup.testing import open_simulator
from tests.bench.rows import Row
from tests.kit.providers import at_claude

CALLS = 3000
ROUNDS = 7


async def raw() -> float:
    """Seconds per round trip between two tasks, each request with an event of its own."""
    send, receive = trio.open_memory_channel[tuple[trio.Event, list[int]]](1000)

    async def serve() -> None:
        async for answered, box in receive:
            box.append(1)
            answered.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve)
        begin = time.perf_counter()
        for _ in range(CALLS):
            event, box = trio.Event(), []
            await send.send((event, box))
            await event.wait()
        took = time.perf_counter() - begin
        nursery.cancel_scope.cancel()
    return took / CALLS


async def by_id(runtime: agentsup.Runtime) -> float:
    """Seconds per question to a session found by its id each time."""
    begin = time.perf_counter()
    for _ in range(CALLS):
        await runtime.session("s1").info()
    return (time.perf_counter() - begin) / CALLS


async def measure() -> list[tuple[float, float]]:
    """Both, round by round."""
    async with open_simulator() as sim, sim.client() as client, agentsup.open_runtime() as runtime:
        provider = await at_claude(client)
        await runtime.start_session("s1", agentsup.SessionSpec(provider=provider))
        return [(await raw(), await by_id(runtime)) for _ in range(ROUNDS)]


def run() -> list[Row]:
    """One row: how many questions to a session fit into the time of as many raw round trips."""
    pairs = trio.run(measure)
    ratios = sorted(alone / asked for alone, asked in pairs)
    alone, asked = (statistics.median(column) * 1e6 for column in zip(*pairs, strict=True))
    return [
        Row(
            name="info() of a session found by id vs raw trio channel + event",
            ratio=statistics.median(ratios),
            low=ratios[0],
            high=ratios[-1],
            goal="-",
            detail=f"{alone:.1f} us raw, {asked:.1f} us asked; the kernel's own call is in otp",
        )
    ]
