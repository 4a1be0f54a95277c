"""One message to a thousand: `otp.PubSub` and `otp.cast` to actors, against a raw trio memory channel per consumer task.

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

    handle_cast = handle_info


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


def broadcasting(refs: list[otp.Ref]) -> Callable[[object], object]:
    """Tells all of them by topic."""
    topics = otp.PubSub()
    for ref in refs:
        topics.subscribe("all", owner=ref)
    return lambda message: topics.broadcast("all", message)


def casting(refs: list[otp.Ref]) -> Callable[[object], object]:
    """Tells each of them by ref."""

    def tell(message: object) -> None:
        for ref in refs:
            otp.cast(ref, message)

    return tell


async def actors(
    kind: type[Parked], ahead: int, telling: Callable[[list[otp.Ref]], Callable[[object], object]]
) -> float:
    """Seconds per delivery to actors."""
    kind.heard = 0

    async def publish(count: int) -> None:
        for number in range(count):
            tell(number)
            await trio.lowlevel.checkpoint()

    pool = otp.ChildSpec(id="pool", name="pool", start=otp.DynamicSupervisor, type="supervisor")
    async with otp.open_runtime(specs=[pool]):
        specs = [otp.ChildSpec(id=number, start=kind) for number in range(CONSUMERS)]
        refs = [await otp.start_child(otp.Name("pool"), spec) for spec in specs]
        tell = telling(refs)
        await trio.testing.wait_all_tasks_blocked()
        for _ in range(ahead):
            tell(0)
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
            await actors(Parked, 0, broadcasting),
            await actors(Parked, 0, casting),
            await channels(1),
            await actors(Parked, 1, broadcasting),
            await actors(Parked, 1, casting),
            await actors(Behind, 1, broadcasting),
        )
        for _ in range(ROUNDS)
    ]


def run() -> list[Row]:
    """Five rows: how many deliveries of ours fit into the time of one channel's."""
    parked, told, cast, behind, told_behind, cast_behind, slow = zip(*trio.run(measure), strict=True)
    return [
        _row("PubSub, parked", parked, told, "1.4 / 1.8"),
        _row("PubSub, never parked", behind, told_behind, "1.05 / 1.2"),
        _row("PubSub, never parked, handlers that yield", behind, slow, "-"),
        _row("casts, parked", parked, cast, "1.4 / 1.7"),
        _row("casts, never parked", behind, cast_behind, "1.05 / 1.2"),
    ]


def _row(what: str, theirs: tuple[float, ...], ours: tuple[float, ...], goal: str) -> Row:
    ratios = sorted(raw / mine for raw, mine in zip(theirs, ours, strict=True))
    raw, mine = statistics.median(theirs), statistics.median(ours)
    return Row(
        name=f"{CONSUMERS} vs memory channels: {what}",
        ratio=statistics.median(ratios),
        low=ratios[0],
        high=ratios[-1],
        goal=goal,
        detail=f"deliveries per second: {1 / raw / 1000:.0f}k channels, {1 / mine / 1000:.0f}k ours",
    )
