"""A session's files at Bedrock AgentCore: a folder of its machine, reached by commands."""

from __future__ import annotations

import posixpath
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import trio

from agentsup import agentcore
from agentsup.agentcore.artifacts import NAME
from agentsup.errors import Problem, SpecError
from agentsup.providers.agentcore.provider import arn_of
from agentsup.providers.base import Rejected
from agentsup.provisioning.agentcore import client_of, translated
from agentsup.provisioning.shelf import Data, Shelf
from agentsup.talk.artifact import Artifact


class HarnessShelf:
    """The files of one session."""

    def __init__(self, client: agentcore.Client, harness: str, session_id: str, folder: str) -> None:
        self._client = client
        self._harness = harness
        self._session_id = session_id
        self._folder = folder

    def problems(self, name: str, path: str | None) -> Iterable[Problem]:
        """Names travel through a shell, so they are plain."""
        for field, value in (("name", name), ("path", posixpath.basename(path) if path else name)):
            if not NAME.fullmatch(value):
                yield Problem(field, f"must be letters, digits, '.', '_' and '-' here, not {value!r}")

    async def entries(self) -> Sequence[Artifact]:
        """The files in the session's folder, the newest first."""
        with translated():
            found = await self._files(self._folder).list()
        return sorted((self._artifact(each, self._folder) for each in found), key=lambda each: -each.created_at)

    @asynccontextmanager
    async def read(self, artifact: Artifact) -> AsyncIterator[AsyncIterator[bytes]]:
        """The content, held against its hash, in one piece."""
        with translated():
            folder, name = posixpath.split(artifact.ref)
            data = await self._files(folder).fetch(name)
        yield _Pieces(data)

    async def write(self, name: str, data: Data, path: str | None) -> Artifact:
        """Put it there; it appears when it is whole."""
        folder, there = posixpath.split(path) if path else (self._folder, name)
        content = data if isinstance(data, bytes) else await trio.Path(data).read_bytes()
        with translated():
            return self._artifact(await self._files(folder).put(there, content), folder, name)

    async def remove(self, artifact: Artifact) -> None:
        """Delete it; gone is fine."""
        folder, name = posixpath.split(artifact.ref)
        try:
            with translated():
                await self._files(folder).delete(name)
        except Rejected as exc:
            if not isinstance(exc.__cause__, agentcore.NotFound):
                raise

    async def aclose(self) -> None:
        """Close our own client; one that was given stays open."""
        await self._client.aclose()

    def _files(self, folder: str) -> agentcore.Artifacts:
        return self._client.artifacts(self._harness, self._session_id, folder)

    def _artifact(self, file: agentcore.Artifact, folder: str, name: str | None = None) -> Artifact:
        ref = posixpath.join(folder, file.name)
        return Artifact(
            name=name or file.name,
            size=file.size,
            ref=ref,
            created_at=file.changed_at,
            retrievable=NAME.fullmatch(file.name) is not None,
        )


class _Pieces:
    """A content in one piece."""

    def __init__(self, data: bytes) -> None:
        self._left = [data] if data else []

    def __aiter__(self) -> _Pieces:
        return self

    async def __anext__(self) -> bytes:
        if not self._left:
            raise StopAsyncIteration
        await trio.lowlevel.checkpoint()
        return self._left.pop()


def shelf_of(provider: Any, session_id: str) -> Shelf:
    """The shelf of a session that a `BedrockAgentCore` value reaches.

    Raises:
        SpecError: something is missing or cannot be used.
    """
    arn = arn_of(provider.harness)
    if not arn:
        raise SpecError.of("harness", "is missing: files are in the machine of a harness's session")
    return HarnessShelf(client_of(provider), arn, session_id, provider.storage)
