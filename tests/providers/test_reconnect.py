"""How long to stay away."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentsup.providers.reconnect import LONGEST_WAIT, Reconnect, is_positive

CHANCES = st.floats(0, 1)
ATTEMPTS = st.integers(1, 10_000)


def test_ceilings_double_up_to_the_cap():
    """With the most unlucky draw, the schedule is 0.5, 1, 2, ... 60 seconds."""
    reconnect = Reconnect()

    assert [reconnect.delay(attempt, 1.0) for attempt in range(1, 10)] == [0.5, 1, 2, 4, 8, 16, 32, 60, 60]


@given(ATTEMPTS, CHANCES)
def test_every_delay_is_between_nothing_and_its_ceiling(attempt, chance):
    """Full jitter, for ever, without overflow."""
    delay = Reconnect().delay(attempt, chance)

    assert 0 <= delay <= 60
    assert delay <= 0.5 * 2.0 ** min(attempt - 1, 60)


def test_the_first_attempt_is_at_once():
    """Unless the provider asked for a wait."""
    assert Reconnect().delay(0, 1.0) == 0
    assert Reconnect().delay(0, 1.0, floor=3) == 3


@given(ATTEMPTS, CHANCES, st.floats(0, LONGEST_WAIT))
def test_what_the_provider_asks_for_is_a_floor(attempt, chance, floor):
    """Also above the cap; a shorter one changes nothing."""
    reconnect = Reconnect()

    assert reconnect.delay(attempt, chance, floor=floor) == max(floor, reconnect.delay(attempt, chance))


@given(st.integers(0, 10_000), CHANCES, st.floats(LONGEST_WAIT, 1e308))
def test_nobody_is_put_to_sleep_for_years(attempt, chance, floor):
    """An hour is believed."""
    assert Reconnect().delay(attempt, chance, floor=floor) == LONGEST_WAIT


def test_every_field_that_cannot_be_used_is_named():
    """All of them at once."""
    faults = Reconnect(initial=0, cap=math.nan, heartbeat="45", grace=-1, max_attempts=True).faults()

    assert [field for field, _ in faults] == ["initial", "cap", "heartbeat", "grace", "max_attempts"]
    assert Reconnect(max_attempts=0, grace=0).faults() == []


@pytest.mark.parametrize(
    ("value", "good"), [(1, True), (0.1, True), (0, False), (-1, False), (math.inf, False), (True, False), ("1", False)]
)
def test_a_positive_number(value, good):
    """A finite one, and no boolean."""
    assert is_positive(value) is good
