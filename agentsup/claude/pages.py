"""Lists: one after the other through all pages, or page by page."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Generic, TypeVar

import attrs

from agentsup.claude.ask import Ask, with_page
from agentsup.claude.errors import UnreadableAnswer
from agentsup.claude.line import Line

T = TypeVar("T")


@attrs.frozen(kw_only=True)
class Page(Generic[T]):
    """One page of a list, in the service's order."""

    data: Sequence[T] = attrs.field(repr=lambda data: f"<{len(data)}>")
    next_page: str | None
    """The cursor of the page behind it; None on the last one."""

    prev_page: str | None
    """The cursor of the page before it, where the service has one (sessions)."""

    raw: Any = attrs.field(repr=False, eq=False)


class Listing(Generic[T]):
    """A list at the service, read while you go through it.

    `async for item in listing` goes through all pages, `async for page in listing.pages()` page by page. Nothing is asked for before, and
    nothing has to be closed when you stop early. Each `async for` begins anew. Rows that come or go meanwhile may be seen or not.
    """

    def __init__(self, line: Line, read: Callable[[object], T], ask: Ask) -> None:
        self._line = line
        self._read = read
        self._ask = ask

    def __repr__(self) -> str:
        return f"<Listing of {self._ask.path}>"

    def __aiter__(self) -> AsyncIterator[T]:
        return _Items(self.pages())

    def pages(self) -> AsyncIterator[Page[T]]:
        """Its pages, from the first (or from the `page` that was asked for) on."""
        return _Pages(self._line, self._read, self._ask)

    async def page(self) -> Page[T]:
        """The first page (or the `page` that was asked for) alone.

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
    """The pages one after the other. A server that hands out a cursor twice would keep us for ever: that is an error."""

    def __init__(self, line: Line, read: Callable[[object], T], ask: Ask) -> None:
        self._line = line
        self._read = read
        self._ask: Ask | None = ask
        self._seen = {value for key, value in ask.query if key == "page"}

    def __aiter__(self) -> _Pages[T]:
        return self

    async def __anext__(self) -> Page[T]:
        if self._ask is None:
            raise StopAsyncIteration
        ask = self._ask
        answer = await self._line.json(ask)
        if not isinstance(answer, dict) or not isinstance(answer.get("data"), list):
            raise UnreadableAnswer(f"{ask.what}: a page has no list of data")
        rows = [self._line.read(self._read, row, ask) for row in answer["data"]]
        page = Page(
            data=tuple(rows), next_page=_cursor(answer, "next_page"), prev_page=_cursor(answer, "prev_page"), raw=answer
        )
        self._ask = self._after(ask, page.next_page)
        return page

    def _after(self, ask: Ask, cursor: str | None) -> Ask | None:
        if cursor is None:
            return None
        if cursor in self._seen:
            raise UnreadableAnswer(f"{ask.what}: a page names itself as the next one, or one that was read before it")
        self._seen.add(cursor)
        return attrs.evolve(ask, query=with_page(ask.query, cursor))


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


def _cursor(answer: dict[str, Any], name: str) -> str | None:
    """A cursor; absent, null and empty all say that there is none."""
    value = answer.get(name)
    return value if isinstance(value, str) and value else None
