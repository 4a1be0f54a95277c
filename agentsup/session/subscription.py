"""One subscriber's view of sessions: bounded, ordered, and honest about what it missed.

Publishing never waits: a slow subscriber slows nobody else. What happens when its buffer is full is its own policy:

* `drop_oldest` and `drop_newest` drop, and say how many at the place where they are missing;
* `disconnect` ends the subscription with `SubscriberTooSlow`, after what is buffered;
* `block` drops no kept event: the subscriber is taken off the live feed and reads on from the journal, at its own pace. Only passing
  events (text deltas) are lost to it meanwhile, and counted.

An event that carries a request's result, and a session's last one, are never dropped by any policy.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Literal, Protocol, TypeAlias, assert_never, get_args

import attrs
import trio

from agentsup import telemetry
from agentsup.errors import AgentsupError, Problem, SpecError
from agentsup.ids import Cursor
from agentsup.otp.parking import ParkingSpace
from agentsup.talk.events import Dropped, SessionEnded, SessionEvent

Overflow: TypeAlias = Literal["block", "drop_oldest", "drop_newest", "disconnect"]

DEFAULT_BUFFER = 256
"""Events a subscriber may be behind: a few seconds of a busy session."""


class SubscriberTooSlow(AgentsupError):
    """The subscriber asked to be disconnected rather than miss events, and its buffer was full."""


class Source(Protocol):
    """Where events come from, and where those that were missed can be read again."""

    @property
    def published(self) -> Cursor:
        """The cursor of the last kept event that was shown."""

    def recent(self, *, after: Cursor) -> tuple[SessionEvent, ...] | None:
        """The kept events behind the cursor, if they are at hand; None if they have to be read."""

    async def replay(self, *, after: Cursor) -> tuple[SessionEvent, ...]:
        """The next of the kept events behind the cursor; none if there are none. Instead of all of them, how many are gone (`Dropped`)."""

    def leave(self, subscription: Subscription) -> None:
        """The subscriber goes."""


@attrs.frozen(kw_only=True)
class SubscriptionStatistics:
    """A subscription in numbers."""

    buffered: int
    """Events waiting to be read."""

    high_water: int
    """The most there ever were."""

    dropped: int
    """Events this subscriber did not get."""


def check_options(after: object, buffer: object, overflow: object) -> None:
    """Refuse options that cannot be used.

    Raises:
        SpecError: with every problem.
    """
    problems = []
    if after is not None and not (type(after) is int and after >= 0):
        problems.append(Problem("after", f"must be None or a cursor of at least 0, not {after!r}"))
    if type(buffer) is not int or buffer < 1:
        problems.append(Problem("buffer", f"must be an integer of at least 1, not {buffer!r}"))
    if overflow not in get_args(Overflow):
        words = ", ".join(repr(word) for word in get_args(Overflow))
        problems.append(Problem("overflow", f"must be one of {words}, not {overflow!r}"))
    if problems:
        raise SpecError(problems)


@attrs.define(eq=False)
class _Waiting:
    """A buffered event, and how many are missing right before it."""

    event: SessionEvent
    missing: int = 0


class Subscription:
    """Events of a session (or of all), in order: `async with` it, then `async for`.

    It ends after the session's last event. One task may read it.
    """

    def __init__(
        self,
        source: Source,
        *,
        after: Cursor | None,
        buffer: int,
        overflow: Overflow,
        wanted: Callable[[SessionEvent], bool] | None = None,
    ) -> None:
        self._source = source
        self._limit = buffer
        self._overflow = overflow
        self._wanted = wanted
        self._queue: deque[_Waiting] = deque()
        self._position = source.published if after is None else after
        self._replaying = self._position < source.published
        self._ahead = self._position if self._position > source.published else Cursor(0)
        """A cursor that has not come yet: nothing is shown before it has."""
        self._page: deque[SessionEvent] = deque()
        """Read again, and not yet taken."""
        self._missing = 0
        """Events that were dropped behind the last buffered one."""
        self._hole: SessionEvent | None = None
        """The first of these."""
        self._dropped = 0
        self._high_water = 0
        self._reader = ParkingSpace()
        self._is_reading = False
        """A page of the journal is on its way."""
        self._over = False
        self._failure: AgentsupError | None = None

    def __repr__(self) -> str:
        state = "over" if self._over else "replaying" if self._replaying else "live"
        return f"<Subscription {state}, {len(self._queue)} buffered, {self._dropped} dropped>"

    def statistics(self) -> SubscriptionStatistics:
        """How far behind this subscriber is, and what it missed."""
        return SubscriptionStatistics(buffered=len(self._queue), high_water=self._high_water, dropped=self._dropped)

    async def __aenter__(self) -> Subscription:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening; what is buffered is forgotten."""
        self._over = True
        self._queue.clear()
        self._page.clear()
        self._missing = 0
        self._replaying = False
        self._source.leave(self)
        self._reader.unpark()

    # --- the publisher's side ----------------------------------------------------------------------------------------------

    def offer(self, event: SessionEvent) -> None:
        """Take note of an event; never waits."""
        if self._over or (self._wanted is not None and not self._wanted(event)):
            return
        if event.cursor <= self._ahead and (event.cursor < self._ahead or not _passes(event)):
            return
        if self._replaying:
            # The replay comes to it, or it passes: the whole message follows.
            if self._overflow == "block" and _passes(event):
                self._miss(event)
            return
        if len(self._queue) < self._limit or _is_last(event):
            self._append(event)
        else:
            self._overflowed(event)

    def end(self, failure: AgentsupError | None = None) -> None:
        """Nothing more will come; what is buffered can still be read."""
        self._failure = self._failure or failure
        self._over = True
        self._source.leave(self)
        self._reader.unpark()

    def _append(self, event: SessionEvent) -> None:
        self._queue.append(_Waiting(event, self._missing))
        self._missing = 0
        self._high_water = max(self._high_water, len(self._queue))
        self._reader.unpark()

    def _overflowed(self, event: SessionEvent) -> None:
        match self._overflow:
            case "drop_newest":
                self._miss(event)
            case "drop_oldest":
                self._drop_oldest()
                self._append(event)
            case "disconnect":
                self.end(SubscriberTooSlow(f"the subscriber was more than {self._limit} events behind"))
            case "block" if _passes(event):
                self._miss(event)
            case "block":
                self._replaying = True
            case _:
                assert_never(self._overflow)

    def _miss(self, event: SessionEvent) -> None:
        if not self._missing:
            self._hole = event
        self._missing += 1
        self._count_dropped(event)

    def _count_dropped(self, event: SessionEvent) -> None:
        self._dropped += 1
        if telemetry.listening():
            who = {"session_id": event.session_id, "overflow": self._overflow}
            telemetry.emit(telemetry.EVENTS_DROPPED, {"count": 1}, who)

    def _drop_oldest(self) -> None:
        """Drop the oldest event that may be dropped; what follows it remembers how many are missing before it."""
        place = next((place for place, waiting in enumerate(self._queue) if not _is_last(waiting.event)), None)
        if place is None:
            return  # nothing but terminals: they stay, and the buffer is over its bound by as many
        dropped = self._queue[place]
        missing = dropped.missing + 1
        del self._queue[place]
        if place < len(self._queue):
            self._queue[place].missing += missing
        else:
            self._missing += missing
        self._count_dropped(dropped.event)

    # --- the subscriber's side ---------------------------------------------------------------------------------------------

    def __aiter__(self) -> Subscription:
        return self

    async def __anext__(self) -> SessionEvent:
        """The next event. Cancelled, it has taken none.

        Raises:
            SubscriberTooSlow: the policy was `disconnect`, the buffer was full, and everything in it has been read.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        while True:
            event = self._take()
            if event is not None:
                await trio.lowlevel.cancel_shielded_checkpoint()
                return event
            if self._replaying:
                await self._read()
            elif self._failure is not None:
                raise self._failure
            elif self._over:
                raise StopAsyncIteration
            else:
                self._check_reader()
                await self._reader.park()

    def _take(self) -> SessionEvent | None:
        if self._queue:
            first = self._queue[0]
            if first.missing:
                missing, first.missing = first.missing, 0
                return self._marker(first.event, missing)
            self._position = self._queue.popleft().event.cursor
            return first.event
        if self._replaying:
            replayed = self._replayed()
            if replayed is not None or self._replaying:
                return replayed
        return self._told_missing() if self._missing else None

    def _replayed(self) -> SessionEvent | None:
        """The next event that is read again; back to the live ones when all are."""
        while not self._hole_is_next:
            if not self._page:
                self._page.extend(self._source.recent(after=self._position) or ())
            if not self._page:
                self._replaying = self._position < self._source.published
                return None
            gone = self._page[0].cursor - self._position - 1
            if gone > 0 and not self._page[0].dropped:
                return self._told_gone(gone)
            event = self._page.popleft()
            self._position = event.cursor
            self._dropped += event.dropped
            if event.dropped or self._wanted is None or self._wanted(event):
                return event
        return self._told_missing()

    def _told_gone(self, count: int) -> SessionEvent:
        """These are not in the journal any more: it was told to let old requests go."""
        self._position = Cursor(self._position + count)
        self._dropped += count
        return self._marker(self._page[0], count)

    @property
    def _hole_is_next(self) -> bool:
        return bool(self._missing) and self._hole is not None and self._position >= self._hole.cursor

    def _told_missing(self) -> SessionEvent:
        assert self._hole is not None
        missing, self._missing = self._missing, 0
        return self._marker(self._hole, missing)

    async def _read(self) -> None:
        """Have the next page at hand. What happens meanwhile is behind it in the journal."""
        self._check_reader()
        self._is_reading = True
        try:
            page = await self._source.replay(after=self._position)
        finally:
            self._is_reading = False
        if not page and self._replaying:
            self._replaying = False  # what was shown is not kept any more
        self._page.extend(page)

    def _marker(self, near: SessionEvent, missing: int) -> SessionEvent:
        return attrs.evolve(near, body=Dropped(count=missing), result=None, cursor=self._position)

    def _check_reader(self) -> None:
        if self._is_reading or self._reader.is_taken:
            raise trio.BusyResourceError("another task is reading this subscription")


def _is_last(event: SessionEvent) -> bool:
    """A terminal: a request's, or the session's own."""
    return event.result is not None or isinstance(event.body, SessionEnded)


def _passes(event: SessionEvent) -> bool:
    return event.type == "text_delta"
