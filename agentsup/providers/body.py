"""A response's body: read as a whole within bounds, or left in the middle of it with nothing left behind."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

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


async def whole(response: Any, *, most: int) -> bytes | None:
    """The body of an opened response; None if it has more than `most` bytes, unpacked: then the rest is not read.

    How long it may take is a scope around it: a peer that drips a byte now and then is never silent.
    """
    pieces: list[bytes] = []
    size = 0
    async with unwinding(response.aiter_bytes()) as body:
        async for piece in body:
            size += len(piece)
            if size > most:
                return None
            pieces.append(piece)
    return b"".join(pieces)
