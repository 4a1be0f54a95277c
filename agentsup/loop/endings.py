"""How requests and sessions end: here at once, at the provider by one interrupt, and each exactly once."""

from __future__ import annotations

from agentsup.ids import RequestId
from agentsup.loop.effects import AwaitRest, CancelTimer, CancelTools, Detach, Finish, Post
from agentsup.loop.plan import Plan
from agentsup.loop.state import State
from agentsup.loop.taking import take_result
from agentsup.talk import events as ev
from agentsup.talk.outgoing import DefineOutcome, Outgoing, SayMessage, SayStop, begins
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
    unsent = tuple(item.key for item in _unsent_words(plan.state, current.id))
    if unsent:
        plan.happen(ev.Withdrawn(keys=unsent))
    plan.do(CancelTimer(current.id))
    running = plan.state.now.running
    if running:
        plan.do(CancelTools(tuple(sorted(running))))
        for call_id in sorted(running):
            take_result(plan, ToolResult(call_id, "not finished: the request ended", is_error=True))
    plan.happen(ev.RequestEnded(request_id=current.id, terminal=terminal, stop_reason=stop_reason, failure=failure))


def stop_request(plan: Plan, failure: ev.Failure) -> None:
    """End the running request ourselves: here at once, and at the provider by one interrupt, with no call left unanswered."""
    current = plan.state.current
    if current is None:
        return
    if not any(
        begins(item) for item in _unsent_words(plan.state, current.id)
    ):  # else there is nothing to stop over there
        _answer_open_calls(plan, failure.message)
        key = f"stop:{current.id}"
        plan.happen(ev.InterruptSent(key=key))
        if plan.state.stopping:
            plan.do(AwaitRest(key, REST))
    end_request(plan, "terminated", None, failure)


def _unsent_words(state: State, request_id: RequestId) -> list[Outgoing]:
    """What the request says that cannot have arrived."""
    return [
        item
        for item in state.outbox
        if isinstance(item, SayMessage | DefineOutcome) and item.request_id == request_id and item.key not in state.sent
    ]


def _answer_open_calls(plan: Plan, why: str) -> None:
    due = [call for call in plan.state.calls.values() if not call.queued]
    for call in due:
        if call.ours and call.result is None:
            plan.happen(ev.ToolEnded(result=ToolResult(call.use.call_id, f"not finished: {why}", is_error=True)))
    asked = plan.state.idle.asked if plan.state.idle is not None else ()
    named = [call_id for call_id in asked if call_id in plan.state.calls and not plan.state.calls[call_id].queued]
    if named:
        plan.happen(ev.Answered(call_ids=tuple(named)))


def end_terminated(plan: Plan, last: ev.Terminated) -> None:
    """The provider ended its session: so does ours, with the provider's word for the running request."""
    if plan.state.current is not None:
        end_request(plan, "terminated", last.stop_reason, None)
    end_session(plan, "terminated by the provider", None, interrupt=False)


def end_session(plan: Plan, reason: str, failure: ev.Failure | None, *, interrupt: bool) -> None:
    """Every accepted request gets its terminal before the session's own."""
    outward = failure or ev.Failure(kind="closed", message=f"the session is over: {reason}")
    if interrupt:
        stop_request(plan, outward)
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
