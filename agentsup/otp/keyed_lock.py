"""One lock per key, there while somebody wants it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import attrs
import trio

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Hashable


@attrs.define(eq=False)
class _Wanted:
    lock: trio.Lock = attrs.field(factory=trio.Lock)
    users: int = 0


@attrs.define(eq=False)
class KeyedLocks:
    """Mutual exclusion per key, in order of arrival."""

    _wanted: dict[Hashable, _Wanted] = attrs.field(factory=dict)

    @asynccontextmanager
    async def hold(self, key: Hashable) -> AsyncIterator[None]:
        """Hold the lock of `key`. It is given back however the block ends; a waiter that is cancelled stands in nobody's way."""
        wanted = self._wanted.setdefault(key, _Wanted())
        wanted.users += 1
        try:
            async with wanted.lock:
                yield
        finally:
            wanted.users -= 1
            if not wanted.users:
                del self._wanted[key]

    def __len__(self) -> int:
        return len(self._wanted)
