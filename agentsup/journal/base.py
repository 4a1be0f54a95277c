"""What a journal is: one opened store of sessions, whatever it is made of.

Three things are apart. `append` and `snapshot` are synchronous and never wait: what they are handed is in a buffer, in order, and
`committed` is called when it is durable. Reading waits for the store only. Everything else that writes (`register`, `delete`, ...) waits
until it is durable, in the same order as what was appended before.

So a session keeps first and acts when told that it is kept, and a store that is slow, full or locked delays sessions without losing a word.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Mapping
from typing import Any, NewType, Protocol, TypeAlias

import attrs

from agentsup.errors import NotFound
from agentsup.ids import Cursor, SessionId
from agentsup.journal.entries import Entries
from agentsup.journal.errors import StoreError
from agentsup.loop.state import State
from agentsup.talk.content import hidden
from agentsup.talk.events import Entry, Kept

SessionKey = NewType("SessionKey", int)
"""One generation of one session in one store; never used again, also when what it named is deleted."""

Committed: TypeAlias = Callable[[Cursor], None]
"""Told the last cursor of what was appended, on trio's thread, once, when it is durable; per session in the order of the appends."""


@attrs.frozen(kw_only=True)
class Stored:
    """A session as the store knows it, at the moment of asking; what is still in the buffer counts."""

    key: SessionKey
    """What its records are asked for by."""

    session_id: SessionId
    """The id the user gave it."""

    generation: int
    """Which session under that id; starts at 1."""

    provider: str
    """The provider's kind, e.g. `claude-managed-agents`."""

    metadata: Mapping[str, Any] = attrs.field(factory=dict, repr=hidden)
    """The labels it was registered with."""

    created_at: float
    """When it was registered, in seconds since the epoch."""

    changed_at: float
    """When its last record was kept, in seconds since the epoch; when it was registered, while there is none."""

    first: Cursor = attrs.field(default=Cursor(1))
    """From here on every record is kept; more than 1 after a compaction, and of what stood before only the ends of requests are."""

    last: Cursor = attrs.field(default=Cursor(0))
    """The last cursor; 0 while there is no record."""

    ended: bool = False
    """Its last record says that it is over."""


@attrs.frozen(kw_only=True)
class Loaded:
    """Where a session stands: fold `entries` over `state`."""

    state: State | None
    """The newest snapshot; None if there is none, and `entries` are all there is."""

    cursor: Cursor
    """The cursor the snapshot was taken at; 0 without one."""

    entries: tuple[Entry, ...]
    """Everything appended behind the snapshot, in order, durable or not yet."""

    durable: Cursor
    """The last cursor that outlives this process; what is behind it is still in the buffer."""


@attrs.frozen(kw_only=True)
class JournalStatistics:
    """What a journal has done since it was opened."""

    rows: int
    """Records made durable."""

    commits: int
    """Transactions that made them so."""

    largest_batch: int
    """The most records in one of them."""

    commit_seconds: float
    """How long a commit takes: the median of the last ones, in seconds."""

    backlog: int
    """Records not yet durable."""

    high_water: int
    """The most there ever were."""

    failures: int
    """Attempts to write that failed; what they were to write was kept, and tried again."""


