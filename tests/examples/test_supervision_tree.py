"""The tree one can break by hand, broken by a script."""

from __future__ import annotations

import io
import re
import runpy
from pathlib import Path

import pytest
import structlog

EXAMPLE = Path(__file__).parents[2] / "examples" / "supervision_tree.py"


@pytest.fixture
def typed(monkeypatch, capsys):
    """Runs the example with lines as if typed; what it prints, without the numbers of processes."""

    def run(*lines: str) -> list[str]:
        monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
        runpy.run_path(str(EXAMPLE), run_name="__main__")
        output = capsys.readouterr().out
        return [re.sub(r"#\d+", "", line).strip() for line in output.splitlines()]

    yield run
    structlog.reset_defaults()


def incarnations(lines: list[str]) -> dict[str, int]:
    """Of the last tree that was printed."""
    found = [re.match(r"(\w+) +\w+ +incarnation (\d+)", line) for line in lines]
    return {match[1]: int(match[2]) for match in found if match}


def test_a_crash_restarts_one(typed):
    """Under one_for_one nobody else is touched."""
    lines = typed("crash clock", "tree")

    assert lines[lines.index("- clock: Crashed(ValueError)") + 1] == "+ clock"
    assert incarnations(lines) == {"root": 1, "clock": 2, "pipeline": 1, "source": 1, "filter": 1, "sink": 1, "jobs": 1}


def test_a_kill_restarts_who_depends_on_it(typed):
    """Under rest_for_one those started later are stopped in reverse order and started again in order."""
    lines = typed("kill filter", "tree", "quit")

    began = lines.index("- filter: Killed()")
    assert lines[began : began + 4] == ["- filter: Killed()", "- sink: Shutdown(info=None)", "+ filter", "+ sink"]
    assert incarnations(lines)["source"] == 1
    assert lines[-1] == "everything has stopped, in order"


def test_jobs_come_and_go(typed):
    """A transient job is restarted after a crash, forgotten after a clean stop, and its name cannot be taken twice."""
    lines = typed("job x", "job x", "hang x", "kill x", "tree", "stop x", "stop x", "tree")

    assert lines.count("+ x") == 2
    assert any("the name 'x' is held by" in line for line in lines)
    shown = [line for line in lines if re.match("x +running +incarnation 2", line)]
    assert len(shown) == 1
    assert any(line.startswith("crash NAME") and "names:" in line for line in lines)


def test_a_supervisor_gives_up(typed):
    """Over its limit it stops what is left and ends; the one above starts it again, and of the jobs there are none."""
    jobs = ["one", "two", "three", "four"]
    lines = typed(*[f"job {name}" for name in jobs], *[f"crash {name}" for name in jobs], "tree")

    assert any(line.startswith("! SupervisorGaveUp") for line in lines)
    assert incarnations(lines)["jobs"] == 2
    assert not set(jobs) & set(incarnations(lines))
