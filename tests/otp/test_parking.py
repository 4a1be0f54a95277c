"""A place for one waiting task: woken once, left whole, and closed to a Ctrl-C at the wrong moment."""

from __future__ import annotations

import contextlib
import signal
import sys

import pytest
import trio
import trio.testing

from agentsup.otp.parking import ParkingSpace


async def test_a_task_waits_until_it_is_woken():
    """Whoever wakes an empty place wakes nobody, and nothing of it is remembered."""
    space = ParkingSpace()
    space.unpark()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(space.park)
        await trio.testing.wait_all_tasks_blocked()
        assert space.is_taken
        assert repr(space) == "<ParkingSpace taken>"
        space.unpark()
        assert not space.is_taken
        space.unpark()

    assert repr(space) == "<ParkingSpace free>"


async def test_there_is_room_for_one():
    """The second is told, and the first waits on."""
    space = ParkingSpace()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(space.park)
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(trio.BusyResourceError):
            await space.park()
        assert space.is_taken
        space.unpark()


async def test_a_cancelled_task_leaves_the_place_free():
    """And the next one can take it."""
    space = ParkingSpace()
    for _ in range(2):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(space.park)
            await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        assert not space.is_taken


async def test_who_may_not_leave_waits_on():
    """What was asked for is being done: whoever asked hears of it, cancelled or not."""
    space = ParkingSpace()
    asked = []

    def may_leave():
        asked.append(True)
        return False

    async with trio.open_nursery() as nursery:
        nursery.start_soon(lambda: space.park(may_leave=may_leave))
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
        with trio.CancelScope(shield=True):
            await trio.testing.wait_all_tasks_blocked()
            assert space.is_taken
            assert asked == [True]
            space.unpark()

    assert not space.is_taken


PARK = ParkingSpace.park.__code__
LINES = sorted({line for _, _, line in PARK.co_lines() if line is not None and line > PARK.co_firstlineno})


@pytest.mark.parametrize("line", LINES, ids=lambda line: f"line {line - PARK.co_firstlineno}")
def test_a_ctrl_c_at_any_line_leaves_the_place_free(line):
    """So whoever wakes it afterwards wakes nobody by mistake."""
    before = sys.gettrace()
    space = ParkingSpace()

    def local(frame, event, arg):
        if event == "line" and frame.f_lineno == line:
            sys.settrace(None)
            signal.raise_signal(signal.SIGINT)
        return local

    async def main():
        sys.settrace(lambda frame, event, arg: local if frame.f_code is PARK else None)
        try:
            with trio.move_on_after(0):
                await space.park()
        finally:
            sys.settrace(before)
            space.unpark()
            await trio.lowlevel.checkpoint()

    with contextlib.suppress(KeyboardInterrupt):
        trio.run(main)

    assert not space.is_taken
