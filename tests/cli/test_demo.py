"""`agentsup demo`: its options, and its summary for scripts."""

from __future__ import annotations

import json

import pytest

from agentsup.cli.exits import Exit
from agentsup.demo import inquiry, performance


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with one file; the simulated agent does not think for the sake of who watches."""
    monkeypatch.setattr(inquiry, "PACE", 0.02)
    (tmp_path / "one.txt").write_text("the only file\n")
    return tmp_path


def test_json(command, folder):
    """With --json the summary is one line a script can read, and nothing else is printed."""
    ended = command("demo", "--json", "--sessions", "1", folder)

    summary = json.loads(ended.out)
    assert (ended.status, ended.err, ended.out.count("\n")) == (0, "", 1)
    assert summary["ok"] is True
    assert summary["totals"]["restarts"] >= 1
    assert summary["totals"]["reconnects"] >= 1
    assert [(session["state"], session["house"]) for session in summary["sessions"]] == [("answered", "claude")]
    assert len({item["name"] for item in summary["checks"]}) == 13
    assert summary["second_act"] == {
        "sessions": 1,
        "unfinished_at_kill": 1,
        "finished": 1,
        "ledger": 3,
        "ledger_at_kill": 1,
        "in_doubt": 1,
    }


def test_a_check_that_does_not_hold(command, folder, monkeypatch):
    """A demo that did not come out as it should says which check does not hold, and ends with the status for it."""
    monkeypatch.setattr(performance, "answer_to", lambda steps, tools: "something else")

    ended = command("demo", "--sessions", "2", folder)

    assert ended.status == Exit.CHECK_FAILED
    assert "FAILED  0 of 2 answers are what the tools give when called directly; not so: part-01, part-02" in ended.out
    assert "12 of 13 checks hold" in ended.out


@pytest.mark.parametrize(
    ("arguments", "environment", "status", "told"),
    [
        (["/nowhere/at/all"], {}, Exit.BAD_INPUT, "FOLDER must exist, and there is no /nowhere/at/all"),
        ([__file__], {}, Exit.BAD_INPUT, "FOLDER must be a folder, and"),
        (["--live"], {"ANTHROPIC_API_KEY": ""}, Exit.BAD_INPUT, "--live needs the key of a real account"),
        (["--sessions", "0"], {}, Exit.BAD_INPUT, "'--sessions'"),
        (["--live"], {"ANTHROPIC_BASE_URL": "http://127.0.0.1:1"}, Exit.UNREACHABLE, "http://127.0.0.1:1 cannot be"),
    ],
)
def test_bad_input(command, monkeypatch, arguments, environment, status, told):
    """What cannot be done is said in one sentence, with a status for its kind."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    ended = command("demo", *arguments)

    assert ended.status == status
    assert told in ended.err
    assert ended.err.count("\n") == 1


def test_refused_live(command, place, folder, monkeypatch):
    """A key the provider refuses is told with what to check, and what was made already is taken down."""
    monkeypatch.setenv("ANTHROPIC_BASE_URL", place.url)
    place.http.post("/_sim/faults", json={"path": "/v1/agents", "method": "POST", "status": 403})

    ended = command("demo", "--live", folder)

    environments = place.http.get("/v1/environments", params={"include_archived": "true", "limit": 100}).json()["data"]
    assert ended.status == Exit.REFUSED
    assert "check what ANTHROPIC_API_KEY may do" in ended.err
    assert [row["name"] for row in environments if not row["archived_at"]] == ["here"]
