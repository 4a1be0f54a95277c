"""What outlives an incarnation: a session's log, its subscribers, and whoever waits for it.

The session's actor comes and goes with crashes, restarts and passivation; this is what the next incarnation finds, and what a `SessionRef`
holds on to. Nothing is shown before it is durable, so nobody has seen what the end of the process could take back.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from typing import Protocol

import trio

from agentsup import telemetry
from agentsup.ids import Cursor, RequestId, SessionId
from agentsup.journal.base import Journal, Stored
from agentsup.loop.endings import laid_down
from agentsup.loop.fold import apply
from agentsup.loop.rules import Rules
from agentsup.loop.state import State
from agentsup.otp import ChildSpec, signal
from agentsup.otp.intensity import Window
from agentsup.otp.refs import Ref
from agentsup.session.audience import Audience
from agentsup.session.errors import ProviderFailed, SessionClosed, error_for
from agentsup.session.faults import report
from agentsup.session.log import SessionLog
from agentsup.session.outlet import Outlet
from agentsup.session.past import PAGE, event_of, every, result_from, told
from agentsup.session.spec import SessionSpec
from agentsup.session.subscription import Overflow, Subscription, check_options
from agentsup.session.telling import Telling
from agentsup.session.waiting import Awaited
from agentsup.talk.events import (
    Connected,
    Delivered,
    Dropped,
    Entry,
    Failure,
    Kept,
    Passing,
    Passivated,
    RequestEnded,
    SessionEnded,
    SessionEvent,
    Withdrawn,
)
from agentsup.talk.result import SessionResult


class Listener(Protocol):
    """Whoever hears every session's events."""

    def offer(self, event: SessionEvent) -> None:
        """Take note of an event; must not wait."""


class Durable:
    """To the actor: everything it waits for is durable."""


DURABLE = Durable()


