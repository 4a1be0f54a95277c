"""For tests of trees: injecting crashes, asking whether anything is left, waiting for events.

Use them with trio's `MockClock` (pytest-trio's `autojump_clock`) and `Runtime.quiesce`: wait for quiet, not for time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import trio

from agentsup.otp.calls import locate
from agentsup.otp.errors import NoProc
from agentsup.otp.links import wait_down
from agentsup.otp.reasons import Crashed
from agentsup.otp.refs import Ref

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from agentsup.otp.channel import Channel
    from agentsup.otp.reasons import ExitReason
    from agentsup.otp.refs import Dest
    from agentsup.otp.runtime import Runtime

E = TypeVar("E")


class InjectedCrash(Exception):
    """What `crash` makes a process die of, unless told otherwise."""


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


def leftovers(runtime: Runtime) -> list[str]:
    """What is left of a runtime after its block, one line each; an empty list is what a test wants to see."""
    found = [f"process {cell.ref!r} is {cell.phase.value}" for cell in runtime.cells.values()]
    found += [f"zombie {zombie!r}" for zombie in runtime.zombies]
    found += [f"name {key!r}" for key in runtime.names.keys()]  # noqa: SIM118  (a registry is no mapping)
    return found
