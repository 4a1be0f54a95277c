"""For tests of trees: injecting crashes, asking whether anything is left, waiting for events, letting time pass.

Use them with trio's `MockClock` (pytest-trio's `mock_clock` and `autojump_clock`) and `Runtime.quiesce`: wait for quiet, not for time.
"""

from __future__ import annotations

from collections import deque
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import attrs
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from agentsup.errors import AgentsupError, SpecError
from agentsup.otp.calls import locate
from agentsup.otp.cell import ACTORS, CELLS
from agentsup.otp.errors import NoProc
from agentsup.otp.flags import is_seconds
from agentsup.otp.links import wait_down
from agentsup.otp.reasons import Crashed
from agentsup.otp.refs import Ref

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Hashable

    from agentsup.otp.channel import Channel
    from agentsup.otp.reasons import ExitReason
    from agentsup.otp.refs import Dest
    from agentsup.otp.runtime import Runtime

E = TypeVar("E")

REMEMBERED = 20
"""Events that a failing `assert_event` shows: the newest of those it passed over."""


class InjectedCrash(Exception):
    """What `crash` makes a process die of, unless told otherwise."""


class Leaked(AgentsupError, AssertionError):
    """A block left something behind; `found` names each thing, one line each."""

    def __init__(self, found: list[str]) -> None:
        self.found = tuple(found)
        super().__init__("left behind: " + "; ".join(found))


class EventMissing(AgentsupError, AssertionError):
    """An event that a test waited for did not come; the text says which ones did."""


async def crash(dest: Dest, error: BaseException | None = None) -> ExitReason:
    """End a process as a bug in it would, wherever it is in its code, and wait until that was announced; the exit reason.

    The running callback is cancelled, `terminate` runs with `Crashed(error)`, and the supervisor decides as it does for any crash.

    Raises:
        NoProc: nobody is there.
    """
    cell = locate(dest)
    if cell is None:
        raise NoProc(dest, None)
    cell.interrupt(Crashed(InjectedCrash() if error is None else error))
    return await cell.ended()


async def restarted(runtime: Runtime, key: Hashable, old: Ref, *, within: float = 60.0) -> Ref:
    """Wait until `old` has ended and somebody holds `key` in the runtime's names; their ref.

    Raises:
        trio.TooSlowError: nobody did within that many seconds.
    """
    with trio.fail_after(within):
        await wait_down(old)
        return await runtime.names.until(key)


async def next_event(events: Channel[E], wanted: Callable[[E], bool], *, within: float = 60.0) -> E:
    """The next event for which `wanted` is true; those before it are passed over.

    Raises:
        trio.TooSlowError: there was none within that many seconds.
        trio.EndOfChannel: there will be none.
    """
    with trio.fail_after(within):
        while True:
            event = await events.receive()
            if wanted(event):
                return event


async def assert_event(events: Channel[Any], kind: type[E], *, within: float = 60.0, **fields: object) -> E:
    """Wait for an event of a kind whose fields are as given, pass over those before it, and return it.

    A field fits if it equals what is given, or is an instance of the class given: `reason=otp.Killed()`, `reason=otp.Crashed`.

    Args:
        events: a channel, such as `Runtime.events()`.
        kind: the class of the event.
        within: seconds on trio's clock.
        fields: what its fields must be.

    Raises:
        EventMissing: it did not come in that time, or the stream ended before it; the newest events that came instead are named.
        SpecError: events of that kind have no such field.
    """
    known = {field.name for field in attrs.fields(kind)} if attrs.has(kind) else set(fields)
    if unknown := sorted(set(fields) - known):
        raise SpecError.of(
            "fields", f"a {kind.__name__} has no {', '.join(unknown)}; it has {', '.join(sorted(known))}"
        )
    passed: deque[Any] = deque(maxlen=REMEMBERED)

    def fits(event: Any) -> bool:
        passed.append(event)
        return isinstance(event, kind) and all(_is(getattr(event, name), wanted) for name, wanted in fields.items())

    try:
        found: E = await next_event(events, fits, within=within)
    except trio.TooSlowError:
        raise _missing(kind, fields, f"within {within} s", passed) from None
    except trio.EndOfChannel:
        raise _missing(kind, fields, "before the stream ended", passed) from None
    return found


