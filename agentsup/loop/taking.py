"""Taking a tool's result: once, and only while its call is open."""

from __future__ import annotations

from agentsup.loop.plan import Plan
from agentsup.talk import events as ev
from agentsup.talk.tools import ToolResult


def take_result(plan: Plan, result: ToolResult) -> None:
    """A result counts once, and only while its call is open; a tool that comes back after its request was stopped is not heard."""
    plan.now(running=plan.state.now.running - {result.call_id})
    call = plan.state.calls.get(result.call_id)
    if call is not None and call.ours and call.result is None:
        plan.happen(ev.ToolEnded(result=result))
