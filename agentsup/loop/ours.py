"""What becomes of a session by what this side does: one function per event of ours."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import attrs

from agentsup.ids import CallId, RequestId
from agentsup.loop.state import REMEMBERED, Call, Current, Link, Now, Sent, State
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
    SetOptions,
    begins,
    says,
)


def started(state: State, event: ev.SessionStarted) -> State:
    """The session exists."""
    return attrs.evolve(state, token=event.token)


def restarted(state: State, event: ev.SessionRestarted) -> State:
    """Another incarnation."""
    return attrs.evolve(
        state,
        asleep=False,
        link=_unattached(state),
        now=Now(),
        restarts=event.number,
        last_error=event.reason,
    )


def resumed(state: State, _: ev.Resumed) -> State:
    """It is taken up again."""
    return attrs.evolve(state, asleep=False, link=_unattached(state), now=Now())


def passivated(state: State, _: ev.Passivated) -> State:
    """It leaves memory."""
    return attrs.evolve(state, asleep=True, link=_unattached(state))


def forked(state: State, _: ev.Forked) -> State:
    """The provider's session stays with the one this was forked from: what was open there is not ours."""
    fresh = State(rules=state.rules, limits=state.limits, options=state.options)
    return attrs.evolve(fresh, requests=state.requests, turns=state.turns, usage=state.usage, done=state.done)


def _unattached(state: State) -> Link:
    return Link.OPENING if state.provider_session_id is None else Link.ATTACHING


def bound(state: State, event: ev.Bound) -> State:
    """The provider's session is known."""
    return attrs.evolve(state, provider_session_id=event.provider_session_id, link=Link.ATTACHING)


def connected(state: State, _: ev.Connected) -> State:
    """The history is merged."""
    return attrs.evolve(state, link=Link.ATTACHED, reached=True)


def lost(state: State, event: ev.ConnectionLost) -> State:
    """The connection is gone."""
    return attrs.evolve(
        state,
        link=_unattached(state),
        attempts=event.attempt,
        reconnects=state.reconnects + 1,
        last_error=event.reason,
    )


def accepted(state: State, event: ev.Accepted) -> State:
    """A request waits for its turn."""
    if not event.next:
        return attrs.evolve(state, queue=(*state.queue, event))
    place = sum(1 for waits in state.queue if waits.next)  # these stand together, in front, in their own order
    return attrs.evolve(state, queue=(*state.queue[:place], event, *state.queue[place:]))


def request_started(state: State, event: ev.RequestStarted) -> State:
    """It is the request's turn."""
    accepted = next((waits for waits in state.queue if waits.request_id == event.request_id), None)
    if accepted is None:
        return state
    # Words that waited for it are part of its message, so that its first model call sees them.
    words = tuple(part for steer in state.steers for part in steer.parts)
    return attrs.evolve(
        state,
        queue=tuple(waits for waits in state.queue if waits is not accepted),
        current=Current(id=event.request_id),
        requests=state.requests + 1,
        steers=(),
        outbox=(*state.outbox, _with(_opening(accepted), words)),
    )


def _opening(accepted: ev.Accepted) -> Opening:
    if accepted.outcome is None:
        return SayMessage(accepted.request_id, accepted.parts)
    return DefineOutcome(accepted.request_id, accepted.outcome)


def _with(opening: Opening, words: tuple[Part, ...]) -> Opening:
    """What begins a request, with these words behind it."""
    if not words:
        return opening
    if isinstance(opening, SayMessage):
        return attrs.evolve(opening, parts=(*opening.parts, *words))
    told = "\n".join((opening.outcome.description, *(part.text for part in words if isinstance(part, Text))))
    return attrs.evolve(opening, outcome=attrs.evolve(opening.outcome, description=told))


def taken_up(state: State, event: ev.TakenUp) -> State:
    """The agent has come to it."""
    if state.current is None or state.current.id != event.request_id:
        return state
    return attrs.evolve(state, current=attrs.evolve(state.current, taken_up=True))


