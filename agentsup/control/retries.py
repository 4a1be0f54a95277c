"""What is repeated without a question, when, and what never is. Pure."""

from __future__ import annotations

from typing import Final

import attrs

from agentsup.control.errors import ApiError, ConnectionFailed, RateLimited, ServerError, UnreadableAnswer
from agentsup.providers.reconnect import Reconnect

LONGEST_WAIT: Final = 60.0
"""Seconds; who is told to stay away for longer hears of it at once instead."""

_UNSEEN: Final = frozenset({408, 425})
"""Statuses that say that the request was not looked at, and could be the next time: it came in too slowly, or too early."""


@attrs.frozen(kw_only=True)
class Retries:
    """How often, and how long between: full jitter, so that many who failed together do not come back together."""

    most: int = 2
    """Repetitions after the first time."""

    backoff: Reconnect = Reconnect(initial=0.5, cap=8.0)

    def wait(self, error: ApiError, attempt: int, *, again: bool, chance: float) -> float | None:
        """Seconds to wait before the repetition number `attempt` (from 1); None to give up.

        Args:
            error: what came of the last time.
            attempt: how often it was tried so far.
            again: doing it twice comes to the same.
            chance: a random number from 0 to 1.
        """
        if attempt > self.most or not worth_repeating(error, again=again):
            return None
        wait = self.backoff.delay(attempt, chance, floor=error.retry_after)
        return wait if wait <= LONGEST_WAIT else None


def worth_repeating(error: ApiError, *, again: bool) -> bool:
    """Whether the same request may and could succeed.

    The service's own word goes first. Where it gives none: what was refused before it was looked at is repeated; what may have been done
    is repeated only if doing it twice comes to the same; all else would be answered the same again.
    """
    if error.should_retry is not None:
        return error.should_retry
    match error:
        case RateLimited():
            return True
        case ConnectionFailed():
            return again or not error.ambiguous
        case ServerError() | UnreadableAnswer():
            return again
    return error.status in _UNSEEN
