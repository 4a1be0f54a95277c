"""A session's records in memory: those that follow one another up to the last, without an object for each beside what happened."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from agentsup.ids import Cursor
from agentsup.journal.entries import Entries
from agentsup.talk.events import Entry, Kept

FIRST = Cursor(1)
"""Of the first record a session ever had."""


class Records:
    """Records in order. Wanted as entries they are made on the way, so what is kept of a busy session is little more than its events."""

    __slots__ = ("_bodies", "_moments", "first")

    def __init__(self, first: Cursor = FIRST) -> None:
        self.first = first
        """The cursor of the first of them, or of the one that will be."""
        self._bodies: list[Kept] = []
        self._moments: list[float] = []

    def __len__(self) -> int:
        return len(self._bodies)

    def __repr__(self) -> str:
        return f"<Records {self.first} to {self.last}>"

    @property
    def last(self) -> Cursor:
        """The cursor of the last; the one before the first, if there are none."""
        return Cursor(self.first - 1 + len(self._bodies))

    def add(self, entries: Entries) -> None:
        """These come next."""
        self._bodies += entries.bodies
        self._moments += [entries.at] * len(entries.bodies)

    def take(self, entries: Iterable[Entry]) -> None:
        """These come next, each of a moment of its own."""
        for entry in entries:
            self._bodies.append(entry.body)
            self._moments.append(entry.at)

    def bodies(self, *, after: int, upto: int | None = None) -> list[Kept]:
        """What happened behind a cursor and up to another, the last one if none is named."""
        return self._bodies[self._places(after, upto)]

    def entries(self, *, after: int, upto: int | None = None) -> tuple[Entry, ...]:
        """The same, each with its place."""
        places = self._places(after, upto)
        moments = islice(self._moments, places.start, places.stop)
        return tuple(
            Entry(cursor=Cursor(seq), at=at, body=body)
            for seq, (body, at) in enumerate(zip(self._bodies[places], moments, strict=True), self.first + places.start)
        )

    def let_go(self, upto: int) -> int:
        """Forget those up to this cursor; says how many they were."""
        count = max(0, min(upto, self.last) + 1 - self.first)
        del self._bodies[:count]
        del self._moments[:count]
        self.first = Cursor(self.first + count)
        return count

    def _places(self, after: int, upto: int | None) -> slice:
        end = len(self._bodies) if upto is None else min(len(self._bodies), max(0, upto + 1 - self.first))
        return slice(min(end, max(0, after + 1 - self.first)), end)
