"""From what is wanted of the control plane to a request, and from an answer to a thing."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from re import Pattern
from typing import Any, Final, TypeVar

import attrs

from agentsup.agentcore.line import Line
from agentsup.agentcore.values import Thing, read
from agentsup.control.body import body_of
from agentsup.control.errors import UnreadableAnswer
from agentsup.control.lists import Listing, Page, cursor_of, rows_of
from agentsup.control.omit import given
from agentsup.errors import Problem, SpecError
from agentsup.providers.aws.sending import Ask
from agentsup.wire.errors import RemoteProtocolError

T = TypeVar("T", bound=Thing)

_JSON: Final = {"content-type": "application/json"}


def new_token() -> str:
    """A client token: by it the service knows a repetition from a second wish."""
    return str(uuid.uuid4())


def reading(what: str, *segments: str, **query: str | int | None) -> Ask:
    """A question that changes nothing."""
    return Ask(what=what, method="GET", segments=segments, query=_query(query))


def writing(what: str, method: str, *segments: str, body: Mapping[str, Any]) -> Ask:
    """A wish, as JSON.

    Raises:
        SpecError: what is to be sent is not JSON.
    """
    return Ask(what=what, method=method, segments=segments, headers=_JSON, body=body_of(body))


def deleting(what: str, *segments: str, **query: str | int | None) -> Ask:
    """A wish to have it gone."""
    return Ask(what=what, method="DELETE", segments=segments, query=_query(query))


def said(**fields: Any) -> dict[str, Any]:
    """The fields that are said, in order, ready for JSON. None says nothing: what can be cleared is cleared in another way."""
    return {name: value for name, value in given(**fields).items() if value is not None}


def checked(*, token: str | None = None, **ids: tuple[object, Pattern[str], str]) -> None:
    """Look at ids before they become part of a path.

    Args:
        token: the caller's own client token.
        ids: each id with the pattern it must have, and that in words.

    Raises:
        SpecError: one is none; all of them are named.
    """
    problems = [
        Problem(name, f"must be {words}, not {value!r}")
        for name, (value, pattern, words) in ids.items()
        if not isinstance(value, str) or not pattern.fullmatch(value)
    ]
    if token is not None and not (isinstance(token, str) and 33 <= len(token) <= 256):
        problems.append(Problem("client_token", "must have 33 to 256 characters"))
    if problems:
        raise SpecError(problems)


def thing(cls: type[T], answer: Mapping[str, Any], key: str, ask: Ask) -> T:
    """The thing in an answer's envelope.

    Raises:
        UnreadableAnswer: there is none.
    """
    return _read(cls, answer.get(key), ask)


def listing(line: Line, cls: type[T], ask: Ask, key: str) -> Listing[T]:
    """The list that the request asks for; each page has its rows under the key."""

    async def page(cursor: str | None) -> Page[T]:
        answer = await line.json(ask if cursor is None else _at_page(ask, cursor))
        rows = rows_of(answer, key, ask.what)
        data = tuple(_read(cls, row, ask) for row in rows)
        return Page(data=data, next_page=cursor_of(answer, "nextToken", ask.what), raw=answer)

    return Listing(ask.what, page)


def _at_page(ask: Ask, cursor: str) -> Ask:
    query = tuple(pair for pair in ask.query if pair[0] != "nextToken")
    return attrs.evolve(ask, query=(*query, ("nextToken", cursor)))


def _read(cls: type[T], value: object, ask: Ask) -> T:
    try:
        return read(cls, value)
    except RemoteProtocolError as exc:
        raise UnreadableAnswer(f"{ask.what}: {exc}", ambiguous=ask.method != "GET") from None


def _query(fields: Mapping[str, str | int | None]) -> tuple[tuple[str, str], ...]:
    return tuple((name, str(value)) for name, value in fields.items() if value is not None)
