"""The ready-made tree: what `open_runtime` opens, and what users hold of it.

    Runtime
    +-- providers    one child per endpoint: its HTTP client and every open stream
    +-- sessions     one child per session

Sessions come after providers, so they stop first, while their connections still stand. A session or an endpoint that fails is its own
affair: both supervisors restart without limit, a session has its restart budget in its spec, and an endpoint that fails takes its streams
with it, which its sessions then open again.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any

import attrs
import trio

from agentsup import otp
from agentsup.errors import AlreadyStarted, Problem, SpecError
from agentsup.ids import SessionId
from agentsup.session.actor import SessionActor
from agentsup.session.client import SessionRef
from agentsup.session.errors import NoSuchSession, SessionClosed
from agentsup.session.life import Life
from agentsup.session.services import Services
from agentsup.session.spec import SessionSpec
from agentsup.session.subscription import DEFAULT_BUFFER, Overflow, Subscription
from agentsup.talk.content import Input
from agentsup.talk.result import SessionResult

_HOLDER_SETTLES = 0.01
"""Seconds between two looks at an id whose holder is about to begin (a step away) or to be gone (its farewell has a budget)."""

RUN_FAREWELL = 5.0
"""Seconds `run` takes at most, when it ends early, to stop what it began at the provider."""

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

    async def start_session(self, session_id: str, spec: SessionSpec) -> SessionRef:
        """Start a session under this id; returns once it is open at the provider and followed.

        Cancelled before that, nothing of it remains here.

        Raises:
            SpecError: the id or the spec cannot be used; every problem is listed, and nothing was started.
            AlreadyStarted: the id is taken; the error carries the living session's ref.
            ProviderFailed: the provider refused, or could not be reached.
        """
        _check(session_id, spec)
        ref = self._living(SessionId(session_id))
        if ref is not None:
            raise AlreadyStarted(f"a session {session_id!r} lives already", ref=ref)
        child, life = _child(SessionId(session_id), spec, self._services)
        life.child = child
        ref = SessionRef(life, self._services)
        try:
            await self._start(child)
            await ref._opened()  # noqa: SLF001  -- waiting for it is the runtime's business, not the user's
        except BaseException:
            if not life.incarnation:
                life.abandon()  # it never began, and shall not, should the supervisor be about to
                raise
            with trio.CancelScope(shield=True, deadline=trio.current_time() + RUN_FAREWELL):
                await ref.abort()
            raise
        return ref

    def session(self, session_id: str) -> SessionRef:
        """The living session of this id.

        Raises:
            NoSuchSession: there is none.
        """
        ref = self._living(SessionId(session_id))
        if ref is None:
            raise NoSuchSession(f"no session {session_id!r} lives here")
        return ref

    def sessions(self) -> tuple[SessionRef, ...]:
        """The living sessions, oldest first."""
        return tuple(SessionRef(life, self._services) for life in self._services.lives.values())

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
                await otp.start_child(self._services.sessions, child)
            except otp.AlreadyStarted:
                ref = self._living(SessionId(str(child.id)))
                if ref is not None:
                    raise AlreadyStarted(f"a session {child.id!r} lives already", ref=ref) from None
                await trio.sleep(_HOLDER_SETTLES)
            else:
                return

    def _living(self, session_id: SessionId) -> SessionRef | None:
        life = self._services.lives.get(session_id)
        return None if life is None else SessionRef(life, self._services)


@asynccontextmanager
async def open_runtime(*, store: None = None) -> AsyncIterator[Runtime]:
    """Open a runtime; leaving the block stops its sessions' tasks and closes its connections, in order and within a budget.

    That is neither an interrupt nor the sessions' end: what runs at the provider runs on. An exception in the block leaves it unwrapped.

    Args:
        store: Where sessions are kept: None keeps them in memory, as long as the block lasts.

    Raises:
        SpecError: a store other than None.
    """
    if store is not None:
        raise SpecError.of("store", "must be None: this version keeps sessions in memory only")
    services = Services()
    async with otp.open_runtime(_flags(), _tree(services)) as kernel:
        token = _services.set(services)
        try:
            yield Runtime(kernel, services)
        finally:
            _services.reset(token)
            services.close()


async def run(spec: SessionSpec, prompt: Input, *, timeout: float | None = None) -> SessionResult:
    """Run one prompt to completion, in a session and a runtime of its own; asking twice is two sessions.

    If it ends early (cancelled, out of time), the provider is told to stop.

    Args:
        spec: The session.
        prompt: What to ask.
        timeout: Seconds the request may take; the spec's `limits.timeout` if not given.

    Raises:
        SpecError: the spec or the prompt cannot be used.
        RequestFailed: we ended the request; it carries the partial result. `RequestTimeout` if its time was up.
        ProviderFailed: the provider refused, or could not be reached.
    """
    async with open_runtime() as runtime, one_session(runtime, spec, timeout=timeout) as ref:
        return await ref.submit(prompt)


@asynccontextmanager
async def one_session(
    runtime: Runtime, spec: SessionSpec, *, timeout: float | None = None
) -> AsyncIterator[SessionRef]:
    """A session with an id of its own for as long as the block lasts; leaving it early stops what runs at the provider."""
    if timeout is not None:
        spec = attrs.evolve(spec, limits=attrs.evolve(spec.limits, timeout=timeout))
    ref = await runtime.start_session(f"run-{uuid.uuid4().hex}", spec)
    try:
        yield ref
        with trio.move_on_after(RUN_FAREWELL):
            await ref.close()
    finally:
        # Nothing to do after a close that got through; else what still runs over there is told to stop.
        with trio.CancelScope(shield=True, deadline=trio.current_time() + RUN_FAREWELL):
            await ref.abort()


def session_child(session_id: str, spec: SessionSpec) -> otp.ChildSpec:
    """A session as a child for a supervision tree of your own, inside an open runtime; find it with `Runtime.session`.

    Raises:
        SpecError: the id or the spec cannot be used.
        SessionClosed: no runtime is open around the caller.
    """
    _check(session_id, spec)
    services = _services.get(None)
    if services is None:
        raise SessionClosed("no runtime is open here: a session lives inside `async with agentsup.open_runtime()`")
    child, _ = _child(SessionId(session_id), spec, services)
    return child


def _child(session_id: SessionId, spec: SessionSpec, services: Services) -> tuple[otp.ChildSpec, Life]:
    life = Life(session_id, spec, listener=services.terminals)
    child = otp.ChildSpec(
        id=session_id,
        start=lambda: SessionActor(life, services),
        name=otp.Name(session_id, services.names),
        restart="transient",
        backoff=spec.restart.backoff,
    )
    return child, life


def _check(session_id: object, spec: object) -> None:
    problems = []
    if not isinstance(session_id, str) or not session_id.strip() or len(session_id) > MAX_ID:
        problems.append(Problem("session_id", f"must be text of 1 to {MAX_ID} characters"))
    if not isinstance(spec, SessionSpec):
        problems.append(Problem("spec", f"must be a SessionSpec, not {type(spec).__name__}"))
    else:
        problems += [Problem(f"provider.{p.path}", p.message) for p in spec.provider.problems()]
    if problems:
        raise SpecError(problems)


MAX_ID = 512
"""Characters of a session id: it travels as metadata at the provider, where 512 is the limit."""


def _flags() -> otp.SupFlags:
    """Sessions depend on providers, not the other way round."""
    return otp.SupFlags(strategy="rest_for_one")


def _tree(services: Services) -> list[otp.ChildSpec]:
    endless = otp.SupFlags(intensity=math.inf, period=1.0)
    return [
        _supervisor("providers", services.providers, lambda: otp.DynamicSupervisor(endless)),
        # A supervisor that had to be restarted itself begins again with the sessions that live.
        _supervisor("sessions", services.sessions, lambda: otp.DynamicSupervisor(endless, source=services.children)),
    ]


def _supervisor(child_id: str, name: otp.Name, start: Callable[[], otp.Actor]) -> otp.ChildSpec:
    return otp.ChildSpec(id=child_id, start=start, name=name, type="supervisor", shutdown=math.inf)
