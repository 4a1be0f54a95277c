"""Work that goes on although it was cancelled, and how that is seen.

Nothing in Python ends a thread, or a task behind a shield, but itself. Whoever owns the task has to wait for it, so the least that is owed is to
say who is waited for, and for how long by now.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias

import attrs
import trio

BUDGET = 5.0
"""Seconds that cancelled work may take to clean up. What takes longer is told, and again whenever the time has doubled."""


@attrs.frozen
class Outlived:
    """Work that was cancelled, and goes on."""

    held_s: float
    """Seconds since it was cancelled."""

    where: Literal["task", "thread"]
    """A thread is left to itself at once; a task holds up whoever owns it until it ends."""

    timed_out: bool
    """Its own time was up; otherwise it was cancelled from outside."""


Tell: TypeAlias = Callable[[Outlived], None]
"""Hears of work that goes on: of a thread once, of a task when its budget is over, and again whenever the time has doubled."""


async def outlast(done: trio.Event, tell: Tell, *, timed_out: bool) -> None:
    """Wait for cancelled work, behind a shield as it is, and tell when it takes longer than its budget."""
    since = trio.current_time()
    due = BUDGET
    with trio.CancelScope(shield=True):
        while True:
            with trio.move_on_at(since + due):
                await done.wait()
            if done.is_set():
                return
            tell(Outlived(trio.current_time() - since, "task", timed_out))
            due *= 2
