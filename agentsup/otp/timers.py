"""Timers of one runtime: one heap, one parked task, callbacks in order of their deadlines.

One task for all timers instead of one task each: a sleeping task costs two kilobytes and five microseconds, an entry in a heap next to nothing.
Times are absolute, in seconds on trio's clock, so the mock clock of tests rules them.
"""

from __future__ import annotations

import heapq
import itertools
import math
from typing import TYPE_CHECKING

import attrs
import trio
from trio.lowlevel import enable_ki_protection

if TYPE_CHECKING:
    from collections.abc import Callable


@attrs.define(eq=False)
class Timer:
    """One thing to do later."""

    deadline: float
    act: Callable[[], None] | None

    def cancel(self) -> None:
        """Do it never; harmless when it was done or cancelled already."""
        self.act = None

    @property
    def is_pending(self) -> bool:
        """Whether it will still happen."""
        return self.act is not None


@attrs.define(eq=False)
class Timers:
    """The timers that wait. Bounded by what is waited for; cancelled ones are swept out once they are the majority."""

    _heap: list[tuple[float, int, Timer]] = attrs.field(factory=list)
    _scope: trio.CancelScope | None = None
    _armed: float = math.inf
    _count: itertools.count[int] = attrs.field(factory=itertools.count)
    _sweep_at: int = 1024

    @enable_ki_protection
    def at(self, deadline: float, act: Callable[[], None]) -> Timer:
        """Call `act` when the clock reaches `deadline`: never earlier. It runs in the timers' task and must neither raise nor take long."""
        timer = Timer(deadline, act)
        if deadline == math.inf:
            return timer
        if len(self._heap) >= self._sweep_at:
            self._sweep()
        heapq.heappush(self._heap, (deadline, next(self._count), timer))
        if deadline < self._armed and self._scope is not None:
            self._armed = deadline
            self._scope.deadline = deadline
        return timer

    def after(self, delay: float, act: Callable[[], None]) -> Timer:
        """Call `act` in `delay` seconds."""
        return self.at(trio.current_time() + delay, act)

    @enable_ki_protection
    async def run(self) -> None:
        """The timers' own task; runs until cancelled."""
        while True:
            self._armed = self._next_deadline()
            with trio.CancelScope(deadline=self._armed) as self._scope:
                await trio.sleep_forever()
            self._scope = None
            self._fire(trio.current_time())

    def __len__(self) -> int:
        return sum(timer.is_pending for _, _, timer in self._heap)

    def _next_deadline(self) -> float:
        while self._heap and self._heap[0][2].act is None:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else math.inf

    def _fire(self, now: float) -> None:
        while self._heap and self._heap[0][0] <= now:
            timer = heapq.heappop(self._heap)[2]
            act, timer.act = timer.act, None
            if act is not None:
                act()

    def _sweep(self) -> None:
        self._heap = [entry for entry in self._heap if entry[2].act is not None]
        heapq.heapify(self._heap)
        self._sweep_at = max(1024, 2 * len(self._heap))
