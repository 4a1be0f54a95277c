"""Ctrl-C and SIGTERM: the first one ends the work in order, a second one ends the process at once.

Without this a KeyboardInterrupt would come up in whichever task happens to run. Here a signal is a cancellation like any other: the
work unwinds, tells the provider to stop within its budget, and closes what it opened.
"""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

import trio

T = TypeVar("T")


class Signalled(BaseException):
    """The process was told to end, and what it did was ended in order. Not an error, so no `except Exception` stops it."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(f"ended by {signal.Signals(number).name}")

    @property
    def status(self) -> int:
        """The exit status a shell expects of it."""
        return 128 + self.number


async def until_signalled(work: Callable[[], Awaitable[T]]) -> T:
    """Do the work; SIGINT and SIGTERM cancel it.

    Raises:
        Signalled: it was cancelled by a signal; everything it had to clean up is cleaned up.
    """
    watch = _Watch()
    result: T | None = None
    failure: Exception | None = None
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(watch.hear, signals)
            try:
                with watch.scope:
                    result = await work()
            except Exception as exc:  # noqa: BLE001  -- only carried past the nursery, which would put it into a group
                failure = exc
            nursery.cancel_scope.cancel()
    if watch.caught is not None:
        raise Signalled(watch.caught) from failure
    if failure is not None:
        raise failure
    return result  # type: ignore[return-value]  # it was given by `work`: the scope is cancelled by a signal only


class _Watch:
    """Waits for signals."""

    def __init__(self) -> None:
        self.scope = trio.CancelScope()
        self.caught: int | None = None

    async def hear(self, signals: AsyncIterator[int]) -> None:
        async for number in signals:
            if self.caught is not None:
                os._exit(128 + number)  # who asks twice does not want to wait for the farewells
            self.caught = number
            self.scope.cancel()
