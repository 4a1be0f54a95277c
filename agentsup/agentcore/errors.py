"""What a request to AgentCore can come to instead of an answer: one class per situation.

Branch on the class, or on `code` and `reason`, which are the service's own words and stable; `message` is for people.
"""

from __future__ import annotations

from collections.abc import Mapping

from agentsup import errors
from agentsup.wire.errors import RemoteProtocolError


class ApiError(errors.AgentsupError):
    """A request did not get what it asked for.

    Most are yours to answer by their class; what is worth repeating without a question has been repeated already.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        reason: str | None = None,
        fields: tuple[tuple[str, str], ...] = (),
        status: int | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
        ambiguous: bool = False,
    ) -> None:
        self.message = message
        """What was asked for and what came of it, with the service's words, shortened; without keys."""
        self.code = code
        """The error's name, as the service has it: `ValidationException`; None where it did not say."""
        self.reason = reason
        """With a `BadRequest`: what kind of one, in the service's word: `FieldValidationFailed`."""
        self.fields = fields
        """With a `BadRequest`: each field that is wrong, and how."""
        self.status = status
        """The HTTP status; None where there was no answer."""
        self.request_id = request_id
        """The service's id of the request, for its support."""
        self.retry_after = retry_after
        """Seconds the service asked us to stay away."""
        self.ambiguous = ambiguous
        """Whether the service may have done what was asked although we were not told so: look before asking again."""
        super().__init__(message)


class BadRequest(ApiError):
    """400: the service cannot use what you passed; `fields` names what."""


class TokenReused(BadRequest):
    """400: the client token was used before, with other parameters; take a new one."""


class AuthenticationFailed(ApiError):
    """401 or 403: the service does not know who you are: an unknown key, a signature that is wrong, or a clock that is."""


class CredentialsExpired(AuthenticationFailed):
    """403: the session token has ended, and its source had no newer one."""


class QuotaExceeded(ApiError):
    """402: the account has as many of these as it may."""


class PermissionDenied(ApiError):
    """403: the service knows who you are, and you may not."""


class NotFound(ApiError, errors.NotFound):
    """404: there is no such thing (any more)."""


class Conflict(ApiError):
    """409: it clashes with what is there: a name that is taken, a harness that is being made, changed or deleted."""


class RuntimeFailed(ApiError):
    """424: the harness's own code failed; or, in a stream, its model did."""


class RateLimited(ApiError):
    """429: too much at once; `retry_after` says for how long to stay away."""


class ServerError(ApiError):
    """5xx: the service failed. Unless it says otherwise it may have done what was asked (`ambiguous`)."""


class ConnectionFailed(ApiError):
    """There was no answer: nothing answers there, or the connection broke (`ambiguous`: after the request went out)."""


class UnreadableAnswer(ApiError, RemoteProtocolError):
    """The answer is not what the service's documents promise; what was asked may have been done."""


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
