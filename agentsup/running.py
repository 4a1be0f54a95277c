"""One prompt to completion, in a session and a runtime that last no longer than that."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import attrs
import trio

from agentsup.errors import SpecError
from agentsup.ids import SessionId
from agentsup.runtime import Runtime, open_runtime
from agentsup.session.checking import check_start
from agentsup.session.client import SessionRef
from agentsup.session.spec import SessionSpec
from agentsup.session.tree import FAREWELL
from agentsup.talk.content import Input
from agentsup.talk.outcome import Outcome
from agentsup.talk.result import SessionResult


async def run(
    spec: SessionSpec, prompt: Input | Outcome | None = None, *, timeout: float | None = None
) -> SessionResult:
    """Run one prompt to completion, in a session and a runtime of its own; asking twice is two sessions.

    If it ends early (cancelled, out of time), the provider is told to stop. Nobody is there to approve anything: a call that needs a
    person's word ends the run with `requires_action`.

    Args:
        spec: The session.
        prompt: What to ask; the spec's `outcome` if it has one.
        timeout: Seconds the request may take; the spec's `limits.timeout` if not given.

    Raises:
        SpecError: the spec or the prompt cannot be used.
        RequestFailed: we ended the request; it carries the partial result. `RequestTimeout` if its time was up.
        ProviderFailed: the provider refused, or could not be reached.
    """
    beginning = _beginning(spec, prompt)
    async with open_runtime() as runtime, one_session(runtime, spec, timeout=timeout, attended=False) as ref:
        return await ref.submit(beginning)


@asynccontextmanager
async def one_session(
    runtime: Runtime, spec: SessionSpec, *, timeout: float | None = None, attended: bool = True
) -> AsyncIterator[SessionRef]:
    """A session with an id of its own for as long as the block lasts; leaving it early stops what runs at the provider.

    One that is not `attended` has nobody to approve of anything.
    """
    session_id = f"run-{uuid.uuid4().hex}"
    check_start(session_id, spec)
    if timeout is not None:
        spec = attrs.evolve(spec, limits=attrs.evolve(spec.limits, timeout=timeout))
    rules = attrs.evolve(spec.rules, wait_for_approval=attended)
    ref = await runtime._begin(SessionId(session_id), spec, rules)  # noqa: SLF001  -- as start_session, by rules of its own
    try:
        yield ref
        with trio.move_on_after(FAREWELL):
            await ref.close()
    finally:
        # Nothing to do after a close that got through; else what still runs over there is told to stop.
        with trio.CancelScope(shield=True, deadline=trio.current_time() + FAREWELL):
            await ref.abort()


def _beginning(spec: SessionSpec, prompt: Input | Outcome | None) -> Input | Outcome:
    """What a run begins with: a prompt or an outcome, and not both."""
    outcome = spec.outcome if isinstance(spec, SessionSpec) else None
    if prompt is None and outcome is None:
        raise SpecError.of("prompt", "is missing: pass a prompt, or a spec with an outcome")
    if prompt is not None and outcome is not None:
        raise SpecError.of(
            "prompt", "must not be given together with the spec's outcome: a run begins with one of them"
        )
    return prompt if prompt is not None else cast("Outcome", outcome)
