"""The way to the provider's session: how it is made, followed, lost and found again."""

from __future__ import annotations

from agentsup.loop.effects import Attach, Detach, Open
from agentsup.loop.endings import end_request, end_session
from agentsup.loop.plan import Plan
from agentsup.loop.state import Link, State
from agentsup.talk import events as ev
from agentsup.talk.outgoing import SayStop, begins, says


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


def lose(plan: Plan, reason: str, *, ours: bool = False) -> None:
    """The connection broke, or a POST went unanswered: only the history can say what arrived, so it is asked before anything is sent.

    A POST may still be on its way when the stream breaks. Nothing else is sent until it has come to something, too. What is `ours` is no
    attempt: the provider was not reached, and its patience is not used up by what lacks here.
    """
    state = plan.state
    attempt = state.attempts if ours else state.attempts + 1
    plan.happen(ev.ConnectionLost(reason=reason, attempt=attempt))
    if state.link in (Link.ATTACHED, Link.ATTACHING):
        plan.do(Detach())
    limit = state.rules.max_attempts if state.reached else state.rules.max_open_attempts
    if limit is not None and attempt > limit and not ours:
        message = f"the connection was lost {attempt} times in a row, last: {reason}"
        end_session(plan, "connection lost", ev.Failure(kind="provider", message=message), interrupt=False)
    else:
        connect(plan)


def give_up_unheard(plan: Plan, reason: str) -> None:
    """Without a history nobody can learn what became of what was under way: it is not sent again, and the request for it ends here.

    What waits for us (calls that have no answer on its way) goes on, and so does what was not sent yet.
    """
    if plan.state.rules.has_history:
        return
    withdraw_moot_stops(plan)
    state = plan.state
    # A stop that went out is on that list as well, unless the turn is known to wait for us: then there still is something to stop.
    waits = _waits_for_us(state)
    sent = [item.key for item in state.outbox if item.key in state.sent and not (isinstance(item, SayStop) and waits)]
    # What was taken, and not come to before the stream was gone: nothing will ever be heard of it either.
    sent += [each.item.key for each in state.unheard if says(each.item) and each.item.key not in sent]
    if not sent and not _works_unheard(state):
        return
    message = f"{reason}, in the middle of a turn; whether it was done is unknown, and the provider keeps no history that would say"
    failure = ev.Failure(kind="stream", message=message)
    begun = not any(begins(item) and item.key not in state.sent for item in state.outbox)
    if sent:
        plan.happen(ev.Withdrawn(keys=tuple(sent), failure=failure))
    plan.happen(ev.Waiting(id=None, raw={}, terminal="terminated", stop_reason=None, failure=failure))
    if begun:  # else it waited behind an older one, and goes on
        end_request(plan, "terminated", None, failure)


def withdraw_moot_stops(plan: Plan) -> None:
    """Where a stop ends more than a turn, none goes out behind a turn that has come to its own end: only the conversation would be left to end."""
    state = plan.state
    idle = state.idle
    if state.rules.has_history or idle is None or idle.terminal != "end_turn" or not state.rests:
        return
    moot = tuple(item.key for item in state.outbox if isinstance(item, SayStop))
    if moot:
        plan.happen(ev.Withdrawn(keys=moot))


def _waits_for_us(state: State) -> bool:
    """Whether the agent said last that it waits for calls of ours, and they are not answered."""
    idle = state.idle
    return idle is not None and idle.terminal == "requires_action" and any(c in state.calls for c in idle.asked)


def _works_unheard(state: State) -> bool:
    """Whether the agent may be at work, and says so to nobody."""
    idle = state.idle
    if not state.at_work or idle is None:
        return state.at_work
    return idle.terminal == "requires_action" and not _waits_for_us(state)
