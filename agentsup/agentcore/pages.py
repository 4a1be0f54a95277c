"""Lists: one after the other through all pages, or page by page."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any, Generic, TypeVar

import attrs

from agentsup.agentcore.errors import UnreadableAnswer
from agentsup.agentcore.line import Line
from agentsup.agentcore.values import Thing, read
from agentsup.providers.aws.sending import Ask
from agentsup.wire.errors import RemoteProtocolError

T = TypeVar("T", bound=Thing)


@attrs.frozen(kw_only=True)
class Page(Generic[T]):
    """One page of a list, in the service's order."""

    data: Sequence[T] = attrs.field(repr=lambda data: f"<{len(data)}>")
    next_token: str | None
    """The mark of the page behind it; None on the last one."""

    raw: Any = attrs.field(repr=False, eq=False)


class Listing(Generic[T]):
    """A list at the service, read while you go through it.

    `async for item in listing` goes through all pages, `async for page in listing.pages()` page by page. Nothing is asked for before, and
    nothing has to be closed when you stop early. Each `async for` begins anew. Rows that come or go meanwhile may be seen or not.
    """

    def __init__(self, line: Line, kind: type[T], ask: Ask, *, key: str) -> None:
        self._line = line
        self._kind = kind
        self._ask = ask
        self._key = key

    def __repr__(self) -> str:
        return f"<Listing of {self._kind.__name__}>"

    def __aiter__(self) -> AsyncIterator[T]:
        return _Items(self.pages())

    def pages(self) -> AsyncIterator[Page[T]]:
        """Its pages, from the first (or from the one that was asked for) on."""
        return _Pages(self._line, self._kind, self._ask, self._key)

    async def page(self) -> Page[T]:
        """The first page (or the one that was asked for) alone.

        Raises:
            ApiError: it cannot be had.
        """
        return await anext(self.pages())

    async def all(self) -> list[T]:
        """Everything in it, in memory at once.

        Raises:
            ApiError: a page cannot be had.
        """
        return [item async for item in self]


class _Pages(Generic[T]):
    """The pages one after the other. A server that hands out a mark twice would keep us for ever: that is an error."""

    def __init__(self, line: Line, kind: type[T], ask: Ask, key: str) -> None:
        self._line = line
        self._kind = kind
        self._ask: Ask | None = ask
        self._key = key
        self._read = {value for name, value in ask.query if name == "nextToken"}

    def __aiter__(self) -> _Pages[T]:
        return self

    async def __anext__(self) -> Page[T]:
        if self._ask is None:
            raise StopAsyncIteration
        ask = self._ask
        answer = await self._line.json(ask)
        rows = answer.get(self._key)
        if not isinstance(rows, list):
            raise UnreadableAnswer(f"{ask.what}: a page has no list of {self._key}")
        try:
            data = tuple(read(self._kind, row) for row in rows)
        except RemoteProtocolError as exc:
            raise UnreadableAnswer(f"{ask.what}: {exc}") from None
        token = answer.get("nextToken")
        page = Page(data=data, next_token=token if isinstance(token, str) and token else None, raw=answer)
        self._ask = self._after(ask, page.next_token)
        return page

    def _after(self, ask: Ask, token: str | None) -> Ask | None:
        if token is None:
            return None
        if token in self._read:
            raise UnreadableAnswer(f"{ask.what}: a page names itself as the next one, or one that was read before it")
        self._read.add(token)
        query = tuple(pair for pair in ask.query if pair[0] != "nextToken")
        return attrs.evolve(ask, query=(*query, ("nextToken", token)))


class _Items(Generic[T]):
    """The rows of all pages."""

    def __init__(self, pages: AsyncIterator[Page[T]]) -> None:
        self._pages = pages
        self._rows: list[T] = []

    def __aiter__(self) -> _Items[T]:
        return self

    async def __anext__(self) -> T:
        while not self._rows:
            self._rows = list(reversed((await anext(self._pages)).data))
        return self._rows.pop()
