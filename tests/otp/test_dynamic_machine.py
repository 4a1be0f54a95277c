"""Dynamic supervisors against a model: children come, fail, are restarted, stopped and forgotten; both agree after every step."""

from __future__ import annotations

import attrs
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from agentsup import otp
from agentsup.otp.testing import leftovers, pass_time
from tests.otp.fated import Pause, Worker
from tests.otp.supervisor_model import Fate

DYN = otp.Name("dyn")
PERIOD = 5.0
DELAY = st.sampled_from([0.0, 0.0, 1.0, 2.0])
FATE = st.one_of(st.just(Fate()), st.just(Fate("ignore")), st.builds(Fate, st.just("fail"), DELAY))
RESTART = st.sampled_from(["permanent", "permanent", "transient", "temporary"])
STEP = st.one_of(
    st.tuples(st.just("start"), RESTART, st.lists(FATE, max_size=2), st.booleans()),
    st.tuples(st.just("start"), RESTART, st.just([]), st.booleans()),
    st.tuples(st.just("crash"), st.integers(0, 5), DELAY),
    st.tuples(st.just("crash"), st.integers(0, 5), st.just(0.0)),
    st.tuples(st.just("kill"), st.integers(0, 5)),
    st.tuples(st.just("end"), st.integers(0, 5)),
    st.tuples(st.just("terminate"), st.integers(0, 5)),
    st.tuples(st.just("tick"), st.sampled_from([1.0, 2.0, PERIOD])),
)


@attrs.define(eq=False)
class Kid:
    """One child: when its next start is due, if it waits for one, and the ref it had last."""

    id: str
    restart: str
    fates: list[Fate]
    ref: otp.Ref | None = None
    due: float | None = None


@attrs.define(eq=False)
class Model:
    """The rules D1, D2, S9 to S12 for children without an order."""

    limit: int
    intensity: float
    now: float = 0.0
    kids: list[Kid] = attrs.field(factory=list)
    gone: list[Kid] = attrs.field(factory=list)
    attempts: list[float] = attrs.field(factory=list)
    over: bool = False

    def start(self, kid: Kid) -> str | None:
        if len(self.kids) >= self.limit:
            return "MaxChildren"
        fate = kid.fates.pop(0) if kid.fates else Fate()
        if fate.kind == "ok":
            self.kids.append(kid)
            return None
        return "InitFailed" if fate.kind == "fail" else "StartIgnored"

    def dies(self, kid: Kid, *, clean: bool, delay: float = 0.0) -> None:
        if kid.due is not None:
            return
        if kid.restart == "temporary" or (kid.restart == "transient" and clean):
            self.forget(kid)
        else:
            self.fails(kid, delay)

    def fails(self, kid: Kid, delay: float) -> None:
        kid.due = self.now + delay
        if delay == 0:
            self.attempt(kid)

    def attempt(self, kid: Kid) -> None:
        self.attempts = [at for at in self.attempts if self.now - at < PERIOD] + [self.now]
        if len(self.attempts) > self.intensity:
            self.over = True
            self.gone += self.kids
            self.kids = []
            return
        kid.due = None
        fate = kid.fates.pop(0) if kid.fates else Fate()
        if fate.kind == "fail":
            self.fails(kid, fate.delay)
        elif fate.kind == "ignore":
            self.forget(kid)

    def forget(self, kid: Kid) -> None:
        self.kids.remove(kid)
        self.gone.append(kid)

    def passes(self, seconds: float) -> None:
        until = self.now + seconds
        while not self.over:
            waiting = [kid for kid in self.kids if kid.due is not None and kid.due <= until]
            if not waiting:
                break
            kid = min(waiting, key=lambda kid: kid.due)
            self.now = kid.due
            self.attempt(kid)
        self.now = until


@attrs.define(eq=False)
class Machine:
    """Does each step to the supervisor and to the model."""

    rt: otp.Runtime
    model: Model
    count: int = 0

    async def do(self, step):
        model = self.model
        kid = model.kids[step[1] % len(model.kids)] if model.kids and isinstance(step[1], int) else None
        match step:
            case ("start", restart, fates, brutal):
                await self.start(restart, fates, brutal)
            case ("tick", seconds):
                await pass_time(seconds)
                model.passes(seconds)
            case ("terminate", number) if kid is None and model.gone:
                await self.terminate_gone(model.gone[number % len(model.gone)])
            case _ if kid is None:
                return
            case ("crash", _, delay):
                otp.cast(kid.ref, Pause(delay))
                model.dies(kid, clean=False, delay=delay)
            case ("kill", _):
                otp.exit(kid.ref, otp.Killed())
                model.dies(kid, clean=False)
            case ("end", _):
                otp.cast(kid.ref, otp.Normal())
                model.dies(kid, clean=True)
            case ("terminate", _):
                await otp.terminate_child(DYN, kid.ref)
                model.forget(kid)
        await self.rt.quiesce()
        await self.compare()

    async def start(self, restart, fates, brutal):
        self.count += 1
        kid, real = Kid(f"n{self.count}", restart, list(fates)), list(fates)
        spec = otp.ChildSpec(
            id=kid.id,
            name=kid.id,
            start=lambda: Worker(real),
            restart=restart,
            shutdown="brutal_kill" if brutal else 5.0,
        )
        refused = None
        try:
            kid.ref = await otp.start_child(DYN, spec)
        except (otp.StartError, otp.ChildError) as error:
            refused = type(error).__name__
        assert refused == self.model.start(kid)

    async def terminate_gone(self, kid):
        """S19: the ref of a child that is gone names nobody."""
        try:
            await otp.terminate_child(DYN, kid.ref)
        except otp.NotFound:
            return
        raise AssertionError("a forgotten child was stopped")

    async def compare(self):
        model = self.model
        running = {kid.id for kid in model.kids if kid.due is None}
        assert set(self.rt.names.keys()) - {"dyn"} == running
        if model.over:
            assert self.rt.names.whereis("dyn") is None
            return
        for kid in model.kids:
            kid.ref = self.rt.names.whereis(kid.id) or kid.ref
        listed = await otp.which_children(DYN)
        assert {info.ref for info in listed} - {None} == {kid.ref for kid in model.kids if kid.due is None}
        assert sorted(info.state for info in listed) == sorted(
            "running" if kid.due is None else "restarting" for kid in model.kids
        )
        counts = await otp.count_children(DYN)
        assert (counts.specs, counts.active) == (len(model.kids), len(running))


async def run(limit, intensity, steps):
    flags = otp.SupFlags(intensity=intensity, period=PERIOD, backoff=otp.Backoff(base=0, cap=0))
    dyn = otp.ChildSpec(
        id="dyn",
        name="dyn",
        type="supervisor",
        restart="temporary",
        start=lambda: otp.DynamicSupervisor(flags, max_children=limit),
    )
    async with otp.open_runtime(specs=[dyn]) as rt:
        machine = Machine(rt, Model(limit, intensity))
        for step in steps:
            await machine.do(step)
            if machine.model.over:
                break
    assert leftovers(rt) == []


@given(
    limit=st.integers(1, 4),
    intensity=st.sampled_from([0, 1, 3, 3, float("inf"), float("inf")]),
    steps=st.lists(STEP, min_size=6, max_size=30),
)
@settings(max_examples=120)
def test_against_the_model(limit, intensity, steps):
    """D1, D2: who is there, in which state, under which name and under which limit is what the rules say; an old ref stops a child that waits."""
    trio.run(run, limit, intensity, steps, clock=trio.testing.MockClock())
