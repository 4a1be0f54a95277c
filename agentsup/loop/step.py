"""The one decider: `step(state, message)` says what follows from a message, and does nothing.

Two halves. *Answering* the message itself names the events that follow from it directly (`_answer`, one clause per message).
*Settling* then looks only at the state that results and takes whatever is due in it (`_settle`): start the next request, run what is
asked for, answer what is ready, end what is over, send what waits. Because settling looks at the state and not at the message, it does
not matter in which order, or how often, the news that led there arrived; that is what makes a reconnect the same road as a first
connect, and a restart the same road as a reconnect.

The rule that nothing is sent twice stands in one place too: `_flush`, which sends only while attached (the history is merged, so what
the provider has is known) and only while nothing else is on its way.
"""

from __future__ import annotations

from typing import assert_never

import attrs

from agentsup.ids import RequestId
from agentsup.loop import messages as msg
from agentsup.loop.calls import in_doubt, may_run_again, run, take_result
from agentsup.loop.effects import (
    Attach,
    AwaitRest,
    Detach,
    Effect,
    Open,
    Post,
    StartTimer,
)
from agentsup.loop.endings import REST, end_request, end_session, end_terminated, stop_request
from agentsup.loop.plan import Plan
from agentsup.loop.state import Call, Link, State
from agentsup.talk import events as ev
from agentsup.talk.content import Part
from agentsup.talk.outgoing import GiveResult, SayMessage, SayStop


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
    if state.ended is None:
        _answer(plan, message)
        _settle(plan)
    return Step(plan.state, tuple(plan.events), tuple(plan.effects))


# --- answering a message -----------------------------------------------------------------------------------------------------


def _answer(plan: Plan, message: msg.Message) -> None:  # noqa: C901  -- one clause per message is the point
    match message:
        case msg.News(bodies):
            for body in bodies:
                _hear(plan, body)
        case msg.Start(token, existing):
            plan.happen(ev.SessionStarted(token=token))
            if existing is None:
                plan.do(Open(token, search=False, attempt=0))
            else:
                _bind(plan, existing)
        case msg.Revive(reason):
            _revive(plan, reason)
        case msg.Submit(request_id, parts):
            _accept(plan, request_id, parts)
        case msg.Opened(provider_session_id):
            _bind(plan, provider_session_id)
        case msg.Attached():
            plan.happen(ev.Connected())
            _withdraw_stale(plan)
        case msg.Lost(reason):
            _lose(plan, reason)
        case msg.Unanswered(reason):
            plan.state = attrs.evolve(plan.state, posting=False)
            _lose(plan, reason)
        case msg.Refused(failure, fatal):
            _refuse(plan, failure, fatal=fatal)
        case msg.Posted(keys):
            plan.state = attrs.evolve(plan.state, posting=False)
            _deliver(plan, keys)
        case msg.ToolDone(result):
            take_result(plan, result)
        case msg.TimedOut(request_id):
            _time_out(plan, request_id)
        case msg.RestOverdue(key):
            if plan.state.stopping and key == plan.state.last_stop:
                plan.happen(ev.RestGivenUp(key=key))
        case msg.Interrupt():
            stop_request(plan, ev.Failure(kind="interrupted", message="the request was interrupted"))
        case msg.Close():
            _close(plan)
        case msg.Abort(reason):
            end_session(plan, reason, ev.Failure(kind="closed", message=f"the session was {reason}"), interrupt=True)
        case _:
            assert_never(message)


def _bind(plan: Plan, provider_session_id: str) -> None:
    plan.happen(ev.Bound(provider_session_id=provider_session_id))
    plan.do(Attach(provider_session_id, plan.state.attempts))


def _hear(plan: Plan, body: ev.Theirs) -> None:
    told_before = type(body) is ev.Echoed and body.kind == "interrupt" and plan.state.unheard_stops > 0
    plan.happen(body)
    if type(body) is ev.Echoed and not told_before:
        _recognise(plan, body)


