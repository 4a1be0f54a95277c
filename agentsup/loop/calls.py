"""What becomes of the calls a provider waits for: each is decided once, run at most once, and answered exactly once."""

from __future__ import annotations

from agentsup.ids import CallId
from agentsup.loop import messages as msg
from agentsup.loop.effects import AskApproval, RunTool
from agentsup.loop.endings import end_request, stop_request
from agentsup.loop.limits import exceeded
from agentsup.loop.plan import Plan
from agentsup.loop.state import Call, State
from agentsup.loop.taking import take_result
from agentsup.talk import events as ev
from agentsup.talk.tools import ToolResult

__all__ = ["act_on_asked", "confirm", "look_after", "resolve", "take_result", "undecided"]


def act_on_asked(plan: Plan, due: tuple[Call, ...]) -> bool:
    """Have decided and run what the provider waits for, then answer all of it at once; False when there is nothing (more) to do.

    It may be left over from before this session was ours.
    """
    current = plan.state.current
    if not due:
        return False
    over = exceeded(plan.state, current) if current is not None else None
    if over is not None:
        stop_request(plan, over)
        return True
    open_ones = [call for call in due if not call.is_decided]
    if not open_ones:
        plan.happen(ev.Answered(call_ids=tuple(call.use.call_id for call in due)))
        return True
    for call in open_ones:
        _bring_on(plan, call)
    idle = plan.state.idle
    if current is None or idle is None or plan.state.rules.wait_for_approval:
        return False
    if not any(call.awaited and call.leave is None for call in plan.state.calls.values()):
        return False
    # Nobody is there to decide: what the request waits for is the caller's to see.
    end_request(plan, idle.terminal, idle.stop_reason, None)
    return True


def _bring_on(plan: Plan, call: Call) -> None:
    """Take the next step with an open call, if it is ours to take."""
    call_id, now = call.use.call_id, plan.state.now
    if call_id in now.running or call_id in now.asking or call.needs_person:
        return
    if call.leave is None and _needs_leave(plan.state, call):
        plan.now(asking=now.asking | {call_id})
        plan.do(AskApproval(call.use, call.ours))
        return
    effect = plan.state.rules.effects.get(call.use.name, "unsafe")
    if not call.started:
        plan.happen(ev.ToolStarted(call_id=call_id, name=call.use.name, effect=effect))
    plan.now(running=now.running | {call_id})
    plan.do(RunTool(call.use))


def _needs_leave(state: State, call: Call) -> bool:
    return not call.ours or (call.use.name in state.rules.gated and not call.started)


def may_confirm(state: State, call_id: CallId) -> bool:
    """Whether anybody's word on this call is wanted."""
    call = state.calls.get(call_id)
    return call is not None and not call.is_decided and call.leave is None and _needs_leave(state, call)


def confirm(plan: Plan, word: msg.Confirm) -> None:
    """The call may run, or may not: the first word counts."""
    plan.now(asking=plan.state.now.asking - {word.call_id})
    if not may_confirm(plan.state, word.call_id):
        return
    call = plan.state.calls[word.call_id]
    plan.happen(ev.Confirmed(call_id=word.call_id, allow=word.allow, message=word.message, by=word.by))
    if call.ours and not word.allow:
        text = word.message or f"The call of {call.use.name} was not allowed."
        plan.happen(ev.ToolEnded(result=ToolResult(word.call_id, text, is_error=True)))


def undecided(plan: Plan, call_id: CallId) -> None:
    """Nobody but a person can say."""
    plan.now(asking=plan.state.now.asking - {call_id})
    call = plan.state.calls.get(call_id)
    if call is not None and may_confirm(plan.state, call_id) and not call.awaited:
        plan.happen(ev.ApprovalAwaited(call_id=call_id, name=call.use.name))


def look_after(plan: Plan) -> None:
    """Say what becomes of calls that were cut off while they ran, and may not be run again."""
    for call in tuple(plan.state.calls.values()):
        if not call.started or call.result is not None or call.doubt or _may_run_again(plan.state, call):
            continue
        if plan.state.rules.wait_in_doubt and plan.state.current is not None:
            plan.happen(ev.DoubtRaised(call_id=call.use.call_id, name=call.use.name))
        else:
            plan.happen(ev.ToolEnded(result=_in_doubt(call)))


def resolve(plan: Plan, call_id: CallId, result: ToolResult | None) -> None:
    """A person says what came of a call in doubt, or that it is to run again."""
    call = plan.state.calls.get(call_id)
    if call is None or not call.doubt or call.result is not None:
        return
    if result is None:
        plan.happen(ev.DoubtResolved(call_id=call_id))
    else:
        plan.happen(ev.ToolEnded(result=result))


def _may_run_again(state: State, call: Call) -> bool:
    return state.rules.effects.get(call.use.name, "unsafe") != "unsafe"


def _in_doubt(call: Call) -> ToolResult:
    """The result of a call that was cut off and may not be run again."""
    text = (
        f"The tool {call.use.name} was interrupted while it ran, and whether it took effect is unknown. "
        "It was not run again, because it is not declared safe to run twice."
    )
    return ToolResult(call.use.call_id, text, is_error=True)
