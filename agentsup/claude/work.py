"""The work queue of a self-hosted environment, as a worker sees it. The client's credential is then the environment's key."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import ClassVar

import attrs

from agentsup.claude.ask import MANAGED, Ask, at, query
from agentsup.claude.group import Group
from agentsup.claude.thing import Part, Raw, Thing
from agentsup.control.lists import Listing
from agentsup.control.omit import given
from agentsup.talk.content import hidden
from agentsup.wire.reading import read_as

NO_HEARTBEAT = "NO_HEARTBEAT"
"""What a worker expects as the last heartbeat before its first."""


@attrs.frozen(kw_only=True)
class Work(Thing):
    """One item of work: a session that wants a worker."""

    environment_id: str = ""
    data: Raw = attrs.field(factory=dict)
    """What it is about: `{"type": "session", "id": ...}`."""

    state: str = ""
    """`queued`, `starting`, `active`, `stopping`, `stopped`, or a word yet unknown."""

    secret: str | None = attrs.field(default=None, repr=hidden)
    """With what the worker acts for the session."""

    metadata: Raw = attrs.field(factory=dict, repr=hidden)
    created_at: str = ""
    acknowledged_at: str | None = None
    started_at: str | None = None
    latest_heartbeat_at: str | None = None
    stop_requested_at: str | None = None
    stopped_at: str | None = None


@attrs.frozen(kw_only=True)
class Heartbeat(Part):
    """What a lease is worth after a heartbeat."""

    last_heartbeat: str = ""
    """What to expect with the next one."""

    lease_extended: bool = False
    state: str = ""
    ttl_seconds: int = 0


@attrs.frozen(kw_only=True)
class QueueStats(Part):
    """How much waits."""

    depth: int = 0
    pending: int = 0
    oldest_queued_at: str | None = None
    workers_polling: int | None = None


class WorkQueue(Group):
    """`client.work`."""

    _beta: ClassVar[str | None] = MANAGED

    async def poll(
        self,
        environment_id: str,
        *,
        worker_id: str | None = None,
        block_ms: int | None = None,
        reclaim_older_than_ms: int | None = None,
    ) -> Work | None:
        """Claim the next item; None if there is none. An answer that gets lost is offered again after `reclaim_older_than_ms`.

        Raises:
            ApiError: it cannot be asked for.
        """
        ask = Ask(
            what="polling for work",
            method="GET",
            path=at("/v1/environments/{environment_id}/work/poll", environment_id=environment_id),
            query=query(block_ms=block_ms, reclaim_older_than_ms=reclaim_older_than_ms),
            headers={} if worker_id is None else {"anthropic-worker-id": worker_id},
            beta=self._beta,
            again=True,
        )
        answer = await self._line.json(ask)
        return None if answer is None else self._line.read(partial(read_as, Work), answer, ask)

    async def ack(self, environment_id: str, work_id: str) -> Work:
        """Say that it is taken care of. A second time changes nothing.

        Raises:
            ApiError: it is not yours (any more).
        """
        return await self._post(Work, "acknowledging work", f"{_one(environment_id, work_id)}/ack", again=True)

    async def heartbeat(
        self,
        environment_id: str,
        work_id: str,
        *,
        expected_last_heartbeat: str = NO_HEARTBEAT,
        desired_ttl_seconds: int | None = None,
    ) -> Heartbeat:
        """Keep the lease. After an error that is `ambiguous` the next one may fail its precondition: look the item up.

        Raises:
            PreconditionFailed: somebody else's heartbeat came between.
            ApiError: the lease is not extended, or nobody knows.
        """
        asked = query(desired_ttl_seconds=desired_ttl_seconds, expected_last_heartbeat=expected_last_heartbeat)
        path = f"{_one(environment_id, work_id)}/heartbeat"
        return await self._post(Heartbeat, "keeping a lease", path, query=asked, again=False)

    async def stop(self, environment_id: str, work_id: str, *, force: bool | None = None) -> Work:
        """Ask for its end; with `force` it is over at once.

        Raises:
            Conflict: it is over already.
            ApiError: it goes on, or nobody knows.
        """
        body = given() if force is None else given(force=force)
        return await self._post(Work, "stopping work", f"{_one(environment_id, work_id)}/stop", body, again=False)

    async def update(self, environment_id: str, work_id: str, *, metadata: Mapping[str, str | None]) -> Work:
        """Change the named keys of its metadata; null removes one.

        Raises:
            ApiError: it cannot be changed.
        """
        body = given(metadata=metadata)
        return await self._post(Work, "changing work", _one(environment_id, work_id), body, again=True)

    async def get(self, environment_id: str, work_id: str) -> Work:
        """The item.

        Raises:
            NotFound: the environment has none with that id.
            ApiError: it cannot be had.
        """
        return await self._get(Work, "looking up work", _one(environment_id, work_id))

    def list(self, environment_id: str, *, limit: int | None = None, page: str | None = None) -> Listing[Work]:
        """An environment's items."""
        path = at("/v1/environments/{environment_id}/work", environment_id=environment_id)
        return self._list(Work, "listing work", path, query(limit=limit, page=page))

    async def stats(self, environment_id: str) -> QueueStats:
        """How much waits.

        Raises:
            ApiError: it cannot be had.
        """
        path = at("/v1/environments/{environment_id}/work/stats", environment_id=environment_id)
        return await self._get(QueueStats, "looking at a work queue", path)


def _one(environment_id: str, work_id: str) -> str:
    return at("/v1/environments/{environment_id}/work/{work_id}", environment_id=environment_id, work_id=work_id)
