"""Leaving a response's body in the middle of it, with nothing left behind."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TypeVar

import trio

T = TypeVar("T")


@asynccontextmanager
async def unwinding(pieces: AsyncIterator[T]) -> AsyncIterator[AsyncIterator[T]]:
    """Within: read as far as you like. Afterwards the iterators are closed, all of them.

    An HTTP client's iterators stand one inside the other, and a reader who just leaves closes the outermost and leaves the rest to the
    garbage collector, which complains. This one goes on reading when the block ends, cancelled: what was read ahead comes without waiting
    and is dropped, and the first wait unwinds all of them, from the innermost.
    """
    try:
        yield pieces
    finally:
        # Whatever the client raises now is about a body that nobody wants any more.
        with trio.CancelScope() as over, suppress(Exception):
            over.cancel()
            while True:
                await anext(pieces)
