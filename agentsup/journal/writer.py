"""The journal's task: the first child of a runtime, so that it is the last to stop."""

from __future__ import annotations

from agentsup import otp
from agentsup.journal.base import Journal


class Writer(otp.Actor):
    """Runs a journal's writer.

    Stopped in order, it first writes everything there is, within its `shutdown` time. When it crashes, the next one goes on with what is
    in the journal's buffer; nothing of it is lost or written twice.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def init(self) -> None:
        """Begin to write."""
        self.spawn(self._journal.run_writer)

    async def terminate(self, reason: otp.ExitReason) -> None:
        """Write the rest; after a crash that is for the next one to do, and of a store that is lost there is nothing to write."""
        if reason.is_clean and self._journal.trouble is None:
            await self._journal.flush()
