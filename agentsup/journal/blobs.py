"""Large texts out of a record: a picture or a long file is kept once, under its hash, however many records have it in them.

In the record's place for it stands `{"@blob": "<hash>"}`. Somebody else's JSON that looks like that is kept apart by being wrapped once
more; only rows that have blobs are looked through at all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import attrs

LARGE = 32 * 1024
"""Characters of a text from which it goes into a blob: below, a row with it is read faster than the row and the blob."""

_MARK = "@blob"


@attrs.frozen
class Blob:
    """A large text's bytes, and what they are found by."""

    hash: bytes = attrs.field(repr=lambda value: value.hex())
    data: bytes = attrs.field(repr=lambda value: f"<{len(value)}>")


def taken_out(fields: Any) -> tuple[Any, tuple[Blob, ...]]:
    """The same data with its large texts replaced, and these; the data itself if it is nested too deeply to be looked through."""
    found: dict[bytes, Blob] = {}
    try:
        small = _without(fields, found)
    except RecursionError:
        return fields, ()
    return (small, tuple(found.values())) if found else (fields, ())


def put_back(fields: Any, texts: Mapping[bytes, bytes]) -> Any:
    """The data as it was.

    Raises:
        KeyError: one of the texts is missing.
    """
    match fields:
        case {"@blob": str(name), **rest} if not rest:
            return texts[bytes.fromhex(name)].decode("utf-8", "surrogatepass")
        case {"@blob": inner, **rest} if not rest:
            return {key: put_back(value, texts) for key, value in inner.items()}
        case dict():
            return {key: put_back(value, texts) for key, value in fields.items()}
        case list():
            return [put_back(value, texts) for value in fields]
        case _:
            return fields


def _without(fields: Any, found: dict[bytes, Blob]) -> Any:
    match fields:
        case str():
            return fields if len(fields) < LARGE else _marked(fields, found)
        case Mapping():
            inner = {key: _without(value, found) for key, value in fields.items()}
            return {_MARK: inner} if len(inner) == 1 and _MARK in inner else inner
        case list() | tuple():
            return [_without(value, found) for value in fields]
        case _:
            return fields


def _marked(text: str, found: dict[bytes, Blob]) -> dict[str, str]:
    data = text.encode("utf-8", "surrogatepass")
    name = hashlib.sha256(data).digest()
    found[name] = Blob(name, data)
    return {_MARK: name.hex()}
