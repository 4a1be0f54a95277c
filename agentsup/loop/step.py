"""The one decider: `step(state, message)` says what follows from a message, and does nothing.

Two halves. *Answering* the message itself names the events that follow from it directly (`_answer`, one clause per message).
*Settling* then looks only at the state that results and takes whatever is due in it (`_settle`): start the next request, run what is
asked for, answer what is ready, end what is over, send what waits. Because settling looks at the state and not at the message, it does
not matter in which order, or how often, the news that led there arrived; that is what makes a reconnect the same road as a first
connect, and a restart the same road as a reconnect.

What may be due has a file of its own: `turns` when the agent stops working, `calls`, `sending`, `endings`.
"""

from __future__ import annotations

from typing import assert_never

import attrs

from agentsup.loop import messages as msg
from agentsup.loop.calls import confirm, resolve, take_result, undecided
from agentsup.loop.connection import bind, give_up_unheard, lose
from agentsup.loop.effects import ChangeTimer, Effect, Open, PauseTimer, ResumeTimer, StartTimer
from agentsup.loop.endings import end_session, end_terminated, stop, stop_request
from agentsup.loop.hearing import deliver, hear
from agentsup.loop.incarnations import passivate, revive
from agentsup.loop.limits import may_begin
from agentsup.loop.plan import Plan
from agentsup.loop.sending import flush, refuse, withdraw_forsaken, withdraw_stale
from agentsup.loop.state import Link, State
from agentsup.loop.turns import act_on_idle, judged
from agentsup.talk import events as ev


@attrs.frozen
class Step:
    """What follows from a message."""

    state: State
    events: tuple[ev.Kept, ...]
    """To be kept, in this order, before any effect is performed."""

    effects: tuple[Effect, ...]
    """To be performed, in this order."""


def step(state: State, message: msg.Message) -> Step:
    """What follows from the message in this state. Pure and total: the same inputs give the same answer, and there always is one."""
    plan = Plan(state)
    if state.ended is None and not (state.asleep and isinstance(message, _OF_THE_CONNECTION)):
        _answer(plan, message)
        _settle(plan)
        _mind_the_clock(plan, state, anew=isinstance(message, msg.Revive))
    return Step(plan.state, tuple(plan.events), tuple(plan.effects))


_OF_THE_CONNECTION = (msg.Opened, msg.Attached, msg.Lost, msg.Unanswered, msg.Refused, msg.Posted)
"""What a session that left memory does not hear: it has no connection, and these are late."""


# --- answering a message -----------------------------------------------------------------------------------------------------


def _answer(plan: Plan, message: msg.Message) -> None:  # noqa: C901  -- one clause per message is the point
    match message:
        case msg.News(bodies):
            for body in bodies:
                hear(plan, body)
        case msg.Start():
            _start(plan, message)
        case msg.Revive():
            revive(plan, message)
        case msg.Submit():
            _accept(plan, message)
        case msg.Steer(message_id, parts):
            if not plan.state.closing and not plan.state.knows_word(message_id):
                plan.happen(ev.Steered(message_id=message_id, parts=parts))
        case msg.SendRaw(key, raw):
            if not plan.state.closing and not plan.state.knows_word(key):
                plan.happen(ev.RawAsked(key=key, raw=raw))
        case msg.Configure():
            _configure(plan, message)
        case msg.Confirm():
            confirm(plan, message)
        case msg.Undecided(call_id, reason):
            undecided(plan, call_id, reason)
        case msg.Resolve(call_id, result):
            resolve(plan, call_id, result)
        case msg.Judged():
            judged(plan, message)
        case msg.Passivate():
            passivate(plan)
        case msg.Opened(provider_session_id):
            bind(plan, provider_session_id)
        case msg.Attached():
            plan.happen(ev.Connected())
            withdraw_stale(plan)
            withdraw_forsaken(plan)
        case msg.Lost(reason, ours):
            give_up_unheard(plan, reason)
            lose(plan, reason, ours=ours)
        case msg.Unanswered(reason, ours):
            plan.now(posting=False)
            lose(plan, reason, ours=ours)
        case msg.Refused(failure, fatal, doubtful):
            refuse(plan, failure, fatal=fatal, doubtful=doubtful)
        case msg.Posted(keys):
            plan.now(posting=False)
            deliver(plan, keys)
        case msg.ToolDone(result):
            take_result(plan, result)
        case msg.TimedOut():
            _time_out(plan, message)
        case msg.RestOverdue(key):
            if plan.state.stopping and key == plan.state.last_stop:
                plan.happen(ev.RestGivenUp(key=key))
        case msg.Interrupt():
            stop(plan, ev.Failure(kind="interrupted", message="the request was interrupted"))
        case msg.Close():
            _close(plan)
        case msg.Abort(reason):
            end_session(plan, reason, ev.Failure(kind="closed", message=f"the session was {reason}"), interrupt=True)
        case _:
            assert_never(message)