def _recognise(plan: Plan, echo: ev.Echoed) -> None:
    """An echo confirms the oldest unconfirmed input it can be of, whether or not the answer to our POST ever came.

    What was never sent cannot be echoed: an equal message is somebody else's, or one of before. A result is the call's, whoever gave it.
    """
    if echo.kind == "result":
        _deliver(plan, (f"result:{echo.call_id}",))
        return
    for item in plan.state.outbox:
        if item.key not in plan.state.sent:
            continue
        match echo.kind:
            case "message" if isinstance(item, SayMessage) and _alike(item.text, echo.text):
                break
            case "interrupt" if isinstance(item, SayStop):
                break
            case _:
                continue
    else:
        return
    _deliver(plan, (item.key,))


def _alike(ours: str, theirs: str | None) -> bool:
    """Whether a text came back: a provider may trim it or write its line ends in its own way."""
    return theirs is not None and ours.split() == theirs.split()


def _deliver(plan: Plan, keys: tuple[str, ...]) -> None:
    """Recorded once each, whichever of echo and answer comes first."""
    open_keys = {item.key for item in plan.state.outbox}.union(f"result:{call_id}" for call_id in plan.state.calls)
    new = tuple(key for key in keys if key in open_keys)
    if new:
        plan.happen(ev.Delivered(keys=new))


def _accept(plan: Plan, request_id: RequestId, parts: tuple[Part, ...]) -> None:
    if not plan.state.closing and not plan.state.knows(request_id):
        plan.happen(ev.Accepted(request_id=request_id, parts=parts))


def _revive(plan: Plan, reason: str) -> None:
    plan.happen(ev.SessionRestarted(number=plan.state.restarts + 1, reason=reason))
    current = plan.state.current
    if current is not None and plan.state.rules.timeout is not None:
        plan.do(StartTimer(current.id, plan.state.rules.timeout))
    if plan.state.stopping and plan.state.last_stop is not None:
        plan.do(AwaitRest(plan.state.last_stop, REST))
    for call in plan.state.calls.values():
        if call.started and call.result is None and not may_run_again(plan.state, call):
            plan.happen(ev.ToolEnded(result=in_doubt(call)))
    _connect(plan)


def _lose(plan: Plan, reason: str) -> None:
    """The connection broke, or a POST went unanswered: only the history can say what arrived, so it is asked before anything is sent.

    A POST may still be on its way when the stream breaks. Nothing else is sent until it has come to something, too.
    """
    state = plan.state
    attempt = state.attempts + 1
    plan.happen(ev.ConnectionLost(reason=reason, attempt=attempt))
    if state.link in (Link.ATTACHED, Link.ATTACHING):
        plan.do(Detach())
    limit = state.rules.max_attempts if state.reached else state.rules.max_open_attempts
    if limit is not None and attempt > limit:
        message = f"the connection was lost {attempt} times in a row, last: {reason}"
        end_session(plan, "connection lost", ev.Failure(kind="provider", message=message), interrupt=False)
    else:
        _connect(plan)


def _connect(plan: Plan) -> None:
    state = plan.state
    if state.provider_session_id is not None:
        plan.do(Attach(state.provider_session_id, state.attempts))
    elif state.token is not None:
        plan.do(Open(state.token, search=True, attempt=state.attempts))


def _withdraw_stale(plan: Plan) -> None:
    """A message whose request is over is not sent again once the history does not have it, and nothing is on its way any more."""
    if plan.state.posting:
        return
    current = plan.state.current.id if plan.state.current is not None else None
    keys = tuple(i.key for i in plan.state.outbox if isinstance(i, SayMessage) and i.request_id != current)
    if keys:
        plan.happen(ev.Withdrawn(keys=keys))


