"""One HTTP request and its answer, as values: what every protocol of the simulator speaks, whoever carries it.

The server puts a socket under these, the transport an httpx client; the simulator itself knows neither.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import parse_qsl, unquote

import attrs

from .refusal import invalid

Json = dict[str, Any]
"""One JSON object."""


def encode_json(value: Any) -> bytes:
    """The value as compact UTF-8; half a surrogate pair, which JSON can carry but UTF-8 cannot, becomes a question mark."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


class Severed(Exception):
    """The connection breaks here: whoever carries the exchange closes it without finishing the answer."""


class Aborted(Severed):
    """The connection breaks as a reset (RST), which may take bytes along that were already on their way."""


class ByteStream(Protocol):
    """A body that is produced while it is read."""

    async def read(self) -> bytes:
        """The next bytes, as soon as there are any; `b""` after the last.

        Raises:
            Severed: the body ends here without its end.
        """

    def close(self) -> None:
        """Nobody reads any more; closing twice is fine."""


@attrs.frozen
class Request:
    """One request, as it arrived."""

    method: str
    """In capitals."""
    path: str
    """Percent-decoded, without the query."""
    query: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = attrs.field(default=(), repr=False)
    """Names in lower case; a name may come twice."""
    body: bytes = attrs.field(default=b"", repr=False)
    params: Mapping[str, str] = attrs.field(factory=dict)
    """What the route's placeholders matched; filled in by the router."""
    raw_path: str = ""
    """The path as it was on the wire, still percent-encoded: what a signature covers, and where `%2F` is no slash."""
    raw_query: str = ""
    """The query as it was on the wire."""

    @classmethod
    def arrived(
        cls, method: str, raw_path: str, raw_query: str, headers: tuple[tuple[str, str], ...], body: bytes
    ) -> Request:
        """The request with its path decoded and its query string split into pairs (`a[]=1` is the pair `("a[]", "1")`)."""
        pairs = tuple(parse_qsl(raw_query, keep_blank_values=True))
        return cls(method.upper(), unquote(raw_path), pairs, headers, body, raw_path=raw_path, raw_query=raw_query)

    def segments(self) -> tuple[str, ...]:
        """The path's segments, decoded; an encoded slash belongs to its segment."""
        return tuple(unquote(segment) for segment in (self.raw_path or self.path).strip("/").split("/"))

    def header(self, name: str) -> str:
        """The header's values joined by commas, `""` where it is missing."""
        return ",".join(value for key, value in self.headers if key == name)

    def json(self) -> Any:
        """The body as JSON.

        Raises:
            Refused: 400, the body is no JSON.
        """
        try:
            return json.loads(self.body, parse_constant=_finite, parse_float=_finite)
        except (ValueError, RecursionError) as error:
            raise invalid("body", "must be valid JSON") from error


def _finite(written: str) -> float:
    """The number, if an answer could carry it as well: Python reads NaN, Infinity and 1e999, JSON has no word for them."""
    number = float(written)
    if not math.isfinite(number):
        raise ValueError(written)
    return number


@attrs.frozen
class Response:
    """One answer: a body in one piece, or one that is read while it is produced."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | ByteStream = attrs.field(default=b"", repr=False)

    @classmethod
    def json(cls, value: Any, *, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> Response:
        """The value as a JSON body."""
        return cls(status, (("content-type", "application/json"), *headers), encode_json(value))

    def discard(self) -> None:
        """The answer will not be sent: an open body is closed."""
        if not isinstance(self.body, bytes):
            self.body.close()
