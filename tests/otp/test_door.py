"""Wrong input is refused where it comes in, with what would be right; nothing is started or sent."""

from __future__ import annotations

import pytest
import trio

from agentsup import otp
from agentsup.errors import SpecError
from tests.otp.actors import NO_LIMIT, Store, child

A = otp.Name("a")


@pytest.fixture
async def rt():
    async with otp.open_runtime(NO_LIMIT, [child()]) as runtime:
        yield runtime


async def test_reasons_are_checked(rt):
    """What is no exit reason ends nobody."""
    ref = rt.names.whereis("a")
    for wrong in ("shutdown", ValueError(), None):
        with pytest.raises(SpecError, match="exit reason"):
            otp.exit(ref, wrong)
        with pytest.raises(SpecError, match="exit reason"):
            otp.Stop(wrong)
    with pytest.raises(SpecError, match="exit reason"):
        await otp.stop(ref, "now")

    assert await otp.call(A, "alive") == "alive"


async def test_refs_are_checked(rt):
    """A name is no ref, and the error says how to come by one."""
    for use in (lambda: otp.exit(A, otp.Killed()), lambda: otp.exit("a", otp.Killed())):
        with pytest.raises(SpecError, match="whereis"):
            use()
    with pytest.raises(SpecError, match="whereis"):
        await otp.wait_down(A)


def test_names_are_hashable():
    """A key that cannot be a key is refused when the name is made."""
    with pytest.raises(SpecError, match="hashable"):
        otp.Name(["a"])


async def test_times_are_checked(rt):
    """A delay that is no number, and an idle timeout that is none, are refused; the actor that asked crashes as for any error."""

    class Odd(Store):
        def handle_cast(self, message):
            if message == "nan":
                self.send_after(float("nan"), "x")
            return otp.NoReply(timeout=-1)

    for message in ("nan", "idle"):
        ref = await otp.start_child(rt.root, child(Odd, message, restart="temporary"))
        otp.cast(ref, message)
        reason = await otp.wait_down(ref)

        assert isinstance(reason, otp.Crashed)
        assert isinstance(reason.exception, SpecError if message == "nan" else otp.BadReturn)


async def test_one_actor_per_incarnation(rt):
    """A factory that hands out the same actor twice is found out: state would survive a crash."""
    only = Store()
    await otp.start_child(rt.root, child(lambda: only, "once"))

    with pytest.raises(otp.BadReturn, match="fresh actor"):
        await otp.start_child(rt.root, child(lambda: only, "twice"))


async def test_unknown_requests_to_supervisors(rt):
    """A supervisor refuses what it does not know, and lives on."""
    with pytest.raises(SpecError, match="does not know str"):
        await otp.call(rt.root, "hello")
    with pytest.raises(SpecError, match="ChildSpec"):
        await otp.start_child(rt.root, Store)

    assert (await otp.count_children(rt.root)).active == 1


async def test_killed_root():
    """Killing the root supervisor ends the block with an error that says so."""
    with pytest.raises(otp.RootDied) as caught:
        async with otp.open_runtime(NO_LIMIT, [child()]) as rt:
            otp.exit(rt.root, otp.Killed())
            await trio.sleep_forever()

    assert caught.value.reason == otp.Killed()


async def test_cancelled_opening(autojump_clock):
    """A block that is cancelled while it is being entered leaves nothing behind."""
    log: list[object] = []

    class Slow(Store):
        async def init(self):
            await trio.sleep(10)

    with trio.move_on_after(1) as scope:
        async with otp.open_runtime(specs=[child(lambda: Store(log)), child(Slow, "slow")]):
            pytest.fail("entered")

    assert scope.cancelled_caught
    assert log == [otp.Shutdown()]
