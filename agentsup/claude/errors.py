"""What a request to the control plane can come to instead of an answer: one class per situation.

Branch on the class, or on `type` and `error_code`, which are the service's own words and stable; `message` is for people.
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
        type: str | None = None,
        error_code: str | None = None,
        status: int | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
        should_retry: bool | None = None,
        ambiguous: bool = False,
    ) -> None:
        self.message = message
        """What was asked for and what came of it, with the service's words, shortened; without keys."""
        self.type = type
        """The error's type, as the service names it: `invalid_request_error`; None where it did not say."""
        self.error_code = error_code
        """The stable code in the error's details, where there is one: `environment_archived`."""
        self.status = status
        """The HTTP status; None where there was no answer."""
        self.request_id = request_id
        """The service's id of the request, for its support."""
        self.retry_after = retry_after
        """Seconds the service asked us to stay away."""
        self.should_retry = should_retry
        """The service's own word (`x-should-retry`) on whether the same request could succeed; None where it gave none."""
        self.ambiguous = ambiguous
        """Whether the service may have done what was asked although we were not told so: look before asking again."""
        super().__init__(message)


class BadRequest(ApiError):
    """400: the service cannot use what you passed; the message names the field."""


class AuthenticationFailed(ApiError):
    """401: the service does not know who you are."""


class PaymentRequired(ApiError):
    """402: the account cannot pay."""


class PermissionDenied(ApiError):
    """403: the service knows who you are, and you may not."""


class NotFound(ApiError, errors.NotFound):
    """404: there is no such thing (any more), or the beta that has it is not switched on."""


class RequestTimedOut(ApiError):
    """408: the service did not get the whole request in time."""


class Conflict(ApiError):
    """409: it clashes with what is there: a version that is not the newest, a name or path that is taken."""


class PreconditionFailed(ApiError):
    """412: what you expected to find has changed meanwhile."""


class ContentTooLarge(ApiError):
    """413: more than the service takes at once."""


class Unprocessable(ApiError):
    """422: well-formed, and not to be used all the same."""


class RateLimited(ApiError):
    """429: too much at once; `retry_after` says for how long to stay away."""


class ServerError(ApiError):
    """5xx: the service failed. Unless it says otherwise it may have done what was asked (`ambiguous`)."""


class Overloaded(ServerError):
    """529: too many ask at the moment."""


class ConnectionFailed(ApiError):
    """There was no answer: nothing answers there, or the connection broke (`ambiguous`: after the request went out)."""


class UnreadableAnswer(ApiError, RemoteProtocolError):
    """The answer is not what the service's documents promise; what was asked may have been done."""


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
