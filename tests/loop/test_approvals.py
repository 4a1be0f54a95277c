"""Calls that need leave: ours that are gated, and the provider's own that ask."""

from __future__ import annotations

import pytest

from agentsup.loop import effects as fx
from agentsup.loop import messages as msg
from agentsup.loop.calls import may_confirm
from agentsup.talk import events as ev
from agentsup.talk.tools import ToolUse
from tests.loop.scene import Scene, asked, heard, idle, leave_echo, result_echo, said, wants_leave, working

REFUSAL = ev.Failure(kind="provider", message="no", status=400)


def ready(**rules):
    made = Scene(gated=frozenset({"tool"}), **rules)
    made.attach()
    made.run()
    return made


@pytest.fixture
def scene():
    return ready()


def test_a_gated_call_is_asked_about_before_it_runs(scene):
    """First the rule and the policy; allowed, it runs and is answered."""
    assert scene.ask("c1") == (fx.AskApproval(ToolUse("c1", "tool", {}), ours=True),)
    assert scene.started() == []
    assert scene.state.name == "running"

    scene.tell(msg.Confirm("c1", allow=True, by="policy"))
    scene.tool_done("c1")

    assert scene.started() == ["c1"]
    assert scene.posted()[1:] == [["result:c1"]]


def test_an_undecided_call_waits_for_a_person(scene):
    """That is a state of its own, in which the request's time stands still."""
    scene.ask("c1")
    effects = scene.tell(msg.Undecided("c1"))
    assert scene.state.name == "awaiting_approval"
    assert effects == (fx.PauseTimer("r1"),)
    assert scene.tell(msg.TimedOut("r1")) == ()  # it was up in the same moment

    effects = scene.tell(msg.Confirm("c1", allow=True))

    assert scene.state.name == "running"
    assert fx.ResumeTimer("r1") in effects
    assert scene.started() == ["c1"]


def test_a_denied_call_is_answered_with_the_reason(scene):
    """The tool does not run; without a reason there is a plain sentence."""
    scene.ask("c1", "c2")
    scene.tell(msg.Confirm("c1", allow=False, message="not today"), msg.Confirm("c2", allow=False))

    assert scene.results() == {"c1": "not today", "c2": "The call of tool was not allowed."}
    assert scene.started() == []
    assert scene.posted()[1:] == [["result:c1", "result:c2"]]


def test_the_providers_own_call_is_given_leave(scene):
    """By its own kind of answer, with the message that goes with a denial."""
    scene.news(wants_leave("s1"), wants_leave("s2"), idle("s1", "s2"))
    scene.tell(msg.Confirm("s1", allow=True))
    assert scene.posted() == [["message:r1"]]  # nothing before all is decided

    scene.tell(msg.Confirm("s2", allow=False, message="no"))

    post = scene.of(fx.Post)[-1]
    assert [(item.key, item.allow, item.message) for item in post.items] == [
        ("leave:s1", True, None),
        ("leave:s2", False, "no"),
    ]


def test_one_post_answers_a_mixed_batch_in_its_order(scene):
    """Results, leave and denials together, when the last of them is there."""
    scene.news(asked("c1", "other"), wants_leave("s1"), asked("c2"), idle("s1", "c2", "c1"))
    scene.tool_done("c1")
    scene.tell(msg.Confirm("s1", allow=True))
    assert len(scene.posted()) == 1

    scene.tell(msg.Confirm("c2", allow=False))

    assert scene.posted()[1:] == [["leave:s1", "result:c2", "result:c1"]]


def test_the_first_word_counts(scene):
    """Whoever says it; what the policy says later changes nothing, nor does a second person."""
    scene.ask("c1")
    scene.tell(msg.Confirm("c1", allow=False))
    scene.tell(msg.Confirm("c1", allow=True, by="policy"), msg.Undecided("c1"), msg.Confirm("c1", allow=True))

    assert len(scene.of(ev.Confirmed)) == 1
    assert scene.started() == []
    assert not may_confirm(scene.state, "c1")


def test_a_word_on_a_call_that_needs_none_changes_nothing(scene):
    """Unknown ones, ones that run, ones of tools that need nobody."""
    scene.news(asked("c1", "other"), idle("c1"))

    scene.tell(msg.Confirm("c1", allow=False), msg.Confirm("c9", allow=True))

    assert scene.of(ev.Confirmed) == []
    assert not may_confirm(scene.state, "c1")


def test_leave_may_be_given_before_the_agent_waits(scene):
    """The call is known by then; nobody is asked any more."""
    scene.news(asked("c1"))
    scene.tell(msg.Confirm("c1", allow=True))

    scene.news(idle("c1"))

    assert scene.of(fx.AskApproval) == []
    assert scene.started() == ["c1"]


def test_an_approval_survives_a_restart(scene):
    """Nobody is asked again what a person is asked; the clock of the new incarnation stands still, too."""
    scene.ask("c1")
    scene.tell(msg.Undecided("c1"))
    scene.effects.clear()

    effects = scene.crash()
    scene.tell(msg.Attached())
    assert effects[-1] == fx.PauseTimer("r1")
    assert scene.state.name == "awaiting_approval"
    assert scene.of(fx.AskApproval) == []

    scene.tell(msg.Confirm("c1", allow=True))
    assert scene.started() == ["c1"]


