"""The command as a whole: help, statuses, and what becomes of errors."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

import agentsup
from agentsup.cli import command as room
from agentsup.cli.exits import MEANING, Exit, of_error, of_terminal
from agentsup.cli.output import NoReader
from agentsup.cli.signals import Signalled
from agentsup.talk.events import Failure
from agentsup.talk.result import SessionResult

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "command.md"


def test_every_status_is_explained(command):
    """Each exit status has its line in `--help` and in the reference page, with the same words."""
    ended = command("--help")

    rows = dict(re.findall(r"^\| (\d+) \| (.+) \|$", PAGE.read_text(), re.MULTILINE))
    assert ended.status == 0
    assert rows == {str(status.value): meaning for status, meaning in MEANING.items()}
    for status, meaning in MEANING.items():
        assert f"{status.value:>4}  {meaning}" in ended.out


def test_help_without_a_verb(command):
    """Alone, the command says what it can do."""
    ended = command()

    assert ended.status == 0
    assert ended.out.startswith("Usage: agentsup")


def test_version(command):
    """It knows its version."""
    ended = command("--version")

    assert (ended.status, ended.out) == (0, f"agentsup {agentsup.__version__}\n")


@pytest.mark.parametrize(
    "arguments", [["nosuch"], ["run"], ["run", "a", "b"], ["sim", "--port", "70000"], ["sim", "x"]]
)
def test_wrong_usage_is_one_sentence(command, arguments):
    """Wrong usage is bad input: one line that says what is wrong, and where the help is."""
    ended = command(*arguments)

    assert (ended.status, ended.out) == (Exit.BAD_INPUT, "")
    assert ended.err.startswith("agentsup: ")
    assert "--help" in ended.err
    assert ended.err.count("\n") == 1


def _failing(monkeypatch, error):
    @click.command()
    @room.common_options
    def fail():
        raise error

    monkeypatch.setitem(room.cli.commands, "fail", fail)


def test_bug(command, monkeypatch):
    """A bug is called one, with a status of its own, and the traceback only where it is asked for."""
    _failing(monkeypatch, ZeroDivisionError("oops"))

    plain = command("fail")
    debug = command("fail", "--debug")

    assert plain.status == debug.status == Exit.BUG
    assert plain.err == "agentsup: this is a bug in agentsup, --debug shows where: ZeroDivisionError: oops\n"
    assert "Traceback" in debug.err


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (KeyboardInterrupt(), 130),
        (Signalled(2), 130),
        (Signalled(15), 143),
        (NoReader(), 141),
        (ExceptionGroup("", [NoReader(), ExceptionGroup("", [NoReader()])]), 141),
    ],
)
def test_ends_without_a_word(command, monkeypatch, error, status):
    """Who was told to end, or has no reader any more, says nothing."""
    _failing(monkeypatch, error)

    ended = command("fail")

    assert (ended.status, ended.out, ended.err.strip()) == (status, "", "")


def test_error_in_a_group(command, monkeypatch):
    """An error that a nursery wrapped is told as if it were alone."""
    _failing(monkeypatch, ExceptionGroup("", [agentsup.SpecError.of("FOLDER", "must be a folder")]))

    ended = command("fail")

    assert (ended.status, ended.err) == (Exit.BAD_INPUT, "agentsup: FOLDER must be a folder\n")


def test_statuses_of_errors():
    """Each kind of error has its status; a refusal is told apart from a provider that is not there."""
    result = SessionResult(terminal="terminated", stop_reason=None, session_id="s")

    def failed(kind, cls, **details):
        return of_error(cls(Failure(kind=kind, message="m", **details), result))

    assert failed("timeout", agentsup.RequestTimeout) is Exit.TIMEOUT
    assert failed("turn_limit", agentsup.TurnLimitReached) is Exit.TURN_LIMIT
    assert failed("interrupted", agentsup.Interrupted) is Exit.TERMINATED
    assert failed("provider", agentsup.ProviderFailed, status=404) is Exit.REFUSED
    assert failed("provider", agentsup.ProviderFailed) is Exit.UNREACHABLE
    assert of_error(agentsup.SpecError.of("x", "y")) is Exit.BAD_INPUT
    assert [of_terminal(word) for word in ("end_turn", "requires_action", "terminated")] == [0, 3, 4]


@pytest.mark.parametrize("missing", ["hypercorn", "starlette"])
@pytest.mark.parametrize("verb", ["sim", "demo"])
def test_without_the_web_extra(command, monkeypatch, verb, missing):
    """A plain install has no server; the sentence says what to install."""
    found = room.sim.callback.__globals__["need_web"].__globals__["find_spec"]
    monkeypatch.setattr("agentsup.cli.extras.find_spec", lambda name: None if name == missing else found(name))

    ended = command(verb)

    assert ended.status == Exit.BAD_INPUT
    assert "pip install 'agentsup[web]'" in ended.err
