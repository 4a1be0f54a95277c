"""How often the same is sent in vain before that counts as a no."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import attrs

from agentsup.providers.base import Rejected, Unavailable
from agentsup.talk.events import Failure
from agentsup.talk.outgoing import Outgoing, goes_alone

MOST: Final = 6
"""Times in a row. With the pauses of a `Reconnect` between them that is some seconds: whatever passes has passed, and what waits behind it
has not waited for long."""

_TOO_MANY_REQUESTS: Final = 429
"""Says nothing about what was sent, and says when to come again."""


@attrs.define(eq=False)
class Insistence:
    """Of one incarnation of a session; a new one begins to count anew.

    Two kinds of failures do not stand for an outage that is waited out. A status of the 4xx that says "not now" is about the very thing that
    was sent: an archived session answers 409 for ever. And what goes out alone must not hold up all that waits behind it: whoever asked for
    it is told, and can ask again. For everything else the running request has its time.
    """

    _keys: frozenset[str] = frozenset()
    _times: int = 0

    def in_vain(self, items: Sequence[Outgoing], why: Unavailable) -> Rejected | None:
        """These were sent in vain; the refusal that it comes to when it was once too often."""
        if why.ours or not (_is_about(why) or all(goes_alone(item) for item in items)):
            return None
        keys = frozenset(item.key for item in items)
        self._times = self._times + 1 if keys & self._keys else 1
        self._keys = keys
        if self._times < MOST:
            return None
        return Rejected(why.failure or Failure(kind="provider", message=str(why)), fatal=False, doubtful=True)

    def taken(self) -> None:
        """Something was taken."""
        self._keys, self._times = frozenset(), 0


def _is_about(why: Unavailable) -> bool:
    """Whether the answer is about what was sent, and not about how the service is."""
    return why.status is not None and 400 <= why.status < 500 and why.status != _TOO_MANY_REQUESTS
