"""A session's files at Claude Managed Agents: what the agent wrote, over the Files API; what was put there, as mounted uploads."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import structlog
import trio

from agentsup import claude
from agentsup.errors import Problem
from agentsup.providers.base import Rejected, Unavailable
from agentsup.provisioning.backend import NotDone
from agentsup.provisioning.claude_door import client_of, translated
from agentsup.provisioning.persistence import ATTEMPTS, pause, persist
from agentsup.provisioning.shelf import Data, Shelf
from agentsup.talk.artifact import Artifact
from agentsup.wire.managed.files import epoch

_log = structlog.get_logger("agentsup.provisioning")

OUTPUTS: Final = "/mnt/session/outputs/"
"""The folder an agent must write into for its files to be fetched: nothing outside it leaves the session. Say so in its prompt."""

INPUTS: Final = "/data/"
"""Where `put` mounts files that are not given a path."""

PAGE: Final = 1000
"""Rows asked for at once: the most that the list gives."""

UNDO: Final = 10.0
"""Seconds for deleting an upload that could not be mounted."""


class ClaudeShelf:
    """The files of one session."""

    def __init__(self, client: claude.Client, session_id: str) -> None:
        self._client = client
        self._session_id = session_id

    def problems(self, name: str, path: str | None) -> Iterable[Problem]:
        """Nothing more: the service takes any name."""
        return ()

    async def entries(self) -> Sequence[Artifact]:
        """All files in the session's scope, mounted copies of uploads included."""
        with translated():
            return [_artifact(row) async for row in self._client.files.list(session_id=self._session_id, limit=PAGE)]

    @asynccontextmanager
    async def read(self, artifact: Artifact) -> AsyncIterator[AsyncIterator[bytes]]:
        """The content piece by piece; shorter than the service said is `Unavailable`."""
        with translated():
            async with self._client.files.open(artifact.ref) as pieces:
                yield _Whole(pieces, artifact.size)

    async def write(self, name: str, data: Data, path: str | None) -> Artifact:
        """Upload it and mount the upload; if that fails, neither stays."""
        place = path or INPUTS + name
        before = frozenset(mount.id for mount in await persist(self._mounts))
        upload = await persist(lambda: self._uploaded(name, data), after=NotDone)
        try:
            mount = await self._mounted(upload, place, before)
        except BaseException:
            await self._undo(upload, place, before)
            raise
        return Artifact(
            name=name,
            size=upload.size_bytes,
            ref=mount.file_id or upload.id,
            created_at=epoch(upload.created_at),
            retrievable=False,
            raw=mount.raw,
        )

    async def remove(self, artifact: Artifact) -> None:
        """Delete the file; if it is a mounted one, unmount it first."""
        if not artifact.retrievable:
            for mount in await self._mounts():
                if mount.file_id == artifact.ref:
                    await self._unmount(mount)
        await self._delete(artifact.ref)

    async def aclose(self) -> None:
        """Close our own client; one that was given stays open."""
        await self._client.aclose()

    async def _uploaded(self, name: str, data: Data) -> claude.File:
        with translated():
            return await self._client.files.upload(data, filename=name)

    async def _mounted(self, upload: claude.File, place: str, before: frozenset[str | None]) -> claude.SessionResource:
        """Mount the upload; after a lost answer, look whether it is mounted before asking again."""
        attempt = 0
        while True:
            attempt += 1
            try:
                with translated():
                    return await self._client.resources.add_file(self._session_id, upload.id, mount_path=place)
            except Unavailable as exc:
                failure = exc
            if not isinstance(failure, NotDone):
                for found in await persist(lambda: self._new_mounts(place, before)):
                    return found
            if attempt >= ATTEMPTS:
                raise failure
            await pause(attempt, failure)

    async def _mounts(self) -> Sequence[claude.SessionResource]:
        with translated():
            return await self._client.resources.list(self._session_id).all()

    async def _new_mounts(self, place: str, before: frozenset[str | None]) -> Sequence[claude.SessionResource]:
        return [mount for mount in await self._mounts() if mount.mount_path == place and mount.id not in before]

    async def _undo(self, upload: claude.File, place: str, before: frozenset[str | None]) -> None:
        """Take away the upload, and what may have been mounted of it; never raises."""
        failure = "not done in time"
        with trio.CancelScope(shield=True, deadline=trio.current_time() + UNDO):
            try:
                for mount in await persist(lambda: self._new_mounts(place, before)):
                    await persist(lambda mount=mount: self._unmount(mount))  # type: ignore[misc]  # bound now
                await persist(lambda: self._delete(upload.id))
            except (Unavailable, Rejected) as exc:
                failure = str(exc)
            else:
                return
        _log.error("provision.left_behind", what=f"file {upload.filename} ({upload.id})", error=failure)

    async def _unmount(self, mount: claude.SessionResource) -> None:
        with translated():
            if mount.id is not None:
                await _gone_is_fine(self._client.resources.delete(self._session_id, mount.id))
        if mount.file_id is not None:
            await self._delete(mount.file_id)

    async def _delete(self, file_id: str) -> None:
        with translated():
            await _gone_is_fine(self._client.files.delete(file_id))


def shelf_of(provider: Any, session_id: str) -> Shelf:
    """The shelf of a session that a `ClaudeManagedAgents` value reaches.

    Raises:
        SpecError: something is missing or cannot be used.
    """
    return ClaudeShelf(client_of(provider), session_id)


def _artifact(row: claude.File) -> Artifact:
    return Artifact(
        name=row.filename,
        size=row.size_bytes,
        ref=row.id,
        created_at=epoch(row.created_at),
        retrievable=row.downloadable is not False,
        raw=row.raw,
    )


class _Whole:
    """The pieces, held against the length that the service told. Not a generator: there is nothing in it that somebody would have to close."""

    def __init__(self, pieces: AsyncIterator[bytes], size: int) -> None:
        self._pieces = pieces
        self._size = size
        self._length = 0

    def __aiter__(self) -> _Whole:
        return self

    async def __anext__(self) -> bytes:
        try:
            piece = await anext(self._pieces)
        except StopAsyncIteration:
            if self._length < self._size:
                raise Unavailable(f"the content ended after {self._length} of {self._size} bytes") from None
            raise
        self._length += len(piece)
        return piece


async def _gone_is_fine(deleting: Any) -> None:
    try:
        await deleting
    except claude.NotFound:
        return
