"""AWS event streams: AWS's own decoder reads what we write, ours reads what it reads, and nothing broken passes."""

from __future__ import annotations

import struct
from zlib import crc32

import pytest
from botocore.eventstream import EventStreamBuffer
from hypothesis import given
from hypothesis import strategies as st

from agentsup.wire import eventstream as es
from agentsup.wire.errors import LocalProtocolError, RemoteProtocolError
from agentsup.wire.eventstream import CorruptFrame, FrameDecoder, HeaderType, TruncatedStream, Typed, encode_frame

DELTA = {":event-type": "contentBlockDelta", ":content-type": "application/json", ":message-type": "event"}

NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
VALUES = st.one_of(
    st.booleans(),
    st.text(st.characters(codec="utf-8"), max_size=30),
    st.binary(max_size=30),
    st.integers(-(2**63), 2**63 - 1),
    st.builds(Typed, st.just(HeaderType.INT8), st.integers(-128, 127)),
    st.builds(Typed, st.just(HeaderType.INT16), st.integers(-(2**15), 2**15 - 1)),
    st.builds(Typed, st.just(HeaderType.INT32), st.integers(-(2**31), 2**31 - 1)),
    st.builds(Typed, st.just(HeaderType.TIMESTAMP), st.integers(-(2**63), 2**63 - 1)),
    st.builds(Typed, st.just(HeaderType.UUID), st.binary(min_size=16, max_size=16)),
)
FRAMES = st.tuples(st.dictionaries(NAMES, VALUES, max_size=5), st.binary(max_size=200))


def decode(*pieces):
    """What came out, and how it ended."""
    decoder, frames = FrameDecoder(), []
    try:
        for piece in pieces:
            decoder.feed(piece)
            while (frame := decoder.next_frame()) is not None:
                frames.append(frame)
        decoder.end()
    except RemoteProtocolError as exc:
        return frames, type(exc)
    return frames, None


def decoded(data):
    """What came out, the same whether whole or byte by byte."""
    whole = decode(data)
    assert decode(*(data[at : at + 1] for at in range(len(data)))) == whole
    assert decode(b"", data, b"") == whole
    return whole


def theirs(data):
    """What botocore reads."""
    buffer = EventStreamBuffer()
    buffer.add_data(data)
    return [(message.headers, message.payload) for message in buffer]


def plain(headers):
    return {name: value.value if isinstance(value, Typed) else value for name, value in headers.items()}


def checksummed(block, payload=b"", *, total=None, headers_length=None):
    """A frame with right checksums around whatever we like."""
    total = 16 + len(block) + len(payload) if total is None else total
    lengths = struct.pack(">II", total, len(block) if headers_length is None else headers_length)
    data = lengths + struct.pack(">I", crc32(lengths)) + block + payload
    return data + struct.pack(">I", crc32(data))


@given(st.lists(FRAMES, max_size=4), st.data())
def test_what_we_write_both_read(frames, data):
    """All header types, in any number, cut anywhere: botocore's decoder and ours say the same."""
    stream = b"".join(encode_frame(headers, payload) for headers, payload in frames)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=5)))
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    expected = [(plain(headers), payload) for headers, payload in frames]

    assert decode(*pieces) == decoded(stream) == (expected, None)
    assert theirs(stream) == expected


