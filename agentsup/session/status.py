"""How a session is, at one moment."""

from __future__ import annotations

from typing import Literal, TypeAlias

import attrs

from agentsup.ids import SessionId
from agentsup.loop.state import Link, State, StateName
from agentsup.talk.tools import ToolUse
from agentsup.talk.usage import Usage

Connection: TypeAlias = Literal["opening", "attaching", "attached", "gone"]


@attrs.frozen(kw_only=True)
class Status:
    """What `SessionRef.info()` answers, within milliseconds whatever the session is doing."""

    session_id: SessionId
    """The session's id here."""

    state: StateName
    """What the session is doing: `opening`, `idle`, `running`, `awaiting_approval` (a person's word is wanted), `awaiting_input` (the agent
    waits for something else), `passivated` or `closed`."""

    connection: Connection
    """`opening`: no session at the provider yet; `attaching`: catching up with its events; `attached`: following them; `gone`: over."""

    provider_session_id: str | None
    """The provider's id of it; None before it is open there."""

    pending_approvals: tuple[ToolUse, ...]
    """Calls that wait for a person's word, by `SessionRef.confirm`."""

    queued: int
    """Requests accepted and not begun."""

    turns: int
    """Finished turns over the whole session."""

    tools_running: int
    """Calls of tools that run here at this moment, or wait for one of the places."""

    usage: Usage
    """Summed over the whole session; `raw` is left out."""

    restarts: int
    """How often the session's task ended without having been asked to."""

    reconnects: int
    """How often the connection was lost, attempts that failed included."""

    last_error: str | None
    """The last thing that went wrong, even if it was mended; None if nothing did."""


_CONNECTIONS: dict[Link, Connection] = {
    Link.OPENING: "opening",
    Link.ATTACHING: "attaching",
    Link.ATTACHED: "attached",
    Link.GONE: "gone",
}


def status_of(state: State, session_id: SessionId) -> Status:
    """The status that follows from the state."""
    return Status(
        session_id=session_id,
        state=state.name,
        connection=_CONNECTIONS[state.link],
        provider_session_id=state.provider_session_id,
        pending_approvals=tuple(call.use for call in state.calls.values() if call.needs_person and not call.doubt),
        queued=len(state.queue),
        turns=state.turns,
        tools_running=len(state.now.running),
        usage=state.usage,
        restarts=state.restarts,
        reconnects=state.reconnects,
        last_error=state.last_error,
    )
