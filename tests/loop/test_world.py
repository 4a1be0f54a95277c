"""The machine end to end against a model of the provider, with cuts, lost answers, crashes, people and strangers wherever they may fall."""

from __future__ import annotations

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st

from agentsup.loop.rules import Rules
from tests.kit.agent import Agent
from tests.kit.world import EFFECTS, Trouble, World

TEXTS = st.sampled_from(["go", "go", "1", "2", "31", "12", "a", "m1", "s", "T"])
"""See `tests.kit.agent.Turn`; equal texts are likely, on purpose."""

INPUTS = st.lists(TEXTS, min_size=1, max_size=4)
CHOICES = st.lists(st.one_of(st.just(0), st.integers(0, 23)), min_size=10, max_size=80)
"""Which of the things that may happen next does; 0 is progress."""

RULES = st.builds(
    Rules,
    timeout=st.sampled_from([None, 600.0]),
    max_turns=st.just(1000),
    max_open_attempts=st.none(),
    effects=st.just(EFFECTS),
    gated=st.sampled_from([frozenset(), frozenset({"gated_tool"})]),
    judged=st.booleans(),
    terminal_tool=st.sampled_from([None, None, "finish"]),
    wait_in_doubt=st.booleans(),
)
AGENTS = st.builds(Agent, absorbs=st.booleans(), drops=st.booleans())


def play(world, texts, choices, trouble):
    pending = list(texts)
    for number, choice in enumerate(choices):
        options = world.choices(trouble)
        if pending:
            options.insert(
                1, lambda number=number: world.submit(pending.pop(0), outcome=number % 5 == 4, next=number % 3 == 2)
            )
        if not options:
            break
        options[choice % len(options)]()
    for text in pending:
        world.submit(text)
    world.settle()
    return world


def check_everything_once(world):
    """Whatever happened: nothing arrived twice, every request has its one end, and nothing is left over."""
    agent, state = world.agent, world.state
    assert all(count == 1 for count in agent.taken.values())
    assert all(count == 1 for count in agent.answers.values())
    assert world.ends() == dict.fromkeys(world.submitted, 1)
    assert state.current is None
    assert not state.outbox
    assert not state.calls
    assert not state.stopping
    assert world.created == 1
    world.check_fold()


def check_nothing_lost(world):
    """Without anybody stopping anything: all that was said arrived, and the agent was done with it."""
    said = [f"message:{request_id}" for request_id in world.submitted]
    assert set(said) <= world.agent.finished
    assert set(world.raws) <= world.agent.finished
    assert world.failures() == dict.fromkeys(world.submitted)


@settings(max_examples=60)
@given(rules=RULES, agent=AGENTS, texts=INPUTS, choices=CHOICES)
def test_whatever_is_cut_everything_arrives_once_and_ends_once(rules, agent, texts, choices):
    """Cuts of the stream and lost answers, anywhere: each message and each answer once, each request one natural end."""
    world = play(World(rules, agent), texts, choices, Trouble(denials=True))

    check_everything_once(world)
    check_nothing_lost(world)
    assert agent.refusals == 0


@settings(max_examples=60)
@given(rules=RULES, agent=AGENTS, texts=INPUTS, choices=CHOICES)
def test_crashes_lose_nothing_and_double_nothing(rules, agent, texts, choices):
    """The same when the session's task or its process dies anywhere, or it leaves memory: the journal is enough to go on."""
    world = play(World(rules, agent), texts, choices, Trouble(crashes=True, denials=True, naps=True))

    check_everything_once(world)
    check_nothing_lost(world)
    assert agent.refusals == 0


@settings(max_examples=60)
@given(rules=RULES, agent=AGENTS, texts=INPUTS, choices=CHOICES)
def test_words_reach_their_request_before_it_ends(rules, agent, texts, choices):
    """Steers, directives and raw events among all that: each arrives once, and no request ends before its last word was worked on."""
    world = play(World(rules, agent), texts, choices, Trouble(crashes=True, words=True, denials=True, naps=True))

    check_everything_once(world)
    check_nothing_lost(world)
    assert agent.refusals == 0
    assert not world.state.owes_word


