"""How long to stay away after a connection was lost: a pure schedule."""

from __future__ import annotations

from typing import Final

import attrs

from agentsup.talk.limits import is_positive

LONGEST_WAIT: Final = 3600.0
"""Seconds of a Retry-After that are believed. A server that means to be back after a year, or a number of three hundred digits, must not
put a session to sleep for that long: it is asked again every hour."""


@attrs.frozen(kw_only=True)
class Reconnect:
    """When to try again after the event stream broke.

    The delay before attempt k is drawn evenly from zero to `initial` * 2**(k-1), but never above `cap` ("full jitter"), so that sessions
    that lost their provider together do not come back together. A wait the provider asks for (Retry-After, an hour of it at most) is a floor
    under it. Only a new event resets the count: a provider that accepts connections and says nothing is not one that works.
    """

    initial: float = 0.5
    """Seconds; the upper end of the first delay."""

    cap: float = 60.0
    """Seconds; no drawn delay is longer."""

    heartbeat: float = 45.0
    """Seconds without a single byte after which a stream is taken for dead; three times the 15 s in which keepalives are expected."""

    max_attempts: int | None = None
    """Losses in a row after which the session ends; None tries for ever."""

    grace: float = 1.0
    """Seconds that something we sent is given to arrive after all, when the connection broke under it: a provider may still be taking it in.
    Only then is the history asked whether it did, and only then may it go out again."""

    def delay(self, attempt: int, chance: float, *, floor: float | None = None) -> float:
        """Seconds to wait before attempt `attempt` (0 waits not at all); `chance` is a random number from 0 to 1."""
        asked = min(floor or 0.0, LONGEST_WAIT)
        if attempt <= 0:
            return asked
        ceiling = min(self.cap, self.initial * 2.0 ** min(attempt - 1, 60))
        return max(asked, ceiling * chance)

    def faults(self) -> list[tuple[str, str]]:
        """Field and what would be right, for each field that cannot be used."""
        found = [
            (name, f"must be a positive number of seconds, not {value!r}")
            for name, value in (("initial", self.initial), ("cap", self.cap), ("heartbeat", self.heartbeat))
            if not is_positive(value)
        ]
        if not (self.grace == 0 or is_positive(self.grace)):
            found.append(("grace", f"must be a number of seconds of at least 0, not {self.grace!r}"))
        if self.max_attempts is not None and not (type(self.max_attempts) is int and self.max_attempts >= 0):
            found.append(("max_attempts", f"must be None or an integer of at least 0, not {self.max_attempts!r}"))
        return found
