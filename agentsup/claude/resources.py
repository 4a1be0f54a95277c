"""What is mounted into a session: files, repositories, memory stores."""

from __future__ import annotations

from typing import ClassVar

import attrs

from agentsup.claude.ask import MANAGED, at, query
from agentsup.claude.group import Group
from agentsup.claude.thing import Deleted, Part, Raw
from agentsup.control.lists import Listing
from agentsup.control.omit import OMIT, Maybe, given
from agentsup.talk.content import hidden


@attrs.frozen(kw_only=True)
class SessionResource(Part):
    """One resource; which fields it has goes by its type."""

    type: str = ""
    """`file`, `github_repository`, `memory_store`, or a word yet unknown."""

    id: str | None = None
    """None for a memory store, which can be neither changed nor removed."""

    mount_path: str | None = None
    file_id: str | None = None
    """The session's own copy of the file, not the file it was made of."""

    url: str | None = None
    checkout: Raw | None = None
    memory_store_id: str | None = None
    access: str | None = None
    name: str | None = None
    description: str | None = attrs.field(default=None, repr=hidden)
    instructions: str | None = attrs.field(default=None, repr=hidden)
    created_at: str = ""
    updated_at: str = ""


class SessionResources(Group):
    """`client.resources`."""

    _beta: ClassVar[str | None] = MANAGED

    async def add_file(self, session_id: str, file_id: str, *, mount_path: Maybe[str | None] = OMIT) -> SessionResource:
        """Mount an uploaded file, by default under `/mnt/session/uploads/`.

        After an error that is `ambiguous`, look in `list`.

        Raises:
            ApiError: it is not mounted, or nobody knows.
        """
        path = at("/v1/sessions/{session_id}/resources", session_id=session_id)
        body = given(type="file", file_id=file_id, mount_path=mount_path)
        return await self._post(SessionResource, "mounting a file", path, body, again=False)

    def list(self, session_id: str, *, limit: int | None = None, page: str | None = None) -> Listing[SessionResource]:
        """A session's resources."""
        path = at("/v1/sessions/{session_id}/resources", session_id=session_id)
        return self._list(SessionResource, "listing a session's resources", path, query(limit=limit, page=page))

    async def get(self, session_id: str, resource_id: str) -> SessionResource:
        """The resource.

        Raises:
            NotFound: the session has none with that id.
            ApiError: it cannot be had.
        """
        path = at("/v1/sessions/{session_id}/resources/{resource_id}", session_id=session_id, resource_id=resource_id)
        return await self._get(SessionResource, "looking up a resource", path)

    async def rotate(self, session_id: str, resource_id: str, *, authorization_token: str) -> SessionResource:
        """Give a repository a new token. No answer ever shows one.

        Raises:
            ApiError: it is not set.
        """
        path = at("/v1/sessions/{session_id}/resources/{resource_id}", session_id=session_id, resource_id=resource_id)
        body = given(authorization_token=authorization_token)
        return await self._post(SessionResource, "rotating a repository's token", path, body, again=True)

    async def delete(self, session_id: str, resource_id: str) -> Deleted:
        """Unmount it.

        Raises:
            ApiError: it cannot be removed.
        """
        path = at("/v1/sessions/{session_id}/resources/{resource_id}", session_id=session_id, resource_id=resource_id)
        return await self._delete("unmounting a resource", path, resource_id)
