"""What becomes of the tool calls a provider waits for: each is run at most once, and answered exactly once."""

from __future__ import annotations

import attrs

from agentsup.loop.effects import RunTool
from agentsup.loop.plan import Plan
from agentsup.loop.state import Call, State
from agentsup.talk import events as ev
from agentsup.talk.tools import ToolResult


def run(plan: Plan, calls: list[Call]) -> None:
    """Run these, each known to have begun before it does."""
    for call in calls:
        use = call.use
        effect = plan.state.rules.effects.get(use.name, "unsafe")
        if not call.started:
            plan.happen(ev.ToolStarted(call_id=use.call_id, name=use.name, effect=effect))
        plan.state = attrs.evolve(plan.state, running=plan.state.running | {use.call_id})
        plan.do(RunTool(use))


def take_result(plan: Plan, result: ToolResult) -> None:
    """A result counts once, and only while its call is open; a tool that comes back after its request was stopped is not heard."""
    state = plan.state
    plan.state = attrs.evolve(state, running=state.running - {result.call_id})
    call = state.calls.get(result.call_id)
    if call is not None and call.result is None:
        plan.happen(ev.ToolEnded(result=result))


def may_run_again(state: State, call: Call) -> bool:
    """Whether a call that was cut off may be run once more: its tool says so."""
    return state.rules.effects.get(call.use.name, "unsafe") != "unsafe"


def in_doubt(call: Call) -> ToolResult:
    """The result of a call that was cut off and may not be run again."""
    text = (
        f"The tool {call.use.name} was interrupted while it ran, and whether it took effect is unknown. "
        "It was not run again, because it is not declared safe to run twice."
    )
    return ToolResult(call.use.call_id, text, is_error=True)
