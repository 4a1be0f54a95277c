"""What cannot be killed: announced dead once, and harmless when it ends after all."""

from __future__ import annotations

import trio

from agentsup import otp
from agentsup.otp.testing import leftovers, no_leaks, pass_time, so_far
from tests.otp.actors import NO_LIMIT, Store, child


class Stubborn(Store):
    """Takes its time, whoever cancels it, in whichever callback is named."""

    def __init__(self, where: str, helper: list[str] | None = None) -> None:
        super().__init__()
        self.where, self.helper = where, helper

    async def hold(self, where):
        if where == self.where:
            with trio.CancelScope(shield=True):
                await trio.sleep(10)

    async def help(self):
        try:
            await trio.sleep_forever()
        finally:
            self.helper.append("over")

    async def init(self):
        self.state = []
        if self.helper is not None:
            self.spawn(self.help)
        await self.hold("init")

    async def handle_cast(self, message):
        await self.hold("handle_cast")

    async def terminate(self, reason):
        await self.hold("terminate")


async def end_of(where, helper=None):
    """Kill a stubborn child where it hangs, and see what is told of it until long after."""
    async with otp.open_runtime(NO_LIMIT, kill_grace=1.0) as rt, trio.open_nursery() as nursery:
        spec = child(lambda: Stubborn(where, helper), restart="temporary", shutdown=0.5)
        events = rt.events()

        async def start() -> None:
            try:
                await otp.start_child(rt.root, spec)
            except otp.InitFailed:
                return

        nursery.start_soon(start)
        await rt.quiesce()
        ref = rt.names.whereis("a")
        otp.cast(ref, "hang")
        await rt.quiesce()
        nursery.start_soon(otp.terminate_child, rt.root, "a")
        await pass_time(3.0)
        parked, names = len(rt.zombies), rt.names.whereis("a")
        helped = list(helper or ())
        await pass_time(20.0)
        left = len(rt.zombies)
        told = [type(event).__name__ for event in so_far(events)]
    return {"parked": parked, "name": names, "left": left, "told": told, "helped": helped, "after": leftovers(rt)}


async def test_a_zombie_is_announced_once(mock_clock):
    """Parked in a callback or in terminate, it ends after all, and nobody hears of it a second time."""
    for where in ("handle_cast", "terminate"):
        seen = await end_of(where)

        assert (seen["parked"], seen["name"], seen["left"]) == (1, None, 0), where
        assert seen["told"] == ["ProcessStarted", "ZombieParked", "ProcessEnded"], where
        assert seen["after"] == [], where


async def test_a_zombie_in_init_never_starts(mock_clock):
    """Its init comes to a good end when nobody waits for it any more: that is no start."""
    seen = await end_of("init")

    assert (seen["parked"], seen["left"]) == (1, 0)
    assert seen["told"] == ["ZombieParked", "ProcessEnded"]
    assert seen["after"] == []


async def test_what_a_zombie_spawned_is_cancelled(mock_clock):
    """Its helpers do not go on working for it while it is parked, and its own end is still told once."""
    seen = await end_of("terminate", helper=[])

    assert seen["helped"] == ["over"]
    assert seen["told"] == ["ProcessStarted", "ZombieParked", "ProcessEnded"]
    assert (seen["left"], seen["after"]) == (0, [])


async def test_opening_in_a_cancelled_scope(autojump_clock):
    """The block is not entered, whatever was started is stopped again, and the cancellation goes on its way."""
    log: list[otp.ExitReason] = []
    with trio.move_on_after(0) as scope:
        async with no_leaks(), otp.open_runtime(NO_LIMIT, [child(lambda: Store(log))]):
            await trio.sleep_forever()

    assert scope.cancelled_caught
    assert log in ([], [otp.Shutdown()])
