"""Every state has an answer to every message, in whatever order they come, and what must hold always holds."""

from __future__ import annotations

from collections import Counter

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st

from agentsup.loop import effects as fx
from agentsup.loop import messages as msg
from agentsup.loop.fold import apply, fold, initial
from agentsup.loop.results import result_of, turns_of
from agentsup.loop.rules import Rules
from agentsup.loop.state import Link, Now
from agentsup.loop.step import step
from agentsup.talk import events as ev
from tests.kit.strategies import ANY_MESSAGE, KEPT, MESSAGES

RULES = st.builds(
    Rules,
    max_turns=st.integers(1, 3),
    max_tool_rounds=st.sampled_from([None, None, 0, 1]),
    max_session_turns=st.sampled_from([None, None, 3]),
    max_tokens=st.sampled_from([None, None, 20]),
    judged=st.booleans(),
    terminal_tool=st.sampled_from([None, "finish"]),
    gated=st.sampled_from([frozenset(), frozenset({"gated_tool", "tool"})]),
    wait_for_approval=st.booleans(),
    wait_in_doubt=st.booleans(),
    timeout=st.sampled_from([None, 600.0]),
    max_attempts=st.sampled_from([None, 2]),
    has_history=st.booleans(),
    effects=st.just({"pure_tool": "pure"}),
)


def play(rules, messages):
    """Each step: the state before, the message, what followed."""
    state = initial(rules)
    for message in messages:
        made = step(state, message)
        yield state, message, made
        state = made.state


@settings(max_examples=250)
@given(rules=RULES, messages=st.lists(ANY_MESSAGE, max_size=30))
def test_any_messages_in_any_order_have_an_answer(rules, messages):
    """Nonsense included: `step` never raises, and the fold of what it decided is the state it came to."""
    journal = []
    state = initial(rules)
    for _, _, made in play(rules, messages):
        journal += made.events
        state = made.state

    assert fold(initial(rules), journal) == attrs.evolve(state, now=Now())


@settings(max_examples=250)
@given(rules=RULES, messages=st.lists(MESSAGES, max_size=40), last=st.sampled_from([msg.Abort(), msg.Close()]))
def test_an_accepted_request_ends_exactly_once_by_the_sessions_end(rules, messages, last):
    """Whatever happened before, when the session has ended every accepted request has had its one terminal, and nothing follows."""
    journal, ended = [], False
    for _, _, made in play(rules, [msg.Start("token"), *messages, last, msg.Abort(), *messages]):
        assert not (ended and (made.events or made.effects))
        journal += made.events
        ended = made.state.ended is not None

    accepted = Counter(event.request_id for event in journal if isinstance(event, ev.Accepted))
    ends = Counter(event.request_id for event in journal if isinstance(event, ev.RequestEnded))
    assert ended
    assert ends == accepted
    assert isinstance(journal[-1], ev.SessionEnded)


@settings(max_examples=250)
@given(rules=RULES, messages=st.lists(MESSAGES, max_size=40))
def test_nothing_is_sent_while_detached_or_while_something_is_on_its_way(rules, messages):
    """Posts only while attached and one at a time; what was delivered is never sent again; tools run once each."""
    delivered, ran, resolved = set(), Counter(), set()
    for before, message, made in play(rules, [msg.Start("token"), *messages]):
        free = not before.now.posting or isinstance(message, msg.Posted | msg.Unanswered | msg.Revive)
        resolved.update(event.call_id for event in made.events if isinstance(event, ev.DoubtResolved))
        delivered.update(*(event.keys for event in made.events if isinstance(event, ev.Delivered)))
        for effect in made.effects:
            match effect:
                case fx.Post(items):
                    assert made.state.link is Link.ATTACHED
                    assert free
                    assert items
                    assert not delivered.intersection(item.key for item in items)
                case fx.RunTool(use):
                    ran[use.call_id] += 1
                    again = made.state.rules.effects.get(use.name) == "pure" or use.call_id in resolved
                    assert ran[use.call_id] == 1 or again
                    assert not made.state.asleep


@settings(max_examples=150)
@given(rules=RULES, messages=st.lists(ANY_MESSAGE, max_size=25), cut=st.floats(0, 1))
def test_every_prefix_of_the_journal_can_be_revived(rules, messages, cut):
    """A crash after any event: the rest folds, and the next incarnation goes on without running an unsafe call again."""
    journal = [event for _, _, made in play(rules, messages) for event in made.events]
    prefix = journal[: int(len(journal) * cut)]
    begun = {event.call_id for event in prefix if isinstance(event, ev.ToolStarted) and event.effect == "unsafe"}

    state = fold(initial(rules), prefix)
    revived = step(state, msg.Revive("bug"))
    attached = step(revived.state, msg.Attached())

    reruns = [effect.use.call_id for effect in attached.effects if isinstance(effect, fx.RunTool)]
    assert not begun.intersection(reruns)
    assert state.ended is None or not revived.events


@settings(max_examples=150)
@given(events=st.lists(KEPT, max_size=30))
def test_any_events_in_any_order_fold(events):
    """`apply` is total, also over a journal no session could have written; so are the folds for results and turns."""
    state = initial(Rules())
    for event in events:
        state = apply(state, event)

    result = result_of(events, "r1", session_id="s", provider_session_id=None)
    assert result.turns >= 0
    assert [turn.number for turn in turns_of(events)] == list(range(1, len(turns_of(events)) + 1))
