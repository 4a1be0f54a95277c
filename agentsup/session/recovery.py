"""Bringing back what stands in the store: which sessions are known again by their ids, and which have something to do."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from inspect import iscoroutine
from typing import Literal, TypeAlias

import structlog
import trio

from agentsup import otp
from agentsup import telemetry as tm
from agentsup.errors import AgentsupError, Problem, SpecError
from agentsup.journal.base import Stored
from agentsup.session.life import Life
from agentsup.session.services import Services, Unrecovered
from agentsup.session.spec import SessionSpec

_log = structlog.get_logger("agentsup.session")

SpecFor: TypeAlias = Callable[[Stored], SessionSpec | None]
"""Describes a session that stands in the store again; None leaves it to `start_session`."""

Recover: TypeAlias = Literal["eager", "lazy", "none"]

AT_ONCE = 16
"""Sessions that are looked at and brought back at the same time."""


async def known_again(services: Services, spec_for: SpecFor, make: Callable[[Stored, SessionSpec], Life]) -> list[Life]:
    """The sessions that can be found by their ids again, not resident yet; one that cannot be described keeps no other from it."""
    lives = []
    for stored in await services.journal.unfinished():
        try:
            spec = _described(spec_for, stored)
        except Exception as exc:  # noqa: BLE001  -- the border: the user's function, and whatever it raises for one session
            _not_recovered(services, stored, exc)
            continue
        if spec is not None:
            life = make(stored, spec)
            services.enter(life)
            lives.append(life)
    return lives


def _described(spec_for: SpecFor, stored: Stored) -> SessionSpec | None:
    """What the user says that the session is."""
    spec: object = spec_for(stored)
    if spec is None:
        return None
    if not isinstance(spec, SessionSpec):
        if iscoroutine(spec):
            spec.close()
        raise SpecError.of("spec_for", f"must give a SessionSpec or None, not {type(spec).__name__}")
    if spec.provider.kind != stored.provider:
        raise SpecError.of(
            "spec_for",
            f"gave a spec for {spec.provider.kind} for {stored.session_id!r}, which lives at {stored.provider}",
        )
    problems = [Problem(f"provider.{problem.path}", problem.message) for problem in spec.provider.problems()]
    if problems:
        raise SpecError(problems)
    return spec


def _not_recovered(services: Services, stored: Stored, error: Exception) -> None:
    """It stays in the store, and whoever looks is told; what the error says may hold the user's secrets, and is for the user's eyes only."""
    services.unrecovered[stored.session_id] = Unrecovered(stored, error)
    kind = type(error).__name__
    _log.warning("session.not_recovered", session_id=stored.session_id, error=kind)
    if tm.listening():
        who = {"session_id": stored.session_id, "provider": stored.provider, "labels": stored.metadata}
        tm.emit(tm.SESSION_NOT_RECOVERED, {}, {**who, "error": kind})


class Recovery(otp.Actor):
    """Brings back the sessions that were in the middle of something, a few at a time; then it is done."""

    def __init__(self, services: Services, lives: Iterable[Life]) -> None:
        self._services = services
        self._lives = list(lives)

    def init(self) -> None:
        """Begin."""
        self.spawn(self._bring_back)

    async def _bring_back(self) -> None:
        waiting = iter(self._lives)
        async with trio.open_nursery() as nursery:
            for _ in range(min(AT_ONCE, len(self._lives))):
                nursery.start_soon(self._one_after_the_other, waiting)
        self.stop()

    async def _one_after_the_other(self, waiting: Iterable[Life]) -> None:
        for life in waiting:
            try:
                if not life.incarnation and (await life.peek()).has_work:
                    await self._services.thaw(life)
            except AgentsupError as exc:
                _not_recovered(self._services, life.stored, exc)
