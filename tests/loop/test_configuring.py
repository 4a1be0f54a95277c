"""Other limits and other options while a session lives: from now on, once, and kept."""

from __future__ import annotations

import attrs
import pytest

from agentsup.loop import effects as fx
from agentsup.loop import messages as msg
from agentsup.loop.fold import fold, initial
from agentsup.loop.rules import Rules
from agentsup.talk import events as ev
from agentsup.talk.limits import Limits
from agentsup.talk.outgoing import SetOptions
from tests.loop.scene import Scene, echo, idle, said, working

REFUSAL = ev.Failure(kind="provider", message="no", status=400)


def scene(**rules):
    made = Scene(**rules)
    made.attach()
    return made


def limits(key="o1", /, **fields):
    return msg.Configure(key, Limits(**fields))


def sent(key="o1", **options):
    return msg.Configure(key, None, options, sent=True)


# --- limits ------------------------------------------------------------------------------------------------------------------------


def test_a_running_request_comes_under_new_limits_at_once():
    """The turn that ends next is looked at by them."""
    s = scene(max_turns=50)
    s.run()
    s.tell(limits(max_turns=1))

    s.ask("c1")

    assert s.ends() == {"r1": "turn_limit"}
    assert s.started() == []


def test_more_than_before_is_more():
    """A request that was about to reach its limit goes on."""
    s = scene(max_turns=1)
    s.run()
    s.tell(limits(max_turns=5))

    s.ask("c1")

    assert s.ends() == {}
    assert s.started() == ["c1"]


def test_limits_are_replaced_as_a_whole():
    """What is not named has its default, as in a spec."""
    s = scene(max_tokens=5, max_session_turns=3, max_tool_rounds=0)

    s.tell(limits(timeout=7.0))

    rules = s.state.rules
    assert (rules.max_tokens, rules.max_session_turns, rules.max_tool_rounds) == (None, None, None)
    assert rules.timeout == 7.0


@pytest.mark.parametrize(("guarded", "cost", "judged"), [(False, None, False), (False, 1.0, True), (True, None, True)])
def test_a_limit_in_money_needs_somebody_who_looks(guarded, cost, judged):
    """And without one nobody does, but for the guard."""
    s = scene(guarded=guarded, judged=True)

    s.tell(limits(max_cost=cost))

    assert s.state.rules.judged is judged


@pytest.mark.parametrize(("before", "after"), [(600.0, 5.0), (600.0, None), (None, 5.0)])
def test_the_running_requests_time_is_changed(before, after):
    """By its own clock, which knows what was used up."""
    s = scene(timeout=before)
    s.run()

    effects = s.tell(limits(timeout=after))

    assert effects == (fx.ChangeTimer("r1", after, stands=False),)


def test_time_that_stands_still_goes_on_standing():
    """A person is waited for; what is new begins to count when the request goes on."""
    s = scene(gated=frozenset({"tool"}), timeout=None)
    s.run()
    s.ask("c1")
    s.tell(msg.Undecided("c1"))

    assert s.tell(limits(timeout=5.0)) == (fx.ChangeTimer("r1", 5.0, stands=True),)
    assert fx.ResumeTimer("r1") in s.tell(msg.Confirm("c1", True))


def test_nothing_is_done_where_nothing_runs_or_changes():
    """The next request has its own timer, of the new length."""
    s = scene()
    assert s.tell(limits(timeout=5.0)) == ()
    s.submit()
    assert fx.StartTimer("r1", 5.0) in s.effects

    assert s.tell(limits("o2", timeout=5.0, max_turns=3)) == ()


def test_the_same_word_twice_is_one():
    """A call that is repeated after a crash finds it done."""
    s = scene()
    s.tell(limits(), limits())
    s.crash()
    s.tell(limits())

    assert len(s.of(ev.Configured)) == 1


def test_a_new_incarnation_is_under_them():
    """By the journal alone, and by a snapshot under the rules of a new program."""
    s = scene()
    s.tell(limits(max_turns=3, timeout=9.0))
    s.crash()
    assert (s.state.rules.max_turns, s.state.rules.timeout) == (3, 9.0)

    newer = s.state.ruled(Rules(max_turns=50, terminal_tool="finish"))

    assert (newer.rules.max_turns, newer.rules.timeout, newer.rules.terminal_tool) == (3, 9.0, "finish")
    assert initial(Rules()).ruled(Rules(max_turns=7)).rules.max_turns == 7


