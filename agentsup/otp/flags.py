"""How a supervisor supervises: strategy, restart limit and the delays between restarts."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal, get_args

import attrs

from agentsup.errors import Problem, SpecError
from agentsup.otp.spread import Spread

if TYPE_CHECKING:
    import random

Strategy = Literal["one_for_one", "one_for_all", "rest_for_one"]
"""Who is restarted with a child that failed: nobody else; all; those started after it."""

AutoShutdown = Literal["never", "any_significant", "all_significant"]
"""When the end of significant children ends the supervisor (rule S20)."""


def is_seconds(value: object) -> bool:
    """Whether something is a duration: a number of at least 0, infinity included, NaN and booleans not."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0


@attrs.frozen
class Backoff:
    """The delay before each restart: none before the first, then full jitter, `U(0, min(cap, base * factor**k))` before the k+2nd.

    `Backoff(base=0, cap=0)` restarts at once, always, as OTP does. Times in seconds.
    """

    base: float = attrs.field(default=0.1, kw_only=True)
    cap: float = attrs.field(default=1.0, kw_only=True)
    factor: float = attrs.field(default=2.0, kw_only=True)
    stable_after: float = attrs.field(default=5.0, kw_only=True)
    """A child that ran this long before it failed has recovered: its next restart is a first one."""

    def __attrs_post_init__(self) -> None:
        problems = [
            Problem(name, f"{getattr(self, name)!r} is no duration; right would be seconds of at least 0")
            for name in ("base", "cap", "stable_after")
            if not is_seconds(getattr(self, name))
        ]
        if not is_seconds(self.factor) or not 1 <= self.factor < math.inf:
            problems.append(Problem("factor", f"{self.factor!r} would not let the delays grow; at least 1"))
        if problems:
            raise SpecError(problems)

    def ceiling(self, failures: int) -> float:
        """The longest delay before the restart after that many failures in a row (from 1)."""
        if failures <= 1 or self.base == 0 or self.cap == 0:
            return 0.0
        try:
            return min(self.cap, self.base * self.factor ** (failures - 2))
        except OverflowError:
            return self.cap

    def delay(self, failures: int, random: random.Random) -> float:
        """A delay for it."""
        ceiling = self.ceiling(failures)
        return random.uniform(0.0, ceiling) if ceiling else 0.0


@attrs.frozen
class SupFlags:
    """A supervisor's flags, checked when they are made.

    `intensity` restarts are allowed within `period` seconds, over all children; one more ends the supervisor with `Shutdown(RestartLimit(...))`.
    `intensity=math.inf` is no limit, said explicitly.
    """

    strategy: Strategy = "one_for_one"
    intensity: float = attrs.field(default=3, kw_only=True)
    period: float = attrs.field(default=5.0, kw_only=True)
    auto_shutdown: AutoShutdown = attrs.field(default="never", kw_only=True)
    backoff: Backoff = attrs.field(factory=Backoff, kw_only=True)
    spread: Spread | None = attrs.field(default=None, kw_only=True)
    """How fast restarts may follow each other over all children, so that a crowd does not come back in one moment; None for no such limit."""

    def __attrs_post_init__(self) -> None:
        problems = [*self._wrong_words(), *self._wrong_numbers()]
        if problems:
            raise SpecError(problems)

    def _wrong_words(self) -> list[Problem]:
        return [
            Problem(name, f"{value!r} is unknown; one of {', '.join(get_args(words))}")
            for name, value, words in (
                ("strategy", self.strategy, Strategy),
                ("auto_shutdown", self.auto_shutdown, AutoShutdown),
            )
            if value not in get_args(words)
        ]

    def _wrong_numbers(self) -> list[Problem]:
        problems = []
        if not is_seconds(self.intensity) or (self.intensity != math.inf and not isinstance(self.intensity, int)):
            problems.append(
                Problem(
                    "intensity",
                    f"{self.intensity!r} is no count; a whole number of at least 0, or math.inf for no limit",
                )
            )
        if not is_seconds(self.period) or not 0 < self.period < math.inf:
            problems.append(Problem("period", f"{self.period!r} is no span; seconds above 0"))
        if not isinstance(self.backoff, Backoff):
            problems.append(Problem("backoff", f"a {type(self.backoff).__name__} is no Backoff"))
        if self.spread is not None and not isinstance(self.spread, Spread):
            problems.append(Problem("spread", f"a {type(self.spread).__name__} is no Spread"))
        return problems

    @property
    def limit_is_unreachable(self) -> bool:
        """Whether the delays alone keep a failing child under the limit, so that it never triggers: the usual misconfiguration."""
        slowest = self.backoff.cap * (self.intensity + 1)
        return self.intensity != math.inf and slowest > self.period and self.backoff.base > 0


@attrs.frozen
class RestartLimit:
    """The `info` of a supervisor that gave up: too many restarts (rule S12), and who was the last to fail, how."""

    offender: Any
    reason: Any
    intensity: float
    period: float


@attrs.frozen
class StartFailed:
    """The `info` of a supervisor whose child `child` could not be started the first time (rule S4)."""

    child: Any
    reason: Any


@attrs.frozen
class AutoShutdownDone:
    """The `info` of a supervisor that ended because significant children did (rule S20); `child` was the last of them."""

    child: Any
