"""The deadlines of pending calls, shared: a scope per call would halve the speed of calling.

Nearly every call is answered long before its time is over, so next to nothing is done for one: it knows its deadline, and its server is on the list
of those that have such calls. When the earliest deadline of all is reached, whoever still waits is looked up at the servers of the list - each knows
whom it owes an answer - and is either given up or put into a set, by the hundredth of a second in which it ends; one timer per set looks at it. So a
call is never given up early; a lone one exactly on its deadline, one of several in the same hundredth at most 10 ms late.
"""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING

import attrs
import trio

if TYPE_CHECKING:
    from agentsup.otp.caller import Caller
    from agentsup.otp.cell import Cell
    from agentsup.otp.timers import Timer, Timers

_PER_SECOND = 100


@attrs.define(eq=False)
class Deadlines:
    """The calls that wait with a timeout."""

    _timers: Timers
    due: float = math.inf
    """The earliest deadline at the servers on the list, or earlier; whoever calls with one before it, says so with `note`."""

    _timer: Timer | None = None
    _servers: dict[Cell, None] = attrs.field(factory=dict)
    _buckets: dict[int, set[Caller]] = attrs.field(factory=dict)

    def note(self, server: Cell, deadline: float) -> None:
        """A call that `server` can be asked for ends at `deadline`."""
        if not server.is_timed:
            server.is_timed = True
            self._servers[server] = None
        if deadline < self.due:
            self.due = deadline
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._timers.at(deadline, self._look_up)

    def forget(self, server: Cell) -> None:
        """A server ended, and has answered everybody."""
        self._servers.pop(server, None)

    def add(self, caller: Caller, deadline: float) -> None:
        """Give `caller` up at `deadline`, unless it is settled before."""
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

    def _look_up(self) -> None:
        now = trio.current_time()
        servers, self._servers, self.due = self._servers, {}, math.inf
        for server in servers:
            server.is_timed = False
            for caller in server.owed():
                if caller.deadline <= now:
                    caller.time_out()
                elif caller.bucket is None:
                    self.add(caller, caller.deadline)

    def _look(self, key: int) -> None:
        now = trio.current_time()
        bucket = self._buckets[key]
        for caller in [caller for caller in bucket if caller.deadline <= now]:
            caller.time_out()
        if bucket:
            self._timers.at(max(caller.deadline for caller in bucket), functools.partial(self._look, key))
        else:
            del self._buckets[key]
