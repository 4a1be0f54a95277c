"""Where Claude is, and what is wrong with an address or a client that somebody wrote down."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import urlsplit

from agentsup.errors import Problem

BASE_URL: Final = "https://api.anthropic.com"


def base_url_of(given: str | None) -> str:
    """The address: as given, else from `ANTHROPIC_BASE_URL`, else the vendor's."""
    return (given or os.environ.get("ANTHROPIC_BASE_URL") or BASE_URL).rstrip("/")


def address_problems(base_url: str) -> Iterator[Problem]:
    """What is wrong with an address."""
    url = urlsplit(base_url)
    if url.scheme not in ("http", "https") or not url.hostname:
        yield Problem("base_url", f"must be an http(s) address such as {BASE_URL}, not {base_url!r}")
    elif url.username is not None or url.password is not None:
        yield Problem("base_url", "must not carry credentials: they would show in names and logs; pass api_key=")


def has_auth(http: Any) -> bool:
    """Whether a client that was given brings credentials of its own."""
    headers = getattr(http, "headers", None) or {}
    return "x-api-key" in headers or "authorization" in headers
