"""Reads `multipart/form-data` bodies (RFC 7578): split at the boundary, each part's headers by the standard library."""

from __future__ import annotations

from email.message import Message
from email.parser import HeaderParser

import attrs

from agentsup.sim.exchange import Request
from agentsup.sim.refusal import invalid


@attrs.frozen
class Part:
    """One field of a form."""

    name: str
    content: bytes = attrs.field(repr=False)
    filename: str | None = None
    """None for a field that is no file."""
    content_type: str = "application/octet-stream"


def read_parts(request: Request) -> list[Part]:
    """The fields of a form, in order.

    Raises:
        Refused: 400, the body is no such form.
    """
    boundary = _param(request.header("content-type"), "multipart/form-data", "boundary")
    if not boundary:
        raise invalid("body", "must be multipart/form-data")
    before, *parts = (b"\r\n" + request.body).split(b"\r\n--" + boundary.encode("latin-1", "replace"))
    if before or not parts or not parts[-1].startswith(b"--"):
        raise invalid("body", "is not a complete multipart form")
    return [_read_part(part) for part in parts[:-1]]


def _param(header: str, kind: str, name: str) -> str | None:
    message = Message()
    message["content-type"] = header.replace("\r", " ").replace("\n", " ")
    if message.get_content_type() != kind:
        return None
    found = message.get_param(name)
    return found if isinstance(found, str) else None


def _read_part(part: bytes) -> Part:
    head, found, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
    headers = HeaderParser().parsestr(head.decode("utf-8", "replace"))
    name = headers.get_param("name", header="content-disposition")
    if not found or not isinstance(name, str):
        raise invalid("body", "has a part without a name")
    filename = headers.get_filename()
    return Part(
        name,
        content,
        filename,
        headers.get_content_type() if "content-type" in headers else "application/octet-stream",
    )
