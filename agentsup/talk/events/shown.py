"""An event in its place: as it is kept, and as a subscriber gets it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, TypeAlias

import attrs

from agentsup.ids import Cursor, RequestId, SessionId
from agentsup.talk.content import hidden
from agentsup.talk.events.calls import OfCall
from agentsup.talk.events.life import OfSession
from agentsup.talk.events.requests import Accepted, OfRequest, RequestEnded, RequestStarted, TakenUp
from agentsup.talk.events.theirs import EvaluationEnded, Heard, Said, Theirs
from agentsup.talk.outcome import Evaluation
from agentsup.talk.result import SessionResult


@attrs.frozen(kw_only=True)
class TextDelta:
    """A piece of a message while it is being said; the whole follows as `Said`, with the same id."""

    type: ClassVar[str] = "text_delta"
    message_id: str
    text: str = attrs.field(repr=hidden)


@attrs.frozen(kw_only=True)
class Dropped:
    """The subscriber was too slow: this many events were not kept for it at this place."""

    type: ClassVar[str] = "dropped"
    count: int


Ours: TypeAlias = OfSession | OfRequest | OfCall
"""What this side did or found out."""

Kept: TypeAlias = Ours | Theirs
"""What the journal keeps, in order."""

Passing: TypeAlias = TextDelta | Dropped
"""What is shown to whoever listens, and kept nowhere."""

Body: TypeAlias = Kept | Passing


@attrs.frozen(kw_only=True)
class Entry:
    """A kept event in its place."""

    cursor: Cursor
    """Its number in the session, starting at 1."""

    at: float
    """When it was kept, in seconds since the epoch."""

    body: Kept


@attrs.frozen(kw_only=True)
class SessionEvent:
    """An event as a subscriber gets it."""

    cursor: Cursor
    """Its place in the session; pass it as `after=` to go on behind it. A passing event has the place of the kept one before it."""

    session_id: SessionId
    """The session it happened in."""

    at: float
    """When it happened, in seconds since the epoch."""

    body: Body
    """What happened: one of the classes of `agentsup.talk.events`."""

    result: SessionResult | None = None
    """On a request's last event, and there only: what the request came to."""

    @property
    def type(self) -> str:
        """The kind of event, in snake case."""
        return self.body.type

    @property
    def raw(self) -> Mapping[str, Any] | None:
        """The provider's own event, verbatim; None where the event is not the provider's."""
        return self.body.raw if isinstance(self.body, Heard) else None

    @property
    def thread(self) -> str | None:
        """The provider's id of the thread (of a subagent) that this is about; None where it is about the session itself."""
        return self.body.thread if isinstance(self.body, Heard) else None

    @property
    def dropped(self) -> int:
        """How many events are missing at this place because the subscriber was too slow."""
        return self.body.count if isinstance(self.body, Dropped) else 0

    @property
    def text(self) -> str | None:
        """The text of a message or of a piece of one."""
        return self.body.text if isinstance(self.body, Said | TextDelta) else None

    @property
    def evaluation(self) -> Evaluation | None:
        """What the grader said of the work on an outcome, where it did."""
        return self.body.evaluation if isinstance(self.body, EvaluationEnded) else None

    @property
    def request_id(self) -> RequestId | None:
        """The request that was accepted, started, taken up or ended here."""
        body = self.body
        return body.request_id if isinstance(body, Accepted | RequestStarted | TakenUp | RequestEnded) else None