def _start(plan: Plan, message: msg.Start) -> None:
    if plan.state.token is not None:
        return
    plan.happen(ev.SessionStarted(token=message.token))
    if message.existing is None:
        plan.do(Open(message.token, search=False, attempt=0))
    else:
        bind(plan, message.existing)


def _accept(plan: Plan, message: msg.Submit) -> None:
    if not plan.state.closing and not plan.state.knows(message.request_id):
        plan.happen(
            ev.Accepted(request_id=message.request_id, parts=message.parts, outcome=message.outcome, next=message.next)
        )


def _configure(plan: Plan, message: msg.Configure) -> None:
    """From now on: a running request that has used up more than it now may is over when that is looked at next."""
    before = plan.state
    if before.closing or before.knows_word(message.key):
        return
    plan.happen(ev.Configured(key=message.key, limits=message.limits, options=message.options, sent=message.sent))
    current, seconds = before.current, plan.state.rules.timeout
    if current is not None and seconds != before.rules.timeout:
        plan.do(ChangeTimer(current.id, seconds, stands=plan.state.waits_for_person))


def _time_out(plan: Plan, message: msg.TimedOut) -> None:
    """The request's time is up, unless it has come to stand still in the same moment."""
    current, seconds = plan.state.current, plan.state.rules.timeout
    if current is None or current.id != message.request_id or seconds is None or plan.state.waits_for_person:
        return
    stop_request(plan, ev.Failure(kind="timeout", message=f"the request took longer than its {seconds:g} seconds"))


def _close(plan: Plan) -> None:
    if not plan.state.closing:
        plan.happen(ev.Closing())
    for accepted in plan.state.queue:
        failure = ev.Failure(kind="closed", message="the session was closed before the request began")
        plan.happen(ev.RequestEnded(request_id=accepted.request_id, terminal="terminated", failure=failure))


# --- settling ------------------------------------------------------------------------------------------------------------------


def _settle(plan: Plan) -> None:
    """Take what is due in the state, until nothing is."""
    while plan.state.ended is None:
        state = plan.state
        if state.current is None and state.closing and not state.queue and _is_told(state):
            end_session(plan, "closed", None, interrupt=False)
        elif state.asleep:
            break
        elif state.terminated is not None:
            end_terminated(plan, state.terminated)
        elif state.current is None and state.queue:
            _begin(plan, state.queue[0])
        elif state.link is not Link.ATTACHED or not act_on_idle(plan):
            break
    if plan.state.ended is None:
        flush(plan)


def _is_told(state: State) -> bool:
    """Whether the provider has all that it must be told; a session that left memory does not come back for it."""
    return state.asleep or (not state.now.posting and not state.outbox)


def _begin(plan: Plan, accepted: ev.Accepted) -> None:
    failure = may_begin(plan.state)
    if failure is not None:
        plan.happen(ev.RequestEnded(request_id=accepted.request_id, terminal="terminated", failure=failure))
        return
    plan.happen(ev.RequestStarted(request_id=accepted.request_id))
    if plan.state.rules.timeout is not None:
        plan.do(StartTimer(accepted.request_id, plan.state.rules.timeout))


def _mind_the_clock(plan: Plan, before: State, *, anew: bool) -> None:
    """A request's time stands still while it waits for a person; one that has just begun to run does not stand still yet."""
    current = plan.state.current
    if current is None or plan.state.rules.timeout is None:
        return
    stood = not anew and before.current is not None and before.current.id == current.id and before.waits_for_person
    stands = plan.state.waits_for_person
    if stands and not stood:
        plan.do(PauseTimer(current.id))
    elif stood and not stands:
        plan.do(ResumeTimer(current.id))
