"""A provider that keeps no history: nothing in doubt goes out again, what waits for us goes on, and the machine is otherwise the same."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentsup.loop import effects as fx
from agentsup.loop import messages as msg
from agentsup.loop.fold import initial
from agentsup.loop.results import result_of
from agentsup.loop.rules import Rules
from agentsup.loop.step import step
from agentsup.talk import events as ev
from agentsup.talk.content import Text
from agentsup.talk.outgoing import GiveResult, SayStop
from tests.kit.strategies import MESSAGES
from tests.loop.scene import Scene, echo, heard, idle, result_echo, said, working

BROKEN = ev.Failure(kind="stream", message="it broke off")


def scene(**rules):
    made = Scene(has_history=False, **rules)
    made.attach()
    return made


def broke():
    return heard(ev.Waiting, terminal="terminated", stop_reason=None, failure=BROKEN)


def test_a_turn_is_a_turn():
    """From the message to the end, with the driver's echo in place of the provider's."""
    s = scene()
    s.submit()
    s.news(echo(), working(), said(), idle())

    assert s.ends() == {"r1": None}
    assert s.posted() == [["message:r1"]]


def test_a_turn_that_breaks_off_ends_its_request_and_nothing_else():
    """With the failure; the next request goes out at once, on the same line."""
    s = scene()
    s.run()
    s.submit("r2", "next")
    s.news(said("half"), broke())

    assert s.ends() == {"r1": "stream"}
    assert s.posted() == [["message:r1"], ["message:r2"]]
    assert not s.of(ev.ConnectionLost)
    assert result_of(s.journal, "r1", session_id="s", provider_session_id="p").text == "half"


def test_a_result_brings_its_call_along():
    """The service may have to be told of it again."""
    s = scene()
    s.run()
    s.ask("c1")
    s.tool_done("c1")
    (result,) = [item for post in s.of(fx.Post) for item in post.items if isinstance(item, GiveResult)]

    assert (result.use.call_id, result.use.name) == ("c1", "tool")


@pytest.mark.parametrize("seen", [(), ("answer",), ("answer", "echo"), ("echo",), ("echo", "work")])
def test_a_crash_in_the_middle_of_a_turn_ends_the_request(seen):
    """Whether the message was confirmed or not: it may have begun, and is not sent again."""
    s = scene()
    s.submit()
    if "answer" in seen:
        s.tell(msg.Posted(("message:r1",)))
    if "echo" in seen:
        s.news(echo(), *([working(), said("half")] if "work" in seen else []))
    s.crash()
    s.tell(msg.Attached())

    assert s.ends() == {"r1": "stream"}
    assert s.posted() == [["message:r1"]]
    s.submit("r2", "next")
    assert s.posted() == [["message:r1"], ["message:r2"]]


def test_a_crash_before_anything_was_sent_loses_nothing():
    """It waits in the outbox, and goes out."""
    s = Scene(has_history=False)
    s.tell(msg.Start("token"), msg.Opened("id"))
    s.submit()
    s.crash()
    s.tell(msg.Attached())

    assert s.ends() == {}
    assert s.posted() == [["message:r1"]]


def test_a_crash_while_tools_run_goes_on():
    """The service waits for us; the tool runs again if it may, and the results go out."""
    s = scene(effects={"tool": "pure"})
    s.run()
    s.ask("c1")
    s.crash()
    s.tell(msg.Attached())
    s.tool_done("c1")

    assert s.ends() == {}
    assert s.posted() == [["message:r1"], ["result:c1"]]


@pytest.mark.parametrize("confirmed", [False, True])
def test_a_crash_behind_the_results_ends_the_request(confirmed):
    """They may have arrived, and what the agent did then is told nowhere."""
    s = scene()
    s.run()
    s.ask("c1")
    s.tool_done("c1")
    if confirmed:
        s.news(result_echo("c1"))
    s.crash()
    s.tell(msg.Attached())

    assert s.ends() == {"r1": "stream"}
    assert s.posted() == [["message:r1"], ["result:c1"]]


@pytest.mark.parametrize("seen", [(), ("rest",)])
def test_a_stop_in_doubt_does_not_go_out_again(seen):
    """It most likely arrived; and it would end the conversation of a turn that came to its own end, heard or not."""
    s = scene()
    s.run()
    s.submit("r2", "next")
    s.tell(msg.Interrupt())
    if seen:
        s.news(idle())
    s.crash()
    s.tell(msg.Attached())

    assert s.posted() == [["message:r1"], ["stop:r1"], ["message:r2"]]
    assert s.ends() == {"r1": "interrupted"}
    assert [event.keys for event in s.of(ev.Withdrawn)] == [("stop:r1",)]


def test_a_stop_that_never_went_out_goes_out_by_itself():
    """It is what was asked for; what begins goes behind it, or it would be stopped with what is."""
    s = scene()
    s.submit()
    s.submit("r2", "next")
    s.tell(msg.Interrupt())  # while the message is on its way
    s.crash()
    s.tell(msg.Attached(), msg.Posted(("stop:r1",)))

    assert s.posted() == [["message:r1"], ["stop:r1"], ["message:r2"]]


def test_a_stop_in_doubt_goes_out_again_where_the_agent_waits_for_us():
    """Then the turn is known to be open: nothing else may be said before it is ended, and to end it twice comes to the same."""
    s = scene()
    s.run()
    s.ask("c1")
    s.submit("r2", "next")
    s.tell(msg.Interrupt())
    s.crash()
    s.tell(msg.Attached())

    assert s.posted()[-1] == ["stop:r1"]
    s.tell(msg.Posted(("stop:r1",)))
    assert s.posted()[-1] == ["message:r2"]


def test_a_turn_that_ends_before_its_stop_goes_out_is_not_stopped():
    """The stop would end the conversation, and nothing else: there is no turn any more."""
    s = scene()
    s.submit()
    s.submit("r2", "next")
    s.tell(msg.Interrupt())  # while the message is on its way
    s.news(echo(), working(), said(), idle())
    s.tell(msg.Posted(("message:r1",)))

    assert s.posted() == [["message:r1"], ["message:r2"]]


@pytest.mark.parametrize("how", ["crash", "broke", "refused"])
def test_an_interrupt_stops_what_may_run_on_unheard(how):
    """Without a request: the agent may be at work, or wait for calls that nobody heard of; what is said next goes behind the stop."""
    s = scene()
    s.run()
    if how == "broke":
        s.news(broke())
    else:
        s.crash()
        s.tell(msg.Attached())
    if how == "refused":
        s.submit("r2", "next")
        s.tell(msg.Refused(ev.Failure(kind="provider", message="it waits for results", status=400), fatal=False))
        assert s.ends()["r2"] == "provider"
    s.tell(msg.Interrupt())
    s.submit("r3", "on")
    assert [key.partition(":")[0] for key in s.posted()[-1]] == ["stop"]
    s.news(heard(ev.Echoed, kind="interrupt"), heard(ev.Waiting, terminal="terminated", stop_reason="interrupted"))
    s.tell(msg.Posted(tuple(s.posted()[-1])))
    assert s.posted()[-1] == ["message:r3"]

    s.news(echo("on"), working(), said(), idle())
    sent = len(s.posted())
    s.tell(msg.Interrupt())
    assert len(s.posted()) == sent  # it rests


def test_a_turn_that_breaks_off_with_a_word_waiting_is_not_stopped():
    """The word is not said, and the conversation stays: only who interrupts wants it ended."""
    s = scene()
    s.run()
    s.tell(msg.Steer("w1", (Text("more"),)))
    s.news(broke())

    assert s.ends() == {"r1": "stream"}
    assert s.posted() == [["message:r1"]]


def test_a_lost_connection_in_the_middle_ends_the_request():
    """The task that followed the turn is gone, and the turn with it."""
    s = scene()
    s.run()
    s.tell(msg.Lost("the connection's task ended"))

    assert s.ends() == {"r1": "stream"}


@pytest.mark.parametrize("crash", [False, True])
def test_a_message_that_did_not_go_out_goes_on(crash):
    """It waited behind an interrupted agent, whose work is lost with its stream: that is the rest it waited for."""
    s = scene()
    s.run()
    s.tell(msg.Interrupt())
    s.submit("r2", "next")
    s.tell(msg.Posted(("stop:r1",)))
    assert s.posted() == [["message:r1"], ["stop:r1"]]

    if crash:
        s.crash()
    else:
        s.tell(msg.Lost("gone"))
    s.tell(msg.Attached())

    assert s.ends() == {"r1": "interrupted"}
    assert s.posted()[-1] == ["message:r2"]


def test_a_lost_connection_at_rest_is_nothing():
    """Another line is made."""
    s = scene()
    s.run()
    s.news(said(), idle())
    s.tell(msg.Lost("gone"), msg.Attached())
    s.submit("r2", "next")

    assert s.ends() == {"r1": None}
    assert s.posted() == [["message:r1"], ["message:r2"]]


def test_what_was_certainly_not_sent_goes_out_once_more():
    """A driver without a history says `Unavailable` only then."""
    s = scene()
    s.submit()
    s.tell(msg.Unanswered("no line"), msg.Attached())

    assert s.ends() == {}
    assert s.posted() == [["message:r1"], ["message:r1"]]


def test_refused_results_are_not_tried_again():
    """There is no history in which somebody else's could be; the agent is stopped, and the request ends."""
    s = scene()
    s.run()
    s.ask("c1")
    s.tool_done("c1")
    s.tell(msg.Refused(ev.Failure(kind="provider", message="no", status=400), fatal=False))

    assert s.ends() == {"r1": "provider"}
    assert [keys for keys in s.posted() if keys == ["result:c1"]] == [["result:c1"]]
    assert any(isinstance(item, SayStop) for post in s.of(fx.Post) for item in post.items)


