"""What a request may use up, and what is said when it has."""

from __future__ import annotations

from agentsup.loop.state import Current, State
from agentsup.talk.events import Failure


def may_begin(state: State) -> Failure | None:
    """Why no further request may begin; None if one may."""
    limit = state.rules.max_session_turns
    if limit is not None and state.turns >= limit:
        return Failure(kind="turn_limit", message=f"the session has used up its {limit} turns")
    return None


def exceeded(state: State, current: Current) -> Failure | None:
    """Why the request may not go on; None if it may. A turn that ended the request by itself is never held against it."""
    rules = state.rules
    if current.turns >= rules.max_turns:
        return Failure(kind="turn_limit", message=f"the request reached its limit of {rules.max_turns} turns")
    if rules.max_tokens is not None and current.spent.total >= rules.max_tokens:
        used, limit = current.spent.total, rules.max_tokens
        return Failure(kind="budget", message=f"the request used {used} tokens, and {limit} are its limit")
    return may_begin(state)


def out_of_rounds(state: State, current: Current) -> Failure | None:
    """Why the request may not have another batch of calls answered; None if it may."""
    limit = state.rules.max_tool_rounds
    if limit is not None and current.rounds >= limit:
        return Failure(kind="turn_limit", message=f"the request reached its limit of {limit} tool rounds")
    return None
