"""From a server-sent event's name and data to the provider's event: which frames mean something, and what a broken one means.

The rules, each from the vendor's client or a fault seen in the field (reference: Claude Managed Agents, "SSE framing and SDK decoding"):
a `ping` and a frame without data say only that the connection lives (no parser should hand one out, and some do);
an `error` frame is the server's last word on this connection; anything else is one JSON object with a `type`, whatever the frame's own
name says. A frame that is none of these makes the whole connection suspect: it is dropped, and the history has what was lost.
"""

from __future__ import annotations

from typing import Any, Final

from agentsup.wire.errors import RemoteProtocolError
from agentsup.wire.jsontext import loads

KIND_AT_MOST: Final = 100
"""Characters of the server's own word for its error; it stands in errors and reports, and should be one word."""


class ErrorFrame(RemoteProtocolError):
    """The server reported an error in the stream instead of going on; `kind` is its own word for it."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        super().__init__(f"the provider ended the stream with an error of type {kind!r}")


def decode_frame(name: str, data: bytes) -> dict[str, Any] | None:
    """The event in a frame; None for a hollow one.

    Raises:
        ErrorFrame: the server says the stream is over.
        RemoteProtocolError: the data is not a JSON object with a `type`.
    """
    if name == "ping" or not data:
        return None
    try:
        event = loads(data)
    except (ValueError, RecursionError):
        raise RemoteProtocolError(f"a frame of {len(data)} bytes is not JSON") from None
    if name == "error":
        raise ErrorFrame(_error_kind(event))
    return checked(event)


def checked(event: object) -> dict[str, Any]:
    """The event itself, if it has the shape every event has.

    Raises:
        RemoteProtocolError: it is no object, or has no `type`.
    """
    if not isinstance(event, dict):
        raise RemoteProtocolError(f"an event is a JSON {type(event).__name__}, not an object")
    if not isinstance(event.get("type"), str):
        raise RemoteProtocolError("an event has no type")
    return event


def _error_kind(event: object) -> str:
    error = event.get("error") if isinstance(event, dict) else None
    kind = error.get("type") if isinstance(error, dict) else None
    return kind[:KIND_AT_MOST] if isinstance(kind, str) else "unknown_error"