def steered(state: State, event: ev.Steered) -> State:
    """A word to a request whose message did not go out yet joins the message itself: its first model call sees it."""
    state = _remembered(state, event.message_id)
    current = state.current
    if current is None:
        return attrs.evolve(state, steers=(*state.steers, event))
    for place, item in enumerate(state.outbox):
        if begins(item) and item.request_id == current.id and item.key not in state.sent:
            opening = _with(item, event.parts)
            return attrs.evolve(state, outbox=(*state.outbox[:place], opening, *state.outbox[place + 1 :]))
    return _join(state, current, event.message_id, event.parts)


def directed(state: State, event: ev.Directed) -> State:
    """The runtime itself joins the request."""
    current = state.current
    if current is None:
        return state
    told = attrs.evolve(state, current=attrs.evolve(current, reprompts=current.reprompts + 1))
    return _join(told, current, event.message_id, (Text(event.text),))


def _join(state: State, current: Current, message_id: RequestId, parts: tuple[Part, ...]) -> State:
    """One more message for the running request."""
    return attrs.evolve(state, outbox=(*state.outbox, SayMessage(current.id, parts, message_id)))


def raw_asked(state: State, event: ev.RawAsked) -> State:
    """Something in the provider's own words is to go out."""
    return attrs.evolve(_remembered(state, event.key), outbox=(*state.outbox, SayRaw(event.key, event.raw)))


def configured(state: State, event: ev.Configured) -> State:
    """Other limits, other options: told to the provider if that keeps them, else kept here. None takes back what was configured."""
    state = _remembered(state, event.key)
    if event.limits is not None:
        state = attrs.evolve(state, limits=event.limits, rules=state.rules.under(event.limits))
    if event.sent:
        return attrs.evolve(state, outbox=(*state.outbox, SetOptions(event.key, event.options)))
    merged = {**state.options, **event.options}
    return attrs.evolve(state, options={name: value for name, value in merged.items() if value is not None})


def _remembered(state: State, word: str) -> State:
    return attrs.evolve(state, words=(*state.words, word)[-REMEMBERED:])


def sending(state: State, event: ev.Sending) -> State:
    """These may have arrived from now on. What went out before, and is not confirmed though the history was merged since, did not."""
    waiting = {item.key: item for item in state.outbox}
    going = [waiting[key] for key in event.keys if key in waiting]
    echoing = tuple(Sent(item) for item in going if not isinstance(item, GiveResult | GiveLeave | SetOptions))
    arrived = tuple(sent for sent in state.unheard if sent.item.key not in waiting)
    return attrs.evolve(state, sent=frozenset(item.key for item in going), unheard=(*arrived, *echoing)[-REMEMBERED:])


def delivered(state: State, event: ev.Delivered) -> State:
    """These have arrived."""
    outbox = tuple(item for item in state.outbox if item.key not in event.keys)
    state = attrs.evolve(state, outbox=outbox, sent=state.sent.difference(event.keys))
    return _with_the_word(state.settled(answers), answers) if (answers := _results(event.keys)) else state


def _with_the_word(state: State, answers: Collection[CallId]) -> State:
    """When all that is ours of what the agent waits for was answered, it is the agent's turn.

    It goes on, or says what it still waits for: its last word is not held against it, though it may have named calls of somebody else.
    """
    idle = state.idle
    if idle is None or not any(call_id in answers for call_id in idle.asked):
        return state
    return state if any(call_id in state.calls for call_id in idle.asked) else attrs.evolve(state, idle=None)


def withdrawn(state: State, event: ev.Withdrawn) -> State:
    """These did not arrive, and will not."""
    gone = [item for item in state.outbox if item.key in event.keys]
    # A message that never arrived made nobody work, and an interrupt that was refused stops nobody: there will be no rest to wait for.
    moot = any(isinstance(item, SayStop) or (begins(item) and item.key in state.sent) for item in gone)
    state = attrs.evolve(
        state,
        outbox=tuple(item for item in state.outbox if item.key not in event.keys),
        unheard=tuple(sent for sent in state.unheard if sent.item.key not in event.keys),
        sent=state.sent.difference(event.keys),
        stopping=state.stopping and not moot,
    )
    return state.settled(_results(event.keys))


