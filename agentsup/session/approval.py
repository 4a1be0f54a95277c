"""Who decides about a call that needs approval: the tool's own rule, the session's policy, else a person."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import attrs
import structlog
import trio

from agentsup.errors import SpecError
from agentsup.loop import messages as msg
from agentsup.session.calling import Returned, asked, place_of
from agentsup.talk.content import hidden
from agentsup.talk.tools import SessionInfo, ToolUse

if TYPE_CHECKING:
    from agentsup.session.spec import SessionSpec

_log = structlog.get_logger("agentsup.session")


@attrs.frozen
class Allow:
    """A policy's answer: the call may run."""


@attrs.frozen
class Deny:
    """A policy's answer: the call may not run."""

    message: str | None = attrs.field(default=None, repr=hidden)
    """What the model is told; a plain sentence of ours if not given."""

    def __attrs_post_init__(self) -> None:
        if not isinstance(
            self.message, str | None
        ):  # here, where the policy stands, and not on the way to the provider
            raise SpecError.of("message", f"must be text or None, not {type(self.message).__name__}")


Approval: TypeAlias = Callable[[ToolUse, SessionInfo], Any]
"""A policy: gives `Allow()`, `Deny(message)`, or None to leave it to a person; or an awaitable of one. True and False do as well."""


async def decide(
    spec: SessionSpec, use: ToolUse, info: SessionInfo, *, ours: bool, threads: trio.CapacityLimiter
) -> msg.Confirm | msg.Undecided:
    """What rule and policy say of the call. A policy that raises, or answers something else, leaves it to a person, and is reported."""
    tool = spec.tool(use.name) if ours else None
    if tool is not None and not await tool.wants_approval(use, info, threads=threads):
        return msg.Confirm(use.call_id, allow=True, by="rule")
    if spec.approval is None:
        return msg.Undecided(use.call_id)
    outcome = await asked(spec.approval, use, info)
    if not isinstance(outcome, Returned):
        return _failed(use, info, f"the approval policy failed: {place_of(outcome.error)}")
    match outcome.value:
        case Allow() | True:
            return msg.Confirm(use.call_id, allow=True, by="policy")
        case Deny(message):
            return msg.Confirm(use.call_id, allow=False, message=message, by="policy")
        case False:
            return msg.Confirm(use.call_id, allow=False, by="policy")
        case None:
            return msg.Undecided(use.call_id)
    kind = type(outcome.value).__name__
    return _failed(use, info, f"the approval policy must return Allow(), Deny(message) or None, not {kind}")


def _failed(use: ToolUse, info: SessionInfo, reason: str) -> msg.Undecided:
    _log.error("session.approval_failed", session_id=info.session_id, tool=use.name, reason=reason)
    return msg.Undecided(use.call_id, reason)
