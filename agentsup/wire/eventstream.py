"""AWS event streams: bytes to frames and back, one frame at a time, whatever pieces the network cuts them into.

A frame is, in big-endian order: its whole length (u32), the length of its headers (u32), a CRC-32 of those eight bytes, the headers, the
payload, and a CRC-32 of everything before it. The first checksum is there so that nobody waits for four gigabytes because of a flipped
bit: it is checked as soon as twelve bytes are in. A header is a name (u8 length), a type, and a value.

Two things make this fast enough not to matter. Pieces are joined only when the frame that is waited for is there, so a large frame is
not copied once per piece. And a stream repeats the same few header blocks over and over (`:event-type`, `:content-type`,
`:message-type`), so a block that was read is known again by its bytes; only the payload differs.

Stricter than botocore on purpose: a stream that ends inside a frame, a value that runs past its block, a length that cannot be, text that
is not UTF-8 and an unknown type are errors here. There is no way to find the next frame after a broken one, so a decoder that has
raised stays broken.
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeAlias
from zlib import crc32

import attrs

from agentsup.wire.errors import LocalProtocolError, RemoteProtocolError

Value: TypeAlias = bool | int | str | bytes
"""A header's value. A timestamp is an int (milliseconds since 1970, UTC), a UUID is its 16 bytes."""

Headers: TypeAlias = Mapping[str, Value]
"""A frame's headers by name. Read only: frames with equal headers share them."""

Frame: TypeAlias = tuple[Headers, bytes]
"""Headers and payload. A bare pair, because making an object for it would cost a quarter of reading it."""

MAX_HEADERS = 128 * 1024
"""Bytes of headers in one frame; the service's own limit, and botocore's."""

MAX_PAYLOAD = 24 * 1024 * 1024
"""Bytes of payload in one frame; the same. It also bounds what a decoder ever holds on to."""

_OVERHEAD = 16
"""Bytes of a frame with neither headers nor payload: lengths and their checksum (12), and the checksum at the end (4)."""

_read_prelude = struct.Struct(">III").unpack_from
_read_u32 = struct.Struct(">I").unpack_from

_KNOWN_BLOCKS = 64
"""Header blocks a decoder remembers. AgentCore's streams have about ten kinds."""

_KNOWN_SIZE = 512
"""Bytes of the largest block worth remembering."""


class CorruptFrame(RemoteProtocolError):
    """The bytes are not a frame: a checksum, a length or a header is wrong. Nothing after it can be read either."""


class TruncatedStream(RemoteProtocolError):
    """The stream ended in the middle of a frame: what was cut off is not known."""


class HeaderType(enum.IntEnum):
    """How a header's value is written."""

    TRUE = 0
    FALSE = 1
    INT8 = 2
    INT16 = 3
    INT32 = 4
    INT64 = 5
    BYTES = 6
    STRING = 7
    TIMESTAMP = 8
    UUID = 9


@attrs.frozen
class Typed:
    """A header's value in a type that its Python type does not tell: `Typed(HeaderType.TIMESTAMP, 0)`."""

    type: HeaderType
    value: Value


