"""One life of the process under test: opens the store, brings its sessions on as far as it gets, and says on paper what it was promised.

What it writes, line by line and at once, is what a killed process leaves behind: `acked N` when a message was accepted, `saw CURSOR TYPE` for
every event a subscriber was shown, `ended N` for every terminal that the one who waits for it was told of.
"""

from __future__ import annotations

import json
import os
import sys

import attrs
import trio

import agentsup
from agentsup.talk import events as ev
from tests.crash.points import Points


@attrs.frozen
class Orders:
    """What this life is about; travels as JSON."""

    store: str
    base_url: str
    agent: str
    environment: str
    session_id: str
    folder: str
    fatal: int | None = None
    """The place at which it dies."""

    synchronous: str = "normal"
    crowd: bool = False
    """It is a crowd of sessions that lives, not one."""

    seed: int | None = None
    """What a crowd says; None says nothing more, and finishes."""

    harness: str | None = None
    """Where a crowd's agents are, if they are in a harness."""


SCRIPTS = (
    '@say first\n@tool note {{"text": "{0}-1"}}\n@tool look {{}}\n@tool put {{"text": "{0}-2"}}\n@say {{results}}',
    '@ask remove {{}}\n@cut\n@say second\n@tool note {{"text": "{0}-3"}}\n@say {{results}}',
    "@say third",
)
"""What is asked, one after the other: tools of every kind, a call that needs leave, a cut stream."""

STEER = "@say steered"


def main(orders: Orders) -> None:
    """Live."""
    trio.run(live, orders)


async def live(orders: Orders) -> None:
    """Start the session, or take it up; say what has not been said; wait for the end of all of it."""
    paper = Paper(orders)
    Points(orders.fatal, paper.open("passed")).install()
    store = agentsup.SQLiteStore(orders.store, synchronous=orders.synchronous)
    async with agentsup.open_runtime(store=store) as runtime:
        ref = await runtime.start_session(orders.session_id, spec_for(orders, paper))
        said = [entry.body async for entry in ref._life.entries()]
        accepted = sum(isinstance(body, ev.Accepted) for body in said)
        ended = sum(isinstance(body, ev.RequestEnded) for body in said)
        async with trio.open_nursery() as nursery:
            await nursery.start(watch, ref, paper, len(SCRIPTS) - ended)
            for number, script in enumerate(SCRIPTS):
                if number < accepted:
                    continue
                await ref.message(script.format(orders.session_id))
                paper.write("acked", str(number))


async def watch(ref, paper, wanted, task_status) -> None:
    """See every event there is from the start; be done when the last terminal was shown."""
    cursor = 0
    async with ref.subscribe(after=cursor, overflow="block") as events:
        task_status.started()
        ends = 0
        total = len(SCRIPTS)
        async for event in events:
            if event.type == "text_delta":
                continue
            assert event.cursor == cursor + 1, f"{event.cursor} follows {cursor}"
            cursor = event.cursor
            paper.write("saw", f"{event.cursor} {event.type}")
            if event.result is not None:
                ends += 1
                paper.write("ended", json.dumps({"request": event.request_id, "text": event.result.text}))
                if ends == total:
                    return


def spec_for(orders: Orders, paper: Paper) -> agentsup.SessionSpec:
    """The session: one tool of every effect class, all of which leave a mark, and a policy that gives leave."""

    @agentsup.tool(effect="unsafe")
    async def note(text: str, info: agentsup.SessionInfo) -> str:
        """Must not happen twice."""
        paper.write("note", info.call_id)
        await trio.lowlevel.checkpoint()
        return text

    @agentsup.tool(effect="idempotent")
    async def put(text: str, info: agentsup.SessionInfo) -> str:
        """May happen twice under one key."""
        paper.write("put", info.call_id)
        await trio.lowlevel.checkpoint()
        return text

    @agentsup.tool(effect="pure")
    def look() -> str:
        """Changes nothing."""
        return "seen"

    provider = agentsup.ClaudeManagedAgents(
        agent=orders.agent, environment=orders.environment, api_key="key", base_url=orders.base_url
    )
    return agentsup.SessionSpec(
        provider=provider,
        tools=[note, put, look],
        approval=lambda use, info: True,
        reconnect=agentsup.Reconnect(initial=0.02, cap=0.1),
    )


class Paper:
    """Files that outlive the process: every line is written with one system call."""

    def __init__(self, orders: Orders) -> None:
        self._folder = orders.folder
        self._files: dict[str, int] = {}

    def open(self, name: str) -> int:
        """The file's descriptor."""
        if name not in self._files:
            path = os.path.join(self._folder, name)
            self._files[name] = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY)
        return self._files[name]

    def write(self, name: str, line: str) -> None:
        """One line more."""
        os.write(self.open(name), f"{line}\n".encode())

    def read(self, name: str) -> list[str]:
        """What stands there, by whichever life."""
        path = os.path.join(self._folder, name)
        if not os.path.exists(path):
            return []
        with open(path, encoding="utf-8") as file:
            return file.read().splitlines()


if __name__ == "__main__":
    main(Orders(**json.loads(sys.argv[1])))
