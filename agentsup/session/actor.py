"""The session's actor: hands every message to the machine, keeps what follows, shows it, and has it done.

It never blocks. Whatever takes time (opening, following, sending, tools) runs in tasks of its own, which report to the mailbox; so a
session with a hanging tool still answers `info()` at once, and an interrupt reaches it.
"""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeAlias

import attrs
import structlog

from agentsup import otp
from agentsup.ids import Cursor
from agentsup.loop import messages as msg
from agentsup.loop.calls import may_confirm
from agentsup.loop.state import State
from agentsup.loop.step import step
from agentsup.providers.base import Rejected, Unavailable
from agentsup.providers.endpoint import CaughtUp, StreamEnded
from agentsup.providers.feed import Feed, Told
from agentsup.session.errors import NoSuchCall
from agentsup.session.life import Durable, Life
from agentsup.session.log import SessionLog
from agentsup.session.perform import Performer, Trouble
from agentsup.session.retention import Retention
from agentsup.session.services import Services
from agentsup.session.status import Status, status_of
from agentsup.talk.events import Heard, TextDelta, Theirs
from agentsup.talk.tools import ToolUse

_log = structlog.get_logger("agentsup.session")

FromUser: TypeAlias = (
    msg.Submit
    | msg.Steer
    | msg.SendRaw
    | msg.Configure
    | msg.Confirm
    | msg.Resolve
    | msg.Interrupt
    | msg.Close
    | msg.Abort
)
FromWork: TypeAlias = (
    msg.Opened
    | msg.Refused
    | msg.Posted
    | msg.ToolDone
    | msg.Confirm
    | msg.Undecided
    | msg.Judged
    | msg.TimedOut
    | msg.RestOverdue
)

FindLife: TypeAlias = Callable[[], Awaitable[Life]]
"""Gives the session to the task that lives it; the same one to every incarnation."""

BEHIND = 1024
"""Records that may wait to become durable before the session stops listening to its stream, which then waits as well."""


@attrs.frozen
class Tell(otp.Request[bool]):
    """A user's word to the session; answered once it is durable, with whether it was taken (a closing session takes no requests)."""

    message: FromUser


@attrs.frozen
class GetStatus(otp.Request[Status]):
    """How the session is."""


@attrs.frozen
class GetDoubts(otp.Request[tuple[ToolUse, ...]]):
    """The calls in doubt."""


@attrs.frozen
class _Due:
    """Something to be done when everything recorded up to a cursor is durable."""

    cursor: int
    action: Callable[[], None]


