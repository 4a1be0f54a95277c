"""How often the same is sent in vain: a pure count, and what a session makes of it."""

from __future__ import annotations

import pytest

from agentsup.providers.base import Unavailable
from agentsup.session.insistence import MOST, Insistence
from agentsup.talk.events import Failure
from agentsup.talk.outgoing import SayMessage, SayRaw, SayStop, SetOptions

WORD, STOP = SayMessage("r1", ()), SayStop("stop:r1")
RAW, CHANGE = SayRaw("k1", {}), SetOptions("k2", {})


def answered(status):
    return Unavailable("no", failure=Failure(kind="provider", message="no", status=status, code="c"))


SILENCE = Unavailable("silence")
SHORTAGE = Unavailable("no descriptors", ours=True)


def times(insistence, items, why, most=50):
    """How often it may be said until that is a refusal; None if always."""
    for number in range(1, most):
        if (refusal := insistence.in_vain(items, why)) is not None:
            assert (refusal.fatal, refusal.doubtful) == (False, True)
            assert refusal.failure.status == why.status
            return number
    return None


@pytest.mark.parametrize(
    ("items", "why", "wanted"),
    [
        *(([WORD], answered(status), MOST) for status in (400, 408, 409, 425, 499)),
        *(([WORD], answered(status), None) for status in (429, 500, 503, 529)),
        ([WORD], SILENCE, None),
        ([STOP, WORD], answered(409), MOST),
        *(
            ([item], why, MOST)
            for item in (RAW, CHANGE)
            for why in (answered(409), answered(429), answered(503), SILENCE)
        ),
        *(([item], SHORTAGE, None) for item in (WORD, RAW, CHANGE)),
    ],
)
def test_the_table(items, why, wanted):
    """What is about the very thing that was sent is believed; and what goes alone does not hold up the rest."""
    assert times(Insistence(), items, why) == wanted


def test_it_goes_on_saying_no():
    """Of the same, in whatever company it is sent; something else, or a success, begins anew."""
    insistence = Insistence()
    assert times(insistence, [WORD], answered(409)) == MOST
    assert times(insistence, [STOP, WORD], answered(409)) == 1
    assert times(insistence, [RAW], answered(409)) == MOST
    insistence.taken()
    assert times(insistence, [RAW], answered(409)) == MOST
