"""A process that dies in the middle of an interrupt: what a second stop would end at a harness is the conversation."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest

from tests.crash.harness import ROOT
from tests.crash.harness import world as made_world


@pytest.fixture(scope="module")
def world():
    with made_world() as made:
        yield made


@pytest.mark.parametrize("heard", [True, False], ids=["heard", "unheard"])
def test_a_turn_that_ended_by_itself_is_not_stopped_by_the_next_life(world, tmp_path, heard):
    """Whether its end was heard or not: the stop that is in doubt does not go out again, and the conversation goes on."""
    world.http.post("/_sim/faults", json={"method": "POST", "path": "*/stopruntimesession", "mode": "stall"})
    before = len(stops(world))
    orders = {"harness": world.harness, "base_url": world.base_url, "store": str(tmp_path / "s.db"), "heard": heard}

    first = life(orders | {"last": False})
    world.http.delete("/_sim/faults")
    second = life(orders | {"last": True})

    assert first.returncode == -signal.SIGKILL, first.stderr
    assert second.returncode == 0, second.stderr
    assert second.stdout.splitlines()[-1] == "on"
    assert len(stops(world)) - before == 1


def life(orders):
    command = [sys.executable, "-m", "tests.crash.interrupted", json.dumps(orders)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def stops(world):
    requests = world.http.get("/_sim/requests").json()
    return [request for request in requests if request["path"].endswith("/stopruntimesession")]
