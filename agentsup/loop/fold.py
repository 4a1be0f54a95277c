"""How each event changes a session: the table of all transitions, `_APPLY`.

`apply` is the only way a state comes into being, live or replayed, so the fold of a session's journal *is* its state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from agentsup.loop import ours, theirs
from agentsup.loop.rules import Rules
from agentsup.loop.state import State
from agentsup.talk import events as ev

_APPLY: Mapping[type[Any], Callable[[State, Any], State]] = {
    ev.SessionStarted: ours.started,
    ev.SessionRestarted: ours.restarted,
    ev.Resumed: ours.resumed,
    ev.Passivated: ours.passivated,
    ev.Forked: ours.forked,
    ev.Bound: ours.bound,
    ev.Connected: ours.connected,
    ev.ConnectionLost: ours.lost,
    ev.Accepted: ours.accepted,
    ev.Steered: ours.steered,
    ev.Directed: ours.directed,
    ev.RawAsked: ours.raw_asked,
    ev.Configured: ours.configured,
    ev.RequestStarted: ours.request_started,
    ev.TakenUp: ours.taken_up,
    ev.Sending: ours.sending,
    ev.Delivered: ours.delivered,
    ev.Withdrawn: ours.withdrawn,
    ev.ApprovalAwaited: ours.approval_awaited,
    ev.Confirmed: ours.confirmed,
    ev.ToolStarted: ours.tool_started,
    ev.ToolEnded: ours.tool_ended,
    ev.DoubtRaised: ours.doubt_raised,
    ev.DoubtResolved: ours.doubt_resolved,
    ev.TurnJudged: ours.turn_judged,
    ev.Answered: ours.answered,
    ev.InterruptSent: ours.interrupt_sent,
    ev.RestGivenUp: ours.rest_given_up,
    ev.RequestEnded: ours.request_ended,
    ev.Closing: ours.closing,
    ev.SessionEnded: ours.session_ended,
    ev.Working: theirs.working,
    ev.Waiting: theirs.waiting,
    ev.Terminated: theirs.terminated,
    ev.Said: theirs.busy,
    ev.ToolAsked: theirs.tool_asked,
    ev.ServerToolUsed: theirs.server_tool_used,
    ev.ServerToolEnded: theirs.busy,
    ev.ThreadEnded: theirs.thread_ended,
    ev.Measured: theirs.measured,
    ev.EvaluationStarted: theirs.noted,
    ev.EvaluationOngoing: theirs.noted,
    ev.EvaluationEnded: theirs.noted,
    ev.Echoed: theirs.echoed,
    ev.Troubled: theirs.troubled,
    ev.Noted: theirs.noted,
}


def initial(rules: Rules) -> State:
    """The state before the first event."""
    return State(rules=rules)


def apply(state: State, event: ev.Kept) -> State:
    """The state after the event. Total: every kept event has an answer in every state."""
    change = _APPLY.get(type(event))
    return state if change is None else change(state, event)


def fold(state: State, events: Iterable[ev.Kept]) -> State:
    """The state after all the events, in order."""
    for event in events:
        state = apply(state, event)
    return state
