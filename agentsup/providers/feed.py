"""Between a stream and its session: what was told and is not yet taken, handed over in one piece.

A busy stream brings many events with one read. Were each a message of its own, the hand-over would cost more than the event; here the
first one rings, and the session takes whatever there is when it comes. The stream waits while the session is too far behind, so nothing
grows and nothing is dropped.
"""

from __future__ import annotations

import attrs
import trio

from agentsup import otp
from agentsup.providers.base import Bodies
from agentsup.talk.events import TextDelta, Theirs

AHEAD = 256
"""Events a stream may be ahead of its session before it waits: about what one read of the socket brings."""


@attrs.frozen
class Told:
    """To the session: there is something in the feed."""

    feed: Feed


class Feed:
    """One stream's events on their way to one session."""

    def __init__(self, owner: otp.Ref) -> None:
        self._owner = owner
        self._told: list[Theirs | TextDelta] = []
        self._taken = trio.Event()

    def __repr__(self) -> str:
        return f"<Feed with {len(self._told)} events>"

    async def put(self, bodies: Bodies) -> None:
        """Tell these. Waits, when they are told, while the session is too far behind.

        Raises:
            otp.NoProc: the session's task has ended.
        """
        if not bodies:
            return
        rings = not self._told
        self._told.extend(bodies)
        if rings:
            self._taken = trio.Event()
            if not otp.offer(self._owner, Told(self)):
                await otp.send(self._owner, Told(self))
        if len(self._told) >= AHEAD:
            await self._taken.wait()

    def take(self) -> list[Theirs | TextDelta]:
        """Everything that was told and not taken."""
        told, self._told = self._told, []
        self._taken.set()
        return told
