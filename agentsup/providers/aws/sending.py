"""One signed request on its way: credentials that are good now, a signature made now, and the answer as it comes in.

What the answer means, and whether to ask again, is for whoever asks. One thing is settled here: credentials that ended a moment too early.
The service refuses such a request before it looks at it, so it is signed and sent once more, if the source has newer ones.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import attrs
import httpx

from agentsup.providers.aws.credentials import Credentials, Fresh
from agentsup.providers.aws.signing import Signer
from agentsup.providers.aws.target import target
from agentsup.providers.foreign import errors_of
from agentsup.providers.transport import STREAM
from agentsup.talk.content import hidden
from agentsup.wire.agentcore.errors import Told, read_error

ENDED: Final = frozenset({"ExpiredTokenException", "ExpiredToken", "RequestExpired"})
"""What services call credentials that have ended."""

UNSENT: Final = errors_of().unsent
"""Failures before anything went out: whatever was asked for has not been done."""

CONNECT_TIMEOUT: Final = 10.0
"""Seconds to a connection; beyond it nothing answers."""


@attrs.frozen(kw_only=True)
class Ask:
    """A request before it is signed."""

    what: str
    """What it is for, for errors: `invoking the harness`."""

    method: str
    segments: tuple[str, ...]
    """The path, in plain text."""

    query: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = attrs.field(factory=dict)
    body: bytes = attrs.field(default=b"", repr=hidden)
    silence: float = 60.0
    """Seconds between two bytes of the answer after which it is given up."""

    stream: bool = False
    """The answer is a long one: it gets a connection of its own."""


class Sender:
    """Signs and sends for one address, region and owner of credentials."""

    def __init__(self, http: Any, base_url: str, signer: Signer, credentials: Fresh) -> None:
        self._http = http
        self._base_url = base_url
        self._signer = signer
        self._credentials = credentials

    def __repr__(self) -> str:
        return f"<Sender to {self._base_url}>"

    @asynccontextmanager
    async def answer(self, ask: Ask) -> AsyncIterator[httpx.Response]:
        """The answer, whatever its status; its body is read within the block.

        Raises:
            NoCredentials: there is nothing to sign with.
            httpx.HTTPError: there is no answer.
        """
        keys = await self._credentials.get()
        response = await self._send(ask, keys)
        try:
            if response.status_code in (400, 403) and (newer := await self._newer(response, keys)) is not None:
                await response.aclose()
                response = await self._send(ask, newer)
            yield response
        finally:
            await response.aclose()

    async def told(self, response: httpx.Response) -> Told:
        """What a refusal says, with none of our secrets in it: a service that refuses a signature quotes what it was to be made of."""
        told = read_error(response.headers, await response.aread())
        keys = await self._credentials.get()
        for secret in (keys.session_token, keys.secret_access_key, keys.access_key_id):
            if secret:
                told = attrs.evolve(told, message=told.message.replace(secret, "[credentials]"))
        return told

    async def _newer(self, response: httpx.Response, refused: Credentials) -> Credentials | None:
        if read_error(response.headers, await response.aread()).code not in ENDED:
            return None
        self._credentials.forget(refused)
        newer = await self._credentials.get()
        return None if newer == refused else newer

    async def _send(self, ask: Ask, keys: Credentials) -> httpx.Response:
        where = target(self._base_url, ask.segments, ask.query)
        signed = self._signer.sign(ask.method, where, ask.body, keys)
        timeout = httpx.Timeout(ask.silence, connect=CONNECT_TIMEOUT, pool=None)
        # Made here and not by the client: its own base address, parameters, cookies and headers would go out unsigned, or instead.
        request = httpx.Request(
            ask.method,
            where.url,
            headers={"accept-encoding": "identity", **ask.headers, **signed},
            content=ask.body,
            extensions={"timeout": timeout.as_dict(), **(STREAM if ask.stream else {})},
        )
        answer: httpx.Response = await self._http.send(request, stream=True, auth=None, follow_redirects=False)
        return answer
