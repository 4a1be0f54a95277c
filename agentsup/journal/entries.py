"""What a session keeps with one append: events of one moment, one behind the other."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from agentsup.ids import Cursor
from agentsup.talk.content import hidden
from agentsup.talk.events import Entry, Kept


@attrs.frozen
class Entries:
    """Events in their places. None has an object of its own to say where it stands: a busy stream brings thousands a second."""

    first: Cursor
    """The cursor of the first of them; the others' follow on it."""

    at: float
    """When they are kept, in seconds since the epoch."""

    bodies: tuple[Kept, ...] = attrs.field(repr=hidden)

    def __iter__(self) -> Iterator[Entry]:
        return (Entry(cursor=Cursor(seq), at=self.at, body=body) for seq, body in enumerate(self.bodies, self.first))

    @property
    def newest(self) -> Entry:
        """The last of them."""
        return Entry(cursor=self.last, at=self.at, body=self.bodies[-1])

    @property
    def last(self) -> Cursor:
        """The cursor of the last of them; the one before the first, if there are none."""
        return Cursor(self.first - 1 + len(self.bodies))
