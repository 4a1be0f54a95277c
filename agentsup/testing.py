"""The kit for your own tests: break things on purpose, and talk to an agent that does what the message says."""

from __future__ import annotations

from agentsup import otp
from agentsup.session.client import SessionRef
from agentsup.sim import open_simulator

__all__ = ["InjectedCrash", "crash", "open_simulator"]


class InjectedCrash(Exception):
    """The bug that `crash` pretends there was."""


async def crash(ref: SessionRef | otp.Ref) -> None:
    """Kill a session's task (or any actor) as a bug in it would; returns when it is dead, and its supervisor has heard of it.

    What waits for the session's answer goes on waiting: the restarted task answers.

    Raises:
        otp.NoProc: there is nothing to kill at the moment.
    """
    if isinstance(ref, SessionRef):
        target = ref.incarnation
        if target is None:
            raise otp.NoProc(ref.address, "crash")
    else:
        target = ref
    otp.exit(target, otp.Crashed(InjectedCrash("injected by agentsup.testing.crash")))
    await otp.wait_down(target)
