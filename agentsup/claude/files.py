"""Files: uploads for sessions to read, and what sessions wrote. Neither way does a file stand in memory as a whole, unless you ask for it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import attrs

from agentsup.claude.ask import SESSION_FILES, Ask, at, query
from agentsup.claude.group import Group
from agentsup.claude.multipart import Data, Field, Form, file_field
from agentsup.claude.thing import Deleted, Part, Thing
from agentsup.control.lists import Listing
from agentsup.control.saving import save


@attrs.frozen(kw_only=True)
class FileScope(Part):
    """To what a file belongs."""

    type: str = ""
    id: str = ""


@attrs.frozen(kw_only=True)
class File(Thing):
    """What is known of a file without its content."""

    filename: str = ""
    mime_type: str = ""
    size_bytes: int = 0
    created_at: str = ""
    downloadable: bool | None = None
    """Whether its content can be had: what sessions wrote, not what was uploaded."""

    expires_at: str | None = None
    scope: FileScope | None = None
    """The session it belongs to; None for an upload."""


class Files(Group):
    """`client.files`."""

    async def upload(
        self,
        file: Data,
        *,
        filename: str | None = None,
        content_type: str | None = None,
        expires_in_seconds: int | None = None,
    ) -> File:
        """Upload bytes, or the file at a path, which is read while it is sent.

        After an error that is `ambiguous` there may be a file: look for its name in `list()`.

        Args:
            file: the content, or where it is.
            filename: else the path's own name.
            content_type: else by the filename's ending.
            expires_in_seconds: how long it lives: an hour to 90 days; for ever by default.

        Raises:
            OSError: the file cannot be read.
            ApiError: there is no file, or nobody knows.
        """
        life = [] if expires_in_seconds is None else [Field("expires_in_seconds", str(expires_in_seconds).encode())]
        fields = [*life, file_field("file", file, filename=filename, content_type=content_type)]
        return await self._post(File, "uploading a file", "/v1/files", form=Form(fields), again=False)

    async def get(self, file_id: str) -> File:
        """What is known of the file.

        Raises:
            NotFound: there is none with that id (any more).
            ApiError: it cannot be had.
        """
        return await self._get(File, "looking up a file", at("/v1/files/{file_id}", file_id=file_id))

    def list(
        self,
        *,
        session_id: str | None = None,
        ids: Sequence[str] | None = None,
        limit: int | None = None,
        page: str | None = None,
    ) -> Listing[File]:
        """The files, the newest first.

        Args:
            session_id: only the files of this session.
            ids: only these, at most 100, without `limit` and `page`.
            limit: rows per page.
            page: the cursor to begin at.
        """
        asked = query(ids=ids, limit=limit, page=page, scope_id=session_id)
        beta = SESSION_FILES if session_id is not None else None
        return self._list(File, "listing files", "/v1/files", asked, beta=beta)

    async def delete(self, file_id: str) -> Deleted:
        """Remove the file.

        Raises:
            ApiError: it cannot be deleted.
        """
        return await self._delete("deleting a file", at("/v1/files/{file_id}", file_id=file_id), file_id)

    async def read(self, file_id: str) -> bytes:
        """The content, in memory as a whole.

        Raises:
            ApiError: it cannot be had.
        """
        async with self.open(file_id) as pieces:
            return b"".join([piece async for piece in pieces])

    async def download(self, file_id: str, path: str | os.PathLike[str]) -> Path:
        """Write the content to the path, which has either the whole of it or what was there before; the path.

        Raises:
            OSError: it cannot be written there.
            ApiError: it cannot be had.
        """
        target = Path(path)
        async with self.open(file_id) as pieces:
            await save(pieces, target)
        return target

    @asynccontextmanager
    async def open(self, file_id: str) -> AsyncIterator[AsyncIterator[bytes]]:
        """The content piece by piece, as it comes.

        A body that breaks off raises `ConnectionFailed` at the piece that is missing.

        Raises:
            ApiError: it cannot be had.
        """
        ask = Ask(
            what="downloading a file",
            method="GET",
            path=at("/v1/files/{file_id}/content", file_id=file_id),
            beta=SESSION_FILES,
            headers={"accept": "application/binary"},
            again=True,
        )
        async with self._line.body(ask) as pieces:
            yield pieces
