"""The line to the service: one signed request with its repetitions and its errors."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from typing import Any, Final, TypeVar

import httpx

from agentsup.agentcore.errors import class_for
from agentsup.control.errors import ApiError, UnreadableAnswer
from agentsup.control.persistence import Persistence
from agentsup.control.retries import Retries
from agentsup.providers.aws.sending import Ask, Sender
from agentsup.providers.foreign import errors_of
from agentsup.providers.http_errors import retry_after
from agentsup.wire.agentcore.errors import Told

T = TypeVar("T")

RETRYABLE: Final = frozenset({"RetryableConflictException"})
"""Codes by which the service says that it did not look at the request, and could the next time."""

SAID_AT_MOST: Final = 300
"""Characters of the service's own message that an error quotes."""


class Line:
    """Asks and hears the answers. Knows nothing of what is asked for."""

    def __init__(self, sender: Sender, *, most: int) -> None:
        self._sender = sender
        self._persistence = Persistence(
            service="agentcore", address="endpoint_url", errors=errors_of(), retries=Retries(most=most)
        )

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
        harmless = not _may_be_done(ask)
        return await self._persistence.answer(once, what=ask.what, harmless=harmless, again=again, repeating=repeating)

    def translated(self, ask: Ask) -> AbstractContextManager[None]:
        """Within: what the HTTP client raises is `ConnectionFailed`, with what we were doing."""
        return self._persistence.translated(ask.what, harmless=not _may_be_done(ask))


def refusal(ask: Ask, response: httpx.Response, told: Told) -> ApiError:
    """An answer that is no success, as the error of its class."""
    status = response.status_code
    said = f": {told.message[:SAID_AT_MOST]}" if told.message else ""
    wrong = f" ({'; '.join(f'{name}: {why}' for name, why in told.fields)[:SAID_AT_MOST]})" if told.fields else ""
    return class_for(told.code, status, told.reason)(
        f"{ask.what}: the service answered {status}{f' {told.code}' if told.code else ''}{said}{wrong}",
        type=told.code,
        error_code=told.reason,
        fields=told.fields,
        status=status,
        request_id=told.request_id,
        retry_after=retry_after(response.headers),
        should_retry=True if told.code in RETRYABLE else None,
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
