"""Words that join a request, requests that go before others, and what becomes of words whose request is over."""

from __future__ import annotations

import pytest

from agentsup.loop import effects as fx
from agentsup.loop import messages as msg
from agentsup.talk import events as ev
from agentsup.talk.content import Text
from tests.loop.scene import Scene, asked, echo, heard, idle, said, stop_echo, working

REFUSAL = ev.Failure(kind="provider", message="no", status=400)


@pytest.fixture
def scene():
    made = Scene()
    made.attach()
    return made


def texts(scene):
    """The texts of the messages in every POST so far."""
    return [item.text for post in scene.of(fx.Post) for item in post.items if item.key.startswith("message:")]


# --- where it goes -----------------------------------------------------------------------------------------------------------------


def test_a_word_to_a_running_request_goes_out_at_once(scene):
    """As a message of its own."""
    scene.run()

    scene.steer()

    assert scene.posted() == [["message:r1"], ["message:s1"]]


def test_a_word_waits_for_the_results(scene):
    """While the agent waits for calls, it goes out in their POST and behind them."""
    scene.run()
    scene.ask("c1", "c2")
    scene.tool_done("c1")
    scene.steer()
    assert len(scene.posted()) == 1

    scene.tool_done("c2")

    assert scene.posted()[1:] == [["result:c1", "result:c2", "message:s1"]]


def test_a_word_to_an_idle_session_is_part_of_the_next_request(scene):
    """Its first model call sees it; no turn is needed for it."""
    scene.steer("s1", "in French")
    scene.steer("s2", "please")
    assert scene.posted() == []

    scene.submit("r1", "hi")

    assert texts(scene) == ["hi\nin French\nplease"]
    assert scene.state.steers == ()


def test_a_word_to_a_request_that_did_not_go_out_is_part_of_it():
    """Likewise: there is one message to send, and nothing to wait for."""
    scene = Scene()
    scene.tell(msg.Start("token"))
    scene.submit("r1", "hi")
    scene.steer("s1", "in French")

    scene.tell(msg.Opened("sesn"), msg.Attached())

    assert texts(scene) == ["hi\nin French"]
    assert not scene.state.owes_word


def test_a_word_to_a_message_that_may_have_arrived_is_one_of_its_own(scene):
    """What was sent once is not changed any more."""
    scene.submit("r1", "hi")
    scene.steer("s1", "in French")

    scene.tell(msg.Unanswered("no answer"), msg.Attached())

    assert texts(scene) == ["hi", "hi", "in French"]


def test_the_same_word_twice_is_one(scene):
    """A retried steer is recognised by its id; a closing session takes none."""
    scene.run()
    scene.steer()
    scene.steer()
    scene.tell(msg.Close())
    scene.steer("s2")

    assert [event.message_id for event in scene.of(ev.Steered)] == ["s1"]


# --- until when ----------------------------------------------------------------------------------------------------------------------


def test_a_word_during_the_final_answer_has_one_more_turn(scene):
    """The request is not over before the agent has come to it, and its text is of both turns."""
    scene.run()
    scene.steer()
    scene.posted_all()
    scene.news(echo("and", queued=True, id="e"), said("one"), idle())
    assert scene.ends() == {}

    scene.news(echo("and", id="e"), working(), said("two"), idle())

    assert scene.ends() == {"r1": None}
    assert scene.state.turns == 2


def test_a_word_that_the_agent_takes_in_needs_no_turn(scene):
    """A provider may read it before its next model call, in the middle of its work."""
    scene.run()
    scene.steer()
    scene.posted_all()

    scene.news(echo("and"), said(), idle())

    assert scene.ends() == {"r1": None}
    assert scene.state.turns == 1


def test_a_request_does_not_end_while_its_word_is_on_its_way(scene):
    """The answer to the POST may come late, or never."""
    scene.run()
    scene.steer()
    scene.news(said(), idle())
    assert scene.ends() == {}

    scene.tell(msg.Unanswered("no answer"), msg.News((echo("and"), working(), said(), idle())), msg.Attached())

    assert scene.ends() == {"r1": None}
    assert scene.posted() == [["message:r1"], ["message:s1"]]


def test_equal_words_are_told_apart(scene):
    """The echo of the first is not taken for the second, whose POST went unanswered: that one is sent again."""
    scene.run()
    scene.steer("s1", "go on")
    scene.posted_all()
    scene.steer("s2", "go on")
    scene.tell(msg.Unanswered("no answer"))

    scene.tell(msg.News((echo("go on"),)), msg.Attached())

    assert scene.posted()[1:] == [["message:s1"], ["message:s2"], ["message:s2"]]


def test_a_word_after_the_end_is_the_next_requests(scene):
    """It came too late for the one before."""
    scene.run()
    scene.news(said(), idle())
    scene.steer("s1", "in French")

    scene.submit("r2", "again")

    assert texts(scene) == ["hi", "again\nin French"]


