"""Why a request or a session ended early."""

from __future__ import annotations

from typing import Literal, TypeAlias

import attrs

FailureKind: TypeAlias = Literal[
    "timeout", "turn_limit", "budget", "halted", "interrupted", "provider", "stream", "closed"
]
"""Why we, and not the agent, ended a request."""


@attrs.frozen(kw_only=True)
class Failure:
    """Why a request or a session ended without the provider having brought it to its end; plain data, so that it can be kept."""

    kind: FailureKind
    message: str
    """One sentence about the situation; never the content of the conversation."""

    status: int | None = None
    """The HTTP status, where there was one."""

    code: str | None = None
    """The provider's own word for the error, where it gave one."""

    provider_request_id: str | None = None
    """The provider's id of the HTTP request that failed, for asking its support."""
