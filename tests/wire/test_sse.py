"""Bytes to frames: whole, byte by byte, cut anywhere, with junk; held against httpx-sse, which nobody here wrote."""

from __future__ import annotations

from itertools import pairwise

import httpx
import httpx_sse
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agentsup.wire.errors import RemoteProtocolError
from agentsup.wire.sse import LARGEST_FRAME, Reader


def read(*pieces: bytes, **options) -> list[tuple[str, str]]:
    """The frames of these pieces, their data as text."""
    reader = Reader(**options)
    return [(name, data.decode("utf-8", "replace")) for piece in pieces for name, data in reader.feed(piece)]


def byte_by_byte(data: bytes) -> list[tuple[str, str]]:
    return read(*(data[i : i + 1] for i in range(len(data))))


RULES = {
    "a frame": (b"event: a\ndata: 1\n\n", [("a", "1")]),
    "no name": (b"data: 1\n\n", [("message", "1")]),
    "no space": (b"event:a\ndata:1\n\n", [("a", "1")]),
    "one space only is taken": (b"data:  1\n\n", [("message", " 1")]),
    "CRLF": (b"event: a\r\ndata: 1\r\n\r\n", [("a", "1")]),
    "CR": (b"event: a\rdata: 1\r\r", [("a", "1")]),
    "all three": (b"event: a\rdata: 1\r\ndata: 2\n\r\n", [("a", "1\n2")]),
    "CR LF are one end, LF CR two": (b"data: 1\n\rdata: 2\r\n\r\n", [("message", "1"), ("message", "2")]),
    "several lines": (b"data: 1\ndata:\ndata: 3\n\n", [("message", "1\n\n3")]),
    "comments": (b": hi\n:\ndata: 1\n: there\n\n: bye\n\n", [("message", "1")]),
    "hollow: nothing but a name": (b"event: a\n\ndata: 1\n\n", [("message", "1")]),
    "hollow: id and retry": (
        b"id: 7\n\nretry: 100\n\nid: 8\ndata: 1\n\ndata: 2\n\n",
        [("message", "1"), ("message", "2")],
    ),
    "hollow: empty data": (b"event: a\ndata:\n\ndata\n\n", []),
    "two empty lines of data are a newline": (b"data\ndata\n\n", [("message", "\n")]),
    "a field without a colon": (b"event: a\nevent\ndata: 1\n\n", [("message", "1")]),
    "a field nobody knows": (b"date: 1\nDATA: 2\n data: 3\ndata: 4\n\n", [("message", "4")]),
    "the last name counts": (b"event: a\nevent: b\ndata: 1\n\n", [("b", "1")]),
    "a name is for one frame": (b"event: a\ndata: 1\n\ndata: 2\n\n", [("a", "1"), ("message", "2")]),
    "a mark at the beginning": (b"\xef\xbb\xbfdata: 1\n\n", [("message", "1")]),
    "a mark anywhere else is text": (
        b"\xef\xbb\xbf\xef\xbb\xbfdata: 1\n\ndata: \xef\xbb\xbf\n\n",
        [("message", "\ufeff")],
    ),
    "half a mark": (b"\xef\xbbdata: 1\n\ndata: 2\n\n", [("message", "2")]),
    "letters of several bytes": ("event: é\ndata: grüße 🙂\n\n".encode(), [("é", "grüße 🙂")]),
    "no UTF-8": (b"data: a\xffb\xf0\x9f\n\n", [("message", "a\ufffdb\ufffd")]),
    "other line ends are text": (
        "data: a\u2028b\x0bc\x0cd\x85e\n\n".encode(),
        [("message", "a\u2028b\x0bc\x0cd\x85e")],
    ),
    "a NUL is text": (b"data: a\0b\n\n", [("message", "a\0b")]),
    "the end cuts off": (b"data: 1\n\ndata: 2\n", [("message", "1")]),
    "colons in values": (b"data: a: b\n\n", [("message", "a: b")]),
    "blank lines": (b"\n\n\ndata: 1\n\n\n\n", [("message", "1")]),
}


