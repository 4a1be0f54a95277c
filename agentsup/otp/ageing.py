"""A queue that knows how old its oldest entry is; it takes the place of an actor's plain one while statistics are on, so that others pay nothing."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, SupportsIndex

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class Ageing(deque[Any]):
    """A deque with the time of each entry's arrival beside it; used at one end in, at the other out, and to push one out of the middle.

    Args:
        entries: what waits already; it counts as having come now.
        now: the clock, in seconds.
    """

    def __init__(self, entries: Iterable[Any], now: Callable[[], float]) -> None:
        super().__init__(entries)
        self._now = now
        self._since = deque([now()] * len(self))

    def append(self, entry: Any, /) -> None:
        """Put one in."""
        self._since.append(self._now())
        super().append(entry)

    def popleft(self) -> Any:
        """Take the oldest out."""
        self._since.popleft()
        return super().popleft()

    def __delitem__(self, index: SupportsIndex, /) -> None:  # type: ignore[override]  # no slices, as deque
        del self._since[index]
        super().__delitem__(index)

    @property
    def oldest_age(self) -> float | None:
        """Seconds the oldest entry has waited; None if there is none."""
        return self._now() - self._since[0] if self._since else None