def test_a_word_to_a_running_request_waits_until_the_agent_rests():
    """Nothing reaches a turn that runs; then it is one more turn of the same request."""
    s = scene()
    s.run()
    s.tell(msg.Steer("w1", (Text("in French"),)))
    assert s.posted() == [["message:r1"]]
    s.news(said(), idle())
    assert s.posted() == [["message:r1"], ["message:w1"]]
    assert s.ends() == {}
    s.news(echo("in French"), working(), said("oui"), idle())

    assert s.ends() == {"r1": None}


def test_a_word_waits_behind_calls_too():
    """Results first, then the rest of the turn, then the word."""
    s = scene()
    s.run()
    s.tell(msg.Steer("w1", (Text("in French"),)))
    s.ask("c1")
    s.tool_done("c1")
    assert s.posted() == [["message:r1"], ["result:c1"]]
    s.tell(msg.Posted(("result:c1",)))
    s.news(result_echo("c1"), working(), said(), idle())

    assert s.posted() == [["message:r1"], ["result:c1"], ["message:w1"]]


def test_an_interrupt_comes_back_from_the_driver():
    """As an echo and a rest; then the next request goes out."""
    s = scene()
    s.run()
    s.tell(msg.Interrupt())
    s.submit("r2", "next")
    assert s.posted() == [["message:r1"], ["stop:r1"]]
    s.news(heard(ev.Echoed, kind="interrupt"), heard(ev.Waiting, terminal="terminated", stop_reason="interrupted"))
    s.tell(msg.Posted(("stop:r1",)))

    assert s.ends() == {"r1": "interrupted"}
    assert s.posted() == [["message:r1"], ["stop:r1"], ["message:r2"]]


