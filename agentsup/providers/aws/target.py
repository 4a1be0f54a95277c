"""Where a request goes, spelled so that what is signed and what is sent are the same bytes.

A signature covers the address as the service reads it, in a canonical spelling. Whoever signs one spelling and sends another is refused,
and whoever leaves the spelling to the HTTP client does not know which one is sent. So the canonical spelling is made here, once, and used
for both: every byte but the unreserved ones percent-encoded with upper-case digits, the query sorted by name and then value, the host in
lower case and without the port that goes without saying. (The signed path is encoded once more; that is the signer's business, and the same for
every AWS service but S3.)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from urllib.parse import quote, unquote_to_bytes, urlsplit

import attrs

_PORTS = {"http": 80, "https": 443}


@attrs.frozen
class Target:
    """An address in its canonical spelling."""

    url: str
    host: str
    """The `Host` header: with the port, unless it is the scheme's own."""


@lru_cache(maxsize=256)
def target(base_url: str, segments: tuple[str, ...], query: tuple[tuple[str, str], ...] = ()) -> Target:
    """The address of a path and query below a base address. `segments` and `query` are plain text; nothing in them is encoded yet.

    Raises:
        ValueError: a segment is empty or made of dots, so the service would read another path; one name in the query is another one and
            more (`a` and `a-b`), which the signing package gets wrong and AgentCore has not; or the base address is none.
    """
    for problem in base_problems(base_url):
        raise ValueError(problem)
    if any(segment in ("", ".", "..") for segment in segments):
        raise ValueError("a part of a path must not be empty, '.' or '..'")
    parts = urlsplit(base_url)
    assert parts.hostname is not None
    name = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    host = name if parts.port in (None, _PORTS[parts.scheme]) else f"{name}:{parts.port}"
    path = "/".join([*_plain_segments(parts.path), *(_encoded(segment) for segment in segments)])
    pairs = [f"{name}={value}" for name, value in sorted((_encoded(name), _encoded(value)) for name, value in query)]
    # The service compares names first. The package that signs compares whole pairs, and '-' or a digit in a longer name sorts before '='.
    if pairs != sorted(pairs):
        raise ValueError("two names in a query begin alike in a way that cannot be signed")
    tail = "?" + "&".join(pairs) if pairs else ""
    return Target(f"{parts.scheme}://{host}/{path}{tail}", host)


def base_problems(base_url: str) -> Iterator[str]:
    """What is wrong with a base address."""
    try:
        parts = urlsplit(base_url)
        port = parts.port
    except ValueError:
        yield "must be an http(s) address"
        return
    if parts.scheme not in _PORTS or not parts.hostname or port == 0:
        yield "must be an http(s) address such as https://host:443"
    elif parts.username is not None or parts.password is not None:
        yield "must not carry credentials: they would show in names and logs"
    elif parts.query or parts.fragment:
        yield "must not have a query or a fragment"
    elif not all(byte.isalnum() or byte in "-._:%" for byte in parts.hostname) or not parts.hostname.isascii():
        yield "must have a host name of ASCII letters, digits, '-' and '.'"
    elif "%" in parts.hostname:
        yield "must have a host name without percent signs"


def _plain_segments(path: str) -> Iterable[str]:
    """A prefix that a person wrote, respelled; empty and dot segments are dropped, as the service would."""
    return [_encoded(unquote_to_bytes(segment)) for segment in path.split("/") if segment not in ("", ".", "..")]


def _encoded(text: str | bytes) -> str:
    return quote(text, safe="")
