"""The process of a task: runs one function, and takes no messages."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from agentsup.otp.actor import Actor
from agentsup.otp.results import Continue, Ignore, Stop

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from agentsup.otp.task import Task


class Work(Actor):
    """One function's run, and the task that waits for what it returns, if somebody does."""

    __slots__ = ("_run", "_task")

    def __init__(self, task: Task[Any] | None, async_fn: Callable[..., Awaitable[Any]], args: tuple[Any, ...]) -> None:
        self._task = task
        self._run = functools.partial(async_fn, *args)

    def init(self) -> Continue | Ignore:
        """Link with the owner before anything runs; the work begins when whoever starts it has been told."""
        if self._task is not None and not self._task.begin(self._cell):
            return Ignore()
        return Continue()

    async def handle_continue(self, arg: object) -> Stop:
        """Do it. No `terminate` is owed, so being stopped cuts the work off instead of waiting for it to look."""
        self._cell.initialised = False
        value = await self._run()
        if self._task is not None:
            self._task.succeed(value)
        return Stop()
