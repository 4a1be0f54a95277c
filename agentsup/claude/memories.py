"""The memories in a store, and every version one ever had."""

from __future__ import annotations

import datetime
from typing import ClassVar, Literal

import attrs

from agentsup.claude.ask import MEMORY, at, query
from agentsup.claude.group import Group
from agentsup.claude.thing import Deleted, Part, Raw, Thing
from agentsup.control.lists import Listing
from agentsup.control.omit import OMIT, Maybe, given
from agentsup.talk.content import hidden

View = Literal["basic", "full"]
"""Without the content, or with it."""


@attrs.frozen(kw_only=True)
class Memory(Part):
    """A memory; or, in a list that was asked for a `depth`, a folder: then it has only `type` (`memory_prefix`) and `path`."""

    id: str | None = None
    """None for a folder."""

    type: str = ""
    memory_store_id: str = ""
    memory_version_id: str = ""
    path: str = ""
    content: str | None = attrs.field(default=None, repr=hidden)
    """None in a `basic` view."""

    content_sha256: str | None = None
    content_size_bytes: int | None = None
    created_at: str = ""
    updated_at: str = ""


@attrs.frozen(kw_only=True)
class MemoryVersion(Thing):
    """One state a memory was in."""

    memory_store_id: str = ""
    memory_id: str = ""
    operation: str = ""
    """`created`, `modified`, `deleted`, or a word yet unknown."""

    path: str | None = None
    content: str | None = attrs.field(default=None, repr=hidden)
    content_sha256: str | None = None
    content_size_bytes: int | None = None
    created_at: str = ""
    created_by: Raw | None = None
    redacted_at: str | None = None
    redacted_by: Raw | None = None


class Memories(Group):
    """`client.memories`."""

    _beta: ClassVar[str | None] = MEMORY

    async def create(self, store_id: str, *, path: str, content: str | None, view: View | None = None) -> Memory:
        """Write a memory at a path that is free. After an error that is `ambiguous`, look for the path in `list`.

        Raises:
            Conflict: the path is taken.
            ApiError: it is not written, or nobody knows.
        """
        where = at("/v1/memory_stores/{store_id}/memories", store_id=store_id)
        body = given(content=content, path=path)
        return await self._post(Memory, "creating a memory", where, body, query=query(view=view), again=False)

    async def get(self, store_id: str, memory_id: str, *, view: View | None = None) -> Memory:
        """The memory, by default with its content.

        Raises:
            NotFound: the store has none with that id.
            ApiError: it cannot be had.
        """
        return await self._get(Memory, "looking up a memory", _one(store_id, memory_id), query(view=view))

    async def update(
        self,
        store_id: str,
        memory_id: str,
        *,
        content: Maybe[str | None] = OMIT,
        path: Maybe[str | None] = OMIT,
        expected_sha256: str | None = None,
        view: View | None = None,
    ) -> Memory:
        """Change its content or move it. With the hash you saw, the update is refused if the content is another one by now.

        Raises:
            Conflict: the path is taken, or the content is not the one you saw.
            ApiError: nothing changed, or nobody knows: look what it says now.
        """
        expected = OMIT if expected_sha256 is None else {"type": "content_sha256", "content_sha256": expected_sha256}
        body = given(content=content, path=path, precondition=expected)
        where = _one(store_id, memory_id)
        return await self._post(Memory, "changing a memory", where, body, query=query(view=view), again=False)

    def list(
        self,
        store_id: str,
        *,
        path_prefix: str | None = None,
        depth: int | None = None,
        view: View | None = None,
        limit: int | None = None,
        page: str | None = None,
    ) -> Listing[Memory]:
        """A store's memories, by default without their content; with a `depth`, deeper ones are folded into folders."""
        path = at("/v1/memory_stores/{store_id}/memories", store_id=store_id)
        asked = query(depth=depth, limit=limit, page=page, path_prefix=path_prefix, view=view)
        return self._list(Memory, "listing memories", path, asked)

    async def delete(self, store_id: str, memory_id: str, *, expected_sha256: str | None = None) -> Deleted:
        """Remove it; its versions stay. With the hash you saw, only if the content is still that.

        Raises:
            Conflict: the content is not the one you saw.
            ApiError: it cannot be deleted.
        """
        asked = query(expected_content_sha256=expected_sha256)
        return await self._delete("deleting a memory", _one(store_id, memory_id), memory_id, asked)


class MemoryVersions(Group):
    """`client.memory_versions`."""

    _beta: ClassVar[str | None] = MEMORY

    def list(
        self,
        store_id: str,
        *,
        memory_id: str | None = None,
        operation: str | None = None,
        session_id: str | None = None,
        api_key_id: str | None = None,
        service_account_id: str | None = None,
        created_gte: datetime.datetime | str | None = None,
        created_lte: datetime.datetime | str | None = None,
        view: View | None = None,
        limit: int | None = None,
        page: str | None = None,
    ) -> Listing[MemoryVersion]:
        """The versions of a store's memories, the newest first; of one memory, of one kind, of one author."""
        asked = query(
            api_key_id=api_key_id,
            created_at__gte=created_gte,
            created_at__lte=created_lte,
            limit=limit,
            memory_id=memory_id,
            operation=operation,
            page=page,
            service_account_id=service_account_id,
            session_id=session_id,
            view=view,
        )
        path = at("/v1/memory_stores/{store_id}/memory_versions", store_id=store_id)
        return self._list(MemoryVersion, "listing memory versions", path, asked)

    async def get(self, store_id: str, version_id: str, *, view: View | None = None) -> MemoryVersion:
        """The version.

        Raises:
            NotFound: the store has none with that id.
            ApiError: it cannot be had.
        """
        path = at("/v1/memory_stores/{store_id}/memory_versions/{version_id}", store_id=store_id, version_id=version_id)
        return await self._get(MemoryVersion, "looking up a memory version", path, query(view=view))

    async def redact(self, store_id: str, version_id: str) -> MemoryVersion:
        """Forget its content for good; that there was one stays known. A second time changes nothing.

        Raises:
            ApiError: it cannot be redacted.
        """
        path = at(
            "/v1/memory_stores/{store_id}/memory_versions/{version_id}/redact", store_id=store_id, version_id=version_id
        )
        return await self._post(MemoryVersion, "redacting a memory version", path, again=True)


def _one(store_id: str, memory_id: str) -> str:
    return at("/v1/memory_stores/{store_id}/memories/{memory_id}", store_id=store_id, memory_id=memory_id)
