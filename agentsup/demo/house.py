"""At which provider each session of the first act lives. Pure."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

House: TypeAlias = Literal["claude", "agentcore"]
"""Claude Managed Agents, or a harness of Bedrock AgentCore."""

EVERY: Final = 3
"""One session in so many lives at Bedrock AgentCore."""


def houses(count: int, *, live: bool = False) -> tuple[House, ...]:
    """Where each of so many sessions lives: every third at Bedrock AgentCore, and all at Claude Managed Agents where it costs money."""
    return tuple("agentcore" if number % EVERY == 0 and not live else "claude" for number in range(1, count + 1))
