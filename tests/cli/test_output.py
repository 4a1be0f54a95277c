"""What goes to stdout."""

from __future__ import annotations

import io
import sys

from agentsup.cli.output import said


class Terminal(io.StringIO):
    """Somebody is watching."""

    def isatty(self):
        return True


def test_an_agent_does_not_steer_the_terminal(monkeypatch):
    """Escape sequences in an answer are shown as something odd, not obeyed; text, tabs and lines are kept."""
    monkeypatch.setattr(sys, "stdout", Terminal())

    assert said("a\tb\nc \x1b[2J\x07\x9b1m\r é 世") == "a\tb\nc �[2J��1m� é 世"


def test_a_pipe_gets_every_character(monkeypatch):
    """What is not a terminal is given the answer as it is."""
    monkeypatch.setattr(sys, "stdout", io.StringIO())

    assert said("\x1b[2J") == "\x1b[2J"