def _is(value: object, wanted: object) -> bool:
    return isinstance(value, wanted) if isinstance(wanted, type) else value == wanted


def _missing(kind: type, fields: dict[str, object], when: str, passed: deque[Any]) -> EventMissing:
    described = ", ".join(f"{name}={value!r}" for name, value in fields.items())
    came = "".join(f"\n  {event!r}" for event in passed) or " nothing"
    return EventMissing(f"no {kind.__name__}({described}) came {when}; what came:{came}")


def so_far(events: Channel[E]) -> list[E]:
    """The events that wait in a channel now, taken out of it; for saying that something did not happen: `await rt.quiesce()` before."""
    return [events.receive_nowait() for _ in range(len(events))]


async def pass_time(seconds: float) -> None:
    """Move trio's mock clock on by `seconds`, as time would pass: it stops at every deadline on the way until all is quiet again.

    A single `MockClock.jump` would not do that: a timer set by what happens on the way would be due late. Afterwards nothing can go on without more time.

    Raises:
        SpecError: it is no duration.
        RuntimeError: the clock of this run is no MockClock (pytest-trio's fixtures are `mock_clock` and `autojump_clock`).
    """
    clock = trio.lowlevel.current_clock()
    if not isinstance(clock, MockClock):
        raise RuntimeError(f"time passes by itself on a {type(clock).__name__}; pass_time needs trio.testing.MockClock")  # noqa: TRY004  (nobody gave us that clock)
    if not is_seconds(seconds):
        raise SpecError.of("seconds", f"{seconds!r} is no duration; seconds of at least 0")
    until = trio.current_time() + seconds
    while True:
        await wait_all_tasks_blocked()
        left = until - trio.current_time()
        wait = trio.lowlevel.current_statistics().seconds_to_next_deadline
        clock.jump(max(0.0, min(left, wait)))
        if wait > left:
            break
    await wait_all_tasks_blocked()


@asynccontextmanager
async def no_leaks(runtime: Runtime | None = None) -> AsyncIterator[None]:
    """Check that a block leaves nothing behind; put `async with` it around what opens runtimes, starts tasks and ends them again.

    Left behind is a process that lives, or a task that runs, and was not there before. With a `runtime` that stays open around the block, also names
    and zombies. The check waits until all is quiet first. An exception in the block goes on its way, and nothing is checked then.

    Raises:
        Leaked: something is left; everything, with its name.
    """
    before = _inventory(runtime)
    yield
    await wait_all_tasks_blocked()
    found = [line for thing, line in _inventory(runtime).items() if thing not in before]
    if found:
        raise Leaked(found)


def _inventory(runtime: Runtime | None) -> dict[object, str]:
    """Everything that could be left behind, each with a line about it."""
    things: dict[object, str] = {cell: f"process {cell.ref!r} is {cell.phase.value}" for cell in CELLS.values()}
    things |= {task: f"task {task.name}" for task in _tasks() if task not in ACTORS}
    if runtime is not None:
        things |= {zombie: f"zombie {zombie!r}" for zombie in runtime.zombies}
        things |= {("name", key): f"name {key!r}" for key in runtime.names.keys()}  # noqa: SIM118  (a registry is no mapping)
    return things


def _tasks() -> list[trio.lowlevel.Task]:
    """Every task of this trio run."""
    root = trio.lowlevel.current_root_task()
    assert root is not None
    found = [root]
    for task in found:  # it grows while we walk
        found.extend(child for nursery in task.child_nurseries for child in nursery.child_tasks)
    return found


def leftovers(runtime: Runtime) -> list[str]:
    """What is left of a runtime after its block, one line each; an empty list is what a test wants to see."""
    found = [f"process {cell.ref!r} is {cell.phase.value}" for cell in runtime.cells.values()]
    found += [f"zombie {zombie!r}" for zombie in runtime.zombies]
    found += [f"name {key!r}" for key in runtime.names.keys()]  # noqa: SIM118  (a registry is no mapping)
    return found
