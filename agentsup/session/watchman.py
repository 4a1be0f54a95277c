"""Watches the store: one that is lost for good ends the runtime, since nothing that is said in it could be kept any more."""

from __future__ import annotations

from collections.abc import Callable

from agentsup import otp
from agentsup.journal.base import Journal
from agentsup.journal.errors import StoreError


class Watchman(otp.Actor):
    """Says when the store is damaged, or somebody else took it over; a full or locked one is waited for, and said by `Journal.trouble`."""

    def __init__(self, journal: Journal, lost: Callable[[StoreError], None]) -> None:
        self._journal = journal
        self._lost = lost

    def init(self) -> None:
        """Begin to watch."""
        self.spawn(self._watch)

    async def _watch(self) -> None:
        self._lost(await self._journal.wait_failed())
