"""What is shown of a session, and when: what was recorded as soon as it is durable, and what passes in its place between."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TypeAlias

from agentsup.ids import Cursor, SessionId
from agentsup.journal.entries import Entries
from agentsup.session.audience import Audience
from agentsup.talk.events import (
    Connected,
    Delivered,
    Kept,
    RequestEnded,
    SessionEnded,
    SessionEvent,
    Withdrawn,
)

MILESTONES = frozenset({Connected, RequestEnded, SessionEnded, Delivered, Withdrawn})
"""Events that somebody besides subscribers waits for."""

Reached: TypeAlias = Callable[[Cursor, float, Kept], None]
"""Shows a milestone, and tells whoever waits for it; given its place, its time, and the event."""


class _Unshown:
    """Events that are to be shown when they are durable: all of them at once, or none."""

    __slots__ = ("at", "is_awaited", "last", "rest")

    def __init__(self, entries: Entries) -> None:
        self.last = entries.last
        self.at = entries.at
        self.rest = enumerate(entries.bodies, entries.first)
        """Each with its cursor; who shows one takes it from here, so that none is shown twice whatever happens meanwhile."""
        self.is_awaited = not MILESTONES.isdisjoint(map(type, entries.bodies))
        """Somebody besides subscribers waits for one of them."""


class Outlet:
    """A session's events on their way to its audience, over all its incarnations. It never waits, and shows each once, in order."""

    def __init__(self, session_id: SessionId, audience: Audience, *, published: Cursor, reached: Reached) -> None:
        self._session_id = session_id
        self._audience = audience
        self.published = published
        """The cursor of the last kept event that was shown."""
        self._reached = reached
        self._held: deque[_Unshown | SessionEvent] = deque()
        """What is to be shown when it is durable, in order."""

    def __repr__(self) -> str:
        return f"<Outlet of {self._session_id!r}, {len(self._held)} held behind {self.published}>"

    def hold(self, entries: Entries) -> None:
        """These were recorded."""
        self._held.append(_Unshown(entries))

    def offer(self, event: SessionEvent) -> None:
        """Show an event that is not kept, behind what was recorded before it."""
        if self._held:
            self._held.append(event)
        else:
            self._audience.offer(event)

    def release(self, durable: Cursor) -> None:
        """Everything up to here is durable: show it. With nobody listening, only the milestones are looked at."""
        while self._held:
            held = self._held[0]
            if isinstance(held, SessionEvent):  # what it came behind has been shown
                self._held.popleft()
                self._audience.offer(held)
            elif held.last > durable:
                break
            else:
                if self._audience or held.is_awaited:
                    self._show(held)
                self._held.popleft()
                self.published = held.last

    def _show(self, held: _Unshown) -> None:
        for seq, body in held.rest:
            if type(body) in MILESTONES:
                self.published = Cursor(seq)
                self._reached(self.published, held.at, body)
            elif self._audience:
                self.published = Cursor(seq)
                self._audience.offer(
                    SessionEvent(cursor=self.published, session_id=self._session_id, at=held.at, body=body)
                )
