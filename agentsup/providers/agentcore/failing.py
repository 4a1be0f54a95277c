"""What can go wrong between us and a harness, as a failure a request ends with; and which of it may be asked again."""

from __future__ import annotations

from typing import Final

import httpx

from agentsup.providers.aws.credentials import NoCredentials
from agentsup.providers.aws.sending import UNSENT
from agentsup.providers.http_errors import reason, retry_after
from agentsup.providers.shortage import shortage
from agentsup.talk.events import Failure
from agentsup.wire.agentcore.errors import Told
from agentsup.wire.agentcore.frames import SAID_AT_MOST, ErrorInStream
from agentsup.wire.errors import RemoteProtocolError

_FATAL: Final = frozenset({401, 403, 404})
"""Statuses that refuse the session and not only the turn: who we are, whether we may, whether it exists."""

LONGEST_WAIT: Final = 60.0
"""Seconds; a service that asks to be left alone for longer is not waited for here."""

_RETRYABLE: Final = frozenset({"RetryableConflictException"})
"""Codes whose model says that the request was not looked at."""


class Trouble(Exception):
    """Something went wrong with a turn. Carried from one function of this room to another, and goes no further."""

    def __init__(
        self,
        failure: Failure,
        *,
        fatal: bool = False,
        again: bool = False,
        wait: float | None = None,
        ours: bool = False,
    ) -> None:
        self.failure = failure
        self.fatal = fatal
        """The session is refused, not only the turn."""
        self.again = again
        """The service has not begun, so the same may be asked again."""
        self.wait = wait
        """Seconds the service asked us to stay away."""
        self.ours = ours
        """It is this process that lacks something; the service was not asked at all."""
        super().__init__(failure.message)


def refused(what: str, response: httpx.Response, told: Told) -> Trouble:
    """An answer that is no success."""
    status = response.status_code
    said = f": {told.message[:SAID_AT_MOST]}" if told.message else ""
    failure = Failure(
        kind="provider",
        message=f"{what}: the provider answered {status}{f' {told.code}' if told.code else ''}{said}",
        status=status,
        code=told.code,
        provider_request_id=told.request_id,
    )
    wait = retry_after(response.headers)
    again = (status == 429 or told.code in _RETRYABLE) and (wait is None or wait <= LONGEST_WAIT)
    return Trouble(failure, fatal=status in _FATAL, again=again, wait=wait)


def broken(what: str, exc: Exception) -> Trouble:
    """No answer, or one that broke off. What may have begun is never asked again."""
    match exc:
        case NoCredentials():
            return Trouble(Failure(kind="provider", message=f"{what}: {exc}", code="NoCredentials"), fatal=True)
        case ErrorInStream(code=code):
            return Trouble(Failure(kind="stream", message=f"{what}: {exc}", code=code))
        case RemoteProtocolError():
            return Trouble(Failure(kind="stream", message=f"{what}: {exc}"))
        case httpx.UnsupportedProtocol() | httpx.InvalidURL():
            return Trouble(Failure(kind="provider", message=f"{what}: the address cannot be used"), fatal=True)
        case httpx.HTTPError() if isinstance(exc, UNSENT):
            failure = Failure(kind="provider", message=f"{what}: {reason(exc)}")
            return Trouble(failure, again=True, ours=shortage(exc) is not None)
        case httpx.TimeoutException():
            message = f"{what}: nothing came for too long ({type(exc).__name__}); whether it was done is unknown"
            return Trouble(Failure(kind="stream", message=message))
        case _:
            message = f"{what}: {reason(exc)}; whether it was done is unknown"
            return Trouble(Failure(kind="stream", message=message))