def _refuse(plan: Plan, failure: ev.Failure, *, fatal: bool) -> None:
    if fatal or not plan.state.posting:  # nothing was sent: it is the session that is refused, or to be heard of it
        end_session(plan, "refused by the provider", failure, interrupt=False)
        return
    # What was sent will never be taken. Forget it, so that the session can go on, and end the request it was for.
    plan.state = attrs.evolve(plan.state, posting=False)
    sent = [item for item in plan.state.outbox if item.key in plan.state.sent]
    idle = plan.state.idle
    missed = [i for i in sent if isinstance(i, GiveResult) and (idle is None or i.result.call_id not in idle.asked)]
    if missed:
        # Results nobody waits for any more: the calls were dropped while these were on their way. The rest is sent again.
        plan.happen(ev.Withdrawn(keys=tuple(item.key for item in missed)))
        return
    if not sent:
        return  # by the history it was taken, whatever the answer says
    plan.happen(ev.Withdrawn(keys=tuple(item.key for item in sent)))
    current = plan.state.current
    if current is None or any(isinstance(item, SayMessage) for item in plan.state.outbox):
        return  # the request it was for is over, and the present one's message did not go out yet
    if not any(isinstance(item, SayMessage) for item in sent):
        plan.happen(
            ev.InterruptSent(key=f"stop:{current.id}")
        )  # the agent has the message, and waits for what it refused
    end_request(plan, "terminated", None, failure)


def _time_out(plan: Plan, request_id: RequestId) -> None:
    current, seconds = plan.state.current, plan.state.rules.timeout
    if current is not None and current.id == request_id and seconds is not None:
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
        if state.terminated is not None:
            end_terminated(plan, state.terminated)
        elif state.current is None and state.queue:
            _begin(plan, state.queue[0])
        elif state.current is None and state.closing and not state.posting and not state.outbox:
            end_session(plan, "closed", None, interrupt=False)
        elif state.link is not Link.ATTACHED or not _act_on_idle(plan):
            break
    if plan.state.ended is None:
        _flush(plan)


def _begin(plan: Plan, accepted: ev.Accepted) -> None:
    plan.happen(ev.RequestStarted(request_id=accepted.request_id))
    if plan.state.rules.timeout is not None:
        plan.do(StartTimer(accepted.request_id, plan.state.rules.timeout))


def _act_on_idle(plan: Plan) -> bool:
    """Do what the provider's last word asks for; False when there is nothing (more) to do about it."""
    current, idle = plan.state.current, plan.state.idle
    if idle is None or (plan.state.stopping and idle.terminal == "requires_action"):
        return False
    asked = tuple(plan.state.calls[call_id] for call_id in idle.asked if call_id in plan.state.calls)
    if asked:
        return _act_on_asked(plan, tuple(call for call in asked if not call.queued))
    stale = bool(idle.asked) and all(call_id in plan.state.answered for call_id in idle.asked)
    if current is None or not current.armed or stale:
        return False
    # Done; or it waits for something this session cannot give.
    end_request(plan, idle.terminal, idle.stop_reason, None)
    return True


def _act_on_asked(plan: Plan, due: tuple[Call, ...]) -> bool:
    """Run what the provider waits for, then answer all of it at once. It may be left over from before this session was ours."""
    current = plan.state.current
    if not due:
        return False
    if current is not None and current.turns >= plan.state.rules.max_turns:
        limit = plan.state.rules.max_turns
        stop_request(plan, ev.Failure(kind="turn_limit", message=f"the request reached its limit of {limit} turns"))
        return True
    waiting = [call for call in due if call.result is None]
    if waiting:
        run(plan, [call for call in waiting if call.use.call_id not in plan.state.running])
        return False
    plan.happen(ev.Answered(call_ids=tuple(call.use.call_id for call in due)))
    return True


def _flush(plan: Plan) -> None:
    held = SayMessage if plan.state.stopping else ()
    items = tuple(item for item in plan.state.outbox if item.key in plan.state.sent or not isinstance(item, held))
    if items and plan.state.link is Link.ATTACHED and not plan.state.posting:
        plan.happen(ev.Sending(keys=tuple(item.key for item in items)))
        plan.state = attrs.evolve(plan.state, posting=True)
        plan.do(Post(items))
