"""What follows when the agent stops working: the turn is judged, its calls are seen to, and the request goes on or is over."""

from __future__ import annotations

from agentsup.ids import RequestId
from agentsup.loop import messages as msg
from agentsup.loop.calls import answer, bring_on
from agentsup.loop.effects import Judge
from agentsup.loop.endings import end_request, stop_agent, stop_request
from agentsup.loop.limits import exceeded, out_of_rounds
from agentsup.loop.plan import Plan
from agentsup.loop.state import Call, Current, State
from agentsup.talk import events as ev

NO_TERMINAL_TOOL = "no_terminal_tool"
"""The stop reason of a request whose agent was told to call a tool, and did not. It is our word: no provider has one for it."""


def act_on_idle(plan: Plan) -> bool:
    """Do what the provider's last word asks for; False when there is nothing (more) to do about it."""
    state, current, idle = plan.state, plan.state.current, plan.state.idle
    if idle is None or (state.stopping and idle.terminal == "requires_action"):
        return False
    asked = any(call_id in state.calls for call_id in idle.asked)
    stale = bool(idle.asked) and all(call_id in state.answered for call_id in idle.asked)
    if not asked and (current is None or not current.taken_up or stale):
        return False
    if current is not None and current.halt is not None:
        halt = current.halt
        kind: ev.FailureKind = "budget" if halt.over else "halted"
        unsaid = (
            "the request cost more than it may"
            if halt.over
            else "the turn guard halted the request, and did not say why"
        )
        stop_request(plan, ev.Failure(kind=kind, message=halt.halt or unsaid))
        return True
    if current is not None and not _is_judged(plan, current):
        return False
    if asked:
        return _act_on_asked(plan, state.asked_calls)
    assert current is not None
    return _act_on_rest(plan, current, idle)


def _act_on_asked(plan: Plan, due: tuple[Call, ...]) -> bool:
    """Have decided and run what the provider waits for, then answer all of it at once.

    It may be left over from before this session was ours.
    """
    current, idle = plan.state.current, plan.state.idle
    if not due or idle is None:
        return False
    over = (exceeded(plan.state, current) or out_of_rounds(plan.state, current)) if current is not None else None
    if over is not None:
        stop_request(plan, over)
        return True
    if all(call.is_decided for call in due):
        answer(plan, due)
        return True
    bring_on(plan, [call for call in due if not call.is_decided])
    alone = current is not None and not plan.state.rules.wait_for_approval
    if not (alone and any(call.awaited and call.needs_person for call in due)):
        return False
    # Nobody is there to decide: what the request waits for is the caller's to see.
    end_request(plan, idle.terminal, idle.stop_reason, None)
    return True


def _act_on_rest(plan: Plan, current: Current, idle: ev.Waiting) -> bool:
    """The agent is done; or it waits for something this session cannot give."""
    if idle.terminal == "end_turn":
        over = exceeded(plan.state, current)
        if plan.state.owes_word:
            if over is not None:
                stop_request(plan, over)
            return over is not None  # the agent has not come to all that it was told
        if over is None and _direct(plan, current):
            return False
    elif idle.terminal == "terminated" and plan.state.owes_word:
        stop_agent(plan, f"stop:{current.id}", "the request ended")  # it may go on with what waits over there
    end_request(plan, idle.terminal, _stop_reason(plan.state, current, idle), idle.failure)
    return True


# --- judging -----------------------------------------------------------------------------------------------------------------------


def _is_judged(plan: Plan, current: Current) -> bool:
    """Whether every turn was looked at, where somebody wants to; asks about the oldest that was not."""
    state = plan.state
    if not state.rules.judged or current.judged >= current.turns:
        return True
    turn = current.judged + 1
    if state.now.judging != (current.id, turn):
        plan.now(judging=(current.id, turn))
        plan.do(Judge(current.id, turn, state.turns - (current.turns - turn), current.spent))
    return False


def judged(plan: Plan, word: msg.Judged) -> None:
    """Somebody looked at the turn; it counts once, and only for the running request."""
    if plan.state.now.judging == (word.request_id, word.turn):
        plan.now(judging=None)
    current = plan.state.current
    if current is not None and current.id == word.request_id and word.turn == current.judged + 1 <= current.turns:
        plan.happen(ev.TurnJudged(turn=word.turn, halt=word.halt, cost=word.cost, over=word.over))


# --- the terminal tool ---------------------------------------------------------------------------------------------------------------


def _direct(plan: Plan, current: Current) -> bool:
    """Tell the agent that a tool must be called before it is done; False if it was, or was told often enough."""
    rules = plan.state.rules
    if not _lacks_conclusion(plan.state, current) or current.reprompts >= rules.max_reprompts:
        return False
    number = current.reprompts + 1
    text = f"You have not called the tool `{rules.terminal_tool}` yet. Call it now to finish."
    plan.happen(ev.Directed(message_id=RequestId(f"{current.id}:directive:{number}"), kind="terminal_tool", text=text))
    return True


def _lacks_conclusion(state: State, current: Current) -> bool:
    return state.rules.terminal_tool is not None and not current.concluded


def _stop_reason(state: State, current: Current, idle: ev.Waiting) -> object:
    if idle.terminal == "end_turn" and _lacks_conclusion(state, current):
        return NO_TERMINAL_TOOL
    return idle.stop_reason
