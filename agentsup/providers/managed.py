"""Claude Managed Agents: the loop runs at the provider, events come by server-sent events, inputs go by POST."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Hashable, Iterable, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Final
from urllib.parse import quote

import attrs
import httpx

from agentsup.errors import Problem
from agentsup.providers.address import address_problems, base_url_of, has_auth
from agentsup.providers.base import Bodies, Driver, Hear, Opening, Unavailable
from agentsup.providers.body import unwinding
from agentsup.providers.foreign import errors_of
from agentsup.providers.http_errors import check_status, translated
from agentsup.providers.measuring import measured
from agentsup.providers.transport import STREAM, StreamsApart
from agentsup.talk.events import TextDelta, Theirs
from agentsup.talk.outgoing import Outgoing
from agentsup.wire import sse
from agentsup.wire.errors import RemoteProtocolError
from agentsup.wire.frames import checked, decode_frame
from agentsup.wire.managed import requests
from agentsup.wire.managed.events import read

CONNECT_TIMEOUT: Final = 10.0
"""Seconds to a connection; beyond it nothing answers."""

ANSWER_TIMEOUT: Final = 30.0
"""Seconds between two bytes of an answer. None of these requests takes the provider long: work is told in the stream."""

PAGE: Final = 1000
"""Events asked for at once when listing the history: the documented default."""

SEARCHED_PAGES: Final = 5
"""Pages of the newest sessions that are searched for one of ours whose create went unanswered: it was made seconds ago."""

_AS_IT_COMES: Final = {"accept": "text/event-stream", "accept-encoding": "identity", "cache-control": "no-store"}

MAX_PAGES: Final = 100_000
"""Far beyond any history; a server that never stops paging is broken."""


@attrs.frozen(kw_only=True)
class ClaudeManagedAgents:
    """An agent that runs at Claude Managed Agents; the tools it asks for run here.

    Constructing one opens nothing and checks nothing; a session that is started with it does both. What is not given is taken from the
    environment, then from the default.
    """

    agent: Any = None
    """An agent's id, or a handle that has it as `agent_id`. Not needed to go on with an existing session."""

    environment: Any = None
    """An environment's id, or a handle that has it as `environment_id`. Not needed to go on with an existing session."""

    session_id: str | None = None
    """The provider's id of an existing session to go on with."""

    api_key: str | None = attrs.field(default=None, repr=False)
    """Else `ANTHROPIC_API_KEY`."""

    base_url: str | None = None
    """Else `ANTHROPIC_BASE_URL`, else the vendor's address."""

    http: Any = attrs.field(default=None, repr=False)
    """An `httpx.AsyncClient` (or one that quacks like it) to use instead of our own. It stays yours: it is not closed here, and its
    limits hold; mind that its pool counts open streams."""

    @property
    def kind(self) -> str:
        """`claude-managed-agents`."""
        return "claude-managed-agents"

    @property
    def has_history(self) -> bool:
        """Yes."""
        return True

    @property
    def provider_session_id(self) -> str | None:
        """The existing session to go on with."""
        return self.session_id

    @property
    def endpoint(self) -> Hashable:
        """Kind, address, credentials (as a digest: the value shows in the tree) and client, as one text."""
        who = hashlib.sha256((self._api_key or "").encode()).hexdigest()[:8]
        client = f" via {id(self.http):x}" if self.http is not None else ""
        return f"{self.kind} {self._base_url} as {who}{client}"

    @property
    def _base_url(self) -> str:
        return base_url_of(self.base_url)

    @property
    def _api_key(self) -> str | None:
        return self.api_key or os.environ.get("ANTHROPIC_API_KEY") or None

    def problems(self) -> Iterable[Problem]:
        """What is wrong with the value."""
        if self._api_key is None and not has_auth(self.http):
            yield Problem("api_key", "is missing: pass api_key= or set ANTHROPIC_API_KEY")
        yield from address_problems(self._base_url)
        if self.session_id is None:
            if not _id_of(self.agent, "agent_id"):
                yield Problem(
                    "agent", "is missing: pass an agent's id or handle, or session_id= to go on with a session"
                )
            if not _id_of(self.environment, "environment_id"):
                yield Problem("environment", "is missing: pass an environment's id or handle")

    def connect(self) -> ManagedDriver:
        """A driver for the endpoint."""
        return ManagedDriver(base_url=self._base_url, api_key=self._api_key, http=self.http)

    async def open(self, driver: Driver, opening: Opening) -> str:
        """Make (or find again) the session, with our ids in its metadata."""
        assert isinstance(driver, ManagedDriver)
        if opening.search and (found := await driver.find_session(opening.token)) is not None:
            return found
        metadata = {requests.TOKEN_KEY: opening.token, requests.SESSION_KEY: opening.session_id[:512]}
        body = requests.create_session(
            agent=_id_of(self.agent, "agent_id"),
            environment=_id_of(self.environment, "environment_id"),
            metadata=metadata,
        )
        return await driver.create_session(body)


