"""`agentsup demo`: what it all is for, in a few seconds."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import attrs
import click
import trio

import agentsup
from agentsup.cli.exits import Exit
from agentsup.cli.extras import need_web
from agentsup.cli.output import write
from agentsup.cli.settings import common_options
from agentsup.cli.signals import until_signalled
from agentsup.demo.aftermath import Aftermath, check_aftermath
from agentsup.demo.agent import MODEL, Account
from agentsup.demo.board import Row, totals
from agentsup.demo.checks import Check, Evidence, check
from agentsup.demo.folder import Folder
from agentsup.demo.performance import Performance, Script
from agentsup.demo.screen import Lines, Table, is_terminal
from agentsup.demo.second_act import SecondAct
from agentsup.providers.address import BASE_URL

MOST_SESSIONS = 200
"""More is what `make bench` is for."""


@click.command()
@click.argument("folder", required=False, type=click.Path())
@click.option(
    "--sessions", default=12, show_default=True, type=click.IntRange(1, MOST_SESSIONS), help="Sessions at once."
)
@click.option("--live", is_flag=True, help="Against the real service, with ANTHROPIC_API_KEY. Costs money.")
@click.option("--model", default=MODEL, show_default=True, help="The model that --live asks.")
@click.option("--json", "as_json", is_flag=True, help="Print nothing but the summary, as one line of JSON.")
@common_options
def demo(*, folder: str | None, sessions: int, live: bool, model: str, as_json: bool) -> int:
    """Ask a dozen supervised sessions about a folder, and break things meanwhile.

    FOLDER is the one to ask about; agentsup's own source if not given. Nothing of it leaves this machine, except with --live. The
    simulator runs in a process of its own; streams are cut, a session's task is killed, a tool raises. Then all of it again in a process
    that is killed in the middle, and finished by another one. In the end the summary checks itself: status 0 if everything was answered
    truly, nothing was done twice, and nothing is left running.
    """
    account = _account() if live else None
    if account is None:
        need_web("the demo's simulator")
    place = Folder.at(Path(agentsup.__file__).parent if folder is None else folder)
    script = Script(folder=place, sessions=sessions, live=account, model=model)
    return trio.run(until_signalled, partial(_perform, script, as_json=as_json))


def _account() -> Account:
    key = os.environ.get("ANTHROPIC_API_KEY")
    if not key:
        raise click.UsageError("--live needs the key of a real account: set ANTHROPIC_API_KEY")
    return Account(os.environ.get("ANTHROPIC_BASE_URL") or BASE_URL, key)


async def _perform(script: Script, *, as_json: bool) -> int:
    begun = trio.current_time()
    performance = Performance(script)
    audience = _Nobody() if as_json else _audience(performance.rows)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(audience.run)
        evidence = await performance.run(audience)
        nursery.cancel_scope.cancel()
    aftermath = await SecondAct(script).run(audience) if script.live is None else None
    summary = _Summary(evidence, aftermath, trio.current_time() - begun)
    write(summary.as_json() if as_json else summary.as_text())
    return Exit.OK if summary.holds else Exit.CHECK_FAILED


def _audience(rows: Sequence[Row]) -> Table | Lines:
    if is_terminal(len(rows)):
        return Table(rows, write, shutil.get_terminal_size().columns)
    return Lines(rows, write, trio.current_time)


class _Nobody:
    """An empty house."""

    def tell(self, row: Row, news: str | None) -> None:
        """Nobody is told."""

    def announce(self, news: str) -> None:
        """Nobody is told."""

    async def run(self) -> None:
        """Nothing is shown."""


class _Summary:
    """What came of it, for people and for scripts."""

    def __init__(self, evidence: Evidence, aftermath: Aftermath | None, seconds: float) -> None:
        self._evidence = evidence
        self._aftermath = aftermath
        self._seconds = seconds
        self._checks: Sequence[Check] = check(evidence) + (() if aftermath is None else check_aftermath(aftermath))

    @property
    def holds(self) -> bool:
        return all(item.holds for item in self._checks)

    def as_text(self) -> str:
        marks = {True: "ok    ", False: "FAILED"}
        sums = totals(self._evidence.rows)
        again = () if self._aftermath is None else self._aftermath.results.values()
        turns, tools = sums.turns, sums.tools
        for result in again:
            turns, tools = turns + result.turns, tools + len(result.tool_uses)
        sessions = len(self._evidence.rows) + len(again)
        held = sum(item.holds for item in self._checks)
        told = f"{held} of {len(self._checks)} checks hold: {sessions} sessions, {turns} turns, {tools} tool calls"
        lines = [f"{marks[item.holds]}  {item.told}" for item in self._checks]
        return "\n" + "\n".join([*lines, f"{told}, {self._seconds:.1f} seconds"]) + "\n"

    def as_json(self) -> str:
        summary = {
            "ok": self.holds,
            "seconds": round(self._seconds, 3),
            "totals": attrs.asdict(totals(self._evidence.rows)),
            "checks": [attrs.asdict(item) for item in self._checks],
            "sessions": [_row(row) for row in self._evidence.rows],
            "second_act": None if self._aftermath is None else _act(self._aftermath),
        }
        return json.dumps(summary) + "\n"


def _row(row: Row) -> dict[str, object]:
    shown = (
        "session_id",
        "title",
        "house",
        "state",
        "turns",
        "tools",
        "failed_tools",
        "restarts",
        "reconnects",
        "failure",
    )
    return {name: getattr(row, name) for name in shown}


def _act(aftermath: Aftermath) -> dict[str, object]:
    return {
        "sessions": len(aftermath.expected),
        "unfinished_at_kill": aftermath.unfinished,
        "finished": len(aftermath.results),
        "ledger": len(aftermath.ledger),
        "ledger_at_kill": aftermath.written_before,
        "in_doubt": len(aftermath.in_doubt),
    }
