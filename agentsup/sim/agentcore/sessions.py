"""Every session of every harness."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import trio

from .harness import Harness
from .session import Session
from .stream import Stream


class Sessions:
    """Sessions by harness and runtime session id; they begin by being named."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str], Session] = {}
        self._leaving: set[Session] = set()

    def statistics(self) -> dict[str, int]:
        """How many sessions there are, how many are at work, and how many streams and commands are open."""
        begun = [session for session in self._rows.values() if session.begun]
        return {
            "sessions": len(begun),
            "running": sum(session.busy for session in begun),
            "streams": sum(stream.open for session in begun for stream in session.streams),
            "commands": sum(session.commands for session in begun),
        }

    async def enter(self, harness: Harness, session_id: str) -> Session:
        """The session, when it is this caller's turn; `leave` gives the turn back.

        Raises:
            AwsRefused: 429, too many wait.
        """
        while True:
            session = self.named(harness, session_id)
            await session.take_turn()
            if not session.stopped:
                return session
            session.turn.release()  # stopped while we waited: the id has become a new session's

    def leave(self, harness: Harness, session: Session) -> None:
        """Gives the turn back; a session to which nothing happened was never there."""
        session.turn.release()
        if not session.begun and not session.waiting and not session.busy:
            self._rows.pop((harness.arn, session.id), None)

    def named(self, harness: Harness, session_id: str) -> Session:
        """The session of that name, a new one where there is none."""
        return self._rows.setdefault((harness.arn, session_id), Session(session_id))

    def running(self, harness: Harness, session_id: str) -> Session | None:
        """The session if it has begun."""
        session = self._rows.get((harness.arn, session_id))
        return session if session is not None and session.begun else None

    def end(self, harness: Harness, session: Session) -> None:
        """Stops a session and forgets it; its name is free for a new one."""
        if self._rows.get((harness.arn, session.id)) is session:
            del self._rows[harness.arn, session.id]
        session.stop()
        self._leaving = {one for one in self._leaving | {session} if not one.gone.is_set()}

    def end_all(self, harness: Harness | None = None) -> None:
        """Stops every session, of one harness or of all."""
        for (arn, _), session in list(self._rows.items()):
            if harness is None or harness.arn == arn:
                del self._rows[arn, session.id]
                session.stop()
                self._leaving.add(session)

    async def all_gone(self) -> None:
        """Returns when nothing is left of the sessions that were stopped."""
        for session in list(self._leaving):
            await session.gone.wait()
        self._leaving.clear()


@contextmanager
def at_work(session: Session, stream: Stream) -> Iterator[None]:
    """The block works in a session and ends when the session is stopped; its stream ends with it, or breaks if it was not through."""
    with trio.CancelScope() as scope:
        session.scopes.add(scope)
        session.streams.add(stream)
        if session.stopped:
            scope.cancel()
        try:
            yield
            stream.end()
        finally:
            session.scopes.discard(scope)
            session.streams.discard(stream)
            stream.cut(mid_frame=False)  # nothing to one that has ended
