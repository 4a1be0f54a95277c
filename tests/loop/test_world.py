"""The machine end to end against a model of the provider, with cuts, lost answers, crashes and interrupts wherever they may fall."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.kit.agent import World

TEXTS = st.sampled_from(["go", "go", "1", "2", "31", "12"])
"""A digit is a batch of as many calls; equal texts are likely, on purpose."""

INPUTS = st.lists(TEXTS, min_size=1, max_size=4)
CHOICES = st.lists(st.one_of(st.just(0), st.integers(0, 11)), min_size=10, max_size=80)
"""Which of the things that may happen next does; 0 is progress."""


def play(texts, choices, *, cuts=True, crashes=False, stops=False):
    world = World()
    pending = list(texts)
    for choice in choices:
        options = world.choices(cuts=cuts, crashes=crashes, stops=stops)
        if pending:
            options.insert(1, lambda: world.submit(pending.pop(0)))
        if not options:
            break
        options[choice % len(options)]()
    for text in pending:
        world.submit(text)
    world.settle()
    return world


def check_everything_once(world):
    assert all(count == 1 for count in world.agent.messages.values())
    assert all(count == 1 for count in world.agent.results.values())
    assert world.ends() == dict.fromkeys(world.submitted, 1)
    assert world.state.current is None
    assert not world.state.outbox
    assert not world.state.calls
    assert world.created == 1
    world.check_fold()


@settings(deadline=None, max_examples=80)
@given(texts=INPUTS, choices=CHOICES)
def test_whatever_is_cut_everything_arrives_once_and_ends_once(texts, choices):
    """Cuts of the stream and lost answers, anywhere: each message and each result once, each request one natural end."""
    world = play(texts, choices)

    check_everything_once(world)
    assert set(world.agent.messages) == set(world.submitted)
    assert world.failures() == dict.fromkeys(world.submitted)
    assert world.agent.refusals == 0


@settings(deadline=None, max_examples=80)
@given(texts=INPUTS, choices=CHOICES)
def test_crashes_lose_nothing_and_double_nothing(texts, choices):
    """The same when the session's task dies anywhere: the journal is enough to go on."""
    world = play(texts, choices, crashes=True)

    check_everything_once(world)
    assert world.failures() == dict.fromkeys(world.submitted)
    assert world.agent.refusals == 0


@settings(deadline=None, max_examples=250)
@given(texts=INPUTS, choices=CHOICES)
def test_interrupts_end_their_request_and_no_other(texts, choices):
    """With interrupts too: a request ends once, naturally only when the agent was done with it, and the session goes on."""
    world = play(texts, choices, crashes=True, stops=True)

    check_everything_once(world)
    natural = {request_id for request_id, failure in world.failures().items() if failure is None}
    assert natural <= world.agent.finished
    assert all(failure is None or failure.kind == "interrupted" for failure in world.failures().values())
