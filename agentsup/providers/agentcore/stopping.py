"""Stopping a runtime session at the provider, so that it costs nothing more."""

from __future__ import annotations

import random
import uuid
from typing import Final

import attrs
import httpx
import trio

from agentsup.providers.agentcore.failing import Trouble, broken, refused
from agentsup.providers.agentcore.line import BACKOFF
from agentsup.providers.aws.credentials import NoCredentials
from agentsup.providers.aws.sending import Ask, Sender
from agentsup.providers.base import Rejected, Unavailable
from agentsup.wire import jsontext
from agentsup.wire.agentcore import requests

WHAT: Final = "stopping the session"

MOST_RETRIES: Final = 2
"""Repetitions. Stopping twice comes to the same, so whatever may pass is tried again."""

_GONE: Final = 404
"""There is no such session any more: it is stopped."""


def stop_ask(arn: str, qualifier: str | None, session_id: str) -> Ask:
    """The request to stop a session; sent again it comes to the same, by its token."""
    return Ask(
        what=WHAT,
        method="POST",
        segments=("runtimes", arn, "stopruntimesession"),
        query=requests.qualified(qualifier),
        headers={"content-type": "application/json", requests.SESSION_HEADER: session_id},
        body=jsontext.body_of({"clientToken": str(uuid.uuid4())}),
    )


async def stop_session(sender: Sender, arn: str, qualifier: str | None, session_id: str) -> None:
    """Stop it; one that is not there is stopped.

    Raises:
        Unavailable: it is unknown whether it was stopped.
        Rejected: the service says that it will not.
    """
    ask = attrs.evolve(stop_ask(arn, qualifier, session_id), silence=10.0)
    attempt = 0
    while True:
        try:
            return await _stop(sender, ask)
        except Trouble as exc:
            attempt += 1
            if exc.failure.status is not None and exc.failure.status < 500 and not exc.again:
                raise Rejected(exc.failure, fatal=False) from exc
            if attempt > MOST_RETRIES:
                raise Unavailable(exc.failure.message, retry_after=exc.wait, ours=exc.ours) from exc
            wait = exc.wait
        await trio.sleep(BACKOFF.delay(attempt, random.random(), floor=wait))  # noqa: S311  -- jitter


async def _stop(sender: Sender, ask: Ask) -> None:
    try:
        async with sender.answer(ask) as response:
            if not response.is_success and response.status_code != _GONE:
                raise refused(WHAT, response, await sender.told(response))
    except NoCredentials as exc:
        raise Rejected(broken(WHAT, exc).failure, fatal=True) from exc
    except (httpx.HTTPError, httpx.InvalidURL) as exc:
        raise broken(WHAT, exc) from exc