def test_a_fork_has_what_was_configured():
    """It goes its own way from there."""
    s = scene()
    s.tell(limits(max_turns=3), msg.Configure("o2", None, {"model": "m"}))

    forked = fold(initial(Rules()), [*s.journal, ev.Forked(source="s", cursor=9)])

    assert forked.rules.max_turns == 3
    assert forked.options == {"model": "m"}


# --- options that are told with every input ----------------------------------------------------------------------------------------


def test_options_are_merged_and_taken_back():
    """The last word on each counts; None is none."""
    s = scene(has_history=False)
    s.tell(msg.Configure("o1", None, {"model": "a", "prompt": "p"}), msg.Configure("o2", None, {"model": "b"}))
    assert s.state.options == {"model": "b", "prompt": "p"}

    s.tell(msg.Configure("o3", None, {"model": None}))

    assert s.state.options == {"prompt": "p"}
    assert s.posted() == []


# --- options that the provider keeps -----------------------------------------------------------------------------------------------


def test_the_provider_is_told_once_and_alone():
    """Behind what waited before, in a POST of its own."""
    s = scene()
    s.submit()
    s.tell(sent(title="t"))
    assert s.posted() == [["message:r1"]]

    s.posted_all()
    assert s.posted()[-1] == ["o1"]
    s.posted_all()

    assert s.of(fx.Post)[-1].items == (SetOptions("o1", {"title": "t"}),)
    assert s.state.outbox == ()
    assert [event.keys for event in s.of(ev.Delivered)][-1] == ("o1",)


def test_a_refusal_is_told_and_hurts_nobody():
    """The running request goes on."""
    s = scene()
    s.run()
    s.tell(sent(budget=None), msg.Refused(REFUSAL, fatal=False))

    (withdrawn,) = s.of(ev.Withdrawn)
    assert (withdrawn.keys, withdrawn.failure) == (("o1",), REFUSAL)
    s.news(said(), idle())
    assert s.ends() == {"r1": None}


@pytest.mark.parametrize("crashed", [False, True])
def test_what_may_have_arrived_is_said_again(crashed):
    """It comes to the same, and no history would show it."""
    s = scene()
    s.tell(sent(title="t"))
    s.crash() if crashed else s.tell(msg.Unanswered("no answer"))
    s.tell(msg.Attached())

    assert s.posted() == [["o1"], ["o1"]]
    s.posted_all()
    assert s.state.outbox == ()


def test_it_is_no_work_for_the_agent():
    """Nothing is unheard because of it, and the session can be put down when it is told."""
    s = scene()
    s.tell(sent(title="t"))
    assert s.tell(msg.Passivate()) == ()
    s.posted_all()
    assert s.state.unheard == ()

    s.tell(msg.Passivate())

    assert s.state.name == "passivated"


def test_both_at_once():
    """Limits here, options there, by one word."""
    s = scene()

    s.tell(msg.Configure("o1", Limits(max_turns=2), {"title": "t"}, sent=True))

    assert s.state.rules.max_turns == 2
    assert s.posted() == [["o1"]]
    assert len(s.of(ev.Configured)) == 1


def test_a_closing_session_takes_nothing_more():
    """And one that closes tells the provider first what it owes it."""
    s = scene()
    s.tell(sent(title="t"))
    s.tell(msg.Close())
    assert s.state.ended is None
    s.posted_all()
    assert s.state.ended is not None

    other = scene()
    other.run()
    other.tell(msg.Close(), limits(max_turns=1))
    assert not other.of(ev.Configured)


def test_the_fold_is_the_state():
    """What was configured is in the journal and nowhere else."""
    s = scene()
    s.run()
    s.tell(limits(max_turns=9), msg.Configure("o2", None, {"model": "a"}), sent("o3", title="t"))
    s.news(echo("x"), working())

    assert fold(initial(s.rules), s.journal) == s.comparable()
    assert attrs.evolve(s.state.rules, max_turns=50) == Rules()
