"""Events in the provider's own words."""

from __future__ import annotations

import pytest

from agentsup.loop import messages as msg
from agentsup.talk import events as ev
from tests.loop.scene import Scene, echo, heard, idle, said, working

REFUSAL = ev.Failure(kind="provider", message="no", status=400)
RAW = {"type": "user.message", "content": [{"type": "text", "text": "psst"}]}


def raw_echo(raw=RAW, kind="message", **fields):
    """The provider shows it with an id and more besides."""
    shown = {**raw, "id": "e", "content": [{**raw["content"][0], "citations": None}]} if "content" in raw else raw
    return ev.Echoed(id="e", raw=shown, kind=kind, text="psst", **fields)


@pytest.fixture
def scene():
    made = Scene()
    made.attach()
    return made


def test_it_goes_alone_and_in_its_place(scene):
    """What it is refused for concerns nothing else: what waits before it goes first, and what waits behind it goes after."""
    scene.submit("r1")
    scene.tell(msg.SendRaw("raw:1", RAW))
    scene.steer()
    scene.tell(msg.SendRaw("raw:2", RAW))
    for _ in range(4):
        scene.posted_all()

    assert scene.posted() == [["message:r1"], ["raw:1"], ["message:s1"], ["raw:2"]]


def test_it_is_refused_alone(scene):
    """Whoever said it is told; the running request goes on."""
    scene.run()
    scene.tell(msg.SendRaw("raw:1", RAW))

    scene.tell(msg.Refused(REFUSAL, fatal=False))
    scene.news(said(), idle())

    assert scene.of(ev.Withdrawn) == [ev.Withdrawn(keys=("raw:1",), failure=REFUSAL)]
    assert scene.ends() == {"r1": None}


@pytest.mark.parametrize("kind", ["message", "outcome", "other", "confirmation", "result", "interrupt"])
def test_its_echo_is_recognised_whatever_it_says(scene, kind):
    """By what was said, though the provider adds to it: it is not sent twice."""
    scene.tell(msg.SendRaw("raw:1", RAW))

    scene.tell(msg.Unanswered("no answer"), msg.News((raw_echo(kind=kind),)), msg.Attached())

    assert scene.posted() == [["raw:1"]]
    assert scene.of(ev.Delivered) == [ev.Delivered(keys=("raw:1",))]


def test_it_is_sent_again_if_the_history_has_only_another(scene):
    """An event that says something else is somebody else's."""
    scene.tell(msg.SendRaw("raw:1", RAW))

    other = {"type": "user.message", "content": [{"type": "text", "text": "boo"}]}
    scene.tell(msg.Unanswered("no answer"), msg.News((raw_echo(other),)), msg.Attached())

    assert scene.posted() == [["raw:1"], ["raw:1"]]


def test_the_same_key_twice_is_one(scene):
    """A retried send is recognised; a closing session takes none."""
    scene.tell(msg.SendRaw("raw:1", RAW), msg.SendRaw("raw:1", RAW))
    scene.posted_all()
    scene.tell(msg.SendRaw("raw:1", RAW))
    scene.run()
    scene.tell(msg.Close(), msg.SendRaw("raw:2", RAW))

    assert [event.key for event in scene.of(ev.RawAsked)] == ["raw:1"]


def test_work_on_it_is_not_taken_for_the_next_requests(scene):
    """A message by hand makes the agent work without a request; the request behind it begins with its own message."""
    scene.tell(msg.SendRaw("raw:1", RAW))
    scene.posted_all()
    scene.submit("r1")
    scene.posted_all()
    scene.news(raw_echo(), working(), echo("hi", queued=True, id="r"), said("old"), idle())
    assert scene.ends() == {}

    scene.news(echo("hi", id="r"), working(), said("new"), idle())

    assert scene.ends() == {"r1": None}
    assert scene.state.turns == 1


def test_an_interrupt_stops_work_that_no_request_began(scene):
    """Once, and abort takes it along as well."""
    scene.tell(msg.SendRaw("raw:1", RAW))
    scene.posted_all()
    scene.news(raw_echo(), working())

    scene.tell(msg.Interrupt(), msg.Interrupt())

    assert scene.posted()[1:] == [["stop:1"]]


def test_an_interrupt_by_hand_ends_the_request_as_the_provider_does(scene):
    """Its idle is an end like any other."""
    scene.run()
    scene.tell(msg.SendRaw("raw:1", {"type": "user.interrupt"}))
    scene.posted_all()

    scene.news(heard(ev.Echoed, kind="interrupt"), idle())

    assert scene.ends() == {"r1": None}
