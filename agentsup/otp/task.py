"""A piece of work under supervision, and the hold its owner has on it.

The result never travels through a mailbox: it waits in the `Task` until its owner looks, so a timeout leaves nothing behind that could arrive later.
A task is over when its process is: who has the result finds the process gone and its place under `max_children` free.
"""

from __future__ import annotations

import math
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

import attrs
import trio

from agentsup.errors import SpecError
from agentsup.otp import links
from agentsup.otp.calls import refuse_cycle
from agentsup.otp.cell import ACTORS
from agentsup.otp.childspec import BRUTAL_KILL
from agentsup.otp.errors import NotTaskOwner, TaskExited, TaskSpent, TaskTimeout
from agentsup.otp.flags import is_seconds
from agentsup.otp.mailbox import Signal
from agentsup.otp.reasons import Crashed, ExitReason
from agentsup.otp.results import UNSET

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from agentsup.otp.cell import Cell
    from agentsup.otp.refs import Ref

T = TypeVar("T")


@attrs.frozen
class Returned(Generic[T]):
    """The work is done; `value` is what it returned."""

    value: T = attrs.field(repr=False)


@attrs.frozen
class Exited:
    """The work ended without a result, for `reason`; `input` is the stream's item where that was asked for."""

    reason: ExitReason
    input: Any = attrs.field(default=UNSET, repr=False)


@attrs.frozen
class TimedOut:
    """An item of a stream took longer than `timeout` seconds and its task was killed; `input` is the item where that was asked for."""

    timeout: float
    input: Any = attrs.field(default=UNSET, repr=False)


TaskEnd: TypeAlias = Returned[T] | Exited
"""How a task ended."""


@attrs.frozen
class TaskReport(Generic[T]):
    """Arrives in `handle_info` of a task's owner that asked for it by `task.report()`, exactly once."""

    task: Task[T]
    end: TaskEnd[T]


@attrs.define(eq=False, repr=False)
class Task(Generic[T]):
    """A running task, in the hands of the trio task that started it; nobody else may wait for it (rule D4)."""

    _owner: trio.lowlevel.Task
    _linked: bool = attrs.field(kw_only=True)
    _cell: Cell | None = attrs.field(default=None, init=False)
    _value: Any = attrs.field(default=UNSET, init=False)
    _end: TaskEnd[T] | None = attrs.field(default=None, init=False)
    _then: list[Callable[[Task[T]], None]] = attrs.field(factory=list, init=False)
    """Told when it has ended."""
    _abandoned: bool = attrs.field(default=False, init=False)
    """Whoever was starting it was cancelled."""
    _spent: bool = attrs.field(default=False, init=False)

    @property
    def ref(self) -> Ref:
        """The address of its process: to watch it, or to end it."""
        assert self._cell is not None
        return self._cell.ref

    @property
    def end(self) -> TaskEnd[T] | None:
        """How it ended; None while it runs."""
        return self._end

    async def await_(self, timeout: float | None = 5.0) -> T:
        """Wait for the result.

        After a timeout the task goes on; it can be awaited again, shut down or ignored. A linked task whose owner does not catch the timeout ends with it.

        Args:
            timeout: seconds, None for ever.

        Raises:
            TaskExited: it ended without one.
            TaskTimeout: it has none yet.
            CallCycle: it waits for a reply of its owner, who would wait for it.
            NotTaskOwner: somebody else than its owner waits.
            TaskSpent: it was ignored or is reported.
        """
        end = await self.yield_(timeout)
        if end is None:
            raise TaskTimeout(self.ref, timeout)
        return _value_of(self, end)

    async def yield_(self, timeout: float | None = 5.0) -> TaskEnd[T] | None:
        """Wait, and see how it ended: `Returned(value)`, `Exited(reason)`, or None if it still runs; ask again then. A timeout of 0 only looks.

        Raises nothing of the task's, else what `await_` raises.
        """
        self._refuse_others()
        me = ACTORS.get(self._owner)
        if me is not None and self._cell is not None and timeout != 0:
            refuse_cycle(me, self._cell, self.ref, self)
            me.waiting_on = self._cell
        event = trio.Event()
        try:
            with trio.move_on_after(_seconds(timeout)), self.told(lambda _: event.set()):
                await trio.lowlevel.checkpoint()
                await event.wait()
        finally:
            if me is not None:
                me.waiting_on = None
        return self._end

    async def shutdown(self, timeout: float | str = 5.0) -> TaskEnd[T] | None:
        """End it: cut it off with the reason shutdown, and kill it if its clean-up takes longer than `timeout` seconds; at once with `BRUTAL_KILL`.

        Returns:
            `Returned(value)` if it had a result first, `Exited(reason)` if it had ended or crashed for a reason of its own, None if it did as told.
        """
        self._refuse_others()
        if timeout != BRUTAL_KILL and not is_seconds(timeout):
            raise SpecError.of("timeout", f'{timeout!r} is no span; seconds of at least 0, or "{BRUTAL_KILL}"')
        before = self._end
        self.halt(timeout)
        await trio.lowlevel.checkpoint()
        await self.over()
        if before is not None or isinstance(self._end, Returned):
            return self._end
        return self._end if isinstance(self._end, Exited) and isinstance(self._end.reason, Crashed) else None

    def ignore(self) -> TaskEnd[T] | None:
        """Let it go on for itself: its end is nobody's business but its supervisor's. How it ended, if it has."""
        self._refuse_others()
        self._spent = True
        self.unlink()
        return self._end

    def report(self) -> None:
        """Have its end arrive as a `TaskReport` in `handle_info` of the actor that owns it, instead of being waited for; at once if it is over.

        Raises:
            NotTaskOwner: the caller does not own it, or is no actor.
        """
        self._refuse_others()
        me = ACTORS.get(self._owner)
        if me is None:
            raise NotTaskOwner("only an actor has a mailbox that a report can come to; a plain task awaits")
        self._spent = True
        self.when_over(
            lambda task: None if me.is_over else me.mailbox.put_signal(Signal(TaskReport(task, _end_of(task))))
        )

    # For the kernel.

    def when_over(self, then: Callable[[Task[T]], None]) -> None:
        """Call `then(task)` when it has ended, at once if it has; it must not raise."""
        if self._end is None:
            self._then.append(then)
        else:
            then(self)

    @contextmanager
    def told(self, then: Callable[[Task[T]], None]) -> Iterator[None]:
        """`when_over`, for as long as the block lasts."""
        self.when_over(then)
        try:
            yield
        finally:
            if then in self._then:
                self._then.remove(then)

    def unlink(self) -> None:
        """Its end is no more its owner's."""
        owner = ACTORS.get(self._owner)
        if self._linked and owner is not None and self._cell is not None:
            links.part(self._cell, owner)

    def halt(self, timeout: float | str) -> None:
        """Begin to end it; it is over in a bounded time."""
        self.unlink()
        if self._cell is not None:
            self._cell.runtime.reaper.bring_down(self._cell, timeout)

    def kill(self) -> None:
        """Kill it."""
        self.unlink()
        if self._cell is not None:
            self._cell.runtime.reaper.kill(self._cell)

    async def over(self) -> None:
        """Wait until it is over."""
        if self._cell is not None:
            await self._cell.ended()

    def abandon(self, timeout: float) -> None:
        """Whoever was starting it was cancelled: it must not run, or not go on."""
        self._abandoned = True
        self.halt(timeout)

    def begin(self, cell: Cell) -> bool:
        """Its process is there; False if it should not run after all."""
        owner = ACTORS.get(self._owner)
        if self._abandoned or (self._linked and owner is None):
            return False
        self._cell = cell
        cell.watch(self._look)
        if self._linked and owner is not None:
            links.join(cell, owner)
        return True

    def succeed(self, value: T) -> None:
        """The work returned; the result shows when the process is gone."""
        self._value = value

    def after(self, delay: float, act: Callable[[], None]) -> Callable[[], None]:
        """Call `act` in `delay` seconds; the result calls that off."""
        assert self._cell is not None
        return self._cell.runtime.timers.after(delay, act).cancel

    def _look(self, cell: Cell) -> None:
        if not cell.is_over:
            return
        assert cell.reason is not None
        self._end = Exited(cell.reason) if self._value is UNSET else Returned(self._value)
        then, self._then = self._then, []
        for each in then:
            each(self)

    def _refuse_others(self) -> None:
        if trio.lowlevel.current_task() is not self._owner:
            raise NotTaskOwner(f"{self!r} is awaited by another task than the one that started it")
        if self._spent:
            raise TaskSpent(f"{self!r} was ignored, or is reported to its owner's mailbox")

    def __repr__(self) -> str:
        what = "not started" if self._cell is None else repr(self._cell.ref)
        return f"<Task {what}, {'running' if self._end is None else type(self._end).__name__.lower()}>"


