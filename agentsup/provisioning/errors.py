"""How provisioning fails: each error says what there is, what there is not, and what was left behind."""

from __future__ import annotations

from collections.abc import Sequence

from agentsup.errors import AgentsupError, NotFound
from agentsup.provisioning.backend import Resource, Watch
from agentsup.talk.events import Failure


class ProvisionFailed(AgentsupError):
    """Nothing was provisioned. What this call had made it has taken away again; what it had found it left alone.

    The cause is the error that ended it. Whatever happened while cleaning up is in `left` and in the log, never in its place.
    """

    def __init__(self, message: str, *, left: Sequence[str] = (), failure: Failure | None = None) -> None:
        self.left = tuple(left)
        """What this call made, or may have made, and could not take away again: role, name and what is known of the id."""
        self.failure = failure
        """The provider's refusal as data, if it was one."""
        super().__init__(message)

    def __str__(self) -> str:
        return super().__str__() + (f"; left behind: {', '.join(self.left)}" if self.left else "")

    @property
    def status(self) -> int | None:
        """The HTTP status of the refusal."""
        return self.failure.status if self.failure is not None else None

    @property
    def code(self) -> str | None:
        """The provider's own word for the error."""
        return self.failure.code if self.failure is not None else None

    @property
    def request_id(self) -> str | None:
        """The provider's id of the HTTP request that failed, for asking its support."""
        return self.failure.provider_request_id if self.failure is not None else None


class NameConflict(ProvisionFailed):
    """The provider says that the name is taken, and shows nothing usable of that name: look for it in the provider's console."""


class OnlyArchived(NameConflict):
    """Everything of that name is archived, and the provider gives the name to nobody else: change the spec's name or content."""


class ProvisionTimeout(ProvisionFailed, TimeoutError):
    """The time of the whole call was up; `watch` tells what it was waiting for, and what the provider had said last."""

    def __init__(self, timeout: float, watch: Watch, *, left: Sequence[str] = ()) -> None:
        self.watch = watch
        """What it was doing and waiting for when the time was up."""
        super().__init__(f"gave up after {timeout:g} s while {watch}", left=left)


class PartlyFailed(AgentsupError):
    """Some of it was done and some was not. Everything was tried; do it again for the rest."""

    def __init__(
        self, what: str, *, done: Sequence[Resource], failed: Sequence[tuple[Resource, BaseException]]
    ) -> None:
        self.done = tuple(done)
        """What is out of use now."""
        self.failed = tuple(failed)
        """What is not, and why."""
        reasons = "; ".join(f"{resource}: {error}" for resource, error in self.failed)
        total = len(self.done) + len(self.failed)
        super().__init__(f"{what}: {len(self.done)} of {total} done; not done: {reasons}")


class UnknownTag(NotFound):
    """No such tag is known in this store (any more)."""


class ArtifactFailed(AgentsupError):
    """The provider refused, or could not be reached, for a file of a session; the text says which, and what is known."""

    def __init__(self, message: str, *, failure: Failure | None = None) -> None:
        self.failure = failure
        """The provider's refusal as data, if it was one."""
        super().__init__(message)


class NoSuchArtifact(NotFound):
    """The session has no file of that name (yet: what an agent writes shows a moment later)."""
