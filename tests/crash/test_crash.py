"""The process is killed with SIGKILL; the next one finishes what it began, and nothing was lost or doubled.

This is the short version, a part of the suite. `make crash` walks through every place, and kills two hundred times at random moments.
"""

from __future__ import annotations

import random
import signal

import pytest

from tests.crash.harness import world as made_world

STRIDE = 9
"""The short version tries every so-manieth place, from a different one each time it comes round; all are tried by `make crash`."""


@pytest.fixture(scope="module")
def world():
    with made_world() as made:
        yield made


def test_a_life_that_is_not_killed(world, tmp_path):
    """The yardstick: everything happens once, and the run passes at least forty places where it could be killed."""
    story = world.story(tmp_path)

    ended = story.live()

    assert ended["status"] == 0
    assert len(story.lines("passed")) >= 40
    story.check()


def test_killed_at_chosen_places(world, tmp_path):
    """Before and after an effect, an append, a commit, a request, a tool: the next life finishes it."""
    yardstick = world.story(tmp_path)
    yardstick.live()
    places = len(yardstick.lines("passed"))
    for fatal in range(1, places + 1, STRIDE):
        kill_and_finish(world.story(tmp_path), fatal=fatal)


def test_killed_again_and_again(world, tmp_path):
    """A process that dies at every start gets on all the same, and the first that lives finishes."""
    story = world.story(tmp_path)
    for fatal in (30, 25, 20, 15, 10, 35):
        story.live(fatal=fatal)
    ended = story.live()

    assert ended["status"] == 0
    story.check()


def test_killed_at_random_moments(world, tmp_path):
    """Anywhere at all, also in the middle of a system call."""
    chance = random.Random(7)
    for _ in range(6):
        story = world.story(tmp_path, synchronous="full")
        kill_and_finish(story, kill_after=chance.uniform(0.02, 0.5))


@pytest.mark.parametrize("harness", [False, True], ids=["managed", "harness"])
def test_a_crowd_is_killed_again_and_again(world, tmp_path, harness):
    """Many sessions, at which everything is said that can be said, over several deaths; at every provider."""
    chance = random.Random(11)
    story = world.story(tmp_path, crowd=True, harness=harness)
    for seed in range(3):
        story.live(seed=seed, kill_after=chance.uniform(0.2, 0.8))
    finish(story)


def finish(story):
    """A life that is not killed; then all must be well."""
    ended = story.live()
    try:
        assert ended["status"] == 0
        story.check()
    except AssertionError as exc:
        exc.add_note("\n".join(story.lines("log")[-40:]))
        raise


def kill_and_finish(story, **how):
    """One life that is killed, one that is not; then all must be well. Gives back where it died, and says it if all is not well."""
    first = story.live(**how)
    place = story.last_place
    second = story.live()
    try:
        assert first["signal"] in (signal.SIGKILL, None), "the first life did not end by our hand"
        assert second["status"] == 0
        story.check()
    except AssertionError as exc:
        exc.add_note(f"killed at: {place}; in {story.folder}")
        exc.add_note("\n".join(story.lines("log")[-40:]))
        raise
    return place
