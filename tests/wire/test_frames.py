"""Which frames mean something, and what a broken one means."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentsup.wire.errors import RemoteProtocolError
from agentsup.wire.frames import ErrorFrame, checked, decode_frame
from tests.kit.strategies import JSON


@pytest.mark.parametrize(("name", "data"), [("ping", b""), ("ping", b'{"type": "ping"}'), ("message", b""), ("x", b"")])
def test_hollow_frames_are_only_life(name, data):
    """Pings, and frames without data."""
    assert decode_frame(name, data) is None


@pytest.mark.parametrize("name", ["message", "agent.message", "something.else", ""])
def test_the_type_in_the_data_counts_not_the_frames_name(name):
    """The name is advisory."""
    assert decode_frame(name, b'{"type": "session.status_idle", "id": "1"}') == {
        "type": "session.status_idle",
        "id": "1",
    }


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b'{"type": "error", "error": {"type": "overloaded_error", "message": "m"}}', "overloaded_error"),
        (b'{"error": "odd"}', "unknown_error"),
        (b"[]", "unknown_error"),
        (b'{"error": {"type": 7}}', "unknown_error"),
        (b'{"error": {"type": "' + b"k" * 5000 + b'"}}', "k" * 100),
    ],
)
def test_an_error_frame_is_the_servers_last_word(data, kind):
    """Its type is kept, its message (which may quote the conversation) is not."""
    with pytest.raises(ErrorFrame) as caught:
        decode_frame("error", data)

    assert caught.value.kind == kind


@pytest.mark.parametrize(
    "data", [b"nonsense", b"{", b"[1]", b"3", b"null", b'"text"', b"{}", b'{"type": 3}', b'{"type": null}']
)
def test_anything_else_is_their_fault(data):
    """No JSON, no object, no type."""
    with pytest.raises(RemoteProtocolError):
        decode_frame("message", data)


def test_bottomless_json_is_their_fault():
    """The decoder's own limit is no crash of ours."""
    with pytest.raises(RemoteProtocolError):
        decode_frame("message", b"[" * 200_000)


def test_of_a_key_that_comes_twice_the_last_one_counts():
    """As in every JSON reader there is; nothing depends on which one is installed."""
    assert decode_frame("message", b'{"type": "a", "id": "1", "id": "2"}') == {"type": "a", "id": "2"}


def test_the_complaint_does_not_quote_the_frame():
    """Content stays out of errors."""
    with pytest.raises(RemoteProtocolError) as caught:
        decode_frame("message", b"the customer said something private")

    assert "private" not in str(caught.value)


@settings(max_examples=100)
@given(name=st.sampled_from(["message", "error", "ping"]), data=JSON)
def test_any_json_is_an_event_hollow_or_their_fault(name, data):
    """Nothing else ever comes out."""
    try:
        event = decode_frame(name, json.dumps(data).encode())
    except RemoteProtocolError:
        return

    assert event is None or checked(event) is event