class ManagedDriver:
    """One Claude Managed Agents endpoint's wire."""

    def __init__(self, *, base_url: str, api_key: str | None, http: Any = None) -> None:
        self._base_url = base_url
        self._secret = api_key
        self._headers = requests.headers(api_key)
        self._owned = http is None
        self._http = httpx.AsyncClient(transport=StreamsApart()) if http is None else http
        self._errors = errors_of(self._http)

    def __repr__(self) -> str:
        return f"<ManagedDriver {self._base_url}>"

    async def create_session(self, body: Mapping[str, Any]) -> str:
        """The id of a new session."""
        session = await self._call("POST", "/v1/sessions", "creating the session", body=body)
        return _id_in(session, "creating the session")

    async def find_session(self, token: str) -> str | None:
        """The id of the session that carries the token, if there is one among the newest."""
        what = "looking for the session"
        async with aclosing(self._pages("/v1/sessions", what, limit=100, max_pages=SEARCHED_PAGES)) as pages:
            async for page in pages:
                for row in page:
                    metadata = row.get("metadata") if isinstance(row, Mapping) else None
                    if isinstance(metadata, Mapping) and metadata.get(requests.TOKEN_KEY) == token:
                        return _id_in(row, what)
        return None

    async def attach(
        self, provider_session_id: str, *, hear: Hear, caught_up: Callable[[], Awaitable[None]], heartbeat: float
    ) -> None:
        """Open the stream, list, follow; returns only by raising."""
        path = f"/v1/sessions/{quote(provider_session_id, safe='')}/events"
        what = "following the session's events"
        with translated(what, self._errors):
            async with self._stream(f"{path}/stream", heartbeat) as response:
                if not response.is_success:
                    check_status(response, await response.aread(), what, secret=self._secret)
                # The server keeps what happens from here on for us, so nothing falls between the list and the stream.
                await self._catch_up(path, hear)
                await caught_up()
                await _follow(response, hear)
        raise Unavailable(f"{what}: the stream ended")

    async def post(self, provider_session_id: str, items: Sequence[Outgoing], *, seconds: float | None = None) -> None:
        """Send all of these, or none."""
        path = f"/v1/sessions/{quote(provider_session_id, safe='')}/events"
        await self._call("POST", path, "sending to the session", body=requests.send_events(items))

    async def aclose(self) -> None:
        """Close our own client; one that was given stays open."""
        if self._owned:
            await self._http.aclose()

    def _stream(self, path: str, heartbeat: float) -> Any:
        return self._http.stream(
            "GET",
            self._base_url + path,
            params={"event_deltas[]": "agent.message"},
            headers={**self._headers, **_AS_IT_COMES},
            # A read timeout counts from byte to byte: a comment is life, silence is not.
            timeout=_timeout(read=heartbeat),
            extensions=dict(STREAM),
        )

    async def _catch_up(self, path: str, hear: Hear) -> None:
        async with aclosing(self._pages(path, "listing the session's events", limit=PAGE)) as pages:
            async for page in pages:
                await hear(_bodies(page))

    async def _pages(
        self, path: str, what: str, *, limit: int, max_pages: int = MAX_PAGES
    ) -> AsyncGenerator[list[Any], None]:
        cursor: str | None = None
        read_so_far: set[str] = set()
        for _ in range(max_pages):
            params = {"limit": str(limit)} if cursor is None else {"limit": str(limit), "page": cursor}
            answer = await self._call("GET", path, what, params=params)
            data = answer.get("data")
            if not isinstance(data, list):
                raise RemoteProtocolError("a page has no list of data")
            yield data
            if not answer.get("next_page"):
                return
            cursor = str(answer["next_page"])
            if cursor in read_so_far:
                raise RemoteProtocolError("a page names itself as the next one, or one that was read before it")
            read_so_far.add(cursor)
        if max_pages == MAX_PAGES:
            raise RemoteProtocolError("the pages do not end")

    async def _call(
        self, method: str, path: str, what: str, *, body: Any = None, params: Mapping[str, str] | None = None
    ) -> Mapping[str, Any]:
        timeout = _timeout(read=ANSWER_TIMEOUT)
        content, headers = _encoded(body, self._headers)
        with translated(what, self._errors), measured("claude-managed-agents", method, what) as answered:
            response = await self._http.request(
                method, self._base_url + path, content=content, params=params, headers=headers, timeout=timeout
            )
            answered(response.status_code)
            check_status(response, response.content, what, secret=self._secret)
            try:
                answer = response.json()
            except (ValueError, RecursionError):
                raise RemoteProtocolError("the answer is not JSON") from None
            if not isinstance(answer, Mapping):
                raise RemoteProtocolError("the answer is not a JSON object")
            return answer


