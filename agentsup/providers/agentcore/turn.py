"""One turn: an invoke that is asked for in one task and followed in another."""

from __future__ import annotations

import math
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import trio

from agentsup.providers.base import Rejected, Unavailable
from agentsup.talk import events as ev
from agentsup.talk.outgoing import GiveResult, Outgoing, SayMessage

INTERRUPTED = "interrupted"
"""The stop reason of a turn that was stopped by us; the service's own word for it."""


class Turn:
    """What is asked of the agent in one invoke, and what became of the asking.

    Who asks waits until it is `settled`: taken by the service, or refused. Who asks may also stop waiting (`take`): then whatever becomes
    of it is told as an event, like everything after.
    """

    def __init__(
        self,
        items: Sequence[Outgoing] = (),
        *,
        said: Sequence[Any] = (),
        seconds: float | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self.id = uuid.uuid4().hex
        """New for every attempt of anybody, so that events of two attempts are told apart."""

        self.items = tuple(items)
        self.said = list(said)
        """The items as the service's messages."""

        self.options = dict(options or {})
        """What the agent has otherwise in it, in the service's words."""

        self._until = math.inf if seconds is None else trio.current_time() + seconds
        self.settled = trio.Event()
        self.over = trio.Event()
        """Nothing more is told of it."""

        self.scope = trio.CancelScope()
        """Cancelled to stop it."""

        self.refusal: Rejected | Unavailable | None = None
        self._echoed = False

    def __repr__(self) -> str:
        return f"<Turn {self.id[:8]} {'over' if self.over.is_set() else 'taken' if self.settled.is_set() else 'asked'}>"

    @property
    def seconds(self) -> float | None:
        """What is left of the request's time."""
        return None if math.isinf(self._until) else max(0.0, self._until - trio.current_time())

    def take(self) -> None:
        """It is, or may be, with the service."""
        self.settled.set()

    def refuse(self, why: Rejected | Unavailable) -> bool:
        """It is not done. False if nobody waits to hear so any more."""
        if self.settled.is_set():
            return False
        self.refusal = why
        self.settled.set()
        return True

    def echoes(self) -> tuple[ev.Theirs, ...]:
        """Our inputs, coming back: the service says nothing of them, and by these the session knows what follows as their answer. Once."""
        if self._echoed:
            return ()
        self._echoed = True
        return tuple(echo for item in self.items for echo in _echo(item))

    def stopped(self) -> tuple[ev.Theirs, ...]:
        """It was stopped by us: the interrupt comes back, and the agent rests."""
        rest = ev.Waiting(id=f"{self.id}.stopped", raw={}, terminal="terminated", stop_reason=INTERRUPTED)
        return (ev.Echoed(id=None, raw={}, kind="interrupt"), rest)

    def broke(self, failure: ev.Failure) -> ev.Waiting:
        """It came to no good end."""
        return ev.Waiting(
            id=f"{self.id}.broke", raw={}, terminal="terminated", stop_reason=failure.code, failure=failure
        )


def _echo(item: Outgoing) -> tuple[ev.Theirs, ...]:
    match item:
        case SayMessage():
            return (ev.Echoed(id=None, raw={}, kind="message", text=item.text),)
        case GiveResult(result):
            return (ev.Echoed(id=None, raw={}, kind="result", call_id=result.call_id),)
    return ()
