"""Leaving memory and coming back; and going one's own way from somebody else's past."""

from __future__ import annotations

import pytest

from agentsup.loop import effects as fx
from agentsup.loop import messages as msg
from agentsup.loop.fold import apply
from agentsup.loop.state import Link
from agentsup.talk import events as ev
from agentsup.talk.usage import Usage
from tests.loop.scene import Scene, asked, heard, idle, said, working

RAW = {"type": "user.message"}


@pytest.fixture
def scene():
    made = Scene()
    made.attach()
    made.run()
    made.news(said(), idle())
    return made


def nap(scene):
    return scene.tell(msg.Passivate())


def test_an_idle_session_leaves_memory(scene):
    """It lets its stream go, and ends its task."""
    effects = nap(scene)

    assert effects == (fx.Detach(), fx.Rest())
    assert scene.state.name == "passivated"


def busy():
    """Sessions that are not idle, or not for long."""
    running = Scene()
    running.attach()
    running.run()
    yield "running", running
    stopping = Scene()
    stopping.attach()
    stopping.run()
    stopping.tell(msg.Interrupt(), msg.Posted(("stop:r1",)))
    yield "coming to rest", stopping
    raw = Scene()
    raw.attach()
    raw.tell(msg.SendRaw("raw:1", RAW))
    yield "sending", raw
    by_hand = Scene()
    by_hand.attach()
    by_hand.tell(msg.SendRaw("raw:1", RAW), msg.Posted(("raw:1",)))
    by_hand.tell(msg.News((ev.Echoed(id="e", raw=RAW, kind="message", text="x"), working())))
    yield "working by hand", by_hand
    left = Scene()
    left.tell(msg.Start("token", "sesn"), msg.News((working(), asked("c1"), idle("c1"))), msg.Attached())
    yield "with a call left over", left
    opening = Scene()
    opening.tell(msg.Start("token"))
    yield "opening", opening
    attaching = Scene()
    attaching.tell(msg.Start("token", "sesn"))
    yield "waited for by whoever started it", attaching
    lost = Scene()
    lost.attach()
    lost.tell(msg.Lost("cut"))
    yield "about to find out what it missed", lost


@pytest.mark.parametrize(("what", "scene"), list(busy()), ids=lambda value: value if isinstance(value, str) else "")
def test_a_session_with_anything_to_do_stays(what, scene):
    """The question changes nothing."""
    assert nap(scene) == ()
    assert scene.of(ev.Passivated) == []


def test_it_comes_back_the_way_it_came_first(scene):
    """Attached anew; what happened meanwhile is in the history."""
    nap(scene)

    effects = scene.tell(msg.Revive("wanted", crashed=False))

    assert effects == (fx.Attach("sesn", 0),)
    assert scene.state.name == "idle"
    assert scene.of(ev.SessionRestarted) == []


def test_what_it_is_told_in_its_sleep_waits(scene):
    """It is kept, and done when it is awake."""
    nap(scene)
    scene.submit("r2", "again")
    scene.steer("s1", "please")
    assert scene.posted() == [["message:r1"]]
    assert scene.state.name == "passivated"

    scene.tell(msg.Revive("wanted", crashed=False), msg.Attached())

    assert scene.posted()[1:] == [["message:r2"]]


def test_late_news_of_its_connection_does_not_reach_it(scene):
    """It has none."""
    nap(scene)

    for message in (msg.Lost("cut"), msg.Attached(), msg.Unanswered("x"), msg.Posted(("message:r1",))):
        assert scene.tell(message) == ()
    refusal = ev.Failure(kind="provider", message="no", status=401)
    assert scene.tell(msg.Refused(refusal, fatal=True)) == ()

    assert scene.state.link is Link.ATTACHING
    assert scene.state.name == "passivated"


def test_the_end_of_its_provider_session_is_found_when_it_is_awake(scene):
    """Said in its sleep, heard after it."""
    nap(scene)
    scene.news(heard(ev.Terminated, stop_reason=None))
    assert scene.state.ended is None

    scene.tell(msg.Revive("wanted", crashed=False))

    assert scene.state.ended is not None


@pytest.mark.parametrize("message", [msg.Close(), msg.Abort()])
def test_it_can_be_ended_in_its_sleep(scene, message):
    """Without waking."""
    nap(scene)

    effects = scene.tell(message)

    assert scene.state.name == "closed"
    assert effects[-1] == fx.Finish()


def test_a_crash_on_the_way_out_leaves_it_awake(scene):
    """Its next incarnation has a task, so it is not asleep."""
    nap(scene)

    effects = scene.crash()

    assert effects == (fx.Attach("sesn", 0),)
    assert scene.state.name == "idle"


def test_a_fork_goes_its_own_way():
    """It knows what was asked and what it cost, and nothing that is open over there."""
    scene = Scene()
    scene.attach()
    scene.run()
    scene.news(heard(ev.Measured, usage=Usage(3, 4)), said(), idle())
    scene.submit("r2")
    scene.steer()

    state = apply(scene.state, ev.Forked(source="other", cursor=9))

    assert (state.turns, state.usage, state.done) == (1, Usage(3, 4), ("r1",))
    assert (state.token, state.provider_session_id, state.current, state.outbox) == (None, None, None, ())
    assert (state.queue, state.steers, state.name) == ((), (), "opening")