def test_what_is_concluded_has_no_event_of_its_own_in_the_result():
    """The provider's events are there, each once."""
    s = scene()
    s.submit()
    s.news(ev.Echoed(id=None, raw={}, kind="message", text="hi"), working(), said())
    s.news(ev.Waiting(id=None, raw={}, terminal="end_turn", stop_reason="end_turn"))
    result = result_of(s.journal, "r1", session_id="s", provider_session_id="p")

    assert len(result.events) == 2
    assert all(result.events)


@settings(max_examples=200)
@given(messages=st.lists(MESSAGES.filter(lambda message: not isinstance(message, msg.Unanswered)), max_size=40))
def test_nothing_is_sent_twice_whatever_happens(messages):
    """Unless the driver says that it was not sent, no message and no result goes out a second time: not after a crash, not after a loss."""
    state = initial(Rules(has_history=False))
    sent = []
    for message in [msg.Start("token"), *messages]:
        if isinstance(message, msg.Posted):
            message = msg.Posted(tuple(state.sent))  # what is posted is what was sent
        made = step(state, message)
        state = made.state
        for effect in made.effects:
            if isinstance(effect, fx.Post):
                sent += [item.key for item in effect.items if not isinstance(item, SayStop)]

    assert len(sent) == len(set(sent))