def test_a_restart_asks_a_policy_again_that_had_not_answered(scene):
    """The question died with the incarnation that put it."""
    scene.ask("c1")

    scene.crash()
    scene.tell(msg.Attached())

    assert len(scene.of(fx.AskApproval)) == 2


def test_leave_that_was_given_is_not_given_twice(scene):
    """After a restart the history says whether it arrived."""
    scene.news(wants_leave("s1"), idle("s1"))
    scene.tell(msg.Confirm("s1", allow=True))
    scene.crash()

    scene.tell(msg.News((leave_echo("s1"), working())), msg.Attached())

    assert scene.posted()[1:] == [["leave:s1"]]


def test_an_interrupt_answers_what_waits_for_a_person(scene):
    """A failure for our call, a denial for the provider's own, then the interrupt, in one POST."""
    scene.news(asked("c1"), wants_leave("s1"), idle("c1", "s1"))
    scene.tell(msg.Undecided("c1"), msg.Undecided("s1"))

    scene.tell(msg.Interrupt())

    assert scene.ends() == {"r1": "interrupted"}
    assert scene.posted()[-1] == ["result:c1", "leave:s1", "stop:r1"]
    assert scene.state.name == "idle"
    assert scene.of(ev.Confirmed)[0].by == "runtime"


def test_without_anybody_to_decide_the_request_ends_with_what_it_waits_for():
    """Nothing of the batch has run by then; the stop reason is the provider's."""
    scene = ready(wait_for_approval=False)
    scene.news(asked("c1"), asked("c2", "other"), idle("c1", "c2"))
    assert scene.started() == []

    scene.tell(msg.Undecided("c1"))

    (end,) = scene.of(ev.RequestEnded)
    assert (end.terminal, end.failure) == ("requires_action", None)
    assert scene.started() == []


def test_without_anybody_to_decide_a_policy_still_can():
    """Then the batch goes on."""
    scene = ready(wait_for_approval=False)
    scene.news(asked("c1"), asked("c2", "other"), idle("c1", "c2"))

    scene.tell(msg.Confirm("c1", allow=True, by="policy"))

    assert scene.started() == ["c1", "c2"]


@pytest.mark.parametrize("news", [leave_echo("s1"), heard(ev.ServerToolEnded, call_id="s1")])
def test_somebody_else_may_give_leave(scene, news):
    """At the provider's console, say: nothing is wanted of us any more, and time goes on."""
    scene.news(wants_leave("s1"), idle("s1"))
    scene.tell(msg.Undecided("s1"))

    effects = scene.news(news)

    assert fx.ResumeTimer("r1") in effects
    assert scene.state.name == "running"
    assert not may_confirm(scene.state, "s1")


def test_an_answer_that_came_second_is_refused_without_harm(scene):
    """The history is asked, knows the other answer, and the request goes on."""
    scene.news(wants_leave("s1"), idle("s1"))
    scene.tell(msg.Confirm("s1", allow=True))

    scene.tell(msg.Refused(REFUSAL, fatal=False))
    scene.tell(msg.News((leave_echo("s1"), working(), heard(ev.ServerToolEnded, call_id="s1"))), msg.Attached())
    scene.news(said(), idle())

    assert scene.posted()[1:] == [["leave:s1"]]
    assert scene.ends() == {"r1": None}


def test_closing_waits_for_the_person(scene):
    """A request that runs is finished, also one that waits."""
    scene.ask("c1")
    scene.tell(msg.Undecided("c1"), msg.Close())
    assert scene.state.ended is None

    scene.tell(msg.Confirm("c1", allow=True))
    scene.tool_done("c1")
    scene.posted_all()
    scene.news(result_echo("c1"), working(), said(), idle())

    assert scene.ends() == {"r1": None}
    assert scene.state.name == "closed"


def test_abort_ends_a_request_that_waits_for_a_person(scene):
    """At once, and the agent is told to stop."""
    scene.ask("c1")
    scene.tell(msg.Undecided("c1"))

    scene.tell(msg.Abort())

    assert scene.ends() == {"r1": "closed"}
    assert scene.posted()[-1] == ["stop:r1"]


def test_a_call_left_over_from_before_may_wait_for_a_person():
    """A session taken over in the middle of one waits as its own would, without a request."""
    scene = Scene(gated=frozenset({"tool"}))
    scene.tell(msg.Start("token", "sesn"), msg.News((working(), wants_leave("s1"), idle("s1"))), msg.Attached())
    scene.tell(msg.Undecided("s1"))
    assert scene.state.name == "awaiting_approval"

    effects = scene.submit()
    assert fx.PauseTimer("r1") in effects  # a new request's time does not run for that

    scene.tell(msg.Confirm("s1", allow=True))
    scene.posted_all()
    assert scene.posted()[-1] == ["leave:s1"]
