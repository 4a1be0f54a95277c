"""How an input of ours is known again when the provider shows it: by its call, by its text, or by what it was in its own words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import assert_never

from agentsup.loop.state import Sent, State
from agentsup.talk import events as ev
from agentsup.talk.outgoing import DefineOutcome, SayMessage, SayRaw, SayStop, Shown, says


def origin(state: State, echo: ev.Echoed) -> Sent | None:
    """What the echo is of: what was shown to wait under its id, else the oldest that says the same; None if it is of none of ours.

    What was never sent cannot be echoed: an equal message is somebody else's, or one of before.
    """
    if echo.id is not None:
        for sent in state.unheard:
            if sent.echo == echo.id:
                return sent
    return next((sent for sent in state.unheard if sent.echo is None and _is_of(echo, sent.item)), None)


def is_waiting(state: State, echo: ev.Echoed) -> bool:
    """Whether the provider has what it shows, and has older work to do first. Of an outcome it does not say so by itself."""
    older = echo.kind == "outcome" and (state.at_work or any(sent.echo is not None for sent in state.unheard))
    return echo.queued or older


def next_up(unheard: Iterable[Sent]) -> Sent | None:
    """What an agent that begins to work without a word has come to: the oldest that it was told."""
    return next((sent for sent in unheard if says(sent.item)), None)


def _is_of(echo: ev.Echoed, item: Shown) -> bool:
    """Whether the echo can be of this input."""
    match item:
        case SayMessage():
            return echo.kind == "message" and _alike(item.text, echo.text)
        case DefineOutcome():
            return echo.kind == "outcome"
        case SayStop():
            return echo.kind == "interrupt"
        case SayRaw():
            return _contains(echo.raw, item.raw)
    assert_never(item)


def _alike(ours: str, theirs: str | None) -> bool:
    """Whether a text came back: a provider may trim it or write its line ends in its own way, or not show it at all."""
    return not theirs or ours.split() == theirs.split()


def _contains(whole: object, part: object) -> bool:
    """Whether everything that was said is in what came back; the provider adds to it."""
    if isinstance(part, Mapping) and isinstance(whole, Mapping):
        return all(key in whole and _contains(whole[key], value) for key, value in part.items())
    if isinstance(part, list | tuple) and isinstance(whole, list | tuple):
        return len(whole) == len(part) and all(map(_contains, whole, part))
    return whole == part
