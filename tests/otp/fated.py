"""Actors whose starts come to what somebody decided before."""

from __future__ import annotations

from agentsup import otp
from tests.otp.supervisor_model import Fate


class Pause(Exception):
    """A failure that asks for a delay."""

    def __init__(self, retry_after: float) -> None:
        super().__init__()
        self.retry_after = retry_after


class Worker(otp.Actor):
    """Starts as its fate says, and dies on request."""

    def __init__(self, fates: list[Fate]) -> None:
        self.fates = fates

    def init(self):
        fate = self.fates.pop(0) if self.fates else Fate()
        if fate.kind == "fail":
            raise Pause(fate.delay)
        return otp.Ignore() if fate.kind == "ignore" else None

    def handle_cast(self, message):
        if isinstance(message, BaseException):
            raise message
        return otp.Stop(message)
