"""Who waits for what a session will say of one request, or of one event in the provider's own words."""

from __future__ import annotations

from typing import Generic, TypeVar

import trio

from agentsup.errors import AgentsupError

T = TypeVar("T")


class Waiting(Generic[T]):
    """Somebody waits for an outcome; it may come before anybody waits."""

    def __init__(self) -> None:
        self._settled = trio.Event()
        self._value: list[T] = []
        self._error: AgentsupError | None = None

    def settle(self, value: T) -> None:
        """It came to this."""
        self._value.append(value)
        self._settled.set()

    def fail(self, error: AgentsupError) -> None:
        """It will come to nothing, for this reason."""
        self._error = error
        self._settled.set()

    async def wait(self) -> T:
        """What it came to.

        Raises:
            AgentsupError: the reason why it came to nothing.
        """
        await self._settled.wait()
        if self._error is not None:
            raise self._error
        return self._value[0]
