"""A thread of the provider's that ends: its calls want nothing more, and whatever else the request waits for goes on."""

from __future__ import annotations

import pytest

from agentsup.loop import effects as fx
from agentsup.loop import messages as msg
from agentsup.talk import events as ev
from agentsup.talk.tools import ToolUse
from tests.loop.scene import Scene, echo, heard, idle, result_echo, said, wants_leave, working

REFUSAL = ev.Failure(kind="provider", message="no such call", status=400)
CHILD = "sthr_1"


def asked(call_id, thread=CHILD, name="tool"):
    return heard(ev.ToolAsked, id=call_id, use=ToolUse(call_id, name, {}), thread=thread)


def ended(thread=CHILD):
    return heard(ev.ThreadEnded, thread=thread)


def scene(*call_ids, mine=(), **rules):
    """A request whose child waits for these calls, and whose own agent waits for `mine`."""
    made = Scene(**rules)
    made.attach()
    made.run()
    calls = [*(asked(call_id) for call_id in call_ids), *(asked(call_id, None) for call_id in mine)]
    made.news(*calls, idle(*call_ids, *mine))
    return made


def test_the_tool_of_an_ended_thread_is_stopped_and_nothing_is_sent():
    """It is cancelled for real, its end is told, and the request goes on to the session's own end."""
    s = scene("c1")

    effects = s.news(ended())

    assert effects == (fx.CancelTools(("c1",)),)
    assert s.results() == {"c1": "not finished: its thread has ended"}
    assert s.state.calls == {}
    assert s.state.name == "running"
    s.tool_done("c1")
    s.news(working(), said(), idle())
    assert s.ends() == {"r1": None}
    assert s.posted() == [["message:r1"]]


def test_the_others_of_its_batch_are_answered():
    """What the session's own agent, or another thread, waits for is not held up."""
    s = scene("c1", mine=("c2",))
    s.tool_done("c2")
    assert s.posted() == [["message:r1"]]

    s.news(ended())

    assert s.posted() == [["message:r1"], ["result:c2"]]


def test_another_threads_end_concerns_nobody():
    """Only its own calls are dropped."""
    s = scene("c1")

    effects = s.news(ended("sthr_2"))

    assert effects == ()
    s.tool_done("c1")
    assert s.posted()[-1] == ["result:c1"]


def test_an_answer_that_waits_is_withdrawn():
    """Something else is on its way: what had not gone out does not."""
    s = scene("c1")
    s.tell(msg.SendRaw("raw:1", {"type": "user.message"}))
    s.tool_done("c1")
    assert s.posted() == [["message:r1"], ["raw:1"]]

    s.news(ended())
    s.posted_all()

    assert s.posted() == [["message:r1"], ["raw:1"]]
    assert [event.keys for event in s.of(ev.Withdrawn)] == [("result:c1",)]


def test_answers_on_their_way_are_refused_for_nothing():
    """They were for the thread too: the provider took none of them, so the others go out again, and the request goes on."""
    s = scene("c1", mine=("c2",))
    s.tool_done("c1")
    s.tool_done("c2")
    assert s.posted()[-1] == ["result:c1", "result:c2"]

    s.news(ended())
    s.tell(msg.Refused(REFUSAL, fatal=False))

    assert s.posted()[-1] == ["result:c2"]
    assert not s.of(ev.ConnectionLost)
    s.posted_all()
    s.news(result_echo("c2"), working(), said(), idle())
    assert s.ends() == {"r1": None}


def test_answers_that_were_refused_before_the_end_is_heard_are_looked_after():
    """The refusal comes first: the history says why, and nothing of the thread goes out again."""
    s = scene("c1", mine=("c2",))
    s.tool_done("c1")
    s.tool_done("c2")
    s.tell(msg.Refused(REFUSAL, fatal=False))
    assert s.of(ev.ConnectionLost)

    s.news(ended())
    s.tell(msg.Attached())

    assert s.posted()[-1] == ["result:c2"]
    assert s.state.outbox[0].key == "result:c2"


def test_answers_that_arrived_before_it_ended_have_arrived():
    """The answer to the POST comes behind the news."""
    s = scene("c1")
    s.tool_done("c1")

    s.news(ended())
    s.posted_all()

    assert not s.of(ev.Withdrawn)
    assert [event.keys for event in s.of(ev.Delivered)][-1] == ("result:c1",)
    assert s.state.outbox == ()


@pytest.mark.parametrize("crashed", [False, True])
def test_answers_in_doubt_are_not_sent_again(crashed):
    """Whether they arrived is in the history; if they did not, nobody wants them any more."""
    s = scene("c1")
    s.tool_done("c1")
    s.news(ended())
    s.crash() if crashed else s.tell(msg.Unanswered("no answer"))

    s.tell(msg.Attached())

    assert s.posted() == [["message:r1"], ["result:c1"]]
    assert s.state.outbox == ()


def test_leave_is_not_asked_for_any_more():
    """A call of the provider's own that waits for a person: the wait ends, and the request's time goes on."""
    s = Scene()
    s.attach()
    s.run()
    s.news(heard(ev.ServerToolUsed, id="c1", use=ToolUse("c1", "bash", {}), asks=True, thread=CHILD), idle("c1"))
    s.tell(msg.Undecided("c1"))
    assert s.state.name == "awaiting_approval"

    effects = s.news(ended())

    assert effects == (fx.ResumeTimer("r1"),)
    assert s.state.name == "running"
    s.tell(msg.Confirm("c1", True))
    assert s.posted() == [["message:r1"]]


def test_a_call_in_doubt_is_in_none_any_more():
    """Nobody wants to know."""
    s = scene("c1", wait_in_doubt=True)
    s.crash()
    s.tell(msg.Attached())
    assert s.state.name == "awaiting_approval"

    s.news(ended())

    assert s.state.calls == {}
    s.tell(msg.Resolve("c1", None))
    assert s.started() == ["c1"]


def test_what_ended_while_nobody_listened_is_found():
    """After a crash the tool of an ended thread does not run again, though it may."""
    s = scene("c1", effects={"tool": "pure"})
    s.crash()

    s.news(ended())
    s.tell(msg.Attached())

    assert s.started() == ["c1"]
    assert s.results() == {"c1": "not finished: its thread has ended"}


def test_a_stale_idle_wakes_nothing():
    """One that names the dropped call is an old one; one that names another too waits for that."""
    s = scene("c1", mine=("c2",))
    s.news(ended(), idle("c1"))
    s.tool_done("c2")
    assert s.posted()[-1] == ["result:c2"]

    s.posted_all()
    s.news(result_echo("c2"), idle("c1"))

    assert s.ends() == {}
    assert s.posted()[-1] == ["result:c2"]


def test_it_is_a_sign_of_life_and_no_more():
    """A thread without calls ends: nothing follows but that the connection lives."""
    s = Scene()
    s.attach()
    s.run()
    s.tell(msg.Lost("cut"), msg.Attached())

    assert s.news(ended()) == ()
    assert s.state.attempts == 0
    s.news(wants_leave("c9"), echo("x"))
