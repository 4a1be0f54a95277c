"""What every client is: something that talks through an HTTP client, its own or a given one, until it is closed."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

from agentsup.providers.transport import own_client


class HttpClient:
    """A client of a service. Use it as an async context manager, or call `aclose`."""

    def __init__(self, http: Any) -> None:
        self._owned = http is None
        self._http = own_client() if http is None else http

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Give every connection back; an HTTP client that was given stays open."""
        if self._owned:
            await self._http.aclose()
