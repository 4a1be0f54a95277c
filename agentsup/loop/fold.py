"""How each event changes a session: all transitions of the state stand in one table at the end of this file, `_APPLY`.

`apply` is the only way a state comes into being, live or replayed, so the fold of a session's journal *is* its state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import attrs

from agentsup.ids import CallId, RequestId
from agentsup.loop.echoes import alike
from agentsup.loop.state import REMEMBERED, Call, Current, Link, Now, Rules, State
from agentsup.talk import events as ev
from agentsup.talk.content import Part, Text
from agentsup.talk.outgoing import (
    DefineOutcome,
    GiveLeave,
    GiveResult,
    Opening,
    Outgoing,
    SayMessage,
    SayRaw,
    SayStop,
    begins,
)


def apply(state: State, event: ev.Kept) -> State:
    """The state after the event. Total: every kept event has an answer in every state."""
    change = _APPLY.get(type(event))
    return state if change is None else change(state, event)


def fold(state: State, events: Iterable[ev.Kept]) -> State:
    """The state after all the events, in order."""
    for event in events:
        state = apply(state, event)
    return state


def initial(rules: Rules) -> State:
    """The state before the first event."""
    return State(rules=rules)


# --- ours ------------------------------------------------------------------------------------------------------------------


def _started(state: State, event: ev.SessionStarted) -> State:
    return attrs.evolve(state, token=event.token)


def _restarted(state: State, event: ev.SessionRestarted) -> State:
    return attrs.evolve(state, restarts=event.number, last_error=event.reason, link=_unattached(state), now=Now())


def _resumed(state: State, _: ev.Resumed) -> State:
    return attrs.evolve(state, asleep=False, link=_unattached(state), now=Now())


def _passivated(state: State, _: ev.Passivated) -> State:
    return attrs.evolve(state, asleep=True, link=_unattached(state))


def _forked(state: State, _: ev.Forked) -> State:
    """The provider's session stays with the one this was forked from: what was open there is not ours."""
    fresh = State(rules=state.rules)
    return attrs.evolve(fresh, requests=state.requests, turns=state.turns, usage=state.usage, done=state.done)


def _unattached(state: State) -> Link:
    return Link.OPENING if state.provider_session_id is None else Link.ATTACHING


def _bound(state: State, event: ev.Bound) -> State:
    return attrs.evolve(state, provider_session_id=event.provider_session_id, link=Link.ATTACHING)


def _connected(state: State, _: ev.Connected) -> State:
    return attrs.evolve(state, link=Link.ATTACHED, reached=True)


def _lost(state: State, event: ev.ConnectionLost) -> State:
    return attrs.evolve(
        state,
        link=_unattached(state),
        attempts=event.attempt,
        reconnects=state.reconnects + 1,
        last_error=event.reason,
    )


def _accepted(state: State, event: ev.Accepted) -> State:
    if not event.next:
        return attrs.evolve(state, queue=(*state.queue, event))
    place = sum(1 for waits in state.queue if waits.next)  # these stand together, in front, in their own order
    return attrs.evolve(state, queue=(*state.queue[:place], event, *state.queue[place:]))


def _request_started(state: State, event: ev.RequestStarted) -> State:
    accepted = next((waits for waits in state.queue if waits.request_id == event.request_id), None)
    if accepted is None:
        return state
    return attrs.evolve(
        state,
        queue=tuple(waits for waits in state.queue if waits is not accepted),
        current=Current(id=event.request_id),
        requests=state.requests + 1,
        steers=(),
        outbox=(*state.outbox, _opening(accepted, state.steers)),
    )


def _opening(accepted: ev.Accepted, steers: tuple[ev.Steered, ...]) -> Opening:
    """What begins the request; words that waited for it are part of its message, so that its first model call sees them."""
    words: tuple[Part, ...] = tuple(part for steer in steers for part in steer.parts)
    if accepted.outcome is None:
        return SayMessage(accepted.request_id, (*accepted.parts, *words))
    outcome = accepted.outcome
    if words:
        told = "\n".join((outcome.description, *(part.text for part in words if isinstance(part, Text))))
        outcome = attrs.evolve(outcome, description=told)
    return DefineOutcome(accepted.request_id, outcome)


def _steered(state: State, event: ev.Steered) -> State:
    state = _remembered(state, event.message_id)
    if state.current is None:
        return attrs.evolve(state, steers=(*state.steers, event))
    return _join(state, state.current, event.message_id, event.parts)


