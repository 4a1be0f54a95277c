"""What a supervisor makes of an exit reason: pure, and free of its state."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agentsup.otp.errors import AlreadyStarted, BadReturn, InitFailed, InitTimeout, RegistryClosed, StartError
from agentsup.otp.reasons import Crashed, Killed, Normal, Shutdown

if TYPE_CHECKING:
    from agentsup.otp.childspec import ChildSpec
    from agentsup.otp.reasons import ExitReason


def least_delay(reason: ExitReason) -> float:
    """The shortest delay a failure asks for: `retry_after` (seconds) on its exception, as a server may have said."""
    if not isinstance(reason, Crashed):
        return 0.0
    try:
        asked = getattr(reason.exception, "retry_after", None)
    except Exception:  # noqa: BLE001  (a property of somebody's exception must not hurt a supervisor)
        return 0.0
    return float(asked) if isinstance(asked, (int, float)) and asked > 0 else 0.0


def is_acceptable(spec: ChildSpec, reason: ExitReason) -> bool:
    """Whether a child ended as one that is being stopped should (rule S7)."""
    if isinstance(reason, Killed):
        return spec.shutdown == "brutal_kill"
    if isinstance(reason, Shutdown):
        return reason.info is None or spec.restart != "permanent"
    return isinstance(reason, Normal) and spec.restart != "permanent"


def start_error(spec: ChildSpec, timed_out: bool, reason: ExitReason) -> StartError:  # noqa: FBT001  (a fact, not a switch)
    """What a failed first start raises at whoever asked for it."""
    if timed_out:
        assert spec.init_timeout is not None
        return InitTimeout(spec.id, spec.init_timeout)
    if isinstance(reason, Crashed):
        if isinstance(reason.exception, (AlreadyStarted, BadReturn, RegistryClosed)):
            return reason.exception
        failed = InitFailed(spec.id, reason)
        failed.__cause__ = reason.exception
        return failed
    return InitFailed(spec.id, reason)
