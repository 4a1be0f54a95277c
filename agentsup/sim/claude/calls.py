"""A batch of calls that wait for somebody on the client's side: results of custom tools, or confirmations."""

from __future__ import annotations

import attrs
import trio

from agentsup.sim.exchange import Json


@attrs.define(eq=False)
class Call:
    """One call in a batch."""

    id: str
    """The event id under which the client answers."""
    answered_by: str
    """The type of event that answers it."""
    use: Json = attrs.field(repr=False)
    """The event of the call as the thread that made it has it; a child's has another id than the one above."""
    thread_id: str | None = None
    """The child thread that made it, None for the session itself."""
    answer: Json | None = attrs.field(default=None, repr=False)


class Batch:
    """Calls that were made together; done when each has its answer. Each takes exactly one."""

    def __init__(self, calls: list[Call]) -> None:
        self._calls = {call.id: call for call in calls}
        self._done = trio.Event()

    def __repr__(self) -> str:
        return f"<Batch open={len(self.open_ids())} of={len(self._calls)}>"

    @property
    def answers(self) -> list[Json]:
        """The answers so far, in the order of the calls."""
        return [call.answer for call in self._calls.values() if call.answer is not None]

    def open_ids(self) -> list[str]:
        """The ids that still wait, in the order of the calls."""
        return [call.id for call in self._open()]

    def open_use_ids(self) -> list[str]:
        """The same calls by the ids that they have in the thread that made them."""
        return [call.use["id"] for call in self._open()]

    def _open(self) -> list[Call]:
        return [call for call in self._calls.values() if call.answer is None]

    def waits_for(self, call_id: str, event_type: str) -> bool:
        """Whether such an event would answer an open call."""
        call = self._calls.get(call_id)
        return call is not None and call.answer is None and call.answered_by == event_type

    def call(self, call_id: str) -> Call:
        """One of the calls."""
        return self._calls[call_id]

    def answer(self, call_id: str, event: Json) -> None:
        """Takes the answer to an open call."""
        self._calls[call_id].answer = event
        if not self.open_ids():
            self._done.set()

    async def wait(self) -> None:
        """Returns when every call has its answer."""
        await self._done.wait()
