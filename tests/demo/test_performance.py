"""The demonstration as a whole, with the simulator in its own process as the user has it."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys

import attrs
import httpx
import pytest

from agentsup.demo import inquiry, performance
from agentsup.demo.agent import Account
from agentsup.demo.checks import check
from agentsup.demo.folder import Folder
from agentsup.demo.performance import Performance, Script
from agentsup.demo.simulator import SimulatorFailed, simulator_process

DEMO = [sys.executable, "-m", "agentsup", "demo"]


class Audience:
    """Remembers what it was told."""

    def __init__(self):
        self.news = []

    def tell(self, row, news):
        if news is not None:
            self.news.append((row.session_id, news))

    async def run(self):
        pass


def test_make_demo():
    """The command as `make demo` runs it, over the package's own source: 12 of 12, plain lines, and a summary that holds."""
    done = subprocess.run(DEMO, capture_output=True, text=True, timeout=60)

    assert "FAILED" not in done.stdout
    assert (done.returncode, done.stderr) == (0, "")
    assert "12 of 12 sessions answered, 4 of them at Bedrock AgentCore" in done.stdout
    assert len(re.findall(r"is asked about .*, at agentcore$", done.stdout, re.MULTILINE)) == 4
    assert "12 of 12 answers are what the tools give when called directly" in done.stdout
    assert len(re.findall(r"^ok ", done.stdout, re.MULTILINE)) == 13
    assert len(re.findall(r"s  part-\d\d  answered after", done.stdout)) == 12
    assert "its task was killed" in done.stdout
    assert len(re.findall(r"s  act two  ", done.stdout)) == 5
    assert "12 of 12 sessions finished, 12 of them in a second process" in done.stdout
    assert " by the ledger, none of them twice" in done.stdout
    assert "\x1b" not in done.stdout


def test_on_a_terminal(odd):
    """On a terminal it is one table that is redrawn, and the same summary."""
    parent, child = pty.openpty()
    size = {"LINES": "40", "COLUMNS": "120", "TERM": "xterm"}
    with subprocess.Popen(
        [*DEMO, "--sessions", "3", str(odd.root)], stdout=child, stderr=child, env={**os.environ, **size}
    ) as process:
        os.close(child)
        shown = _read_all(parent)
    os.close(parent)

    frames = shown.split("\x1b[5A")
    assert process.returncode == 0
    assert len(frames) > 3
    assert "3 of 3 answered" in frames[-1]
    assert "13 of 13 checks hold" in frames[-1]
    assert "act two  kill -9 of process" in frames[-1]


def _read_all(descriptor):
    data = b""
    while True:
        try:
            chunk = os.read(descriptor, 65536)
        except OSError:  # what Linux says where others say the end
            break
        if not chunk:
            break
        data += chunk
    return data.decode()


@pytest.fixture
def quick(monkeypatch):
    """The simulated agent does not think for the sake of who watches."""
    monkeypatch.setattr(inquiry, "PACE", 0.02)


async def test_odd_folder(odd, quick):
    """Odd names, binary, huge and empty files and ways out of the folder: everything is answered, and truly."""
    audience = Audience()

    evidence = await Performance(Script(folder=odd)).run(audience)

    assert [item.told for item in check(evidence) if not item.holds] == []
    assert {who for who, news in audience.news if news.startswith("answered")} == {f"part-{n:02}" for n in range(1, 13)}


@pytest.mark.parametrize("sessions", [1, 2, 3, 7])
async def test_few_sessions(odd, quick, sessions):
    """However few they are, everything that is to go wrong does, and every check holds; a third of them live at Bedrock AgentCore."""
    evidence = await Performance(Script(folder=odd, sessions=sessions)).run(Audience())

    assert [item.told for item in check(evidence) if not item.holds] == []
    assert [row.house for row in evidence.rows].count("agentcore") == sessions // 3 == len(evidence.arrived)


async def test_what_arrived_at_agentcore(odd, quick):
    """What is known of the sessions there is what the simulator received: the prompt, and each result with its text."""
    evidence = await Performance(Script(folder=odd, sessions=3)).run(Audience())

    row = evidence.rows[2]
    arrived = evidence.arrived[row.result.provider_session_id]
    assert arrived.prompts == 1
    assert [told.call_id for told in arrived.results] == [use.call_id for use in row.result.tool_uses]
    assert [told.is_error for told in arrived.results] == [True] + [False] * (len(arrived.results) - 1)
    assert all(told.text in row.result.text for told in arrived.results[1:])
    assert row.failed_tools == 1


async def test_wrong_answers_are_found_out(odd, quick, monkeypatch):
    """A tool that lies to the agent is found out by calling it directly afterwards."""
    honest = performance.raising_once

    def lying(tool):
        return attrs.evolve(tool, function=lambda **_: "a lie") if tool.name == "read_file" else honest(tool)

    monkeypatch.setattr(performance, "raising_once", lying)
    monkeypatch.setattr(performance, "steps_about", _reading_last)

    evidence = await Performance(Script(folder=odd, sessions=2)).run(Audience())

    assert "true" in {item.name for item in check(evidence) if not item.holds}


def _reading_last(part):
    """Steps in which the tool that is replaced reads a file."""
    return (inquiry.Step("It says", (inquiry.Call("read_file", {"path": part.files[0]}),)),)


async def test_live_against_the_simulator(odd, quick, monkeypatch):
    """The live road: an agent with the tools' schemas and an environment are made, sessions run, and all of it is archived."""
    monkeypatch.setattr(
        performance, "request_about", lambda part: inquiry.directions(inquiry.steps_about(part), _NO_TROUBLE)
    )
    async with simulator_process() as address:
        script = Script(folder=odd, sessions=3, live=Account(address, "key"), model="claude-test")
        evidence = await Performance(script).run(Audience())
        headers = {"x-api-key": "key", "anthropic-beta": "managed-agents-2026-04-01"}
        async with httpx.AsyncClient(base_url=address, headers=headers, trust_env=False) as http:
            rows = {
                kind: (await http.get(f"/v1/{kind}", params={"include_archived": "true"})).json()["data"]
                for kind in ("agents", "environments", "sessions")
            }

    (agent,) = rows["agents"]
    assert [item.told for item in check(evidence) if not item.holds] == []
    assert {row.house for row in evidence.rows} == {"claude"}
    assert agent["model"]["id"] == "claude-test"
    assert [tool["name"] for tool in agent["tools"]] == ["list_files", "read_file", "count_lines", "search"]
    assert all(tool["type"] == "custom" and tool["input_schema"]["type"] == "object" for tool in agent["tools"])
    assert [len(found) for found in rows.values()] == [1, 1, 3]
    assert all(row["archived_at"] for found in rows.values() for row in found)


_NO_TROUBLE = performance.Trouble()


async def test_simulator_that_does_not_start(monkeypatch):
    """A simulator that ends before it is ready is an error that says so, and nothing is left of it."""
    monkeypatch.setattr("agentsup.demo.child.sys.executable", "/bin/false")

    with pytest.raises(SimulatorFailed, match="did not start"):
        async with simulator_process():
            pass


def test_own_source_is_a_folder():
    """Without a folder the demo asks about the package that is running."""
    import agentsup

    names = Folder.at(os.path.dirname(agentsup.__file__)).files()

    assert "runtime.py" in names
    assert "otp/actor.py" in names
