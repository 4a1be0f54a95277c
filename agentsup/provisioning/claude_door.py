"""The way to Claude Managed Agents for provisioning and artifacts: whose client, and what its errors mean for what was asked."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from agentsup import claude
from agentsup.claude.settings import Settings
from agentsup.providers.base import Rejected, Unavailable
from agentsup.provisioning.backend import NotDone
from agentsup.talk.events import Failure


def client_of(provider: Any) -> claude.Client:
    """A client for a `ClaudeManagedAgents` value: same address, same credentials, same HTTP client. It repeats nothing by itself.

    Raises:
        SpecError: something is missing or cannot be used.
    """
    # What may be repeated is known one floor up, where a create that got lost is looked for first.
    return claude.Client(api_key=provider.api_key, base_url=provider.base_url, http=provider.http, max_retries=0)


def who_asks(provider: Any) -> str:
    """As whom a provider value asks: a digest of its credentials, wherever they come from."""
    settings = Settings.found(
        api_key=provider.api_key, auth_token=None, base_url=provider.base_url, workspace_id=None, version=None
    )
    headers = getattr(provider.http, "headers", None) or {}
    secret = settings.secret or headers.get("x-api-key") or headers.get("authorization") or ""
    return hashlib.sha256(secret.encode()).hexdigest()[:8]


@contextmanager
def translated() -> Iterator[None]:
    """Within: the control plane's errors become the two that provisioning knows, by what is known of the deed."""
    try:
        yield
    except claude.ApiError as exc:
        if _passes(exc):
            undone = isinstance(exc, claude.RateLimited | claude.ConnectionFailed) and not exc.ambiguous
            kind = NotDone if undone else Unavailable  # where the answer is no proof, a look is cheap
            raise kind(str(exc), retry_after=exc.retry_after) from exc
        failure = Failure(
            kind="provider",
            message=str(exc),
            status=exc.status,
            code=exc.error_code or exc.type,
            provider_request_id=exc.request_id,
        )
        raise Rejected(failure, fatal=True) from exc


def _passes(exc: claude.ApiError) -> bool:
    """Whether it could be otherwise the next time; the service's own word goes first."""
    if exc.should_retry is not None and not isinstance(exc, claude.Conflict):
        return exc.should_retry
    passing = (
        claude.Conflict,  # another change is under way; for a create it means more, see there
        claude.ConnectionFailed,
        claude.RateLimited,
        claude.RequestTimedOut,
        claude.ServerError,
        claude.UnreadableAnswer,
    )
    return isinstance(exc, passing) or exc.status == 425