class Life:
    """One generation of a session, from its start to its end, over all its incarnations."""

    def __init__(
        self, stored: Stored, spec: SessionSpec, *, journal: Journal, listener: Listener, rules: Rules | None = None
    ) -> None:
        self.stored = stored
        self.session_id: SessionId = stored.session_id
        self.spec = spec
        self.rules = spec.rules if rules is None else rules
        self.log: SessionLog | None = None
        """None while the session is not resident."""
        self.child: ChildSpec | None = None
        """How it is started again, by the supervisor of all sessions or when it is wanted; None in a tree of the user's own."""
        self.incarnation = 0
        self.task: Ref | None = None
        """The last incarnation's address; by it this session is told from a later one of the same id."""
        self.window = Window(spec.restart.intensity, spec.restart.period)
        """Its restart budget, on trio's clock."""
        self.provider_session_id: str | None = None
        self.ended: SessionEnded | None = None
        self.abandoned = False
        self._why = ""
        self.opened = False
        """The provider's session has been there and followed, at least once."""
        self.awaits_durability = False
        """The present incarnation wants to know when everything recorded is durable."""
        self._journal = journal
        self._listener = listener
        self.awaited = Awaited()
        """What somebody waits for, over all incarnations."""
        self._audience = Audience()
        self._outlet = Outlet(self.session_id, self._audience, published=stored.last, reached=self._reached)
        self._changed: trio.Event | None = None
        self._told: Telling | None = None

    @property
    def _telling(self) -> Telling:
        if self._told is None:
            self._told = Telling(self.session_id, self.spec)
        return self._told

    def __repr__(self) -> str:
        state = "ended" if self.ended is not None else f"incarnation {self.incarnation}"
        return f"<Life of {self.session_id!r}, {state}, {self.log!r}>"

    # --- residence -----------------------------------------------------------------------------------------------------------

    async def take_up(self) -> SessionLog:
        """The log, read from the journal if the session is not resident. One task does this at a time."""
        if self.log is None:
            log = SessionLog(self._journal, self.stored.key, self.rules)
            await log.load()
            await log.wait_durable()  # it may have been kept a moment ago, by a task in a tree of the user's own
            self._outlet.published = log.cursor
            self.provider_session_id = log.state.provider_session_id
            self.ended = log.state.ended
            self.log = log
        return self.log

    def adopt(self, spec: SessionSpec, rules: Rules) -> None:
        """It is described anew, before it begins here."""
        self.spec, self.rules = spec, rules
        self.window = Window(spec.restart.intensity, spec.restart.period)

    async def peek(self) -> State:
        """How the session is, without taking it up."""
        if self.log is not None:
            return self.log.state
        log = SessionLog(self._journal, self.stored.key, self.rules)
        await log.load()
        return log.state if log.state.ended is not None else apply(log.state, Passivated())

    def put_down(self) -> None:
        """Leave memory: everything is in the journal."""
        if self.log is not None:
            self.log.snapshot()
            self.log = None
            self.notify()

    async def lay_down(self, reason: str) -> None:
        """End a session that does not run: each request that was accepted has its terminal, then the session has its own."""
        log = await self.take_up()
        if log.state.ended is None:
            state, bodies = laid_down(log.state, reason)
            self.record(bodies, state)
        while self.ended is None:
            await self.change()

    @property
    def is_awake(self) -> bool:
        """Whether it has begun here and was not put down."""
        return self.log is not None and not self.log.state.asleep

    @property
    def resident(self) -> SessionLog:
        """The log of a session that is known to be resident."""
        assert self.log is not None
        return self.log

    # --- the actor's side --------------------------------------------------------------------------------------------------

    def begin(self, task: Ref) -> None:
        """Another incarnation begins: this task."""
        self.task = task
        self.incarnation += 1
        self.awaits_durability = False
        self.notify()

    def notify(self) -> None:
        """Wake everybody who waits for something about this session to change."""
        if self._changed is not None:
            changed, self._changed = self._changed, None
            changed.set()

    def record(self, bodies: Sequence[Kept], state: State) -> None:
        """Keep these events, and show them to everybody who listens when they are durable."""
        self.provider_session_id = state.provider_session_id
        log = self.resident
        self._outlet.hold(log.append(bodies, state, at=time.time(), committed=self._committed))
        report(bodies, session_id=self.session_id, provider_session_id=self.provider_session_id)
        if telemetry.listening():
            self._telling.tell(bodies, provider_session_id=self.provider_session_id)
        self._outlet.release(log.durable)

    def show(self, body: Passing) -> None:
        """Show an event that is not kept to those who listen now, behind what was recorded before it."""
        if not self._audience:
            return
        event = SessionEvent(cursor=self.resident.cursor, session_id=self.session_id, at=time.time(), body=body)
        self._outlet.offer(event)

    @property
    def published(self) -> Cursor:
        """The cursor of the last event that was shown."""
        return self._outlet.published

    @property
    def is_durable(self) -> bool:
        """Whether everything recorded so far outlives this process."""
        return self.log is None or self.log.durable >= self.log.cursor

    def _committed(self, cursor: Cursor) -> None:
        """What was recorded up to here is durable."""
        if self.log is None:
            return
        self.log.durable = cursor
        self._outlet.release(cursor)
        if self.awaits_durability and self.is_durable and self.task is not None:
            self.awaits_durability = False
            signal(self.task, DURABLE)

    def _reached(self, cursor: Cursor, at: float, body: Kept) -> None:
        """Show a milestone, and tell whoever waits for it."""
        if isinstance(body, RequestEnded):
            self._end_request(body, cursor, at)
            return
        event = SessionEvent(cursor=cursor, session_id=self.session_id, at=at, body=body)
        self._audience.offer(event)
        match body:
            case Connected():
                self.opened = True
                self.notify()
            case Delivered(keys=keys):
                self.awaited.delivered(keys)
            case Withdrawn(keys=keys, failure=failure):
                self.awaited.withdrawn(keys, lambda: self._not_sent(failure))
            case SessionEnded():
                self._end(body)
                self._listener.offer(event)

    def _end_request(self, body: RequestEnded, cursor: Cursor, at: float) -> None:
        log = self.resident
        bodies = log.of_request(body.request_id, upto=cursor)
        result = result_from(bodies, body.request_id, self.stored, self.provider_session_id)
        event = SessionEvent(cursor=cursor, session_id=self.session_id, at=at, body=body, result=result)
        if telemetry.listening():
            self._telling.tell_end(body, result)
        self._audience.offer(event)
        self.awaited.ended(body, result)
        self._listener.offer(event)
        log.let_go(body.request_id)

    def _not_sent(self, failure: Failure | None) -> ProviderFailed:
        why = failure or Failure(kind="closed", message="it was not sent: the session came to its end before")
        return ProviderFailed(why, self.nothing)

    def _end(self, body: SessionEnded) -> None:
        self.ended = body
        self.awaited.fail(SessionClosed(f"the session {self.session_id!r} is over: {body.reason}"))
        self._audience.end()
        self.notify()

    # --- everybody else's side ---------------------------------------------------------------------------------------------

    def subscribe(self, *, after: int | None, buffer: int, overflow: Overflow) -> Subscription:
        """The session's events behind the cursor, then live.

        Raises:
            SpecError: an option cannot be used.
        """
        check_options(after, buffer, overflow)
        start = None if after is None else Cursor(after)
        subscription = Subscription(self, after=start, buffer=buffer, overflow=overflow)
        if self.ended is None and not self.abandoned:
            self._audience.join(subscription)
        else:
            subscription.end()
        return subscription

    def leave(self, subscription: Subscription) -> None:
        """The subscriber goes."""
        self._audience.leave(subscription)

    def recent(self, *, after: Cursor) -> tuple[SessionEvent, ...] | None:
        """What was shown behind the cursor, if that can be told without reading; requests' ends have to be read."""
        at_hand = None if self.log is None else self.log.at_hand(after=after, upto=self.published)
        if at_hand is None or any(isinstance(entry.body, RequestEnded) for entry in at_hand):
            return None
        return tuple(event_of(entry, self.stored) for entry in at_hand)

    async def replay(self, *, after: Cursor) -> tuple[SessionEvent, ...]:
        """The next of the events that were shown behind the cursor; none if there are none. If none is kept any more, how many that were."""
        upto = self.published
        entries = await self._read(after)
        if not entries and after < upto:  # its records were deleted, or an ended session's place was needed
            lost = Dropped(count=upto - after)
            return (SessionEvent(cursor=upto, session_id=self.session_id, at=time.time(), body=lost),)
        return tuple([await told(entry, self.stored, self._journal, self._read) for entry in entries])

    def entries(self) -> AsyncIterator[Entry]:
        """Everything that was shown and is kept, from the start."""
        return every(self._read)

    async def _read(self, after: Cursor) -> tuple[Entry, ...]:
        upto = self.published
        if after >= upto:
            return ()
        if self.log is not None:
            return await self.log.read(after=after, upto=upto)
        page = await self._journal.read(self.stored.key, after=after, limit=PAGE)
        return tuple(entry for entry in page if entry.cursor <= upto)

    @property
    def nothing(self) -> SessionResult:
        """The result of no request at all, for errors that concern none."""
        return result_from((), RequestId(""), self.stored, self.provider_session_id)

    async def change(self) -> None:
        """Wait until another incarnation began, the session ended, or it settled into another state."""
        if self._changed is None:
            self._changed = trio.Event()
        await self._changed.wait()

    async def wait_open(self) -> None:
        """Wait until the session is open at the provider and followed.

        Raises:
            ProviderFailed: the provider refused, or could not be reached.
            SessionClosed: the session ended for another reason.
        """
        while not self.opened:
            if self.ended is not None and self.ended.failure is not None:
                raise error_for(self.ended.failure, self.nothing)
            self.check_open()
            await self.change()

    def abandon(self, why: str = "its runtime was left") -> None:
        """Nobody will hear of this session again here, though it has not ended."""
        self.abandoned = True
        self._why = why
        self.awaited.fail(SessionClosed(f"the session {self.session_id!r} is out of reach: {why}"))
        self._audience.end()
        self.notify()

    def check_open(self) -> None:
        """Raise if the session takes nothing more.

        Raises:
            SessionClosed: it has ended, was deleted, or its runtime was left.
        """
        if self.ended is not None:
            raise SessionClosed(f"the session {self.session_id!r} is over: {self.ended.reason}")
        if self.abandoned:
            raise SessionClosed(f"the session {self.session_id!r} is out of reach: {self._why}")
