"""What provisioning needs of a provider: a pure plan and four verbs.

A provider makes *resources*, each in a *role*: an agent and an environment at one, a harness at another. What two providers do differently
stands in their backends (what a resource is made of, whether it takes time to become usable); what must never differ (names, adoption,
roll-back, deadlines) stands once, in `ensuring`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Protocol, TypeAlias

import attrs
import trio

from agentsup.errors import AgentsupError
from agentsup.providers.base import Unavailable
from agentsup.provisioning.names import NameRule
from agentsup.provisioning.specs import AgentSpec, EnvironmentSpec
from agentsup.talk.content import hidden

Role: TypeAlias = str
"""What a resource is for: `agent`, `environment`, `harness`."""

State: TypeAlias = Literal["ready", "pending", "leaving", "failed", "archived"]
"""`ready` can be used; `pending` will be; `leaving` is being deleted and still holds its name; `failed` never will be used and holds its
name as well; `archived` is out of use for good."""


@attrs.frozen(kw_only=True)
class Wanted:
    """A resource that there should be."""

    role: Role
    base: str
    """The name people gave it."""
    digest: str
    name: str
    """`<base>_<digest>`, by the provider's rule."""
    body: Any = attrs.field(default=None, repr=hidden)
    """What the backend sends to have it made; only the backend looks at it."""


@attrs.frozen(kw_only=True)
class Found:
    """A resource as the provider tells of it."""

    role: Role
    id: str
    name: str
    state: State = "ready"
    created_at: float = 0.0
    """Seconds since the epoch, by the provider's clock; only compared with one another."""
    token: str | None = None
    """The token of the create that made it, where the provider shows it."""
    arn: str | None = None
    """Its long name, where the provider has such."""


@attrs.frozen(kw_only=True)
class Resource:
    """A resource that is there, under its content-addressed name."""

    role: Role
    id: str
    name: str
    base: str
    digest: str
    arn: str | None = None

    @classmethod
    def of(cls, wanted: Wanted, found: Found) -> Resource:
        """What was wanted, as it was found."""
        return cls(
            role=wanted.role, id=found.id, name=wanted.name, base=wanted.base, digest=wanted.digest, arn=found.arn
        )

    def __str__(self) -> str:
        return f"{self.role} {self.name} ({self.id})"


class NameTaken(AgentsupError):
    """The provider has that name already, and makes no second one."""


class NotDone(Unavailable):
    """The provider could not be asked, or does not want to be asked now; what was asked for has certainly not been done."""


@attrs.define(eq=False)
class Watch:
    """What a call is waiting for; it tells when the time is up."""

    doing: str = "nothing yet"
    """What is going on: `creating agent desk_0123456789abcdef`."""
    phase: str | None = None
    """What a resource is waited to become: `ready`, `deleted`."""
    last_status: str | None = None
    """The provider's own word for its state, the last time it was asked."""
    polls: int = 0
    """How often it was asked."""
    began: float = attrs.field(factory=trio.current_time)

    @property
    def elapsed(self) -> float:
        """Seconds since the call began."""
        return trio.current_time() - self.began

    def start(self, doing: str) -> None:
        """Something else begins."""
        self.doing, self.phase, self.last_status, self.polls = doing, None, None, 0

    def saw(self, status: str, *, phase: str) -> None:
        """The provider was asked, and said this."""
        self.phase, self.last_status, self.polls = phase, status, self.polls + 1

    def __str__(self) -> str:
        waited = f", waiting for {self.phase}, last status {self.last_status}, {self.polls} polls" if self.phase else ""
        return f"{self.doing}{waited}"


class Backend(Protocol):
    """One provider's side of provisioning.

    Every verb asks once: repeating is the caller's. Each raises `Unavailable` (nobody knows what became of it; `NotDone` if that is known),
    or `Rejected` (no, and no again), and nothing else of its own unless it says so.
    """

    kind: str
    """The provider in one word, as its provider value names it."""

    scope: str
    """Where and as whom: what is cached for one scope means nothing in another. Carries no secret."""

    roles: Sequence[Role]
    """Its roles, the one that people name first."""

    rule: NameRule
    """What names may be."""

    patience: float
    """Seconds a call takes at most if its caller does not say."""

    clean_up: float
    """Seconds for taking away again what a failed call made. They begin when it fails, so a deadline that is used up leaves them whole; a caller
    who cancels waits for it."""

    exact: bool
    """Whether a name has one holder at most and a create repeated with its token makes nothing new. Otherwise what an unanswered create
    came to is found by its token, in the list."""

    def plan(self, agent: AgentSpec | None, environment: EnvironmentSpec | None) -> Sequence[Wanted]:
        """What there must be for these, in the order of making; pure.

        Raises:
            SpecError: this provider cannot make it; every problem is listed.
        """

    async def create(self, wanted: Wanted, token: str) -> Found:
        """Ask for it, once; it may be `pending` in the answer.

        Raises:
            NameTaken: there is one of that name.
        """

    async def search(self, role: Role) -> Sequence[Found]:
        """Every resource of the role, over all pages, newest first, archived ones included."""

    async def settle(self, found: Found | Resource, watch: Watch) -> Found | None:
        """Look at it until it is `ready`, and tell so; None if it is archived or gone, waiting out its leaving.

        Raises:
            Rejected: it will never be usable.
        """

    async def discard(self, found: Found | Resource, watch: Watch) -> None:
        """Take it out of use: archive it, or delete it and see it gone. One that is out of use already is fine."""

    async def aclose(self) -> None:
        """Give every connection back."""
