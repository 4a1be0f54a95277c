"""What artifacts need of a provider: four verbs over one session's files."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol, TypeAlias

from agentsup.errors import Problem
from agentsup.talk.artifact import Artifact

Data: TypeAlias = bytes | os.PathLike[str]
"""The content of a file, or where it is."""


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
