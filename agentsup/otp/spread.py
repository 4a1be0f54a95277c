"""Spreading restarts that all become due at once: a token bucket, pure.

When a service that many children depend on comes back, all of them want to start again at the same moment; jitter alone gives the whole crowd one
short window. The bucket lets `burst` restarts through at once and then one every `1 / rate` seconds, in the order they were asked for.
"""

from __future__ import annotations

import math

import attrs

from agentsup.errors import Problem, SpecError


@attrs.frozen
class Spread:
    """How fast a supervisor restarts its children, taken together. In addition to each child's own delay, whichever is longer."""

    rate: float
    """Restarts per second, above 0, in the long run."""

    burst: int = 10
    """How many may come at once after a calm, at least 1."""

    def __attrs_post_init__(self) -> None:
        problems = []
        if not isinstance(self.rate, (int, float)) or not 0 < self.rate < math.inf:
            problems.append(Problem("rate", f"{self.rate!r} is no rate; restarts per second, above 0"))
        if not isinstance(self.burst, int) or self.burst < 1:
            problems.append(Problem("burst", f"{self.burst!r} lets nobody through; a whole number of at least 1"))
        if problems:
            raise SpecError(problems)


@attrs.frozen
class Bucket:
    """A spread and what of it is used up: the time at which the bucket would be full again."""

    spread: Spread
    full_at: float = -math.inf

    def take(self, now: float) -> tuple[float, Bucket]:
        """Take one token: how many seconds to wait for it, and the bucket afterwards."""
        each = 1 / self.spread.rate
        full_at = max(self.full_at, now) + each
        wait = max(0.0, full_at - now - self.spread.burst * each)
        return wait, attrs.evolve(self, full_at=full_at)
