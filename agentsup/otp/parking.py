"""A place where one task waits until somebody wakes it: trio's parking lot, for one.

Where a task is noted as waiting and then waits, a Ctrl-C must not come in between: whoever wakes it would wake a task that waits for something else.
So noting and waiting are one function here, which is closed to Ctrl-C until it waits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import outcome
import trio
from trio.lowlevel import Abort, current_task, enable_ki_protection, reschedule, wait_task_rescheduled

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator


class _Woken(outcome.Outcome[None]):
    """What a parked task wakes up with: nothing. One for all wakes, as `outcome.Value` would cost an allocation and may be used only once."""

    def unwrap(self) -> None:
        return None

    def send(self, gen: Generator[Any, None, object]) -> Any:
        return gen.send(None)

    async def asend(self, agen: AsyncGenerator[Any, None]) -> Any:
        return await agen.asend(None)


WOKEN = _Woken()


@attrs.define(eq=False, repr=False)
class ParkingSpace:
    """Room for one waiting task."""

    _task: trio.lowlevel.Task | None = attrs.field(default=None, init=False)

    @property
    def is_taken(self) -> bool:
        """Whether a task waits here."""
        return self._task is not None

    def __repr__(self) -> str:
        return f"<ParkingSpace {'taken' if self.is_taken else 'free'}>"

    @enable_ki_protection
    async def park(self, *, may_leave: Callable[[], bool] = lambda: True) -> None:
        """Wait to be woken. If cancelled, the place is free again.

        Args:
            may_leave: asked when it is being cancelled; a no means that it is too late, and the task waits on.

        Raises:
            trio.BusyResourceError: somebody waits here already.
        """
        if self._task is not None:
            raise trio.BusyResourceError("another task waits here")
        self._task = current_task()

        def give_up(_: object) -> Abort:
            if not may_leave():
                return Abort.FAILED
            self._task = None
            return Abort.SUCCEEDED

        await wait_task_rescheduled(give_up)

    @enable_ki_protection
    def unpark(self) -> None:
        """Wake the task that waits here, if one does."""
        if self._task is not None:
            task, self._task = self._task, None
            reschedule(task, WOKEN)
