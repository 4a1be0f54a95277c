"""One message to a thousand subscribers: `otp.PubSub` to actors, against a raw trio memory channel per consumer task.

Two regimes, as they differ by half. *Parked*: every consumer waits when the message comes, so each costs a wake-up. *Never parked*: every consumer of a
channel is one message behind, so nobody has to be woken; an actor in the same place drains what waits and parks again. The third row makes the actors
stay behind too, by a handler that yields after each message: what a handler costs that awaits something, where the channel's consumer does nothing.
In all of them the publisher yields after each message.
"""

from __future__ import annotations

import gc
import statistics
import time
from typing import TYPE_CHECKING

import trio
import trio.testing

from agentsup import otp
from tests.bench.rows import Row

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

CONSUMERS = 1000
MESSAGES = 30
ROUNDS = 7


class Parked(otp.Actor):
    """Takes a message and waits for the next."""

    heard = 0

    def handle_info(self, message: object) -> None:
        type(self).heard += 1


class Behind(Parked):
    """Takes a message and lets the others have their turn, while the next is there already."""

    async def handle_info(self, message: object) -> None:
        type(self).heard += 1
        await trio.lowlevel.checkpoint()


async def channels(ahead: int) -> float:
    """Seconds per delivery through memory channels; `ahead` messages are there before the clock starts."""
    heard = 0

    async def consume(receive: trio.MemoryReceiveChannel[int]) -> None:
        nonlocal heard
        async for _ in receive:
            heard += 1

    pairs = [trio.open_memory_channel[int](100) for _ in range(CONSUMERS)]
    sends = [send for send, _ in pairs]

    async def publish(count: int) -> None:
        for number in range(count):
            for send in sends:
                send.send_nowait(number)
            await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        for _, receive in pairs:
            nursery.start_soon(consume, receive)
        await trio.testing.wait_all_tasks_blocked()
        for send in sends * ahead:
            send.send_nowait(0)
        took = await timed(publish)
        while heard < CONSUMERS * (MESSAGES + ahead):
            await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel()
    return took


async def pubsub(kind: type[Parked], ahead: int) -> float:
    """Seconds per delivery through a PubSub to actors."""
    kind.heard = 0
    topics = otp.PubSub()

    async def publish(count: int) -> None:
        for number in range(count):
            topics.broadcast("all", number)
            await trio.lowlevel.checkpoint()

    spec = otp.ChildSpec(id="pool", name="pool", start=otp.DynamicSupervisor, type="supervisor")
    async with otp.open_runtime(specs=[spec]):
        for number in range(CONSUMERS):
            ref = await otp.start_child(otp.Name("pool"), otp.ChildSpec(id=number, start=kind))
            topics.subscribe("all", owner=ref)
        await trio.testing.wait_all_tasks_blocked()
        for _ in range(ahead):
            topics.broadcast("all", 0)
        took = await timed(publish)
        while kind.heard < CONSUMERS * (MESSAGES + ahead):
            await trio.lowlevel.checkpoint()
    return took


async def timed(publish: Callable[[int], Awaitable[None]]) -> float:
    """Seconds per delivery, without the collector's breaks."""
    gc.collect()
    gc.disable()
    begin = time.perf_counter()
    await publish(MESSAGES)
    took = time.perf_counter() - begin
    gc.enable()
    return took / MESSAGES / CONSUMERS


async def measure() -> list[tuple[float, ...]]:
    """All of them, round by round."""
    return [
        (
            await channels(0),
            await pubsub(Parked, 0),
            await channels(1),
            await pubsub(Parked, 1),
            await pubsub(Behind, 1),
        )
        for _ in range(ROUNDS)
    ]


def run() -> list[Row]:
    """Three rows: how many deliveries of ours fit into the time of one channel's."""
    columns = list(zip(*trio.run(measure), strict=True))
    return [
        _row("parked", columns[0], columns[1], "1.4 / 1.8"),
        _row("never parked", columns[2], columns[3], "1.05 / 1.2"),
        _row("never parked, handlers that yield", columns[2], columns[4], "-"),
    ]


def _row(regime: str, theirs: tuple[float, ...], ours: tuple[float, ...], goal: str) -> Row:
    ratios = sorted(raw / mine for raw, mine in zip(theirs, ours, strict=True))
    raw, mine = statistics.median(theirs), statistics.median(ours)
    return Row(
        name=f"fan-out 1000 vs memory channels, {regime}",
        ratio=statistics.median(ratios),
        low=ratios[0],
        high=ratios[-1],
        goal=goal,
        detail=f"deliveries per second: {1 / raw / 1000:.0f}k channels, {1 / mine / 1000:.0f}k PubSub",
    )
