"""The wall clock, which processes live by, also where trio runs by a test clock."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

_TICK_S = 0.002


@asynccontextmanager
async def clock_held() -> AsyncIterator[None]:
    """Keeps a test clock from jumping: it does so when nothing runs here, and what happens in a process is not here."""
    async with trio.open_nursery() as nursery:
        if not _by_the_wall():
            nursery.start_soon(_keep_busy)
        yield
        nursery.cancel_scope.cancel()


async def _keep_busy() -> None:
    while True:
        time.sleep(_TICK_S)  # noqa: TID251, ASYNC251 - blocking is the point: an idle loop would let the test clock jump
        await trio.lowlevel.checkpoint()


@asynccontextmanager
async def within(seconds: float) -> AsyncIterator[None]:
    """Ends what is in the block after so many seconds of the wall clock."""
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_expire, scope, seconds)
            yield
            nursery.cancel_scope.cancel()


async def _expire(scope: trio.CancelScope, seconds: float) -> None:
    if _by_the_wall():
        await trio.sleep(seconds)
    else:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            await moment()
    scope.cancel()


async def moment() -> None:
    """A short while, on either clock."""
    if _by_the_wall():
        await trio.sleep(_TICK_S)
    else:
        await trio.lowlevel.checkpoint()


def _by_the_wall() -> bool:
    """Whether trio's clock is the real one: a test clock says that a second takes no time, or for ever."""
    clock = trio.lowlevel.current_clock()
    return 0.5 < clock.deadline_to_sleep_time(clock.current_time() + 1.0) <= 1.0
