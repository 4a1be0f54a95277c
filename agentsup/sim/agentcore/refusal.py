"""Requests that are refused, in the words of AWS: an error code in `x-amzn-errortype`, a message in the body.

Codes and statuses are those of the service's model; the codes for failed authentication are outside of it, as on the real service.
"""

from __future__ import annotations

from collections.abc import Sequence

from agentsup.errors import Problem
from agentsup.sim.exchange import Json, Response
from agentsup.sim.refusal import Refused

STATUS_OF_CODE = {
    "ValidationException": 400,
    "UnauthorizedException": 401,
    "ServiceQuotaExceededException": 402,
    "AccessDeniedException": 403,
    "ResourceNotFoundException": 404,
    "ConflictException": 409,
    "RetryableConflictException": 409,
    "RuntimeClientError": 424,
    "ThrottlingException": 429,
    "InternalServerException": 500,
    "UnknownOperationException": 404,
    "MissingAuthenticationTokenException": 403,
    "IncompleteSignatureException": 403,
    "InvalidSignatureException": 403,
    "UnrecognizedClientException": 403,
    "ExpiredTokenException": 403,
}

_CODE_OF_STATUS = {
    400: "ValidationException",
    401: "UnauthorizedException",
    402: "ServiceQuotaExceededException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    409: "ConflictException",
    413: "RequestEntityTooLargeException",
    424: "RuntimeClientError",
    429: "ThrottlingException",
    503: "ServiceUnavailableException",
}

FIELDS = "FieldValidationFailed"
CANNOT_PARSE = "CannotParse"
PARAMETERS_DIFFER = "IdempotentParameterMismatchException"


class AwsRefused(Refused):
    """A refusal with a code; one that is a ValidationException has a reason and may name fields."""

    def __init__(
        self, code: str, message: str, *, reason: str | None = None, fields: Sequence[Problem] = (), status: int = 0
    ) -> None:
        super().__init__(status or STATUS_OF_CODE[code], message, kind=code)
        self.reason = reason
        self.fields = tuple(fields)

    def body(self) -> Json:
        """The JSON body of the answer, and the payload where the refusal travels in a stream."""
        body: Json = {"message": self.message}
        if self.kind == "ValidationException":
            body["reason"] = self.reason or FIELDS
        if self.fields:
            body["fieldList"] = [{"name": problem.path, "message": problem.message} for problem in self.fields]
        return body


def invalid_fields(problems: Sequence[Problem]) -> AwsRefused:
    """400 that counts the problems and names every field, as AWS words it; values are not repeated."""
    count = f"{len(problems)} validation error{'s' if len(problems) > 1 else ''} detected: "
    told = "; ".join(f"Value at '{one.path}' failed to satisfy constraint: {one.message}" for one in problems)
    return AwsRefused("ValidationException", count + told, reason=FIELDS, fields=problems)


def invalid(path: str, message: str, *, reason: str = FIELDS) -> AwsRefused:
    """400 for one field in words of its own."""
    return AwsRefused("ValidationException", message, reason=reason, fields=[Problem(path, message)])


def not_found(noun: str, key: str) -> AwsRefused:
    """404 for a resource."""
    return AwsRefused("ResourceNotFoundException", f"{noun} '{key}' was not found")


def conflict(message: str) -> AwsRefused:
    """409."""
    return AwsRefused("ConflictException", message)


def denied(action: str, resource: str) -> AwsRefused:
    """403 that says who may not do what to which."""
    return AwsRefused(
        "AccessDeniedException",
        f"User: arn:aws:iam::123456789012:user/agentsup is not authorized to perform: bedrock-agentcore:{action} on resource: {resource}",
    )


def throttled(message: str) -> AwsRefused:
    """429."""
    return AwsRefused("ThrottlingException", message)


class AwsManner:
    """AWS's way: the code in a header, the request's id in another."""

    request_id_header = "x-amzn-requestid"

    def refuse(self, refusal: Refused, request_id: str) -> Response:
        """The answer to a refusal; one in plain words gets the code of its status."""
        worded = refusal if isinstance(refusal, AwsRefused) else _worded(refusal)
        headers = ((self.request_id_header, request_id), ("x-amzn-errortype", worded.kind), *worded.headers)
        return Response.json(worded.body(), status=worded.status, headers=headers)


def _worded(refusal: Refused) -> AwsRefused:
    fallback = "InternalServerException" if refusal.status >= 500 else "ValidationException"
    code = _CODE_OF_STATUS.get(refusal.status, fallback)
    if refusal.message.startswith("no such path") or refusal.status == 405:
        code = "UnknownOperationException"
    return AwsRefused(code, refusal.message, status=refusal.status)
