"""One open event stream: everything published since it was opened, until somebody reads it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from enum import Enum, auto

import trio

from agentsup.sim.exchange import Severed

KEEPALIVE_S = 15.0
"""Seconds without an event after which a comment line is sent; the service's own period is not documented."""

MOST_WAITING_BYTES = 64 * 1024 * 1024
"""For one stream: more than any test's burst, less than would hurt. When full, the stream is cut; the history has what it missed."""

_MOST_AT_ONCE_BYTES = 64 * 1024

_KEEPALIVE = b": keepalive\n\n"
_HALF_A_FRAME = b'event: agent.message\ndata: {"id":"sevt_'


class _Ending(Enum):
    NONE = auto()
    CLEAN = auto()
    CUT = auto()


class Tap:
    """The reading end of one stream (a `ByteStream`); whoever publishes pushes whole frames into it and never waits."""

    def __init__(self, forget: Callable[[Tap], None], deltas: frozenset[str] = frozenset()) -> None:
        self._forget = forget
        self.deltas = deltas
        """The event types whose previews this stream wants."""
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._ending = _Ending.NONE
        self._arrival = trio.Event()
        self._departure = trio.Event()
        self._closed = False

    def __repr__(self) -> str:
        return f"<Tap waiting={len(self._waiting)} ending={self._ending.name.lower()}>"

    @property
    def open(self) -> bool:
        """Whether pushing still reaches somebody."""
        return self._ending is _Ending.NONE and not self._closed

    @property
    def unread_bytes(self) -> int:
        """How much waits to be read."""
        return self._waiting_bytes

    async def caught_up(self) -> None:
        """Returns when everything that waits has been read, or nobody reads any more."""
        while self._waiting and not self._closed:
            self._departure = trio.Event()
            await self._departure.wait()

    def push(self, frame: bytes) -> None:
        """Adds a frame; a stream that is full is cut, one that has ended takes nothing."""
        if not self.open:
            return
        self._waiting.append(frame)
        self._waiting_bytes += len(frame)
        self._arrival.set()
        if self._waiting_bytes > MOST_WAITING_BYTES:
            self.cut()

    def end(self) -> None:
        """The body ends cleanly behind what is waiting."""
        if self.open:
            self._ending = _Ending.CLEAN
            self._arrival.set()

    def cut(self) -> None:
        """The connection breaks in the middle of a frame behind what is waiting."""
        if self.open:
            self._waiting.append(_HALF_A_FRAME)
            self._ending = _Ending.CUT
            self._arrival.set()

    def close(self) -> None:
        """Nobody reads any more; closing twice is fine."""
        self._forget(self)
        self._closed = True
        self._waiting.clear()
        self._departure.set()

    async def read(self) -> bytes:
        """The frames that are waiting, else the next one, or a comment line after 15 silent seconds; `b""` after the last.

        Raises:
            Severed: the stream was cut.
        """
        if not self._waiting and self._ending is _Ending.NONE:
            self._arrival = trio.Event()
            with trio.move_on_after(KEEPALIVE_S):
                await self._arrival.wait()
        else:
            await trio.lowlevel.checkpoint()
        if self._waiting:
            return self._take()
        match self._ending:
            case _Ending.CLEAN:
                return b""
            case _Ending.CUT:
                raise Severed
            case _Ending.NONE:
                return _KEEPALIVE

    def _take(self) -> bytes:
        taken: list[bytes] = []
        size = 0
        while self._waiting and size < _MOST_AT_ONCE_BYTES:
            taken.append(self._waiting.popleft())
            size += len(taken[-1])
        self._waiting_bytes -= size
        self._departure.set()
        return b"".join(taken)