@pytest.mark.parametrize(("data", "frames"), RULES.values(), ids=RULES.keys())
def test_rules(data, frames):
    """Each rule of the standard, whole and byte by byte."""
    assert read(data) == frames
    assert byte_by_byte(data) == frames


@pytest.mark.parametrize(("data", "frames"), RULES.values(), ids=RULES.keys())
def test_cut_anywhere(data, frames):
    """Wherever the bytes are cut in two, the frames are the same."""
    for place in range(len(data) + 1):
        assert read(data[:place], b"", data[place:]) == frames


lines = st.sampled_from(
    [b"data: 1", b"data:", b"data", b"event: a", b"event", b": c", b":", b"", b"", b"id: 1", b"retry: 5", b"x: y"]
) | st.binary(max_size=12)
streams = st.lists(st.tuples(lines, st.sampled_from([b"\n", b"\r\n", b"\r"])), max_size=20).map(
    lambda parts: b"".join(line + end for line, end in parts)
)


class _Body(httpx.SyncByteStream):
    def __init__(self, pieces):
        self._pieces = pieces

    def __iter__(self):
        yield from self._pieces


def theirs(pieces: list[bytes]) -> list[tuple[str, str]]:
    """What httpx-sse makes of it, without the frames that it tells and the standard does not."""
    response = httpx.Response(200, headers={"content-type": "text/event-stream"}, stream=_Body(pieces))
    events = httpx_sse.EventSource(response).iter_sse()
    return [(event.event or "message", event.data) for event in events if event.data]


@settings(max_examples=400)
@given(streams, st.lists(st.integers(0, 300), max_size=8))
@example(b"data: 1\r\n\r\n", [8, 9, 10])
@example(b"data: \xe2\x82\xac\n\n", [7, 8])
def test_agrees_with_httpx_sse(data, cuts):
    """Any bytes, cut anywhere: the same frames as the library makes that this one stands for."""
    if data.startswith(b"\xef\xbb\xbf"):
        data = b"\n" + data  # the library does not know the mark
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    pieces = [data[begin:end] for begin, end in pairwise(places)]

    assert read(*pieces) == theirs(pieces)


def test_a_line_without_an_end_is_found_out():
    """Bytes that are never a line do not fill the memory."""
    with pytest.raises(RemoteProtocolError, match="more than 1000 bytes"):
        read(b"data: ", *[b"x" * 100] * 11, largest=1000)


def test_a_frame_without_an_end_is_found_out():
    """Lines that are never a frame do not either."""
    with pytest.raises(RemoteProtocolError, match="more than 1000 bytes"):
        read(*[b"data: x\n"] * 200, largest=1000)


def test_a_large_frame_is_no_fault():
    """The bound is for one frame; frames up to it, comments and many frames may come for ever."""
    frame = b"data: " + b"x" * 990 + b"\n\n"
    assert len(read(*[frame] * 50, largest=1000)) == 50
    assert len(byte_by_byte(frame)) == 1
    assert read(*[b": keepalive\n"] * 500, largest=1000) == []
    assert LARGEST_FRAME > 64 * 1024 * 1024  # the largest message the simulator can be told to make


def test_a_line_in_many_pieces_is_joined_once():
    """A megabyte in pieces of a hundred bytes: the pieces are kept and joined at the end of the line, not copied again with each."""
    reader = Reader()
    reader.feed(b"data: ")
    for _ in range(10_000):
        reader.feed(b"x" * 100)
    assert len(reader._line) == 10_001
    (frame,) = reader.feed(b"\n\n")

    assert (len(frame[1]), reader._line, reader._size) == (1_000_000, [], 0)
    assert repr(reader) == "<sse.Reader within a frame, 0 bytes of it>"
