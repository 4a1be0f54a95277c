"""Asking until there is an answer, or no sense in asking on."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import attrs
import structlog
import trio

from agentsup.control.errors import ApiError, ConnectionFailed
from agentsup.control.retries import Retries
from agentsup.errors import SpecError
from agentsup.providers.foreign import HttpErrors

T = TypeVar("T")

_log = structlog.get_logger("agentsup.control")


@attrs.frozen(kw_only=True)
class Persistence:
    """How one client goes on after a failure, and in which words it tells of one."""

    service: str
    """In the log: `claude`."""

    address: str
    """The client's argument that has the address, for when it cannot be used."""

    errors: HttpErrors
    """What its HTTP client raises."""

    retries: Retries
    chance: Callable[[], float] = random.random

    async def answer(
        self,
        once: Callable[[], Awaitable[T]],
        *,
        what: str,
        harmless: bool,
        again: bool,
        repeating: Callable[[], None] = lambda: None,
    ) -> T:
        """Do it, again where that is allowed and promises something.

        Args:
            once: does it.
            what: it is, for errors: `creating an agent`.
            harmless: nothing at the service can change by it.
            again: doing it twice comes to the same.
            repeating: called before each repetition.

        Raises:
            ApiError: what came of it the last time.
        """
        attempt = 0
        while True:
            try:
                with self.translated(what, harmless=harmless):
                    return await once()
            except ApiError as exc:
                attempt += 1
                wait = self.retries.wait(exc, attempt, again=again, chance=self.chance())
                if wait is None:
                    raise
                _log.warning(
                    "control.repeated",
                    service=self.service,
                    what=what,
                    status=exc.status,
                    attempt=attempt,
                    wait=wait,
                )
            await trio.sleep(wait)
            repeating()

    @contextmanager
    def translated(self, what: str, *, harmless: bool) -> Iterator[None]:
        """Within: what the HTTP client raises is `ConnectionFailed`, with what we were doing."""
        try:
            yield
        except self.errors.unusable as exc:
            raise SpecError.of(self.address, f"cannot be used: {exc}") from exc
        except self.errors.timeouts as exc:
            message = f"{what}: no answer in time ({type(exc).__name__})"
            raise ConnectionFailed(message, ambiguous=not harmless and not isinstance(exc, self.errors.unsent)) from exc
        except self.errors.failures as exc:
            message = f"{what}: {self.errors.reason(exc)}"
            raise ConnectionFailed(message, ambiguous=not harmless and not isinstance(exc, self.errors.unsent)) from exc
