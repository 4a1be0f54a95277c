"""The status of a thing that takes its time: CREATING until then, READY from then on. Pure: the clock is the caller's."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

READY = "READY"
GONE = "GONE"
"""No status of the API: whoever asks for a thing that is gone hears 404."""

PASSING = {"CREATING": "CREATE_FAILED", "UPDATING": "UPDATE_FAILED", "DELETING": "DELETE_FAILED"}
"""The statuses that pass by themselves, and what each becomes where it fails."""

_VERBS = {"CREATING": "create", "UPDATING": "update", "DELETING": "delete"}
_LONGEST_S = 86_400.0


@attrs.frozen
class Life:
    """One stretch of a life: a status that passes, and the one after it."""

    passing: str
    until: float
    """On the caller's clock."""
    then: str
    failure: str | None = attrs.field(default=None, repr=False)
    """Why it failed, where it will."""

    @classmethod
    def begin(cls, passing: str, *, now: float, seconds: float, tags: Mapping[str, str]) -> Life:
        """The stretch that begins now.

        Two tags decide otherwise: `agentsup:create=failed` (or `update`, `delete`) makes it fail, `agentsup:creating=5` (or
        `updating`, `deleting`) makes it take as many seconds.
        """
        verb = _VERBS[passing]
        fails = tags.get(f"agentsup:{verb}") == "failed"
        then = PASSING[passing] if fails else GONE if passing == "DELETING" else READY
        failure = f"the tag agentsup:{verb} asked for this failure" if fails else None
        return cls(passing, now + _seconds(tags.get(f"agentsup:{passing.lower()}"), seconds), then, failure)

    def at(self, now: float) -> str:
        """The status at a moment."""
        return self.passing if now < self.until else self.then

    def failure_at(self, now: float) -> str | None:
        """The reason of a failure that has happened by then."""
        return None if now < self.until else self.failure


def _seconds(told: str | None, default: float) -> float:
    if told is None:
        return default
    try:
        seconds = float(told)
    except ValueError:
        return default
    return seconds if 0 <= seconds <= _LONGEST_S else default
