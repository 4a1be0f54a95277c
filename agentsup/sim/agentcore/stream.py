"""The body of one answer that is an event stream: whole messages, until it ends or breaks."""

from __future__ import annotations

from collections import deque
from enum import Enum, auto

import trio

from agentsup.sim.exchange import Severed

from . import frames

MOST_WAITING_BYTES = 1024 * 1024
"""Sent and not yet read. When full, whoever sends waits, as on a socket, so a slow client costs memory to nobody."""

_MOST_AT_ONCE_BYTES = 64 * 1024
_HALF_A_FRAME = frames.event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "never whole"}})[:-20]


class _Ending(Enum):
    NONE = auto()
    CLEAN = auto()
    CUT = auto()


class Stream:
    """A `ByteStream`; whoever performs sends whole messages into it, and may go on sending when nobody reads any more."""

    def __init__(self) -> None:
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._ending = _Ending.NONE
        self._closed = False
        self._news = trio.Event()
        self._room = trio.Event()

    def __repr__(self) -> str:
        return f"<Stream waiting={self._waiting_bytes} ending={self._ending.name.lower()} closed={self._closed}>"

    @property
    def open(self) -> bool:
        """Whether sending still reaches somebody."""
        return self._ending is _Ending.NONE and not self._closed

    async def send(self, frame: bytes) -> None:
        """Adds a message, after waiting for room; cancelled, nothing was added. One that has ended takes nothing."""
        while self.open and self._waiting_bytes > MOST_WAITING_BYTES:
            self._room = trio.Event()
            await self._room.wait()
        self.push(frame)

    def push(self, frame: bytes) -> None:
        """Adds a message whatever waits already: for the few that end a stream."""
        if self.open:
            self._waiting.append(frame)
            self._waiting_bytes += len(frame)
            self._news.set()

    def end(self) -> None:
        """The body ends cleanly behind what is waiting."""
        self._finish(_Ending.CLEAN)

    def cut(self, *, mid_frame: bool) -> None:
        """The connection breaks behind what is waiting, or in the middle of one more message."""
        if mid_frame:
            self.push(_HALF_A_FRAME)
        self._finish(_Ending.CUT)

    def _finish(self, ending: _Ending) -> None:
        if self.open:
            self._ending = ending
            self._news.set()
            self._room.set()

    def close(self) -> None:
        """Nobody reads any more; closing twice is fine."""
        self._closed = True
        self._waiting.clear()
        self._waiting_bytes = 0
        self._room.set()

    async def read(self) -> bytes:
        """The messages that are waiting, else the next one; `b""` after the last.

        Raises:
            Severed: the stream breaks here.
        """
        await trio.lowlevel.checkpoint()
        while not self._waiting and self._ending is _Ending.NONE:
            self._news = trio.Event()
            await self._news.wait()
        if self._waiting:
            return self._take()
        if self._ending is _Ending.CUT:
            raise Severed
        return b""

    def _take(self) -> bytes:
        taken: list[bytes] = []
        size = 0
        while self._waiting and size < _MOST_AT_ONCE_BYTES:
            taken.append(self._waiting.popleft())
            size += len(taken[-1])
        self._waiting_bytes -= size
        self._room.set()
        return b"".join(taken)
