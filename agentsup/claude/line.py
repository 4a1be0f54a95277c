"""The line to the service: one request with its headers, its repetitions and its errors."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any, Final, TypeVar

import attrs
import httpx

from agentsup.claude.ask import Ask, with_page
from agentsup.claude.errors import class_for
from agentsup.control.body import body_of
from agentsup.control.errors import ApiError, UnreadableAnswer
from agentsup.control.lists import Listing, Page, cursor_of, rows_of
from agentsup.control.persistence import Persistence
from agentsup.control.retries import Retries
from agentsup.providers.body import unwinding
from agentsup.providers.foreign import errors_of
from agentsup.providers.http_errors import WORD_AT_MOST, envelope, quoted, retry_after, should_retry
from agentsup.providers.transport import STREAM
from agentsup.wire.errors import RemoteProtocolError
from agentsup.wire.reading import read_as

T = TypeVar("T")

CONNECT_TIMEOUT: Final = 10.0
"""Seconds to a connection; beyond it nothing answers."""

ANSWER_TIMEOUT: Final = 60.0
"""Seconds between two bytes, either way. A deadline for a whole call is a trio scope around it."""

_OK: Final = 200
"""The one success that brings a whole body: 206 is a part, 204 nothing."""


class Line:
    """Asks and hears the answers. Knows nothing of what is asked for."""

    def __init__(
        self,
        http: Any,
        *,
        base_url: str,
        headers: Mapping[str, str],
        secret: str | None,
        betas: tuple[str, ...],
        retries: Retries,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._http = http
        self._persistence = Persistence(
            service="claude", address="base_url", errors=errors_of(http), retries=retries, chance=chance
        )
        self._base_url = base_url
        self._headers = dict(headers)
        self._secret = secret
        self._betas = betas

    def __repr__(self) -> str:
        return f"<Line {self._base_url}>"

    async def thing(self, cls: type[T], ask: Ask, *, repeating: Callable[[], None] = lambda: None) -> T:
        """The answer as a value of the class; `repeating` is called before each repetition.

        Raises:
            ApiError: there is no such answer.
        """
        answer, request_id = await self._answer(ask, repeating)
        return self.read(partial(read_as, cls), answer, ask, request_id)

    async def json(self, ask: Ask) -> Any:
        """The answer as plain data; also null.

        Raises:
            ApiError: there is none.
        """
        answer, _ = await self._answer(ask, lambda: None)
        return answer

    def read(self, read: Callable[[object], T], answer: object, ask: Ask, request_id: str | None = None) -> T:
        """A piece of an answer as what `read` makes of it.

        Raises:
            UnreadableAnswer: it can make nothing of it.
        """
        try:
            return read(answer)
        except RemoteProtocolError as exc:
            ambiguous = not _harmless(ask)
            raise UnreadableAnswer(f"{ask.what}: {exc}", request_id=request_id, ambiguous=ambiguous) from None

    @asynccontextmanager
    async def body(
        self, ask: Ask, *, heartbeat: float | None = None, content_type: str | None = None
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """An answer's body piece by piece, on a connection of its own; one that breaks off raises `ConnectionFailed` there.

        Args:
            ask: the request; it is repeated only until it is answered.
            heartbeat: seconds of silence after which the body is given up.
            content_type: what it has to be.

        Raises:
            ApiError: there is no such answer.
        """
        async with AsyncExitStack() as stack:

            async def opened() -> Any:
                options = {**self._options(ask), "extensions": dict(STREAM)}
                # Packed by nobody on the way: a packed body that was cut cannot be told from a whole one.
                options["headers"] = {**options["headers"], "accept-encoding": "identity"}
                if heartbeat is not None:
                    options["timeout"] = _timeout(heartbeat)
                async with AsyncExitStack() as attempt:
                    opening = self._http.stream(ask.method, self._base_url + ask.path, **options)
                    response = await attempt.enter_async_context(opening)
                    if not response.is_success:
                        raise self._refusal(ask, response, await response.aread())
                    if response.status_code != _OK:
                        raise UnreadableAnswer(
                            f"{ask.what}: the service answered {response.status_code}, not the whole"
                        )
                    if (
                        content_type is not None
                        and content_type not in response.headers.get("content-type", "").lower()
                    ):
                        raise UnreadableAnswer(f"{ask.what}: the answer is no {content_type}")
                    stack.push_async_exit(attempt.pop_all())
                    return response

            response = await self._persist(ask, opened, lambda: None)
            pieces = await stack.enter_async_context(unwinding(response.aiter_bytes()))
            yield _Pieces(pieces, lambda: self._translated(ask))

    def listing(self, read: Callable[[object], T], ask: Ask) -> Listing[T]:
        """The list that the request asks for; each row is what `read` makes of it."""

        async def page(cursor: str | None) -> Page[T]:
            this = ask if cursor is None else attrs.evolve(ask, query=with_page(ask.query, cursor))
            answer = await self.json(this)
            data = tuple(self.read(read, row, ask) for row in rows_of(answer, "data", ask.what))
            before, behind = cursor_of(answer, "prev_page", ask.what), cursor_of(answer, "next_page", ask.what)
            return Page(data=data, next_page=behind, prev_page=before, raw=answer)

        return Listing(ask.what, page)

    def _translated(self, ask: Ask) -> AbstractContextManager[None]:
        return self._persistence.translated(ask.what, harmless=_harmless(ask))

    async def _answer(self, ask: Ask, repeating: Callable[[], None]) -> tuple[Any, str | None]:
        async def once() -> tuple[Any, str | None]:
            response = await self._send(ask)
            request_id = self._word(response.headers.get("request-id"))
            if not response.is_success:
                raise self._refusal(ask, response, response.content)
            try:
                return response.json(), request_id
            except (ValueError, RecursionError):
                message, ambiguous = f"{ask.what}: the answer is not JSON", not _harmless(ask)
                raise UnreadableAnswer(
                    message, status=response.status_code, request_id=request_id, ambiguous=ambiguous
                ) from None

        return await self._persist(ask, once, repeating)

    async def _persist(self, ask: Ask, once: Callable[[], Awaitable[T]], repeating: Callable[[], None]) -> T:
        """Do it, again where that is allowed and promises something."""
        return await self._persistence.answer(
            once, what=ask.what, harmless=_harmless(ask), again=ask.again, repeating=repeating
        )

    async def _send(self, ask: Ask) -> Any:
        options = self._options(ask)
        url = self._base_url + ask.path
        if ask.form is None:
            return await self._http.request(ask.method, url, **options)
        async with ask.form.opened() as (length, stream):
            headers = {**options.pop("headers"), "content-type": ask.form.content_type, "content-length": str(length)}
            request = self._http.build_request(ask.method, url, content=stream, headers=headers, **options)
            if isinstance(request, httpx.Request):
                # httpx wraps what it is given in a generator, which nobody closes when the request is cancelled.
                request.stream = stream
            return await self._http.send(request)

    def _options(self, ask: Ask) -> dict[str, Any]:
        headers = {**self._headers, **ask.headers}
        betas = [*self._betas, *([ask.beta] if ask.beta else ())]
        if betas:
            headers["anthropic-beta"] = ",".join(betas)
        options: dict[str, Any] = {"headers": headers, "timeout": _timeout(ANSWER_TIMEOUT)}
        if ask.query:
            options["params"] = list(ask.query)
        if ask.body is not None:
            headers["content-type"] = "application/json"
            options["content"] = body_of(ask.body)
        return options

    def _word(self, theirs: object) -> str | None:
        return quoted(theirs, self._secret, most=WORD_AT_MOST)

    def _refusal(self, ask: Ask, response: Any, body: bytes) -> ApiError:
        error = envelope(response, body)
        status, details = response.status_code, error.get("details")
        kind = self._word(error.get("type"))
        said = quoted(error.get("message"), self._secret)
        return class_for(status)(
            f"{ask.what}: the service answered {status}{f' {kind}' if kind else ''}{f': {said}' if said else ''}",
            type=kind,
            error_code=self._word(details.get("error_code")) if isinstance(details, Mapping) else None,
            status=status,
            request_id=self._word(response.headers.get("request-id")),
            retry_after=retry_after(response.headers),
            should_retry=should_retry(response.headers),
            ambiguous=status >= 500 and not _harmless(ask),
        )


class _Pieces:
    """A body's pieces, its breaks as our errors."""

    def __init__(self, pieces: AsyncIterator[bytes], translated: Callable[[], AbstractContextManager[None]]) -> None:
        self._pieces = pieces
        self._translated = translated

    def __aiter__(self) -> _Pieces:
        return self

    async def __anext__(self) -> bytes:
        with self._translated():
            return await anext(self._pieces)


def _harmless(ask: Ask) -> bool:
    """Whether nothing at the service can have changed."""
    return ask.method == "GET"


def _timeout(read: float) -> tuple[float, float, float, None]:
    """Seconds to connect, to the next byte in and out, and no limit to the wait for a connection of ours. Plain: any client takes it."""
    return CONNECT_TIMEOUT, read, ANSWER_TIMEOUT, None
