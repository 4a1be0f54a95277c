"""The deadlines of pending calls, shared: a scope per call would halve the speed of calling.

Calls are kept in sets by the hundredth of a second in which they end; adding and removing one is a set operation, and one timer per set looks at
it. A call is never given up early; a lone one is given up exactly on its deadline, one of several in the same hundredth at most 10 ms late.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import attrs
import trio

if TYPE_CHECKING:
    from agentsup.otp.caller import Caller
    from agentsup.otp.timers import Timers

_PER_SECOND = 100


@attrs.define(eq=False)
class Deadlines:
    """The calls that wait with a timeout; each leaves its set the moment it is answered."""

    _timers: Timers
    _buckets: dict[int, set[Caller]] = attrs.field(factory=dict)

    def add(self, caller: Caller, deadline: float) -> None:
        """Give `caller` up at `deadline`, unless it leaves before."""
        try:
            key = int(deadline * _PER_SECOND)
        except OverflowError:
            return  # infinite
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = set()
            self._timers.at(deadline, functools.partial(self._look, key))
        bucket.add(caller)
        caller.bucket = bucket

    def _look(self, key: int) -> None:
        now = trio.current_time()
        bucket = self._buckets[key]
        for caller in [caller for caller in bucket if caller.deadline <= now]:
            caller.time_out()
        if bucket:
            self._timers.at(max(caller.deadline for caller in bucket), functools.partial(self._look, key))
        else:
            del self._buckets[key]
