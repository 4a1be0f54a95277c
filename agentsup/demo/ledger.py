"""A ledger: a file that outlives whoever writes into it, and the tool that writes an entry, which must not be written twice."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import attrs
import trio

from agentsup.demo.inquiry import Call, Step
from agentsup.loop.calls import IN_DOUBT
from agentsup.session.tool import Tool, tool
from agentsup.talk.tools import SessionInfo

TOOL: Final = "enter"
"""What the tool is called."""

TOLD_IN_DOUBT: Final = IN_DOUBT.format(name=TOOL)
"""What the agent is told of a call that was cut off."""


@attrs.frozen
class Entry:
    """One line of the ledger: one time that the tool ran."""

    pid: int
    """The process it ran in."""

    call_id: str
    text: str


@attrs.define(eq=False)
class Ledger:
    """The file, as one process writes it."""

    path: Path
    cut_off_at: int | None = None
    """The entry of this process from which on calls write and then do not return: whoever kills the process is so sure to cut some off
    behind their effect and before their result, where it hurts. None lets all of them return."""

    _written: int = 0

    def tool(self) -> Tool:
        """Its method as a tool. Nobody can tell whether it may run twice, so it is `unsafe`."""
        return tool(effect="unsafe")(self.enter)

    async def enter(self, entry: str, info: SessionInfo) -> str:
        """Write an entry into the ledger.

        Args:
            entry: The entry's text, in one line.
            info: Which call it is.
        """
        line = f"{os.getpid()} {info.call_id} {entry}\n"
        file = os.open(self.path, os.O_CREAT | os.O_APPEND | os.O_WRONLY)
        try:
            os.write(file, line.encode())  # at once and as a whole, for every other process to see
        finally:
            os.close(file)
        self._written += 1
        if self.cut_off_at is not None and self._written >= self.cut_off_at:
            await trio.sleep_forever()
        await trio.lowlevel.checkpoint()
        return told_of(entry)

    def read(self) -> tuple[Entry, ...]:
        """What stands in it."""
        if not self.path.exists():
            return ()
        lines = (line.split(" ", 2) for line in self.path.read_text().split("\n")[:-1])
        return tuple(Entry(int(pid), call_id, text) for pid, call_id, text in lines)


def told_of(entry: str) -> str:
    """What the agent is told of an entry that was written."""
    return f"the entry {entry!r} is written"


@tool(name=TOOL, effect="pure")
def as_told(entry: str) -> str:
    """The tool without its effect, to be called directly for what the agent is told."""
    return told_of(entry)


def with_entries(steps: Sequence[Step], session_id: str) -> tuple[Step, ...]:
    """The steps, each with an entry of its own that is made together with its other calls."""
    return tuple(
        attrs.evolve(step, calls=(*step.calls, Call(TOOL, {"entry": f"{session_id} step {number}"})))
        for number, step in enumerate(steps, start=1)
    )


def with_doubts(answer: str, entries: Sequence[str]) -> str:
    """The true answer of an agent who was told that these entries are in doubt."""
    for entry in entries:
        answer = answer.replace(told_of(entry), TOLD_IN_DOUBT)
    return answer
