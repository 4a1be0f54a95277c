"""How an input of ours is known again when the provider shows it: by its call, by its text, or by what it was in its own words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, assert_never

from agentsup.talk import events as ev
from agentsup.talk.outgoing import DefineOutcome, GiveLeave, GiveResult, Outgoing, SayMessage, SayRaw, SayStop


def alike(ours: str, theirs: str | None) -> bool:
    """Whether a text came back: a provider may trim it or write its line ends in its own way."""
    return theirs is not None and ours.split() == theirs.split()


def answers(item: Outgoing, echo: ev.Echoed) -> bool:
    """Whether the echo can be of this input. Results and leave are told by their call, and not by this."""
    match item:
        case SayMessage():
            return echo.kind == "message" and alike(item.text, echo.text)
        case DefineOutcome():
            return echo.kind == "outcome"
        case SayStop():
            return echo.kind == "interrupt"
        case SayRaw():
            return echo.kind != "interrupt" and _contains(echo.raw, item.raw)
        case GiveResult() | GiveLeave():
            return False
    assert_never(item)


def _contains(whole: Mapping[str, Any], part: Mapping[str, Any]) -> bool:
    """Whether everything that was said is in what came back; the provider adds to it, and may drop what it says nowhere."""
    return all(key in whole and whole[key] == value for key, value in part.items())
