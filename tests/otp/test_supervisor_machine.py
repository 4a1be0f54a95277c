"""Supervisors against a model: random specs, then random starts, crashes, kills, requests and ticks; both agree after every step."""

from __future__ import annotations

import itertools

import attrs
import pytest
import trio
import trio.testing
from hypothesis import event, given, settings
from hypothesis import strategies as st

from agentsup import otp
from agentsup.otp.testing import leftovers, pass_time
from tests.otp.fated import Pause, Worker
from tests.otp.supervisor_model import Fate, Model, Plan, Refused

IDS = "abcd"
PERIOD = 5.0


@attrs.frozen
class Crash:
    """A bug that asks to be left alone for `delay` seconds."""

    id: str
    delay: float


@attrs.frozen
class Kill:
    id: str


@attrs.frozen
class End:
    """It stops by itself."""

    id: str
    reason: otp.ExitReason


@attrs.frozen
class Doom:
    """What its next starts come to."""

    id: str
    fates: tuple[Fate, ...]


@attrs.frozen
class Start:
    plan: Plan


@attrs.frozen
class Ask:
    """terminate, restart or delete."""

    what: str
    id: str


@attrs.frozen
class Tick:
    seconds: float


@attrs.frozen
class KillSupervisor:
    """The supervisor itself is cut off."""


@attrs.frozen
class Setting:
    """A supervisor and its children."""

    strategy: str
    auto: str
    intensity: float
    plans: tuple[Plan, ...]
    fates: dict[str, tuple[Fate, ...]]


ID = st.sampled_from(IDS)
DELAY = st.sampled_from([0.0, 0.0, 0.0, 1.0, 2.0, 4.0])
FATE = st.one_of(
    st.just(Fate()),
    st.just(Fate("ignore")),
    st.builds(Fate, st.just("fail"), DELAY),
    st.builds(Fate, st.just("fail"), DELAY),
)


@st.composite
def plans(draw, auto, ids=ID):
    restart = draw(st.sampled_from(["permanent", "permanent", "transient", "temporary"]))
    significant = auto != "never" and restart != "permanent" and draw(st.booleans())
    return Plan(draw(ids), restart, significant, draw(st.integers(0, 3)) == 0)


@st.composite
def programs(draw):
    """A setting, and what happens to it."""
    auto = draw(st.sampled_from(["never", "never", "any_significant", "all_significant"]))
    setting = Setting(
        draw(st.sampled_from(["one_for_one", "one_for_all", "rest_for_one"])),
        auto,
        draw(st.sampled_from([0, 1, 2, 3, 3, float("inf")])),
        tuple(draw(plans(auto, st.just(id))) for id in IDS[: draw(st.integers(2, 4))]),
        draw(st.dictionaries(ID, st.tuples(st.sampled_from([Fate(), Fate("ignore"), Fate("fail")])), max_size=1)),
    )
    step = st.one_of(
        st.builds(Crash, ID, DELAY),
        st.builds(Crash, ID, DELAY),
        st.builds(Kill, ID),
        st.builds(End, ID, st.sampled_from([otp.Normal(), otp.Shutdown("info")])),
        st.builds(Doom, ID, st.lists(FATE, max_size=3).map(tuple)),
        st.builds(Start, plans(auto)),
        st.builds(Ask, st.sampled_from(["terminate", "restart", "delete"]), ID),
        st.builds(Tick, st.sampled_from([1.0, 2.0, PERIOD])),
    )
    steps = draw(st.lists(step, min_size=6, max_size=30))
    return setting, [*steps, *draw(st.sampled_from([[], [], [KillSupervisor()]]))]


INFO = {
    "start failed": otp.StartFailed,
    "limit": otp.RestartLimit,
    "auto_shutdown": otp.AutoShutdownDone,
    "stopped": type(None),
}
"""What a supervisor says about its end."""


class Watcher(otp.Actor):
    """Watches whom it is told to, and keeps what it hears."""

    def init(self):
        self.state = []

    def handle_call(self, request, caller):
        return otp.Reply(self.state if request is None else self.monitor(request))

    def handle_info(self, message):
        self.state.append(message)


