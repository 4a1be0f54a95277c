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

from typing import TypeGuard, assert_never

import attrs

from agentsup.ids import RequestId
from agentsup.loop import messages as msg
from agentsup.loop.calls import act_on_asked, confirm, look_after, resolve, take_result, undecided
from agentsup.loop.echoes import answers
from agentsup.loop.effects import (
    Attach,
    AwaitRest,
    Detach,
    Effect,
    Judge,
    Open,
    PauseTimer,
    Post,
    Rest,
    ResumeTimer,
    StartTimer,
)
from agentsup.loop.endings import REST, end_request, end_session, end_terminated, stop_request
from agentsup.loop.limits import exceeded, may_begin
from agentsup.loop.plan import Plan
from agentsup.loop.state import Current, Link, State
from agentsup.talk import events as ev
from agentsup.talk.outgoing import DefineOutcome, GiveLeave, GiveResult, Outgoing, SayMessage, SayRaw, begins


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
        _mind_the_clock(plan, state)
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
        case msg.Revive():
            _revive(plan, message)
        case msg.Submit():
            _accept(plan, message)
        case msg.Steer(message_id, parts):
            if not plan.state.closing and not plan.state.knows_word(message_id):
                plan.happen(ev.Steered(message_id=message_id, parts=parts))
        case msg.SendRaw(key, raw):
            if not plan.state.closing and not plan.state.knows_word(key):
                plan.happen(ev.RawAsked(key=key, raw=raw))
        case msg.Confirm():
            confirm(plan, message)
        case msg.Undecided(call_id):
            undecided(plan, call_id)
        case msg.Resolve(call_id, result):
            resolve(plan, call_id, result)
        case msg.Judged():
            _judged(plan, message)
        case msg.Passivate():
            _passivate(plan)
        case msg.Opened(provider_session_id):
            _bind(plan, provider_session_id)
        case msg.Attached():
            plan.happen(ev.Connected())
            _withdraw_stale(plan)
        case msg.Lost(reason):
            _lose(plan, reason)
        case msg.Unanswered(reason):
            plan.now(posting=False)
            _lose(plan, reason)
        case msg.Refused(failure, fatal):
            _refuse(plan, failure, fatal=fatal)
        case msg.Posted(keys):
            plan.now(posting=False)
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
    if echo.kind in ("result", "confirmation"):
        kind = "result" if echo.kind == "result" else "leave"
        _deliver(plan, (f"{kind}:{echo.call_id}",))
        return
    state = plan.state
    item = next((item for item in state.outbox if item.key in state.sent and answers(item, echo)), None)
    if item is not None:
        _deliver(plan, (item.key,))


def _deliver(plan: Plan, keys: tuple[str, ...]) -> None:
    """Recorded once each, whichever of echo and answer comes first."""
    waiting = {item.key for item in plan.state.outbox}
    for call_id, call in plan.state.calls.items():
        waiting.add(f"{'result' if call.ours else 'leave'}:{call_id}")
    new = tuple(key for key in keys if key in waiting)
    if new:
        plan.happen(ev.Delivered(keys=new))


def _accept(plan: Plan, message: msg.Submit) -> None:
    if not plan.state.closing and not plan.state.knows(message.request_id):
        plan.happen(
            ev.Accepted(request_id=message.request_id, parts=message.parts, outcome=message.outcome, next=message.next)
        )


def _revive(plan: Plan, message: msg.Revive) -> None:
    if message.crashed:
        plan.happen(ev.SessionRestarted(number=plan.state.restarts + 1, reason=message.reason))
    else:
        plan.happen(ev.Resumed(reason=message.reason))
    current = plan.state.current
    if current is not None and plan.state.rules.timeout is not None:
        plan.do(StartTimer(current.id, plan.state.rules.timeout))
        if plan.state.waits_for_person:
            plan.do(PauseTimer(current.id))
    if plan.state.stopping and plan.state.last_stop is not None:
        plan.do(AwaitRest(plan.state.last_stop, REST))
    look_after(plan)
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
    if plan.state.now.posting:
        return
    current = plan.state.current.id if plan.state.current is not None else None
    keys = tuple(i.key for i in plan.state.outbox if _says(i) and i.request_id != current)
    if keys:
        plan.happen(ev.Withdrawn(keys=keys))


