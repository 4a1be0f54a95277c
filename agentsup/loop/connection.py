"""The way to the provider's session: how it is made, followed, lost and found again."""

from __future__ import annotations

from agentsup.loop.effects import Attach, Detach, Open
from agentsup.loop.endings import end_session
from agentsup.loop.plan import Plan
from agentsup.loop.state import Link
from agentsup.talk import events as ev


def bind(plan: Plan, provider_session_id: str) -> None:
    """The provider's session is known, and is followed."""
    plan.happen(ev.Bound(provider_session_id=provider_session_id))
    connect(plan)


def connect(plan: Plan) -> None:
    """Follow the provider's session; make it first, or look for it, if it is not known."""
    state = plan.state
    if state.provider_session_id is not None:
        plan.do(Attach(state.provider_session_id, state.attempts))
    elif state.token is not None:
        plan.do(Open(state.token, search=True, attempt=state.attempts))


def lose(plan: Plan, reason: str) -> None:
    """The connection broke, or a POST went unanswered: only the history can say what arrived, so it is asked before anything is sent.

    A POST may still be on its way when the stream breaks. Nothing else is sent until it has come to something, too.
    """
    state = plan.state
    attempt = state.attempts + 1
    plan.happen(ev.ConnectionLost(reason=reason, attempt=attempt))
    if state.link in (Link.ATTACHED, Link.ATTACHING):
        plan.do(Detach())
    limit = state.rules.max_attempts if state.reached else state.rules.max_open_attempts
    if limit is not None and attempt > limit:
        message = f"the connection was lost {attempt} times in a row, last: {reason}"
        end_session(plan, "connection lost", ev.Failure(kind="provider", message=message), interrupt=False)
    else:
        connect(plan)
