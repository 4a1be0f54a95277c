"""Requests that are refused, in the words of the Claude API: status, error type, message, and the envelope around them.

Envelope and types: reference of the API, "Errors"; `details.error_code` is the stable name of a reason where there is one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from agentsup.errors import Problem

_TYPE_OF_STATUS = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    409: "conflict_error",
    412: "invalid_request_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}


def error_type(status: int) -> str:
    """The error type the API uses for a status: the class of the status where the exact one has none."""
    return _TYPE_OF_STATUS.get(status, "invalid_request_error" if status < 500 else "api_error")


class Refused(Exception):
    """The request is answered with an error and has changed nothing."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str | None = None,
        details: dict[str, Any] | None = None,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        self.status = status
        self.message = message
        self.kind = kind if kind is not None else error_type(status)
        self.details = details
        self.headers = headers
        super().__init__(f"{status} {self.kind}: {message}")

    def envelope(self, request_id: str) -> dict[str, Any]:
        """The JSON body of the answer."""
        error: dict[str, Any] = {"type": self.kind, "message": self.message}
        if self.details is not None:
            error["details"] = self.details
        return {"type": "error", "error": error, "request_id": request_id}


def invalid(path: str, message: str, *, code: str | None = None) -> Refused:
    """400 for one field; `code` is the stable reason, given in `details` and in the message."""
    text = f"{path}: {message}" if path else message
    if code is not None:
        text = f"{text} ({code})"
    return Refused(400, text, details=None if code is None else {"error_code": code})


def invalid_fields(problems: Iterable[Problem]) -> Refused:
    """400 that names every field that is wrong."""
    return Refused(400, "; ".join(str(problem) for problem in problems))


def missing(noun: str, key: str) -> Refused:
    """404 for a resource by its id."""
    return Refused(404, f"{noun} {key} was not found")


def conflict(message: str) -> Refused:
    """409 that says it will not get better by itself, so that clients do not ask three times."""
    return Refused(409, message, headers=(("x-should-retry", "false"),))
