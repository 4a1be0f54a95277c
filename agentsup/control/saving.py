"""Content that comes in pieces, as a file: all of it, or what was there before."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import trio


async def save(pieces: AsyncIterator[bytes], target: Path) -> None:
    """Write the pieces beside the target first, and move them there in one step; if that does not come to its end, nothing is left behind.

    Raises:
        OSError: it cannot be written there.
    """
    beside = target.with_name(
        f".{secrets.token_hex(8)}.part"
    )  # without the target's name, which may be as long as names can be
    try:
        async with await trio.open_file(beside, "xb") as out:
            async for piece in pieces:
                await out.write(piece)
        await trio.Path(beside).replace(target)
    finally:
        with trio.CancelScope(shield=True):
            await trio.Path(beside).unlink(missing_ok=True)