# --- when it comes to nothing ----------------------------------------------------------------------------------------------------------


def test_a_word_that_did_not_go_out_is_withdrawn_with_its_request(scene):
    """It is not sent to the next one."""
    scene.run()
    scene.ask("c1")
    scene.steer()

    scene.tell(msg.Interrupt())

    assert scene.of(ev.Withdrawn) == [ev.Withdrawn(keys=("message:s1",))]
    assert scene.posted()[-1] == ["result:c1", "stop:r1"]


def test_a_word_that_waits_over_there_is_stopped_as_well(scene):
    """The interrupt passes it by; when the agent comes to it, it is told again, and the next message waits for that rest."""
    scene.run()
    scene.steer("s1", "same")
    scene.posted_all()
    scene.news(echo("same", queued=True, id="e"))
    scene.tell(msg.Interrupt())
    scene.submit("r2", "same")
    scene.posted_all()
    scene.news(stop_echo(), idle())
    assert scene.posted()[-1] == ["stop:r1"]

    effects = scene.news(echo("same", id="e"), working())
    assert fx.AwaitRest("stop:message:s1", 10.0) in effects
    scene.posted_all()
    scene.news(stop_echo(), idle())

    assert scene.posted()[-2:] == [["stop:message:s1"], ["message:r2"]]
    assert scene.ends() == {"r1": "interrupted"}


def test_a_provider_that_drops_what_waits_is_not_waited_for_for_ever(scene):
    """After the time for a rest the next message goes out, and an old word's echo is not expected any more."""
    scene.run()
    scene.steer("s1", "same")
    scene.posted_all()
    scene.tell(msg.Interrupt())
    scene.submit("r2", "same")
    scene.posted_all()
    scene.news(stop_echo(), idle())

    scene.tell(msg.RestOverdue("stop:r1"))
    scene.posted_all()
    scene.news(echo("same"), working(), said(), idle())

    assert scene.ends() == {"r1": "interrupted", "r2": None}


def test_a_refused_word_is_refused_alone(scene):
    """Whoever said it is told; the request goes on without."""
    scene.run()
    scene.steer()

    scene.tell(msg.Refused(REFUSAL, fatal=False))
    scene.news(said(), idle())

    assert scene.of(ev.Withdrawn) == [ev.Withdrawn(keys=("message:s1",), failure=REFUSAL)]
    assert scene.ends() == {"r1": None}


def test_a_refused_word_does_not_take_the_results_with_it(scene):
    """They went out together and were refused together: first the history is asked, then they are sent without it."""
    scene.run()
    scene.ask("c1")
    scene.steer()
    scene.tool_done("c1")

    scene.tell(msg.Refused(REFUSAL, fatal=False), msg.Attached(), msg.Refused(REFUSAL, fatal=False))

    assert scene.posted()[1:] == [["result:c1", "message:s1"], ["result:c1", "message:s1"], ["result:c1"]]
    assert scene.ends() == {}


def test_an_end_that_is_none_leaves_no_word_behind(scene):
    """After a refusal, say, the provider may go on with what waits there: it is told to stop before the next message goes out."""
    scene.run()
    scene.steer()
    scene.posted_all()
    scene.news(echo("and", queued=True))

    scene.news(said(), heard(ev.Waiting, terminal="terminated", stop_reason={"type": "refusal"}))

    assert scene.ends() == {"r1": None}
    assert scene.posted()[-1] == ["stop:r1"]
    scene.submit("r2")
    assert "message:r2" not in scene.posted()[-1]


# --- what goes before ------------------------------------------------------------------------------------------------------------------


def test_follow_ups_go_before_what_waits_in_their_own_order(scene):
    """Directly behind the running request."""
    scene.run("r1")
    scene.submit("r2")
    for request_id in ("f1", "f2"):
        scene.tell(msg.Submit(request_id, (Text("then"),), None, True))
    scene.submit("r3")

    assert [accepted.request_id for accepted in scene.state.queue] == ["f1", "f2", "r2", "r3"]


def test_a_word_is_not_for_a_request_that_waits(scene):
    """The running one has it; the queued ones do not."""
    scene.run("r1")
    scene.submit("r2", "second")
    scene.steer()
    scene.posted_all()
    scene.news(echo("and"), said(), idle())

    assert texts(scene) == ["hi", "and", "second"]


def test_a_word_that_is_sent_again_waits_for_the_results_as_well(scene):
    """It had not arrived: the calls that came meanwhile are answered in front of it."""
    scene.run()
    scene.steer()
    scene.tell(msg.Unanswered("no answer"), msg.News((asked("c1"), idle("c1"))), msg.Attached())
    assert scene.posted()[1:] == [["message:s1"]]

    scene.tool_done("c1")

    assert scene.posted()[1:] == [["message:s1"], ["result:c1", "message:s1"]]