class SessionActor(otp.Actor):
    """One session, for one incarnation."""

    mailbox = otp.MailboxSpec(1024, "block")
    """Room for the stream to run ahead a little; when it is full, the stream, reports and users wait their turn."""

    state: State

    def __init__(self, find: FindLife, services: Services) -> None:
        self._find = find
        self._services = services
        self._life: Life
        self._log: SessionLog
        self._performer: Performer
        self._retention = Retention(services.keep_requests)
        self._due: deque[_Due] = deque()
        self._unheard: list[Feed] = []
        """Streams that have something to tell, and wait until this session is less far behind."""

    async def init(self) -> otp.Continue | otp.Ignore:
        """Take up the session where the journal says it is."""
        life = self._life = await self._find()
        self._log = await life.take_up()
        self._performer = Performer(self, life, self._services)
        self.state = self._log.state
        if self.state.ended is not None or life.abandoned:
            return otp.Ignore()
        # Once, for every line that is logged by the session, its tools and its callbacks: they inherit the context.
        structlog.contextvars.bind_contextvars(session_id=life.session_id)
        first = not life.incarnation
        self._services.enter(life)
        life.begin(self.ref)
        self._performer.begin()
        if self.state.token is None:
            return otp.Continue(msg.Start(secrets.token_hex(16), life.spec.provider.provider_session_id))
        if self.state.asleep:
            return otp.Continue(msg.Revive("it is wanted again", crashed=False))
        if first:
            return otp.Continue(msg.Revive("taken up from the store", crashed=False))
        if not self._services.may_restart(life):
            _log.error("session.given_up", session_id=life.session_id, restarts=life.spec.restart.intensity)
            return otp.Continue(msg.Abort("given up: its task failed more often than its restart policy allows"))
        return otp.Continue(msg.Revive("the session's task ended unexpectedly"))

    def handle_continue(self, message: msg.Message) -> None:
        """The first message of the incarnation."""
        self._advance(message)

    def handle_call(self, request: Tell | GetStatus | GetDoubts, caller: otp.Caller) -> otp.Reply | otp.NoReply:
        """A user's word, or question."""
        match request:
            case GetStatus():
                return otp.Reply(status_of(self.state, self._life.session_id))
            case GetDoubts():
                return otp.Reply(
                    tuple(call.use for call in self.state.calls.values() if call.doubt and not call.result)
                )
            case Tell(message):
                self._take(message, caller)
                return otp.NoReply()

    def _take(self, message: FromUser, caller: otp.Caller) -> None:
        """Hear a user out, and answer when what follows is durable."""
        trouble = self._services.journal.trouble
        if trouble is not None and isinstance(message, msg.Submit | msg.Steer | msg.SendRaw | msg.Configure):
            self.reply_error(caller, trouble)  # nothing more is taken on than could be kept
            return
        if not _is_known(self.state, message):
            call_id = message.call_id if isinstance(message, msg.Confirm | msg.Resolve) else ""
            self.reply_error(caller, NoSuchCall(f"no call {call_id!r} waits for a word"))
            return
        if self.state.asleep:
            self._advance(msg.Revive("it is wanted again", crashed=False))
        self._advance(message)
        taken = _is_taken(self.state, message)
        self._when_durable(lambda: self.reply(caller, taken))

    def handle_cast(self, message: FromWork | Trouble | Told | CaughtUp | StreamEnded) -> None:
        """News from the stream, and reports from work of our own."""
        match message:
            case Told(feed):
                if self._log.cursor - self._log.durable > BEHIND:
                    self._unheard.append(feed)
                    self._life.awaits_durability = True
                else:
                    self._hear(feed.take())
            case CaughtUp(generation):
                if generation == self._performer.generation:
                    self._advance(msg.Attached())
            case StreamEnded(generation, why):
                if generation == self._performer.generation:
                    self._fail(why)
            case Trouble(why, sending):
                self._fail(why, sending=sending)
            case _:
                self._advance(message)

    def handle_info(self, message: Any) -> None:
        """What was recorded is durable; the endpoint's task is gone, and our stream with it; or a timer of ours."""
        match message:
            case Durable():
                self._do_due()
            case otp.Down(ref=ref):
                if self._performer.lost_endpoint(ref):
                    self._fail(Unavailable("the connection's task ended"))
            case msg.TimedOut() | msg.RestOverdue() | msg.Passivate():
                self._advance(message)
            case _:
                _log.warning(
                    "session.unexpected_message", session_id=self._life.session_id, kind=type(message).__name__
                )

    def terminate(self, reason: otp.ExitReason) -> None:
        """A session that sleeps leaves memory with its task."""
        self._services.residents.leave(self._life)
        if self.state.asleep and self._life.is_durable:
            self._life.put_down()

    def _hear(self, bodies: Iterable[Theirs | TextDelta]) -> None:
        """Each event once, whichever way it came; runs of kept ones go to the machine together."""
        fresh: list[Theirs] = []
        marks: set[str] = set()
        for body in bodies:
            if isinstance(body, Heard):
                sighting = body.sighting
                if sighting is None:
                    fresh.append(body)
                elif sighting not in marks and body.id not in marks and not self._log.has_seen(body):
                    marks.add(sighting)
                    fresh.append(body)
            else:
                self._flush(fresh)
                self._life.show(body)
        self._flush(fresh)

    def _flush(self, fresh: list[Theirs]) -> None:
        if fresh:
            self._advance(msg.News(tuple(fresh)))
            fresh.clear()

    def _fail(self, why: Unavailable | Rejected, *, sending: bool = False) -> None:
        if isinstance(why, Unavailable):
            self._performer.last_failure = why
            self._advance(msg.Unanswered(str(why), why.ours) if sending else msg.Lost(str(why), why.ours))
        else:  # of the stream, which says nothing about a POST that may be on its way
            self._advance(msg.Refused(why.failure, fatal=True))

    def _advance(self, message: msg.Message) -> None:
        """The one road: decide, keep, show, do. Keeping comes before doing, so that a crash between the two is recognised."""
        before = self.state
        after = step(before, message)
        self.state = after.state
        if after.events:
            if before.current is not after.state.current:
                _bind(after.state)
            begun = None if before.current is None else self._log.start_of(before.current.id)
            self._life.record(after.events, after.state)
            if begun is not None and before.current is not None and before.current.id in after.state.done:
                self._let_go(self._retention.ended(begun))
            if after.state.ended is not None:
                self._services.leave(self._life)
        for effect in after.effects:
            self._when_durable(self._performer.planned(effect))
        if before.link is not after.state.link or before.name != after.state.name:
            self._life.notify()
            self._services.residents.changed(self._life, after.state)
        elif before.may_sleep is not after.state.may_sleep:
            self._services.residents.changed(self._life, after.state)

    def _let_go(self, upto: Cursor | None) -> None:
        """Records of old requests go, once what they come to is kept."""
        if upto is not None:
            self._log.snapshot()
            self._when_durable(lambda: self._performer.compact(upto))

    def _when_durable(self, action: Callable[[], None]) -> None:
        """Do this when everything recorded so far outlives the process; at once, if it does already."""
        if not self._due and self._life.is_durable:
            action()
        else:
            self._due.append(_Due(self._log.cursor, action))
            self._life.awaits_durability = True

    def _do_due(self) -> None:
        durable = self._log.durable
        while self._due and self._due[0].cursor <= durable:
            self._due.popleft().action()
        unheard, self._unheard = self._unheard, []
        for feed in unheard:
            self._hear(feed.take())
        self._life.awaits_durability = bool(self._due or self._unheard)


def _bind(state: State) -> None:
    """What is logged from here on is about the request that runs, and its turn."""
    current = state.current
    if current is None:
        structlog.contextvars.unbind_contextvars("request_id", "turn")
    else:
        structlog.contextvars.bind_contextvars(request_id=current.id, turn=current.turns + 1)


def _is_known(state: State, message: FromUser) -> bool:
    """Whether what the message speaks of is there."""
    match message:
        case msg.Confirm(call_id):
            return may_confirm(state, call_id)
        case msg.Resolve(call_id):
            call = state.calls.get(call_id)
            return call is not None and call.doubt and call.result is None
        case _:
            return True


def _is_taken(state: State, message: FromUser) -> bool:
    """Whether the message was taken, or was already; a session that closes takes nothing new."""
    match message:
        case msg.Submit(request_id):
            return state.knows(request_id)
        case msg.Steer(message_id):
            return state.knows_word(message_id)
        case msg.SendRaw(key) | msg.Configure(key):
            return state.knows_word(key)
        case _:
            return True
