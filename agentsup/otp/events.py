"""What happens in a tree, as a stream of values: every start, stop, restart and zombie.

`Runtime.events()` opens a bounded channel; with nobody listening an event costs a look at an empty list. Times are seconds on trio's clock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import attrs

from agentsup.otp.channel import Channel

if TYPE_CHECKING:
    from collections.abc import Hashable

    from agentsup.otp.reasons import ExitReason
    from agentsup.otp.refs import Ref


@attrs.frozen
class ProcessStarted:
    """A process runs: its `init` is done."""

    at: float
    ref: Ref
    id: Hashable
    parent: Ref | None


@attrs.frozen
class ProcessEnded:
    """A process ended, and everybody concerned was told; of a failed start `was_starting` says so."""

    at: float
    ref: Ref
    id: Hashable
    parent: Ref | None
    reason: ExitReason
    was_starting: bool


@attrs.frozen
class RestartScheduled:
    """A supervisor will start a child again in `delay` seconds; `failures` counts those in a row."""

    at: float
    supervisor: Ref
    id: Hashable
    delay: float
    failures: int


@attrs.frozen
class SupervisorGaveUp:
    """A supervisor is over its restart limit and ends; `offender` was the last to fail."""

    at: float
    supervisor: Ref
    offender: Hashable


@attrs.frozen
class ZombieParked:
    """A process was killed and did not end; everybody was told that it is dead, its task is kept until it ends."""

    at: float
    ref: Ref


RuntimeEvent: TypeAlias = ProcessStarted | ProcessEnded | RestartScheduled | SupervisorGaveUp | ZombieParked
"""Anything `Runtime.events()` shows."""


@attrs.define(eq=False)
class Audience:
    """Whoever listens to a runtime: few, each behind a bound of its own."""

    _channels: list[Channel[RuntimeEvent]] = attrs.field(factory=list)

    def open(self, buffer: int) -> Channel[RuntimeEvent]:
        """A channel from now on; it drops the oldest events when its consumer lags, and counts them."""
        channel: Channel[RuntimeEvent] = Channel(buffer, "drop_oldest")
        self._channels.append(channel)
        return channel

    def tell(self, event: RuntimeEvent) -> None:
        """Show an event to everybody who still listens."""
        for channel in self._channels:
            channel.offer(event)
        self._channels = [channel for channel in self._channels if not channel.is_closed]

    def close(self) -> None:
        """Nothing more will happen."""
        for channel in self._channels:
            channel.close()
        self._channels.clear()

    def __bool__(self) -> bool:
        return bool(self._channels)