def _timeout(*, read: float) -> tuple[float, float, float, None]:
    """Seconds to connect, to the next byte in and out, and no limit to the wait for a connection of ours. Plain: any client takes it."""
    return CONNECT_TIMEOUT, read, ANSWER_TIMEOUT, None


async def _follow(response: Any, hear: Hear) -> None:
    """Tell what the stream says until it ends or makes no sense; what came before the nonsense is told."""
    if "text/event-stream" not in response.headers.get("content-type", "").partition(";")[0]:
        raise RemoteProtocolError("the answer is not an event stream")
    reader = sse.Reader()
    # We ask for no encoding; a proxy may think it knows better.
    encoded = response.headers.get("content-encoding", "identity") != "identity"
    async with unwinding(response.aiter_bytes() if encoded else response.aiter_raw()) as pieces:
        async for piece in pieces:
            if frames := reader.feed(piece):
                await _tell(frames, hear)


async def _tell(frames: Iterable[sse.Frame], hear: Hear) -> None:
    bodies: list[Theirs | TextDelta] = []
    try:
        for name, data in frames:
            raw = decode_frame(name, data)
            if raw is not None and (body := read(raw, data.decode("utf-8", "replace"))) is not None:
                bodies.append(body)
    finally:
        if bodies:
            await hear(tuple(bodies))


def _encoded(value: Any, headers: Mapping[str, str]) -> tuple[bytes | None, Mapping[str, str]]:
    """The value as a JSON body, and the headers with its type.

    All ASCII: an id that we were given may hold half a surrogate pair, which JSON can say and UTF-8 cannot.
    """
    if value is None:
        return None, headers
    return json.dumps(value, separators=(",", ":")).encode("ascii"), {**headers, "content-type": "application/json"}


def _bodies(page: Iterable[object]) -> Bodies:
    read_page = (read(checked(raw)) for raw in page)
    return tuple(body for body in read_page if body is not None)


def _id_of(value: Any, attribute: str) -> str:
    """The id in an id or a handle; empty if there is none."""
    found = value if isinstance(value, str) else getattr(value, attribute, None)
    return found if isinstance(found, str) else ""


def _id_in(row: Mapping[str, Any], what: str) -> str:
    found = row.get("id")
    if not isinstance(found, str) or not found:
        raise Unavailable(f"{what}: the answer has no id")
    return found
