"""One call at a time for one resource: whoever comes second waits, and then finds what the first one made."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager

import trio

from agentsup.otp.keyed_lock import KeyedLocks
from agentsup.provisioning.backend import Role

Key = tuple[str, Role, str]
"""Scope, role, name."""

# One set of locks per event loop: a lock means nothing to the tasks of another.
_locks: trio.lowlevel.RunVar[KeyedLocks] = trio.lowlevel.RunVar("agentsup.provisioning.flights")


@asynccontextmanager
async def alone(keys: Iterable[Key]) -> AsyncIterator[None]:
    """Hold all of these resources; they are taken in one order, so that two calls cannot wait for each other."""
    try:
        locks = _locks.get()
    except LookupError:
        locks = KeyedLocks()
        _locks.set(locks)
    async with AsyncExitStack() as stack:
        for key in sorted(set(keys)):
            await stack.enter_async_context(locks.hold(key))
        yield