@given(FRAMES, FRAMES, st.data())
def test_a_flipped_bit_never_passes(first, second, data):
    """Wherever it is: the frames before it come out, and then it is an error, also in a length."""
    before, broken = encode_frame(*first), bytearray(encode_frame(*second))
    at = data.draw(st.integers(0, len(broken) * 8 - 1))
    broken[at // 8] ^= 1 << at % 8

    frames, error = decoded(before + bytes(broken))

    assert (frames, error) == ([(plain(first[0]), first[1])], CorruptFrame)


@given(FRAMES, st.data())
def test_a_stream_that_ends_inside_a_frame_is_an_error(frame, data):
    """However little is missing; botocore is silent here."""
    stream = encode_frame(*frame)
    stream = stream + stream[: data.draw(st.integers(1, len(stream) - 1))]

    frames, error = decoded(stream)

    assert (len(frames), error) == (1, TruncatedStream)


@given(st.binary(max_size=100))
def test_junk_is_their_fault(junk):
    """Any bytes at all: frames, an incomplete one, or an error of theirs."""
    frames, error = decoded(junk)

    assert error in (CorruptFrame, TruncatedStream) or (junk == b"" and frames == [])


@given(st.binary(max_size=60))
def test_a_header_block_of_junk_is_read_as_botocore_does_or_refused(block):
    """With checksums that are right: nothing but an error of theirs, and never another reading than AWS's own."""
    stream = checksummed(block)
    frames, error = decoded(stream)
    if error is None:
        assert frames == theirs(stream)
    else:
        assert (frames, error) == ([], CorruptFrame)


@pytest.mark.parametrize(
    ("block", "why"),
    [
        (b"\x01a\x0a", "unknown type"),
        (b"\x01a\xff", "unknown type"),
        (b"\x01a", "cut off"),
        (b"\x05a", "runs past"),
        (b"\x01a\x07\x00", "cut off"),
        (b"\x01a\x07\x00\x05abcd", "runs past"),
        (b"\x01a\x06\xff\xffabcd", "runs past"),
        (b"\x01a\x05\x00", "cut off"),
        (b"\x01a\x09short", "cut off"),
        (b"\x01a\x07\x00\x01\xff", "UTF-8"),
        (b"\x01\xff\x00", "UTF-8"),
        (b"\x00\x00", "no name"),
        (b"\x01a\x00\x01a\x01", "twice"),
    ],
)
def test_a_broken_header_says_what_is_wrong(block, why):
    """And does not quote it."""
    decoder = FrameDecoder()
    decoder.feed(checksummed(block))

    with pytest.raises(CorruptFrame, match=why):
        decoder.next_frame()


@pytest.mark.parametrize(
    ("total", "headers_length"),
    [
        (15, 0),
        (0, 0),
        (20, 5),
        (16, 0xFFFFFFFF),
        (es.MAX_HEADERS + 17, es.MAX_HEADERS + 1),
        (es.MAX_PAYLOAD + 17, 0),
        (0xFFFFFFFF, 0),
    ],
)
def test_a_length_that_cannot_be_is_refused_before_anything_is_waited_for(total, headers_length):
    """Twelve bytes are enough."""
    decoder = FrameDecoder()
    decoder.feed(checksummed(b"", total=total, headers_length=headers_length)[:12])

    with pytest.raises(CorruptFrame, match="headers"):
        decoder.next_frame()


def test_a_broken_length_is_noticed_at_twelve_bytes():
    """Its checksum is looked at before anything is waited for."""
    decoder = FrameDecoder()
    decoder.feed(b"\x00\x00\x00\x10\x00\x00\x00\x00\x00\x00\x00\x00")

    with pytest.raises(CorruptFrame, match="lengths"):
        decoder.next_frame()


def test_the_largest_frame_passes_in_small_pieces():
    """Exactly the limit, in pieces as a socket gives them."""
    payload = bytes(es.MAX_PAYLOAD)
    stream = encode_frame({"x": bytes(32767)}, payload)

    frames, error = decode(*(stream[at : at + 65536] for at in range(0, len(stream), 65536)))

    assert error is None
    assert frames == [({"x": bytes(32767)}, payload)]


def test_a_broken_decoder_stays_broken():
    """There is no way to find the next frame; more bytes do not help."""
    decoder = FrameDecoder()
    decoder.feed(checksummed(b"\x01a"))
    with pytest.raises(CorruptFrame):
        decoder.next_frame()
    decoder.feed(encode_frame(DELTA))

    with pytest.raises(CorruptFrame):
        decoder.next_frame()
    with pytest.raises(CorruptFrame):
        decoder.end()


def test_headers_cannot_be_changed_by_who_reads_them():
    """They are shared between frames."""
    decoder = FrameDecoder()
    decoder.feed(encode_frame(DELTA, b"1") + encode_frame(DELTA, b"2"))
    one, two = decoder.next_frame(), decoder.next_frame()

    assert one[0] is two[0]
    with pytest.raises(TypeError):
        one[0][":event-type"] = "other"


def test_many_different_headers_are_not_kept():
    """A stream whose every frame is different costs no memory."""
    decoder = FrameDecoder()
    for number in range(1000):
        decoder.feed(encode_frame({"n": number}))
        assert decoder.next_frame() == ({"n": number}, b"")

    assert len(decoder._known) == 64


def test_the_repr_shows_no_content():
    """Only how much is held, and whether all is well."""
    decoder = FrameDecoder()
    decoder.feed(b"secret")
    assert repr(decoder) == "<FrameDecoder holding 6 bytes>"

    decoder.feed(b"secret")
    with pytest.raises(CorruptFrame):
        decoder.next_frame()
    assert repr(decoder) == "<FrameDecoder broken 12 bytes>"


@pytest.mark.parametrize(
    "headers",
    [
        {"": "x"},
        {"a" * 256: "x"},
        {"a": "x" * 65536},
        {"a": 2**63},
        {"a": Typed(HeaderType.INT8, 128)},
        {"a": Typed(HeaderType.INT8, "1")},
        {"a": Typed(HeaderType.UUID, b"short")},
        {"a": Typed(HeaderType.UUID, 16)},
        {"a": Typed(HeaderType.STRING, b"bytes")},
        {"a": Typed(HeaderType.BYTES, "text")},
        {"a": "\ud800"},
        {f"{n}": bytes(60000) for n in range(3)},
    ],
)
def test_what_no_frame_can_say_is_our_fault(headers):
    """Refused before a byte is made."""
    with pytest.raises(LocalProtocolError):
        encode_frame(headers)


def test_a_payload_over_the_limit_is_our_fault():
    """The same."""
    with pytest.raises(LocalProtocolError):
        encode_frame({}, bytes(es.MAX_PAYLOAD + 1))
