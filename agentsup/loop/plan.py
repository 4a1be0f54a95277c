"""A step in the making: what happens and what is to be done, with the state as it is after each event."""

from __future__ import annotations

from typing import Any

import attrs

from agentsup.loop.effects import Effect
from agentsup.loop.fold import apply
from agentsup.loop.state import State
from agentsup.talk import events as ev


class Plan:
    """The step being made: each event that happens changes the state at once."""

    __slots__ = ("effects", "events", "state")

    def __init__(self, state: State) -> None:
        self.state = state
        self.events: list[ev.Kept] = []
        self.effects: list[Effect] = []

    def happen(self, event: ev.Kept) -> None:
        """This happens now."""
        self.events.append(event)
        self.state = apply(self.state, event)

    def now(self, **changes: Any) -> None:
        """This is true of this incarnation, and told by no event."""
        self.state = attrs.evolve(self.state, now=attrs.evolve(self.state.now, **changes))

    def do(self, effect: Effect) -> None:
        """This is to be done, after what is to be done already."""
        self.effects.append(effect)
