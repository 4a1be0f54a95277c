"""A stream of tasks: one per item, a few at a time, read by whoever opened it."""

from __future__ import annotations

import functools
from collections import deque
from typing import TYPE_CHECKING, Any, Generic, Literal, Self, TypeAlias, TypeVar, assert_never, get_args

import attrs
import trio

from agentsup.errors import Problem, SpecError
from agentsup.otp.errors import NotTaskOwner, TaskTimeout
from agentsup.otp.flags import is_seconds
from agentsup.otp.results import UNSET
from agentsup.otp.task import Exited, Returned, Task, TimedOut, exit_error

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from types import TracebackType

T = TypeVar("T")
Item = TypeVar("Item")

OnTimeout = Literal["exit", "kill_task"]
"""What an item that takes too long ends: the whole stream, or its own task."""

TaskOutcome: TypeAlias = Returned[T] | Exited | TimedOut
"""What a stream says of one item."""


@attrs.frozen(kw_only=True)
class StreamOptions:
    """How a stream works; `TaskSupervisor.async_stream` describes the fields."""

    max_concurrency: int
    ordered: bool
    timeout: float | None
    on_timeout: OnTimeout
    on_exit: Literal["raise", "tell"]
    zip_input_on_exit: bool
    shutdown: float

    def __attrs_post_init__(self) -> None:
        problems = []
        limit = self.max_concurrency
        if not isinstance(limit, int) or isinstance(limit, bool) or limit < 1:
            problems.append(Problem("max_concurrency", f"{limit!r} tasks do no work; a whole number of at least 1"))
        if self.timeout is not None and not is_seconds(self.timeout):
            problems.append(
                Problem("timeout", f"{self.timeout!r} is no time to wait; seconds of at least 0, or None for ever")
            )
        if self.on_timeout not in get_args(OnTimeout):
            problems.append(
                Problem("on_timeout", f"{self.on_timeout!r} is unknown; one of {', '.join(get_args(OnTimeout))}")
            )
        if not is_seconds(self.shutdown):
            problems.append(Problem("shutdown", f"{self.shutdown!r} is no span; seconds of at least 0"))
        if problems:
            raise SpecError(problems)


@attrs.define(eq=False)
class _Job(Generic[Item, T]):
    """One item on its way."""

    item: Item
    task: Task[T] | None = None
    call_off: Callable[[], None] | None = None
    """Stops its clock."""
    late: float | None = None
    """The seconds it had, if it took longer."""


@attrs.define(eq=False, repr=False)
class TaskStream(Generic[Item, T]):
    """The outcomes of many tasks: `async with stream as results: async for outcome in results`. Read by one task, the one that opened the block."""

    _start: Callable[[Item], Awaitable[Task[T]]]
    _items: Iterator[Item]
    _options: StreamOptions
    _jobs: dict[_Job[Item, T], None] = attrs.field(factory=dict, init=False)
    """What runs, or is done and not read; in the order of the items."""
    _done: deque[_Job[Item, T]] = attrs.field(factory=deque, init=False)
    """What is done and not read; in the order of the ends."""
    _exhausted: bool = attrs.field(default=False, init=False)
    _failure: BaseException | None = attrs.field(default=None, init=False)
    _news: trio.Event = attrs.field(factory=trio.Event, init=False)
    _reader: trio.lowlevel.Task | None = attrs.field(default=None, init=False)

    async def __aenter__(self) -> Self:
        self._reader = trio.lowlevel.current_task()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End what still runs, and wait for it in its time; nothing is left behind (rule D6)."""
        self._reader, self._exhausted = None, True
        running = [job.task for job in self._jobs if job.task is not None and job.task.end is None]
        for job in self._jobs:
            if job.call_off is not None:
                job.call_off()
        self._jobs.clear()
        self._done.clear()
        for task in running:
            task.halt(self._options.shutdown)
        with trio.CancelScope(shield=True):  # bounded: what does not end in its time is killed, then parked
            for task in running:
                await task.over()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> TaskOutcome[T]:
        """The next outcome; starts as many tasks as there is room for.

        Raises:
            TaskExited: a task failed, and the stream is one that ends then.
            TaskTimeout: an item took too long, likewise.
            NotTaskOwner: the stream was not opened by `async with` in this task.
        """
        if self._reader is not trio.lowlevel.current_task():
            raise NotTaskOwner("a stream of tasks is read inside its `async with` block, by the task that opened it")
        await trio.lowlevel.checkpoint()
        while True:
            await self._fill()
            if self._failure is not None:
                raise self._failure
            job = self._next_done()
            if job is not None:
                return self._outcome(job)
            if not self._jobs:
                raise StopAsyncIteration
            self._news = trio.Event()
            await self._news.wait()

    async def _fill(self) -> None:
        while not self._exhausted and self._failure is None and len(self._jobs) < self._options.max_concurrency:
            try:
                job: _Job[Item, T] = _Job(next(self._items))
            except StopIteration:
                self._exhausted = True
                return
            job.task = await self._start(job.item)
            self._jobs[job] = None
            if self._options.timeout is not None:
                job.call_off = job.task.after(self._options.timeout, functools.partial(self._too_late, job))
            job.task.when_over(functools.partial(self._over, job))

    def _next_done(self) -> _Job[Item, T] | None:
        job = next(iter(self._jobs), None) if self._options.ordered else (self._done[0] if self._done else None)
        if job is None or job.task is None or job.task.end is None:
            return None
        if not self._options.ordered:
            self._done.popleft()
        del self._jobs[job]
        return job

    def _outcome(self, job: _Job[Item, T]) -> TaskOutcome[T]:
        assert job.task is not None
        end = job.task.end
        assert end is not None
        given: Any = job.item if self._options.zip_input_on_exit else UNSET
        match end:
            case Returned():
                return end
            case Exited(reason):
                return Exited(reason, given) if job.late is None else TimedOut(job.late, given)
        assert_never(end)

    # Told.

    def _over(self, job: _Job[Item, T], task: Task[T]) -> None:
        if job.call_off is not None:
            job.call_off()
        if self._options.on_exit == "raise" and isinstance(task.end, Exited) and job.late is None:
            self._fail(exit_error(task.ref, task.end.reason))
        if not self._options.ordered and job in self._jobs:
            self._done.append(job)
        self._news.set()

    def _too_late(self, job: _Job[Item, T]) -> None:
        assert job.task is not None
        job.late = self._options.timeout
        if self._options.on_timeout == "kill_task":
            job.task.kill()
        else:
            self._fail(TaskTimeout(job.task.ref, self._options.timeout))

    def _fail(self, error: BaseException) -> None:
        self._failure = self._failure or error
        self._news.set()

    def __repr__(self) -> str:
        return f"<TaskStream, {len(self._jobs)} under way{', all items taken' if self._exhausted else ''}>"
