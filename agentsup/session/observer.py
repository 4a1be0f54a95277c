"""Showing a session's events to the user's handler, in a task of its own: a slow or raising handler hurts nobody but itself."""

from __future__ import annotations

import structlog

from agentsup.session.calling import Returned, asked
from agentsup.session.life import Life
from agentsup.session.subscription import DEFAULT_BUFFER
from agentsup.talk.tools import SessionInfo

_log = structlog.get_logger("agentsup.session")


async def observe(life: Life, *, after: int) -> None:
    """Call the spec's `handle_event(event, info)` with every event behind `after`, one after the other, to the session's last.

    Behind it stands a buffer like any subscriber's: a handler that falls behind by more than that misses the oldest, and is shown how
    many. What it raises is reported, and it goes on with the next event.
    """
    handle = life.spec.event_handler
    assert handle is not None
    info = SessionInfo(session_id=life.session_id, provider=life.spec.provider.kind, metadata=life.spec.metadata)
    async with life.subscribe(after=after, buffer=DEFAULT_BUFFER, overflow="drop_oldest") as events:
        async for event in events:
            outcome = await asked(handle, event, info)
            if not isinstance(outcome, Returned):
                _log.warning(
                    "session.event_handler_failed",
                    session_id=life.session_id,
                    event_type=event.type,
                    error=type(outcome.error).__name__,
                )
