"""Environments: where an agent's own tools run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import attrs

from agentsup.claude.ask import MANAGED, at, query
from agentsup.claude.group import Group
from agentsup.claude.thing import Deleted, Raw, Thing
from agentsup.control.lists import Listing
from agentsup.control.omit import OMIT, Maybe, given
from agentsup.talk.content import hidden


@attrs.frozen(kw_only=True)
class Environment(Thing):
    """An environment."""

    name: str = ""
    description: str | None = attrs.field(default=None, repr=hidden)
    config: Raw = attrs.field(factory=dict, repr=hidden)
    """`{"type": "cloud", "networking": ..., "packages": ...}` or `{"type": "self_hosted"}`."""

    scope: str | None = None
    metadata: Raw = attrs.field(factory=dict, repr=hidden)
    created_at: str = ""
    updated_at: str = ""
    archived_at: str | None = None


class Environments(Group):
    """`client.environments`."""

    _beta: ClassVar[str | None] = MANAGED

    async def create(
        self,
        *,
        name: str,
        description: Maybe[str | None] = OMIT,
        config: Maybe[Mapping[str, Any]] = OMIT,
        metadata: Maybe[Mapping[str, str]] = OMIT,
        scope: Maybe[str] = OMIT,
    ) -> Environment:
        """Make an environment. After an error that is `ambiguous`, look for one with your name in `list()`.

        Raises:
            ApiError: there is no environment, or nobody knows.
        """
        body = given(name=name, description=description, config=config, metadata=metadata, scope=scope)
        return await self._post(Environment, "creating an environment", "/v1/environments", body, again=False)

    async def get(self, environment_id: str) -> Environment:
        """The environment.

        Raises:
            NotFound: there is none with that id.
            ApiError: it cannot be had.
        """
        path = at("/v1/environments/{environment_id}", environment_id=environment_id)
        return await self._get(Environment, "looking up an environment", path)

    async def update(
        self,
        environment_id: str,
        *,
        name: Maybe[str] = OMIT,
        description: Maybe[str | None] = OMIT,
        config: Maybe[Mapping[str, Any]] = OMIT,
        metadata: Maybe[Mapping[str, str | None]] = OMIT,
        scope: Maybe[str] = OMIT,
    ) -> Environment:
        """Change it. What is omitted stays; in `metadata` only the named keys change, null removes one.

        Raises:
            ApiError: it cannot be changed.
        """
        body = given(name=name, description=description, config=config, metadata=metadata, scope=scope)
        path = at("/v1/environments/{environment_id}", environment_id=environment_id)
        return await self._post(Environment, "changing an environment", path, body, again=True)

    def list(
        self, *, include_archived: bool | None = None, limit: int | None = None, page: str | None = None
    ) -> Listing[Environment]:
        """The environments."""
        asked = query(include_archived=include_archived, limit=limit, page=page)
        return self._list(Environment, "listing environments", "/v1/environments", asked)

    async def archive(self, environment_id: str) -> Environment:
        """Let no more sessions start in it. A second time changes nothing.

        Raises:
            ApiError: it cannot be archived.
        """
        path = at("/v1/environments/{environment_id}/archive", environment_id=environment_id)
        return await self._post(Environment, "archiving an environment", path, again=True)

    async def delete(self, environment_id: str) -> Deleted:
        """Remove it; only where no session refers to it.

        Raises:
            Conflict: a session does.
            ApiError: it cannot be deleted.
        """
        path = at("/v1/environments/{environment_id}", environment_id=environment_id)
        return await self._delete("deleting an environment", path, environment_id)
