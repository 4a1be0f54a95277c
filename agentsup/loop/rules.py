"""What a session is told when it is started, and its machine goes by."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from agentsup.talk.limits import Limits
from agentsup.talk.tools import Effect


@attrs.frozen(kw_only=True)
class Rules:
    """What the session was told about its limits and its tools; not journaled, it comes with the spec."""

    max_turns: int = 50
    max_tool_rounds: int | None = None
    max_session_turns: int | None = None
    max_tokens: int | None = None
    guarded: bool = False
    """A guard looks at every turn before the request goes on."""

    judged: bool = False
    """Somebody does: the guard, or who reckons what it costs."""

    terminal_tool: str | None = None
    """A tool that must have been called before a request ends."""

    max_reprompts: int = 2
    """How often the agent is told so."""

    gated: frozenset[str] = frozenset()
    """Tools of ours whose calls may need approval."""

    wait_for_approval: bool = True
    """Whether there is anybody who could decide; otherwise a request ends with what it waits for."""

    wait_in_doubt: bool = False
    """A call that was cut off and may not run again waits for a person; otherwise the model is told that its outcome is unknown."""

    has_history: bool = True
    """The provider keeps what happened and shows it; otherwise every input is answered by a stream of its own, once, and what is lost with
    that stream is lost."""

    timeout: float | None = 600.0
    max_attempts: int | None = None
    """Losses of the connection in a row after which the session gives up; None never does."""

    max_open_attempts: int | None = 4
    """The same, before there was any connection: whoever starts the session waits, and an address that never answered is likely wrong."""

    effects: Mapping[str, Effect] = attrs.field(factory=dict)
    """Tool name to effect class; a tool that is not named is `unsafe`."""

    def under(self, limits: Limits) -> Rules:
        """The same, under other limits."""
        return attrs.evolve(
            self,
            max_turns=limits.max_turns,
            max_tool_rounds=limits.max_tool_rounds,
            max_session_turns=limits.max_session_turns,
            max_tokens=limits.max_tokens,
            judged=self.guarded or limits.max_cost is not None,
            timeout=limits.timeout,
        )
