"""The second act: the process with the runtime is killed in the middle of the work, and another one finishes it over the same store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Protocol

import attrs
import trio

from agentsup.demo import inquiry
from agentsup.demo.aftermath import Aftermath, Life
from agentsup.demo.agent import Account, made_agent
from agentsup.demo.census import settled_census
from agentsup.demo.child import python_process
from agentsup.demo.inquiry import Step, answer_to, directions, steps_about
from agentsup.demo.ledger import Ledger, as_told, with_entries
from agentsup.demo.part import partition
from agentsup.demo.performance import Script
from agentsup.demo.reader import Reader
from agentsup.demo.report import Asked, from_line
from agentsup.demo.runner import PATIENCE, Orders
from agentsup.demo.simulator import simulator_process
from agentsup.demo.trouble import Trouble

RUNNER = "agentsup.demo.runner"
"""The module that is run as a process."""

HURRY: Final = 2.0
"""The agents think so many times as quickly as in the first act: here nobody watches each of them."""

LOOKED_EVERY: Final = 0.02
"""Seconds between two looks into the ledger."""


class Chorus(Protocol):
    """Whoever tells what happens."""

    def announce(self, news: str) -> None:
        """One line of it."""


class SecondAct:
    """One run of it, always against the simulator."""

    def __init__(self, script: Script) -> None:
        self._folder = script.folder
        self._tools = Reader(script.folder).tools()
        parts = partition(script.folder.files(), script.sessions)
        self._steps: dict[str, tuple[Step, ...]] = {}
        for number, part in enumerate(parts, start=1):
            session_id = f"part-{number:02}"
            self._steps[session_id] = with_entries(steps_about(part), session_id)
        self._entries = sum(len(steps) for steps in self._steps.values())
        self._fatal = max(1, self._entries // 3)

    async def run(self, chorus: Chorus) -> Aftermath:
        """Perform it, once; what it left to look at.

        Cancelled, it ends its processes.

        Raises:
            SimulatorFailed: the simulator did not start.
        """
        before, answers = await settled_census(), self._answers()
        with _scratch() as scratch:
            first, second = await self._perform(scratch, chorus)
            ledger = Ledger(scratch / "ledger").read()
        after = await settled_census()
        files = ("files",) if scratch.exists() else ()
        return Aftermath(
            expected={
                session_id: frozenset({earlier, later})
                for (session_id, earlier), later in zip(answers.items(), self._answers().values(), strict=True)
            },
            entries=self._entries,
            first=first,
            second=second,
            ledger=ledger,
            left=(*after.left_since(before), *files),
        )

    async def _perform(self, scratch: Path, chorus: Chorus) -> tuple[Life, Life]:
        ledger = Ledger(scratch / "ledger")
        chorus.announce(
            "the same parts again, in a process of its own, with a store and a tool that must not run twice"
        )
        async with (
            # Both are started at once, for the time it takes: the second one waits for its orders.
            python_process(RUNNER) as doomed,
            python_process(RUNNER) as spare,
            simulator_process() as address,
            made_agent(Account(address, "demo"), (*self._tools, ledger.tool())) as provider,
        ):
            orders = Orders(
                folder=str(self._folder.root),
                store=str(scratch / "sessions.db"),
                ledger=str(ledger.path),
                base_url=address,
                agent=str(provider.agent),
                environment=str(provider.environment),
            )
            beginning = attrs.evolve(orders, prompts=self._prompts(), cut_off_at=self._fatal)
            chorus.announce(f"process {doomed.pid} is at work")
            first = await self._kill_in_the_middle(doomed, beginning, ledger)
            unfinished = len(self._steps) - len(first.finished)
            chorus.announce(
                f"kill -9 of process {doomed.pid}, at {len(ledger.read())} of {self._entries} entries in its ledger; "
                f"{unfinished} of {len(self._steps)} sessions are not finished"
            )
            chorus.announce(f"process {spare.pid} opens the store")
            second = await _to_its_end(spare, orders)
            chorus.announce(f"{len(second.finished)} sessions finished in process {spare.pid}")
        return first, second

    async def _kill_in_the_middle(self, process: trio.Process, orders: Orders, ledger: Ledger) -> Life:
        """Let it work until a third of the entries are there, all sessions have been asked, and some calls do not return; then kill it."""
        life = Life(process.pid)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_listen, process, life)
            try:
                with trio.move_on_after(PATIENCE):
                    await _order(process, orders)
                    while life.status is None and not self._is_bad_moment(life, ledger):  # noqa: ASYNC110  -- a file has no events
                        await trio.sleep(LOOKED_EVERY)
            finally:
                process.kill()  # also if the demo is ended: before its provider is, of whose end it would complain
        return life

    def _is_bad_moment(self, life: Life, ledger: Ledger) -> bool:
        return len(life.asked) == len(self._steps) and len(ledger.read()) >= self._fatal

    def _prompts(self) -> dict[str, str]:
        """What to ask. The agents begin one after the other, so that not all are at the same place when it happens."""
        late = {name: inquiry.PACE * number / len(self._steps) for number, name in enumerate(self._steps)}
        return {
            name: f"@sleep {late[name]:.3f}\n{directions(steps, Trouble(), hurry=HURRY)}"
            for name, steps in self._steps.items()
        }

    def _answers(self) -> dict[str, str]:
        tools = (*self._tools, as_told)
        return {session_id: answer_to(steps, tools) for session_id, steps in self._steps.items()}


@contextmanager
def _scratch() -> Iterator[Path]:
    with TemporaryDirectory(prefix="agentsup-demo-") as name:
        yield Path(name)


async def _to_its_end(process: trio.Process, orders: Orders) -> Life:
    """Let it work until it ends by itself."""
    life = Life(process.pid)
    try:
        with trio.move_on_after(PATIENCE):
            await _order(process, orders)
            await _listen(process, life)
    finally:
        process.kill()  # it has ended, unless it hangs or the demo is ended
    return life


async def _order(process: trio.Process, orders: Orders) -> None:
    """Tell it what to do; one that has ended already takes no orders, and its status tells."""
    assert process.stdin is not None
    try:
        await process.stdin.send_all(orders.to_line())
    except trio.BrokenResourceError:
        await process.wait()


async def _listen(process: trio.Process, life: Life) -> None:
    """Take its reports in until it has ended."""
    assert process.stdout is not None
    waiting = b""
    async for chunk in process.stdout:
        *lines, waiting = (waiting + chunk).split(b"\n")
        for line in lines:
            report = from_line(line)
            if isinstance(report, Asked):
                life.asked.add(report.session_id)
            else:
                life.finished[report.session_id] = report
    life.status = await process.wait()
