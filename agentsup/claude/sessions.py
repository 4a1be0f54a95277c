"""Sessions as the service keeps them. To talk with one and run its tools, use `agentsup.open_runtime` instead."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import attrs

from agentsup.claude.agents import Agent
from agentsup.claude.ask import MANAGED, at, query
from agentsup.claude.group import Group
from agentsup.claude.thing import Deleted, Part, Raw, Thing
from agentsup.control.lists import Listing
from agentsup.control.omit import OMIT, Maybe, given
from agentsup.talk.content import hidden


@attrs.frozen(kw_only=True)
class SessionStats(Part):
    """How long it took."""

    active_seconds: float = 0.0
    duration_seconds: float = 0.0


@attrs.frozen(kw_only=True)
class SessionUsage(Part):
    """What it used so far; a count the service does not give is 0."""

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_input_tokens: int = 0
    cache_creation: Raw = attrs.field(factory=dict)
    """Tokens by how long they are kept."""

    list_cost: Raw | None = None
    """`{"amount": "12", "currency": "USD"}`: whole cents, as text."""

    active_seconds: float = 0.0
    server_tool_use: Raw = attrs.field(factory=dict)
    """Requests by kind of tool."""


@attrs.frozen(kw_only=True)
class OutcomeEvaluation(Part):
    """How one outcome stands."""

    outcome_id: str = ""
    description: str | None = attrs.field(default=None, repr=hidden)
    iteration: int = 0
    """Starts at 0."""

    result: str = ""
    """`pending`, `running`, `evaluating`, `satisfied`, `max_iterations_reached`, `failed`, `interrupted`, or a word yet unknown."""

    explanation: str | None = attrs.field(default=None, repr=hidden)
    completed_at: str | None = None


@attrs.frozen(kw_only=True)
class Session(Thing):
    """A session."""

    agent: Agent | None = None
    """The agent as it was when the session started, with the session's own overrides."""

    environment_id: str = ""
    status: str = ""
    """`idle`, `running`, `rescheduling`, `terminated`, or a word yet unknown; it lags a little behind the events."""

    title: str | None = attrs.field(default=None, repr=hidden)
    metadata: Raw = attrs.field(factory=dict, repr=hidden)
    resources: tuple[Raw, ...] = attrs.field(default=(), repr=hidden)
    vault_ids: tuple[str, ...] = ()
    outcome_evaluations: tuple[OutcomeEvaluation, ...] = ()
    stats: SessionStats = attrs.field(factory=SessionStats)
    usage: SessionUsage = attrs.field(factory=SessionUsage)
    budget: Raw | None = None
    deployment_id: str | None = None
    created_at: str = ""
    updated_at: str = ""
    archived_at: str | None = None


class Sessions(Group):
    """`client.sessions`."""

    _beta: ClassVar[str | None] = MANAGED

    async def create(
        self,
        *,
        agent: str | Mapping[str, Any],
        environment_id: str,
        title: Maybe[str | None] = OMIT,
        metadata: Maybe[Mapping[str, str]] = OMIT,
        resources: Maybe[Sequence[Mapping[str, Any]]] = OMIT,
        vault_ids: Maybe[Sequence[str]] = OMIT,
        budget: Maybe[Mapping[str, Any] | None] = OMIT,
        initial_events: Maybe[Sequence[Mapping[str, Any]]] = OMIT,
    ) -> Session:
        """Start a session; it does nothing before it gets an event.

        After an error that is `ambiguous`, look for it by something of yours in `metadata`: `list(agent_id=..., created_gte=...)`.

        Args:
            agent: its id (the newest version), or `{"type": "agent", "id": ..., "version": ...}`, or one with overrides.
            environment_id: where its own tools run.
            title: for people.
            metadata: for you.
            resources: files, repositories and memory stores to mount.
            vault_ids: whose credentials it may use.
            budget: the most it may cost; only what has one from the start can have it changed.
            initial_events: `user.message` and `user.define_outcome` to begin with, at most 50.

        Raises:
            ApiError: there is no session, or nobody knows.
        """
        body = given(
            agent=agent,
            environment_id=environment_id,
            title=title,
            metadata=metadata,
            resources=resources,
            vault_ids=vault_ids,
            budget=budget,
            initial_events=initial_events,
        )
        return await self._post(Session, "creating a session", "/v1/sessions", body, again=False)

    async def get(self, session_id: str) -> Session:
        """The session.

        Raises:
            NotFound: there is none with that id (any more).
            ApiError: it cannot be had.
        """
        path = at("/v1/sessions/{session_id}", session_id=session_id)
        return await self._get(Session, "looking up a session", path)

    async def update(
        self,
        session_id: str,
        *,
        title: Maybe[str | None] = OMIT,
        metadata: Maybe[Mapping[str, str | None]] = OMIT,
        agent: Maybe[Mapping[str, Any]] = OMIT,
        budget: Maybe[Mapping[str, Any] | None] = OMIT,
    ) -> Session:
        """Change it. What is omitted stays; in `metadata` only the named keys change, null removes one.

        Args:
            session_id: which one.
            title: for people.
            metadata: for you.
            agent: `tools` and `mcp_servers`, each replaced as a whole, while the session does not run.
            budget: a higher one, or None for none; a session that waits for it goes on.

        Raises:
            ApiError: it cannot be changed.
        """
        body = given(title=title, metadata=metadata, agent=agent, budget=budget)
        path = at("/v1/sessions/{session_id}", session_id=session_id)
        return await self._post(Session, "changing a session", path, body, again=True)

    def list(
        self,
        *,
        agent_id: str | None = None,
        agent_version: int | None = None,
        deployment_id: str | None = None,
        memory_store_id: str | None = None,
        statuses: Sequence[str] | None = None,
        created_gt: datetime.datetime | str | None = None,
        created_gte: datetime.datetime | str | None = None,
        created_lt: datetime.datetime | str | None = None,
        created_lte: datetime.datetime | str | None = None,
        include_archived: bool | None = None,
        order: Literal["asc", "desc"] | None = None,
        limit: int | None = None,
        page: str | None = None,
    ) -> Listing[Session]:
        """The sessions, the newest first."""
        asked = query(
            agent_id=agent_id,
            agent_version=agent_version,
            created_at__gt=created_gt,
            created_at__gte=created_gte,
            created_at__lt=created_lt,
            created_at__lte=created_lte,
            deployment_id=deployment_id,
            include_archived=include_archived,
            limit=limit,
            memory_store_id=memory_store_id,
            order=order,
            page=page,
            statuses=statuses,
        )
        return self._list(Session, "listing sessions", "/v1/sessions", asked)

    async def archive(self, session_id: str) -> Session:
        """Make it read-only; its history stays. One that runs has to be interrupted first. A second time changes nothing.

        Raises:
            BadRequest: it runs. Shortly after its idle event the service may still think so: wait a moment.
            ApiError: it cannot be archived.
        """
        path = at("/v1/sessions/{session_id}/archive", session_id=session_id)
        return await self._post(Session, "archiving a session", path, again=True)

    async def delete(self, session_id: str) -> Deleted:
        """Remove it with its events and its sandbox; not its files, agent and environment. One that runs has to be interrupted first.

        Raises:
            BadRequest: it runs. Shortly after its idle event the service may still think so: wait a moment.
            ApiError: it cannot be deleted.
        """
        path = at("/v1/sessions/{session_id}", session_id=session_id)
        return await self._delete("deleting a session", path, session_id)
