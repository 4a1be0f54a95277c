"""Deployments: sessions that start by themselves or by hand, always the same way; and what came of each start."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import attrs

from agentsup.claude.ask import MANAGED, at, query
from agentsup.claude.group import Group
from agentsup.claude.thing import Raw, Thing
from agentsup.control.lists import Listing
from agentsup.control.omit import OMIT, Maybe, given
from agentsup.talk.content import hidden


@attrs.frozen(kw_only=True)
class Deployment(Thing):
    """A deployment."""

    name: str = ""
    description: str | None = attrs.field(default=None, repr=hidden)
    agent: Raw = attrs.field(factory=dict)
    """Which agent, in which version."""

    environment_id: str = ""
    initial_events: tuple[Raw, ...] = attrs.field(default=(), repr=hidden)
    resources: tuple[Raw, ...] = attrs.field(default=(), repr=hidden)
    vault_ids: tuple[str, ...] = ()
    budget: Raw | None = None
    schedule: Raw | None = None
    status: str = ""
    """`active`, `paused`, or a word yet unknown."""

    paused_reason: Raw | None = None
    metadata: Raw = attrs.field(factory=dict, repr=hidden)
    created_at: str = ""
    updated_at: str = ""
    archived_at: str | None = None


@attrs.frozen(kw_only=True)
class DeploymentRun(Thing):
    """One start of a deployment: a session, or why there is none."""

    deployment_id: str = ""
    agent: Raw = attrs.field(factory=dict)
    session_id: str | None = None
    error: Raw | None = None
    trigger_context: Raw = attrs.field(factory=dict)
    created_at: str = ""


class Deployments(Group):
    """`client.deployments`."""

    _beta: ClassVar[str | None] = MANAGED

    async def create(
        self,
        *,
        name: str,
        agent: str | Mapping[str, Any],
        environment_id: str,
        initial_events: Sequence[Mapping[str, Any]],
        description: Maybe[str | None] = OMIT,
        schedule: Maybe[Mapping[str, Any] | None] = OMIT,
        resources: Maybe[Sequence[Mapping[str, Any]]] = OMIT,
        vault_ids: Maybe[Sequence[str]] = OMIT,
        budget: Maybe[Mapping[str, Any] | None] = OMIT,
        metadata: Maybe[Mapping[str, str]] = OMIT,
    ) -> Deployment:
        """Make a deployment. After an error that is `ambiguous`, look for one with your name in `list()`.

        Raises:
            ApiError: there is no deployment, or nobody knows.
        """
        body = given(
            agent=agent,
            environment_id=environment_id,
            initial_events=initial_events,
            name=name,
            budget=budget,
            description=description,
            metadata=metadata,
            resources=resources,
            schedule=schedule,
            vault_ids=vault_ids,
        )
        return await self._post(Deployment, "creating a deployment", "/v1/deployments", body, again=False)

    async def get(self, deployment_id: str) -> Deployment:
        """The deployment.

        Raises:
            NotFound: there is none with that id.
            ApiError: it cannot be had.
        """
        return await self._get(Deployment, "looking up a deployment", _one(deployment_id))

    async def update(
        self,
        deployment_id: str,
        *,
        name: Maybe[str] = OMIT,
        agent: Maybe[str | Mapping[str, Any]] = OMIT,
        environment_id: Maybe[str] = OMIT,
        initial_events: Maybe[Sequence[Mapping[str, Any]]] = OMIT,
        description: Maybe[str | None] = OMIT,
        schedule: Maybe[Mapping[str, Any] | None] = OMIT,
        resources: Maybe[Sequence[Mapping[str, Any]] | None] = OMIT,
        vault_ids: Maybe[Sequence[str] | None] = OMIT,
        budget: Maybe[Mapping[str, Any] | None] = OMIT,
        metadata: Maybe[Mapping[str, str | None]] = OMIT,
    ) -> Deployment:
        """Change it. What is omitted stays, null clears; in `metadata` only the named keys change.

        Raises:
            ApiError: it cannot be changed.
        """
        body = given(
            agent=agent,
            budget=budget,
            description=description,
            environment_id=environment_id,
            initial_events=initial_events,
            metadata=metadata,
            name=name,
            resources=resources,
            schedule=schedule,
            vault_ids=vault_ids,
        )
        return await self._post(Deployment, "changing a deployment", _one(deployment_id), body, again=True)

    def list(
        self,
        *,
        agent_id: str | None = None,
        status: str | None = None,
        created_gte: datetime.datetime | str | None = None,
        created_lte: datetime.datetime | str | None = None,
        include_archived: bool | None = None,
        limit: int | None = None,
        page: str | None = None,
    ) -> Listing[Deployment]:
        """The deployments."""
        asked = query(
            agent_id=agent_id,
            created_at__gte=created_gte,
            created_at__lte=created_lte,
            include_archived=include_archived,
            limit=limit,
            page=page,
            status=status,
        )
        return self._list(Deployment, "listing deployments", "/v1/deployments", asked)

    async def archive(self, deployment_id: str) -> Deployment:
        """Let it start nothing any more, for good. A second time changes nothing.

        Raises:
            ApiError: it cannot be archived.
        """
        path = f"{_one(deployment_id)}/archive"
        return await self._post(Deployment, "archiving a deployment", path, again=True)

    async def pause(self, deployment_id: str) -> Deployment:
        """Let its schedule start nothing until it is resumed.

        Raises:
            ApiError: it cannot be paused.
        """
        return await self._post(Deployment, "pausing a deployment", f"{_one(deployment_id)}/pause", again=True)

    async def unpause(self, deployment_id: str) -> Deployment:
        """Let its schedule go on.

        Raises:
            ApiError: it cannot be resumed.
        """
        return await self._post(Deployment, "resuming a deployment", f"{_one(deployment_id)}/unpause", again=True)

    async def run(self, deployment_id: str) -> DeploymentRun:
        """Start it now. A run that made no session says why in `error`. After an error that is `ambiguous`, look in `deployment_runs`.

        Raises:
            ApiError: it was not tried, or nobody knows.
        """
        return await self._post(DeploymentRun, "running a deployment", f"{_one(deployment_id)}/run", again=False)


class DeploymentRuns(Group):
    """`client.deployment_runs`."""

    _beta: ClassVar[str | None] = MANAGED

    def list(
        self,
        *,
        deployment_id: str | None = None,
        has_error: bool | None = None,
        trigger_type: str | None = None,
        created_gt: datetime.datetime | str | None = None,
        created_gte: datetime.datetime | str | None = None,
        created_lt: datetime.datetime | str | None = None,
        created_lte: datetime.datetime | str | None = None,
        limit: int | None = None,
        page: str | None = None,
    ) -> Listing[DeploymentRun]:
        """The runs, the newest first; of one deployment, with or without an error, by what started them (`manual`, `schedule`)."""
        asked = query(
            created_at__gt=created_gt,
            created_at__gte=created_gte,
            created_at__lt=created_lt,
            created_at__lte=created_lte,
            deployment_id=deployment_id,
            has_error=has_error,
            limit=limit,
            page=page,
            trigger_type=trigger_type,
        )
        return self._list(DeploymentRun, "listing deployment runs", "/v1/deployment_runs", asked)

    async def get(self, run_id: str) -> DeploymentRun:
        """The run.

        Raises:
            NotFound: there is none with that id.
            ApiError: it cannot be had.
        """
        path = at("/v1/deployment_runs/{run_id}", run_id=run_id)
        return await self._get(DeploymentRun, "looking up a deployment run", path)


def _one(deployment_id: str) -> str:
    return at("/v1/deployments/{deployment_id}", deployment_id=deployment_id)
