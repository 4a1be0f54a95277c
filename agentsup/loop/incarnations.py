"""How an incarnation of a session begins where the one before it ended, and how it leaves memory."""

from __future__ import annotations

from agentsup.loop import messages as msg
from agentsup.loop.calls import look_after
from agentsup.loop.connection import connect, give_up_unheard
from agentsup.loop.effects import AwaitRest, Detach, Rest, StartTimer
from agentsup.loop.endings import REST
from agentsup.loop.plan import Plan
from agentsup.talk import events as ev


def revive(plan: Plan, message: msg.Revive) -> None:
    """Go on from the journal: nothing of the last incarnation runs any more, and only the history knows what it still brought about."""
    if message.crashed:
        plan.happen(ev.SessionRestarted(number=plan.state.restarts + 1, reason=message.reason))
    else:
        plan.happen(ev.Resumed(reason=message.reason))
    current = plan.state.current
    if current is not None and plan.state.rules.timeout is not None:
        plan.do(StartTimer(current.id, plan.state.rules.timeout))
    if plan.state.stopping and plan.state.last_stop is not None:
        plan.do(AwaitRest(plan.state.last_stop, REST))
    give_up_unheard(plan, message.reason)
    look_after(plan)
    connect(plan)


def passivate(plan: Plan) -> None:
    """Leave memory, but only when nothing is under way, and nothing waits to be: what comes meanwhile is found in the history."""
    if plan.state.may_sleep:
        plan.do(Detach())
        plan.happen(ev.Passivated())
        plan.do(Rest())
