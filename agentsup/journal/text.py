"""Plain data as JSON text and back, exactly: written by `orjson` where it is installed and would not differ, else by the standard library.

Exactly means: also what JSON proper has no word for, because it comes from outside and is to be kept verbatim. NaN and the infinities
(which orjson writes as `null`), integers of any length (which it refuses), lone surrogates (which UTF-8 has no bytes for: they stay
escaped).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any


def _as_dict(value: object) -> dict[Any, Any]:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"a {type(value).__name__} is no JSON value")


_WIDE = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":"), default=_as_dict)
_ASCII = json.JSONEncoder(check_circular=False, separators=(",", ":"), default=_as_dict)


def plain_dumps(value: Any) -> str:
    """By the standard library.

    Raises:
        TypeError, ValueError, RecursionError: it is no JSON value.
    """
    text = _WIDE.encode(value)
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return _ASCII.encode(value)
    return text


def loads(text: str) -> Any:
    """By the standard library: orjson is faster only until one has looked for the long integers that it would round.

    Raises:
        ValueError, RecursionError: it is no JSON.
    """
    return json.loads(text)


_SAFE = frozenset({str, int, bool, type(None)})
"""Types that have no NaN."""


def _has_no_floats(value: Any) -> bool:
    """Whether there is certainly none in it: so it is with nearly every event, and the types of its fields are sooner told than its text is read."""
    kind = type(value)
    if kind is dict:
        return _SAFE.issuperset(map(type, value.values()))
    if kind is list:
        return _SAFE.issuperset(map(type, value)) or all(map(_has_no_floats, value))
    return kind in _SAFE


def _nulls_in_texts(value: Any) -> int:
    """How often the word stands in the value's own texts: a provider's event is one, and has it often."""
    if isinstance(value, str):
        return value.count("null")
    if isinstance(value, dict):
        return sum(text.count("null") for text in value.values() if isinstance(text, str))
    if isinstance(value, list):
        return sum(map(_nulls_in_texts, value))
    return 0


def _fast_dumps() -> Callable[[Any], str] | None:
    """By orjson; None where it is not installed."""
    try:
        import orjson
    except ImportError:
        return None

    options = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_SUBCLASS

    def fast_dumps(value: Any) -> str:
        try:
            found = orjson.dumps(value, _as_dict, options)
        except orjson.JSONEncodeError:  # a long integer, a lone surrogate, deep nesting: or nothing we can keep
            return plain_dumps(value)
        if _has_no_floats(value):
            return found.decode()
        nulls = found.count(b"null")
        if nulls and nulls != _nulls_in_texts(value):  # one of them may have been a NaN
            return plain_dumps(value)
        return found.decode()

    return fast_dumps


dumps = _fast_dumps() or plain_dumps
