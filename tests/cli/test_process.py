"""The command as a process: signals, pipes, ports. Here real processes are the point."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
import trio

COMMAND = [sys.executable, "-m", "agentsup"]


def environment_of_a_person():
    """Ours, without what changes how Python behaves: nobody who types a command has set that."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}


def started(*arguments, **options):
    environment = {**environment_of_a_person(), "ANTHROPIC_API_KEY": "key"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([*COMMAND, *arguments], env=environment, **{**pipes, **options})


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signal_in_the_middle_of_a_run(place, number, status):
    """Ctrl-C and SIGTERM end a run without a traceback, and the provider was told to stop: nothing runs there any more."""
    with started("run", *place.options, "@say begun\n@sleep 60") as process:
        heard = process.stdout.read(5)
        process.send_signal(number)
        out, err = process.communicate(timeout=20)

    assert (heard, out, err) == ("begun", "\n", "")
    assert process.returncode == status
    assert place.health()["running"] == 0


def test_a_second_signal_does_not_wait(place):
    """Who presses Ctrl-C twice is not made to wait for the farewell to a provider that does not answer."""
    with started("run", *place.options, "@say begun\n@sleep 60") as process:
        process.stdout.read(5)
        place.http.post("/_sim/faults", json={"path": "/v1/sessions/*/events", "method": "POST", "mode": "stall"})
        process.send_signal(signal.SIGINT)
        waited = _still_runs(process, 0.3)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    place.http.delete("/_sim/faults")
    place.interrupt_all()

    assert waited
    assert (process.returncode, err) == (130, "")


def _still_runs(process, seconds):
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return True
    return False


def test_reader_goes_away(place):
    """A reader that has seen enough (`| head`) ends the run quietly, and the provider was told to stop."""
    with started("run", *place.options, "@say begun\n@sleep 0.3\n@say more\n@sleep 60") as process:
        process.stdout.read(5)
        process.stdout.close()
        err = process.stderr.read()
        process.wait(20)

    assert (process.returncode, err) == (141, "")
    assert place.health()["running"] == 0


def test_sim_says_ready_and_ends():
    """The simulator's process prints its one line, ends with its parent's pipe, and a second one cannot have its port."""
    with started("sim", "--while-stdin", stdin=subprocess.PIPE) as process:
        word, url = process.stdout.readline().split()
        port = url.rpartition(":")[2]
        with started("sim", "--port", port) as second:
            out, err = second.communicate(timeout=20)
        rest, _ = process.communicate(timeout=20)

    assert word == "ready"
    assert (process.returncode, rest) == (0, "")
    assert (second.returncode, out) == (9, "")
    assert f"cannot listen on 127.0.0.1:{port}" in err
    assert err.count("\n") == 1
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(port)), timeout=5)


@pytest.mark.parametrize(
    ("word", "number"),
    [
        ("part-01", signal.SIGINT),
        ("reconnecting", signal.SIGINT),
        ("is at work", signal.SIGTERM),
        ("opens the store", signal.SIGINT),
    ],
)
def test_demo_interrupted(marked, word, number):
    """Whenever Ctrl-C comes, the demo ends with the status for it, without a word and without its processes."""
    with started("demo", "--sessions", "2") as process:
        while word not in process.stdout.readline():
            pass
        process.send_signal(number)
        _, err = process.communicate(timeout=20)

    assert (process.returncode, err) == (128 + number, "")
    assert marked() == []


@pytest.mark.parametrize("word", ["reconnecting", "is at work", "opens the store"])
def test_demo_killed(marked, word):
    """Even a demo that is killed, and can clean up nothing, leaves no process behind."""
    with started("demo", "--sessions", "2") as process:
        while word not in process.stdout.readline():
            pass
        assert len(marked()) > 1
        process.kill()
        process.communicate(timeout=20)

    _until(lambda: not marked())


@pytest.fixture
def marked(monkeypatch, tmp_path):
    """The living processes that have their environment from this test, wherever they come from; the files of killed ones go with it."""
    mark = f"AGENTSUP_TEST={uuid.uuid4().hex}"
    monkeypatch.setenv(*mark.split("="))
    monkeypatch.setenv("TMPDIR", str(tmp_path))

    def marked():
        return [int(place.name) for place in Path("/proc").glob("[0-9]*") if mark in _environment(place)]

    return marked


def _environment(place):
    """None of one that has ended, or is somebody else's."""
    try:
        return (place / "environ").read_text(errors="replace").split("\0")
    except OSError:
        return []


def _until(condition):
    """Another process's end cannot be awaited by who is not its parent; look again until it has come."""
    for _ in range(200):
        if condition():
            return
        trio.run(trio.sleep, 0.05)
    raise AssertionError("it never came")


def test_json_in_an_encoding_without_the_characters(place, monkeypatch):
    """What stdout's encoding cannot say is a JSON escape, and the line stays JSON."""
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")

    with started("run", "--json", *place.options, "@say grün ☃") as process:
        out, err = process.communicate(timeout=20)

    assert (process.returncode, err) == (0, "")
    assert json.loads(out)["text"] == "grün ☃"


def test_output_that_takes_nothing(place):
    """A full disk is told in a sentence, and is no bug of ours; an output that was closed from the start is not wanted."""
    with Path("/dev/full").open("w") as full, started("run", *place.options, "hello", stdout=full) as process:
        _, err = process.communicate(timeout=20)

    assert (process.returncode, err) == (141, "agentsup: the output cannot be written: No space left on device\n")
    closed = ["sh", "-c", '"$@" >&-', "sh", *COMMAND, "run", *place.options, "hello"]
    environment = {**environment_of_a_person(), "ANTHROPIC_API_KEY": "key"}
    done = subprocess.run(closed, env=environment, stderr=subprocess.PIPE, check=False, timeout=20)
    assert (done.returncode, done.stderr) == (0, b"")
