"""From an event stream's frame to the service's event: its name and its JSON, or the error it reports instead.

A frame's `:message-type` says which of three it is. An *event* has its name in `:event-type` and its value, without a wrapper, as the
payload; an empty payload is an empty object. An *exception* is one of the errors the operation's model names; an *error* is any other, told
in headers. After the last two the stream says nothing more.
"""

from __future__ import annotations

import json
from typing import Any

import attrs

from agentsup.talk.content import hidden
from agentsup.wire.errors import RemoteProtocolError
from agentsup.wire.eventstream import Frame

SAID_AT_MOST = 300
"""Characters of the service's own message that are kept."""


class ErrorInStream(RemoteProtocolError):
    """The service reported an error in the stream instead of going on; `code` is its own word for it, `message` what it said, shortened."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        self.message = message[:SAID_AT_MOST]
        super().__init__(f"the provider ended the stream with {code}{f': {self.message}' if message else ''}")


@attrs.frozen
class StreamEvent:
    """One event of a stream."""

    name: str
    value: dict[str, Any] = attrs.field(repr=hidden)

    @property
    def raw(self) -> dict[str, Any]:
        """The event as the service's own clients show it: its value under its name."""
        return {self.name: self.value}


def read_frame(frame: Frame) -> StreamEvent:
    """The event in a frame.

    Raises:
        ErrorInStream: the service says that the stream is over.
        RemoteProtocolError: the frame says nothing that could be understood.
    """
    headers, payload = frame
    kind = headers.get(":message-type")
    if kind == "event":
        name = headers.get(":event-type")
        if not isinstance(name, str) or not name:
            raise RemoteProtocolError("an event of the stream has no name")
        return StreamEvent(name, _object(payload, f"the event {name[:60]!r}"))
    if kind == "exception":
        value = _object(payload, "an exception")
        raise ErrorInStream(str(headers.get(":exception-type", "unknown")), _message(value))
    if kind == "error":
        raise ErrorInStream(str(headers.get(":error-code", "unknown")), str(headers.get(":error-message", "")))
    raise RemoteProtocolError("a frame of the stream is neither event nor error")


def _object(payload: bytes, what: str) -> dict[str, Any]:
    if not payload:
        return {}
    try:
        value = json.loads(payload)
    except (ValueError, RecursionError):
        raise RemoteProtocolError(f"{what} is not JSON") from None
    if not isinstance(value, dict):
        raise RemoteProtocolError(f"{what} is not a JSON object")
    return value


def _message(value: dict[str, Any]) -> str:
    said = value.get("message", value.get("Message"))
    return said if isinstance(said, str) else ""
