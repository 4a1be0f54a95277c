"""How it is shown."""

from __future__ import annotations

import os
import re

import pytest
import trio
import trio.testing

from agentsup.demo.board import Row
from agentsup.demo.screen import Lines, Table, is_terminal, table_lines


@pytest.fixture
def rows():
    done = Row(session_id="part-02", title="otp/", house="agentcore", state="answered", turns=4, tools=7)
    done.lately = "answered after 4 turns"
    return [Row(session_id="part-01", title="a" * 80, lately="b" * 200), done]


def plain(text):
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


@pytest.mark.parametrize("columns", [60, 80, 120, 200])
def test_no_line_is_too_long(rows, columns):
    """A line longer than the terminal would break the redrawing; long titles and news are cut."""
    lines = [plain(line) for line in table_lines(rows, columns)]

    assert len(lines) == len(rows) + 2
    assert max(map(len, lines)) <= columns
    assert "1 of 2 answered" in lines[-1]


def test_columns_line_up(rows):
    """Each number stands under its heading."""
    head, _, second, _ = (plain(line) for line in table_lines(rows, 120))

    assert head.index("turns") + len("turns") == second.index("    4") + 5
    assert head.index("state") == second.index("answered")
    assert head.index(" at ") == second.index(" agentcore ")


def test_no_color(rows, monkeypatch):
    """NO_COLOR is heeded."""
    monkeypatch.setenv("NO_COLOR", "1")

    assert not any("\x1b" in line for line in table_lines(rows, 120))


async def test_table_is_redrawn_in_place(rows, nursery, autojump_clock):
    """Changes are drawn over what was there, many of them at once, and the last state stays."""
    written = []
    table = Table(rows, written.append, 100)
    nursery.start_soon(table.run)
    await trio.testing.wait_all_tasks_blocked()
    for number in range(50):
        rows[0].turns = number
        table.tell(rows[0], None)
    await trio.sleep(1)
    rows[0].turns = 77
    nursery.cancel_scope.cancel()
    await trio.lowlevel.cancel_shielded_checkpoint()
    await trio.lowlevel.cancel_shielded_checkpoint()

    assert not written[0].startswith("\x1b[4A")
    assert all(frame.startswith("\x1b[4A") for frame in written[1:])
    assert len(written) == 3
    assert " 49 " in written[1]
    assert " 77 " in written[2]


def test_lines(rows):
    """Elsewhere than on a terminal each change worth telling is a line, with its time and whose it is."""
    written = []
    times = iter([10.0, 10.0, 10.0, 11.5, 12.0])
    lines = Lines(rows, written.append, lambda: next(times))

    lines.tell(rows[1], None)
    lines.tell(rows[1], "reconnecting: the stream ended")
    lines.announce("kill -9")

    assert written[1:] == [
        "  0.00s  part-02  is asked about otp/, at agentcore\n",
        "  1.50s  part-02  reconnecting: the stream ended\n",
        "  2.00s  act two  kill -9\n",
    ]


def test_below_the_table(rows):
    """What is no session's alone is a line below it, no longer than the terminal is wide."""
    written = []
    table = Table(rows, written.append, 20)

    table.announce("kill -9")
    table.announce("x" * 80)

    assert written == ["act two  kill -9\n", "act two  xxxxxxxxx..\n"]


@pytest.mark.parametrize(
    ("tty", "size", "term", "shows"),
    [
        (True, (100, 40), "xterm", True),
        (False, (100, 40), "xterm", False),
        (True, (100, 14), "xterm", False),
        (True, (50, 40), "xterm", False),
        (True, (100, 40), "dumb", False),
    ],
)
def test_where_a_table_is_shown(monkeypatch, tty, size, term, shows):
    """A table is for terminals that are large enough and can move the cursor."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: tty, raising=False)
    monkeypatch.setattr("shutil.get_terminal_size", lambda: os.terminal_size(size))
    monkeypatch.setenv("TERM", term)

    assert is_terminal(12) is shows
