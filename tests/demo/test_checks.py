"""The checks: a demo that did not come out as it should is found out."""

from __future__ import annotations

import attrs
import pytest

from agentsup.demo.arrival import Arrived, Told
from agentsup.demo.board import Row
from agentsup.demo.checks import Evidence, check
from agentsup.demo.inquiry import Call
from agentsup.talk.result import SessionResult
from agentsup.talk.tools import ToolUse

PATH = {"path": "no-newline.txt"}
ONE = frozenset({"Lines: 1"})


def told(call_id, text, *, is_error=False):
    return {
        "type": "user.custom_tool_result",
        "custom_tool_use_id": call_id,
        "content": [{"type": "text", "text": text}],
        "is_error": is_error,
    }


def session(number=1, *, text="Lines: 1", prompts=1, results=None, **changes):
    """A session that was asked once, called a tool twice (the first time it raised), and answered."""
    given = [told("c0", "the tool failed: Mishap: bug", is_error=True), told("c1", "1")] if results is None else results
    outcome = SessionResult(
        terminal="end_turn",
        stop_reason={"type": "end_turn"},
        text=text,
        tool_uses=(ToolUse("c0", "count_lines", PATH), ToolUse("c1", "count_lines", PATH)),
        events=tuple([{"type": "user.message"}] * prompts + given),
        session_id=f"part-{number:02}",
    )
    row = Row(session_id=f"part-{number:02}", title="t", state="answered", result=outcome, restarts=1, reconnects=1)
    for name, value in changes.items():
        setattr(row, name, value)
    return row


@pytest.fixture
def good(reader):
    return Evidence(rows=(session(1), session(2)), expected=(ONE, ONE), tools=reader.tools(), left=())


def failing(evidence):
    return {item.name for item in check(evidence) if not item.holds}


def test_all_is_well(good, reader):
    """Evidence of a good run passes every check, and the tools are really called for it."""
    assert Call("count_lines", PATH).directly(reader.tools()) == "1"
    assert [item.name for item in check(good)] == [
        "answered", "true", "once", "restarts", "reconnects", "tools", "left",
    ]  # fmt: skip
    assert failing(good) == set()


@pytest.mark.parametrize(
    ("row", "fails"),
    [
        (session(2, state="failed", failure="too long", result=None), {"answered", "true"}),
        (session(2, text="Lines: 2"), {"true"}),
        (session(2, text=""), {"true"}),
        (session(2, prompts=2), {"once"}),
        (session(2, prompts=0), {"once"}),
        (session(2, results=[told("c0", "x", is_error=True)]), {"once"}),
        (session(2, results=[told("c0", "x", is_error=True), told("c1", "1"), told("c1", "1")]), {"once"}),
    ],
)
def test_one_wrong_session_is_named(good, row, fails):
    """A wrong answer, a prompt or a result that is missing or doubled: the check for it fails, and says whose it was."""
    evidence = attrs.evolve(good, rows=(good.rows[0], row))

    assert failing(evidence) == fails
    assert all("part-02" in item.told for item in check(evidence) if not item.holds)


@pytest.mark.parametrize(
    ("changes", "fails"),
    [
        ({"restarts": 0}, "restarts"),
        ({"reconnects": 0}, "reconnects"),
        ({"results": [told("c0", "huge.bin is too large", is_error=True), told("c1", "1")]}, "tools"),
    ],
)
def test_nothing_went_wrong(good, changes, fails):
    """A run in which the trouble did not come proves nothing, and fails."""
    evidence = attrs.evolve(good, rows=(session(1, **changes), session(2, **changes)))

    assert failing(evidence) == {fails}


GIVEN = (Told("c0", "the tool failed: Mishap: bug", True), Told("c1", "1", False))


def elsewhere(evidence, arrived):
    """The second session lives where no history is shown; what arrived there is known from elsewhere."""
    row = session(2, house="agentcore", results=[], prompts=0)
    row.result = attrs.evolve(row.result, provider_session_id="r2")
    return attrs.evolve(evidence, rows=(evidence.rows[0], row), arrived={"r2": arrived})


def test_at_agentcore(good):
    """Of a session there it is what arrived that is looked at, and its bug counts like any other."""
    evidence = elsewhere(good, Arrived(1, GIVEN))
    first = session(1, results=[told("c0", "x", is_error=True), told("c1", "1")])

    assert failing(evidence) == set()
    assert failing(attrs.evolve(evidence, rows=(first, evidence.rows[1]))) == set()
    assert check(evidence)[0].told == "2 of 2 sessions answered, 1 of them at Bedrock AgentCore"


@pytest.mark.parametrize(
    "arrived", [Arrived(2, GIVEN), Arrived(0, GIVEN), Arrived(1, GIVEN[1:]), Arrived(1, (*GIVEN, GIVEN[1]))]
)
def test_not_once_at_agentcore(good, arrived):
    """A prompt or a result that is missing or doubled there is found out as well, and so is a session of which nothing is known."""
    evidence = elsewhere(good, arrived)

    assert failing(evidence) == {"once"}
    assert "part-02" in next(item.told for item in check(evidence) if not item.holds)
    assert failing(attrs.evolve(evidence, arrived={})) == {"once"}


def test_somebody_works_in_the_folder(good):
    """Where the tools gave one thing before and another after, either was true."""
    changed = frozenset({"Lines: 1", "Lines: 2"})
    rows = (session(1), session(2, text="Lines: 2"))

    assert failing(attrs.evolve(good, rows=rows, expected=(changed, changed))) == set()
    assert failing(attrs.evolve(good, rows=rows, expected=(changed, ONE))) == {"true"}


def test_something_is_left(good):
    """What is still alive is named."""
    evidence = attrs.evolve(good, left=("2 sockets", "a process"))

    assert failing(evidence) == {"left"}
    assert check(evidence)[-1].told.endswith("2 sockets, a process")


def test_live(good):
    """A thinking agent answers in its own words; what is checked are the tool results it was given."""
    free = attrs.evolve(good, expected=None, rows=(session(1, text="One line.", reconnects=0),))
    wrong = attrs.evolve(free, rows=(session(1, results=[told("c0", "x", is_error=True), told("c1", "7")]),))

    assert [item.name for item in check(free)] == ["answered", "true", "once", "restarts", "left"]
    assert failing(free) == set()
    assert failing(wrong) == {"true"}
