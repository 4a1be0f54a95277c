"""The pure parts: the restart window, the delays, the strategies, the reasons."""

from __future__ import annotations

import contextvars
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentsup import otp
from agentsup.otp.child import Child
from agentsup.otp.intensity import Window, within
from agentsup.otp.pace import Pace
from agentsup.otp.strategy import affected
from tests.otp.actors import Boom

times = st.lists(st.integers(0, 1000).map(lambda n: n / 8), max_size=30).map(sorted)


def verdicts(intensity: float, period: float, at: list[float]) -> list[bool]:
    window, said = Window(intensity, period), []
    for now in at:
        window = window.add(now)
        said.append(window.is_exceeded)
    return said


@given(times, st.integers(0, 5), st.integers(1, 80).map(lambda n: n / 8), st.integers(-(10**6), 10**6))
def test_shifting_time_changes_nothing(at, intensity, period, shift):
    """The window sees differences only."""
    assert verdicts(intensity, period, at) == verdicts(intensity, period, [now + shift for now in at])


@given(times, st.integers(0, 5), st.integers(1, 80).map(lambda n: n / 8))
def test_window_counts(at, intensity, period):
    """An attempt is one too many exactly if more than `intensity` of those made, itself included, are younger than the period."""
    expected = [sum(now - before < period for before in at[: index + 1]) > intensity for index, now in enumerate(at)]

    assert verdicts(intensity, period, at) == expected


@given(times, st.integers(0, 5))
def test_more_intensity_is_more_patient(at, intensity):
    """What a larger limit refuses, a smaller one refuses too."""
    strict, lenient = verdicts(intensity, 5.0, at), verdicts(intensity + 1, 5.0, at)

    assert all(a or not b for a, b in zip(strict, lenient, strict=True))


def test_edge_of_the_window():
    """An attempt exactly one period ago does not count any more; OTP, in whole seconds, still counts it."""
    assert within([0.0, 0.1], 5.0, 5.0) == (0.1,)
    assert verdicts(0, 5.0, [0.0]) == [True]
    assert verdicts(1, 5.0, [0.0, 5.0]) == [False, False]
    assert verdicts(1, 5.0, [0.0, 4.999]) == [False, True]
    assert verdicts(math.inf, 5.0, [0.0] * 100) == [False] * 100


@given(st.integers(1, 10**6), st.floats(0, 100), st.floats(0, 100), st.floats(1, 10))
def test_delays(failures, base, cap, factor):
    """A delay is between 0 and its ceiling, which never passes the cap and is 0 the first time."""
    backoff = otp.Backoff(base=base, cap=cap, factor=factor)
    delay = backoff.delay(failures, random.Random(1))

    assert 0 <= delay <= backoff.ceiling(failures) <= cap
    assert backoff.ceiling(1) == 0
    assert backoff.ceiling(failures) <= backoff.ceiling(failures + 1)


@given(st.lists(st.integers(), min_size=1, unique=True), st.data())
def test_strategies(order, data):
    """Whoever is affected keeps the start order, and the failed one is among them."""
    failed = data.draw(st.sampled_from(order))
    pending = data.draw(st.lists(st.sampled_from(order), unique=True))

    assert affected("one_for_one", order, failed, pending) == [failed]
    assert affected("one_for_all", order, failed, pending) == order
    rest = affected("rest_for_one", order, failed, pending)
    assert rest == order[len(order) - len(rest) :]
    assert {failed, *pending} <= set(rest)
    assert affected("rest_for_one", order, failed) == order[order.index(failed) :]


def test_reasons():
    """Three of the reasons are clean; a crash shows types, not texts (rules P1, P2)."""
    assert [reason.is_clean for reason in (otp.Normal(), otp.Shutdown(), otp.Shutdown("x"))] == [True] * 3
    assert [reason.is_clean for reason in (otp.Killed(), otp.Crashed(ValueError()), otp.Gone())] == [False] * 3
    assert repr(otp.Crashed(ValueError("secret"), KeyError("secret"))) == "Crashed(ValueError, cleanup=KeyError)"
    group = ExceptionGroup("g", [ValueError("a"), ExceptionGroup("h", [KeyError("b")])])
    assert [type(leaf) for leaf in otp.root_causes(group)] == [ValueError, KeyError]
    assert otp.root_causes(error := ValueError()) == (error,)


@given(
    failures=st.integers(1, 8),
    asked=st.floats(0, 60),
    waits=st.floats(0, 60),
    now=st.floats(0, 1e6),
    seed=st.integers(0, 9),
)
def test_delay_is_the_longest_of_its_reasons(failures, asked, waits, now, seed):
    """S16: a restart waits for its backoff, for what the failure asked for and for what it waits for already, whichever is longest, and no longer."""
    flags = otp.SupFlags(backoff=otp.Backoff(base=1.0, cap=30.0))
    record = Child(otp.ChildSpec(id="a", start=otp.Actor), contextvars.copy_context(), failures=failures)
    record.not_before = now + waits

    delay = Pace.of(flags).delay(record, otp.Crashed(Boom(retry_after=asked)), now, random.Random(seed))

    backoff = flags.backoff.delay(failures, random.Random(seed))
    assert delay == pytest.approx(max(backoff, asked, waits), abs=1e-6)


@given(times=st.lists(st.floats(0, 20), max_size=12).map(sorted), intensity=st.integers(0, 4))
def test_pace_counts_attempts(times, intensity):
    """S11: the attempt that is one too many within the period is refused, and none before it."""
    pace = Pace.of(otp.SupFlags(intensity=intensity, period=5.0))
    for number, now in enumerate(times):
        assert pace.attempt(now) is (sum(1 for at in times[: number + 1] if now - at < 5.0) <= intensity)
