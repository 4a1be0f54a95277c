"""How requests and sessions end: here at once, at the provider by one interrupt, and each exactly once."""

from __future__ import annotations

import attrs

from agentsup.loop.calls import give_up, take_result
from agentsup.loop.effects import AwaitRest, CancelTimer, CancelTools, Detach, Finish, Post
from agentsup.loop.plan import Plan
from agentsup.loop.state import Link, State
from agentsup.talk import events as ev
from agentsup.talk.outgoing import Opening, SayStop, begins, says
from agentsup.talk.result import Terminal
from agentsup.talk.tools import ToolResult

REST = 10.0
"""Seconds an interrupted agent is given to come to rest before the next message goes out. The documentation promises a rest, and does
not promise it in every state; a session must not wait for ever on the difference."""


def end_request(plan: Plan, terminal: Terminal, stop_reason: object, failure: ev.Failure | None) -> None:
    """End the running request: its tools are stopped, its timer is off, what it had still to say is not said, and it has its terminal."""
    current = plan.state.current
    if current is None:
        return
    _withdraw_unsent(plan)
    plan.do(CancelTimer(current.id))
    running = plan.state.now.running
    if running:
        plan.do(CancelTools(tuple(sorted(running))))
        for call_id in sorted(running):
            take_result(plan, ToolResult(call_id, "not finished: the request ended", is_error=True))
    plan.happen(
        ev.RequestEnded(
            request_id=current.id,
            terminal=terminal,
            stop_reason=stop_reason,
            failure=failure,
            turns=current.turns,
            usage=attrs.evolve(current.spent, raw=()),
        )
    )


def stop_request(plan: Plan, failure: ev.Failure) -> None:
    """End the running request ourselves: here at once, and at the provider by one interrupt, with no call left unanswered."""
    current = plan.state.current
    if current is None:
        return
    # A message that did not go out made nobody work, and an agent that rests need not be stopped.
    if not any(begins(item) and item.request_id == current.id for item in _withdraw_unsent(plan)):
        stop_agent(plan, f"stop:{current.id}", failure.message)
    end_request(plan, "terminated", None, failure)


def stop(plan: Plan, failure: ev.Failure) -> None:
    """Stop what runs: the running request or, where the agent works without one, or may do so unheard, the agent."""
    state = plan.state
    if state.current is not None:
        stop_request(plan, failure)
    elif (state.at_work or state.adrift) and not state.stopping:
        stop_agent(plan, f"stop:{state.stops + 1}", failure.message, adrift=state.adrift)


def stop_agent(plan: Plan, key: str, why: str, *, adrift: bool = False) -> None:
    """Tell the provider to stop, unless the agent is known to rest; its open calls are answered first."""
    if plan.state.rests and plan.state.link is Link.ATTACHED and not adrift:
        return
    give_up(plan, why)
    plan.happen(ev.InterruptSent(key=key))
    if plan.state.stopping:
        plan.do(AwaitRest(key, REST))


def _withdraw_unsent(plan: Plan) -> list[Opening]:
    """Keep here what the running request says and cannot have arrived."""
    state = plan.state
    ours = [item for item in state.outbox if says(item) and state.current and item.request_id == state.current.id]
    unsent = [item for item in ours if item.key not in state.sent]
    if unsent:
        plan.happen(ev.Withdrawn(keys=tuple(item.key for item in unsent)))
    return unsent


def end_terminated(plan: Plan, last: ev.Terminated) -> None:
    """The provider ended its session: so does ours, with the provider's word for the running request."""
    if plan.state.current is not None:
        end_request(plan, "terminated", last.stop_reason, None)
    end_session(plan, "terminated by the provider", None, interrupt=False)


def end_session(plan: Plan, reason: str, failure: ev.Failure | None, *, interrupt: bool) -> None:
    """Every accepted request gets its terminal before the session's own."""
    outward = failure or ev.Failure(kind="closed", message=f"the session is over: {reason}")
    if interrupt:
        stop(plan, outward)
        stops = tuple(item for item in plan.state.outbox if isinstance(item, SayStop))
        if stops:
            plan.do(Post(stops))
    else:
        end_request(plan, "terminated", None, outward)
    for accepted in plan.state.queue:
        plan.happen(ev.RequestEnded(request_id=accepted.request_id, terminal="terminated", failure=outward))
    plan.do(Detach())
    plan.happen(ev.SessionEnded(reason=reason, failure=failure))
    plan.do(Finish())


def laid_down(state: State, reason: str) -> tuple[State, tuple[ev.Kept, ...]]:
    """What follows when a session that does not run is ended: its last events. There is nobody to tell the provider anything."""
    plan = Plan(state)
    end_session(plan, reason, None, interrupt=False)
    return plan.state, tuple(plan.events)
