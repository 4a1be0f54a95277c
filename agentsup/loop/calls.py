"""What becomes of the calls a provider waits for: each is decided once, run at most once, and answered exactly once."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from agentsup.ids import CallId
from agentsup.loop import messages as msg
from agentsup.loop.effects import AskApproval, CancelTools, RunTool
from agentsup.loop.plan import Plan
from agentsup.loop.state import Call, State
from agentsup.talk import events as ev
from agentsup.talk.outgoing import answers
from agentsup.talk.tools import ToolResult

THREAD_ENDED = "not finished: its thread has ended"
NOT_ALLOWED = "The call of {name} was not allowed."
IN_DOUBT = (
    "The tool {name} was interrupted while it ran, and whether it took effect is unknown. "
    "It was not run again, because it is not declared safe to run twice."
)


# --- bringing on -----------------------------------------------------------------------------------------------------------------


def bring_on(plan: Plan, calls: Iterable[Call]) -> None:
    """Take the next step with each of these open calls, if it is ours to take: have it decided, then run."""
    calls = tuple(calls)
    for call in calls:
        if _wants_leave(plan.state, call) and call.use.call_id not in plan.state.now.asking and not call.awaited:
            plan.now(asking=plan.state.now.asking | {call.use.call_id})
            plan.do(AskApproval(call.use, call.ours))
    if not plan.state.rules.wait_for_approval and any(_wants_leave(plan.state, call) for call in calls):
        return  # the request may end for want of a person: nothing of the batch runs before that is known
    for call in calls:
        if call.ours and not _wants_leave(plan.state, call) and not call.doubt:
            _run(plan, call)


def _run(plan: Plan, call: Call) -> None:
    call_id, now = call.use.call_id, plan.state.now
    if call_id in now.running:
        return
    if not call.started:
        effect = plan.state.rules.effects.get(call.use.name, "unsafe")
        plan.happen(ev.ToolStarted(call_id=call_id, name=call.use.name, effect=effect))
    plan.now(running=now.running | {call_id})
    plan.do(RunTool(call.use))


def answer(plan: Plan, calls: Iterable[Call]) -> None:
    """The answers go out, all in one POST and in this order."""
    plan.happen(ev.Answered(call_ids=tuple(call.use.call_id for call in calls)))


def take_result(plan: Plan, result: ToolResult) -> None:
    """A result counts once, and only while its call is open; a tool that comes back after its request was stopped is not heard."""
    plan.now(running=plan.state.now.running - {result.call_id})
    call = plan.state.calls.get(result.call_id)
    if call is not None and call.ours and call.result is None:
        plan.happen(ev.ToolEnded(result=result))


def give_up(plan: Plan, why: str) -> None:
    """What is still open is answered with a failure, so that the conversation stays one that the provider accepts."""
    for call in tuple(plan.state.calls.values()):
        if call.is_decided or call.queued:
            continue
        if call.ours:
            text = IN_DOUBT.format(name=call.use.name) if call.doubt else f"not finished: {why}"
            plan.happen(ev.ToolEnded(result=ToolResult(call.use.call_id, text, is_error=True)))
        else:
            denial = ev.Confirmed(call_id=call.use.call_id, allow=False, message=f"not allowed: {why}", by="runtime")
            plan.happen(denial)
    waiting = plan.state.asked_calls
    if waiting:
        answer(plan, waiting)


def drop_calls(plan: Plan, thread: str | None) -> None:
    """The thread is over, and takes no results: what of its calls runs is stopped, and what did not go out for them does not.

    Answers on their way stay until their POST has come to something; it may have been quicker.
    """
    gone = {call_id: call for call_id, call in plan.state.calls.items() if call.thread == thread}
    running = plan.state.now.running.intersection(gone)
    if running:
        plan.do(CancelTools(tuple(sorted(running))))
    for call_id, call in gone.items():
        if call.started:
            take_result(plan, ToolResult(call_id, THREAD_ENDED, is_error=True))
    going = plan.state.sent if plan.state.now.posting else frozenset()
    given = [item for item in plan.state.outbox if answers(item) and item.call_id in gone]
    unsent = tuple(item.key for item in given if item.key not in going)
    if unsent:
        plan.happen(ev.Withdrawn(keys=unsent))


# --- leave ---------------------------------------------------------------------------------------------------------------------


def _wants_leave(state: State, call: Call) -> bool:
    """Whether somebody has to say that it may run, and nobody has."""
    if call.leave is not None or call.is_decided:
        return False
    return not call.ours or (call.use.name in state.rules.gated and not call.started)


def may_confirm(state: State, call_id: CallId) -> bool:
    """Whether anybody's word on this call is wanted."""
    call = state.calls.get(call_id)
    return call is not None and _wants_leave(state, call)


def confirm(plan: Plan, word: msg.Confirm) -> None:
    """The call may run, or may not: the first word counts."""
    plan.now(asking=plan.state.now.asking - {word.call_id})
    if not may_confirm(plan.state, word.call_id):
        return
    call = plan.state.calls[word.call_id]
    plan.happen(ev.Confirmed(call_id=word.call_id, allow=word.allow, message=word.message, by=word.by))
    if call.ours and not word.allow:
        text = word.message or NOT_ALLOWED.format(name=call.use.name)
        plan.happen(ev.ToolEnded(result=ToolResult(word.call_id, text, is_error=True)))


def undecided(plan: Plan, call_id: CallId, reason: str | None) -> None:
    """Nobody but a person can say."""
    plan.now(asking=plan.state.now.asking - {call_id})
    call = plan.state.calls.get(call_id)
    if call is not None and may_confirm(plan.state, call_id) and not call.awaited:
        plan.happen(ev.ApprovalAwaited(call_id=call_id, name=call.use.name, reason=reason))


# --- doubt ---------------------------------------------------------------------------------------------------------------------


def look_after(plan: Plan) -> None:
    """Say what becomes of calls that were cut off while they ran, and may not be run again."""
    for call in tuple(plan.state.calls.values()):
        if not call.started or call.result is not None or call.doubt or _may_run_again(plan.state, call):
            continue
        if plan.state.rules.wait_in_doubt and plan.state.current is not None:
            plan.happen(ev.DoubtRaised(call_id=call.use.call_id, name=call.use.name))
        else:
            text = IN_DOUBT.format(name=call.use.name)
            plan.happen(ev.ToolEnded(result=ToolResult(call.use.call_id, text, is_error=True)))


def resolve(plan: Plan, call_id: CallId, result: ToolResult | None) -> None:
    """A person says what came of a call in doubt, or that it is to run again."""
    call = plan.state.calls.get(call_id)
    if call is None or not call.doubt or call.result is not None:
        return
    if result is None:
        plan.happen(ev.DoubtResolved(call_id=call_id))
    else:
        plan.happen(ev.ToolEnded(result=attrs.evolve(result, call_id=call_id)))


def _may_run_again(state: State, call: Call) -> bool:
    return state.rules.effects.get(call.use.name, "unsafe") != "unsafe"