def _directed(state: State, event: ev.Directed) -> State:
    current = state.current
    if current is None:
        return state
    current = attrs.evolve(current, reprompts=current.reprompts + 1)
    return _join(state, current, event.message_id, (Text(event.text),))


def _join(state: State, current: Current, message_id: RequestId, parts: tuple[Part, ...]) -> State:
    """One more message for the running request, which is not over before the agent has come to it."""
    word = SayMessage(current.id, parts, message_id)
    return attrs.evolve(state, outbox=(*state.outbox, word), current=attrs.evolve(current, owed=(*current.owed, word)))


def _raw_asked(state: State, event: ev.RawAsked) -> State:
    return attrs.evolve(_remembered(state, event.key), outbox=(*state.outbox, SayRaw(event.key, event.raw)))


def _remembered(state: State, word: str) -> State:
    return attrs.evolve(state, words=(*state.words, word)[-REMEMBERED:])


def _sending(state: State, event: ev.Sending) -> State:
    return attrs.evolve(state, sent=state.sent.union(event.keys))


def _delivered(state: State, event: ev.Delivered) -> State:
    outbox = tuple(item for item in state.outbox if item.key not in event.keys)
    stops = sum(isinstance(item, SayStop) and item.key in event.keys for item in state.outbox)
    state = attrs.evolve(
        state, outbox=outbox, sent=state.sent.difference(event.keys), unheard_stops=state.unheard_stops + stops
    )
    return _settled(state, _results(event.keys))


def _withdrawn(state: State, event: ev.Withdrawn) -> State:
    gone = [item for item in state.outbox if item.key in event.keys]
    outbox = tuple(item for item in state.outbox if item.key not in event.keys)
    # A message that never arrived made nobody work, and an interrupt that was refused stops nobody: there will be no rest to wait for.
    moot = any(isinstance(item, SayStop) or (begins(item) and item.key in state.sent) for item in gone)
    sent, stopping = state.sent.difference(event.keys), state.stopping and not moot
    state = attrs.evolve(state, outbox=outbox, sent=sent, stopping=stopping)
    if state.current is not None and state.current.owed:
        owed = tuple(word for word in state.current.owed if word.key not in event.keys)
        state = attrs.evolve(state, current=attrs.evolve(state.current, owed=owed))
    return _settled(state, _results(event.keys))


def _approval_awaited(state: State, event: ev.ApprovalAwaited) -> State:
    return _with_call(state, event.call_id, awaited=True)


def _confirmed(state: State, event: ev.Confirmed) -> State:
    return _with_call(state, event.call_id, leave=event)


def _tool_started(state: State, event: ev.ToolStarted) -> State:
    return _with_call(state, event.call_id, started=True)


def _tool_ended(state: State, event: ev.ToolEnded) -> State:
    return _with_call(state, event.result.call_id, result=event.result)


def _doubt_raised(state: State, event: ev.DoubtRaised) -> State:
    return _with_call(state, event.call_id, doubt=True)


def _doubt_resolved(state: State, event: ev.DoubtResolved) -> State:
    return _with_call(state, event.call_id, doubt=False, started=False)


def _turn_judged(state: State, event: ev.TurnJudged) -> State:
    current = state.current
    if current is None or event.turn <= current.judged:
        return state
    halts = event.over or event.halt is not None
    return attrs.evolve(state, current=attrs.evolve(current, judged=event.turn, halt=event if halts else current.halt))


def _answered(state: State, event: ev.Answered) -> State:
    calls = dict(state.calls)
    answers: list[Outgoing] = []
    for call_id in event.call_ids:
        call = calls.get(call_id)
        answer = None if call is None or call.queued else _answer(call)
        if call is not None and answer is not None:
            calls[call_id] = attrs.evolve(call, queued=True)
            answers.append(answer)
    current = state.current
    if current is not None:
        current = attrs.evolve(current, rounds=current.rounds + 1)
    # In front of words that joined meanwhile: the agent reads them behind the results.
    words = tuple(item for item in state.outbox if _joins(item) and item.key not in state.sent)
    others = tuple(item for item in state.outbox if item not in words)
    return attrs.evolve(state, calls=calls, current=current, outbox=(*others, *answers, *words))


def _answer(call: Call) -> Outgoing | None:
    if call.ours:
        return None if call.result is None else GiveResult(call.result)
    return None if call.leave is None else GiveLeave(call.use.call_id, call.leave.allow, call.leave.message)


def _joins(item: Outgoing) -> bool:
    return isinstance(item, SayMessage) and item.message_id is not None


