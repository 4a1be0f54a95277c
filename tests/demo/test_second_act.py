"""The second act as a whole: the processes, the kill, and the other process, as the user has them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

from agentsup.demo import inquiry, second_act
from agentsup.demo.aftermath import check_aftermath
from agentsup.demo.performance import Script
from agentsup.demo.second_act import SecondAct


class Chorus:
    """Remembers what was told."""

    def __init__(self):
        self.news = []

    def announce(self, news):
        self.news.append(news)


@pytest.fixture(autouse=True)
def quick(monkeypatch, tmp_path):
    """The simulated agent does not think for the sake of who watches; what is left in the folder for temporary files is seen."""
    monkeypatch.setattr(inquiry, "PACE", 0.05)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    return scratch


def failing(aftermath):
    return {item.name for item in check_aftermath(aftermath) if not item.holds}


@pytest.mark.parametrize("sessions", [1, 12])
async def test_another_process_finishes_it(odd, quick, sessions):
    """Killed in the middle, everything is finished by the second process, truly and once; nothing is left of either."""
    chorus = Chorus()

    found = await SecondAct(Script(folder=odd, sessions=sessions)).run(chorus)

    assert failing(found) == set()
    assert found.first.status == -signal.SIGKILL
    assert found.unfinished == sessions
    assert set(found.second.finished) == {f"part-{number:02}" for number in range(1, sessions + 1)}
    assert sessions <= found.written_before < len(found.ledger)
    assert 3 * sessions - len(found.in_doubt) < len(found.ledger) <= 3 * sessions
    assert {entry.pid for entry in found.ledger} == {found.first.pid, found.second.pid}
    assert found.in_doubt
    assert os.listdir(quick) == []
    assert len(chorus.news) == 5
    assert not any(_lives(life.pid) for life in (found.first, found.second))


async def test_a_tool_that_is_marked_wrongly_is_found_out(odd, monkeypatch):
    """Marked `pure`, the calls that were cut off run again: the ledger has them twice, and the summary says so."""
    monkeypatch.setattr(second_act, "RUNNER", "tests.demo.careless_runner")

    found = await SecondAct(Script(folder=odd, sessions=3)).run(Chorus())

    assert failing(found) == {"unsafe"}
    (told,) = [item.told for item in check_aftermath(found) if not item.holds]
    assert "of them twice; in doubt: 0" in told
    assert len({entry.call_id for entry in found.ledger}) < len(found.ledger)


async def test_a_process_that_does_not_start(odd, monkeypatch):
    """Without a first process nothing was killed, without a second nothing is finished; the summary says so, and nothing hangs."""
    monkeypatch.setattr(second_act, "RUNNER", "agentsup.demo.trouble")

    found = await SecondAct(Script(folder=odd, sessions=2)).run(Chorus())

    assert failing(found) == {"killed", "finished", "faithful", "unsafe"}


def test_a_runner_ends_with_its_stdin():
    """Whoever started it and is gone leaves no process behind, be it before the orders or after them."""
    command = [sys.executable, "-m", second_act.RUNNER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        out, _ = process.communicate(timeout=20)

    assert (process.returncode, out) == (0, b"")


def test_a_runner_ends_in_the_middle(odd, tmp_path):
    """It waits for a provider that does not answer when its stdin ends."""
    orders = {
        "folder": str(odd.root),
        "store": str(tmp_path / "sessions.db"),
        "ledger": str(tmp_path / "ledger"),
        "base_url": "http://127.0.0.1:1",
        "agent": "a",
        "environment": "e",
        "prompts": {"s": "@say x"},
    }
    command = [sys.executable, "-m", second_act.RUNNER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.communicate(json.dumps(orders).encode() + b"\n", timeout=20)

    assert process.returncode == 0


def _lives(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
