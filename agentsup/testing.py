"""The kit for your own tests: break things on purpose, see that nothing is left, and talk to an agent that does what the message says.

What concerns any supervision tree comes from `agentsup.otp.testing`; where it wants a runtime, give it `Runtime.kernel`.
"""

from __future__ import annotations

from agentsup import otp
from agentsup.otp import testing as kernel
from agentsup.otp.testing import (
    EventMissing,
    InjectedCrash,
    Leaked,
    assert_event,
    leftovers,
    next_event,
    no_leaks,
    pass_time,
    restarted,
    so_far,
)
from agentsup.session.client import SessionRef
from agentsup.sim import open_simulator

__all__ = [
    "EventMissing",
    "InjectedCrash",
    "Leaked",
    "assert_event",
    "crash",
    "leftovers",
    "next_event",
    "no_leaks",
    "open_simulator",
    "pass_time",
    "restarted",
    "so_far",
]


async def crash(who: SessionRef | otp.Dest, error: BaseException | None = None) -> otp.ExitReason:
    """Kill a session's task (or any process) as a bug in it would, and wait until that was announced; the exit reason.

    What waits for the session's answer goes on waiting: the restarted task answers.

    Raises:
        otp.NoProc: there is nothing to kill at the moment.
    """
    if not isinstance(who, SessionRef):
        return await kernel.crash(who, error)
    if who.incarnation is None:  # ended, or between two incarnations; the name may already be another session's
        raise otp.NoProc(who.address, "crash")
    return await kernel.crash(who.incarnation, error)
