"""One session of a harness: its open calls, the rest of its script, its folder, and what runs in it."""

from __future__ import annotations

import uuid

import attrs
import trio

from agentsup.sim.directions import Direction
from agentsup.sim.exchange import Json

from .folder import Folder
from .inhabitants import kill_group
from .messages import Call, Meaning, Prompt, Results
from .refusal import throttled
from .stream import Stream

MOST_WAITING = 100
"""Invokes that wait for their turn in one session. When full, the next one is throttled."""

MOST_COMMANDS = 50
"""Commands at once in one session; likewise."""


@attrs.define(eq=False)
class Session:
    """What the service keeps for one (harness, runtime session id); stopping it forgets everything."""

    id: str
    begun: bool = False
    """Whether anything was ever accepted; before that there is nothing to stop."""
    stopped: bool = False
    pending: tuple[Call, ...] = ()
    """The calls that wait for results."""
    rest: tuple[Direction, ...] = attrs.field(default=(), repr=False)
    """What the agent does after them."""
    results: tuple[str, ...] = attrs.field(default=(), repr=False)
    """The newest batch's, for `{results}`."""
    folder: Folder = attrs.field(factory=Folder)
    streams: set[Stream] = attrs.field(factory=set, repr=False)
    scopes: set[trio.CancelScope] = attrs.field(factory=set, repr=False)
    """Of the running turn and commands."""
    groups: set[int] = attrs.field(factory=set, repr=False)
    """The process groups of its commands."""
    commands: int = 0
    turn: trio.Semaphore = attrs.field(factory=lambda: trio.Semaphore(1, max_value=1), repr=False)
    gone: trio.Event = attrs.field(factory=trio.Event, repr=False)
    """Set when it was stopped and nothing of it is left."""

    @property
    def busy(self) -> bool:
        """Whether a turn runs."""
        return self.turn.value == 0

    @property
    def waiting(self) -> int:
        """How many invokes wait for their turn."""
        return self.turn.statistics().tasks_waiting

    async def take_turn(self) -> None:
        """Waits until nobody else's invoke runs, first come, first served.

        Raises:
            AwsRefused: 429, too many wait already.
        """
        if self.waiting >= MOST_WAITING:
            raise throttled("Too many invocations wait for this session")
        await self.turn.acquire()

    def accept(self, meaning: Meaning) -> tuple[Direction, ...]:
        """Takes what a request means; what is to be performed now."""
        self.begun = True
        match meaning:
            case Prompt(script):
                return script
            case Results(texts):
                self.results = texts
                self.pending = ()
                rest, self.rest = self.rest, ()
                return rest

    def suspend(self, calls: tuple[Call, ...], rest: tuple[Direction, ...]) -> None:
        """Waits for the results of calls; then the rest is performed."""
        self.pending, self.rest = calls, rest

    def stop(self) -> None:
        """Ends everything in it at once: turns, streams, processes, files. A second time does nothing."""
        if self.stopped:
            return
        self.stopped = True
        for stream in self.streams:
            stream.cut(mid_frame=False)
        while self.groups:
            kill_group(self.groups.pop())
        for scope in self.scopes:
            scope.cancel()
        self._leave()

    def begin_command(self) -> None:
        """One more command runs.

        Raises:
            AwsRefused: 429, too many run already.
        """
        if self.commands >= MOST_COMMANDS:
            raise throttled("Too many commands run in this session")
        self.begun = True
        self.commands += 1

    def end_command(self) -> None:
        """One fewer."""
        self.commands -= 1
        if self.stopped:
            self._leave()

    def _leave(self) -> None:
        if not self.commands:
            self.folder.remove()
            self.gone.set()


def new_call(name: str, given: Json) -> Call:
    """A call with an id of its own, in the service's alphabet."""
    return Call(f"tooluse_{uuid.uuid4().hex}", name, given)
