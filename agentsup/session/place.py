"""The place of one running tool among those that run at the same time."""

from __future__ import annotations

import attrs
import trio


@attrs.define(eq=False)
class Place:
    """Taken when a tool's turn comes, and given back once: when it ends, or when it cannot be ended and the others must not wait for it."""

    _slots: trio.CapacityLimiter
    _is_taken: bool = False
    is_answered: bool = False
    """The call has a result already; what the tool still returns is not heard."""

    async def take(self) -> None:
        """Wait for one."""
        await self._slots.acquire_on_behalf_of(self)
        self._is_taken = True

    def leave(self) -> None:
        """Give it back; harmless a second time."""
        if self._is_taken:
            self._is_taken = False
            self._slots.release_on_behalf_of(self)
