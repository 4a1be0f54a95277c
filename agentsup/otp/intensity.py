"""How many restarts are too many: the window of rule S11, pure.

OTP counts in whole seconds and includes the edge; here time is a float and an attempt counts while `now - t < period`, so the window is exactly as
long as it says. Shifting all times by the same amount changes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterable


def within(attempts: Iterable[float], now: float, period: float) -> tuple[float, ...]:
    """The attempts that still count at `now`: those less than `period` seconds ago, in the order given."""
    return tuple(at for at in attempts if now - at < period)


@attrs.frozen
class Window:
    """The restart attempts of the last `period` seconds, against the `intensity` that is allowed. One per supervisor, shared by all its children."""

    intensity: float
    """Attempts allowed within a period; `math.inf` for no limit."""

    period: float
    """Seconds."""

    attempts: tuple[float, ...] = ()
    """When they were made, oldest first."""

    def add(self, now: float) -> Window:
        """The window after one more attempt at `now`."""
        if self.intensity == float("inf"):
            return self
        return attrs.evolve(self, attempts=(*within(self.attempts, now, self.period), now))

    def count(self, now: float) -> int:
        """Attempts that still count at `now`."""
        return len(within(self.attempts, now, self.period))

    @property
    def is_exceeded(self) -> bool:
        """Whether the last attempt was one too many; then it must not be carried out."""
        return len(self.attempts) > self.intensity
