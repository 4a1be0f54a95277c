"""A request's answer as text, while it is produced."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

from agentsup.loop.pieces import Pieces
from agentsup.loop.results import Span
from agentsup.session.errors import error_for
from agentsup.session.subscription import Subscription
from agentsup.talk.content import Input
from agentsup.talk.events import RequestEnded
from agentsup.talk.outcome import Outcome
from agentsup.talk.result import SessionResult

if TYPE_CHECKING:
    from agentsup.session.client import SessionRef


class TextStream:
    """The text of one request's answer, in pieces: `async for piece in ref.stream("...")`.

    After the last piece, `result` is the request's `SessionResult`.
    """

    def __init__(self, ref: SessionRef, content: Input | Outcome) -> None:
        self._ref = ref
        self._content = content
        self._pieces = Pieces()
        self._events: Subscription | None = None
        self._span = Span()
        self.result: SessionResult | None = None
        """What the request came to; None until the iteration has ended."""

    def __aiter__(self) -> TextStream:
        return self

    async def __anext__(self) -> str:
        """The next piece.

        Raises:
            RequestFailed: we ended the request.
            SessionClosed: the session has ended.
        """
        if self.result is not None:
            raise StopAsyncIteration
        events = self._events
        if events is None:
            events = self._events = self._ref.subscribe(overflow="block")
            weakref.finalize(self, events.close)  # whoever leaves early leaves no subscription behind
            self._span.request_id = await self._ref.message(self._content)
        async for event in events:
            inside = self._span.feed(event.body)
            if isinstance(event.body, RequestEnded) and event.request_id == self._span.request_id:
                self._end(event.body, event.result)
                raise StopAsyncIteration
            if inside and (piece := self._pieces.feed(event.body)):
                return piece
        self._ref._life.check_open()  # noqa: SLF001  -- the two classes are one room
        raise StopAsyncIteration

    def _end(self, ended: RequestEnded, result: SessionResult | None) -> None:
        assert result is not None
        self.result = result
        if self._events is not None:
            self._events.close()
        if ended.failure is not None:
            raise error_for(ended.failure, result)

    async def aclose(self) -> None:
        """Stop listening; the request goes on."""
        if self._events is not None:
            self._events.close()
