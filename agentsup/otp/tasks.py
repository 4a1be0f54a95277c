"""The supervisor of tasks: work that runs once, under supervision, with or without somebody who waits for the result.

Which function to use is a question of fate. `start_child`: nobody waits. `async_`: an actor waits, and either's failure is the other's. `async_nolink`:
somebody waits, a failure is a result like any other. `async_stream` and `async_stream_nolink`: the same for many items, a few at a time.
"""

from __future__ import annotations

import contextvars
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeVar, TypeVarTuple

import trio

from agentsup.errors import SpecError
from agentsup.otp.calls import call
from agentsup.otp.cell import ACTORS
from agentsup.otp.children import StartChild, which_children
from agentsup.otp.childspec import ChildSpec
from agentsup.otp.dynamic import DynamicSupervisor
from agentsup.otp.errors import NotAnActor
from agentsup.otp.task import Task
from agentsup.otp.task_stream import StreamOptions, TaskStream
from agentsup.otp.work import Work

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from agentsup.otp.childspec import Restart
    from agentsup.otp.refs import Dest, Ref
    from agentsup.otp.task_stream import OnTimeout

T = TypeVar("T")
Item = TypeVar("Item")
Ts = TypeVarTuple("Ts")

_callers: contextvars.ContextVar[tuple[Ref, ...]] = contextvars.ContextVar("agentsup_otp_callers", default=())


def callers() -> tuple[Ref, ...]:
    """The actors on whose behalf this code runs in a task, nearest first; for logs and traces (rule D6)."""
    return _callers.get()


class TaskSupervisor(DynamicSupervisor):
    """A DynamicSupervisor whose children are tasks; its functions take its address: `await TaskSupervisor.async_nolink(Name("tasks"), work, 1)`.

    Args:
        flags: as of a DynamicSupervisor; they matter to tasks that are restarted only.
        max_children: how many tasks may run at once; None for no limit.
    """

    __slots__ = ()

    @staticmethod
    async def start_child(
        sup: Dest,
        async_fn: Callable[[*Ts], Awaitable[object]],
        *args: *Ts,
        restart: Restart = "temporary",
        shutdown: float = 5.0,
    ) -> Ref:
        """Run `async_fn(*args)` for its effect; nobody waits for it, its supervisor reports a failure (rule D5).

        Args:
            sup: the supervisor.
            async_fn: the work.
            args: its arguments.
            restart: whether it is run again after a failure (transient) or always (permanent), within the supervisor's limit.
            shutdown: seconds its clean-up has when it is stopped.

        Raises:
            MaxChildren: the supervisor is full.
            NoProc: there is no such supervisor.
            SpecError: `async_fn` is no function, or `shutdown` no span.
        """
        spec = ChildSpec(
            id=_label(async_fn), start=lambda: Work(None, async_fn, args), restart=restart, shutdown=shutdown
        )
        ref: Ref = await call(sup, StartChild(spec, _context()), timeout=None)
        return ref

    @staticmethod
    async def async_(sup: Dest, async_fn: Callable[[*Ts], Awaitable[T]], *args: *Ts, shutdown: float = 5.0) -> Task[T]:
        """Run `async_fn(*args)` for its result, linked to the calling actor: if the work fails so does the actor, and the other way round (rule D5).

        Raises:
            NotAnActor: the caller is none, and only processes can be linked; `async_nolink` is for everybody.
            MaxChildren: the supervisor is full.
            NoProc: there is no such supervisor.
            SpecError: `async_fn` is no function, or `shutdown` no span.
        """
        if trio.lowlevel.current_task() not in ACTORS:
            raise NotAnActor("async_ links the task with the calling actor; from elsewhere, use async_nolink")
        return await _start(sup, async_fn, args, linked=True, shutdown=shutdown)

    @staticmethod
    async def async_nolink(
        sup: Dest, async_fn: Callable[[*Ts], Awaitable[T]], *args: *Ts, shutdown: float = 5.0
    ) -> Task[T]:
        """Run `async_fn(*args)` for its result; a failure of either side leaves the other alone (rule D5).

        An actor that has other things to do calls `task.report()` and finds the end in its mailbox. If the caller is cancelled before the task was
        handed to it, the task does not go on.

        Raises:
            MaxChildren: the supervisor is full.
            NoProc: there is no such supervisor.
            SpecError: `async_fn` is no function, or `shutdown` no span.
        """
        return await _start(sup, async_fn, args, linked=False, shutdown=shutdown)

    @staticmethod
    def async_stream(
        sup: Dest,
        async_fn: Callable[[Item], Awaitable[T]],
        items: Iterable[Item],
        *,
        max_concurrency: int = 8,
        ordered: bool = True,
        timeout: float | None = 5.0,
        on_timeout: OnTimeout = "exit",
        zip_input_on_exit: bool = False,
        shutdown: float = 5.0,
    ) -> TaskStream[Item, T]:
        """Run `async_fn(item)` for each item, a few at a time, and read the results as they come; the first failure is raised (rule D6).

        `async with TaskSupervisor.async_stream(sup, fetch, urls) as results: async for result in results: ...`. An item is taken when there is room
        for its task and the reader asks for more, so `items` may be endless. Leaving the block, in whatever way, ends the tasks that still run.

        Args:
            sup: the supervisor.
            async_fn: the work for one item.
            items: taken one by one; what their iterator raises is raised at the reader.
            max_concurrency: how many tasks run, or have run and wait to be read, at once; 8, as all of them share one thread.
            ordered: whether results come in the order of their items, or of their ends.
            timeout: seconds one item may take, None for any time.
            on_timeout: `exit` raises TaskTimeout at the reader; `kill_task` ends that task only, whose result is `TimedOut`.
            zip_input_on_exit: whether a `TimedOut` or `Exited` carries its item.
            shutdown: seconds a task's clean-up has when the block is left.

        Raises:
            SpecError: an option is wrong; every problem at once.
        """
        options = StreamOptions(
            max_concurrency=max_concurrency,
            ordered=ordered,
            timeout=timeout,
            on_timeout=on_timeout,
            on_exit="raise",
            zip_input_on_exit=zip_input_on_exit,
            shutdown=shutdown,
        )
        return _stream(sup, async_fn, items, options)

    @staticmethod
    def async_stream_nolink(
        sup: Dest,
        async_fn: Callable[[Item], Awaitable[T]],
        items: Iterable[Item],
        *,
        max_concurrency: int = 8,
        ordered: bool = True,
        timeout: float | None = 5.0,
        on_timeout: OnTimeout = "exit",
        zip_input_on_exit: bool = False,
        shutdown: float = 5.0,
    ) -> TaskStream[Item, T]:
        """`async_stream`, but a task that fails is a result: `Exited(reason)`."""
        options = StreamOptions(
            max_concurrency=max_concurrency,
            ordered=ordered,
            timeout=timeout,
            on_timeout=on_timeout,
            on_exit="tell",
            zip_input_on_exit=zip_input_on_exit,
            shutdown=shutdown,
        )
        return _stream(sup, async_fn, items, options)

    @staticmethod
    async def children(sup: Dest) -> list[Ref]:
        """The tasks that run, newest first."""
        return [child.ref for child in await which_children(sup) if child.ref is not None]


