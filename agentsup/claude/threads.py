"""The threads of a session: the agent's own, and those of the agents it starts."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import ClassVar

import attrs

from agentsup.claude.agents import Agent
from agentsup.claude.ask import MANAGED, Ask, at, query
from agentsup.claude.events import HEARTBEAT, Deltas, EventStream, follow, read_event
from agentsup.claude.group import Group
from agentsup.claude.sessions import SessionUsage
from agentsup.claude.thing import Part, Thing
from agentsup.control.lists import Listing
from agentsup.wire.managed.catalogue import Event


@attrs.frozen(kw_only=True)
class ThreadStats(Part):
    """How long it took."""

    active_seconds: float = 0.0
    duration_seconds: float = 0.0
    startup_seconds: float = 0.0


@attrs.frozen(kw_only=True)
class Thread(Thing):
    """One thread."""

    session_id: str = ""
    parent_thread_id: str | None = None
    """Who started it; None for the session's own."""

    agent: Agent | None = None
    """The agent it runs; what is no agent (an advisor, one written inline) has only what is known of it."""

    status: str = ""
    """`idle`, `running`, `rescheduling`, `terminated`, or a word yet unknown."""

    stats: ThreadStats | None = None
    usage: SessionUsage | None = None
    workflow_run_id: str | None = None
    created_at: str = ""
    updated_at: str = ""
    archived_at: str | None = None


class Threads(Group):
    """`client.threads`."""

    _beta: ClassVar[str | None] = MANAGED

    def list(
        self,
        session_id: str,
        *,
        statuses: Sequence[str] | None = None,
        limit: int | None = None,
        page: str | None = None,
    ) -> Listing[Thread]:
        """A session's threads, its own first."""
        path = at("/v1/sessions/{session_id}/threads", session_id=session_id)
        return self._list(Thread, "listing a session's threads", path, query(limit=limit, page=page, statuses=statuses))

    async def get(self, session_id: str, thread_id: str) -> Thread:
        """The thread.

        Raises:
            NotFound: there is no such thread, or no such session.
            ApiError: it cannot be had.
        """
        path = at("/v1/sessions/{session_id}/threads/{thread_id}", session_id=session_id, thread_id=thread_id)
        return await self._get(Thread, "looking up a thread", path)

    async def archive(self, session_id: str, thread_id: str) -> Thread:
        """Let it rest for good; not the session's own, and not while it runs. A second time changes nothing.

        Raises:
            ApiError: it cannot be archived.
        """
        path = at("/v1/sessions/{session_id}/threads/{thread_id}/archive", session_id=session_id, thread_id=thread_id)
        return await self._post(Thread, "archiving a thread", path, again=True)

    def events(
        self, session_id: str, thread_id: str, *, limit: int | None = None, page: str | None = None
    ) -> Listing[Event]:
        """A thread's history, the oldest first."""
        path = at("/v1/sessions/{session_id}/threads/{thread_id}/events", session_id=session_id, thread_id=thread_id)
        ask = Ask(
            what="listing a thread's events",
            method="GET",
            path=path,
            query=query(limit=limit, page=page),
            beta=MANAGED,
            again=True,
        )
        return self._line.listing(read_event, ask)

    def stream(
        self, session_id: str, thread_id: str, *, deltas: Deltas = (), heartbeat: float = HEARTBEAT
    ) -> AbstractAsyncContextManager[EventStream]:
        """What happens in a thread from the moment the block is entered on; otherwise as of a session.

        Raises:
            ApiError: it cannot be opened.
        """
        path = at("/v1/sessions/{session_id}/threads/{thread_id}/stream", session_id=session_id, thread_id=thread_id)
        return follow(self._line, "following a thread's events", path, deltas, heartbeat)
