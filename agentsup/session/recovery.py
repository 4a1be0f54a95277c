"""Bringing back what stands in the store: which sessions are known again by their ids, and which have something to do."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal, TypeAlias

import structlog
import trio

from agentsup import otp
from agentsup.errors import AgentsupError, SpecError
from agentsup.journal.base import Stored
from agentsup.session.life import Life
from agentsup.session.services import Services
from agentsup.session.spec import SessionSpec

_log = structlog.get_logger("agentsup.session")

SpecFor: TypeAlias = Callable[[Stored], SessionSpec | None]
"""Describes a session that stands in the store again; None leaves it to `start_session`."""

Recover: TypeAlias = Literal["eager", "lazy", "none"]

AT_ONCE = 16
"""Sessions that are looked at and brought back at the same time."""


async def known_again(services: Services, spec_for: SpecFor, make: Callable[[Stored, SessionSpec], Life]) -> list[Life]:
    """The sessions that can be found by their ids again, not resident yet.

    Raises:
        SpecError: the function gave something that is no spec.
    """
    lives = []
    for stored in await services.journal.unfinished():
        spec = spec_for(stored)
        if spec is None:
            continue
        if not isinstance(spec, SessionSpec):
            raise SpecError.of("spec_for", f"must give a SessionSpec or None, not {type(spec).__name__}")
        if spec.provider.kind != stored.provider:
            raise SpecError.of(
                "spec_for",
                f"gave a spec for {spec.provider.kind} for {stored.session_id!r}, which lives at {stored.provider}",
            )
        life = make(stored, spec)
        services.enter(life)
        lives.append(life)
    return lives


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
                _log.warning("session.not_recovered", session_id=life.session_id, error=type(exc).__name__)
