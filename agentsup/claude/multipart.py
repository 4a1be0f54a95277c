"""Multipart form data that is sent piece by piece, so that a file never stands in memory as a whole."""

from __future__ import annotations

import mimetypes
import os
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import httpx
import trio

PIECE: int = 65_536
"""Bytes read and sent at once."""

Data = bytes | bytearray | memoryview | str | os.PathLike[str]


@attrs.frozen
class Field:
    """One part of a form: a name and either text, or a file."""

    name: str
    data: bytes | Path = attrs.field(repr=False)
    filename: str | None = None
    content_type: str | None = None

    def head(self) -> bytes:
        """What stands before its data."""
        disposition = f'form-data; name="{_quoted(self.name)}"'
        if self.filename is not None:
            disposition += f'; filename="{_quoted(self.filename)}"'
        lines = [f"Content-Disposition: {disposition}"]
        if self.content_type is not None:
            lines.append(f"Content-Type: {self.content_type}")
        return "\r\n".join((*lines, "", "")).encode("utf-8", "replace")


def file_field(name: str, data: Data, *, filename: str | None, content_type: str | None) -> Field:
    """A file as a part: bytes as they are; a path (also one as text) is read while it is sent."""
    if isinstance(data, bytes | bytearray | memoryview):
        found, held = filename or "upload", bytes(data)
        return Field(name, held, found, content_type or _type_of(found))
    path = Path(data)
    found = filename or path.name
    return Field(name, path, found, content_type or _type_of(found))


@attrs.frozen
class Form:
    """All parts, under a boundary that nobody can have put into the data."""

    fields: Sequence[Field]
    boundary: str = attrs.field(factory=lambda: secrets.token_hex(16))

    @property
    def content_type(self) -> str:
        """The header that announces it."""
        return f"multipart/form-data; boundary={self.boundary}"

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[tuple[int, FormStream]]:
        """Its length in bytes and the stream of them; files are open as long as the block lasts.

        Raises:
            OSError: a file cannot be read.
        """
        async with AsyncExitStack() as files:
            length = 0
            sources: list[bytes | _OpenFile] = []
            for field in self.fields:
                head = f"--{self.boundary}\r\n".encode() + field.head()
                if isinstance(field.data, bytes):
                    sources.append(head + field.data + b"\r\n")
                    length += len(head) + len(field.data) + 2
                    continue
                file = await files.enter_async_context(await trio.open_file(field.data, "rb"))
                size = os.fstat(file.fileno()).st_size
                sources += [head, _OpenFile(file, size), b"\r\n"]
                length += len(head) + size + 2
            end = f"--{self.boundary}--\r\n".encode()
            yield length + len(end), FormStream([*sources, end])


@attrs.frozen
class _OpenFile:
    """A file being sent, no further than the length that was announced: it may grow meanwhile."""

    file: Any
    size: int


class FormStream(httpx.AsyncByteStream):
    """The bytes of a form, once. It holds nothing: an abandoned one leaves nothing behind."""

    def __init__(self, sources: Sequence[bytes | _OpenFile]) -> None:
        self._sources = list(reversed(sources))
        self._left = 0

    def __aiter__(self) -> FormStream:
        return self

    async def __anext__(self) -> bytes:
        """The next piece."""
        while self._sources:
            source = self._sources[-1]
            if isinstance(source, bytes):
                self._sources.pop()
                return source
            self._left = self._left or source.size
            piece: bytes = await source.file.read(min(PIECE, self._left)) if source.size else b""
            self._left -= len(piece)
            if not piece or not self._left:
                self._sources.pop()
                self._left = 0
            if piece:
                return piece
        raise StopAsyncIteration


def _quoted(text: str) -> str:
    """As browsers write names into a header."""
    return text.replace("\r", "%0D").replace("\n", "%0A").replace('"', "%22")


def _type_of(filename: str) -> str:
    return mimetypes.guess_type(filename)[0] or "application/octet-stream"
