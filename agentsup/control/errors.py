"""What a request to a control plane can come to instead of an answer: one class per situation, the same at every provider.

Branch on the class, or on `type` and `error_code`, which are the service's own words and stable; `message` is for people.
"""

from __future__ import annotations

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
        fields: tuple[tuple[str, str], ...] = (),
        status: int | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
        should_retry: bool | None = None,
        ambiguous: bool = False,
    ) -> None:
        self.message = message
        """What was asked for and what came of it, with the service's words, shortened; without keys."""
        self.type = type
        """The error's name, as the service has it: `invalid_request_error`, `ValidationException`; None where it did not say."""
        self.error_code = error_code
        """A finer word of the service's, where there is one: `environment_archived`, `FieldValidationFailed`."""
        self.fields = fields
        """With a `BadRequest`: each field that is wrong, and how, where the service lists them (AgentCore)."""
        self.status = status
        """The HTTP status; None where there was no answer."""
        self.request_id = request_id
        """The service's id of the request, for its support."""
        self.retry_after = retry_after
        """Seconds the service asked us to stay away."""
        self.should_retry = should_retry
        """The service's own word on whether the same request could succeed; None where it gave none."""
        self.ambiguous = ambiguous
        """Whether the service may have done what was asked although we were not told so: look before asking again."""
        super().__init__(message)


class BadRequest(ApiError):
    """400: the service cannot use what you passed; the message names the field, or `fields` does."""


class AuthenticationFailed(ApiError):
    """401, at AgentCore also 403: the service does not know who you are: an unknown key, a wrong signature, or a clock that is wrong."""


class PermissionDenied(ApiError):
    """403: the service knows who you are, and you may not."""


class NotFound(ApiError, errors.NotFound):
    """404: there is no such thing (any more), or the beta that has it is not switched on."""


class Conflict(ApiError):
    """409: it clashes with what is there: a version that is not the newest, a name that is taken, something that is under way."""


class RateLimited(ApiError):
    """429: too much at once; `retry_after` says for how long to stay away."""


class ServerError(ApiError):
    """5xx: the service failed. Unless it says otherwise it may have done what was asked (`ambiguous`)."""


class ConnectionFailed(ApiError):
    """There was no answer: nothing answers there, or the connection broke (`ambiguous`: after the request went out)."""


class UnreadableAnswer(ApiError, RemoteProtocolError):
    """The answer is not what the service's documents promise; what was asked may have been done."""
