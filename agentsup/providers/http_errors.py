"""Foreign errors to ours, at the one edge where they come in: what the HTTP client raises, and what an HTTP status says."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from typing import Any, Final

import httpx

from agentsup.providers.base import Rejected, Unavailable
from agentsup.providers.foreign import HttpErrors, errors_of
from agentsup.providers.shortage import shortage
from agentsup.talk.events import Failure
from agentsup.wire.errors import RemoteProtocolError
from agentsup.wire.jsontext import loads

_RETRY = frozenset({408, 409, 425, 429})
"""Client-error statuses that say "not now"; the official client retries them too. All other 4xx would be answered the same again."""

_FATAL = frozenset({401, 402, 403, 404})
"""Statuses that refuse the session and not only the request: who we are, whether we may, whether it exists. So does a redirect: the service
is somewhere else."""

_CONFLICT: Final = 409
"""Said of what contradicts the state of things; among that is what was done already, for a proxy that had asked before."""

SAID_AT_MOST: Final = 300
"""Characters of the provider's own message that an error quotes."""

WORD_AT_MOST: Final = 100
"""Characters of what should be one word: an error's type, a request's id."""

_HTTPX = errors_of()


@contextmanager
def translated(what: str, errors: HttpErrors = _HTTPX) -> Iterator[None]:
    """Within: errors of the HTTP client and of the protocol become `Unavailable`, with what we were doing."""
    try:
        yield
    except errors.timeouts as exc:
        unsent = isinstance(exc, errors.unsent)
        raise Unavailable(f"{what}: no answer in time ({type(exc).__name__})", unsent=unsent) from exc
    except errors.failures as exc:
        unsent = isinstance(exc, errors.unsent)
        raise Unavailable(f"{what}: {errors.reason(exc)}", unsent=unsent, ours=shortage(exc) is not None) from exc
    except errors.unusable as exc:
        failure = Failure(kind="provider", message=f"{what}: the base URL cannot be used: {exc}")
        raise Rejected(failure, fatal=True) from exc
    except RemoteProtocolError as exc:
        raise Unavailable(f"{what}: {exc}") from exc


def check_status(response: httpx.Response, body: bytes, what: str, *, secret: str | None = None) -> None:
    """Nothing for a 2xx; for the rest `Unavailable` or `Rejected`. The body must have been read.

    The provider's own words are quoted, shortened, and without the `secret`, should something on the way have put it in there.
    """
    if response.is_success:
        return
    error = envelope(response, body)
    status = response.status_code
    kind = quoted(error.get("type"), secret, most=WORD_AT_MOST)
    said = quoted(error.get("message"), secret)
    told = f": {said}" if said else ""
    message = f"{what}: the provider answered {status}{f' {kind}' if kind else ''}{told}"
    failure = Failure(
        kind="provider",
        message=message,
        status=status,
        code=kind or None,
        provider_request_id=quoted(response.headers.get("request-id"), secret, most=WORD_AT_MOST),
    )
    if _says_retry(response):
        raise Unavailable(message, retry_after=retry_after(response.headers), failure=failure)
    raise Rejected(failure, fatal=status in _FATAL or status < 400, doubtful=status == _CONFLICT or status >= 500)


def quoted(theirs: object, secret: str | None, *, most: int = SAID_AT_MOST) -> str | None:
    """A text of theirs as an error may show it: short, and without the secret, should something on the way have put it in.

    None for what is no text.
    """
    if not isinstance(theirs, str):
        return None
    return (theirs.replace(secret, "[the API key]") if secret else theirs)[:most]


def _says_retry(response: httpx.Response) -> bool:
    """The server's own word goes before what the status means."""
    told = should_retry(response.headers)
    if told is not None:
        return told
    return response.status_code in _RETRY or response.status_code >= 500


def should_retry(headers: Mapping[str, str]) -> bool | None:
    """The server's own word (`x-should-retry`) on whether to ask again; None where it gives none."""
    return {"true": True, "false": False}.get(headers.get("x-should-retry", ""))


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds; `retry-after-ms` is the finer of the two and goes first. Nonsense counts as not given."""
    for name, scale in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            seconds = float(headers[name]) * scale
        except (KeyError, ValueError):
            continue
        if math.isfinite(seconds) and seconds >= 0:
            return seconds
    return _until_date(headers)


def _until_date(headers: Mapping[str, str]) -> float | None:
    """Retry-After as an HTTP date, counted from the answer's own date: the server's clock against itself, not against ours."""
    try:
        until, now = parsedate_to_datetime(headers["retry-after"]), parsedate_to_datetime(headers["date"])
        return max(0.0, (until - now).total_seconds())
    except (KeyError, ValueError, TypeError, OverflowError):  # a year with twenty digits is a number all the same
        return None


def envelope(response: httpx.Response, body: bytes) -> Mapping[str, Any]:
    """The `error` object of a refusal's body; empty where there is none."""
    if not body or "json" not in response.headers.get("content-type", ""):
        return {}
    try:
        data = loads(body)
    except (ValueError, RecursionError):
        return {}
    error = data.get("error") if isinstance(data, dict) else None
    return error if isinstance(error, dict) else {}


def reason(exc: Exception) -> str:
    """What became of a connection of httpx's, in words."""
    return _HTTPX.reason(exc)
