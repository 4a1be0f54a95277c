"""Hearing what the provider says: what it confirms of ours, and what it shows that the agent has come to."""

from __future__ import annotations

from collections.abc import Sequence

from agentsup.loop.calls import drop_calls
from agentsup.loop.echoes import is_waiting, next_up, origin
from agentsup.loop.endings import stop_agent
from agentsup.loop.plan import Plan
from agentsup.loop.state import Sent
from agentsup.talk import events as ev
from agentsup.talk.outgoing import SayStop, Shown, begins, says


def hear(plan: Plan, body: ev.Theirs) -> None:
    """It is kept, and confirms what it can be of.

    What follows from it for what we sent is kept first: were it lost behind it, nothing would say it again.
    """
    match body:
        case ev.Echoed():
            _recognise(plan, body)
        case ev.Working():
            begun = None if plan.state.at_work else next_up(plan.state.unheard)
            _come_to(plan, body, begun)
        case ev.Waiting() if _is_stale(plan, body):
            plan.happen(ev.Noted(id=body.id, raw=body.raw))
        case ev.ThreadEnded():
            drop_calls(plan, body.thread)
            plan.happen(body)
        case ev.ServerToolEnded(call_id=call_id):
            deliver(plan, (f"leave:{call_id}",))  # a call that asked for leave has it, or was denied it, from whomever
            plan.happen(body)
        case _:
            plan.happen(body)


def _is_stale(plan: Plan, idle: ev.Waiting) -> bool:
    """Whether it names only calls that want nothing more: it is an old one, and nothing waits by it."""
    return bool(idle.asked) and all(call_id in plan.state.answered for call_id in idle.asked)


def deliver(plan: Plan, keys: Sequence[str]) -> None:
    """The provider has these; recorded once each, whichever of echo and answer comes first."""
    waiting = {item.key for item in plan.state.outbox}
    for call_id, call in plan.state.calls.items():
        waiting.add(f"{'result' if call.ours else 'leave'}:{call_id}")
    new = tuple(key for key in keys if key in waiting)
    if new:
        plan.happen(ev.Delivered(keys=new))


def _recognise(plan: Plan, echo: ev.Echoed) -> None:
    """An echo confirms what it is of, whether or not the answer to our POST ever came. A result is the call's, whoever gave it."""
    of = origin(plan.state, echo)
    if echo.kind in ("result", "confirmation"):
        deliver(plan, (f"{'result' if echo.kind == 'result' else 'leave'}:{echo.call_id}",))
    if of is not None and is_waiting(plan.state, echo):
        deliver(plan, (of.item.key,))
        plan.happen(echo)
    else:
        _come_to(plan, echo, of)


def _come_to(plan: Plan, body: ev.Theirs, of: Sent | None) -> None:
    """By this the agent shows that it has come to something it was told, if it was."""
    if of is not None:
        _take_up(plan, of.item)
        deliver(plan, (of.item.key,))
    plan.happen(body)
    if of is not None:
        _stop_again(plan, of.item)


def _take_up(plan: Plan, item: Shown) -> None:
    current = plan.state.current
    if begins(item) and current is not None and current.id == item.request_id and not current.taken_up:
        plan.happen(ev.TakenUp(request_id=current.id))


def _stop_again(plan: Plan, item: Shown) -> None:
    """The agent has heard that it is to stop, and comes to more of what was stopped: that waited over there, and was not meant."""
    state = plan.state
    unheard = any(isinstance(waits, SayStop) for waits in (*state.outbox, *(sent.item for sent in state.unheard)))
    if state.stopping and says(item) and not unheard:
        stop_agent(plan, f"stop:{item.key}", "the request was stopped")
