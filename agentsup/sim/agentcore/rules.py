"""How the AgentCore side of a simulator behaves where there is a choice."""

from __future__ import annotations

import math

import attrs

from agentsup.errors import Problem, SpecError

LONGEST_S = 86_400.0
"""A status lasts a day at most."""


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

    def __attrs_post_init__(self) -> None:
        delays = {"creating": self.creating, "updating": self.updating, "deleting": self.deleting}
        problems = [
            Problem(name, f"must be between 0 and {LONGEST_S:g} seconds, not {seconds!r}")
            for name, seconds in delays.items()
            if not (isinstance(seconds, int | float) and math.isfinite(seconds) and 0 <= seconds <= LONGEST_S)
        ]
        if problems:
            raise SpecError(problems)