def _refuse(plan: Plan, failure: ev.Failure, *, fatal: bool) -> None:
    if fatal or not plan.state.now.posting:  # nothing was sent: it is the session that is refused, or to be heard of it
        end_session(plan, "refused by the provider", failure, interrupt=False)
        return
    # What was sent will never be taken. Forget it, so that the session can go on, and end the request it was for.
    plan.now(posting=False)
    sent = [item for item in plan.state.outbox if item.key in plan.state.sent]
    missed = _missed(plan.state, sent)
    if missed:
        # Answers nobody waits for any more: the calls were dropped while these were on their way. The rest is sent again.
        plan.happen(ev.Withdrawn(keys=missed))
        return
    if not sent:
        return  # by the history it was taken, whatever the answer says
    plan.happen(ev.Withdrawn(keys=tuple(item.key for item in sent), failure=failure))
    if all(isinstance(item, SayRaw) or (isinstance(item, SayMessage) and not begins(item)) for item in sent):
        return  # whoever said it is told; the request goes on without
    current = plan.state.current
    if current is None or any(begins(item) for item in plan.state.outbox):
        return  # the request it was for is over, and the present one's message did not go out yet
    if not any(begins(item) for item in sent):
        # The agent has the message, and waits for what it refused.
        plan.happen(ev.InterruptSent(key=f"stop:{current.id}"))
    end_request(plan, "terminated", None, failure)


def _missed(state: State, sent: list[Outgoing]) -> tuple[str, ...]:
    asked = state.idle.asked if state.idle is not None else ()
    found = []
    for item in sent:
        match item:
            case GiveResult(result) if result.call_id not in asked:
                found.append(item.key)
            case GiveLeave(call_id) if call_id not in asked:
                found.append(item.key)
    return tuple(found)


def _judged(plan: Plan, message: msg.Judged) -> None:
    plan.now(judging=False)
    current = plan.state.current
    if current is None or current.id != message.request_id or message.turn <= current.judged:
        return
    plan.happen(ev.TurnJudged(turn=message.turn, halt=message.halt, cost=message.cost, over=message.over))


def _passivate(plan: Plan) -> None:
    """Only when nothing is under way, and nothing waits to be: what the provider does meanwhile is found in its history."""
    state = plan.state
    busy = state.name != "idle" or state.queue or state.outbox or state.now.posting or state.closing or state.stopping
    if not busy:
        plan.do(Detach())
        plan.happen(ev.Passivated())
        plan.do(Rest())


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
    while plan.state.ended is None and not plan.state.asleep:
        state = plan.state
        if state.terminated is not None:
            end_terminated(plan, state.terminated)
        elif state.current is None and state.queue:
            _begin(plan, state.queue[0])
        elif state.current is None and state.closing and not state.now.posting and not state.outbox:
            end_session(plan, "closed", None, interrupt=False)
        elif state.link is not Link.ATTACHED or not _act_on_idle(plan):
            break
    if plan.state.ended is None:
        _flush(plan)


def _begin(plan: Plan, accepted: ev.Accepted) -> None:
    failure = may_begin(plan.state)
    if failure is not None:
        plan.happen(ev.RequestEnded(request_id=accepted.request_id, terminal="terminated", failure=failure))
        return
    plan.happen(ev.RequestStarted(request_id=accepted.request_id))
    if plan.state.rules.timeout is not None:
        plan.do(StartTimer(accepted.request_id, plan.state.rules.timeout))


