"""One spelling for equal content: plain JSON data, and a digest over it. Pure.

Two specs that say the same have the same digest: in any process, in any order of keys, with lists for tuples, enums for their values and
`2.0` for `2`, as the JSON canonicalisation scheme (RFC 8785) has it.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any

from agentsup.errors import Problem

DIGEST_CHARS = 16
"""Hexadecimal digits of a digest in a name: 64 bits, so that two of a million contents collide once in some ten million such crowds."""

DEEPEST = 64
"""Levels of nesting; more is a mistake, such as a value that contains itself."""

_LARGEST = 2**63
"""JSON knows no bound, but whoever reads it does."""

_EXACT = 2**53
"""Beyond it a float no longer tells neighbouring integers apart."""


def plain(value: Any, path: str, problems: list[Problem], *, depth: int = 0) -> Any:
    """The value as plain JSON data; what JSON cannot say is added to `problems` under its path, and is None in the answer."""
    if isinstance(value, Enum):
        value = value.value
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return _integer(value, path, problems)
    if depth >= DEEPEST:
        problems.append(Problem(path, f"is nested deeper than {DEEPEST} levels"))
        return None
    if isinstance(value, float):
        return _number(value, path, problems)
    if isinstance(value, Mapping):
        return _object(value, path, problems, depth)
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray | memoryview):
        return [plain(item, f"{path}[{place}]", problems, depth=depth + 1) for place, item in enumerate(value)]
    problems.append(Problem(path, f"must be something JSON can say, not {type(value).__name__}"))
    return None


def digest_of(kind: str, content: Mapping[str, Any]) -> str:
    """The digest of plain content of a kind; the same content of another kind has another one."""
    text = json.dumps([kind, content], sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:DIGEST_CHARS]


def _integer(value: int, path: str, problems: list[Problem]) -> int | None:
    if abs(value) >= _LARGEST:
        problems.append(Problem(path, "must be an integer that 64 bits can hold"))
        return None
    return value


def _number(value: float, path: str, problems: list[Problem]) -> float | int | None:
    if not math.isfinite(value):
        problems.append(Problem(path, f"must be a finite number, not {value!r}"))
        return None
    return int(value) if value.is_integer() and abs(value) < _EXACT else value


def _object(value: Mapping[Any, Any], path: str, problems: list[Problem], depth: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for given, item in value.items():
        key = given.value if isinstance(given, Enum) else given
        at = f"{path}.{key}"
        if not isinstance(key, str):
            problems.append(Problem(path, f"must have text for keys, not {key!r}"))
        elif key in found:
            problems.append(Problem(at, "is there twice: as text and as an enum"))
        else:
            found[str(key)] = plain(item, at, problems, depth=depth + 1)
    return found
