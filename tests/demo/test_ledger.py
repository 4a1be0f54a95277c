"""The ledger: what stands in it, and what an agent is told of it."""

from __future__ import annotations

import os

import pytest
import trio
import trio.testing

from agentsup.demo.inquiry import Call, Step, answer_to
from agentsup.demo.ledger import TOLD_IN_DOUBT, TOOL, Entry, Ledger, as_told, told_of, with_doubts, with_entries
from agentsup.ids import CallId, SessionId
from agentsup.talk.tools import SessionInfo


def info(call_id):
    return SessionInfo(session_id=SessionId("s"), provider="p", call_id=CallId(call_id))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "ledger"


async def test_entries_stand_in_it(path):
    """Each run of the tool is a line with its process and its call; another ledger over the file reads the same."""
    ledger = Ledger(path)
    assert ledger.read() == ()

    assert await ledger.enter("part-01 step 1", info("c1")) == told_of("part-01 step 1")
    await ledger.enter("part-01 step 1", info("c1"))

    assert Ledger(path).read() == (Entry(os.getpid(), "c1", "part-01 step 1"),) * 2


def test_a_line_that_is_being_written(path):
    """What is not there as a whole is not there."""
    path.write_text("1 c1 one\n1 c2 t")

    assert Ledger(path).read() == (Entry(1, "c1", "one"),)


async def test_calls_that_are_cut_off(path, nursery):
    """From a certain entry on a call has its effect and does not return."""
    ledger = Ledger(path, cut_off_at=2)
    await ledger.enter("one", info("c1"))
    returned = []

    async def enter(entry):
        returned.append(await ledger.enter(entry, info(entry)))

    nursery.start_soon(enter, "two")
    nursery.start_soon(enter, "three")
    await trio.testing.wait_all_tasks_blocked()

    assert ledger.read()[0].text == "one"
    assert {entry.text for entry in ledger.read()} == {"one", "two", "three"}
    assert returned == []
    nursery.cancel_scope.cancel()


def test_it_is_unsafe(path):
    """The tool is declared as what it is, and what it shows the agent has no trace of ours."""
    spec = Ledger(path).tool().spec

    assert (spec.name, spec.effect) == (TOOL, "unsafe")
    assert list(spec.input_schema["properties"]) == ["entry"]


def test_the_true_answer():
    """What the agent is told, with and without a call in doubt; every step has an entry of its own."""
    steps = with_entries([Step("First", ()), Step("Then", ())], "part-07")
    answer = answer_to(steps, [as_told])

    assert [step.calls for step in steps] == [
        (Call(TOOL, {"entry": "part-07 step 1"}),),
        (Call(TOOL, {"entry": "part-07 step 2"}),),
    ]
    assert answer == f"First {told_of('part-07 step 1')}\nThen {told_of('part-07 step 2')}"
    assert with_doubts(answer, []) == answer
    assert with_doubts(answer, ["part-07 step 2"]) == f"First {told_of('part-07 step 1')}\nThen {TOLD_IN_DOUBT}"
