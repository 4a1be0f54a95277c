"""Lists: one after the other through all pages, or page by page."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, Generic, TypeAlias, TypeVar

import attrs

from agentsup.control.errors import UnreadableAnswer
from agentsup.wire.jsontext import kind_of

T = TypeVar("T")


@attrs.frozen(kw_only=True)
class Page(Generic[T]):
    """One page of a list, in the service's order."""

    data: Sequence[T] = attrs.field(repr=lambda data: f"<{len(data)}>")
    next_page: str | None
    """The cursor of the page behind it; None on the last one."""

    prev_page: str | None = None
    """The cursor of the page before it, where the service has one (Claude's sessions)."""

    raw: Any = attrs.field(repr=False, eq=False)


Fetch: TypeAlias = Callable[[str | None], Awaitable[Page[T]]]
"""Gets the page at a cursor; for None the one that was asked for, which is the first unless somebody said otherwise."""


class Listing(Generic[T]):
    """A list at the service, read while you go through it.

    `async for item in listing` goes through all pages, `async for page in listing.pages()` page by page. Nothing is asked for before, and
    nothing has to be closed when you stop early. Each `async for` begins anew. Rows that come or go meanwhile may be seen or not.
    """

    def __init__(self, what: str, fetch: Fetch[T]) -> None:
        self._what = what
        self._fetch = fetch

    def __repr__(self) -> str:
        return f"<Listing, {self._what}>"

    def __aiter__(self) -> AsyncIterator[T]:
        return _Items(self.pages())

    def pages(self) -> AsyncIterator[Page[T]]:
        """Its pages, from the first (or from the `page` that was asked for) on."""
        return _Pages(self._what, self._fetch)

    async def page(self) -> Page[T]:
        """The first page (or the `page` that was asked for) alone.

        Raises:
            ApiError: it cannot be had.
        """
        return await self._fetch(None)

    async def all(self) -> list[T]:
        """Everything in it, in memory at once.

        Raises:
            ApiError: a page cannot be had.
        """
        return [item async for item in self]


class _Pages(Generic[T]):
    """The pages one after the other. A server that hands out a cursor twice would keep us for ever: that is an error."""

    def __init__(self, what: str, fetch: Fetch[T]) -> None:
        self._what = what
        self._fetch = fetch
        self._cursor: str | None = None
        self._seen: set[str] = set()
        self._over = False

    def __aiter__(self) -> _Pages[T]:
        return self

    async def __anext__(self) -> Page[T]:
        if self._over:
            raise StopAsyncIteration
        page = await self._fetch(self._cursor)
        if page.next_page in self._seen:
            raise UnreadableAnswer(f"{self._what}: a page names itself as the next one, or one that was read before it")
        self._cursor = page.next_page
        if self._cursor is None:
            self._over = True
        else:
            self._seen.add(self._cursor)
        return page


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


def rows_of(answer: object, key: str, what: str) -> list[Any]:
    """The rows of a page.

    Raises:
        UnreadableAnswer: the answer is no page.
    """
    rows = answer.get(key) if isinstance(answer, dict) else None
    if not isinstance(rows, list):
        raise UnreadableAnswer(f"{what}: a page has no list of {key}")
    return rows


def cursor_of(answer: dict[str, Any], key: str, what: str) -> str | None:
    """A cursor; absent, null and empty all say that there is none. Anything else is not taken for the list's end.

    Raises:
        UnreadableAnswer: it is of another kind.
    """
    value = answer.get(key)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise UnreadableAnswer(f"{what}: {key} must be a string, is {kind_of(value)}")
    return value
