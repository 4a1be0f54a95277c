"""A session's journal as the session sees it: what was appended, how much of it is durable, and the newest part of it at hand."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import islice

from agentsup.ids import Cursor, RequestId
from agentsup.journal.base import Journal, SessionKey
from agentsup.journal.entries import Entries
from agentsup.journal.records import Records
from agentsup.loop.fold import fold, initial
from agentsup.loop.rules import Rules
from agentsup.loop.state import State
from agentsup.session.past import PAGE
from agentsup.talk.events import Bound, Entry, Forked, Heard, Kept, RequestStarted

AT_HAND = 64
"""Records kept in memory beside those of the running request: what a subscriber who is a little behind wants again."""

SIGHTINGS = 2048
"""Events of the provider's that are recognised without asking the journal, at least: two pages of its history."""

NEWEST = 32
"""Events by which a provider finds the place up to which it was heard: more than come one after the other without a time of their own."""

SNAPSHOT_EVERY = 256
"""Records after which, at the end of a request, the state is kept as a whole: a session is taken up again without reading all of them."""

SNAPSHOT_AT_LEAST_EVERY = 4096
"""The same in the middle of a request that does not end."""


class SessionLog:
    """The one place where a resident session's records are appended; the fold of all of them is `state`."""

    def __init__(self, journal: Journal, key: SessionKey, rules: Rules) -> None:
        self._journal = journal
        self.key = key
        self.state: State = initial(rules)
        """What the records come to, durable or not."""
        self.durable = Cursor(0)
        """The cursor of the last record that outlives this process."""
        self._tail = Records()
        """The records at hand."""
        self._sightings: dict[str, None] = {}
        self._snapshot = Cursor(0)
        self._starts: dict[RequestId, Cursor] = {}
        """Where the running request began, and those whose end was not shown yet: from there on all records are at hand."""

    @property
    def cursor(self) -> Cursor:
        """Of the last record."""
        return self._tail.last

    def __repr__(self) -> str:
        return f"<SessionLog at {self.cursor}, {self.cursor - self.durable} not durable, {len(self._tail)} at hand>"

    async def load(self) -> None:
        """Take up what the journal has: the newest snapshot, what stands behind it, and all of a running request."""
        loaded = await self._journal.load(self.key)
        state = self.state if loaded.state is None else loaded.state
        rules = self.state.rules
        self._snapshot = loaded.cursor
        self._tail = Records(Cursor(loaded.cursor + 1))
        self._tail.take(loaded.entries)
        self._note(loaded.cursor + 1, (entry.body for entry in loaded.entries))
        self.state = fold(state.ruled(rules), (entry.body for entry in loaded.entries))
        self.durable = loaded.durable
        self._starts.clear()
        current = self.state.current
        if current is not None:
            start = await self._journal.last_started(self.key, self.cursor)
            await self._reach_back(start)
            self._starts[current.id] = start

    async def wait_durable(self) -> None:
        """Wait until everything that was loaded outlives this process.

        Raises:
            StoreError: it never will.
        """
        if self.durable < self.cursor:
            await self._journal.flush()
            self.durable = self.cursor

    async def _reach_back(self, start: Cursor) -> None:
        """Have the records from there on at hand."""
        missing: list[Entry] = []
        after = Cursor(max(0, start - 1))
        first = self._tail.first
        while after + 1 < first:
            page = await self._journal.read(self.key, after=after, limit=min(PAGE, first - 1 - after))
            if not page:
                break
            for entry in page:
                if missing and entry.cursor != missing[-1].cursor + 1:
                    missing.clear()  # ends of requests whose other records were let go
                missing.append(entry)
            after = page[-1].cursor
        if missing:
            newer, self._tail = self._tail, Records(missing[0].cursor)
            self._tail.take((*missing, *newer.entries(after=0)))
            self._note(missing[0].cursor, (entry.body for entry in missing))
            self._starts.clear()

    def append(
        self, bodies: Sequence[Kept], state: State, *, at: float, committed: Callable[[Cursor], None]
    ) -> Entries:
        """Keep these, which come to this state: all of them or, if one cannot be kept, none.

        They are durable when `committed` is called; a journal in memory calls it before this returns.

        Raises:
            SpecError: one of them has no form in which it could be kept.
        """
        entries = Entries(Cursor(self.cursor + 1), at, tuple(bodies))
        self._journal.append(self.key, entries, committed=committed)
        self._tail.add(entries)
        self._note(entries.first, entries.bodies)
        self.state = state
        if self.cursor - self._snapshot >= SNAPSHOT_AT_LEAST_EVERY:
            self.snapshot()
        return entries

    def _note(self, first: int, bodies: Iterable[Kept]) -> None:
        """Remember what these are recognised by, and where requests began."""
        sightings = self._sightings
        for seq, body in enumerate(bodies, first):
            if isinstance(body, Heard):
                if (sighting := body.sighting) is not None:
                    sightings[sighting] = None
            elif isinstance(body, RequestStarted):
                self._starts[body.request_id] = Cursor(seq)
        if (
            len(sightings) >= 2 * SIGHTINGS
        ):  # all at once: one by one, each would look for the first behind all that went
            self._sightings = dict.fromkeys(islice(sightings, len(sightings) - SIGHTINGS, None))

    def start_of(self, request_id: RequestId) -> Cursor | None:
        """Where a request began, while it runs or its end has not been shown; None if it never did."""
        return self._starts.get(request_id)

    def let_go(self, request_id: RequestId) -> None:
        """A request's end has been shown: keep at hand what others still need."""
        self._starts.pop(request_id, None)
        self.trim()

    def trim(self) -> None:
        """Let go of what nobody needs at hand: all but the running request's records, the newest, and what is not durable."""
        needed = min(self._starts.values(), default=self.cursor + 1)
        floor = min(self.durable, self.cursor - AT_HAND, needed - 1)
        self._tail.let_go(floor)
        if self.cursor - self._snapshot >= SNAPSHOT_EVERY:
            self.snapshot()

    def snapshot(self) -> None:
        """Keep the state as a whole."""
        if self.cursor > self._snapshot:
            self._journal.snapshot(self.key, self.cursor, self.state)
            self._snapshot = self.cursor

    def has_seen(self, body: Heard) -> bool:
        """Whether this event of the provider's was among the newest; for all of them ask `known`."""
        sightings = self._sightings
        return body.sighting in sightings or body.id in sightings

    async def known(self, bodies: Collection[Heard]) -> set[str]:
        """Which of these events' ids and sightings are in the journal, or at hand."""
        wanted = {mark for body in bodies for mark in (body.sighting, body.id) if mark is not None}
        found = {mark for mark in wanted if mark in self._sightings}
        asked = wanted - found
        if asked and (self._tail.first > 1 or len(self._sightings) >= SIGHTINGS):
            found |= await self._journal.known(self.key, asked)
        return found

    async def newest_heard(self) -> tuple[Heard, ...]:
        """Some of the last events that the provider's present session told, the newest first; none if they would have to be looked for long."""
        bodies = self._tail.bodies(after=self.cursor - PAGE)
        found, before = _heard_last(bodies), self._tail.first - 1
        if found or len(bodies) >= PAGE or not before:
            return found
        page = await self._journal.read(self.key, after=Cursor(max(0, before - PAGE)), limit=min(PAGE, before))
        return _heard_last([*(entry.body for entry in page), *bodies])

    def at_hand(self, *, after: int, upto: int) -> tuple[Entry, ...] | None:
        """The records behind a cursor and up to another; None if they have to be read."""
        return None if after + 1 < self._tail.first else self._tail.entries(after=after, upto=upto)

    def of_request(self, request_id: RequestId, *, upto: int) -> list[Kept]:
        """What happened from a request's beginning up to a cursor, while it runs or its end has not been shown; else what happened there."""
        return self._tail.bodies(after=self._starts.get(request_id, upto) - 1, upto=upto)

    def began_at(self, request_id: RequestId) -> float:
        """When a request that runs began, in seconds since the epoch; now, for any other."""
        start = self._starts.get(request_id)
        entries = () if start is None else self._tail.entries(after=start - 1, upto=start)
        return entries[0].at if entries else time.time()

    async def read(self, *, after: int, upto: int, limit: int = PAGE) -> tuple[Entry, ...]:
        """Up to `limit` of the records behind a cursor and up to another; where some were let go, those that come next."""
        at_hand = self.at_hand(after=after, upto=min(upto, after + limit))
        if at_hand is not None:
            return at_hand
        page = await self._journal.read(self.key, after=Cursor(after), limit=limit)
        return tuple(entry for entry in page if entry.cursor <= upto)


def _heard_last(bodies: Sequence[Kept]) -> tuple[Heard, ...]:
    """The last of what was heard, back to where the session came to its provider's."""
    found: list[Heard] = []
    for body in reversed(bodies):
        if isinstance(body, Bound | Forked) or len(found) >= NEWEST:
            break
        if isinstance(body, Heard):
            found.append(body)
    return tuple(found)
