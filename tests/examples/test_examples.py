"""Every example runs, offline, and says what it is there to say."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
TUTORIAL = EXAMPLES / "tutorial"

SAYS = {
    "01_one_prompt.py": ["Hello!", "end_turn, 1 turn"],
    "02_tools.py": [
        "12, 0, only 0 packets of coffee are there",
        'item: must be one of "tea", "coffee"',
        "in_stock, in_stock, order",
    ],
    "03_many_sessions.py": ["ada: Good morning, ada.", "barbara: Goodbye, barbara.", "grace: idle, 2 turns"],
    "04_crash_and_reconnect.py": ["This was said while nobody listened.", "Words counted: 3", "Done.", "restarts: 1"],
    "05_embed.py": ["42"],
    "07_provision.py": ["made: clerk_", "month,orders", "12 bytes", "nothing is left of it"],
    "08_agentcore.py": [
        "harness desk_",
        "They are: on its way, delivered.",
        "2 turns, 2 calls, stop reason end_turn",
        "broken off after 'Half of'; nothing is asked twice",
        "files: ['orders.csv']",
        "lines: 3",
        "the harness is gone",
    ],
    "09_two_providers.py": [
        "claude: 3, 16 degrees (weather(Oslo), weather(Rome); end_turn, 2 turns, events seen)",
        "agentcore: 3, 16 degrees (weather(Oslo), weather(Rome); end_turn, 2 turns, events seen)",
        "the same from both: True",
    ],
    "10_outcome.py": [
        "grader: needs_revision",
        "grader: satisfied",
        "agent: Now with the sum.",
        "judged 2 times, last: satisfied",
        "[('report.csv', 31)] 1",
    ],
    "06_watch.py": ["aaaa|bbbb|cccc|dddd|eeee|", "That was all.", "12 tokens written", "session_ended"],
}


@pytest.fixture
def offline(monkeypatch):
    """No key and no agent from the environment of whoever runs the tests."""
    for name in ("AGENTSUP_LIVE", "AGENTSUP_EXECUTION_ROLE_ARN", "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def as_script(monkeypatch, offline):
    """Runs a file as `python FILE` does, in this process."""
    known = set(sys.modules)

    def run(path: Path) -> None:
        monkeypatch.syspath_prepend(str(path.parent))
        runpy.run_path(str(path), run_name="__main__")

    yield run
    for name in {"setting", *(path.stem for path in TUTORIAL.glob("*.py"))} - known:
        sys.modules.pop(name, None)


@pytest.mark.parametrize("name", SAYS)
def test_an_example_does_what_it_says(name, as_script, capsys):
    """Run as a script without a key, it ends by itself and prints what its page promises."""
    as_script(EXAMPLES / name)

    output = capsys.readouterr().out
    assert [line for line in SAYS[name] if line not in output] == []


def told() -> dict[str, list[str]]:
    """Tutorial step to the output its page shows."""
    shown = {}
    for page in sorted((EXAMPLES.parent / "docs" / "tutorial").glob("*.md")):
        text = page.read_text(encoding="utf-8")
        step = re.search(r"\{literalinclude\} \S*/(step\d_\w+\.py)", text)
        output = re.search(r"```text\n(.*?)```", text, re.DOTALL)
        if step and output:
            shown[step[1]] = output[1].splitlines()
    return shown


@pytest.mark.parametrize("name", told())
def test_a_tutorial_page_shows_what_its_step_prints(name, as_script, capsys):
    """Line by line; log lines aside, and in whatever order independent sessions are ready."""
    as_script(TUTORIAL / name)

    output = capsys.readouterr().out.splitlines()
    assert sorted(told()[name]) == sorted(line for line in output if not re.match(r"\S*\d{4}-\d\d-\d\d ", line))


def test_no_example_is_left_out():
    """A numbered example or a tutorial step that nobody runs would rot."""
    found = {str(path.relative_to(EXAMPLES)) for path in EXAMPLES.glob("[0-9]*_*.py")}
    steps = {path.name for path in TUTORIAL.glob("step*.py")}

    assert (found, steps) == (set(SAYS), set(told()))


def test_an_example_runs_from_anywhere(tmp_path, offline):
    """In a process of its own and another folder, as somebody who copied the command would run it."""
    command = [sys.executable, str(EXAMPLES / "01_one_prompt.py")]

    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=30)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Hello!")


def test_the_tutorials_tests_pass_as_a_reader_would_run_them(offline):
    """With the two lines of configuration that stand beside them."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_desk.py"]

    done = subprocess.run(command, cwd=TUTORIAL, capture_output=True, text=True, check=False, timeout=30)

    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout
