"""Noticing that the loop stands still: a sync callback that takes long stops everything, and nothing inside the loop can say so.

So a thread says it. It asks the loop for a sign of life every half `after` seconds; if none comes for `after`, it looks at the loop's stack from
outside, finds the actor in it, and reports both, once per standstill. Nothing is paid per message. It is off unless asked for, as its questions keep
a mock clock from jumping.
"""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING

import attrs
import trio

from agentsup.otp import reports
from agentsup.otp.cell import Cell

if TYPE_CHECKING:
    from types import FrameType


@attrs.define(eq=False)
class Watchdog:
    """One thread that watches one loop; `start` and `stop` are called in the loop."""

    after: float
    """Seconds without a sign of life that are reported."""

    _thread: threading.Thread | None = None
    _over: threading.Event = attrs.field(factory=threading.Event)
    _answered: threading.Event = attrs.field(factory=threading.Event)

    def start(self) -> None:
        """Begin to watch the loop this is called in."""
        token, loop = trio.lowlevel.current_trio_token(), threading.get_ident()
        self._thread = threading.Thread(target=self._watch, args=(token, loop), name="agentsup watchdog", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Watch no more; the thread has ended when this returns."""
        self._over.set()
        self._answered.set()
        if self._thread is not None:
            self._thread.join()

    def _watch(self, token: trio.lowlevel.TrioToken, loop: int) -> None:
        while not self._over.wait(self.after / 2):
            self._answered.clear()
            try:
                token.run_sync_soon(self._answered.set)
            except trio.RunFinishedError:
                return
            if not self._answered.wait(self.after):
                self._report(loop)
                self._answered.wait()

    def _report(self, loop: int) -> None:
        frames = list(_outwards(sys._current_frames().get(loop)))  # noqa: SLF001  (the documented way to another thread's stack)
        cell = next((found for frame in frames if isinstance(found := frame.f_locals.get("cell"), Cell)), None)
        where = [
            f"{frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_qualname}" for frame in reversed(frames)
        ]
        reports.loop_blocked(cell, self.after, where)


def _outwards(frame: FrameType | None) -> list[FrameType]:
    found = []
    while frame is not None:
        found.append(frame)
        frame = frame.f_back
    return found
