"""Where a session's inputs arrive: taken at once or queued, performed one after the other, cut short by an interrupt."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import attrs
import trio

from agentsup.sim.exchange import Json
from agentsup.sim.script import read_script

from .content import text_of
from .inputs import RESULT_ID_FIELDS, echo_of
from .outcome import Pursuit
from .session import Session
from .turn import END_TURN, Ending, Turn

MOST_WAITING = 10_000
"""Inputs that wait behind a turn: more than any client would queue. When full, sends that would add to them are refused."""

_NOT_HERE = frozenset({"verdict"})


@attrs.frozen
class _Input:
    """One input that makes the agent work."""

    event: Json
    pursuit: Pursuit | None = None
    """The outcome it defines, where it does."""

    @property
    def is_context(self) -> bool:
        """Whether it only accompanies work, and is none itself."""
        return bool(self.event["type"] == "system.message")

    async def perform(self, turn: Turn) -> Ending:
        """The work."""
        if self.pursuit is not None:
            return await self.pursuit.perform(turn)
        return await turn.perform(read_script(text_of(self.event["content"]), without=_NOT_HERE))


class Desk:
    """The inputs of one session. A task exists only while there is work (or a call waits for its answer)."""

    def __init__(self, session: Session, write_file: Callable[[str, str, bytes], object]) -> None:
        self._session = session
        self._write_file = write_file
        self._inbox: deque[_Input] = deque()
        self._interrupts: list[Json] = []
        self._turn: Turn | None = None
        self._scope: trio.CancelScope | None = None
        self._busy = False
        self._stopped = False

    def __repr__(self) -> str:
        return f"<Desk {self._session.id} busy={self._busy} waiting={len(self._inbox)} turn={self._turn!r}>"

    @property
    def busy(self) -> bool:
        """Whether a turn runs or waits for answers."""
        return self._busy

    @property
    def waits_for_answers(self) -> bool:
        """Whether a turn rests until the client answers its calls."""
        return self._turn is not None and self._turn.batch is not None

    @property
    def thread_at_work(self) -> str:
        """The thread whose turn it is; the session's own where nothing is under way."""
        return self._session.thread_id if self._turn is None else self._turn.thread_id

    @property
    def room(self) -> int:
        """How many more inputs may wait."""
        return MOST_WAITING - len(self._inbox)

    def waits_for(self, call_id: str, event_type: str) -> bool:
        """Whether such an event would answer an open call."""
        batch = None if self._turn is None else self._turn.batch
        return batch is not None and batch.waits_for(call_id, event_type)

    def take(self, events: list[Json]) -> list[Json]:
        """Takes checked events, all in this step, and answers how each was kept."""
        kept: list[Json] = []
        for event in events:
            kept.append(self._take(event, kept[-1] if kept else None))
        if self.waits_for_answers and any(event["type"] in RESULT_ID_FIELDS for event in events):
            self._turn_to_answers()
        return kept

    def _turn_to_answers(self) -> None:
        """After answers: says which calls still wait, or goes back to work at once."""
        if self._turn is not None and self._turn.batch is not None:
            if self._turn.batch.open_ids():
                self._turn.require_action()
            else:
                self._session.run()

    def _take(self, event: Json, before: Json | None) -> Json:
        """Takes one event; `before` is the one in front of it in its send, as it was kept."""
        made = {"id": self._session.world.mint.id("sevt"), **echo_of(event), "processed_at": None}
        match event["type"]:
            case "user.message":
                return self._enqueue(made)
            case "user.define_outcome":
                outcome = {**made, "outcome_id": self._session.world.mint.id("outc")}
                return self._begin(outcome, Pursuit(self._session, outcome))
            case "user.interrupt":
                return self._interrupt(made)
            case "user.custom_tool_result" | "user.tool_result" | "user.tool_confirmation":
                return self._answer(made)
            case _:
                return self._accompany(made, before)

    def _accompany(self, event: Json, before: Json | None) -> Json:
        """A system message is processed with what it follows: it waits where that waits."""
        if not self._busy or (before is not None and before["processed_at"] is not None):
            return self._session.post_input(event)
        self._inbox.append(_Input(event))
        return self._session.feed.wait(event)

    def _enqueue(self, event: Json) -> Json:
        """At once where nothing is ahead of it, else it waits."""
        if not self._busy:
            return self._begin(event)
        self._inbox.append(_Input(event))
        return self._session.feed.wait(event)

    def _begin(self, event: Json, pursuit: Pursuit | None = None) -> Json:
        """Processed on receipt, performed in its turn."""
        kept = self._session.post_input(event)
        self._inbox.append(_Input(kept, pursuit))
        self._wake()
        return kept

    def _interrupt(self, event: Json) -> Json:
        """Stops the turn, or one thread of it, at the next point where it waits; what is at rest it does not change."""
        thread_id, own = event.get("session_thread_id"), self._session.thread_id
        if not self._busy:
            return self._session.post_input(event)
        if thread_id is not None and self._turn is not None and self.thread_at_work != own:
            return self._interrupt_beside_child(self._turn, thread_id, event)
        if thread_id not in (None, own):
            return self._session.post_input(event)
        self._interrupts.append(self._session.feed.wait(event))
        self._stop_turn()
        return event

    def _interrupt_beside_child(self, turn: Turn, thread_id: str, event: Json) -> Json:
        """While a child works: stops it alone, or the session's own thread, which goes on when the child is done."""
        if thread_id == turn.thread_id:
            turn.stop_child(self._session.feed.wait(event))
        elif thread_id == self._session.thread_id:
            self._interrupts.append(self._session.feed.wait(event))
            turn.stop_behind_child(self._stop_turn)
        else:
            return self._session.post_input(event)
        return event

    def _stop_turn(self) -> None:
        if self._turn is not None:
            self._turn.drop_calls()
        if self._scope is not None:
            self._scope.cancel()

    def drop_child(self, thread_id: str) -> None:
        """Ends what the child does in the running turn: its thread takes no more input."""
        if self._turn is not None and self._turn.thread_id == thread_id:
            self._turn.stop_child()

    def _answer(self, event: Json) -> Json:
        turn = self._turn
        if turn is None or turn.batch is None:
            return self._session.post_input(event)
        return turn.answer(turn.batch, event)

    def stop(self) -> None:
        """Ends the running turn without a word: the session is being forgotten."""
        self._stopped = True
        self._inbox.clear()
        if self._scope is not None:
            self._scope.cancel()

    # The task

    def _wake(self) -> None:
        if not self._busy:
            self._busy = True
            self._session.run()
            self._session.world.nursery.start_soon(self._work, name=f"turns of {self._session.id}")

    async def _work(self) -> None:
        try:
            while self._inbox and not self._stopped:
                self._settle_context()
                if self._inbox:
                    await self._perform(self._inbox.popleft())
        finally:
            self._busy = False

    async def _perform(self, given: _Input) -> None:
        if given.event["processed_at"] is None:
            self._session.settle(given.event)
        self._settle_context()
        turn = self._turn = Turn(self._session, self._write_file)
        ending = END_TURN
        with trio.CancelScope() as self._scope:
            if self._interrupts:
                self._scope.cancel()
            if self._session.status != "running":
                self._session.run()
            await trio.lowlevel.checkpoint()
            ending = await given.perform(turn)
        if not self._stopped:
            if given.pursuit is not None and self._scope.cancelled_caught:
                given.pursuit.interrupt()
            self._finish(turn, ending)
        self._turn = self._scope = None

    def _finish(self, turn: Turn, ending: Ending) -> None:
        turn.close(ending)
        for interrupt in self._interrupts:
            self._session.settle(interrupt)
        self._interrupts.clear()
        if ending.flush:
            self._flush()
        if ending.stop_reason is None:
            self._session.terminate()
        else:
            self._session.idle(ending.stop_reason, ending.stop_details)

    def _settle_context(self) -> None:
        """System messages whose turn has come: those in front of the next work."""
        while self._inbox and self._inbox[0].is_context:
            self._session.settle(self._inbox.popleft().event)

    def _flush(self) -> None:
        """Drops what waits: stamped as processed, never performed."""
        for given in self._inbox:
            if given.event["processed_at"] is None:
                self._session.settle(given.event)
            if given.pursuit is not None:
                given.pursuit.interrupt()
        self._inbox.clear()
