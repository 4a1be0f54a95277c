"""Credentials from the machine: the endpoint a container is told of, and the metadata service of an EC2 instance (IMDSv2).

Both hand out temporary credentials of the role that container or instance runs as. They are asked directly: no proxy, no redirect, and
short timeouts, because where there is none of them nothing answers at all.
"""

from __future__ import annotations

import datetime
import ipaddress
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import attrs
import httpx

from agentsup.providers.aws.credentials import Credentials, NoCredentials

CONTAINER_HOST = "http://169.254.170.2"
"""Where the relative address of a container's credentials is relative to."""

INSTANCE_HOST = "http://169.254.169.254"
"""The metadata service of an EC2 instance."""

TIMEOUT = 2.0
"""Seconds for one question. The endpoints are on the machine itself, or there are none."""

TOKEN_SECONDS = "21600"  # noqa: S105  -- how long a token of the metadata service is good for, not a token
_CONTAINER_ADDRESSES = ("169.254.170.2", "169.254.170.23", "fd00:ec2::23")


@attrs.frozen
class Container:
    """The endpoint named by `AWS_CONTAINER_CREDENTIALS_RELATIVE_URI` or `..._FULL_URI`."""

    environ: Mapping[str, str] = attrs.field(repr=False)
    transport: httpx.AsyncBaseTransport | None = None

    @staticmethod
    def is_told_of(environ: Mapping[str, str]) -> bool:
        """Whether the environment names one."""
        return bool(
            environ.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") or environ.get("AWS_CONTAINER_CREDENTIALS_FULL_URI")
        )

    async def load(self) -> Credentials:
        """The container's credentials."""
        relative = self.environ.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
        url = CONTAINER_HOST + relative if relative else self.environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"]
        if not relative and not _is_allowed(url):
            raise NoCredentials(
                "AWS_CONTAINER_CREDENTIALS_FULL_URI must be https, a loopback address or one of the container addresses"
            )
        token = self._token()
        headers = {"accept": "application/json"} | ({"authorization": token} if token else {})
        async with _client(self.transport) as http:
            return _read(await _ask(http, "GET", url, headers, "the container's endpoint"), "the container's endpoint")

    def _token(self) -> str | None:
        path = self.environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
        if path is None:
            return self.environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN")
        try:
            token = Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as exc:
            raise NoCredentials(f"the token file {path} cannot be read ({type(exc).__name__})") from None
        if not token.isprintable() or not token.isascii():
            raise NoCredentials(f"the token in {path} has characters that no header can carry")
        return token


@attrs.frozen
class Instance:
    """The metadata service, by its second version: a token first, then the role, then the role's credentials."""

    environ: Mapping[str, str] = attrs.field(repr=False)
    transport: httpx.AsyncBaseTransport | None = None

    async def load(self) -> Credentials:
        """The instance's credentials."""
        what = "the instance's metadata service"
        base = (self.environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT") or INSTANCE_HOST).rstrip("/")
        roles = f"{base}/latest/meta-data/iam/security-credentials/"
        async with _client(self.transport) as http:
            seconds = {"x-aws-ec2-metadata-token-ttl-seconds": TOKEN_SECONDS}
            token = await _ask(http, "PUT", f"{base}/latest/api/token", seconds, what)
            headers = {"x-aws-ec2-metadata-token": token.strip()}
            role = (await _ask(http, "GET", roles, headers, what)).strip().partition("\n")[0]
            return _read(await _ask(http, "GET", roles + role, headers, what), what)


def _client(transport: httpx.AsyncBaseTransport | None) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=transport, timeout=TIMEOUT, trust_env=False, follow_redirects=False)


async def _ask(http: httpx.AsyncClient, method: str, url: str, headers: Mapping[str, str], what: str) -> str:
    try:
        answer = await http.request(method, url, headers=headers)
    except (httpx.HTTPError, httpx.InvalidURL) as exc:
        raise NoCredentials(f"{what} does not answer ({type(exc).__name__})") from exc
    if answer.status_code != 200:
        raise NoCredentials(f"{what} answered {answer.status_code}")
    return answer.text


def _read(text: str, what: str) -> Credentials:
    """The credentials in an answer, which is the same JSON from both."""
    try:
        told: Any = json.loads(text)
        expires = told.get("Expiration")
        return Credentials(
            access_key_id=told["AccessKeyId"],
            secret_access_key=told["SecretAccessKey"],
            session_token=told.get("Token"),
            expires_at=None if expires is None else datetime.datetime.fromisoformat(expires).timestamp(),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise NoCredentials(f"{what} answered something that is not credentials") from None


def _is_allowed(url: str) -> bool:
    """Plain HTTP only to addresses that do not leave the machine: the answer is a key."""
    parts = urlsplit(url)
    if parts.scheme == "https":
        return True
    host = parts.hostname or ""
    try:
        return parts.scheme == "http" and (host in _CONTAINER_ADDRESSES or ipaddress.ip_address(host).is_loopback)
    except ValueError:
        return parts.scheme == "http" and host == "localhost"
