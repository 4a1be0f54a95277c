"""Agents: versioned definitions that sessions start from."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import attrs

from agentsup.claude.ask import MANAGED, at, query
from agentsup.claude.group import Group
from agentsup.claude.thing import Part, Raw, Thing
from agentsup.control.lists import Listing
from agentsup.control.omit import OMIT, Maybe, given
from agentsup.talk.content import hidden


@attrs.frozen(kw_only=True)
class Model(Part):
    """The model an agent runs on."""

    id: str = ""
    effort: Raw = attrs.field(factory=dict, repr=hidden)
    """How hard it thinks: `{"type": "high"}`."""

    speed: str | None = None
    inference_geo: str | None = None


@attrs.frozen(kw_only=True)
class Agent(Thing):
    """One version of an agent."""

    name: str = ""
    version: int = 0
    """Opaque, only to be compared; a change makes another one."""

    model: Model = attrs.field(factory=Model)
    description: str | None = attrs.field(default=None, repr=hidden)
    system: str | None = attrs.field(default=None, repr=hidden)
    """The system prompt."""

    tools: tuple[Raw, ...] = attrs.field(default=(), repr=hidden)
    mcp_servers: tuple[Raw, ...] = attrs.field(default=(), repr=hidden)
    skills: tuple[Raw, ...] = attrs.field(default=(), repr=hidden)
    multiagent: Raw | None = attrs.field(default=None, repr=hidden)
    execution_identity: Raw = attrs.field(factory=dict, repr=hidden)
    metadata: Raw = attrs.field(factory=dict, repr=hidden)
    created_at: str = ""
    """RFC 3339, as all times here."""

    updated_at: str = ""
    archived_at: str | None = None


class Agents(Group):
    """`client.agents`."""

    _beta: ClassVar[str | None] = MANAGED

    async def create(
        self,
        *,
        name: str,
        model: str | Mapping[str, Any],
        description: Maybe[str | None] = OMIT,
        system: Maybe[str | None] = OMIT,
        tools: Maybe[Sequence[Mapping[str, Any]]] = OMIT,
        mcp_servers: Maybe[Sequence[Mapping[str, Any]]] = OMIT,
        skills: Maybe[Sequence[Mapping[str, Any]]] = OMIT,
        multiagent: Maybe[Mapping[str, Any] | None] = OMIT,
        metadata: Maybe[Mapping[str, str]] = OMIT,
        execution_identity: Maybe[Mapping[str, Any]] = OMIT,
    ) -> Agent:
        """Make an agent; its first version.

        Names need not be unique. After an error that is `ambiguous`, look for one with your name in `list(created_gte=...)`.

        Raises:
            ApiError: there is no agent, or nobody knows.
        """
        body = given(
            name=name,
            model=model,
            description=description,
            system=system,
            tools=tools,
            mcp_servers=mcp_servers,
            skills=skills,
            multiagent=multiagent,
            metadata=metadata,
            execution_identity=execution_identity,
        )
        return await self._post(Agent, "creating an agent", "/v1/agents", body, again=False)

    async def get(self, agent_id: str, *, version: int | None = None) -> Agent:
        """The agent, by default its newest version.

        Raises:
            NotFound: there is no such agent or version.
            ApiError: it cannot be had.
        """
        path = at("/v1/agents/{agent_id}", agent_id=agent_id)
        return await self._get(Agent, "looking up an agent", path, query(version=version))

    async def update(
        self,
        agent_id: str,
        *,
        version: Maybe[int] = OMIT,
        name: Maybe[str] = OMIT,
        model: Maybe[str | Mapping[str, Any]] = OMIT,
        description: Maybe[str | None] = OMIT,
        system: Maybe[str | None] = OMIT,
        tools: Maybe[Sequence[Mapping[str, Any]] | None] = OMIT,
        mcp_servers: Maybe[Sequence[Mapping[str, Any]] | None] = OMIT,
        skills: Maybe[Sequence[Mapping[str, Any]] | None] = OMIT,
        multiagent: Maybe[Mapping[str, Any] | None] = OMIT,
        metadata: Maybe[Mapping[str, str | None]] = OMIT,
        execution_identity: Maybe[Mapping[str, Any] | None] = OMIT,
    ) -> Agent:
        """Make the next version. What is omitted stays; null clears; in `metadata` only the named keys change, null removes one.

        With the `version` you saw, the update is refused if there is a newer one; without it the last writer wins.

        Raises:
            Conflict: `version` is not the newest any more.
            ApiError: nothing changed, or nobody knows.
        """
        body = given(
            version=version,
            name=name,
            model=model,
            description=description,
            system=system,
            tools=tools,
            mcp_servers=mcp_servers,
            skills=skills,
            multiagent=multiagent,
            metadata=metadata,
            execution_identity=execution_identity,
        )
        path = at("/v1/agents/{agent_id}", agent_id=agent_id)
        return await self._post(Agent, "changing an agent", path, body, again=False)

    def list(
        self,
        *,
        created_gte: datetime.datetime | str | None = None,
        created_lte: datetime.datetime | str | None = None,
        include_archived: bool | None = None,
        limit: int | None = None,
        page: str | None = None,
    ) -> Listing[Agent]:
        """The agents, the newest version of each."""
        asked = query(
            created_at__gte=created_gte,
            created_at__lte=created_lte,
            include_archived=include_archived,
            limit=limit,
            page=page,
        )
        return self._list(Agent, "listing agents", "/v1/agents", asked)

    def versions(self, agent_id: str, *, limit: int | None = None, page: str | None = None) -> Listing[Agent]:
        """All versions of an agent, the newest first."""
        path = at("/v1/agents/{agent_id}/versions", agent_id=agent_id)
        return self._list(Agent, "listing an agent's versions", path, query(limit=limit, page=page))

    async def archive(self, agent_id: str) -> Agent:
        """Let it start no more sessions, for good; running ones go on. A second time changes nothing.

        Raises:
            ApiError: it cannot be archived.
        """
        path = at("/v1/agents/{agent_id}/archive", agent_id=agent_id)
        return await self._post(Agent, "archiving an agent", path, again=True)
