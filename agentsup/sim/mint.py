"""Ids and times: never the same twice, always in order."""

from __future__ import annotations

import datetime
import hashlib

import trio

_TURN_OVER = datetime.timedelta(microseconds=1)


class Mint:
    """Hands out ids such as `sesn_01a3f00000001`: prefix, the simulator's own mark, a running number.

    Numbers go on across a reset, and the mark differs between served simulators, so a stale id never names something new.
    """

    def __init__(self, mark: str) -> None:
        self._mark = mark
        self._number = 0

    def id(self, prefix: str) -> str:
        """A new id; later ones sort behind earlier ones of the same prefix."""
        self._number += 1
        return f"{prefix}_01{self._mark}{self._number:08d}"

    def code(self) -> str:
        """Ten letters and digits, for ids of an API whose form leaves room for no more; unique as the others are."""
        self._number += 1
        mark = hashlib.sha256(self._mark.encode()).hexdigest()[:3]
        return f"{mark}{self._number:07d}"[:10]


class Calendar:
    """The wall clock of a simulator: real time when it began, then as much later as trio's clock says.

    Under trio's mock clock the simulator's timestamps therefore jump along.
    """

    def __init__(self, began: float) -> None:
        self._began = datetime.datetime.fromtimestamp(began, datetime.UTC)
        self._clock_at_start = trio.current_time()
        self._last = self._began - _TURN_OVER

    def now(self) -> datetime.datetime:
        """The time in UTC."""
        return self._began + datetime.timedelta(seconds=trio.current_time() - self._clock_at_start)

    def stamp(self) -> str:
        """The time as RFC 3339 with microseconds, later than every stamp before it, so that order by time is order of events."""
        self._last = max(self.now(), self._last + _TURN_OVER)
        return rfc3339(self._last)


def rfc3339(moment: datetime.datetime) -> str:
    """The moment in UTC as `2026-11-21T06:25:00.000000Z`."""
    return moment.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
