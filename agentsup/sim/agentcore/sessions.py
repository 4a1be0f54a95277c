"""Every session of every harness."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import trio

from .harness import Harness
from .refusal import not_found
from .session import Session
from .stream import Stream


class Sessions:
    """Sessions by harness and runtime session id; they begin by being named."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str], Session] = {}
        self._leaving: set[Session] = set()
        self._closed = False

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
            AwsRefused: 429, too many wait; 404, everything was forgotten meanwhile.
        """
        while not self._closed:
            session = self.named(harness, session_id)
            try:
                await session.take_turn()
            except BaseException:
                self._tidy(harness, session)
                raise
            if not session.stopped:
                return session
            session.turn.release()  # stopped while we waited: the id has become a new session's
        raise not_found("Harness", harness.arn)

    def leave(self, harness: Harness, session: Session) -> None:
        """Gives the turn back; a session to which nothing happened was never there."""
        session.turn.release()
        self._tidy(harness, session)

    def _tidy(self, harness: Harness, session: Session) -> None:
        ours = self._rows.get((harness.arn, session.id)) is session
        if ours and not session.begun and not session.waiting and not session.busy:
            del self._rows[harness.arn, session.id]

    def named(self, harness: Harness, session_id: str) -> Session:
        """The session of that name, a new one where there is none."""
        key = (harness.arn, session_id)
        if key not in self._rows:
            self._rows[key] = Session(session_id)
        return self._rows[key]

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
        """Stops every session of one harness; without one, of all of them, for good."""
        self._closed = self._closed or harness is None
        for (arn, _), session in list(self._rows.items()):
            if harness is None or harness.arn == arn:
                del self._rows[arn, session.id]
                session.stop()
                self._leaving.add(session)

    async def all_gone(self) -> None:
        """Returns when nothing is left of the sessions that were stopped."""
        leaving = set(self._leaving)
        for session in leaving:
            await session.gone.wait()
        self._leaving -= leaving


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
