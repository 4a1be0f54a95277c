"""What artifacts need of a provider: four verbs over one session's files."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, TypeAlias

import attrs

from agentsup.errors import Problem
from agentsup.talk.content import hidden

Data: TypeAlias = bytes | os.PathLike[str]
"""The content of a file, or where it is."""


@attrs.frozen(kw_only=True)
class Artifact:
    """A file of a session, without its content."""

    name: str
    """As the provider names it; several files of a session may have the same."""

    size: int
    """Bytes."""

    ref: str
    """By what the provider knows it: an id, or a path."""

    created_at: float = 0.0
    """Seconds since the epoch, by the provider's clock."""

    retrievable: bool = True
    """Whether its content can be fetched: what the agent wrote into its outputs can, what was put into the session may not."""

    raw: Mapping[str, Any] = attrs.field(factory=dict, repr=hidden, eq=False)
    """What the provider says of it, verbatim."""


class Shelf(Protocol):
    """One session's files at one provider.

    Each verb asks once, and raises `Unavailable` (nobody knows what became of it; `NotDone` if that is known) or `Rejected`, and nothing else of
    its own. Content that the provider can vouch for (a length, a hash) is held against that: what is cut is `Unavailable`, never shorter.
    """

    def problems(self, name: str, path: str | None) -> Iterable[Problem]:
        """What this provider has against a name, or against the place it is to be put; both are checked for tricks already."""

    async def entries(self) -> Sequence[Artifact]:
        """All files of the session, over all pages, the newest first."""

    def read(self, artifact: Artifact) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """The content piece by piece."""

    async def write(self, name: str, data: Data, path: str | None) -> Artifact:
        """Put a file into the session, at a path there; what was done by halves is undone."""

    async def remove(self, artifact: Artifact) -> None:
        """Take it away; one that is gone already is fine."""

    async def aclose(self) -> None:
        """Give every connection back."""
