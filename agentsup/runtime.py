"""The runtime: what `open_runtime` opens, and what users hold of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from contextvars import ContextVar
from functools import partial
from typing import Any

import trio

from agentsup import otp
from agentsup.errors import AlreadyStarted
from agentsup.ids import Cursor, SessionId
from agentsup.journal.base import Journal, Stored
from agentsup.journal.store import StoreInput, as_store
from agentsup.loop.rules import Rules
from agentsup.session.checking import check_fork, check_lookup, check_options, check_start
from agentsup.session.client import SessionRef
from agentsup.session.errors import NoSuchSession, SessionClosed
from agentsup.session.life import Life
from agentsup.session.past import PastSession
from agentsup.session.recovery import Recover, SpecFor, known_again
from agentsup.session.residents import Residents
from agentsup.session.services import Services, Unrecovered
from agentsup.session.spec import SessionSpec
from agentsup.session.subscription import DEFAULT_BUFFER, Overflow, Subscription
from agentsup.session.tree import CLOSE_STORE, FAREWELL, FLAGS, child_of, known, life_of, session_spec, tree

_HOLDER_SETTLES = 0.01
"""Seconds between two looks at an id whose holder is about to begin (a step away) or to be gone (its farewell has a budget)."""

_services: ContextVar[Services] = ContextVar("agentsup.services")


class Runtime:
    """The sessions of one service: start them, find them by id, listen to all of them."""

    def __init__(self, kernel: otp.Runtime, services: Services) -> None:
        self._kernel = kernel
        self._services = services

    def __repr__(self) -> str:
        return f"<Runtime with {len(self._services.lives)} sessions>"

    @property
    def kernel(self) -> otp.Runtime:
        """The supervision tree under it all."""
        return self._kernel

    @property
    def journal(self) -> Journal:
        """The store, and what stands in it."""
        return self._services.journal

    async def start_session(self, session_id: str, spec: SessionSpec, *, fresh: bool = False) -> SessionRef:
        """Start a session under this id, or go on with the one that stands in the store; returns once it is open at the provider and followed.

        A session that is taken up from the store is where its journal left it: an interrupted request goes on by itself. One that has ended
        stays readable, and a new one begins. Cancelled before that, nothing of it remains here.

        Args:
            session_id: The session's name from now on.
            spec: The session.
            fresh: Begin a new session even if one of that id stands in the store; the old one is ended, and stays readable.

        Raises:
            SpecError: the id or the spec cannot be used; every problem is listed, and nothing was started.
            AlreadyStarted: the id is taken; the error carries the living session's ref.
            ProviderFailed: the provider refused, or could not be reached.
            SessionClosed: the runtime was left.
            StoreError: the store cannot be written, or what stands in it under this id not be read (`fresh=True` begins anew beside it).
        """
        check_start(session_id, spec, fresh=fresh)
        return await self._begin(SessionId(session_id), spec, spec.rules, fresh=fresh)

    async def _begin(
        self, session_id: SessionId, spec: SessionSpec, rules: Rules, *, fresh: bool = False
    ) -> SessionRef:
        async with self._services.starts.hold(session_id):
            self._refuse_living(session_id)
            stored = await self._services.place(session_id, spec, fresh=fresh)
            life = self._services.lives.get(session_id)
            if life is None or life.stored.key != stored.key:
                life = life_of(stored, spec, self._services, rules)
            else:
                life.adopt(spec, rules)
            life.child = child_of(life, self._services)
            ref = SessionRef(life, self._services)
            try:
                await self._start(life.child)
                await life.wait_open()
            except BaseException:
                with trio.CancelScope(shield=True, deadline=trio.current_time() + FAREWELL):
                    await self._undo(life, ref)
                raise
        return ref

    async def _undo(self, life: Life, ref: SessionRef) -> None:
        """A session that was to begin does not; one that stood in the store is put down again."""
        if not life.incarnation:
            life.abandon()  # it never began, and shall not, should the supervisor be about to
        if life.stored.last:
            if life.task is not None:
                with suppress(otp.CallError):
                    await otp.stop(life.task)
            self._services.leave(life)
            life.abandon("its start was called off")  # somebody may have found it meanwhile, and waits for what it says
            return
        if life.incarnation:
            await ref.abort()
        await self._services.journal.delete(life.stored.key)

    def _refuse_living(self, session_id: SessionId) -> None:
        life = self._services.lives.get(session_id)
        if life is not None and life.incarnation:
            raise AlreadyStarted(f"a session {session_id!r} lives already", ref=SessionRef(life, self._services))

    def session(self, session_id: str) -> SessionRef:
        """The living session of this id; a passivated one is woken by the next word to it.

        Raises:
            NoSuchSession: there is none.
            SpecError: the id is none.
        """
        check_lookup(session_id)
        life = self._services.lives.get(SessionId(session_id))
        unrecovered = self._services.unrecovered.get(SessionId(session_id))
        if life is None and unrecovered is not None:
            why = type(unrecovered.error).__name__
            raise NoSuchSession(f"session {session_id!r} could not be brought back ({why}): see Runtime.unrecovered()")
        if life is None:
            raise NoSuchSession(f"no session {session_id!r} lives here; one in the store is taken up by start_session")
        return SessionRef(life, self._services)

    def sessions(self) -> tuple[SessionRef, ...]:
        """The living sessions, oldest first; also the passivated ones."""
        return tuple(SessionRef(life, self._services) for life in self._services.lives.values())

    def unrecovered(self) -> tuple[Unrecovered, ...]:
        """The sessions of the store that should have come back by `spec_for` and could not, each with its error.

        They stay in the store as they are. `start_session` takes one up, with a spec that is right; then it stands here no more.
        """
        return tuple(self._services.unrecovered.values())

    async def stored(self, *, all_generations: bool = False) -> tuple[Stored, ...]:
        """The sessions that stand in the store, living or not, oldest first: the newest generation of each, or all."""
        return await self._services.journal.sessions(all_generations=all_generations)

    async def past(self, session_id: str, generation: int | None = None) -> PastSession:
        """A session of the store to look at, whether it lives or not: its history, its events.

        Raises:
            NoSuchSession: there is none.
            SpecError: the id or the generation is none.
        """
        check_lookup(session_id, generation)
        return PastSession(await self._find(session_id, generation), self._services.journal)

    async def fork(self, session_id: str, new_id: str, *, upto: int | None = None) -> Stored:
        """Copy a session's records, up to a cursor, into a new session of the store, to be started by `start_session`.

        What the provider holds is not copied: the new session has the old one's history here, and begins anew over there.

        Raises:
            NoSuchSession: there is none.
            AlreadyStarted: the new id lives.
            SpecError: the new id or the cursor cannot be used; or the new id is that of a session in the store that has not ended.
            StoreError: the store cannot be written.
        """
        check_fork(session_id, new_id, upto)
        self._refuse_living(SessionId(new_id))
        source = await self._find(session_id, None)
        return await self._services.fork(source, SessionId(new_id), None if upto is None else Cursor(upto))

    async def delete(self, session_id: str) -> None:
        """Forget a session that does not live, with all its generations.

        Raises:
            AlreadyStarted: it lives; close it first.
            NoSuchSession: there is none.
            SpecError: the id is none.
            StoreError: the store cannot be written.
        """
        check_lookup(session_id)
        async with self._services.starts.hold(session_id):
            self._refuse_living(SessionId(session_id))
            await self._find(session_id, None)
            await self._services.forget(SessionId(session_id))

    async def _find(self, session_id: str, generation: int | None) -> Stored:
        found = await self._services.journal.find(SessionId(session_id), generation)
        if found is None:
            raise NoSuchSession(f"no session {session_id!r} stands in the store")
        return found

    def tree(self) -> Any:
        """The whole supervision tree at this moment, as plain data."""
        return self._kernel.snapshot()

    def subscribe(self, *, buffer: int = DEFAULT_BUFFER, overflow: Overflow = "drop_oldest") -> Subscription:
        """Every session's terminals from now on: each request's last event, and each session's. None of them is ever dropped.

        Raises:
            SpecError: an option cannot be used.
        """
        return self._services.terminals.subscribe(buffer=buffer, overflow=overflow)

    async def _start(self, child: otp.ChildSpec) -> None:
        """Start it, or say who has its id. One that has not begun yet, or has ended and still says goodbye, is waited for."""
        while True:
            try:
                await self._services.begin(child)
            except otp.AlreadyStarted:
                self._refuse_living(SessionId(str(child.id)))
                await trio.sleep(_HOLDER_SETTLES)
            else:
                return


@asynccontextmanager
async def open_runtime(
    *,
    store: StoreInput = None,
    spec_for: SpecFor | None = None,
    recover: Recover = "eager",
    passivate_after: float | None = None,
    max_resident: int | None = None,
    keep_requests: int | None = None,
) -> AsyncIterator[Runtime]:
    """Open a runtime; leaving the block stops its sessions' tasks and closes its connections, in order and within a budget.

    That is neither an interrupt nor the sessions' end: what runs at the provider runs on, and what stands in a store is taken up by the next
    runtime. An exception in the block leaves it unwrapped.

    Args:
        store: Where sessions are kept: a path (an SQLite file, made if it is not there) or an `SQLiteStore`. None keeps them in memory, as
            long as the block lasts.
        spec_for: How a session that stands in the store is described again: a function of its `Stored`, that gives its `SessionSpec`, or None
            for one that only `start_session` takes up again. Tools are code, and no store can bring them back. A session for which it raises,
            or gives what cannot be used, is listed by `Runtime.unrecovered`; the others come back.
        recover: When sessions that stand in the store come back, where `spec_for` describes them: `eager` at once, if they have something to
            do; `lazy` with the next word to them; `none` only by `start_session`.
        passivate_after: Seconds without anything to do after which a session leaves memory until the next word to it; None never does.
        max_resident: Sessions in memory beyond which those that have been idle longest leave it; ones that work are never asked to.
        keep_requests: Finished requests of a session whose records are kept; the records of older ones go, what they come to stays. None
            keeps all. A subscriber that asks for what is gone is told how many events that was.

    Raises:
        SpecError: something that was given cannot be used.
        StoreBusy: another runtime has the store.
        StoreCorrupt: it is broken, no store, or of a newer version; also out of the middle of the block, when it turns out to be.
        Fenced: out of the middle of the block: somebody took the store over.
        StoreFailed: it cannot be opened, or not be written.
    """
    check_options(spec_for, recover, passivate_after, max_resident, keep_requests)
    journal = as_store(store).journal()
    await journal.open()
    try:
        residents = Residents(passivate_after=passivate_after, max_resident=max_resident)
        services = Services(journal, residents, keep_requests=keep_requests)
        lives: list[Life] = []
        if spec_for is not None and recover != "none":
            lives = await known_again(services, spec_for, partial(known, services))
        eager = lives if recover == "eager" else []
        async with otp.open_runtime(FLAGS, tree(services, eager)) as kernel:
            token = _services.set(services)
            try:
                services.residents.kernel = kernel
                yield Runtime(kernel, services)
            finally:
                _services.reset(token)
                services.close()
    finally:
        with trio.CancelScope(shield=True, deadline=trio.current_time() + CLOSE_STORE):
            await journal.aclose()


def session_child(session_id: str, spec: SessionSpec) -> otp.ChildSpec:
    """A session as a child for a supervision tree of your own, inside an open runtime; find it with `Runtime.session`.

    Its place in the store is made, or found again, when it starts. It is never passivated: only your tree could start it again.

    Raises:
        SpecError: the id or the spec cannot be used.
        SessionClosed: no runtime is open around the caller.
    """
    check_start(session_id, spec)
    services = _services.get(None)
    if services is None:
        raise SessionClosed("no runtime is open here: a session lives inside `async with agentsup.open_runtime()`")
    found: list[Life] = []

    async def find() -> Life:
        if not found:
            async with services.starts.hold(session_id):
                stored = await services.place(SessionId(session_id), spec, fresh=False)
                found.append(life_of(stored, spec, services, spec.rules))
        return found[0]

    return session_spec(SessionId(session_id), spec, find, services)
