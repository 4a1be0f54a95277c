"""The second act's checks: a promise that was broken is found out."""

from __future__ import annotations

import signal

import attrs
import pytest

from agentsup.demo.aftermath import Aftermath, Life, check_aftermath
from agentsup.demo.ledger import TOLD_IN_DOUBT, TOOL, Entry, told_of
from agentsup.demo.report import Finished
from agentsup.talk.result import SessionResult
from agentsup.talk.tools import ToolUse

KILLED, OTHER = 7, 8


def told(call_id, text, *, is_error=False):
    return {
        "type": "user.custom_tool_result",
        "custom_tool_use_id": call_id,
        "content": [{"type": "text", "text": text}],
        "is_error": is_error,
    }


def finished(name, *, doubt, text=None, prompts=1, more=(), terminal="end_turn"):
    """A session that made one entry, and may have been told that it is in doubt."""
    said = TOLD_IN_DOUBT if doubt else told_of(name)
    result = SessionResult(
        terminal=terminal,
        stop_reason={},
        text=f"Noted {said}" if text is None else text,
        tool_uses=(ToolUse(f"c-{name}", TOOL, {"entry": name}),),
        events=({"type": "user.message"},) * prompts + (told(f"c-{name}", said, is_error=doubt), *more),
        session_id=name,
    )
    return Finished(name, result)


def entry(name, pid=KILLED, call=None):
    return Entry(pid, call or f"c-{name}", name)


def lives(*reports, status=0):
    return Life(OTHER, finished={report.session_id: report for report in reports}, status=status)


@pytest.fixture
def good():
    """Two sessions; a's entry was cut off by the kill, b's was made afterwards."""
    return Aftermath(
        expected={name: frozenset({f"Noted {told_of(name)}"}) for name in "ab"},
        entries=2,
        first=Life(KILLED, asked={"a", "b"}, status=-signal.SIGKILL),
        second=lives(finished("a", doubt=True), finished("b", doubt=False)),
        ledger=(entry("a"), entry("b", OTHER)),
        left=(),
    )


def failing(found):
    return {item.name for item in check_aftermath(found) if not item.holds}


def test_all_is_well(good):
    """The evidence of a good act passes every check, and is counted."""
    assert [item.name for item in check_aftermath(good)] == [
        "killed", "finished", "faithful", "single", "unsafe", "gone",
    ]  # fmt: skip
    assert failing(good) == set()
    assert (good.unfinished, good.written_before, good.in_doubt) == (2, 1, {"c-a"})


@pytest.mark.parametrize(
    ("ledger", "says"),
    [
        ((entry("a"), entry("a", OTHER), entry("b", OTHER)), "1 of them twice"),
        ((entry("a"), entry("b"), entry("b", OTHER)), "1 of them twice"),
        ((entry("a"), entry("b"), entry("b", OTHER, call="another")), "1 of them twice"),
        ((entry("a"),), "1 are missing"),
        ((entry("a"), entry("b"), entry("c")), "1 were not asked for"),
    ],
)
def test_the_ledger_is_not_right(good, ledger, says):
    """An effect that happened twice, under its id or another, that never happened though the agent was told so, or that nobody wanted."""
    found = attrs.evolve(good, ledger=ledger)

    assert failing(found) == {"unsafe"}
    assert says in check_aftermath(found)[4].told


def test_an_effect_in_doubt_may_not_have_happened(good):
    """That is what doubt means."""
    assert failing(attrs.evolve(good, ledger=(entry("b", OTHER),))) == set()


@pytest.mark.parametrize(
    ("second", "fails"),
    [
        (lives(finished("a", doubt=True)), {"finished", "faithful", "unsafe"}),
        (lives(finished("a", doubt=True), finished("b", doubt=False), status=1), {"finished"}),
        (lives(finished("a", doubt=True), finished("b", doubt=False), status=None), {"finished"}),
        (
            lives(finished("a", doubt=True), finished("b", doubt=False, terminal="terminated")),
            {"finished", "faithful", "unsafe"},
        ),
        (lives(finished("a", doubt=True), Finished("b", None, "too long")), {"finished", "faithful", "unsafe"}),
        (lives(finished("a", doubt=True), finished("b", doubt=False, text="else")), {"faithful"}),
        (lives(finished("a", doubt=True, text=f"Noted {told_of('a')}"), finished("b", doubt=False)), {"faithful"}),
        (lives(finished("a", doubt=True), finished("b", doubt=False, prompts=2)), {"single"}),
        (lives(finished("a", doubt=True), finished("b", doubt=False, more=[told("c-b", "x")])), {"single"}),
        (lives(finished("a", doubt=False), finished("b", doubt=False)), {"unsafe"}),
    ],
)
def test_the_second_process_is_not_right(good, second, fails):
    """A session that is missing or failed, a wrong answer, a prompt or a result twice, and a kill that cut nothing off."""
    found = attrs.evolve(good, second=second)

    assert failing(found) == fails


@pytest.mark.parametrize(
    "first",
    [
        Life(KILLED, status=0),
        Life(KILLED, status=None),
        Life(
            KILLED,
            finished={name: finished(name, doubt=name == "a") for name in "ab"},
            status=-signal.SIGKILL,
        ),
    ],
)
def test_nothing_was_killed_in_the_middle(good, first):
    """A process that ended by itself, or when all was done, proves nothing."""
    assert failing(attrs.evolve(good, first=first)) == {"killed"}


def test_somebody_works_in_the_folder(good):
    """Where the tools gave one thing before and another after, either was true, with doubts as well."""
    changed = {name: answers | {f"Before {told_of(name)}"} for name, answers in good.expected.items()}
    second = lives(finished("a", doubt=True, text=f"Before {TOLD_IN_DOUBT}"), finished("b", doubt=False))

    assert failing(attrs.evolve(good, expected=changed, second=second)) == set()


def test_something_is_left(good):
    """It is named."""
    found = attrs.evolve(good, left=("a process", "files"))

    assert failing(found) == {"gone"}
    assert check_aftermath(found)[-1].told.endswith("a process, files")
