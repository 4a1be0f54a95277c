"""A session's files, asked for at its provider: by whoever wants them, past the session's task, which has nothing to decide about it."""

from __future__ import annotations

import random
from typing import Final

import trio

from agentsup import otp
from agentsup.providers.base import Rejected, Unavailable
from agentsup.session.errors import ProviderFailed, SessionClosed
from agentsup.session.life import Life
from agentsup.session.services import Services
from agentsup.talk.artifact import Artifact, newest_by_name
from agentsup.talk.events import Failure

ATTEMPTS: Final = 4
"""How often the provider is asked, with the pauses of the session's reconnect policy: some seconds, which is what a hiccup takes."""

LONGEST_WAIT: Final = 60.0
"""Seconds; who is told to stay away for longer hears of it at once instead."""


async def files_of(life: Life, services: Services, provider_session_id: str) -> tuple[Artifact, ...]:
    """The files of the provider's session, the newest of each name.

    Raises:
        ProviderFailed: the provider refused to list them, or stayed out of reach.
        SessionClosed: the runtime was left.
    """
    provider = life.spec.provider
    for attempt in range(1, ATTEMPTS + 1):
        try:
            driver = await services.driver(provider)
            return newest_by_name(await provider.files(driver, provider_session_id))
        except Rejected as exc:
            raise ProviderFailed(exc.failure, life.nothing) from exc
        except otp.CallError as exc:
            if life.abandoned or services.is_closed:
                raise SessionClosed(f"the runtime of the session {life.session_id!r} was left") from exc
            failure = Unavailable(f"the connection is not there at the moment ({type(exc).__name__})")
        except Unavailable as exc:
            failure = exc
        if (failure.retry_after or 0.0) > LONGEST_WAIT:
            break
        if attempt < ATTEMPTS:
            wait = life.spec.reconnect.delay(attempt, random.random(), floor=failure.retry_after)  # noqa: S311  -- jitter
            await trio.sleep(wait)
    raise ProviderFailed(Failure(kind="provider", message=str(failure)), life.nothing) from failure
