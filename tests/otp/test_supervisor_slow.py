"""Supervisors whose children take their time to start and to stop, while they are asked for things and children die: nothing waits for quiet."""

from __future__ import annotations

import contextlib
from collections import Counter

import attrs
import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from agentsup import otp
from agentsup.otp.testing import leftovers, pass_time, so_far
from tests.otp.actors import AT_ONCE, Boom, child

SUP = otp.Name("sup")


@attrs.frozen
class Life:
    """How one incarnation begins and ends."""

    starts_in: float = 0.0
    fails: bool = False
    stops_in: float = 0.0


@attrs.frozen
class Step:
    """Something that happens, and the time until the next thing does."""

    what: str
    who: int
    then: float
    lives: tuple[Life, ...] = ()
    restart: str = "permanent"


TIMES = st.sampled_from([0.0, 0.0, 0.5, 1.0, 3.0])
LIVES = st.lists(st.builds(Life, TIMES, st.sampled_from([False, False, False, True]), TIMES), max_size=3).map(tuple)
RESTARTS = st.sampled_from(["permanent", "permanent", "transient", "temporary"])
WHATS = st.sampled_from(["crash", "crash", "kill", "stop", "start", "start", "terminate", "restart", "delete", "ask"])
STEPS = st.lists(st.builds(Step, WHATS, st.integers(0, 6), TIMES, LIVES, RESTARTS), min_size=3, max_size=20)
FIRST = st.lists(st.tuples(RESTARTS, LIVES), min_size=1, max_size=3)


class Slow(otp.Actor):
    """Begins and ends as its lives say, one after another; with none left it is quick and well."""

    def __init__(self, id: str, lives: list[Life], begun: list[otp.Ref]) -> None:
        self.life = lives.pop(0) if lives else Life()
        self.id, self.begun = id, begun

    async def init(self):
        self.begun.append(self.ref)
        others = [cell.ref for cell in otp.current_runtime().cells.values() if cell.ref.label == self.id]
        assert others == [self.ref], "two incarnations at once"
        await trio.sleep(self.life.starts_in)
        if self.life.fails:
            raise Boom

    def handle_cast(self, message):
        if isinstance(message, BaseException):
            raise message
        return otp.Stop(message)

    async def terminate(self, reason):
        await trio.sleep(self.life.stops_in)


@attrs.define(eq=False)
class Play:
    """One supervisor, what is done to it, and what it answered."""

    rt: otp.Runtime
    nursery: trio.Nursery
    begun: list[otp.Ref] = attrs.field(factory=list)
    ids: list[str] = attrs.field(factory=list)
    restarts: dict[str, str] = attrs.field(factory=dict)
    by_hand: set[str] = attrs.field(factory=set)
    started: dict[str, otp.Ref] = attrs.field(factory=dict)
    refused: set[str] = attrs.field(factory=set)
    answered: int = 0
    asked: int = 0

    def spec(self, id, restart, lives):
        lives = list(lives)
        self.ids.append(id)
        self.restarts[id] = restart
        return otp.ChildSpec(
            id=id, name=id, start=lambda: Slow(id, lives, self.begun), restart=restart, shutdown=2.0, init_timeout=60.0
        )

    async def do(self, number, step):
        id = self.ids[step.who % len(self.ids)]
        match step.what:
            case "crash":
                otp.cast(otp.Name(id), Boom())
            case "stop":
                otp.cast(otp.Name(id), otp.Normal())
            case "kill":
                ref = self.rt.names.whereis(id)
                if ref is not None:
                    otp.exit(ref, otp.Killed())
            case "start":
                self.ask(self.start, self.spec(f"n{number}", step.restart, step.lives))
            case "terminate":
                self.by_hand.add(id)
                self.ask(otp.terminate_child, SUP, id)
            case "restart":
                self.ask(otp.restart_child, SUP, id)
            case "delete":
                self.by_hand.add(id)
                self.ask(otp.delete_child, SUP, id)
            case "ask":
                with trio.fail_after(0.0001):  # it answers at once, whatever its children do
                    listed = await otp.which_children(SUP)
                assert len({info.id for info in listed}) == len(listed)
        await trio.sleep(step.then)

    def ask(self, act, *args):
        self.asked += 1
        self.nursery.start_soon(self.wait, act, args)

    async def wait(self, act, args):
        with contextlib.suppress(otp.ChildError, otp.StartError):
            await act(*args)
        self.answered += 1

    async def start(self, spec):
        try:
            self.started[spec.id] = await otp.start_child(SUP, spec)
        except otp.StartError:
            self.refused.add(spec.id)
            assert self.rt.names.whereis(spec.id) is None
            raise

    async def check(self, events):
        """Quiet has come back."""
        listed = {info.id: info for info in await otp.which_children(SUP)}
        assert {info.state for info in listed.values()} <= {"running", "stopped"}
        assert self.answered == self.asked
        assert not self.refused & set(listed), "a refused start came back"
        for id, info in listed.items():
            assert info.ref == self.rt.names.whereis(id)
            assert info.state == "running" or id in self.by_hand or self.restarts[id] != "permanent"
        running = {id for id, info in listed.items() if info.state == "running"}
        assert set(self.rt.names.keys()) == running | {"sup"}
        began = {event.ref for event in events if isinstance(event, otp.ProcessStarted)}
        assert set(self.started.values()) <= began
        ended = Counter(event.ref for event in events if isinstance(event, otp.ProcessEnded))
        assert set(ended.values()) <= {1}
        assert set(self.begun) >= {
            event.ref for event in events if isinstance(event, otp.ProcessEnded) and not event.was_starting
        }
        assert {ref for ref in self.begun if ref not in ended} == {info.ref for info in listed.values() if info.ref}
        return [info.ref for info in listed.values() if info.ref is not None]


