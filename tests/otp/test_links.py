"""Links, exit signals, trapping, and what reaches whom."""

from __future__ import annotations

import pytest
from trio.testing import wait_all_tasks_blocked

from agentsup import otp
from tests.otp.actors import NO_LIMIT, Boom, Store, child

DYN = otp.Name("dyn")


class Linked(Store):
    """Links on request; a result of False means it was refused."""

    async def handle_call(self, request, caller):
        match request:
            case ("link", ref):
                try:
                    self.link(ref)
                except otp.NoProc:
                    return otp.Reply("noproc")
                return otp.Reply("linked")
            case ("unlink", ref):
                self.unlink(ref)
                return otp.Reply()
            case "links":
                return otp.Reply(len(self._cell.links or ()))
        return await super().handle_call(request, caller)


class Trapping(Linked):
    """The same, with trapped exits."""

    trap_exit = True


@pytest.fixture
async def rt():
    async with otp.open_runtime(
        NO_LIMIT, [otp.ChildSpec(id="dyn", start=otp.DynamicSupervisor, type="supervisor", name="dyn")]
    ) as runtime:
        yield runtime


async def start(kind: type[otp.Actor], log: list[object] | None = None) -> otp.Ref:
    return await otp.start_child(DYN, child(lambda: kind(log), name=None, restart="temporary"))


@pytest.mark.parametrize("reason", [otp.Shutdown("x"), otp.Crashed(Boom())])
async def test_linked_actors_share_fate(rt, reason):
    """A death that is not normal takes linked actors along with the same reason, through their terminate (rules P3d, P4)."""
    log: list[object] = []
    one, other = await start(Linked), await start(Linked, log)
    await otp.call(one, ("link", other))
    await otp.call(other, ("link", one))
    twice = await otp.call(one, "links")
    if isinstance(reason, otp.Crashed):
        otp.cast(one, ("raise", reason.exception))
    else:
        otp.cast(one, ("stop", reason))

    assert await otp.wait_down(other) == reason
    assert twice == 1
    assert log == [reason]


async def test_normal_ends_do_not_spread(rt):
    """A normal end is not heard through a link, unless exits are trapped (rules P3a, P3e)."""
    one, other, trapping = await start(Linked), await start(Linked), await start(Trapping)
    await otp.call(one, ("link", other))
    await otp.call(one, ("link", trapping))
    await otp.stop(one)

    assert await otp.call(other, "get") == []
    assert await otp.call(trapping, "get") == [otp.Exit(one, otp.Normal())]
    assert await otp.call(other, "links") == 0


async def test_kill_through_a_link_can_be_trapped(rt):
    """A kill spreads through links as an ordinary reason: who traps lives, who does not dies Killed, through terminate (rule P3c)."""
    log: list[object] = []
    one, plain, trapping = await start(Linked), await start(Linked, log), await start(Trapping)
    await otp.call(one, ("link", plain))
    await otp.call(one, ("link", trapping))
    otp.exit(one, otp.Killed())

    assert await otp.wait_down(plain) == otp.Killed()
    assert await otp.call(trapping, "get") == [otp.Exit(one, otp.Killed())]
    assert log == [otp.Killed()]


async def test_explicit_signals(rt):
    """Normal is dropped, kill cannot be trapped, everything else ends who does not trap and reaches who does, in turn (rule P3)."""
    plain, trapping = await start(Linked), await start(Trapping)
    otp.exit(plain, otp.Normal())
    otp.cast(trapping, "before")
    otp.exit(trapping, otp.Shutdown("y"))
    alive = await otp.call(plain, "alive")
    seen = await otp.call(trapping, "get")
    otp.exit(trapping, otp.Killed())
    otp.exit(plain, otp.Shutdown("x"))

    assert alive == "alive"
    assert seen == ["before", otp.Exit(None, otp.Shutdown("y"))]
    assert await otp.wait_down(plain) == otp.Shutdown("x")
    assert await otp.wait_down(trapping) in (otp.Killed(), otp.Gone())
    otp.exit(plain, otp.Killed())


async def test_normal_to_oneself(rt):
    """An actor that sends itself normal ends normally (rule P3a)."""

    class Selfish(Linked):
        def handle_cast(self, message):
            otp.exit(self.ref, otp.Normal())

    ref = await start(Selfish)
    otp.cast(ref, "go")

    assert await otp.wait_down(ref) == otp.Normal()


async def test_linking_the_dead(rt):
    """Linking to a dead process is NoProc at once; an actor that traps hears of it as an exit (rule P4)."""
    dead, plain, trapping = await start(Linked), await start(Linked), await start(Trapping)
    await otp.stop(dead)

    assert await otp.call(plain, ("link", dead)) == "noproc"
    assert await otp.call(trapping, ("link", dead)) == "linked"
    assert await otp.call(trapping, "get") == [otp.Exit(dead, otp.Gone())]


async def test_unlinked_actors_do_not_hear(rt):
    """After unlink the other's end is nobody's business (rule P3f)."""
    one, other = await start(Linked), await start(Trapping)
    await otp.call(one, ("link", other))
    await otp.call(other, ("unlink", one))
    otp.exit(one, otp.Killed())
    await wait_all_tasks_blocked()

    assert await otp.call(other, "get") == []


async def test_supervisors_survive_strangers_signals(rt):
    """A supervisor traps: an exit signal that is not its parent's is reported and dropped (rule S1)."""
    sup = rt.names.whereis("dyn")
    otp.exit(sup, otp.Shutdown("from a stranger"))
    await wait_all_tasks_blocked()

    assert rt.names.whereis("dyn") == sup


async def test_unlinked_child_cannot_hang_its_supervisor(rt):
    """What a child does with its links is nothing to its supervisor, which watches its life itself (rule S8)."""
    sup = rt.names.whereis("dyn")
    ref = await start(Linked)
    await otp.call(ref, ("unlink", sup))
    await otp.terminate_child(DYN, ref)

    assert await otp.wait_down(ref) == otp.Gone()