def _interrupt_sent(state: State, event: ev.InterruptSent) -> State:
    """The agent works, or is about to, unless it came to rest and this was not acted on yet (the history is still being merged)."""
    current, idle = state.current, state.idle
    rests = idle is not None and idle.terminal != "requires_action" and (current is None or current.armed)
    outbox = (*state.outbox, SayStop(event.key))
    return attrs.evolve(state, outbox=outbox, stopping=not rests, last_stop=event.key)


def _rest_given_up(state: State, event: ev.RestGivenUp) -> State:
    return attrs.evolve(state, stopping=False) if event.key == state.last_stop else state


def _request_ended(state: State, event: ev.RequestEnded) -> State:
    """The running request ended, or one that had not begun."""
    done = (*state.done, event.request_id)[-REMEMBERED:]
    if state.current is None or state.current.id != event.request_id:
        queue = tuple(accepted for accepted in state.queue if accepted.request_id != event.request_id)
        return attrs.evolve(state, queue=queue, done=done)
    return attrs.evolve(state, current=None, done=done)


def _closing(state: State, _: ev.Closing) -> State:
    return attrs.evolve(state, closing=True)


def _session_ended(state: State, event: ev.SessionEnded) -> State:
    return attrs.evolve(
        state, ended=event, link=Link.GONE, last_error=event.failure.message if event.failure else state.last_error
    )


# --- theirs ------------------------------------------------------------------------------------------------------------------


def _working(state: State, _: ev.Working) -> State:
    current = state.current
    if current is not None and not _elsewhere(state, current):
        armed = current.armed or not any(begins(item) for item in state.outbox)
        current = attrs.evolve(current, working=True, armed=armed)
    return attrs.evolve(state, attempts=0, idle=None, current=current)


def _busy(state: State, _: ev.Heard) -> State:
    """The agent did something: a provider that does not say when it begins to work is believed by what it does."""
    if state.current is None or state.current.working or _elsewhere(state, state.current):
        return state if not state.attempts else attrs.evolve(state, attempts=0)
    return attrs.evolve(state, attempts=0, current=attrs.evolve(state.current, working=True))


def _measured(state: State, event: ev.Measured) -> State:
    state = _busy(state, event)
    usage = attrs.evolve(event.usage, raw=())
    current = state.current
    if current is not None and not _elsewhere(state, current):
        current = attrs.evolve(current, spent=current.spent + usage)
    return attrs.evolve(state, usage=state.usage + usage, current=current)


def _tool_asked(state: State, event: ev.ToolAsked) -> State:
    state = _busy(state, event)
    current = state.current
    if current is not None and event.use.name == state.rules.terminal_tool and not _elsewhere(state, current):
        state = attrs.evolve(state, current=attrs.evolve(current, concluded=True))
    return _with_new_call(state, Call(use=event.use))


def _server_tool_used(state: State, event: ev.ServerToolUsed) -> State:
    state = _busy(state, event)
    return _with_new_call(state, Call(use=event.use, ours=False)) if event.asks else state


def _server_tool_ended(state: State, event: ev.ServerToolEnded) -> State:
    """A call that asked for leave has it, or was denied it, from whomever: nobody here need say anything any more."""
    state = _busy(state, event)
    call = state.calls.get(event.call_id)
    if call is None or call.ours or call.queued:  # a word that is on its way is confirmed by its own echo, or refused
        return state
    return _settled(state, [event.call_id])


def _with_new_call(state: State, call: Call) -> State:
    call_id = call.use.call_id
    if call_id in state.calls or call_id in state.answered:
        return state
    return attrs.evolve(state, calls={**state.calls, call_id: call})


def _waiting(state: State, event: ev.Waiting) -> State:
    current, turns = state.current, state.turns
    if current is not None and current.working:
        current, turns = attrs.evolve(current, working=False, turns=current.turns + 1), turns + 1
    state = attrs.evolve(state, attempts=0, idle=event, current=current, turns=turns)
    if event.terminal == "requires_action":
        # It waits for somebody else as well, and an interrupt may change nothing about that: then this is the rest.
        ours = all(call_id in state.calls or call_id in state.answered for call_id in event.asked)
        return state if ours else attrs.evolve(state, stopping=False)
    # Nothing is open over there any more; what is on its way may still be confirmed.
    return _settled(attrs.evolve(state, stopping=False), [key for key, call in state.calls.items() if not call.queued])


def _terminated(state: State, event: ev.Terminated) -> State:
    current, turns = state.current, state.turns
    if current is not None and current.working:
        current, turns = attrs.evolve(current, working=False, turns=current.turns + 1), turns + 1
    return attrs.evolve(state, attempts=0, terminated=event, current=current, turns=turns)