@settings(max_examples=80)
@given(rules=RULES, agent=AGENTS, texts=INPUTS, choices=CHOICES)
def test_interrupts_end_their_request_and_no_other(rules, agent, texts, choices):
    """With interrupts and timeouts too: a request ends once, naturally only when the agent was done with it, and the session goes on."""
    trouble = Trouble(crashes=True, stops=True, words=True, denials=True, naps=True)
    world = play(World(rules, agent), texts, choices, trouble)

    check_everything_once(world)
    kinds = {failure.kind for failure in world.failures().values() if failure is not None}
    assert kinds <= {"interrupted", "timeout"}


@settings(max_examples=60)
@given(rules=RULES, agent=AGENTS, texts=INPUTS, choices=CHOICES)
def test_strangers_and_refusals_harm_nobody(rules, agent, texts, choices):
    """Somebody else answers calls too, and words are refused: nothing arrives twice, and no request ends for it."""
    trouble = Trouble(crashes=True, words=True, denials=True, strangers=True)
    world = play(World(rules, agent), texts, choices, trouble)

    check_everything_once(world)
    check_nothing_lost(world)


@settings(max_examples=60)
@given(rules=RULES, agent=AGENTS, texts=INPUTS, choices=CHOICES)
def test_changes_arrive_and_disturb_nobody(rules, agent, texts, choices):
    """Limits and options are changed among all that: the last word is the one that holds in the end, and nothing else is different."""
    guarded = attrs.evolve(rules, guarded=rules.judged)
    world = play(World(guarded, agent), texts, choices, Trouble(crashes=True, words=True, naps=True, changes=True))

    check_everything_once(world)
    check_nothing_lost(world)
    assert agent.options == ({"number": world.changed[-1]} if world.changed else {})
    assert not world.changed or world.state.rules.timeout == (None if world.changed[-1] % 2 else 600.0)


@settings(max_examples=80)
@given(
    rules=RULES,
    agent=AGENTS,
    texts=st.lists(st.sampled_from(["t", "t1", "go"]), min_size=1, max_size=4),
    choices=CHOICES,
)
def test_threads_that_end_take_nothing_with_them(rules, agent, texts, choices):
    """Their calls are dropped, on their way or not; the other calls are answered, and no request ends for it."""
    world = play(
        World(rules, agent), texts, choices, Trouble(crashes=True, words=True, denials=True, naps=True, ends=True)
    )

    check_everything_once(world)
    check_nothing_lost(world)


@settings(max_examples=60)
@given(
    rules=RULES,
    most=st.integers(1, 3),
    rounds=st.sampled_from([None, 0, 1, 2]),
    agent=AGENTS,
    texts=INPUTS,
    choices=CHOICES,
)
def test_limits_are_exact_whatever_happens(rules, most, rounds, agent, texts, choices):
    """Turns, tool rounds and the guard: who is over its limit ends so, its calls are answered, and the session goes on."""
    limited = attrs.evolve(rules, max_turns=most, max_tool_rounds=rounds)
    world = play(World(limited, agent), texts, choices, Trouble(crashes=True, halts=True, denials=True))

    check_everything_once(world)
    kinds = {failure.kind for failure in world.failures().values() if failure is not None}
    assert kinds <= {"turn_limit", "halted"}


@settings(max_examples=70)
@given(rules=RULES, texts=INPUTS, deaths=st.lists(st.integers(0, 60), max_size=6))
def test_a_death_leaves_no_trace_in_what_is_told(rules, texts, deaths):
    """The same requests with and without deaths, at any points, come to the same ends, texts and turns."""
    calm, shaken = World(rules), World(rules)
    for text in texts:
        calm.submit(text)
        shaken.submit(text)
    calm.settle()
    for number in range(61):
        if number in deaths and not shaken.opening:
            shaken.crash(crashed=number % 2 == 0)
        nxt = next(iter(shaken.progress()), None)
        if nxt is not None:
            nxt()
    shaken.settle()

    assert shaken.told() == calm.told()
