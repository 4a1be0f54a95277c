"""What a session needs of a backend, and nothing more.

A *provider* is the frozen value a user writes down. It names the endpoint it talks to and can make a *driver* for it: the object that
moves bytes and translates errors, and decides nothing. All sessions of one endpoint share one driver, owned by that endpoint's actor
under the providers supervisor.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

import attrs

from agentsup.errors import AgentsupError, Problem
from agentsup.ids import SessionId
from agentsup.talk.artifact import Artifact
from agentsup.talk.events import Failure, Heard, TextDelta, Theirs
from agentsup.talk.outgoing import Outgoing

Bodies: TypeAlias = tuple[Theirs | TextDelta, ...]

Hear: TypeAlias = Callable[[Bodies], Awaitable[None]]
"""Called with what the provider said, in order; it waits while the session has too much to do already."""


class Unavailable(AgentsupError):
    """The provider could not be reached, or it is unknown what became of what we sent: look, and try again."""

    def __init__(
        self,
        reason: str,
        *,
        retry_after: float | None = None,
        unsent: bool = False,
        failure: Failure | None = None,
        ours: bool = False,
    ) -> None:
        self.retry_after = retry_after
        """Seconds the provider asked us to stay away; a floor under our own delay."""
        self.unsent = unsent
        """It is known that nothing went out."""
        self.failure = failure
        """Its answer as a failure, with the status; None where there was none, or none that makes sense."""
        self.ours = ours
        """It is this process that lacks something (descriptors, memory) and not the provider that fails: it says nothing about the other side."""
        super().__init__(reason)

    @property
    def status(self) -> int | None:
        """The HTTP status of the answer; None where there was none."""
        return None if self.failure is None else self.failure.status


class Rejected(AgentsupError):
    """The provider said no, and would say no again; `fatal` if to the session itself and not only to what was sent."""

    def __init__(self, failure: Failure, *, fatal: bool, doubtful: bool = False) -> None:
        self.failure = failure
        self.fatal = fatal
        self.doubtful = doubtful
        """What was sent may have been done all the same: a history decides, and it is not sent again either way."""
        super().__init__(failure.message)


@attrs.frozen(kw_only=True)
class Opening:
    """What is told of a session when the provider's side of it is made."""

    session_id: SessionId
    token: str
    """New and unguessable: by it a session made by a create that went unanswered is found."""

    search: bool
    """Look for the token before making another one."""


@attrs.frozen
class Seen:
    """What a session has of its provider's history already: everything up to there, so that only the rest need be told."""

    newest: tuple[Heard, ...]
    """Some of the last events that it heard, the newest first; by them the provider's own place is found."""

    doubted: tuple[Outgoing, ...] = ()
    """What it sent and has not seen the agent come to: whether it waits over there must be told, wherever that stands in the history."""


class Driver(Protocol):
    """One endpoint's wire. Every method raises `Unavailable` or `Rejected` and nothing else of its own."""

    async def attach(
        self,
        provider_session_id: str,
        *,
        hear: Hear,
        caught_up: Callable[[], Awaitable[None]],
        heartbeat: float,
        seen: Seen | None = None,
    ) -> None:
        """Open the event stream, then list the history, then follow the stream; returns only by raising.

        `caught_up` is called once, between history and stream. A stream silent for `heartbeat` seconds is taken for dead. Of the history,
        what is `seen` may be left out; more may be told than is new, and what is told comes in the history's order.
        """

    async def post(
        self,
        provider_session_id: str,
        items: Sequence[Outgoing],
        *,
        seconds: float | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        """Send all of these, or none.

        `seconds` is what is left of the request's time, for providers that can be told. `options` is what was configured, for providers
        that do not keep it.
        """

    async def aclose(self) -> None:
        """Give every connection back."""


class Provider(Protocol):
    """A backend as the user describes it. Values are frozen and open nothing."""

    @property
    def kind(self) -> str:
        """The backend in one word, for logs and for tools that ask."""

    @property
    def endpoint(self) -> Hashable:
        """Whom it talks to, and as whom: equal endpoints share a driver."""

    @property
    def has_history(self) -> bool:
        """Whether it keeps what happened and shows it.

        Without, `attach` is caught up at once and tells what `post` brings about; a `post`
        that may have been taken raises `Rejected` and never `Unavailable`; and a turn that breaks off is told as `Waiting` with a failure.
        """

    @property
    def provider_session_id(self) -> str | None:
        """An existing session at the provider to go on with; None for a new one."""

    @property
    def configurable(self) -> Sequence[str]:
        """The names of what can be changed of a session while it lives."""

    @property
    def keeps_options(self) -> bool:
        """Whether its session keeps them when it is told once (`SetOptions`); otherwise `post` is told each time."""

    def problems(self) -> Iterable[Problem]:
        """What is wrong with the value, all of it; asked before anything is started."""

    def options(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """Values for some of what is configurable, as plain data that the driver understands.

        Raises:
            SpecError: some cannot be used; all of them are named.
        """

    def connect(self) -> Driver:
        """A driver for the endpoint; it opens connections as it needs them."""

    async def open(self, driver: Driver, opening: Opening) -> str:
        """Make (or find again) the provider's session and return its id."""

    async def files(self, driver: Driver, provider_session_id: str) -> Sequence[Artifact]:
        """The files of the session over there, all of them; none where the provider keeps none."""
