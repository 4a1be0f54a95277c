"""JSON text to plain data and back; to plain data fast and exactly: by `orjson` where it is installed and cannot differ, else by the standard library.

Exactly means: the result is what the standard library would give (but for nesting around a thousand deep, where each has a limit). orjson would round integers of more than 64 bits, and
refuses what JSON proper has no word for but others send all the same (NaN, numbers beyond a float, half a surrogate pair, bytes that are
no UTF-8): such text is read by the standard library.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

_KINDS: Final = {
    str: "a string",
    bool: "true or false",
    int: "an integer",
    float: "a number",
    list: "a list",
    dict: "an object",
}

_DIGITS: Final = bytes(48 if 48 <= byte < 58 else 120 for byte in range(256))
"""Every digit as `0`, every other byte as `x`."""

_LONG: Final = b"0" * 19
"""The shortest integer that may not fit."""


def plain_loads(data: bytes) -> Any:
    """By the standard library; bytes that are no UTF-8 become U+FFFD, as in every text that is read from a stream.

    Raises:
        ValueError, RecursionError: it is no JSON.
    """
    return json.loads(data.decode("utf-8", "replace"))


def _fast_loads() -> Callable[[bytes], Any] | None:
    """By orjson; None where it is not installed."""
    try:
        import orjson
    except ImportError:
        return None
    read, unfit = orjson.loads, orjson.JSONDecodeError

    def fast_loads(data: bytes) -> Any:
        if _LONG in data.translate(_DIGITS):
            return plain_loads(data)
        try:
            return read(data)
        except unfit:
            return plain_loads(data)

    return fast_loads


loads: Callable[[bytes], Any] = _fast_loads() or plain_loads
"""JSON text as plain data.

Raises:
    ValueError, RecursionError: it is no JSON.
"""


def body_of(value: Any) -> bytes:
    """Plain data as a request's body, all ASCII: an id that we were given may hold half a surrogate pair, which JSON can say and UTF-8 cannot.

    What we were sent goes back as it came, numbers included that JSON proper has no word for (NaN).
    """
    return json.dumps(value, separators=(",", ":")).encode("ascii")


def kind_of(value: object) -> str:
    """What a value is in JSON, in words, for complaints: the value itself may be private."""
    return _KINDS.get(type(value), "null" if value is None else "no JSON")
