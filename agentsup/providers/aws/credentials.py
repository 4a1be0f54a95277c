"""AWS credentials as a value, where they come from as an interface, and how they are kept fresh."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from typing import Protocol, runtime_checkable

import attrs
import structlog
import trio

from agentsup.errors import AgentsupError, Problem

_log = structlog.get_logger("agentsup.providers")

REFRESH_BEFORE = 900.0
"""Seconds before their end in which credentials are renewed, if that works; AWS's own clients begin then, too."""

REFRESH_AT_LATEST = 60.0
"""Seconds before their end from which they are not used any more: a request under way must not outlive them."""

RETRY_REFRESH = 60.0
"""Seconds until a renewal that failed is tried again, while the old ones are good."""


class NoCredentials(AgentsupError):
    """There are no AWS credentials to sign with; the text names every place that was looked at."""


@attrs.frozen(kw_only=True, repr=False)
class Credentials:
    """An AWS key, and the session token of a temporary one. Its repr shows neither."""

    access_key_id: str
    secret_access_key: str
    session_token: str | None = None
    expires_at: float | None = None
    """When they end, in seconds since 1970 (UTC); None for those that do not."""

    def __repr__(self) -> str:
        kind = "permanent" if self.session_token is None else "temporary"
        return f"<Credentials {kind}{'' if self.expires_at is None else f' until {self.expires_at:.0f}'}>"

    def problems(self) -> Iterator[Problem]:
        """What is wrong with them. The values stay out of it."""
        for name in ("access_key_id", "secret_access_key", "session_token"):
            value = getattr(self, name)
            if value is None and name == "session_token":
                continue
            if not isinstance(value, str) or not value:
                yield Problem(f"credentials.{name}", "is missing")
            elif not value.isascii() or not value.isprintable() or " " in value:
                yield Problem(
                    f"credentials.{name}", "has characters that no AWS key has; was a line end pasted with it?"
                )


@runtime_checkable
class CredentialSource(Protocol):
    """Where credentials come from. Yours may ask a vault, assume a role, or whatever your organisation does."""

    async def load(self) -> Credentials:
        """Credentials that are good now; they are asked for again before `expires_at`.

        Raises:
            NoCredentials: there are none; anything else that is raised counts as that, too.
        """


@attrs.frozen
class Fixed:
    """Credentials that somebody had already."""

    credentials: Credentials

    async def load(self) -> Credentials:
        """These."""
        return self.credentials


class Fresh:
    """Credentials that are good whenever they are asked for: loaded once, renewed before they end, by one task for all that wait."""

    def __init__(self, source: CredentialSource, *, now: Callable[[], float] = time.time) -> None:
        self._source = source
        self._now = now
        self._loading = trio.Lock()
        self._held: Credentials | None = None
        self._next = -math.inf

    def __repr__(self) -> str:
        return f"<Fresh {self._held!r}>"

    async def get(self) -> Credentials:
        """Credentials to sign with now.

        Raises:
            NoCredentials: there are none, or they ended and could not be renewed.
        """
        if self._held is not None and not self._is_due():
            return self._held
        async with self._loading:
            if self._held is None or self._is_due():
                await self._load()
            assert self._held is not None
            return self._held

    def forget(self, refused: Credentials) -> None:
        """The service refused these as expired: ask the source again next time."""
        if self._held is refused:
            self._held = None

    def _is_due(self) -> bool:
        return self._now() >= self._next

    async def _load(self) -> None:
        try:
            held = await self._source.load()
            if problems := list(held.problems()):
                raise NoCredentials("; ".join(map(str, problems)))  # noqa: TRY301  -- one road for all that is wrong with them
        except Exception as exc:
            if self._held is not None and self._remaining(self._held) > REFRESH_AT_LATEST:
                _log.warning("credentials.renewal_failed", reason=type(exc).__name__)
                self._next = self._now() + RETRY_REFRESH
                return
            self._held = None
            if isinstance(exc, NoCredentials):
                raise
            raise NoCredentials(f"the source of the credentials failed ({type(exc).__name__})") from exc
        if self._remaining(held) <= 0:
            self._held = None
            raise NoCredentials("the credentials have expired already")
        self._held = held
        self._next = math.inf if held.expires_at is None else self._renewal(held.expires_at)

    def _renewal(self, expires_at: float) -> float:
        """Early, but never at once: a source that hands out short-lived credentials is not asked for every request."""
        return max(expires_at - REFRESH_BEFORE, min(self._now() + RETRY_REFRESH, expires_at - REFRESH_AT_LATEST))

    def _remaining(self, credentials: Credentials) -> float:
        return math.inf if credentials.expires_at is None else credentials.expires_at - self._now()
