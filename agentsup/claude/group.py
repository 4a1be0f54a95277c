"""What the groups of operations share: the verbs that look alike everywhere."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar, TypeVar

from agentsup.claude.ask import Ask, Query
from agentsup.claude.line import Line
from agentsup.claude.multipart import Form
from agentsup.claude.thing import Deleted
from agentsup.control.errors import NotFound
from agentsup.control.lists import Listing
from agentsup.wire.reading import read_as

T = TypeVar("T")


class Group:
    """Operations on one kind of thing, under one beta."""

    _beta: ClassVar[str | None] = None

    def __init__(self, line: Line) -> None:
        self._line = line

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._line!r}>"

    async def _get(self, cls: type[T], what: str, path: str, query: Query = (), *, beta: str | None = None) -> T:
        ask = Ask(what=what, method="GET", path=path, query=query, beta=beta or self._beta, again=True)
        return await self._line.thing(cls, ask)

    def _list(self, cls: type[T], what: str, path: str, query: Query, *, beta: str | None = None) -> Listing[T]:
        ask = Ask(what=what, method="GET", path=path, query=query, beta=beta or self._beta, again=True)
        return self._line.listing(partial(read_as, cls), ask)

    async def _post(
        self,
        cls: type[T],
        what: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        query: Query = (),
        form: Form | None = None,
        again: bool,
    ) -> T:
        ask = Ask(what=what, method="POST", path=path, query=query, body=body, form=form, beta=self._beta, again=again)
        return await self._line.thing(cls, ask)

    async def _delete(self, what: str, path: str, thing_id: str, query: Query = ()) -> Deleted:
        """Delete, and take a thing that is gone at a repetition for deleted: the answer to the first time was lost."""
        ask = Ask(what=what, method="DELETE", path=path, query=query, beta=self._beta, again=True)
        repeated = False

        def repeating() -> None:
            nonlocal repeated
            repeated = True

        try:
            return await self._line.thing(Deleted, ask, repeating=repeating)
        except NotFound:
            if not repeated:
                raise
            return Deleted(id=thing_id)
