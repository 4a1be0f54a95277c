"""The line to the service: one request and its answer as JSON, a list over all its pages, a stream as it comes."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import Any, Final, TypeAlias

import structlog

from agentsup.errors import AgentsupError
from agentsup.otp.reports import frames
from agentsup.providers.answer import LARGEST_ANSWER, in_time, object_in
from agentsup.providers.base import Unavailable
from agentsup.providers.body import whole
from agentsup.providers.foreign import Kinds, errors_of
from agentsup.providers.http_errors import check_status, translated
from agentsup.providers.measuring import measured
from agentsup.providers.transport import STREAM, own_client
from agentsup.wire import jsontext
from agentsup.wire.errors import RemoteProtocolError
from agentsup.wire.managed import requests

_log = structlog.get_logger("agentsup.providers")

CONNECT_TIMEOUT: Final = 10.0
"""Seconds to a connection; beyond it nothing answers."""

ANSWER_TIMEOUT: Final = 30.0
"""Seconds between two bytes of an answer. None of these requests takes the provider long: work is told in the stream."""

WHOLE_ANSWER: Final = 120.0
"""Seconds for a whole answer. A peer that drips a byte now and then is never silent, and must not hold a session up for ever."""

WHOLE_PAGE: Final = 600.0
"""Seconds for a page of a list: a thousand events may be many megabytes."""

LARGEST_REFUSAL: Final = 1024 * 1024
"""Bytes of a refusal that are read for its words; the words of a longer one are not worth it, and its status says enough."""

MAX_PAGES: Final = 100_000
"""Far beyond any history; a server that never stops paging is broken."""

_AS_IT_COMES: Final = {"accept": "text/event-stream", "accept-encoding": "identity", "cache-control": "no-store"}

Params: TypeAlias = Sequence[tuple[str, str]]


class Line:
    """One endpoint's HTTP client, and what every request to it has in common."""

    def __init__(self, *, base_url: str, api_key: str | None, http: Any = None) -> None:
        self.base_url = base_url
        self.secret = api_key
        self._headers = requests.headers(api_key)
        self._owned = http is None
        self._http = own_client() if http is None else http
        self.errors = errors_of(self._http)
        self._understood: Kinds = (
            AgentsupError,
            *self.errors.timeouts,
            *self.errors.failures,
            *self.errors.unusable,
        )

    def __repr__(self) -> str:
        return f"<Line to {self.base_url}>"

    @asynccontextmanager
    async def stream(self, path: str, what: str, heartbeat: float) -> AsyncIterator[Any]:
        """The answer to a request for a session's events, which is a success; its body is as it is.

        Raises:
            Unavailable: there is none.
            Rejected: the service said no.
        """
        opening = self._http.stream(
            "GET",
            self.base_url + path,
            params={"event_deltas[]": "agent.message"},
            headers={**self._headers, **_AS_IT_COMES},
            # A read timeout counts from byte to byte: a comment is life, silence is not.
            timeout=_timeout(read=heartbeat),
            extensions=dict(STREAM),
        )
        async with AsyncExitStack() as stack:
            with self._whatever_it_raises(what), in_time(CONNECT_TIMEOUT + heartbeat, what):
                response = await stack.enter_async_context(opening)
                await self._check(response, what)
            yield response

    async def call(
        self,
        method: str,
        path: str,
        what: str,
        *,
        body: Any = None,
        params: Params = (),
        beta: str | None = None,
        seconds: float = WHOLE_ANSWER,
    ) -> Mapping[str, Any]:
        """The answer, a JSON object.

        Args:
            method: the HTTP method.
            path: without the base address.
            what: what we are doing, for errors.
            body: sent as JSON; None sends nothing.
            params: the query.
            beta: what the beta header names instead of the usual.
            seconds: for all of it.

        Raises:
            Unavailable: nobody knows what became of it.
            Rejected: the service said no.
        """
        timeout = _timeout(read=ANSWER_TIMEOUT)
        content, headers = _encoded(body, self._headers if beta is None else {**self._headers, "anthropic-beta": beta})
        asking = self._http.stream(
            method, self.base_url + path, content=content, params=list(params), headers=headers, timeout=timeout
        )
        with (
            translated(what, self.errors),
            measured("claude-managed-agents", method, what) as answered,
            self._whatever_it_raises(what),
            in_time(seconds, what),
        ):
            async with asking as response:
                answered(response.status_code)
                await self._check(response, what)
                data = await whole(response, most=LARGEST_ANSWER)
            return object_in(data)

    @contextmanager
    def _whatever_it_raises(self, what: str) -> Iterator[None]:
        """Within: a client that fails in its own way (a hook of its owner's, its authentication) is a request that failed.

        A task that crashed of it would be restarted, and crash of it again.
        """
        try:
            yield
        except self._understood:
            raise
        except Exception as exc:
            # Without its text and its locals: a key may stand in either.
            _log.error("request.failed", what=what, error=type(exc).__name__, frames=frames(exc))
            raise Unavailable(f"{what}: the HTTP client failed ({type(exc).__name__})") from exc

    async def _check(self, response: Any, what: str) -> None:
        """Nothing for a success; for the rest what its status and its words mean."""
        if not response.is_success:
            said = await whole(response, most=LARGEST_REFUSAL)
            check_status(response, said or b"", what, secret=self.secret)

    async def pages(
        self, path: str, what: str, *, params: Params, max_pages: int = MAX_PAGES, beta: str | None = None
    ) -> AsyncGenerator[list[Any], None]:
        """The rows of a list, page by page; to be closed by who leaves early.

        Raises:
            Unavailable: a page cannot be had, or the pages make no sense.
            Rejected: the service said no.
        """
        cursor: str | None = None
        read_so_far: set[str] = set()
        for _ in range(max_pages):
            asked = params if cursor is None else (*params, ("page", cursor))
            answer = await self.call("GET", path, what, params=asked, beta=beta, seconds=WHOLE_PAGE)
            with translated(what, self.errors):
                rows = _rows(answer)
            yield rows
            if not answer.get("next_page"):
                return
            cursor = str(answer["next_page"])
            if cursor in read_so_far:
                raise Unavailable(f"{what}: a page names itself as the next one, or one that was read before it")
            read_so_far.add(cursor)
        if max_pages == MAX_PAGES:
            raise Unavailable(f"{what}: the pages do not end")

    async def aclose(self) -> None:
        """Close our own client; one that was given stays open."""
        if self._owned:
            await self._http.aclose()


def _rows(answer: Mapping[str, Any]) -> list[Any]:
    data = answer.get("data")
    if not isinstance(data, list):
        raise RemoteProtocolError("a page has no list of data")
    return data


def _timeout(*, read: float) -> tuple[float, float, float, None]:
    """Seconds to connect, to the next byte in and out, and no limit to the wait for a connection of ours. Plain: any client takes it."""
    return CONNECT_TIMEOUT, read, ANSWER_TIMEOUT, None


def _encoded(value: Any, headers: Mapping[str, str]) -> tuple[bytes | None, Mapping[str, str]]:
    """The value as a JSON body, and the headers with its type."""
    if value is None:
        return None, headers
    return jsontext.body_of(value), {**headers, "content-type": "application/json"}
