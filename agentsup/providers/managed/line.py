"""The line to the service: one request and its answer as JSON, a list over all its pages, a stream as it comes."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any, Final, TypeAlias

import httpx

from agentsup.providers.base import Unavailable
from agentsup.providers.foreign import errors_of
from agentsup.providers.http_errors import check_status, translated
from agentsup.providers.measuring import measured
from agentsup.providers.transport import STREAM, StreamsApart
from agentsup.wire.errors import RemoteProtocolError
from agentsup.wire.managed import requests

CONNECT_TIMEOUT: Final = 10.0
"""Seconds to a connection; beyond it nothing answers."""

ANSWER_TIMEOUT: Final = 30.0
"""Seconds between two bytes of an answer. None of these requests takes the provider long: work is told in the stream."""

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
        self._http = httpx.AsyncClient(transport=StreamsApart()) if http is None else http
        self.errors = errors_of(self._http)

    def __repr__(self) -> str:
        return f"<Line to {self.base_url}>"

    def stream(self, path: str, heartbeat: float) -> Any:
        """The answer to a request for a session's events, to be entered; its status and its body are as they are."""
        return self._http.stream(
            "GET",
            self.base_url + path,
            params={"event_deltas[]": "agent.message"},
            headers={**self._headers, **_AS_IT_COMES},
            # A read timeout counts from byte to byte: a comment is life, silence is not.
            timeout=_timeout(read=heartbeat),
            extensions=dict(STREAM),
        )

    async def call(
        self, method: str, path: str, what: str, *, body: Any = None, params: Params = (), beta: str | None = None
    ) -> Mapping[str, Any]:
        """The answer, a JSON object.

        Args:
            method: the HTTP method.
            path: without the base address.
            what: what we are doing, for errors.
            body: sent as JSON; None sends nothing.
            params: the query.
            beta: what the beta header names instead of the usual.

        Raises:
            Unavailable: nobody knows what became of it.
            Rejected: the service said no.
        """
        timeout = _timeout(read=ANSWER_TIMEOUT)
        content, headers = _encoded(body, self._headers if beta is None else {**self._headers, "anthropic-beta": beta})
        with translated(what, self.errors), measured("claude-managed-agents", method, what) as answered:
            response = await self._http.request(
                method, self.base_url + path, content=content, params=list(params), headers=headers, timeout=timeout
            )
            answered(response.status_code)
            check_status(response, response.content, what, secret=self.secret)
            try:
                answer = response.json()
            except (ValueError, RecursionError):
                raise RemoteProtocolError("the answer is not JSON") from None
            if not isinstance(answer, Mapping):
                raise RemoteProtocolError("the answer is not a JSON object")
            return answer

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
            answer = await self.call("GET", path, what, params=asked, beta=beta)
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
    """The value as a JSON body, and the headers with its type.

    All ASCII: an id that we were given may hold half a surrogate pair, which JSON can say and UTF-8 cannot.
    """
    if value is None:
        return None, headers
    return json.dumps(value, separators=(",", ":")).encode("ascii"), {**headers, "content-type": "application/json"}