class Journal(Protocol):
    """One opened store. Everything is called on trio's thread; each await has either happened wholly or not at all."""

    # --- its life ------------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Take the store; until then nothing else may be called, and afterwards it is ours until `aclose`.

        Raises:
            StoreBusy: somebody else has it; the text names who.
            StoreCorrupt: it is broken, no store, or of a newer version.
            StoreFailed: it cannot be opened, or not be written.
        """
        ...

    async def run_writer(self) -> None:
        """Write what is appended, until cancelled. Exactly one task does this; whoever takes it up after a crash goes on where it was."""
        ...

    async def flush(self) -> None:
        """Wait until everything handed over so far is durable.

        Raises:
            StoreError: it never will be.
        """
        ...

    async def aclose(self) -> None:
        """Write what is left, in one last attempt, and give the store back; what could not be written is logged by number."""
        ...

    @property
    def trouble(self) -> StoreError | None:
        """Why nothing can be written at the moment; None while all is well. `StoreCorrupt` and `Fenced` are for good."""
        ...

    async def wait_failed(self) -> StoreError:
        """Wait for a trouble that is for good, and say which."""
        ...

    @property
    def backlog(self) -> int:
        """Records that are not yet durable."""
        ...

    def statistics(self) -> JournalStatistics:
        """What it has done so far."""
        ...

    # --- sessions ------------------------------------------------------------------------------------------------------

    async def register(self, session_id: SessionId, *, provider: str, metadata: Mapping[str, Any], at: float) -> Stored:
        """Make room for a session: a new generation under its id, numbered after the newest there is.

        Raises:
            SpecError: the id or the metadata cannot be kept.
            StoreError: the store cannot be written at the moment.
        """
        ...

    async def find(self, session_id: SessionId, generation: int | None = None) -> Stored | None:
        """That generation of the session, the newest if none is named; None if there is none."""
        ...

    async def sessions(self, *, all_generations: bool = False) -> tuple[Stored, ...]:
        """The newest generation of every session, in the order they were registered in; or all generations."""
        ...

    async def unfinished(self) -> tuple[Stored, ...]:
        """Those of `sessions()` that have not ended."""
        ...

    async def fork(
        self, key: SessionKey, session_id: SessionId, *, upto: Cursor, at: float, body: Kept | None = None
    ) -> Stored:
        """Make a session out of another one's records up to a cursor; a new generation, if there is one of that id.

        With a `body`, that is the copy's last record, behind the others: nobody ever finds the copy without it.

        Raises:
            NotFound: there is no such session.
            SpecError: the id cannot be used, or there are no records up to just that cursor.
            StoreError: the store cannot be written at the moment.
        """
        ...

    async def delete(self, key: SessionKey) -> None:
        """Forget this generation, wholly; nothing can be appended to it afterwards. Forgetting what is not there is no error.

        Raises:
            StoreError: the store cannot be written at the moment.
        """
        ...

    # --- records -------------------------------------------------------------------------------------------------------

    def append(self, key: SessionKey, entries: Entries, *, committed: Committed) -> None:
        """Keep these, behind everything appended before, all of them or none.

        Raises:
            SpecError: something in them cannot be kept, or their cursors do not follow on what is there; nothing was appended.
            NotFound: the session was deleted.
        """
        ...

    def snapshot(self, key: SessionKey, cursor: Cursor, state: State) -> None:
        """Keep what the records up to this cursor come to, in order with the appends.

        The one with the highest cursor counts; an older one is passed over.

        Raises:
            SpecError: something in it cannot be kept, or the cursor is ahead of what was appended.
            NotFound: the session was deleted.
        """
        ...

    async def read(self, key: SessionKey, *, after: Cursor, limit: int) -> tuple[Entry, ...]:
        """Up to that many durable records behind a cursor, in order; none if there are none, or no such session."""
        ...

    async def load(self, key: SessionKey) -> Loaded:
        """Where the session stands, without reading all of it; also what is not durable yet."""
        ...

    async def last_started(self, key: SessionKey, upto: Cursor) -> Cursor:
        """The cursor of the last `RequestStarted` at or before this one; 0 if none is kept."""
        ...

    async def known(self, key: SessionKey, sightings: Collection[str]) -> set[str]:
        """Which of these sightings (`Heard.sighting`) were appended already, compacted records included."""
        ...

    async def compact(self, key: SessionKey, upto: Cursor) -> int:
        """Let go of the records up to this cursor, as far as the snapshot covers them, but for the ends of requests; says how many went.

        A `RequestEnded` stays in its place for as long as the session does, and is read like any other record: a subscriber that is behind
        gets it, however much was let go meanwhile.

        Raises:
            StoreError: the store cannot be written at the moment.
        """
        ...

    def export(self, key: SessionKey) -> AsyncIterator[str]:
        """The session as lines of JSON: what it is, then each record there was at that moment, in order.

        Raises:
            NotFound: there is no such session.
        """
        ...


def no_such_session(key: SessionKey) -> NotFound:
    """The error for a key that names nothing (any more)."""
    return NotFound(f"the store has no session under the key {key}; it was deleted, or the key is another store's")
