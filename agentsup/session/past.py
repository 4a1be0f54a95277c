"""A session as the store has it: to look at, whether it lives or not."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import attrs

from agentsup.errors import SpecError
from agentsup.ids import Cursor, RequestId
from agentsup.journal.base import Journal, Stored
from agentsup.loop.results import result_of, turns_of
from agentsup.talk.events import Bound, Entry, Kept, RequestEnded, SessionEvent
from agentsup.talk.result import SessionResult, Turn

PAGE = 500
"""Records read at once."""

Read = Callable[[Cursor], Awaitable[tuple[Entry, ...]]]
"""The next records behind a cursor; none if there are none."""


@attrs.frozen(repr=False)
class PastSession:
    """One generation of a session, by its records; nothing here changes it."""

    stored: Stored
    """What the store says of it, at the moment it was looked up."""

    _journal: Journal

    def __repr__(self) -> str:
        return (
            f"<PastSession {self.stored.session_id!r}, generation {self.stored.generation}, {self.stored.last} records>"
        )

    async def history(self) -> tuple[Turn, ...]:
        """Its finished turns, oldest first."""
        return turns_of([entry.body async for entry in every(self._read)])

    async def events(self, *, after: int = 0) -> AsyncIterator[SessionEvent]:
        """Its kept events behind a cursor, as subscribers got them, requests' results included; to the last one there is.

        Raises:
            SpecError: the cursor is none.
        """
        if type(after) is not int or after < 0:
            raise SpecError.of("after", f"must be a cursor of at least 0, not {after!r}")
        cursor = Cursor(after)
        while page := await self._read(cursor):
            for entry in page:
                yield await self._told(entry)
            cursor = page[-1].cursor

    def export(self) -> AsyncIterator[str]:
        """The session as lines of JSON: what it is, then each record, in order."""
        return self._journal.export(self.stored.key)

    async def _read(self, after: Cursor) -> tuple[Entry, ...]:
        return await self._journal.read(self.stored.key, after=after, limit=PAGE)

    async def _told(self, entry: Entry) -> SessionEvent:
        return await told(entry, self.stored, self._journal, self._read)


async def every(read: Read) -> AsyncIterator[Entry]:
    """All records there are, from the start."""
    cursor = Cursor(0)
    while page := await read(cursor):
        for entry in page:
            yield entry
        cursor = page[-1].cursor


async def told(entry: Entry, stored: Stored, journal: Journal, read: Read) -> SessionEvent:
    """The record as subscribers got it: with its result, if it is a request's end."""
    body = entry.body
    if not isinstance(body, RequestEnded):
        return event_of(entry, stored)
    start = await journal.last_started(stored.key, entry.cursor)
    entries: list[Entry] = []
    cursor = Cursor(max(0, start - 1))
    while start and cursor < entry.cursor and (page := await read(cursor)):
        entries.extend(each for each in page if each.cursor <= entry.cursor)
        cursor = page[-1].cursor
    if not entries or entries[0].cursor != start:  # it never began, or its records were let go, perhaps a moment ago
        now = await journal.find(stored.session_id, stored.generation)
        if now is not None and now.key == stored.key and entry.cursor < now.first:
            return event_of(entry, stored, _outlived(body, stored))
    bodies = [each.body for each in entries or (entry,)]
    return event_of(entry, stored, result_from(bodies, body.request_id, stored, None))


def _outlived(body: RequestEnded, stored: Stored) -> SessionResult:
    """What its end says of a request whose other records were let go."""
    return SessionResult(
        terminal=body.terminal,
        stop_reason=body.stop_reason,
        usage=body.usage,
        turns=body.turns,
        let_go=True,
        session_id=stored.session_id,
    )


def result_from(
    bodies: Sequence[Kept], request_id: RequestId, stored: Stored, provider_session_id: str | None
) -> SessionResult:
    """What the request came to, by what happened."""
    bound = next((body for body in reversed(bodies) if isinstance(body, Bound)), None)
    return result_of(
        bodies,
        request_id,
        session_id=stored.session_id,
        provider_session_id=bound.provider_session_id if bound is not None else provider_session_id,
    )


def event_of(entry: Entry, stored: Stored, result: SessionResult | None = None) -> SessionEvent:
    """The record as subscribers get it."""
    return SessionEvent(cursor=entry.cursor, session_id=stored.session_id, at=entry.at, body=entry.body, result=result)
