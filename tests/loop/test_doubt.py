"""Calls that a crash cut off while they ran."""

from __future__ import annotations

import pytest

from agentsup.loop import effects as fx
from agentsup.loop import messages as msg
from agentsup.talk import events as ev
from agentsup.talk.tools import ToolResult
from tests.loop.scene import Scene, asked, idle, result_echo, working


@pytest.fixture
def scene():
    """A session whose tools were cut off: one unsafe, one pure."""
    made = Scene(wait_in_doubt=True, effects={"pure_tool": "pure"})
    made.attach()
    made.run()
    made.news(asked("c1"), asked("c2", "pure_tool"), idle("c1", "c2"))
    made.effects.clear()
    made.crash()
    made.tell(msg.Attached())
    return made


def test_a_call_in_doubt_waits_for_a_person(scene):
    """The unsafe one only; nothing is answered meanwhile, and time stands still."""
    scene.tool_done("c2")

    assert [event.call_id for event in scene.of(ev.DoubtRaised)] == ["c1"]
    assert scene.started() == ["c2"]
    assert scene.state.name == "awaiting_approval"
    assert scene.posted() == []
    assert scene.of(fx.PauseTimer) == [fx.PauseTimer("r1")]


def test_a_person_may_say_what_it_came_to(scene):
    """That is its one result, under its own id whatever the result's is."""
    scene.tool_done("c2")

    scene.tell(msg.Resolve("c1", ToolResult("other", "it was paid")))

    assert scene.results()["c1"] == "it was paid"
    assert scene.posted() == [["result:c1", "result:c2"]]


def test_a_person_may_have_it_run_again(scene):
    """Under its old id."""
    scene.tool_done("c2")

    scene.tell(msg.Resolve("c1", None))
    scene.tool_done("c1")

    assert scene.started() == ["c2", "c1"]
    assert scene.posted() == [["result:c1", "result:c2"]]


def test_a_second_word_changes_nothing(scene):
    """Nor does one on a call that is not in doubt."""
    scene.tell(msg.Resolve("c1", None), msg.Resolve("c1", ToolResult("c1", "late")), msg.Resolve("c2", None))

    assert len(scene.of(ev.DoubtResolved)) == 1
    assert scene.started() == ["c2", "c1"]


def test_doubt_survives_another_crash(scene):
    """It is raised once; cut off again after it was run again, it is in doubt again."""
    scene.crash()
    scene.tell(msg.Attached())
    assert len(scene.of(ev.DoubtRaised)) == 1

    scene.tell(msg.Resolve("c1", None))
    scene.crash()
    scene.tell(msg.Attached())
    assert len(scene.of(ev.DoubtRaised)) == 2


def test_an_interrupt_tells_the_model_that_the_outcome_is_unknown(scene):
    """Not that the call did not finish: it may have."""
    scene.tell(msg.Interrupt())

    assert "unknown" in scene.results()["c1"]
    assert scene.results()["c2"].startswith("not finished")
    assert scene.posted() == [["result:c1", "result:c2", "stop:r1"]]


def test_an_answer_that_the_history_has_ends_the_doubt(scene):
    """The tool's result had arrived: then there is nothing to decide."""
    scene.tell(msg.Lost("cut"), msg.News((result_echo("c1"), result_echo("c2"), working())), msg.Attached())

    assert scene.state.name == "running"
    assert scene.state.calls == {}


def test_a_call_of_no_request_is_not_waited_for():
    """Nobody would look: the model is told, as without waiting."""
    scene = Scene(wait_in_doubt=True)
    scene.tell(msg.Start("token", "sesn"), msg.News((working(), asked("c1"), idle("c1"))), msg.Attached())

    scene.crash()

    assert "unknown" in scene.results()["c1"]
