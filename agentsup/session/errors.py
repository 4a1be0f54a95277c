"""How a request or a session ends when it is not the agent that ends it."""

from __future__ import annotations

from agentsup.errors import AgentsupError, NotFound
from agentsup.talk.content import Input, as_parts, as_text
from agentsup.talk.events import Failure
from agentsup.talk.result import SessionResult


class NoSuchSession(NotFound):
    """No session of that id is known here."""


class NoSuchCall(NotFound):
    """No call of that id waits for this word: it was decided or answered already, or there never was one."""


class SessionClosed(AgentsupError):
    """The session has ended, or is ending: it takes nothing more. Start one under the id again if you need it."""


class RequestFailed(AgentsupError):
    """We ended the request, not the agent. `result` is what there was until then."""

    def __init__(self, failure: Failure, result: SessionResult) -> None:
        self.failure = failure
        self.result = result
        super().__init__(failure.message)


class RequestTimeout(RequestFailed, TimeoutError):
    """The request's time (`Limits.timeout`) was up; it was stopped here and at the provider."""


class TurnLimitReached(RequestFailed):
    """The request used up its turns (`Limits.max_turns`); every call was answered and the provider stopped."""


class BudgetExceeded(RequestFailed):
    """The request used up its tokens or its money (`Limits.max_tokens`, `Limits.max_cost`); it was stopped here and at the provider."""


class Halted(RequestFailed):
    """The turn guard said that the request goes no further; its reason is the text. Where it failed instead, what it raised is the cause."""


class Interrupted(RequestFailed):
    """Someone interrupted the request."""


class ProviderFailed(RequestFailed):
    """The provider refused, or stayed out of reach."""

    @property
    def status(self) -> int | None:
        """The HTTP status of the refusal."""
        return self.failure.status

    @property
    def code(self) -> str | None:
        """The provider's own word for the error."""
        return self.failure.code

    @property
    def request_id(self) -> str | None:
        """The provider's id of the HTTP request that failed, for asking its support."""
        return self.failure.provider_request_id


class StreamError(ProviderFailed):
    """The answer broke off in its middle, and asking again might do the work twice: what came is in the result."""


class RequestClosed(RequestFailed, SessionClosed):
    """The session was closed or aborted before the request ended."""


_CLASSES: dict[str, type[RequestFailed]] = {
    "timeout": RequestTimeout,
    "turn_limit": TurnLimitReached,
    "budget": BudgetExceeded,
    "halted": Halted,
    "interrupted": Interrupted,
    "provider": ProviderFailed,
    "stream": StreamError,
    "closed": RequestClosed,
}


def error_for(failure: Failure, result: SessionResult) -> RequestFailed:
    """The error that tells a caller of this failure."""
    return _CLASSES[failure.kind](failure, result)


class ToolError(AgentsupError):
    """Raise it in a tool: its text (or its parts), and nothing else, is the error result the model gets."""

    def __init__(self, content: Input = "") -> None:
        self.parts = as_parts(content)
        super().__init__(as_text(self.parts))
