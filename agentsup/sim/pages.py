"""Lists in pages: opaque cursors that only this simulator can have written, and pages that stay put while rows come in.

A cursor names the list it belongs to, its order, and the row it stands at; a signature over that makes any other text a 400.
Reusing one with another order is a 400, other filters may change (API reference, "Pagination").
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Iterable
from typing import Generic, Literal, TypeVar

import attrs

from .exchange import Json, Request
from .query import Query
from .refusal import invalid

Row = TypeVar("Row")
Order = Literal["asc", "desc"]

_SIGNATURE_CHARS = 16
_FOREIGN = "is not a cursor of this list"


class Cursors:
    """Writes and reads cursors; a new secret makes all earlier ones foreign."""

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(16)

    def write(self, scope: str, order: Order, *place: int) -> str:
        """The cursor at a place of the list `scope`."""
        payload = json.dumps([scope, order, *place], separators=(",", ":")).encode()
        return f"page_{base64.urlsafe_b64encode(payload).decode().rstrip('=')}.{self._sign(payload)}"

    def read(self, text: str, scope: str, order: Order) -> tuple[int, ...]:
        """The place a cursor stands at.

        Raises:
            Refused: 400, it is not ours, of another list, or of another order.
        """
        encoded, _, signature = text.removeprefix("page_").partition(".")
        try:
            payload = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
        except ValueError as error:
            raise invalid("page", _FOREIGN) from error
        if not hmac.compare_digest(self._sign(payload).encode(), signature.encode()):
            raise invalid("page", _FOREIGN)
        found_scope, found_order, *place = json.loads(payload)
        if found_scope != scope:
            raise invalid("page", _FOREIGN)
        if found_order != order:
            raise invalid("page", f"was handed out for order={found_order}")
        return tuple(place)

    def _sign(self, payload: bytes) -> str:
        return hmac.new(self._secret, payload, hashlib.sha256).hexdigest()[:_SIGNATURE_CHARS]


@attrs.frozen
class Paging:
    """How one list is cut into pages."""

    scope: str
    """The list's own name: its path."""
    limit: int
    order: Order
    page: str | None
    """The cursor the client came with."""

    @classmethod
    def asked(
        cls, request: Request, *, default: int, most: int, order: Order = "desc", either_order: bool = False
    ) -> Paging:
        """What the request's `limit` and `page` say, and its `order` where the list can be had in either."""
        query = Query(request)
        chosen = query.choice("order", ("asc", "desc"), order) if either_order else order
        limit = query.integer("limit", default=default, least=1, most=most)
        return cls(request.path, limit, "asc" if chosen == "asc" else "desc", query.text("page"))


@attrs.frozen
class Page(Generic[Row]):
    """One page of rows and the cursors to its neighbours."""

    rows: list[Row]
    next_page: str | None
    prev_page: str | None

    def view(self, show: Callable[[Row], Json], *, both_ways: bool = False) -> Json:
        """The page as the API writes it; only a few lists say how to go back."""
        body: Json = {"data": [show(row) for row in self.rows], "next_page": self.next_page}
        return {**body, "prev_page": self.prev_page} if both_ways else body


def cut_page(rows: Iterable[Row], place: Callable[[Row], int], paging: Paging, cursors: Cursors) -> Page[Row]:
    """The page a client asked for, of rows in ascending place; places are unique and never change."""
    ordered = list(rows) if paging.order == "asc" else list(rows)[::-1]
    sign = 1 if paging.order == "asc" else -1
    forward, anchor = True, None
    if paging.page is not None:
        direction, anchor = cursors.read(paging.page, paging.scope, paging.order)
        forward = direction > 0
    if anchor is None:
        start, stop = 0, paging.limit
    elif forward:
        start = sum(1 for row in ordered if sign * place(row) <= sign * anchor)
        stop = start + paging.limit
    else:
        stop = sum(1 for row in ordered if sign * place(row) < sign * anchor)
        start = max(0, stop - paging.limit)
    found = ordered[start:stop]
    return Page(
        found,
        cursors.write(paging.scope, paging.order, 1, place(found[-1])) if found and stop < len(ordered) else None,
        cursors.write(paging.scope, paging.order, -1, place(found[0])) if found and start > 0 else None,
    )
