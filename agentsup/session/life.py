"""What outlives an incarnation: a session's journal, its subscribers, and whoever waits for it.

The session's actor comes and goes with crashes and restarts; this is what the next incarnation finds, and what a `SessionRef` holds on
to. Recording and publishing are one synchronous step, so no crash can come between them.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Protocol

import trio

from agentsup.errors import AgentsupError
from agentsup.ids import Cursor, RequestId, SessionId
from agentsup.journal.memory import MemoryLog
from agentsup.loop.fold import fold, initial
from agentsup.loop.results import result_of
from agentsup.loop.state import State
from agentsup.otp import ChildSpec
from agentsup.otp.intensity import Window
from agentsup.otp.refs import Ref
from agentsup.session.errors import SessionClosed, error_for
from agentsup.session.spec import SessionSpec
from agentsup.session.subscription import Overflow, Subscription, check_options
from agentsup.talk.events import (
    Connected,
    Entry,
    Kept,
    Passing,
    RequestEnded,
    RequestStarted,
    SessionEnded,
    SessionEvent,
)
from agentsup.talk.result import SessionResult

_MILESTONES = frozenset({Connected, RequestStarted, RequestEnded, SessionEnded})
"""Events that somebody besides subscribers waits for, or that must be remembered here."""


class Listener(Protocol):
    """Whoever hears every session's events."""

    def offer(self, event: SessionEvent) -> None:
        """Take note of an event; must not wait."""


