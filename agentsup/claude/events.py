"""The events of a session and of its threads: sent, listed, followed."""

from __future__ import annotations

import datetime
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final, Literal

from agentsup.claude.ask import MANAGED, Ask, at, query
from agentsup.claude.group import Group
from agentsup.claude.line import Line
from agentsup.control.errors import ServerError, UnreadableAnswer
from agentsup.control.lists import Listing
from agentsup.control.omit import given
from agentsup.errors import SpecError
from agentsup.wire import sse
from agentsup.wire.errors import RemoteProtocolError
from agentsup.wire.frames import ErrorFrame, checked, decode_frame
from agentsup.wire.managed.catalogue import Event, event_of

HEARTBEAT: Final = 45.0
"""Seconds without a byte after which a stream is given up: three times the 15 s in which keepalives are expected."""

Deltas = Sequence[Literal["agent.message", "agent.thinking"]]
"""Types of events that are to be told in pieces as well, as they are written."""


class EventStream:
    """A session's events as they happen, from the moment it was opened on; nothing is told that was before.

    A clean end is `StopAsyncIteration`, whatever it means: the service also ends a stream in the middle of a turn. A stream that breaks, or
    is silent for longer than its heartbeat, raises `ConnectionFailed`. Nothing reconnects by itself: that is what a runtime is for.
    """

    def __init__(self, pieces: AsyncIterator[bytes], what: str) -> None:
        self._pieces = pieces
        self._what = what
        self._reader = sse.Reader()
        self._frames: Iterator[sse.Frame] = iter(())

    def __repr__(self) -> str:
        return f"<EventStream {self._what}>"

    def __aiter__(self) -> EventStream:
        return self

    async def __anext__(self) -> Event:
        while True:
            try:
                for name, data in self._frames:
                    if (raw := decode_frame(name, data)) is not None:
                        return event_of(raw)
                self._frames = iter(self._reader.feed(await anext(self._pieces)))
            except ErrorFrame as exc:
                raise ServerError(f"{self._what}: {exc}", type=exc.kind) from None
            except RemoteProtocolError as exc:
                raise UnreadableAnswer(f"{self._what}: {exc}") from None


def follow(
    line: Line, what: str, path: str, deltas: Deltas, heartbeat: float
) -> AbstractAsyncContextManager[EventStream]:
    """The stream at a path."""
    ask = Ask(
        what=what,
        method="GET",
        path=path,
        query=query(event_deltas=deltas),
        beta=MANAGED,
        headers={"accept": "text/event-stream", "cache-control": "no-store"},
        again=True,
    )

    @asynccontextmanager
    async def opened() -> AsyncIterator[EventStream]:
        async with line.body(ask, heartbeat=heartbeat, content_type="text/event-stream") as pieces:
            yield EventStream(pieces, what)

    return opened()


def read_event(row: object) -> Event:
    """An event of a list.

    Raises:
        RemoteProtocolError: it is none.
    """
    return event_of(checked(row))


class Events(Group):
    """`client.events`: of sessions. Those of a single thread are with the threads: `client.threads`."""

    async def send(self, session_id: str, *events: Mapping[str, Any]) -> tuple[Event, ...]:
        """Send these, all or none, in this order; their echoes, with ids. They are made by the builders in `agentsup.claude.inputs`.

        After an error that is `ambiguous`, look for them in `list(order="desc")` before you send them again.

        Raises:
            SpecError: there are none.
            BadRequest: one of them has no place now, or the session takes none any more; the message names it.
            ApiError: none was taken, or nobody knows.
        """
        if not events:
            raise SpecError.of("events", "must have at least one event")
        ask = Ask(
            what="sending events",
            method="POST",
            path=at("/v1/sessions/{session_id}/events", session_id=session_id),
            body=given(events=list(events)),
            beta=MANAGED,
        )
        answer = await self._line.json(ask)
        rows = answer.get("data") if isinstance(answer, dict) else None
        if not isinstance(rows, list):
            raise UnreadableAnswer(f"{ask.what}: the answer has no list of data", ambiguous=True)
        return tuple(self._line.read(read_event, row, ask) for row in rows)

    def list(
        self,
        session_id: str,
        *,
        types: Sequence[str] | None = None,
        order: Literal["asc", "desc"] | None = None,
        created_gt: datetime.datetime | str | None = None,
        created_gte: datetime.datetime | str | None = None,
        created_lt: datetime.datetime | str | None = None,
        created_lte: datetime.datetime | str | None = None,
        limit: int | None = None,
        page: str | None = None,
    ) -> Listing[Event]:
        """A session's history, the oldest first; the times are those of `processed_at`."""
        asked = query(
            created_at__gt=created_gt,
            created_at__gte=created_gte,
            created_at__lt=created_lt,
            created_at__lte=created_lte,
            limit=limit,
            order=order,
            page=page,
            types=types,
        )
        path = at("/v1/sessions/{session_id}/events", session_id=session_id)
        ask = Ask(what="listing events", method="GET", path=path, query=asked, beta=MANAGED, again=True)
        return self._line.listing(read_event, ask)

    def stream(
        self, session_id: str, *, deltas: Deltas = (), heartbeat: float = HEARTBEAT
    ) -> AbstractAsyncContextManager[EventStream]:
        """`async with client.events.stream(id) as events`: what happens from the moment the block is entered on.

        Open it before you send, and list the history after opening it: what happens in between is in one of the two.

        Args:
            session_id: whose.
            deltas: types of events to be told in pieces as well.
            heartbeat: seconds of silence after which it is given up.

        Raises:
            ApiError: it cannot be opened.
        """
        path = at("/v1/sessions/{session_id}/events/stream", session_id=session_id)
        return follow(self._line, "following a session's events", path, deltas, heartbeat)
