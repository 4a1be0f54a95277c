"""One endpoint of a harness: a name for one of its versions, ready or not by its own account."""

from __future__ import annotations

import attrs
import trio

from agentsup.sim.exchange import Json

from .lifecycle import GONE, READY, Life

DEFAULT = "DEFAULT"
"""The endpoint every harness has: it follows the newest version, is what an invoke without a qualifier means, and cannot be removed."""


@attrs.define(eq=False)
class Endpoint:
    """An endpoint as the API shows it."""

    name: str
    place: int
    arn: str
    target: int
    """The version it is to be at."""
    life: Life
    created_at: str
    updated_at: str
    description: str | None = attrs.field(default=None, repr=False)
    tags: dict[str, str] = attrs.field(factory=dict, repr=False)
    _before: int | None = None
    """The version it was at before the newest change."""

    @property
    def status(self) -> str:
        """Its status at this moment."""
        return self.life.at(trio.current_time())

    @property
    def gone(self) -> bool:
        """Whether it has been deleted."""
        return self.status == GONE

    @property
    def live(self) -> int | None:
        """The version that answers at this moment; None before the first."""
        return self.target if self.status == READY else self._before

    def move(self, target: int, life: Life, updated_at: str) -> None:
        """Begins to change over to a version."""
        self._before = self.live
        self.target, self.life, self.updated_at = target, life, updated_at

    def remove(self, life: Life, updated_at: str) -> None:
        """Begins to go."""
        self._before = self.live
        self.life, self.updated_at = life, updated_at

    def view(self, harness_id: str, harness_name: str) -> Json:
        """The endpoint as the API writes it."""
        optional = {
            "liveVersion": None if self.live is None else str(self.live),
            "description": self.description,
            "failureReason": self.life.failure_at(trio.current_time()),
        }
        return {
            "harnessId": harness_id,
            "harnessName": harness_name,
            "endpointName": self.name,
            "arn": self.arn,
            "status": self.status,
            "createdAt": self.created_at,
            "updatedAt": self.updated_at,
            "targetVersion": str(self.target),
            **{name: value for name, value in optional.items() if value is not None},
        }
