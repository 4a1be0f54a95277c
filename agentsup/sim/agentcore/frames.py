"""Writes AWS event-stream messages. Pure, and the simulator's own: what it is used to test shall not vouch for itself."""

from __future__ import annotations

import struct
from binascii import crc32
from typing import Any

from agentsup.sim.exchange import Json, encode_json

_STRING = 7
MOST_NAME_BYTES = 255
"""Of an event type here; the format itself would take more in a value."""


def event(name: str, payload: Json | bytes, content_type: str = "application/json") -> bytes:
    """A message of type `event`."""
    return _message(
        {":message-type": "event", ":event-type": name, ":content-type": content_type},
        payload if isinstance(payload, bytes) else encode_json(payload),
    )


def exception(name: str, payload: dict[str, Any]) -> bytes:
    """A message of type `exception`; the name is the union's member, in lower camel case."""
    headers = {":message-type": "exception", ":exception-type": name, ":content-type": "application/json"}
    return _message(headers, encode_json(payload))


def _message(headers: dict[str, str], payload: bytes) -> bytes:
    block = b"".join(_header(name, value) for name, value in headers.items())
    prelude = struct.pack(">II", 16 + len(block) + len(payload), len(block))
    told = prelude + struct.pack(">I", crc32(prelude)) + block + payload
    return told + struct.pack(">I", crc32(told))


def _header(name: str, value: str) -> bytes:
    written, said = name.encode(), value.encode("utf-8", "replace")
    return struct.pack(">B", len(written)) + written + struct.pack(">BH", _STRING, len(said)) + said