async def await_many(tasks: Iterable[Task[T]], timeout: float | None = 5.0) -> list[T]:
    """The results of all tasks, in their order; one deadline for all of them, and the first failure is raised at once (rule D4).

    The others go on then, as after a timeout.

    Raises:
        TaskExited: one of them ended without a result.
        TaskTimeout: one of them has none yet.
        NotTaskOwner: one of them is somebody else's.
        TaskSpent: one of them was ignored or is reported.
    """
    wanted = list(tasks)
    for task in wanted:
        task._refuse_others()  # noqa: SLF001  (one noun, two ways to wait for it)
    left = len(wanted)
    done = trio.Event()

    def count(task: Task[T]) -> None:
        nonlocal left
        left -= 1
        if not left or isinstance(task.end, Exited):
            done.set()

    with trio.move_on_after(_seconds(timeout)), ExitStack() as telling:
        await trio.lowlevel.checkpoint()
        for task in wanted:
            telling.enter_context(task.told(count))
        if wanted:
            await done.wait()
    failed = next((task for task in wanted if isinstance(task.end, Exited)), None)
    late = next((task for task in wanted if task.end is None), None)
    if failed is None and late is not None:
        raise TaskTimeout(late.ref, timeout)
    return [_value_of(task, _end_of(task)) for task in ([failed] if failed else wanted)]


def _end_of(task: Task[T]) -> TaskEnd[T]:
    assert task.end is not None
    return task.end


def _value_of(task: Task[T], end: TaskEnd[T]) -> T:
    if isinstance(end, Returned):
        return end.value
    raise exit_error(task.ref, end.reason)


def exit_error(ref: Ref, reason: ExitReason) -> TaskExited:
    """What a failed task raises at whoever waits for it."""
    error = TaskExited(ref, reason)
    error.__cause__ = reason.exception if isinstance(reason, Crashed) else None
    return error


def _seconds(timeout: float | None) -> float:
    if timeout is None:
        return math.inf
    if not is_seconds(timeout):
        raise SpecError.of("timeout", f"{timeout!r} is no time to wait; seconds of at least 0, or None for ever")
    return timeout