async def _start(
    sup: Dest, async_fn: Callable[..., Awaitable[T]], args: tuple[Any, ...], *, linked: bool, shutdown: float
) -> Task[T]:
    task: Task[T] = Task(trio.lowlevel.current_task(), linked=linked)
    spec = ChildSpec(
        id=_label(async_fn), start=lambda: Work(task, async_fn, args), restart="temporary", shutdown=shutdown
    )
    try:
        await call(sup, StartChild(spec, _context()), timeout=None)
    except BaseException:
        task.abandon(shutdown)
        raise
    return task


def _stream(
    sup: Dest, async_fn: Callable[[Item], Awaitable[T]], items: Iterable[Item], options: StreamOptions
) -> TaskStream[Item, T]:
    def start(item: Item) -> Awaitable[Task[T]]:
        return _start(sup, async_fn, (item,), linked=False, shutdown=options.shutdown)

    _label(async_fn)
    if not isinstance(items, Iterable):
        raise SpecError.of("items", f"{items!r} holds no items; a list, a range, a generator")
    return TaskStream(start, iter(items), options)


def _context() -> contextvars.Context:
    """The caller's context variables, and who the caller is."""
    context = contextvars.copy_context()
    me = ACTORS.get(trio.lowlevel.current_task())
    if me is not None:
        context.run(_callers.set, (me.ref, *_callers.get()))
    return context


def _label(async_fn: object) -> str:
    """The function's name, for reports.

    Raises:
        SpecError: it is no function, such as a coroutine that was called already.
    """
    if not callable(async_fn):
        raise SpecError.of(
            "async_fn", f"a {type(async_fn).__name__} cannot be called; an async function, its arguments after it"
        )
    name: str = getattr(async_fn, "__qualname__", type(async_fn).__name__)
    return name