class FrameDecoder:
    """Bytes in, frames out.

    `feed` what came, ask for `next_frame` until there is none, and say `end` when the stream has ended. Frames before a broken one come out.
    """

    def __init__(self) -> None:
        self._data = b""
        self._at = 0
        self._pieces: list[bytes] = []
        self._held = 0
        self._need = 12
        self._known: dict[bytes, Headers] = {}
        self._broken: RemoteProtocolError | None = None

    def __repr__(self) -> str:
        return f"<FrameDecoder {'broken' if self._broken else 'holding'} {self._held} bytes>"

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the stream; nothing is looked at yet."""
        self._pieces.append(data)
        self._held += len(data)

    def next_frame(self) -> Frame | None:
        """The next whole frame of what was fed; None if there is none yet.

        Raises:
            CorruptFrame: what comes next is no frame; asking again says so again.
        """
        held = self._held
        if held < self._need:
            return None
        if self._pieces:
            self._join()
        if self._broken is not None:
            raise self._broken
        data, at = self._data, self._at
        total, headers_length, expected = _read_prelude(data, at)
        checksum = crc32(data[at : at + 8])
        if checksum != expected:
            raise self._break("the checksum of a frame's lengths is wrong")
        body = at + 12 + headers_length
        end = at + total - 4
        if headers_length > MAX_HEADERS or not body <= end <= body + MAX_PAYLOAD:
            raise self._break(f"a frame says that it has {_impossible(total, headers_length)}")
        if held < total:
            self._need = total
            return None
        # The lengths' own checksum goes into the frame's, so it is carried on from there.
        if crc32(data[at + 8 : end], checksum) != _read_u32(data, end)[0]:
            raise self._break(f"the checksum of a frame of {total} bytes is wrong")
        block = data[at + 12 : body]
        headers = self._known.get(block)
        if headers is None:
            headers = self._remember(block)
        self._at = end + 4
        self._held = held - total
        self._need = 12
        return headers, data[body:end]

    def end(self) -> None:
        """The stream has ended.

        Raises:
            TruncatedStream: in the middle of a frame.
            CorruptFrame: it was broken before that.
        """
        if self._broken is not None:
            raise self._broken
        if self._held:
            self._broken = TruncatedStream(f"the stream ended {self._held} bytes into a frame")
            raise self._broken

    def _join(self) -> None:
        """Make one piece of all that is held. Happens once per frame at most, however small the pieces."""
        if self._at < len(self._data):
            self._pieces.insert(0, self._data[self._at :] if self._at else self._data)
        self._data = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces.clear()
        self._at = 0

    def _remember(self, block: bytes) -> Headers:
        try:
            headers = MappingProxyType(_read_headers(block))
        except CorruptFrame as exc:
            self._broken = exc
            raise
        if len(self._known) < _KNOWN_BLOCKS and len(block) <= _KNOWN_SIZE:
            self._known[block] = headers
        return headers

    def _break(self, why: str) -> CorruptFrame:
        self._broken = CorruptFrame(why)
        return self._broken


def encode_frame(headers: Mapping[str, Value | Typed], payload: bytes = b"") -> bytes:
    """One frame as bytes. A bare int is written as INT64; use `Typed` for another width, a timestamp or a UUID.

    Raises:
        LocalProtocolError: a header or the whole is larger than a frame can be, or a value does not fit its type.
    """
    block = b"".join(_header(name, value) for name, value in headers.items())
    if len(block) > MAX_HEADERS or len(payload) > MAX_PAYLOAD:
        total = len(block) + len(payload) + _OVERHEAD
        raise LocalProtocolError(f"a frame to be sent has {_impossible(total, len(block))}")
    lengths = struct.pack(">II", len(block) + len(payload) + _OVERHEAD, len(block))
    head = lengths + _checksum(lengths) + block
    return b"".join((head, payload, _checksum(payload, crc32(head))))


def _checksum(data: bytes, start: int = 0) -> bytes:
    return struct.pack(">I", crc32(data, start))


def _impossible(total: int, headers_length: int) -> str:
    return f"{total} bytes, {headers_length} of them headers: at most {MAX_HEADERS} and {MAX_PAYLOAD} of payload can be"


def _read_headers(block: bytes) -> dict[str, Value]:
    headers: dict[str, Value] = {}
    at = 0
    try:
        while at < len(block):
            after_name = at + 1 + block[at]
            name = _text(block, at + 1, after_name)
            if not name or name in headers:
                raise CorruptFrame("a header has no name" if not name else "a header is there twice")
            value, at = _READ[block[after_name]](block, after_name + 1)
            headers[name] = value
    except UnicodeDecodeError:
        raise CorruptFrame("a header is not UTF-8") from None
    except (IndexError, struct.error):  # looked for a type or a value where the block ends; or there is no such type
        raise CorruptFrame("a header is cut off or of an unknown type") from None
    return headers


def _text(block: bytes, start: int, end: int) -> str:
    return str(_exactly(block, start, end), "utf-8")


def _exactly(block: bytes, start: int, end: int) -> bytes:
    """A slice would be silent about an end that is not there."""
    if end > len(block):
        raise CorruptFrame("a header runs past the end of its block")
    return block[start:end]


def _fixed(layout: str) -> Callable[[bytes, int], tuple[Value, int]]:
    form = struct.Struct(layout)
    return lambda block, at: (form.unpack_from(block, at)[0], at + form.size)


def _read_bytes(block: bytes, at: int) -> tuple[bytes, int]:
    end = at + 2 + (block[at] << 8) + block[at + 1]
    return _exactly(block, at + 2, end), end


def _read_string(block: bytes, at: int) -> tuple[str, int]:
    value, end = _read_bytes(block, at)
    return str(value, "utf-8"), end


_READ: tuple[Callable[[bytes, int], tuple[Value, int]], ...] = (
    lambda _, at: (True, at),
    lambda _, at: (False, at),
    _fixed(">b"),
    _fixed(">h"),
    _fixed(">i"),
    _fixed(">q"),
    _read_bytes,
    _read_string,
    _fixed(">q"),
    _fixed("16s"),
)
"""By `HeaderType`: block and place to the value and the place behind it."""

_WRITE: Mapping[HeaderType, str] = {
    HeaderType.INT8: ">b",
    HeaderType.INT16: ">h",
    HeaderType.INT32: ">i",
    HeaderType.INT64: ">q",
    HeaderType.TIMESTAMP: ">q",
}


def _header(name: str, value: Value | Typed) -> bytes:
    kind, plain = (value.type, value.value) if isinstance(value, Typed) else (_natural(value), value)
    try:
        encoded = name.encode()
        if not 1 <= len(encoded) <= 255:
            raise LocalProtocolError(f"a header's name has {len(encoded)} bytes; 1 to 255 are possible")
        return b"".join((bytes((len(encoded),)), encoded, bytes((kind,)), _written(kind, plain)))
    except (struct.error, UnicodeEncodeError):
        raise LocalProtocolError(f"the header {name!r} does not fit its type {kind.name}") from None


def _natural(value: Value) -> HeaderType:
    match value:
        case bool():
            return HeaderType.TRUE if value else HeaderType.FALSE
        case int():
            return HeaderType.INT64
        case str():
            return HeaderType.STRING
        case bytes():
            return HeaderType.BYTES


def _written(kind: HeaderType, value: Value) -> bytes:
    match kind, value:
        case ((HeaderType.TRUE | HeaderType.FALSE), _):
            return b""
        case HeaderType.STRING, str():
            data = value.encode()
            return struct.pack(">H", len(data)) + data
        case HeaderType.BYTES, bytes():
            return struct.pack(">H", len(value)) + value
        case HeaderType.UUID, bytes() if len(value) == 16:
            return value
        case number, int() if number in _WRITE:
            return struct.pack(_WRITE[number], value)
        case _:
            raise struct.error
