"""How the AgentCore side of a simulator behaves where there is a choice."""

from __future__ import annotations

import attrs


@attrs.frozen
class HarnessRules:
    """The choices, each with what the contract of the simulator says as its default."""

    strict_resume: bool = False
    """Whether a resume must send the assistant's tool uses again, as the older published version of the API wants it."""
    creating: float = 0.2
    """Seconds a harness or an endpoint is CREATING; the service takes minutes."""
    updating: float = 0.2
    """Seconds it is UPDATING."""
    deleting: float = 0.2
    """Seconds it is DELETING before it is gone."""
