"""What every session shares: the names they are found by, the providers supervisor, the listeners to all of them."""

from __future__ import annotations

import time
from contextlib import suppress

import attrs
import trio

from agentsup import otp
from agentsup.errors import SpecError
from agentsup.ids import Cursor, SessionId
from agentsup.journal.base import Journal, Stored
from agentsup.journal.entries import Entries
from agentsup.journal.errors import StoreCorrupt, StoreError
from agentsup.otp.keyed_lock import KeyedLocks
from agentsup.providers.base import Driver, Provider
from agentsup.providers.endpoint import Endpoint, GetDriver
from agentsup.session.audience import Audience
from agentsup.session.errors import SessionClosed
from agentsup.session.life import Life
from agentsup.session.residents import Residents
from agentsup.session.spec import SessionSpec
from agentsup.session.subscription import Overflow, Subscription, check_options
from agentsup.talk.events import Forked, Kept, SessionEnded, SessionEvent

OPENINGS = 64
"""Enough to be quick, few enough that ten thousand sessions which begin together leave the others their turn."""


THREADS = 40
"""As trio's own limit for threads; a runtime has its own, so that its tools and whatever else the service does in threads do not starve
one another."""


class Terminals(Audience):
    """Every session's terminals, for a whole service."""

    def subscribe(self, *, buffer: int, overflow: Overflow) -> Subscription:
        """The terminals from now on.

        Raises:
            SpecError: an option cannot be used.
        """
        check_options(None, buffer, overflow)
        subscription = Subscription(self, after=None, buffer=buffer, overflow=overflow)
        if self._is_over:
            subscription.end()
        else:
            self.join(subscription)
        return subscription

    _is_over = False

    def end(self) -> None:
        """The runtime is left: nothing more will come, to nobody."""
        self._is_over = True
        super().end()

    published = Cursor(0)
    """Terminals are of many sessions: there is no place among them to go on from."""

    def recent(self, *, after: Cursor) -> tuple[SessionEvent, ...]:
        """Nothing: terminals are never dropped, so there is nothing to read again."""
        return ()

    async def replay(self, *, after: Cursor) -> tuple[SessionEvent, ...]:
        """Nothing, likewise."""
        return ()


@attrs.frozen
class Unrecovered:
    """A session of the store that should have come back and could not; it stays there as it is."""

    stored: Stored
    """What the store says of it."""

    error: Exception = attrs.field(repr=lambda error: type(error).__name__)
    """Why: what `spec_for` raised, a `SpecError` about what it gave, or what went wrong when the session was to begin."""


