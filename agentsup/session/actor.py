"""The session's actor: hands every message to the machine, keeps what follows, shows it, and has it done.

It never blocks. Whatever takes time (opening, following, sending, tools) runs in tasks of its own, which report to the mailbox; so a
session with a hanging tool still answers `info()` at once, and an interrupt reaches it.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from typing import Any, TypeAlias

import attrs
import structlog

from agentsup import otp
from agentsup.loop import messages as msg
from agentsup.loop.state import State
from agentsup.loop.step import step
from agentsup.providers.base import Rejected, Unavailable
from agentsup.providers.endpoint import CaughtUp, StreamEnded
from agentsup.providers.feed import Told
from agentsup.session.life import Life
from agentsup.session.perform import Performer, Trouble
from agentsup.session.services import Services
from agentsup.session.status import Status, status_of
from agentsup.talk.events import Heard, TextDelta, Theirs

_log = structlog.get_logger("agentsup.session")

FromUser: TypeAlias = msg.Submit | msg.Interrupt | msg.Close | msg.Abort
FromWork: TypeAlias = msg.Opened | msg.Refused | msg.Posted | msg.ToolDone | msg.TimedOut


@attrs.frozen
class Tell(otp.Request[bool]):
    """A user's word to the session; answered once it is kept, with whether it was taken (a closing session takes no requests)."""

    message: FromUser


@attrs.frozen
class GetStatus(otp.Request[Status]):
    """How the session is."""


class SessionActor(otp.Actor):
    """One session, for one incarnation."""

    mailbox = otp.MailboxSpec(1024, "block")
    """Room for the stream to run ahead a little; when it is full, the stream, reports and users wait their turn."""

    state: State

    def __init__(self, life: Life, services: Services) -> None:
        self._life = life
        self._services = services
        self._performer = Performer(self, life, services)
        self._seen: set[str] = set()

    def init(self) -> otp.Continue | otp.Ignore:
        """Take up the session where the journal says it is."""
        life = self._life
        bodies = [entry.body for entry in life.log.read()]
        self.state = life.replayed()
        if self.state.ended is not None or life.abandoned:
            return otp.Ignore()
        self._seen = {body.sighting for body in bodies if isinstance(body, Heard) and body.sighting is not None}
        self._services.enter(life)
        life.begin(self.ref)
        self._performer.begin()
        if not bodies:
            return otp.Continue(msg.Start(secrets.token_hex(16), life.spec.provider.provider_session_id))
        if not self._services.may_restart(life):
            return otp.Continue(msg.Abort("given up: its task failed more often than its restart policy allows"))
        return otp.Continue(msg.Revive("the session's task ended unexpectedly"))

    def handle_continue(self, message: msg.Message) -> None:
        """The first message of the incarnation."""
        self._advance(message)

    def handle_call(self, request: Tell | GetStatus, caller: otp.Caller) -> otp.Reply:
        """A user's word."""
        match request:
            case Tell(message):
                self._advance(message)
                return otp.Reply(not isinstance(message, msg.Submit) or self.state.knows(message.request_id))
            case GetStatus():
                return otp.Reply(status_of(self.state, self._life))

    def handle_cast(self, message: FromWork | Trouble | Told | CaughtUp | StreamEnded) -> None:
        """News from the stream, and reports from work of our own."""
        match message:
            case Told(feed):
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
        """The endpoint's task is gone, and our stream with it; or a timer of ours."""
        match message:
            case otp.Down(ref=ref):
                if self._performer.lost_endpoint(ref):
                    self._fail(Unavailable("the connection's task ended"))
            case msg.TimedOut() | msg.RestOverdue():
                self._advance(message)
            case _:
                _log.warning(
                    "session.unexpected_message", session_id=self._life.session_id, kind=type(message).__name__
                )

    def _hear(self, bodies: Iterable[Theirs | TextDelta]) -> None:
        """Each event once, whichever way it came; runs of kept ones go to the machine together."""
        fresh: list[Theirs] = []
        for body in bodies:
            if isinstance(body, Heard):
                sighting = body.sighting
                if sighting is None:
                    fresh.append(body)
                elif sighting not in self._seen and body.id not in self._seen:
                    self._seen.add(sighting)
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
            self._performer.floor = why.retry_after
            self._advance(msg.Unanswered(str(why)) if sending else msg.Lost(str(why)))
        else:
            self._advance(msg.Refused(why.failure, why.fatal))

    def _advance(self, message: msg.Message) -> None:
        """The one road: decide, keep, show, do. Keeping comes before doing, so that a crash between the two is recognised."""
        before = self.state
        after = step(before, message)
        self.state = after.state
        if after.events:
            self._life.provider_session_id = after.state.provider_session_id
            self._life.record(after.events)
            if after.state.ended is not None:
                self._services.leave(self._life)
        for effect in after.effects:
            self._performer.perform(effect)
        if before.link is not after.state.link or before.name != after.state.name:
            self._life.notify()
