"""One Claude Managed Agents endpoint's wire."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Final
from urllib.parse import quote

import trio

from agentsup.providers.base import Hear, Rejected, Seen, Unavailable
from agentsup.providers.http_errors import translated
from agentsup.providers.managed.following import check_is_stream, follow
from agentsup.providers.managed.history import catch_up
from agentsup.providers.managed.line import Line
from agentsup.talk.artifact import Artifact
from agentsup.talk.outgoing import Outgoing, SetOptions
from agentsup.wire.managed import requests
from agentsup.wire.managed.files import file_of

FILES: Final = 1000
"""Files asked for at once: the most there are on a page."""

UPDATES: Final = 6
"""How often a session is asked to change: with the pauses, some seconds."""

STATUS_LAG: Final = 0.2
"""Seconds until a session that has come to rest is looked at once more; and, doubled each time, until a service that could not is asked again."""

LONGEST_WAIT: Final = 60.0
"""Seconds; who is told to stay away for longer hears of it at once instead."""

SEARCHED_PAGES: Final = 5
"""Pages of the newest sessions that are searched for one of ours whose create went unanswered: it was made seconds ago."""


class ManagedDriver:
    """What is said and heard of every session at one endpoint."""

    def __init__(self, *, base_url: str, api_key: str | None, http: Any = None) -> None:
        self._line = Line(base_url=base_url, api_key=api_key, http=http)

    def __repr__(self) -> str:
        return f"<ManagedDriver {self._line.base_url}>"

    async def create_session(self, body: Mapping[str, Any]) -> str:
        """The id of a new session."""
        session = await self._line.call("POST", "/v1/sessions", "creating the session", body=body)
        return _id_in(session, "creating the session")

    async def find_session(self, token: str) -> str | None:
        """The id of the session that carries the token, if there is one among the newest."""
        what = "looking for the session"
        listing = self._line.pages("/v1/sessions", what, params=[("limit", "100")], max_pages=SEARCHED_PAGES)
        async with aclosing(listing) as pages:
            async for page in pages:
                for row in page:
                    metadata = row.get("metadata") if isinstance(row, Mapping) else None
                    if isinstance(metadata, Mapping) and metadata.get(requests.TOKEN_KEY) == token:
                        return _id_in(row, what)
        return None

    async def attach(
        self,
        provider_session_id: str,
        *,
        hear: Hear,
        caught_up: Callable[[], Awaitable[None]],
        heartbeat: float,
        seen: Seen | None = None,
    ) -> None:
        """Open the stream, list, follow; returns only by raising."""
        path = f"{_at(provider_session_id)}/events"
        what = "following the session's events"
        with translated(what, self._line.errors):
            async with self._line.stream(f"{path}/stream", what, heartbeat) as response:
                check_is_stream(response)
                # The server keeps what happens from here on for us, so nothing falls between the list and the stream.
                await catch_up(self._line, path, hear, seen)
                await caught_up()
                await follow(response, hear)
        raise Unavailable(f"{what}: the stream ended")

    async def post(
        self,
        provider_session_id: str,
        items: Sequence[Outgoing],
        *,
        seconds: float | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        """Send all of these, or none. The service is told neither of time nor, with each input, of options."""
        for item in items:
            if isinstance(item, SetOptions):  # it comes alone
                await self._update(provider_session_id, item.options)
                return
        path = f"{_at(provider_session_id)}/events"
        answer = await self._line.call("POST", path, "sending to the session", body=requests.send_events(items))
        if not isinstance(answer.get("data"), list):
            # Whoever answers so has not understood what was sent, or was not asked: the history knows whether it was taken.
            raise Unavailable("sending to the session: the answer does not say that it was taken")

    async def _update(self, provider_session_id: str, options: Mapping[str, Any]) -> None:
        """Change the session, and try again for a moment what may pass: its status lags behind its stream, and a service hiccups.

        To say it twice comes to the same, so an answer that leaves it open needs no look into the history; and a change that is not taken is no
        reason to doubt the session. Without any answer the connection is in doubt, as always.
        """
        what, body = "changing the session", requests.update_session(options)
        for attempt in range(UPDATES):
            last = attempt + 1 == UPDATES
            try:
                session = await self._line.call("POST", _at(provider_session_id), what, body=body)
            except Rejected as exc:
                lags = exc.failure.status == 400 and "agent" in body
                if last or not lags:
                    raise Rejected(exc.failure, fatal=False) from exc
                await trio.sleep(STATUS_LAG)
            except Unavailable as exc:
                wait = max(exc.retry_after or 0.0, STATUS_LAG * 2.0**attempt)
                if exc.failure is None:
                    raise
                if last or wait > LONGEST_WAIT:
                    raise Rejected(exc.failure, fatal=False) from exc
                await trio.sleep(wait)
            else:
                _id_in(session, what)  # else somebody answered who knows nothing of it
                return

    async def files(self, provider_session_id: str) -> Sequence[Artifact]:
        """All files in the session's scope, mounted copies of uploads included."""
        params = [("scope_id", provider_session_id), ("limit", str(FILES))]
        listing = self._line.pages("/v1/files", "listing the session's files", params=params, beta=requests.FILES_BETA)
        async with aclosing(listing) as pages:
            return [artifact async for page in pages for row in page if (artifact := file_of(row)) is not None]

    async def aclose(self) -> None:
        """Close our own client; one that was given stays open."""
        await self._line.aclose()


def _at(provider_session_id: str) -> str:
    return f"/v1/sessions/{quote(provider_session_id, safe='')}"


def _id_in(row: Mapping[str, Any], what: str) -> str:
    found = row.get("id")
    if not isinstance(found, str) or not found:
        raise Unavailable(f"{what}: the answer has no id")
    return found
