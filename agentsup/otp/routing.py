"""Pure: which of N partitions a key belongs to, the same in every Python process."""

from __future__ import annotations

import uuid
import zlib
from typing import TYPE_CHECKING

from agentsup.errors import SpecError
from agentsup.otp.refs import Ref

if TYPE_CHECKING:
    from collections.abc import Hashable


def route(key: Hashable, partitions: int) -> int:
    """The partition of `key`, from 0; `abs(key) % partitions` for an integer, by a checksum of its content otherwise (rule D3).

    Python's own `hash` of a string differs from process to process, so it is not used.

    Raises:
        SpecError: the key is of a kind whose content we do not know.
    """
    if isinstance(key, int) and not isinstance(key, bool):
        return abs(key) % partitions
    return zlib.crc32(content(key)) % partitions


def content(key: Hashable) -> bytes:
    """The bytes a key consists of, different for keys that differ.

    Raises:
        SpecError: the key is of a kind whose content we do not know.
    """
    match key:
        case str():
            return b"s" + key.encode("utf-8", "surrogatepass")
        case bytes():
            return b"b" + key
        case None | bool() | int() | float():
            return b"n" + repr(key).encode()
        case uuid.UUID():
            return b"u" + key.bytes
        case Ref():
            return b"r" + f"{key.node}.{key.serial}".encode()
        case tuple():
            parts = [content(part) for part in key]
            return b"t" + b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    raise SpecError.of(
        "key",
        f"a {type(key).__name__} cannot be routed the same way everywhere; a string, bytes, number, UUID, Ref, None or a tuple of them",
    )
