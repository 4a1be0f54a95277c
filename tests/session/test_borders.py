"""Where the user's values come in: what is none is refused with a word, and ends no session."""

from __future__ import annotations

import pytest

import agentsup
from agentsup.errors import SpecError


@pytest.mark.parametrize("call_id", [None, 5, [], {"a": 1}])
async def test_a_word_that_is_none_harms_nobody(world, autojump_clock, call_id):
    """Every problem of it is told; the session never hears of it."""
    ref = await world.start()
    with pytest.raises(SpecError, match=r"call_id: must be text.*; allow: .*; message: must be text or None"):
        await ref.confirm(call_id, allow=1, message=b"no")
    with pytest.raises(SpecError, match=r"call_id: must be text.*; is_error: .*; result: must be text or None"):
        await ref.resolve(call_id, 5, is_error="yes")

    assert (await ref.submit("@say on")).text == "on"
    assert (await ref.info()).restarts == 0


async def test_an_outcome_is_no_word_to_a_running_request(world, autojump_clock):
    """It would be an empty one."""
    ref = await world.start()
    with pytest.raises(SpecError, match="content: must be text or a list of parts, not Outcome"):
        await ref.steer(agentsup.Outcome("better", rubric="good"))


@pytest.mark.parametrize("given", [None, 5, b"bytes"])
def test_a_text_that_is_none_is_refused_where_it_is_made(given):
    """And not on its way to the provider."""
    with pytest.raises(SpecError, match="text: must be text, not"):
        agentsup.Text(given)


async def test_delays_that_are_none_are_refused_with_the_spec(provider):
    """Not when the session's task has failed and is to be started again."""
    with pytest.raises(SpecError, match=r"restart.backoff: must be an otp.Backoff, not float"):
        agentsup.SessionSpec(provider=provider, restart=agentsup.Restart(backoff=0.5))
