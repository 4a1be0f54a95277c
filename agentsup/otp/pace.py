"""How often and how fast a supervisor restarts: its limit, the delay of each child, and the pace over all of them. Knows times, not processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from agentsup.otp.intensity import Window
from agentsup.otp.judgement import least_delay
from agentsup.otp.spread import Bucket

if TYPE_CHECKING:
    import random

    from agentsup.otp.child import Child
    from agentsup.otp.flags import Backoff, SupFlags
    from agentsup.otp.reasons import ExitReason


@attrs.define(eq=False)
class Pace:
    """The restarts of one supervisor, counted and spread. Times are seconds on trio's clock."""

    flags: SupFlags
    window: Window
    """Its attempts, against its limit."""
    bucket: Bucket | None
    """What its own pace allows still; None if it has none."""

    @classmethod
    def of(cls, flags: SupFlags) -> Pace:
        """That of a supervisor which has restarted nobody yet."""
        return cls(flags, Window(flags.intensity, flags.period), None if flags.spread is None else Bucket(flags.spread))

    def attempt(self, now: float) -> bool:
        """Count an attempt; False if it is one too many, and must not be carried out."""
        self.window = self.window.add(now)
        return not self.window.is_exceeded

    def recovered(self, child: Child, now: float) -> bool:
        """Whether a child that has just died ran long enough for its next restart to be a first one."""
        return now - child.running_since >= self._backoff(child).stable_after

    def delay(self, child: Child, reason: ExitReason, now: float, random: random.Random) -> float:
        """Seconds to wait before a child that failed is started again: what its backoff says, what the failure asks for, what it waits for already."""
        delay = self._backoff(child).delay(child.failures, random)
        if self.bucket is not None:
            turn, self.bucket = self.bucket.take(now)
            delay = max(delay, turn)
        return max(delay, least_delay(reason), child.not_before - now)

    def _backoff(self, child: Child) -> Backoff:
        return child.spec.backoff or self.flags.backoff
