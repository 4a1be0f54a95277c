"""What happens to a session as a whole: it begins, connects, sleeps, comes back, ends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, TypeAlias

import attrs

from agentsup.ids import SessionId
from agentsup.talk.content import hidden
from agentsup.talk.events.failure import Failure
from agentsup.talk.limits import Limits


@attrs.frozen(kw_only=True)
class SessionStarted:
    """The session exists here; `token` marks the provider's session as ours before we know its id."""

    type: ClassVar[str] = "session_started"
    token: str


@attrs.frozen(kw_only=True)
class SessionRestarted:
    """The session's task ended without having been asked to; this is the next incarnation, with everything it had."""

    type: ClassVar[str] = "session_restarted"
    number: int
    """How many restarts there have been; starts at 1."""

    reason: str


@attrs.frozen(kw_only=True)
class Resumed:
    """The session is taken up again where its journal left it: by another process, or because it was passivated and is wanted."""

    type: ClassVar[str] = "resumed"
    reason: str


@attrs.frozen(kw_only=True)
class Passivated:
    """The session was idle for a while and leaves memory; the next message brings it back."""

    type: ClassVar[str] = "passivated"


@attrs.frozen(kw_only=True)
class Forked:
    """What stands before this was lived by another session, up to its `cursor`; from here on this one goes its own way."""

    type: ClassVar[str] = "forked"
    source: SessionId
    cursor: int


@attrs.frozen(kw_only=True)
class Bound:
    """The provider's id for this session is known."""

    type: ClassVar[str] = "bound"
    provider_session_id: str


@attrs.frozen(kw_only=True)
class Configured:
    """From here on the session has other limits, or its agent other options; what is not named stays as it was."""

    type: ClassVar[str] = "configured"
    key: str
    limits: Limits | None = None
    """In place of the spec's, as a whole; None leaves them."""

    options: Mapping[str, Any] = attrs.field(factory=dict, repr=hidden)
    """In the provider's words."""

    sent: bool = False
    """The provider is told once, and keeps them; otherwise it is told with every input from now on."""


@attrs.frozen(kw_only=True)
class Connected:
    """The provider's event stream is open and everything missed has been caught up with."""

    type: ClassVar[str] = "connected"


@attrs.frozen(kw_only=True)
class ConnectionLost:
    """The event stream broke, or something sent may not have arrived; the session looks again before it goes on."""

    type: ClassVar[str] = "connection_lost"
    reason: str
    attempt: int
    """How often in a row, without a new event between; starts at 1."""


@attrs.frozen(kw_only=True)
class Closing:
    """No more requests are taken; the session ends after the running one."""

    type: ClassVar[str] = "closing"


@attrs.frozen(kw_only=True)
class SessionEnded:
    """The session is over here; nothing follows."""

    type: ClassVar[str] = "session_ended"
    reason: str
    failure: Failure | None = None


OfSession: TypeAlias = (
    SessionStarted
    | SessionRestarted
    | Resumed
    | Passivated
    | Forked
    | Bound
    | Configured
    | Connected
    | ConnectionLost
    | Closing
    | SessionEnded
)
"""Of the session as a whole."""