@attrs.define(eq=False)
class Machine:
    """Does each step to the supervisor and to the model."""

    rt: otp.Runtime
    model: Model
    fates: dict[str, list[Fate]]
    events: otp.Channel[otp.RuntimeEvent]
    sup: otp.Ref | None = None
    watches: dict[otp.Monitor, otp.Ref] = attrs.field(factory=dict)
    ends: dict[otp.Ref, otp.ExitReason] = attrs.field(factory=dict)

    def spec(self, plan: Plan) -> otp.ChildSpec:
        return otp.ChildSpec(
            id=plan.id,
            name=plan.id,
            start=lambda: Worker(self.fates[plan.id]),
            restart=plan.restart,
            significant=plan.significant,
            shutdown="brutal_kill" if plan.brutal else 5.0,
        )

    async def go(self, steps):
        """Step by step, as long as the supervisor lives."""
        for step in steps:
            await self.do(step)
            await self.compare()
            if self.model.over is not None:
                return

    async def do(self, step):
        """One step; an answer that is an error must be the model's."""
        refused = wanted = None
        try:
            await self.act(step)
        except (otp.StartError, otp.ChildError) as error:
            refused = type(error).__name__
        try:
            self.expect(step)
        except Refused as error:
            wanted = str(error)
        await self.rt.quiesce()
        assert refused == wanted, step

    async def act(self, step):
        match step:
            case Crash(id, delay):
                otp.cast(otp.Name(id), Pause(delay))
            case End(id, reason):
                otp.cast(otp.Name(id), reason)
            case Kill(id):
                ref = self.rt.names.whereis(id)
                if ref is not None:
                    otp.exit(ref, otp.Killed())
            case Doom(id, fates):
                self.fates[id] = list(fates)
            case Start(plan):
                await otp.start_child(self.sup, self.spec(plan))
            case KillSupervisor():
                otp.exit(self.sup, otp.Killed())
            case Ask(what, id):
                await getattr(otp, f"{what}_child")(self.sup, id)
            case Tick(seconds):
                await pass_time(seconds)

    def expect(self, step):
        model = self.model
        match step:
            case Crash(id, delay):
                model.dies(id, "Crashed", delay)
            case End(id, reason):
                model.dies(id, type(reason).__name__)
            case Kill(id):
                model.dies(id, "Killed")
            case Doom(id, fates):
                model.fates[id] = list(fates)
            case Start(plan):
                model.start_child(plan)
            case KillSupervisor():
                model.killed()
            case Ask(what, id):
                getattr(model, f"{what}_child")(id)
            case Tick(seconds):
                model.passes(seconds)

    def ordered(self, heard):
        """What has an order: restarts that come due at one instant begin side by side where no child depends on another."""
        if self.model.strategy != "one_for_one":
            return heard
        runs = itertools.groupby(heard, key=lambda step: step[0])
        return [step for kind, run in runs for step in (sorted(run) if kind == "start" else run)]

    async def compare(self):
        """Starts and ends in order, the list, the counts, the names, the window."""
        model = self.model
        heard = self.heard()
        assert self.ordered(heard) == self.ordered(model.heard) or (
            model.over == "killed" and sorted(heard) == sorted(model.heard)
        )
        model.heard = []
        names = {id: self.rt.names.whereis(id) for id in IDS}
        assert [id for id in IDS if names[id] is not None] == sorted(model.running())
        if model.over is not None:
            return
        listed = await otp.which_children(self.sup)
        assert [(info.id, info.state) for info in listed] == model.which()
        assert all(info.ref == names[info.id] for info in listed)
        assert attrs.asdict(await otp.count_children(self.sup)) == model.statistics()
        shown = next(each for each in self.rt.snapshot().root.walk() if each.id == "sup")
        assert shown.restarts_in_period == (0 if model.intensity == float("inf") else model.used())
        await self.watch(ref for ref in names.values() if ref is not None)

    async def watch(self, refs):
        watched = set(self.watches.values())
        for ref in refs:
            if ref not in watched:
                for _ in range(2):
                    self.watches[await otp.call(otp.Name("watcher"), ref)] = ref

    def heard(self):
        """What the stream of events says of the children since the last look."""
        found = []
        while len(self.events):
            seen = self.events.receive_nowait()
            if not isinstance(seen, otp.ProcessStarted | otp.ProcessEnded):
                continue
            if isinstance(seen, otp.ProcessEnded):
                self.ends[seen.ref] = seen.reason
            if seen.id == "sup":
                self.sup = seen.ref
            elif seen.id in IDS:
                found.append((how(seen), seen.id))
        return found

    async def finish(self):
        """Every watch was heard exactly once, with the reason the process ended with."""
        if self.model.over is None:
            await otp.terminate_child(self.rt.root, "sup")
            self.model.close("stopped")
        await self.rt.quiesce()
        await self.compare()
        downs = await otp.call(otp.Name("watcher"), None)
        assert len(downs) == len(self.watches)
        for down in downs:
            assert self.watches.pop(down.monitor) == down.ref
            assert down.reason == self.ends[down.ref]
        reason = self.ends[self.sup]
        if self.model.over == "killed":
            assert reason == otp.Killed()
        else:
            assert isinstance(reason, otp.Shutdown)
            assert isinstance(reason.info, INFO[self.model.over])


def how(seen):
    """One event in the model's words."""
    if isinstance(seen, otp.ProcessStarted):
        return "start"
    return "no start" if seen.was_starting else type(seen.reason).__name__


async def run(setting, steps):
    fates = {id: list(setting.fates.get(id, ())) for id in IDS}
    model = Model(
        setting.strategy,
        setting.auto,
        setting.intensity,
        PERIOD,
        {id: list(fates[id]) for id in IDS},
    )
    flags = otp.SupFlags(
        setting.strategy,
        auto_shutdown=setting.auto,
        intensity=setting.intensity,
        period=PERIOD,
        backoff=otp.Backoff(base=0, cap=0),
    )
    async with otp.open_runtime(specs=[otp.ChildSpec(id="watcher", name="watcher", start=Watcher)]) as rt:
        machine = Machine(rt, model, fates, rt.events(100_000))
        specs = [machine.spec(plan) for plan in setting.plans]
        model.open(list(setting.plans))
        sup = otp.ChildSpec(
            id="sup", type="supervisor", restart="temporary", start=lambda: otp.Supervisor(flags, specs)
        )
        if model.over is not None:
            with pytest.raises(otp.InitFailed):
                await otp.start_child(rt.root, sup)
        else:
            await otp.start_child(rt.root, sup)
            await machine.compare()
            await machine.go(steps)
        event(f"{setting.strategy}: {model.over or 'stopped'}")
        await machine.finish()
    assert leftovers(rt) == []


@given(program=programs())
@settings(max_examples=150)
def test_against_the_model(program):
    """S3 to S20: whatever happens, the children that live, their order, names, states and counts are those of the rules."""
    trio.run(run, *program, clock=trio.testing.MockClock())