def _act_on_idle(plan: Plan) -> bool:
    """Do what the provider's last word asks for; False when there is nothing (more) to do about it."""
    current, idle = plan.state.current, plan.state.idle
    if idle is None or (plan.state.stopping and idle.terminal == "requires_action"):
        return False
    asked = tuple(plan.state.calls[call_id] for call_id in idle.asked if call_id in plan.state.calls)
    stale = bool(idle.asked) and all(call_id in plan.state.answered for call_id in idle.asked)
    if not asked and (current is None or not current.armed or stale):
        return False
    if current is not None and not _is_judged(plan, current):
        return False
    if current is not None and current.halt is not None:
        halt = current.halt
        kind: ev.FailureKind = "budget" if halt.over else "halted"
        stop_request(plan, ev.Failure(kind=kind, message=halt.halt or "the request cost more than it may"))
        return True
    if asked:
        return act_on_asked(plan, tuple(call for call in asked if not call.queued))
    assert current is not None
    if idle.terminal == "end_turn" and (current.owed or _direct(plan, current)):
        return False  # the agent has not come to all that it was told
    # Done; or it waits for something this session cannot give.
    end_request(plan, idle.terminal, _stop_reason(plan.state, current, idle), None)
    return True


def _is_judged(plan: Plan, current: Current) -> bool:
    """Whether the newest turn was looked at, where somebody wants to; asks, if it was not."""
    state = plan.state
    if not state.rules.judged or current.judged >= current.turns:
        return True
    if not state.now.judging:
        plan.now(judging=True)
        plan.do(Judge(current.id, current.turns, state.turns, current.spent))
    return False


def _lacks_conclusion(state: State, current: Current) -> bool:
    return state.rules.terminal_tool is not None and not current.concluded


def _direct(plan: Plan, current: Current) -> bool:
    """Tell the agent that a tool must be called before it is done; False if it was, or was told often enough."""
    rules = plan.state.rules
    if not _lacks_conclusion(plan.state, current) or current.reprompts >= rules.max_reprompts:
        return False
    if plan.state.closing or exceeded(plan.state, current) is not None:
        return False
    number = current.reprompts + 1
    text = f"You have not called the tool `{rules.terminal_tool}` yet. Call it now to finish."
    plan.happen(ev.Directed(message_id=RequestId(f"{current.id}:directive:{number}"), kind="terminal_tool", text=text))
    return True


def _stop_reason(state: State, current: Current, idle: ev.Waiting) -> object:
    if idle.terminal == "end_turn" and _lacks_conclusion(state, current):
        return NO_TERMINAL_TOOL
    return idle.stop_reason


NO_TERMINAL_TOOL = "no_terminal_tool"
"""The stop reason of a request whose agent was told to call a tool, and did not. It is our word: no provider has one for it."""


def _flush(plan: Plan) -> None:
    """Send what waits, in order. An event in the provider's own words goes alone: what it is refused for concerns nothing else."""
    state = plan.state
    if state.link is not Link.ATTACHED or state.now.posting or state.asleep:
        return
    items: list[Outgoing] = []
    for item in state.outbox:
        if _is_held(state, item):
            continue
        if isinstance(item, SayRaw):
            items = items or [item]
            break
        items.append(item)
    if items:
        plan.happen(ev.Sending(keys=tuple(item.key for item in items)))
        plan.now(posting=True)
        plan.do(Post(tuple(items)))


def _is_held(state: State, item: Outgoing) -> bool:
    """Whether it waits although the way is free: behind an agent that comes to rest, or behind results that are not there yet."""
    if item.key in state.sent or not _says(item):
        return False
    if state.stopping:
        return True
    idle = state.idle
    open_calls = idle is not None and any(call_id in state.calls for call_id in idle.asked)
    return open_calls and not begins(item) and not any(isinstance(i, GiveResult | GiveLeave) for i in state.outbox)


def _says(item: Outgoing) -> TypeGuard[SayMessage | DefineOutcome]:
    return isinstance(item, SayMessage | DefineOutcome)


def _mind_the_clock(plan: Plan, before: State) -> None:
    """A request's time stands still while it waits for a person."""
    current = plan.state.current
    if current is None or before.current is None or before.current.id != current.id:
        return
    was, waits = before.waits_for_person, plan.state.waits_for_person
    if waits and not was:
        plan.do(PauseTimer(current.id))
    elif was and not waits:
        plan.do(ResumeTimer(current.id))