class Life:
    """One session, from its start to its end, over all its incarnations."""

    def __init__(self, session_id: SessionId, spec: SessionSpec, *, listener: Listener) -> None:
        self.session_id = session_id
        self.spec = spec
        self.log = MemoryLog()
        self.child: ChildSpec | None = None
        """How it is started again, should the supervisor of all sessions itself have been; None in a tree of the user's own."""
        self.incarnation = 0
        self.task: Ref | None = None
        """The last incarnation's address; by it this session is told from a later one of the same id."""
        self.window = Window(spec.restart.intensity, spec.restart.period)
        """Its restart budget, on trio's clock."""
        self.provider_session_id: str | None = None
        self.ended: SessionEnded | None = None
        self.abandoned = False
        self.opened = False
        """The provider's session has been there and followed, at least once."""
        self._listener = listener
        self._subscriptions: set[Subscription] = set()
        self._waiting: dict[RequestId, Waiting] = {}
        self._starts: dict[RequestId, Cursor] = {}
        self._changed = trio.Event()

    def __repr__(self) -> str:
        state = "ended" if self.ended is not None else f"incarnation {self.incarnation}"
        return f"<Life of {self.session_id!r}, {state}, cursor {self.log.cursor}>"

    def replayed(self) -> State:
        """The session's state by its journal."""
        return fold(initial(self.spec.rules), (entry.body for entry in self.log.read()))

    # --- the actor's side --------------------------------------------------------------------------------------------------

    def begin(self, task: Ref) -> None:
        """Another incarnation begins: this task."""
        self.task = task
        self.incarnation += 1
        self.notify()

    def notify(self) -> None:
        """Wake everybody who waits for something about this session to change."""
        changed, self._changed = self._changed, trio.Event()
        changed.set()

    def record(self, bodies: Sequence[Kept]) -> None:
        """Keep these events and show them to everybody who listens."""
        for entry in self.log.append(bodies, at=time.time()):
            self._publish(entry)

    def show(self, body: Passing) -> None:
        """Show an event that is not kept to those who listen now."""
        if self._subscriptions:
            event = SessionEvent(cursor=self.log.cursor, session_id=self.session_id, at=time.time(), body=body)
            self._offer(event)

    def _publish(self, entry: Entry) -> None:
        body = entry.body
        if type(body) not in _MILESTONES:
            if self._subscriptions:
                self._offer(self._event(entry))
            return
        if isinstance(body, RequestStarted):
            self._starts[body.request_id] = entry.cursor
        event = self._event(entry)
        self._offer(event)
        match body:
            case Connected():
                self.opened = True
                self.notify()
            case RequestEnded():
                self._settle(body, event)
                self._listener.offer(event)
            case SessionEnded():
                self._end(body)
                self._listener.offer(event)

    def _offer(self, event: SessionEvent) -> None:
        for subscription in tuple(self._subscriptions):
            subscription.offer(event)

    def _settle(self, body: RequestEnded, event: SessionEvent) -> None:
        waiting = self._waiting.pop(body.request_id, None)
        if waiting is not None:
            assert event.result is not None
            waiting.settle(event.result if body.failure is None else error_for(body.failure, event.result))

    def _end(self, body: SessionEnded) -> None:
        self.ended = body
        for subscription in tuple(self._subscriptions):
            subscription.end()
        self.notify()

    # --- everybody else's side ---------------------------------------------------------------------------------------------

    def expect(self, request_id: RequestId) -> Waiting:
        """Wait for this request's terminal from now on; it need not be accepted yet."""
        return self._waiting.setdefault(request_id, Waiting())

    def forget(self, request_id: RequestId) -> None:
        """Nobody waits for this request any more."""
        self._waiting.pop(request_id, None)

    def subscribe(self, *, after: int | None, buffer: int, overflow: Overflow) -> Subscription:
        """The session's events behind the cursor, then live.

        Raises:
            SpecError: an option cannot be used.
        """
        check_options(after, buffer, overflow)
        now = self.log.cursor
        start = None if after is None else Cursor(after)
        subscription = Subscription(self, after=start, now=now, buffer=buffer, overflow=overflow)
        if self.ended is None and not self.abandoned:
            self._subscriptions.add(subscription)
        else:
            subscription.end()
        return subscription

    def leave(self, subscription: Subscription) -> None:
        """The subscriber goes."""
        self._subscriptions.discard(subscription)

    def replay(self, *, after: int) -> Iterator[SessionEvent]:
        """The kept events behind the cursor, as subscribers get them."""
        return (self._event(entry) for entry in self.log.read(after=after))

    def result(self, request_id: RequestId, *, start: int = 0) -> SessionResult:
        """What the request has come to, by the journal."""
        bodies = (entry.body for entry in self.log.read(after=max(0, start - 1)))
        return result_of(bodies, request_id, session_id=self.session_id, provider_session_id=self.provider_session_id)

    async def change(self) -> None:
        """Wait until another incarnation began, the session ended, or it settled into another state."""
        await self._changed.wait()

    def abandon(self) -> None:
        """The runtime is left: nobody will hear of this session again here, though it has not ended."""
        self.abandoned = True
        for waiting in self._waiting.values():
            waiting.settle(SessionClosed("the runtime was left while the request was running"))
        self._waiting.clear()
        for subscription in tuple(self._subscriptions):
            subscription.end()
        self.notify()

    def check_open(self) -> None:
        """Raise if the session takes nothing more.

        Raises:
            SessionClosed: it has ended, or its runtime was left.
        """
        if self.ended is not None:
            raise SessionClosed(f"the session {self.session_id!r} is over: {self.ended.reason}")
        if self.abandoned:
            raise SessionClosed(f"the runtime of the session {self.session_id!r} was left")

    def _event(self, entry: Entry) -> SessionEvent:
        result = None
        if isinstance(entry.body, RequestEnded):
            result = self.result(entry.body.request_id, start=self._starts.get(entry.body.request_id, 0))
        return SessionEvent(
            cursor=entry.cursor, session_id=self.session_id, at=entry.at, body=entry.body, result=result
        )


class Waiting:
    """Somebody waits for a request's terminal."""

    def __init__(self) -> None:
        self._settled = trio.Event()
        self._outcome: SessionResult | AgentsupError | None = None

    def settle(self, outcome: SessionResult | AgentsupError) -> None:
        """The request came to this."""
        self._outcome = outcome
        self._settled.set()

    async def wait(self) -> SessionResult:
        """What the request came to.

        Raises:
            RequestFailed: we ended it.
            SessionClosed: its runtime was left before it ended.
        """
        await self._settled.wait()
        assert self._outcome is not None
        if isinstance(self._outcome, AgentsupError):
            raise self._outcome
        return self._outcome
