"""What a request came to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import attrs

from agentsup.ids import SessionId
from agentsup.talk.content import hidden
from agentsup.talk.outcome import Evaluation
from agentsup.talk.tools import ToolUse
from agentsup.talk.usage import Usage
from agentsup.talk.verbatim import Verbatim, as_mapping

Terminal: TypeAlias = Literal["end_turn", "requires_action", "terminated"]
"""How a request ended, the same words for every provider: the agent was done; it waits for something this session cannot give;
anything else."""


@attrs.frozen(kw_only=True)
class SessionResult:
    """Everything one request came to; errors that end a request carry one as well, with what there was until then."""

    terminal: Terminal
    """How the request ended: `end_turn`, `requires_action`, or `terminated` for anything else."""

    stop_reason: Any
    """The provider's own value, verbatim (a mapping for Claude Managed Agents); None where we ended the request."""

    text: str = attrs.field(default="", repr=hidden)
    """All the agent said in this request: messages joined by a newline."""

    tool_uses: tuple[ToolUse, ...] = ()
    """The calls of tools that run here, in order."""

    server_tool_uses: tuple[ToolUse, ...] = ()
    """The calls of tools that ran at the provider, in order."""

    usage: Usage = Usage()
    """What the request cost, summed over its model calls."""

    turns: int = 0
    """Stretches of agent work between two inputs from us; starts at 1 for a request that got an answer."""

    evaluations: tuple[Evaluation, ...] = ()
    """Where the request was an `Outcome`: what the grader said, in order. The last one tells whether it was reached."""

    _events: tuple[Verbatim, ...] = attrs.field(default=(), repr=hidden)

    session_id: SessionId
    """The session's id here."""

    provider_session_id: str | None = None
    """The provider's id of it; None if it never was open there."""

    transcript: tuple[Mapping[str, Any], ...] | None = attrs.field(default=None, repr=hidden)
    """The whole conversation in the provider's own shape, where the provider keeps it here; None where it lives over there."""

    files: Mapping[str, str] | None = attrs.field(default=None, repr=hidden)
    """The session's workspace (path to content) where it has one here; None where its files are at the provider (`SessionRef.files`)."""

    let_go: bool = False
    """The request's records are not kept any more (`open_runtime(keep_requests=)`): how it ended, `turns` and `usage` are all there is."""

    @property
    def events(self) -> tuple[Mapping[str, Any], ...]:
        """The provider's events, verbatim, each once, in order; text deltas are not among them. Made of their text each time."""
        return tuple(as_mapping(event) for event in self._events)


@attrs.frozen(kw_only=True)
class Turn:
    """One finished stretch of agent work, as `history()` tells it."""

    number: int
    """Counted over the whole session; starts at 1."""

    request_id: str
    """The request it was part of."""

    input: str | None = attrs.field(default=None, repr=hidden)
    """What the agent was told in it: the request's message on its first turn, later what joined it (`steer`); None where that was nothing
    but answers to its calls."""

    text: str = attrs.field(default="", repr=hidden)
    """What the agent said in it: messages joined by a newline."""

    tool_uses: tuple[ToolUse, ...] = ()
    """The calls of tools that run here, in order."""

    server_tool_uses: tuple[ToolUse, ...] = ()
    """The calls of tools that ran at the provider, in order."""

    usage: Usage = Usage()
    """What it cost."""

    stop_reason: Any = None
    """The provider's own word for why it stopped, verbatim."""