class Services:
    """One runtime's shared parts, as its sessions see them."""

    def __init__(self, journal: Journal, residents: Residents, *, keep_requests: int | None = None) -> None:
        self.journal = journal
        self.keep_requests = keep_requests
        self.residents = residents
        self.openings = trio.CapacityLimiter(OPENINGS)
        """Sessions that are made at their providers, or taken up from the journal, at the same time."""

        self.threads = trio.CapacityLimiter(THREADS)
        """Threads that sync tools of all sessions may occupy."""

        self.starts = KeyedLocks()
        """Per session id: one beginning at a time."""

        supervisors = otp.Registry("supervisors")
        self.providers = otp.Name("providers", supervisors)
        self.sessions = otp.Name("sessions", supervisors)
        self.names = otp.Registry()
        """Session id to the session's present incarnation."""

        self.endpoints = otp.Registry()
        """Endpoint to the actor that owns its connections."""

        self.lives: dict[SessionId, Life] = {}
        """The sessions that have not ended, resident or not."""

        self.unrecovered: dict[SessionId, Unrecovered] = {}
        """The sessions that should have come back and could not, until they do."""

        self.terminals = Terminals()
        self.is_closed = False
        """The runtime was left."""

    def enter(self, life: Life) -> None:
        """A session lives from now on, until it ends."""
        self.unrecovered.pop(life.session_id, None)
        self.lives[life.session_id] = life

    def leave(self, life: Life) -> None:
        """A session has ended; its id is free again."""
        if self.lives.get(life.session_id) is life:
            del self.lives[life.session_id]

    async def place(self, session_id: SessionId, spec: SessionSpec, *, fresh: bool) -> Stored:
        """The session's place in the journal: the one it has there, if it has not ended, else a new one.

        Raises:
            SpecError: it stands in the store, and lives at a provider of another kind.
            SessionClosed: the runtime was left.
            StoreError: the store cannot be written.
        """
        self.check_open()
        stored = await self.journal.find(session_id)
        if stored is not None and not stored.ended:
            if not fresh and stored.provider == spec.provider.kind:
                return stored
            if not fresh:
                raise SpecError.of(
                    "provider", f"is {spec.provider.kind}, and the session in the store lives at {stored.provider}"
                )
            await self._lay_down(stored, spec)
        return await self.journal.register(
            session_id, provider=spec.provider.kind, metadata=spec.metadata, at=time.time()
        )

    async def _lay_down(self, stored: Stored, spec: SessionSpec) -> None:
        """End a session that stands in the store and does not run, for another one of its id; whoever listens to it hears its end."""
        if self.journal.trouble is not None:
            raise self.journal.trouble
        life = self.lives.get(stored.session_id)
        if life is None or life.stored.key != stored.key:
            life = Life(stored, spec, journal=self.journal, listener=self.terminals)
        why = "a new session was begun under its id"
        try:
            await life.lay_down(why)
        except StoreCorrupt:
            if self.journal.trouble is not None:
                raise
            # Nobody can say what waits in it: it is kept as it is, and its id is free.
            await self._append(stored, SessionEnded(reason=why))
            life.abandon(why)
        self.leave(life)

    async def _append(self, stored: Stored, body: Kept) -> None:
        """Keep one more event of a session that does not run, and wait until it is durable."""
        durable = trio.Event()
        entries = Entries(Cursor(stored.last + 1), time.time(), (body,))
        self.journal.append(stored.key, entries, committed=lambda _: durable.set())
        await durable.wait()

    async def fork(self, source: Stored, session_id: SessionId, upto: Cursor | None) -> Stored:
        """A copy of the session's records up to the cursor, or of all, under another id.

        Raises:
            SpecError: the id or the cursor cannot be used.
            StoreError: the store cannot be written.
        """
        self.check_open()
        async with self.starts.hold(session_id):
            there = await self.journal.find(session_id)
            if there is not None and not there.ended:
                raise SpecError.of(
                    "new_id", "is that of a session in the store that has not ended: take another, or delete that one"
                )
            if upto is not None:
                return await self._copied(source, session_id, upto)
            while True:
                try:
                    return await self._copied(source, session_id, source.last)
                except SpecError:
                    # The session went on meanwhile, and let go of what it was at the cursor that was its last.
                    seen = source.last
                    source = await self.journal.find(source.session_id, source.generation) or source
                    if source.last == seen:
                        raise

    async def _copied(self, source: Stored, session_id: SessionId, upto: Cursor) -> Stored:
        # Its last record with the others: without it the copy would be taken for the session that the provider has.
        forked = Forked(source=source.session_id, cursor=upto)
        return await self.journal.fork(source.key, session_id, upto=upto, at=time.time(), body=forked)

    async def forget(self, session_id: SessionId) -> None:
        """Delete every generation of a session that does not run.

        Raises:
            StoreError: the store cannot be written.
        """
        self.check_open()
        for stored in await self.journal.sessions(all_generations=True):
            if stored.session_id == session_id:
                await self.journal.delete(stored.key)
        self.unrecovered.pop(session_id, None)
        life = self.lives.pop(session_id, None)
        if life is not None:
            life.abandon("it was deleted")

    async def thaw(self, life: Life) -> None:
        """Have the session's task run, if it does not: it was passivated, or stands in the store and was not wanted until now.

        Raises:
            otp.CallError: the sessions supervisor is not there at the moment.
            otp.StartError: its task could not be started.
            StoreError: it cannot be read.
        """
        async with self.starts.hold(life.session_id):
            if life.child is None or life.ended is not None or life.abandoned or self.names.whereis(life.session_id):
                return
            with suppress(otp.AlreadyStarted, otp.StartIgnored):  # it is about to be there, or it has ended
                await self.begin(life.child)

    async def begin(self, child: otp.ChildSpec) -> None:
        """Have a session's task begin.

        Raises:
            otp.CallError: the sessions supervisor is not there at the moment.
            otp.StartError: it did not begin.
            StoreError: it cannot be read.
        """
        async with self.openings:
            try:
                await otp.start_child(self.sessions, child)
            except otp.InitFailed as exc:
                if isinstance(exc.__cause__, StoreError):
                    raise exc.__cause__ from None
                raise

    def check_open(self) -> None:
        """Raise if the runtime was left.

        Raises:
            SessionClosed: it was.
        """
        if self.is_closed:
            raise SessionClosed("the runtime was left: it starts, copies and deletes nothing more")

    def children(self) -> list[otp.ChildSpec]:
        """Who should run under the sessions supervisor, whatever became of it: sessions in trees of their users' own are not its affair."""
        return [life.child for life in self.lives.values() if life.child is not None and life.is_awake]

    async def endpoint(self, provider: Provider) -> otp.Ref:
        """The actor that owns the provider's connections, started if nobody asked for it before.

        Raises:
            otp.CallError: the providers supervisor is not there at the moment.
        """
        found = self.endpoints.whereis(provider.endpoint)
        if found is not None:
            return found
        name = otp.Name(provider.endpoint, self.endpoints)
        spec = otp.ChildSpec(id=provider.endpoint, start=lambda: Endpoint(provider), name=name, restart="transient")
        try:
            return await otp.start_child(self.providers, spec)
        except otp.AlreadyStarted as exc:  # somebody else asked at the same time
            ref: otp.Ref = exc.ref
            return ref

    async def driver(self, provider: Provider) -> Driver:
        """The provider's driver.

        Raises:
            otp.CallError: its owner is not there at the moment.
        """
        return await otp.call(await self.endpoint(provider), GetDriver())

    def may_restart(self, life: Life) -> bool:
        """Count a restart of this session's task; False if it is one more than its policy allows."""
        life.window = life.window.add(trio.current_time())
        return not life.window.is_exceeded

    def close(self) -> None:
        """The runtime is left: tell everybody who still waits for something."""
        self.is_closed = True
        for life in tuple(self.lives.values()):
            life.abandon()
        self.terminals.end()
