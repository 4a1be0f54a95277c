"""Requests that begin with what is to be reached."""

from __future__ import annotations

import pytest

from agentsup.loop import messages as msg
from agentsup.loop.results import turns_of
from agentsup.talk import events as ev
from agentsup.talk.outcome import Outcome
from agentsup.talk.outgoing import DefineOutcome
from tests.loop.scene import Scene, echo, heard, idle, said, working

GOAL = Outcome("a report", "it has a date")
REFUSAL = ev.Failure(kind="provider", message="no", status=400)


def outcome_echo(text="a report", **fields):
    return heard(ev.Echoed, kind="outcome", text=text, **fields)


@pytest.fixture
def scene():
    made = Scene()
    made.attach()
    made.tell(msg.Submit("r1", (), GOAL))
    return made


def test_an_outcome_is_defined_in_place_of_a_message(scene):
    """It goes out as what it is, and its echo begins the request."""
    (item,) = scene.effects[-1].items
    assert item == DefineOutcome("r1", GOAL)

    scene.posted_all()
    scene.news(outcome_echo(), working(), said("draft"), heard(ev.Noted), said("done"), idle())

    assert scene.ends() == {"r1": None}
    assert [(turn.input, turn.text) for turn in turns_of(scene.journal)] == [("a report", "draft\ndone")]


def test_words_that_waited_are_part_of_the_description():
    """Its first model call sees them."""
    scene = Scene()
    scene.attach()
    scene.steer("s1", "in French")

    scene.tell(msg.Submit("r1", (), GOAL))

    (item,) = scene.effects[-1].items
    assert item.outcome == Outcome("a report\nin French", "it has a date")


def test_an_older_idle_does_not_end_it(scene):
    """The provider takes an outcome at once and may have older work to do first: then it begins with the next work."""
    scene = Scene()
    scene.attach()
    scene.tell(msg.SendRaw("raw:1", {"type": "user.message"}))
    scene.posted_all()
    scene.news(ev.Echoed(id="e", raw={"type": "user.message"}, kind="message", text="x"))
    scene.tell(msg.Submit("r1", (), GOAL))
    scene.posted_all()
    scene.news(working(), outcome_echo(), said("old"), idle())
    assert scene.ends() == {}

    scene.news(working(), said("new"), idle())

    assert scene.ends() == {"r1": None}
    assert [turn.text for turn in turns_of(scene.journal)] == ["new"]


def test_a_refused_outcome_ends_its_request(scene):
    """And the session goes on."""
    scene.submit("r2")

    scene.tell(msg.Refused(REFUSAL, fatal=False))

    assert scene.ends() == {"r1": "provider"}
    assert scene.posted()[-1] == ["message:r2"]


def test_an_outcome_that_may_have_arrived_is_looked_for(scene):
    """The history decides."""
    scene.tell(msg.Unanswered("no answer"), msg.News((outcome_echo(), working())), msg.Attached())

    assert scene.posted() == [["message:r1"]]


def test_an_interrupted_outcome_ends_like_any_request(scene):
    """One interrupt, and the next message waits for the rest."""
    scene.posted_all()
    scene.news(outcome_echo(), working())
    scene.tell(msg.Interrupt())
    scene.submit("r2")
    scene.posted_all()
    assert scene.posted()[-1] == ["stop:r1"]

    scene.news(idle())

    assert scene.posted()[-1] == ["message:r2"]


def test_an_outcome_may_be_steered(scene):
    """A word joins it as it would join any request."""
    scene.posted_all()
    scene.news(outcome_echo(), working())
    scene.steer()
    scene.posted_all()
    scene.news(said("one"), idle())
    assert scene.ends() == {}

    scene.news(echo("and"), working(), said("two"), idle())

    assert scene.ends() == {"r1": None}
