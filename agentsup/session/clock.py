"""A request's time: it runs while the request does, and stands still while it waits for a person."""

from __future__ import annotations

import trio

from agentsup import otp
from agentsup.ids import RequestId
from agentsup.loop import messages as msg


class RequestClock:
    """Says `TimedOut` to the session when the request has used up its seconds."""

    def __init__(self, actor: otp.Actor, request_id: RequestId, seconds: float) -> None:
        self._actor = actor
        self._request_id = request_id
        self._seconds = self._left = seconds
        self._since = 0.0
        self._timer: otp.Timer | None = None

    @property
    def left(self) -> float:
        """Seconds of it that are not used up."""
        ran = 0.0 if self._timer is None else trio.current_time() - self._since
        return max(0.0, self._left - ran)

    def go_on(self) -> None:
        """Its time runs."""
        if self._timer is None:
            self._since = trio.current_time()
            self._timer = self._actor.send_after(max(0.0, self._left), msg.TimedOut(self._request_id))

    def change(self, seconds: float) -> None:
        """It has so many seconds in all from now on; those it used up count."""
        runs = self._timer is not None
        self.stand_still()
        self._left += seconds - self._seconds
        self._seconds = seconds
        if runs:
            self.go_on()

    def stand_still(self) -> None:
        """It does not, until it goes on."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._left -= trio.current_time() - self._since
