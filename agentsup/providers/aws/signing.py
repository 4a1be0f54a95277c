"""Signing requests for AWS (Signature Version 4) with aws-requests-auth.

The package computes the right signature for an address in canonical spelling and the wrong one for some others, so it is only ever given
a `Target`. It signs the host, the time and the session token, and the body's digest; a header `x-amz-content-sha256` that it returns
without having signed it is left out. A signature is good for five minutes: sign when sending, and again for every attempt.

Three things about the package's code explain the odd construction below. It asks for the time with `datetime.datetime.utcnow()`, which
cannot be set by a test and warns from Python 3.12 on; its method is therefore run with a clock in place of its `datetime` module. It
derives the day's key anew for every signature; the method is given a function that remembers. And it imports `requests`, which takes
longer than everything here together, so it is imported when the first signer is made.
"""

from __future__ import annotations

import datetime
import importlib
from collections.abc import Callable, Mapping
from functools import lru_cache
from types import FunctionType
from typing import Any

import attrs

from agentsup.providers.aws.credentials import Credentials
from agentsup.providers.aws.target import Target

KEYS = 4
"""Derived keys a signer keeps. There is one per secret and day; making one costs as much as the rest of a signature."""


def utc_now() -> datetime.datetime:
    """The time, for signatures."""
    return datetime.datetime.now(datetime.UTC)  # noqa: TID251  -- this is the clock that everybody else takes as an argument


class Signer:
    """Signs requests to one service in one region. Any number of tasks may use it."""

    def __init__(self, *, region: str, service: str, now: Callable[[], datetime.datetime] = utc_now) -> None:
        self._region = region
        self._service = service
        package = importlib.import_module("aws_requests_auth.aws_auth")
        self._auth: Callable[..., Any] = package.AWSRequestsAuth
        method = package.AWSRequestsAuth.get_aws_request_headers
        around = {
            **vars(package),
            "datetime": _Clock(now),
            "getSignatureKey": lru_cache(maxsize=KEYS)(package.getSignatureKey),
        }
        self._headers = FunctionType(method.__code__, around, method.__name__)

    def __repr__(self) -> str:
        return f"<Signer for {self._service} in {self._region}>"

    def sign(self, method: str, target: Target, body: bytes, credentials: Credentials) -> Mapping[str, str]:
        """The headers that make this request a signed one, `host` included. Send exactly this method, address and body with them."""
        auth = self._auth(None, None, target.host, self._region, self._service)
        request = _Request(method.upper(), target.url, body)
        headers: dict[str, str] = self._headers(
            auth, request, credentials.access_key_id, credentials.secret_access_key, credentials.session_token
        )
        del headers["x-amz-content-sha256"]
        headers["host"] = target.host
        return headers


@attrs.frozen
class _Request:
    """What the package looks at of a request."""

    method: str
    url: str
    body: bytes


class _Clock:
    """Stands where the package has the `datetime` module, and where that has its class."""

    def __init__(self, now: Callable[[], datetime.datetime]) -> None:
        self.datetime = self
        self.utcnow = now
