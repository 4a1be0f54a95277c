"""What becomes of a session by what the provider says: one function per event of theirs."""

from __future__ import annotations

import attrs

from agentsup.loop.echoes import is_waiting, next_up, origin
from agentsup.loop.state import Call, Sent, State
from agentsup.talk import events as ev
from agentsup.talk.outgoing import SayStop, says


def working(state: State, _: ev.Working) -> State:
    """An agent that begins to work without a word of what it has come to has come to the oldest."""
    current, unheard = state.current, state.unheard
    if current is not None and current.taken_up and not current.working:
        current = attrs.evolve(current, working=True)
    if unheard and not state.at_work:
        begun = next_up(unheard)
        unheard = unheard if begun is None else _behind(unheard, begun)
    return attrs.evolve(state, attempts=0, idle=None, at_work=True, current=current, unheard=unheard)


def _behind(unheard: tuple[Sent, ...], heard: Sent) -> tuple[Sent, ...]:
    """Without what the agent came to; what waited over there before it will not be come to any more. An interrupt jumps the queue."""
    place = unheard.index(heard)
    before = unheard[:place]
    if not isinstance(heard.item, SayStop):
        before = tuple(sent for sent in before if sent.echo is None)
    return (*before, *unheard[place + 1 :])


def busy(state: State, _: ev.Heard) -> State:
    """The agent did something: a provider that does not say when it begins to work is believed by what it does."""
    current = state.current
    if current is None or current.working or not current.taken_up:
        return state if not state.attempts else attrs.evolve(state, attempts=0)
    return attrs.evolve(state, attempts=0, current=attrs.evolve(current, working=True))


def measured(state: State, event: ev.Measured) -> State:
    """Tokens, of the request and of the session."""
    state = busy(state, event)
    usage = attrs.evolve(event.usage, raw=())
    current = state.current
    if current is not None and current.taken_up:
        current = attrs.evolve(current, spent=current.spent + usage)
    return attrs.evolve(state, usage=state.usage + usage, current=current)


def tool_asked(state: State, event: ev.ToolAsked) -> State:
    """A call of ours."""
    state = busy(state, event)
    current = state.current
    if current is not None and current.taken_up and event.use.name == state.rules.terminal_tool:
        state = attrs.evolve(state, current=attrs.evolve(current, concluded=True))
    return _with_new_call(state, Call(use=event.use, thread=event.thread))


def server_tool_used(state: State, event: ev.ServerToolUsed) -> State:
    """A call of the provider's own; one that asks for leave waits for us."""
    state = busy(state, event)
    return _with_new_call(state, Call(use=event.use, ours=False, thread=event.thread)) if event.asks else state


def thread_ended(state: State, event: ev.ThreadEnded) -> State:
    """Its calls want nothing more, whatever they have come to; answers on their way may still be confirmed."""
    gone = [call_id for call_id, call in state.calls.items() if call.thread == event.thread]
    return noted(state, event).settled(gone)


def _with_new_call(state: State, call: Call) -> State:
    call_id = call.use.call_id
    if call_id in state.calls or call_id in state.answered:
        return state
    return attrs.evolve(state, calls={**state.calls, call_id: call})


def waiting(state: State, event: ev.Waiting) -> State:
    """The agent stopped working."""
    state = attrs.evolve(_turn_over(state), attempts=0, idle=event)
    if event.terminal == "requires_action":
        # It waits for somebody else as well, and an interrupt may change nothing about that: then this is the rest.
        ours = all(call_id in state.calls or call_id in state.answered for call_id in event.asked)
        return state if ours else attrs.evolve(state, stopping=False)
    # What still waits over there comes next; if it was to be stopped as well, this is not the rest.
    stopping = state.stopping and any(says(sent.item) for sent in state.unheard)
    state = attrs.evolve(state, at_work=False, stopping=stopping)
    # Nothing is open over there any more; what is on its way may still be confirmed.
    return state.settled([call_id for call_id, call in state.calls.items() if not call.queued])


def _turn_over(state: State) -> State:
    """The agent stopped working; if it had, on the running request, that was a turn of it."""
    current = state.current
    if current is None or not current.working:
        return state
    current = attrs.evolve(current, working=False, turns=current.turns + 1)
    return attrs.evolve(state, current=current, turns=state.turns + 1)


def terminated(state: State, event: ev.Terminated) -> State:
    """Its session is over."""
    return attrs.evolve(_turn_over(state), attempts=0, at_work=False, terminated=event)


def echoed(state: State, event: ev.Echoed) -> State:
    """Our input came back: the agent has come to it, unless it waits over there."""
    heard, unheard, waits = origin(state, event), state.unheard, is_waiting(state, event)
    if heard is not None and waits:
        unheard = tuple(Sent(sent.item, event.id) if sent is heard else sent for sent in unheard)
    elif heard is not None:
        unheard = _behind(unheard, heard)
    state = attrs.evolve(state, attempts=0, unheard=unheard)
    if waits or event.kind not in ("message", "outcome"):
        return state
    waits_for_us = state.idle is not None and state.idle.terminal == "requires_action"
    return attrs.evolve(state, at_work=state.at_work or heard is not None, idle=state.idle if waits_for_us else None)


def noted(state: State, _: ev.Heard) -> State:
    """Only a sign of life."""
    return attrs.evolve(state, attempts=0) if state.attempts else state


def troubled(state: State, event: ev.Troubled) -> State:
    """An error, which alone ends nothing."""
    return attrs.evolve(state, attempts=0, last_error=event.kind)
