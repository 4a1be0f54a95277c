"""What a stream or a page of the history says, as events of ours."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from agentsup.providers.base import Bodies, Hear
from agentsup.providers.body import unwinding
from agentsup.talk.events import TextDelta, Theirs
from agentsup.wire import sse
from agentsup.wire.errors import RemoteProtocolError
from agentsup.wire.frames import decode_frame
from agentsup.wire.managed.events import read, read_row


def check_is_stream(response: Any) -> None:
    """Before anything is sent: who gets something else would never hear the answer.

    Raises:
        RemoteProtocolError: it is no event stream.
    """
    if "text/event-stream" not in response.headers.get("content-type", "").partition(";")[0].lower():
        raise RemoteProtocolError("the answer is not an event stream")


async def follow(response: Any, hear: Hear) -> None:
    """Tell what the stream says until it ends or makes no sense; what came before the nonsense is told.

    Raises:
        RemoteProtocolError: it makes no sense.
    """
    reader = sse.Reader()
    # We ask for no encoding; a proxy may think it knows better.
    encoded = response.headers.get("content-encoding", "identity") != "identity"
    async with unwinding(response.aiter_bytes() if encoded else response.aiter_raw()) as pieces:
        async for piece in pieces:
            if frames := reader.feed(piece):
                await _tell(frames, hear)


async def _tell(frames: Iterable[sse.Frame], hear: Hear) -> None:
    bodies: list[Theirs | TextDelta] = []
    try:
        for name, data in frames:
            raw = decode_frame(name, data)
            if raw is not None and (body := read(raw, data.decode("utf-8", "replace"))) is not None:
                bodies.append(body)
    finally:
        if bodies:
            await hear(tuple(bodies))


def bodies_of(page: Iterable[object]) -> Bodies:
    """What the rows of a page say."""
    read_page = (read_row(row) for row in page)
    return tuple(body for body in read_page if body is not None)
