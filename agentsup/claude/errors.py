"""What Claude's statuses mean, and the classes that only it has.

The classes that every control plane has are in `agentsup.control.errors`.
"""

from __future__ import annotations

from collections.abc import Mapping

from agentsup.control.errors import (
    ApiError,
    AuthenticationFailed,
    BadRequest,
    Conflict,
    NotFound,
    PermissionDenied,
    RateLimited,
    ServerError,
)


class PaymentRequired(ApiError):
    """402: the account cannot pay."""


class RequestTimedOut(ApiError):
    """408: the service did not get the whole request in time."""


class PreconditionFailed(ApiError):
    """412: what you expected to find has changed meanwhile."""


class ContentTooLarge(ApiError):
    """413: more than the service takes at once."""


class Unprocessable(ApiError):
    """422: well-formed, and not to be used all the same."""


class Overloaded(ServerError):
    """529: too many ask at the moment."""


BY_STATUS: Mapping[int, type[ApiError]] = {
    400: BadRequest,
    401: AuthenticationFailed,
    402: PaymentRequired,
    403: PermissionDenied,
    404: NotFound,
    408: RequestTimedOut,
    409: Conflict,
    412: PreconditionFailed,
    413: ContentTooLarge,
    422: Unprocessable,
    429: RateLimited,
    529: Overloaded,
}


def class_for(status: int) -> type[ApiError]:
    """The class of an answer's status; `ServerError` for every other 5xx, `ApiError` itself for what has no class."""
    return BY_STATUS.get(status, ServerError if status >= 500 else ApiError)
