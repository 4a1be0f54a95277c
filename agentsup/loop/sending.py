"""What goes out to the provider, when, and what a refusal of it means.

The rule that nothing is sent twice stands here, in `flush`: it sends only while attached (the history is merged, so what the provider has is
known) and only while nothing else is on its way.
"""

from __future__ import annotations

from collections.abc import Iterable

from agentsup.loop.connection import lose, withdraw_moot_stops
from agentsup.loop.effects import Post
from agentsup.loop.endings import end_request, end_session, stop_agent
from agentsup.loop.plan import Plan
from agentsup.loop.state import Link, State
from agentsup.talk import events as ev
from agentsup.talk.outgoing import Answer, Outgoing, SayStop, answers, begins, goes_alone, says


def flush(plan: Plan) -> None:
    """Send what waits, in order."""
    state = plan.state
    if state.link is not Link.ATTACHED or state.now.posting or state.asleep:
        return
    withdraw_moot_stops(plan)
    state = plan.state
    items: list[Outgoing] = []
    for item in state.outbox:
        if _is_held(state, item):
            continue
        if goes_alone(item):
            items = items or [item]
            break
        items.append(item)
    if not state.rules.has_history and any(isinstance(item, SayStop) for item in items):
        # It ends whatever it meets over there, and the driver lets nothing out with it: what is said goes behind it, by itself.
        items = [item for item in items if not says(item)]
    items.sort(key=_joins)  # the agent reads a word that joins behind the results
    if items:
        plan.happen(ev.Sending(keys=_keys(items)))
        plan.now(posting=True)
        plan.do(Post(tuple(items)))


def _joins(item: Outgoing) -> bool:
    return says(item) and not begins(item)


def _is_held(state: State, item: Outgoing) -> bool:
    """Whether it waits although the way is free: behind an agent that comes to rest, or behind answers that are not there yet."""
    if not says(item):
        return False
    if state.stopping or (state.at_work and not begins(item) and not state.rules.has_history):
        return True  # an agent that is answered by streams of its own hears nothing while one of them runs
    return bool(state.asked_calls) and not begins(item)


def withdraw_stale(plan: Plan) -> None:
    """What nobody wants any more is not sent again once the history does not have it, and nothing is on its way.

    That is a message whose request is over, and the answer to a call whose thread is.
    """
    if plan.state.now.posting:
        return
    current = plan.state.current.id if plan.state.current is not None else None
    stale = [
        item
        for item in plan.state.outbox
        if (says(item) and item.request_id != current) or (answers(item) and item.call_id not in plan.state.calls)
    ]
    if stale:
        plan.happen(ev.Withdrawn(keys=_keys(stale)))


def refuse(plan: Plan, failure: ev.Failure, *, fatal: bool, doubtful: bool = False) -> None:
    """The provider said no to what was sent, all of it together; without anything sent, to the session itself.

    Where it may have been done all the same, the history is asked first; it is not sent again either way.
    """
    if fatal or not plan.state.now.posting:
        end_session(plan, "refused by the provider", failure, interrupt=False)
        return
    plan.now(posting=False)
    sent = _sent(plan.state)
    if doubtful and sent and plan.state.rules.has_history:
        plan.now(forsaken=failure, refused=frozenset(_keys(item for item in sent if answers(item))))
        lose(plan, failure.message)
    else:
        _take_back(plan, sent, failure)


def withdraw_forsaken(plan: Plan) -> None:
    """The history is merged: what was refused, in whatever words, and is not in it never arrived."""
    failure = plan.state.now.forsaken
    if failure is not None and not plan.state.now.posting:
        plan.now(forsaken=None)
        _take_back(plan, _sent(plan.state), failure)


def _sent(state: State) -> list[Outgoing]:
    return [item for item in state.outbox if item.key in state.sent]


def _take_back(plan: Plan, sent: list[Outgoing], failure: ev.Failure) -> None:
    """These were refused together. Find out whose fault it was, if that can be, and forget no more than that."""
    given = [item for item in sent if answers(item)]
    words = [item for item in sent if _joins(item)]
    missed = [item for item in given if not _is_wanted(plan.state, item)]
    if not plan.state.rules.has_history:
        if sent:
            _forget(plan, sent, failure)  # it may have been taken all the same, and nobody could look
    elif missed:
        # The calls were dropped while their answers were on the way. The rest is sent again.
        plan.happen(ev.Withdrawn(keys=_keys(missed)))
    elif not plan.state.now.refused.issuperset(_keys(given)):
        # Somebody else may have answered a moment ago: then the history says so, and these are sent once more if it does not.
        plan.now(refused=frozenset(_keys(given)))
        lose(plan, "answers were refused")
    elif words and len(words) < len(sent):
        plan.happen(ev.Withdrawn(keys=_keys(words), failure=failure))  # it may be these; the rest is sent again without
    elif sent:
        _forget(plan, sent, failure)


def _is_wanted(state: State, answer: Answer) -> bool:
    return state.idle is not None and answer.call_id in state.idle.asked and answer.call_id in state.calls


def _forget(plan: Plan, sent: list[Outgoing], failure: ev.Failure) -> None:
    """What was sent will never be taken. Forget it, so that the session can go on, and end the request it was for."""
    plan.happen(ev.Withdrawn(keys=_keys(sent), failure=failure))
    if all(goes_alone(item) or _joins(item) for item in sent):
        return  # whoever said it is told; the request goes on without
    current = plan.state.current
    if current is None or any(begins(item) for item in plan.state.outbox):
        return  # the request it was for is over, and the present one's message did not go out yet
    if not any(begins(item) for item in sent):
        # The agent has the message, and waits for what it refused.
        stop_agent(plan, f"stop:{current.id}", failure.message)
    end_request(plan, "terminated", None, failure)


def _keys(items: Iterable[Outgoing]) -> tuple[str, ...]:
    return tuple(item.key for item in items)
