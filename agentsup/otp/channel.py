"""A bounded channel to one subscriber: the edge where the inside of a tree meets a consumer that may be slow.

The producer never waits. What happens when the subscriber lags is a policy named at the beginning, what was dropped is counted, and an item that must
arrive (a terminal) always does: it goes past the bound, and whoever sends such items sends few of them. Several channels form a fan-out.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Generic, Literal, Self, TypeVar, get_args

import attrs
import trio

from agentsup.errors import AgentsupError, Problem, SpecError
from agentsup.otp.parking import ParkingSpace

if TYPE_CHECKING:
    from types import TracebackType

T = TypeVar("T")

ChannelOverflow = Literal["drop_oldest", "drop_newest", "disconnect"]
"""What a full channel does with one more item: forget the oldest, forget the new one, or end the subscription."""


class Disconnected(AgentsupError):
    """The subscriber lagged by more than its buffer, and its policy was to be cut off; `buffer` says how many items that was."""

    def __init__(self, buffer: int) -> None:
        self.buffer = buffer
        super().__init__(f"the subscriber fell more than {buffer} items behind and was disconnected")


@attrs.frozen
class ChannelStatistics:
    """A look at a channel."""

    length: int
    buffer: int
    overflow: ChannelOverflow
    high_water: int
    dropped: int
    """Since the beginning."""
    is_closed: bool


@attrs.define(eq=False, repr=False)
class Channel(Generic[T]):
    """Items from a producer that never waits to one consumer, which iterates: `async for item in channel`.

    Iteration ends when the channel was closed and what it held is consumed; after a `disconnect`, it raises `Disconnected` then. Cancelling the consumer
    loses nothing: the item stays for the next look. Leaving `async with channel` closes it.

    Args:
        buffer: how many items may wait, at least 1.
        overflow: what happens to one more.
    """

    buffer: int
    overflow: ChannelOverflow = "drop_oldest"
    _items: deque[tuple[T, bool]] = attrs.field(factory=deque, init=False)
    _consumer: ParkingSpace = attrs.field(factory=ParkingSpace, init=False)
    _closed: bool = attrs.field(default=False, init=False)
    _cut: bool = attrs.field(default=False, init=False)
    _dropped: int = attrs.field(default=0, init=False)
    _unseen: int = attrs.field(default=0, init=False)
    _high_water: int = attrs.field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        problems = []
        if not isinstance(self.buffer, int) or isinstance(self.buffer, bool) or self.buffer < 1:
            problems.append(Problem("buffer", f"{self.buffer!r} holds nothing; a whole number of at least 1"))
        if self.overflow not in get_args(ChannelOverflow):
            problems.append(
                Problem("overflow", f"{self.overflow!r} is unknown; one of {', '.join(get_args(ChannelOverflow))}")
            )
        if problems:
            raise SpecError(problems)

    def offer(self, item: T, *, must_deliver: bool = False) -> bool:
        """Hand over an item, now; False if it was dropped, or the channel is closed.

        An item with `must_deliver` is never dropped, neither now nor later to make room, not even by a `disconnect`.
        """
        if self._closed:
            return False
        if len(self._items) >= self.buffer and not must_deliver and not self._make_room():
            self._drop(1)
            if self.overflow == "disconnect":
                self._cut = True
                self.close()
            return False
        self._items.append((item, must_deliver))
        self._high_water = max(self._high_water, len(self._items))
        self._consumer.unpark()
        return True

    def close(self) -> None:
        """No more items; what waits can still be consumed. Closing twice is fine."""
        self._closed = True
        self._consumer.unpark()

    def take_dropped(self) -> int:
        """How many items were dropped since the last time somebody asked: for the consumer, to say so beside the next item it shows."""
        unseen, self._unseen = self._unseen, 0
        return unseen

    @property
    def dropped(self) -> int:
        """How many items were dropped since the beginning."""
        return self._dropped

    @property
    def is_closed(self) -> bool:
        """Whether nothing more can be offered."""
        return self._closed

    def __len__(self) -> int:
        return len(self._items)

    def __bool__(self) -> bool:
        return True

    def statistics(self) -> ChannelStatistics:
        """A look at it."""
        return ChannelStatistics(
            len(self._items), self.buffer, self.overflow, self._high_water, self._dropped, self._closed
        )

    def receive_nowait(self) -> T:
        """The next item, if one is there.

        Raises:
            trio.WouldBlock: none is, now.
            trio.EndOfChannel: none will be.
            Disconnected: none will be, because the consumer lagged.
        """
        if self._items:
            return self._items.popleft()[0]
        if self._cut:
            raise Disconnected(self.buffer)
        if self._closed:
            raise trio.EndOfChannel
        raise trio.WouldBlock

    async def receive(self) -> T:
        """The next item; waits for it. Cancelled, it has taken none.

        Raises:
            trio.EndOfChannel: the channel is closed and empty.
            Disconnected: the same, because the consumer lagged.
            trio.BusyResourceError: somebody else consumes this channel already.
        """
        if self._consumer.is_taken:
            raise trio.BusyResourceError("a channel has one consumer; open another channel for another")
        await trio.lowlevel.checkpoint_if_cancelled()
        waited = False
        while not self._items and not self._closed:
            await self._consumer.park()
            waited = True
        if not waited:
            await trio.lowlevel.cancel_shielded_checkpoint()
        return self.receive_nowait()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        try:
            return await self.receive()
        except trio.EndOfChannel:
            raise StopAsyncIteration from None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Channel {len(self._items)}/{self.buffer} {self.overflow}, dropped {self._dropped}{', closed' if self._closed else ''}>"

    def _make_room(self) -> bool:
        if self.overflow != "drop_oldest":
            return False
        for index, (_, must_deliver) in enumerate(self._items):
            if not must_deliver:
                del self._items[index]
                self._drop(1)
                return True
        return False

    def _drop(self, count: int) -> None:
        self._dropped += count
        self._unseen += count
