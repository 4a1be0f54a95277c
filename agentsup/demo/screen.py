"""The demo on a terminal (a table, redrawn in place) and elsewhere (a line for each change worth telling)."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import click
import trio

from agentsup.demo.board import Row, RowState, totals

REDRAWN_EVERY: Final = 0.08
"""Seconds; faster than that nobody reads."""

_COLORS: Final[dict[RowState, str]] = {
    "waiting": "bright_black",
    "opening": "bright_black",
    "running": "cyan",
    "reconnecting": "yellow",
    "restarting": "magenta",
    "answered": "green",
    "failed": "red",
}

Write = Callable[[str], None]


def is_terminal(rows: int) -> bool:
    """Whether stdout can show a table of so many rows that is redrawn in place."""
    size = shutil.get_terminal_size()
    return sys.stdout.isatty() and size.lines > rows + 3 and size.columns >= 60 and not _is_dumb()


def _is_dumb() -> bool:
    return os.environ.get("TERM", "dumb") == "dumb"


class Lines:
    """One line for each change worth telling."""

    def __init__(self, rows: Sequence[Row], write: Write, clock: Callable[[], float]) -> None:
        self._write = write
        self._clock = clock
        self._begun = clock()
        for row in rows:
            self._line(row.session_id, f"is asked about {row.title}, at {row.house}")

    def tell(self, row: Row, news: str | None) -> None:
        """Something changed."""
        if news is not None:
            self._line(row.session_id, news)

    def announce(self, news: str) -> None:
        """Something happened that is no session's alone."""
        self._line("act two", news)

    async def run(self) -> None:
        """Nothing to do: each line is written as it comes."""

    def _line(self, who: str, what: str) -> None:
        self._write(f"{self._clock() - self._begun:6.2f}s  {who}  {what}\n")


class Table:
    """All sessions at a glance."""

    def __init__(self, rows: Sequence[Row], write: Write, columns: int) -> None:
        self._rows = rows
        self._write = write
        self._columns = columns
        self._drawn = 0
        self._changed = trio.Event()

    def tell(self, row: Row, news: str | None) -> None:
        """Something changed; it is drawn soon."""
        self._changed.set()

    def announce(self, news: str) -> None:
        """Something happened that is no session's alone; it is told below the table, which is not redrawn any more."""
        self._write(f"{_fit(f'act two  {news}', self._columns)}\n")

    async def run(self) -> None:
        """Redraw it when something changed, until cancelled; the last state stays on the screen."""
        try:
            while True:
                self.draw()
                await self._changed.wait()
                self._changed = trio.Event()
                await trio.sleep(REDRAWN_EVERY)
        finally:
            self.draw()

    def draw(self) -> None:
        """Draw it over where it was drawn before."""
        lines = list(table_lines(self._rows, self._columns))
        up = f"\x1b[{self._drawn}A" if self._drawn else ""
        self._write(up + "".join(f"{line}\x1b[K\n" for line in lines))
        self._drawn = len(lines)


def table_lines(rows: Sequence[Row], columns: int) -> Iterable[str]:
    """The table, no line longer than the terminal is wide."""
    part = max(12, min(34, columns - 72))
    head = f"{'session':8} {'part':{part}} {'at':9} {'state':12} {'turns':>5} {'tools':>5} {'restarts':>8} {'reconnects':>10}  lately"
    yield _styled(_fit(head, columns), bold=True)
    for row in rows:
        before = f"{row.session_id:8} {_fit(row.title, part):{part}} {row.house:9} "
        after = f" {row.turns:>5} {row.tools:>5} {row.restarts or '':>8} {row.reconnects or '':>10}  {row.lately}"
        state = _styled(f"{row.state:12}", fg=_COLORS[row.state])
        yield before + state + _fit(after, columns - len(before) - 12)
    sums = totals(rows)
    foot = f"{sums.answered} of {len(rows)} answered"
    line = f"{foot:{8 + part + 24}} {sums.turns:>5} {sums.tools:>5} {sums.restarts:>8} {sums.reconnects:>10}"
    yield _styled(_fit(line, columns), bold=True)


def _fit(text: str, width: int) -> str:
    return text if len(text) <= width else text[: max(0, width - 2)] + ".."


def _styled(text: str, **style: Any) -> str:
    return text if os.environ.get("NO_COLOR") else click.style(text, **style)