def approval_awaited(state: State, event: ev.ApprovalAwaited) -> State:
    """A person is to say something about the call."""
    state = _with_call(state, event.call_id, awaited=True)
    return state if event.reason is None else attrs.evolve(state, last_error=event.reason)


def confirmed(state: State, event: ev.Confirmed) -> State:
    """Somebody has."""
    return _with_call(state, event.call_id, leave=event)


def tool_started(state: State, event: ev.ToolStarted) -> State:
    """The call runs."""
    return _with_call(state, event.call_id, started=True)


def tool_ended(state: State, event: ev.ToolEnded) -> State:
    """It came to something."""
    return _with_call(state, event.result.call_id, result=event.result)


def doubt_raised(state: State, event: ev.DoubtRaised) -> State:
    """Nobody knows what it came to."""
    return _with_call(state, event.call_id, doubt=True)


def doubt_resolved(state: State, event: ev.DoubtResolved) -> State:
    """It may run again."""
    return _with_call(state, event.call_id, doubt=False, started=False)


def turn_judged(state: State, event: ev.TurnJudged) -> State:
    """The turn was looked at."""
    current = state.current
    if current is None or event.turn <= current.judged:
        return state
    halts = event.over or event.halt is not None
    return attrs.evolve(state, current=attrs.evolve(current, judged=event.turn, halt=event if halts else current.halt))


def answered(state: State, event: ev.Answered) -> State:
    """The answers of a batch go out together."""
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
    return attrs.evolve(state, calls=calls, current=current, outbox=(*state.outbox, *answers))


def _answer(call: Call) -> Outgoing | None:
    if call.ours:
        return None if call.result is None else GiveResult(call.result, call.use)
    return None if call.leave is None else GiveLeave(call.use.call_id, call.leave.allow, call.leave.message)


def interrupt_sent(state: State, event: ev.InterruptSent) -> State:
    """The agent works, or is about to, unless it came to rest and this was not acted on yet (the history is still being merged)."""
    # In front of what must not be stopped by it: the next request's message, which is held back meanwhile.
    held = tuple(item for item in state.outbox if says(item) and item.key not in state.sent)
    others = tuple(item for item in state.outbox if item not in held)
    return attrs.evolve(
        state,
        outbox=(*others, SayStop(event.key), *held),
        stopping=not state.rests,
        stops=state.stops + 1,
        last_stop=event.key,
    )


def rest_given_up(state: State, event: ev.RestGivenUp) -> State:
    """The agent has not said that it rests, or rests and comes to nothing more: it has dropped what it was told before."""
    if event.key != state.last_stop:
        return state
    waits = state.at_work  # what is known to wait over there may still have its turn
    unheard = tuple(sent for sent in state.unheard if not says(sent.item) or (waits and sent.echo is not None))
    return attrs.evolve(state, stopping=False, unheard=unheard)


def request_ended(state: State, event: ev.RequestEnded) -> State:
    """The running request ended, or one that had not begun."""
    done = (*state.done, event.request_id)[-REMEMBERED:]
    if state.current is None or state.current.id != event.request_id:
        queue = tuple(accepted for accepted in state.queue if accepted.request_id != event.request_id)
        return attrs.evolve(state, queue=queue, done=done)
    return attrs.evolve(state, current=None, done=done)


def closing(state: State, _: ev.Closing) -> State:
    """Nothing more is taken."""
    return attrs.evolve(state, closing=True)


def session_ended(state: State, event: ev.SessionEnded) -> State:
    """It is over."""
    return attrs.evolve(
        state, ended=event, link=Link.GONE, last_error=event.failure.message if event.failure else state.last_error
    )


def _results(keys: Iterable[str]) -> list[CallId]:
    """The calls that are answered by these."""
    parted = (key.partition(":") for key in keys)
    return [CallId(call_id) for kind, _, call_id in parted if kind in ("result", "leave")]


def _with_call(state: State, call_id: CallId, **changes: Any) -> State:
    call = state.calls.get(call_id)
    if call is None:
        return state
    return attrs.evolve(state, calls={**state.calls, call_id: attrs.evolve(call, **changes)})