async def play(strategy, backoff, first, steps):
    flags = otp.SupFlags(strategy, intensity=float("inf"), backoff=backoff)
    async with otp.open_runtime(shutdown_deadline=1000.0, seed=1) as rt, trio.open_nursery() as nursery:
        it = Play(rt, nursery)
        specs = [it.spec(f"k{number}", restart, lives) for number, (restart, lives) in enumerate(first)]
        sup = otp.ChildSpec(id="sup", name="sup", type="supervisor", start=lambda: otp.Supervisor(flags, specs))
        before = rt.events(100_000)
        try:
            await otp.start_child(rt.root, sup)
        except otp.InitFailed:
            assert leftovers(rt) == [f"process {rt.root!r} is running"]
            return
        for number, step in enumerate(steps):
            await it.do(number, step)
        await trio.sleep(1000)
        newest_first = await it.check(so_far(before))
    events = so_far(before)
    stopped = [event.ref for event in events if isinstance(event, otp.ProcessEnded) and event.parent != rt.root]
    assert [ref for ref in stopped if ref in newest_first] == newest_first
    assert leftovers(rt) == []


@pytest.mark.parametrize("strategy", ["one_for_one", "one_for_all", "rest_for_one"])
@given(backoff=st.sampled_from([AT_ONCE, otp.Backoff(base=1.0, cap=4.0)]), first=FIRST, steps=STEPS)
@settings(max_examples=50)
def test_nothing_is_forgotten_while_everything_takes_long(strategy, backoff, first, steps):
    """S8, S16, S17: no child lives twice, everybody is answered, what was refused stays away, what must run does, and the end is in order."""
    trio.run(play, strategy, backoff, first, steps, clock=trio.testing.MockClock(autojump_threshold=0))


@pytest.mark.parametrize("strategy", ["one_for_all", "rest_for_one"])
@pytest.mark.parametrize("by", ["start", "restart"])
async def test_who_asked_for_a_start_waits_for_the_groups(strategy, by, mock_clock):
    """A start by hand that the group interrupts is answered when the group has started the child, with the ref that lives."""
    begun: list[otp.Ref] = []
    lives = [Life(), Life(5.0), Life(5.0)]
    specs = [child(lambda: Slow("a", [], begun)), child(lambda: Slow("b", lives, begun), "b")]
    late = child(lambda: Slow("c", [Life(5.0)], begun), "c")
    sup = otp.Supervisor(otp.SupFlags(strategy, backoff=AT_ONCE), specs)
    async with (
        otp.open_runtime(specs=[child(lambda: sup, "sup", type="supervisor")]) as rt,
        trio.open_nursery() as nursery,
    ):
        answers = []

        async def ask() -> None:
            answers.append(await (otp.start_child(SUP, late) if by == "start" else otp.restart_child(SUP, "b")))

        if by == "restart":
            await otp.terminate_child(SUP, "b")
        nursery.start_soon(ask)
        await rt.quiesce()
        otp.cast(otp.Name("a"), Boom())
        await rt.quiesce()
        early = list(answers)
        await pass_time(10.0)
        alive = rt.names.whereis("c" if by == "start" else "b")

    assert early == []
    assert answers == [alive]
