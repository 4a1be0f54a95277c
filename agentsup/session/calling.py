"""Calling code of the user's: async functions here, all others in a thread; and telling our cancellation from what it raises.

Whatever it does is an outcome. Only two things pass: KeyboardInterrupt, which is for the person at the keyboard, and our own
cancellation. A `trio.Cancelled` that is not ours (somebody caught one and raises it later) is an error like any other.
"""

from __future__ import annotations

import inspect
import math
import traceback
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeAlias

import attrs
import structlog
import trio

from agentsup.session.outlived import Outlived, Tell, outlast

_log = structlog.get_logger("agentsup.session")

MAX_THREADS = 40
"""Threads that sync tools may occupy where nobody says otherwise. They are not those of trio's own work, such as looking up addresses: a
tool that hangs must not stop that."""

_threads: trio.lowlevel.RunVar[trio.CapacityLimiter] = trio.lowlevel.RunVar("agentsup_tool_threads")


@attrs.frozen
class Returned:
    """It came back."""

    value: Any = attrs.field(repr=False)


@attrs.frozen
class Raised:
    """It raised something that is not for us."""

    error: BaseException = attrs.field(repr=lambda error: type(error).__name__)


@attrs.frozen
class TimedOut:
    """Its time was up, and it was cancelled."""


Outcome: TypeAlias = Returned | Raised | TimedOut


def default_threads() -> trio.CapacityLimiter:
    """The limiter of this trio run, for callers without one of their own."""
    try:
        return _threads.get()
    except LookupError:
        threads = trio.CapacityLimiter(MAX_THREADS)
        _threads.set(threads)
        return threads


async def outcome_of(
    work: Callable[[], Any],
    *,
    is_async: bool,
    digest: Callable[[Any], Any] = lambda value: value,
    timeout: float = math.inf,
    threads: trio.CapacityLimiter | None = None,
    name: str = "tool",
    tell: Tell | None = None,
) -> Outcome:
    """Do the work and say what came of it.

    A task that shields itself is waited for, however long that takes. A thread cannot be stopped. When its call is cancelled it is left to itself, and what it still returns is not heard; it keeps its
    place among the threads until it ends, and `trio.from_thread.check_cancelled()` raises in it.

    Args:
        work: What is called, without arguments.
        is_async: Whether it gives something to await; if not, it is called in a thread, and what it gives is awaited here only if it can be.
        digest: What is made of its result, where it was made: in the thread.
        timeout: Seconds it may take from when it begins; waiting for a thread does not count.
        threads: How many threads there are; those of `default_threads()` if not given.
        name: What the thread is called, and the work in the log.
        tell: Hears if the work goes on although it was cancelled; a line in the log says so if not given. Must not raise.

    Raises:
        KeyboardInterrupt: it raised one.
        trio.Cancelled: we are cancelled.
    """
    found: list[Outcome] = []
    tell = tell or _logged(name)
    try:
        with trio.CancelScope() as scope:

            def begin() -> None:
                scope.deadline = trio.current_time() + timeout

            if is_async:
                begin()
                await _apart(work, digest, found, scope, tell)
            else:
                gate = _Gate(threads or default_threads(), begin)
                await _in_thread(work, digest, found, scope, tell, gate, name)
    except (RuntimeError, BaseExceptionGroup) as exc:
        # It left a cancel scope or a nursery open that it opened, and trio noticed when ours were closed.
        found = [Raised(exc)]
    return _for_the_model(found[0] if found else TimedOut(), timed_out=scope.cancel_called)


async def asked(function: Callable[..., Any], *args: Any) -> Returned | Raised:
    """What a function of the user's says, called here and awaited if that is what it gives; whatever it raises is an outcome.

    Raises:
        KeyboardInterrupt: it raised one.
        trio.Cancelled: we are cancelled.
    """

    async def ask() -> Any:
        answer = function(*args)
        return await answer if inspect.isawaitable(answer) else answer

    outcome = await outcome_of(
        ask, is_async=True, name=str(getattr(function, "__qualname__", type(function).__qualname__))
    )
    return Raised(trio.TooSlowError()) if isinstance(outcome, TimedOut) else outcome


def place_of(error: BaseException) -> str:
    """Kind and innermost place of what was raised, as file and line. Not its text: that may quote the conversation."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{where}"


def leaves(exc: BaseException) -> Iterator[BaseException]:
    """The exceptions in a group, however deep; a plain one is its own leaf."""
    waiting = [exc]
    while waiting:
        found = waiting.pop()
        if isinstance(found, BaseExceptionGroup):
            waiting.extend(reversed(found.exceptions))
        else:
            yield found


class _Gate:
    """A limiter that says when it let somebody in."""

    def __init__(self, threads: trio.CapacityLimiter, begin: Callable[[], None]) -> None:
        self._threads = threads
        self._begin = begin
        self.is_passed = False

    async def acquire_on_behalf_of(self, borrower: object) -> None:
        await self._threads.acquire_on_behalf_of(borrower)
        self.is_passed = True
        self._begin()

    def release_on_behalf_of(self, borrower: object) -> None:
        self._threads.release_on_behalf_of(borrower)


async def _apart(
    work: Callable[[], Awaitable[Any]],
    digest: Callable[[Any], Any],
    found: list[Outcome],
    scope: trio.CancelScope,
    tell: Tell,
) -> None:
    """Await it in a task of its own: what it may do to the scopes and nurseries of the task that it runs in ends with that task."""
    done = trio.Event()

    async def apart() -> None:
        try:
            found.append(Returned(digest(await work())))
        except BaseException as exc:  # noqa: BLE001  -- the border of the user's code
            found.append(Raised(exc))
        finally:
            done.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(apart)
        try:
            await done.wait()
        except trio.Cancelled:
            await outlast(done, tell, timed_out=scope.cancel_called)
            raise


async def _in_thread(
    work: Callable[[], Any],
    digest: Callable[[Any], Any],
    found: list[Outcome],
    scope: trio.CancelScope,
    tell: Tell,
    gate: _Gate,
    name: str,
) -> None:
    def capture() -> Outcome:
        # What it raises is carried over as a value: a StopIteration could not be raised in the coroutine that waits for it.
        try:
            value = work()
            return Returned(value if isinstance(value, Awaitable) else digest(value))
        except BaseException as exc:  # noqa: BLE001  -- the border of the user's code
            return Raised(exc)

    try:
        outcome = await trio.to_thread.run_sync(
            capture,
            abandon_on_cancel=True,
            limiter=gate,  # type: ignore[arg-type]  # trio takes anything with these two methods, and says so
            thread_name=name,
        )
    except trio.Cancelled:
        if gate.is_passed:
            tell(Outlived(0.0, "thread", scope.cancel_called))
        raise
    if isinstance(outcome, Returned) and isinstance(outcome.value, Awaitable):
        coroutine = outcome.value
        await _apart(lambda: coroutine, digest, found, scope, tell)
    else:
        found.append(outcome)


def _logged(name: str) -> Tell:
    def tell(how: Outlived) -> None:
        _log.warning("call.outlived", call=name, where=how.where, held_s=how.held_s)

    return tell


def _for_the_model(outcome: Outcome, *, timed_out: bool) -> Outcome:
    """The outcome, unless it is not for the model: then what is ours in it is raised, and what came beside it is not."""
    if not isinstance(outcome, Raised):
        return outcome
    for each in leaves(outcome.error):
        if isinstance(each, KeyboardInterrupt):
            raise each from None
        if isinstance(each, trio.Cancelled):
            if trio.current_effective_deadline() == -math.inf:
                raise each from None
            if timed_out:
                return TimedOut()
    return outcome
