"""From what is wanted of the control plane to a request, and from an answer to a thing."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from re import Pattern
from typing import Any, Final, TypeVar

from agentsup.agentcore.errors import UnreadableAnswer
from agentsup.agentcore.values import Thing, read
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
    try:
        encoded = json.dumps(body, separators=(",", ":"), allow_nan=False).encode("ascii")
    except (TypeError, ValueError, RecursionError) as exc:
        raise SpecError.of("", f"what is to be sent is not JSON: {exc}") from None
    return Ask(what=what, method=method, segments=segments, headers=_JSON, body=encoded)


def deleting(what: str, *segments: str, **query: str | int | None) -> Ask:
    """A wish to have it gone."""
    return Ask(what=what, method="DELETE", segments=segments, query=_query(query))


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
    try:
        return read(cls, answer.get(key))
    except RemoteProtocolError as exc:
        raise UnreadableAnswer(f"{ask.what}: {exc}", ambiguous=ask.method != "GET") from None


def _query(fields: Mapping[str, str | int | None]) -> tuple[tuple[str, str], ...]:
    return tuple((name, str(value)) for name, value in fields.items() if value is not None)
