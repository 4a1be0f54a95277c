"""The line to the service: one signed request with its repetitions and its errors."""

from __future__ import annotations

import json
import random
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

import httpx
import structlog
import trio

from agentsup.agentcore.errors import (
    ApiError,
    Conflict,
    ConnectionFailed,
    RateLimited,
    ServerError,
    UnreadableAnswer,
    class_for,
)
from agentsup.errors import SpecError
from agentsup.providers.aws.sending import UNSENT, Ask, Sender
from agentsup.providers.http_errors import reason, retry_after
from agentsup.providers.reconnect import Reconnect
from agentsup.wire.agentcore.errors import Told

T = TypeVar("T")

_log = structlog.get_logger("agentsup.agentcore")

BACKOFF: Final = Reconnect(initial=0.5, cap=8.0)
"""Full jitter, so that many who failed together do not come back together."""

LONGEST_WAIT: Final = 60.0
"""Seconds; who is told to stay away for longer hears of it at once instead."""

SAID_AT_MOST: Final = 300
"""Characters of the service's own message that an error quotes."""


class Line:
    """Asks and hears the answers. Knows nothing of what is asked for."""

    def __init__(self, sender: Sender, *, most: int, chance: Callable[[], float] = random.random) -> None:
        self._sender = sender
        self._most = most
        self._chance = chance

    def __repr__(self) -> str:
        return f"<Line of {self._sender!r}>"

    @property
    def sender(self) -> Sender:
        """What signs and sends."""
        return self._sender

    async def json(self, ask: Ask, *, repeating: Callable[[], None] = lambda: None) -> dict[str, Any]:
        """The answer, a JSON object. Everything asked for here may be done twice: by its token, or because it changes nothing.

        Args:
            ask: the request.
            repeating: called before each repetition.

        Raises:
            ApiError: there is no answer.
        """

        async def once() -> dict[str, Any]:
            async with self._sender.answer(ask) as response:
                if not response.is_success:
                    raise refusal(ask, response, await self._sender.told(response))
                return _object(ask, response, await response.aread())

        return await self.persist(ask, once, repeating=repeating, again=True)

    async def persist(
        self,
        ask: Ask,
        once: Callable[[], Awaitable[T]],
        *,
        repeating: Callable[[], None] = lambda: None,
        again: bool,
    ) -> T:
        """Do it, again where that is allowed and promises something.

        Args:
            ask: what it is.
            once: does it.
            repeating: called before each repetition.
            again: doing it twice comes to the same.

        Raises:
            ApiError: what came of it the last time.
        """
        attempt = 0
        while True:
            try:
                with translated(ask):
                    return await once()
            except ApiError as exc:
                attempt += 1
                wait = BACKOFF.delay(attempt, self._chance(), floor=exc.retry_after)
                if attempt > self._most or wait > LONGEST_WAIT or not worth_repeating(exc, again=again):
                    raise
                _log.warning("agentcore.repeated", what=ask.what, status=exc.status, attempt=attempt, wait=wait)
            await trio.sleep(wait)
            repeating()


def worth_repeating(error: ApiError, *, again: bool) -> bool:
    """Whether the same request may and could succeed: what was not looked at, and, where twice is as once, what may have been done."""
    match error:
        case RateLimited():
            return True
        case Conflict(code="RetryableConflictException"):
            return True
        case ConnectionFailed():
            return again or not error.ambiguous
        case ServerError() | UnreadableAnswer():
            return again
    return False


@contextmanager
def translated(ask: Ask) -> Iterator[None]:
    """Within: what the HTTP client raises is `ConnectionFailed`, with what we were doing."""
    try:
        yield
    except httpx.UnsupportedProtocol as exc:
        raise SpecError.of("endpoint_url", "cannot be used") from exc
    except httpx.TimeoutException as exc:
        message = f"{ask.what}: no answer in time ({type(exc).__name__})"
        raise ConnectionFailed(message, ambiguous=_may_be_done(ask) and not isinstance(exc, UNSENT)) from exc
    except (httpx.HTTPError, httpx.StreamError) as exc:
        ambiguous = _may_be_done(ask) and not isinstance(exc, UNSENT)
        raise ConnectionFailed(f"{ask.what}: {reason(exc)}", ambiguous=ambiguous) from exc


def refusal(ask: Ask, response: httpx.Response, told: Told) -> ApiError:
    """An answer that is no success, as the error of its class."""
    status = response.status_code
    said = f": {told.message[:SAID_AT_MOST]}" if told.message else ""
    wrong = f" ({'; '.join(f'{name}: {why}' for name, why in told.fields)[:SAID_AT_MOST]})" if told.fields else ""
    return class_for(told.code, status, told.reason)(
        f"{ask.what}: the service answered {status}{f' {told.code}' if told.code else ''}{said}{wrong}",
        code=told.code,
        reason=told.reason,
        fields=told.fields,
        status=status,
        request_id=told.request_id,
        retry_after=retry_after(response.headers),
        ambiguous=status >= 500 and _may_be_done(ask),
    )


def _may_be_done(ask: Ask) -> bool:
    return ask.method != "GET"


def _object(ask: Ask, response: httpx.Response, body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body) if body else {}
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise UnreadableAnswer(
            f"{ask.what}: the answer is not a JSON object",
            status=response.status_code,
            request_id=response.headers.get("x-amzn-requestid"),
            ambiguous=_may_be_done(ask),
        )
    return value
