"""How much of a session's past is kept: the records of so many finished requests, and what all of them come to."""

from __future__ import annotations

from collections import deque

from agentsup.ids import Cursor


class Retention:
    """Counts finished requests, and says which records may go. What ended before this began to count is kept until it is the newest's turn."""

    def __init__(self, requests: int | None) -> None:
        self._requests = requests
        self._starts: deque[Cursor] = deque()

    def ended(self, start: Cursor) -> Cursor | None:
        """A request that began here has ended: up to where records may go now; None if none may."""
        if self._requests is None:
            return None
        self._starts.append(start)
        if len(self._starts) <= self._requests:
            return None
        self._starts.popleft()
        return Cursor((self._starts[0] if self._starts else start) - 1)
