"""What AgentCore calls its refusals, and the classes that only it has.

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


class TokenReused(BadRequest):
    """400: the client token was used before, with other parameters; take a new one."""


class CredentialsExpired(AuthenticationFailed):
    """403: the session token has ended, and its source had no newer one."""


class QuotaExceeded(ApiError):
    """402: the account has as many of these as it may."""


class RuntimeFailed(ApiError):
    """424: the harness's own code failed; or, in a stream, its model did."""


BY_CODE: Mapping[str, type[ApiError]] = {
    "accessdenied": PermissionDenied,
    "conflict": Conflict,
    "expiredtoken": CredentialsExpired,
    "incompletesignature": AuthenticationFailed,
    "internalserver": ServerError,
    "invalidclienttokenid": AuthenticationFailed,
    "invalidsignature": AuthenticationFailed,
    "missingauthenticationtoken": AuthenticationFailed,
    "requestexpired": CredentialsExpired,
    "resourcenotfound": NotFound,
    "retryableconflict": Conflict,
    "runtimeclient": RuntimeFailed,
    "servicequotaexceeded": QuotaExceeded,
    "signaturedoesnotmatch": AuthenticationFailed,
    "throttling": RateLimited,
    "unauthorized": AuthenticationFailed,
    "unrecognizedclient": AuthenticationFailed,
    "validation": BadRequest,
}
"""The error's name to its class; without `Exception` or `Error`, in lower case: streams write it otherwise than headers."""

BY_STATUS: Mapping[int, type[ApiError]] = {
    400: BadRequest,
    401: AuthenticationFailed,
    402: QuotaExceeded,
    403: PermissionDenied,
    404: NotFound,
    409: Conflict,
    424: RuntimeFailed,
    429: RateLimited,
}


def class_for(code: str | None, status: int | None, reason: str | None = None) -> type[ApiError]:
    """The class of a refusal: by its name, else by its status; `ApiError` itself for what has none."""
    if reason == "IdempotentParameterMismatchException":
        return TokenReused
    name = (code or "").lower().removesuffix("exception").removesuffix("error")
    if name in BY_CODE:
        return BY_CODE[name]
    if status is None:
        return ApiError
    return BY_STATUS.get(status, ServerError if status >= 500 else ApiError)