def _echoed(state: State, event: ev.Echoed) -> State:
    """Our input came back. A request is armed by its message's echo, in the provider's order, so no older idle can end it."""
    if event.kind == "interrupt":
        state = attrs.evolve(state, unheard_stops=state.unheard_stops - 1)
    begins_work = event.kind in ("message", "outcome")
    if not begins_work or state.current is None or _unsent(state, state.current):
        return state if not state.attempts else attrs.evolve(state, attempts=0)
    if event.queued:
        return attrs.evolve(state, attempts=0, current=attrs.evolve(state.current, queued=not state.current.armed))
    waits_for_us = state.idle is not None and state.idle.terminal == "requires_action"
    idle = state.idle if waits_for_us else None
    current = attrs.evolve(state.current, armed=True, queued=False, owed=_without_one(state.current.owed, event.text))
    return attrs.evolve(state, attempts=0, idle=idle, current=current)


def _without_one(owed: tuple[SayMessage, ...], text: str | None) -> tuple[SayMessage, ...]:
    """Without the oldest word that was echoed by this text."""
    heard = next((word for word in owed if alike(word.text, text)), None)
    return owed if heard is None else tuple(word for word in owed if word is not heard)


def _noted(state: State, _: ev.Noted) -> State:
    return attrs.evolve(state, attempts=0) if state.attempts else state


def _troubled(state: State, event: ev.Troubled) -> State:
    return attrs.evolve(state, attempts=0, last_error=event.kind)


def _results(keys: Iterable[str]) -> list[CallId]:
    """The calls that are answered by these."""
    parted = (key.partition(":") for key in keys)
    return [CallId(call_id) for kind, _, call_id in parted if kind in ("result", "leave")]


def _settled(state: State, call_ids: list[CallId]) -> State:
    """These calls want nothing more, and are recognised should they be named again."""
    if not call_ids:
        return state
    calls = {call_id: call for call_id, call in state.calls.items() if call_id not in call_ids}
    return attrs.evolve(state, calls=calls, answered=(*state.answered, *call_ids)[-REMEMBERED:])


def _unsent(state: State, current: Current) -> bool:
    """Whether the provider cannot know of the request yet: what it says is about something else."""
    key = f"message:{current.id}"
    return key not in state.sent and any(item.key == key for item in state.outbox)


def _elsewhere(state: State, current: Current) -> bool:
    """Whether what the provider does cannot be about the request: it does not know of it yet, or has not come to it."""
    return current.queued or _unsent(state, current)


def _with_call(state: State, call_id: CallId, **changes: Any) -> State:
    call = state.calls.get(call_id)
    if call is None:
        return state
    return attrs.evolve(state, calls={**state.calls, call_id: attrs.evolve(call, **changes)})


_APPLY: Mapping[type[Any], Callable[[State, Any], State]] = {
    ev.SessionStarted: _started,
    ev.SessionRestarted: _restarted,
    ev.Resumed: _resumed,
    ev.Passivated: _passivated,
    ev.Forked: _forked,
    ev.Bound: _bound,
    ev.Connected: _connected,
    ev.ConnectionLost: _lost,
    ev.Accepted: _accepted,
    ev.Steered: _steered,
    ev.Directed: _directed,
    ev.RawAsked: _raw_asked,
    ev.RequestStarted: _request_started,
    ev.Sending: _sending,
    ev.Delivered: _delivered,
    ev.Withdrawn: _withdrawn,
    ev.ApprovalAwaited: _approval_awaited,
    ev.Confirmed: _confirmed,
    ev.ToolStarted: _tool_started,
    ev.ToolEnded: _tool_ended,
    ev.DoubtRaised: _doubt_raised,
    ev.DoubtResolved: _doubt_resolved,
    ev.TurnJudged: _turn_judged,
    ev.Answered: _answered,
    ev.InterruptSent: _interrupt_sent,
    ev.RestGivenUp: _rest_given_up,
    ev.RequestEnded: _request_ended,
    ev.Closing: _closing,
    ev.SessionEnded: _session_ended,
    ev.Working: _working,
    ev.Waiting: _waiting,
    ev.Terminated: _terminated,
    ev.Said: _busy,
    ev.ToolAsked: _tool_asked,
    ev.ServerToolUsed: _server_tool_used,
    ev.ServerToolEnded: _server_tool_ended,
    ev.Measured: _measured,
    ev.Echoed: _echoed,
    ev.Troubled: _troubled,
    ev.Noted: _noted,
}
