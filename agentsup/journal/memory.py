"""The journal of one session, in memory: it lives as long as somebody holds it, and outlives every incarnation of the session."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from agentsup.ids import Cursor
from agentsup.talk.events import Entry, Kept


class MemoryLog:
    """Append-only; the n-th entry has cursor n."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []

    @property
    def cursor(self) -> Cursor:
        """The cursor of the last entry; 0 while there is none."""
        return Cursor(len(self._entries))

    def append(self, bodies: Sequence[Kept], *, at: float) -> tuple[Entry, ...]:
        """Keep these, in this order; all of them or none."""
        first = len(self._entries) + 1
        entries = tuple(Entry(cursor=Cursor(first + place), at=at, body=body) for place, body in enumerate(bodies))
        self._entries.extend(entries)
        return entries

    def read(self, *, after: int = 0) -> Iterator[Entry]:
        """The entries behind `after`, oldest first, also those that are appended meanwhile."""
        place = after
        while place < len(self._entries):
            yield self._entries[place]
            place += 1
