"""Who waits for what a session will say: of one request, or of something that goes out to the provider."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

import trio

from agentsup.errors import AgentsupError
from agentsup.ids import RequestId
from agentsup.session.errors import error_for
from agentsup.talk.events import RequestEnded
from agentsup.talk.result import SessionResult

T = TypeVar("T")


class Waiting(Generic[T]):
    """Somebody waits for an outcome; it may come before anybody waits."""

    def __init__(self) -> None:
        self._settled = trio.Event()
        self._value: list[T] = []
        self._error: AgentsupError | None = None

    def settle(self, value: T) -> None:
        """It came to this."""
        self._value.append(value)
        self._settled.set()

    def fail(self, error: AgentsupError) -> None:
        """It will come to nothing, for this reason."""
        self._error = error
        self._settled.set()

    async def wait(self) -> T:
        """What it came to.

        Raises:
            AgentsupError: the reason why it came to nothing.
        """
        await self._settled.wait()
        if self._error is not None:
            raise self._error
        return self._value[0]


class Awaited:
    """Everything about one session that somebody waits for."""

    def __init__(self) -> None:
        self._results: dict[RequestId, Waiting[SessionResult]] = {}
        self._deliveries: dict[str, Waiting[None]] = {}
        self._blamed: dict[RequestId, BaseException] = {}
        """What the user's own code raised, by which a request is about to end. Not kept anywhere: it may quote the conversation."""

    def result(self, request_id: RequestId) -> Waiting[SessionResult]:
        """Wait for this request's terminal from now on; it need not be accepted yet."""
        return self._results.setdefault(request_id, Waiting())

    def delivery(self, key: str) -> Waiting[None]:
        """Wait from now on for the provider to have what goes out under this key."""
        return self._deliveries.setdefault(key, Waiting())

    def forget(self, key: str) -> None:
        """Nobody waits for this request, or delivery, any more."""
        self._results.pop(RequestId(key), None)
        self._deliveries.pop(key, None)

    def blame(self, request_id: RequestId, error: BaseException) -> None:
        """This is what the request is about to end by: the error that tells so names it as its cause."""
        self._blamed[request_id] = error

    def ended(self, body: RequestEnded, result: SessionResult) -> None:
        """The request came to this."""
        cause = self._blamed.pop(body.request_id, None)
        waiting = self._results.pop(body.request_id, None)
        if waiting is None:
            return
        if body.failure is None:
            waiting.settle(result)
            return
        error = error_for(body.failure, result)
        error.__cause__ = cause
        waiting.fail(error)

    def delivered(self, keys: Iterable[str]) -> None:
        """The provider has these."""
        for waiting in self._taken(keys):
            waiting.settle(None)

    def withdrawn(self, keys: Iterable[str], why: Callable[[], AgentsupError]) -> None:
        """The provider will not have these."""
        for waiting in self._taken(keys):
            waiting.fail(why())

    def fail(self, error: AgentsupError) -> None:
        """Nothing of it will come."""
        for result in self._results.values():
            result.fail(error)
        for delivery in self._deliveries.values():
            delivery.fail(error)
        self._results.clear()
        self._deliveries.clear()

    def _taken(self, keys: Iterable[str]) -> list[Waiting[None]]:
        return [self._deliveries.pop(key) for key in keys if key in self._deliveries]
