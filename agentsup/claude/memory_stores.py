"""Memory stores: folders of text that agents keep across sessions."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import ClassVar

import attrs

from agentsup.claude.ask import MEMORY, at, query
from agentsup.claude.group import Group
from agentsup.claude.thing import Deleted, Raw, Thing
from agentsup.control.lists import Listing
from agentsup.control.omit import OMIT, Maybe, given
from agentsup.talk.content import hidden


@attrs.frozen(kw_only=True)
class MemoryStore(Thing):
    """A memory store."""

    name: str = ""
    description: str = attrs.field(default="", repr=hidden)
    metadata: Raw = attrs.field(factory=dict, repr=hidden)
    created_at: str = ""
    updated_at: str = ""
    archived_at: str | None = None


class MemoryStores(Group):
    """`client.memory_stores`."""

    _beta: ClassVar[str | None] = MEMORY

    async def create(
        self, *, name: str, description: Maybe[str] = OMIT, metadata: Maybe[Mapping[str, str]] = OMIT
    ) -> MemoryStore:
        """Make a store. After an error that is `ambiguous`, look for one with your name in `list()`.

        Raises:
            ApiError: there is no store, or nobody knows.
        """
        body = given(name=name, description=description, metadata=metadata)
        return await self._post(MemoryStore, "creating a memory store", "/v1/memory_stores", body, again=False)

    async def get(self, store_id: str) -> MemoryStore:
        """The store.

        Raises:
            NotFound: there is none with that id.
            ApiError: it cannot be had.
        """
        path = at("/v1/memory_stores/{store_id}", store_id=store_id)
        return await self._get(MemoryStore, "looking up a memory store", path)

    async def update(
        self,
        store_id: str,
        *,
        name: Maybe[str | None] = OMIT,
        description: Maybe[str | None] = OMIT,
        metadata: Maybe[Mapping[str, str | None]] = OMIT,
    ) -> MemoryStore:
        """Change it. What is omitted stays; in `metadata` only the named keys change, null removes one.

        Raises:
            ApiError: it cannot be changed.
        """
        body = given(name=name, description=description, metadata=metadata)
        path = at("/v1/memory_stores/{store_id}", store_id=store_id)
        return await self._post(MemoryStore, "changing a memory store", path, body, again=True)

    def list(
        self,
        *,
        created_gte: datetime.datetime | str | None = None,
        created_lte: datetime.datetime | str | None = None,
        include_archived: bool | None = None,
        limit: int | None = None,
        page: str | None = None,
    ) -> Listing[MemoryStore]:
        """The stores."""
        asked = query(
            created_at__gte=created_gte,
            created_at__lte=created_lte,
            include_archived=include_archived,
            limit=limit,
            page=page,
        )
        return self._list(MemoryStore, "listing memory stores", "/v1/memory_stores", asked)

    async def archive(self, store_id: str) -> MemoryStore:
        """Make it read-only. A second time changes nothing.

        Raises:
            ApiError: it cannot be archived.
        """
        path = at("/v1/memory_stores/{store_id}/archive", store_id=store_id)
        return await self._post(MemoryStore, "archiving a memory store", path, again=True)

    async def delete(self, store_id: str) -> Deleted:
        """Remove it with everything in it.

        Raises:
            ApiError: it cannot be deleted.
        """
        path = at("/v1/memory_stores/{store_id}", store_id=store_id)
        return await self._delete("deleting a memory store", path, store_id)
