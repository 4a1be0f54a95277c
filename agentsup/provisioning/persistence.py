"""Asking again what may be asked again."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import trio

from agentsup.providers.base import Unavailable
from agentsup.providers.reconnect import Reconnect

T = TypeVar("T")

ATTEMPTS: Final = 4
"""How often one thing is asked: with the pauses below that spans some seconds, which is what a hiccup takes. The call's deadline is above it."""

_PAUSES: Final = Reconnect(initial=1.0, cap=8.0)


async def persist(ask: Callable[[], Awaitable[T]], *, after: type[Unavailable] = Unavailable) -> T:
    """The answer, of the first time that there is one.

    Args:
        ask: What comes to the same when it is done twice; or anything, with `after=NotDone`.
        after: The failures after which it is asked again.
    """
    attempt = 0
    while True:
        attempt += 1
        try:
            return await ask()
        except after as exc:
            if attempt >= ATTEMPTS:
                raise
            failure = exc
        await pause(attempt, failure)


async def pause(attempt: int, after: Unavailable) -> None:
    """Stay away for a while after the attempt (from 1); longer each time, and as long as the provider asked for."""
    await trio.sleep(_PAUSES.delay(attempt, random.random(), floor=after.retry_after))  # noqa: S311  -- jitter, not a secret
