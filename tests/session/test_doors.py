"""What is no id, no spec and no flag is refused at every door of a runtime, in words that say what would be right."""

from __future__ import annotations

import pytest

import agentsup

STRANGE = [None, [], {}, 7, b"s"]


@pytest.mark.parametrize("given", STRANGE, ids=repr)
async def test_an_id_that_is_none_is_refused_wherever_one_is_asked_for(world, given):
    """Also one that no dictionary and no file could look up; nothing was done."""
    rt = world.runtime

    async def found():
        return rt.session(given)

    for door in (
        found,
        lambda: rt.past(given),
        lambda: rt.delete(given),
        lambda: rt.fork(given, "copy"),
        lambda: rt.start_session(given, world.spec()),
    ):
        with pytest.raises(agentsup.SpecError, match=rf"session_id: must be .*text.*, not {type(given).__name__}"):
            await door()
    with pytest.raises(agentsup.SpecError, match="new_id: must be text"):
        await rt.fork("s", given)
    assert await rt.stored() == ()


async def test_everything_that_is_wrong_is_said_at_once(world):
    """Id, flag and spec; a generation beside its id."""
    with pytest.raises(agentsup.SpecError, match=r"session_id: .*; fresh: .*; spec: must be a SessionSpec, not str"):
        await world.runtime.start_session(None, "no spec", fresh="yes")
    with pytest.raises(agentsup.SpecError, match=r"session_id: .*; generation: must be None or an integer"):
        await world.runtime.past(None, 0)


async def test_an_id_that_nobody_can_write_down_is_refused(world):
    """Half a surrogate pair is in no file."""
    with pytest.raises(agentsup.SpecError, match="UTF-8"):
        await world.runtime.past("\ud800")


async def test_a_run_without_a_spec_is_refused_whatever_else_is_said():
    """Also with a time of its own."""
    with pytest.raises(agentsup.SpecError, match="spec: must be a SessionSpec, not str"):
        await agentsup.run("no spec", "hello", timeout=3.0)
