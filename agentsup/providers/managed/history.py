"""How much of a session's history is listed when its stream is opened again: what may be new, and not all there ever was.

A session has heard its history up to some event, in the history's order. The service can list what was processed from a moment on, so the
list begins at the time of the last few events, less a margin: events of several threads may come to stand a little before one that was told
already, and one whose time is ahead must not hide what came after it. What is listed twice is recognised by its id.

What waits over there has no time yet, and whether such a list shows it is told nowhere; nor would it show what has a time of long ago, by a
clock that was set back. So where something of ours may have arrived, the events of its types are listed as well, whatever their age. And a service that knows none of these filters (it ignores them, or refuses them) is asked for
everything, as it always can be.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Final

from agentsup.providers.base import Hear, Rejected, Seen
from agentsup.providers.managed.following import bodies_of
from agentsup.providers.managed.line import Line, Params
from agentsup.talk.events import Heard
from agentsup.talk.outgoing import Outgoing, SetOptions
from agentsup.wire.managed import requests

PAGE: Final = 1000
"""Events asked for at once when listing the history: the documented default."""

MARGIN: Final = timedelta(minutes=5)
"""How much earlier than the newest event that was heard the list begins. Both times are the service's; five minutes are far beyond what its
machines may differ by, and few enough that a busy session lists a page and not its life."""

LAST_FEW: Final = 3
"""Of how many of the newest events the earliest time counts: more than one, so that none decides alone, and hardly more to list."""

WHAT: Final = "listing the session's events"

_NOT_UNDERSTOOD: Final = frozenset({400, 404, 422})
"""Statuses of an older service that does not know a filter; if it is the session that is refused, the full list is refused as well."""

_AT_ONCE: Final = frozenset({"user.custom_tool_result", "user.tool_result", "user.define_outcome"})
"""Inputs that never wait: they have their time on receipt."""


async def catch_up(line: Line, path: str, hear: Hear, seen: Seen | None) -> None:
    """Tell the history, or what of it may be new.

    Raises:
        Unavailable: it cannot be had, or not as a whole.
        Rejected: the service said no.
    """
    since = None if seen is None else since_of(seen.newest)
    if seen is not None and since is not None:
        try:
            await _tell(line, path, hear, [("created_at[gte]", since)])
            if types := waiting_types(seen.doubted):
                await _tell(line, path, hear, [("types[]", kind) for kind in types])
        except Rejected as exc:
            if exc.failure.status not in _NOT_UNDERSTOOD:
                raise
        else:
            return
    await _tell(line, path, hear, [])


async def _tell(line: Line, path: str, hear: Hear, filters: Params) -> None:
    async with aclosing(line.pages(path, WHAT, params=[("limit", str(PAGE)), *filters])) as pages:
        async for page in pages:
            await hear(bodies_of(page))


def since_of(newest: Iterable[Heard]) -> str | None:
    """The moment from which on there may be something new; None where none of these events has a time that can be read."""
    moments = [moment for body in newest if (moment := _moment(body.raw.get("processed_at"))) is not None]
    return min(moments[:LAST_FEW]).isoformat().replace("+00:00", "Z") if moments else None


def _moment(stamp: object) -> datetime | None:
    """A time less the margin."""
    try:
        moment = datetime.fromisoformat(stamp) if isinstance(stamp, str) else None
        return moment.astimezone(UTC) - MARGIN if moment is not None and moment.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def waiting_types(doubted: Iterable[Outgoing]) -> list[str]:
    """The types of what may wait over there, each once."""
    events = (requests.event(item) for item in doubted if not isinstance(item, SetOptions))
    return list(dict.fromkeys(event["type"] for event in events if event["type"] not in _AT_ONCE))
