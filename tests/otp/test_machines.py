"""Random lives of supervisors and mailboxes, compared with simple models."""

from __future__ import annotations

from collections import deque

import attrs
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from agentsup import otp
from agentsup.otp.mailbox import Mailbox, Signal
from tests.otp.actors import AT_ONCE, NO_LIMIT, Boom, Store, child

RESTARTS = ("permanent", "transient", "temporary")


@attrs.define
class Kid:
    restart: str
    running: bool = True
    starts: int = 1


@attrs.define
class Model:
    """What a supervisor should do, in thirty lines."""

    strategy: str
    intensity: int
    period: float
    kids: dict[str, Kid]
    attempts: list[float] = attrs.field(factory=list)
    alive: bool = True

    def concerned(self, id: str) -> list[str]:
        order = list(self.kids)
        match self.strategy:
            case "one_for_one":
                return [id]
            case "one_for_all":
                return order
        return order[order.index(id) :]

    def died(self, id: str, *, clean: bool, now: float) -> None:
        kid = self.kids[id]
        if not kid.running:
            return
        if kid.restart == "temporary":
            del self.kids[id]
        elif kid.restart == "transient" and clean:
            kid.running = False
        else:
            self.attempts = [at for at in self.attempts if now - at < self.period] + [now]
            self.alive = len(self.attempts) <= self.intensity
            for each in self.concerned(id):
                if self.kids[each].restart == "temporary":
                    del self.kids[each]
                else:
                    self.kids[each].running = True
                    self.kids[each].starts += 1

    def terminate(self, id: str) -> None:
        if self.kids[id].restart == "temporary":
            del self.kids[id]
        else:
            self.kids[id].running = False


kid = st.builds(Kid, st.sampled_from(RESTARTS))
verbs = st.sampled_from(["crash", "kill", "normal", "shutdown", "terminate", "restart", "delete", "start", "tick"])
steps = st.lists(st.tuples(verbs, st.integers(0, 7), st.sampled_from(RESTARTS)), max_size=14)


async def perform(verb: str, id: str, restart: str, model: Model, starts: dict[str, int], names: otp.Registry) -> None:
    """Do one thing to the supervisor and to the model."""
    sup = otp.Name("sup")
    if verb == "tick":
        await trio.sleep(1.5)
    elif verb == "start":
        starts.pop(id + "'", None)
        await otp.start_child(sup, spec(id + "'", restart, starts))
        model.kids[id + "'"] = Kid(restart)
    elif verb == "terminate":
        await otp.terminate_child(sup, id)
        model.terminate(id)
    elif verb in ("restart", "delete"):
        act = otp.restart_child if verb == "restart" else otp.delete_child
        try:
            await act(sup, id)
        except otp.Running:
            assert model.kids[id].running
            return
        assert not model.kids[id].running
        if verb == "delete":
            del model.kids[id]
        else:
            model.kids[id].running = True
            model.kids[id].starts += 1
    elif (ref := names.whereis(id)) is not None:
        clean = verb in ("normal", "shutdown")
        if verb == "kill":
            otp.exit(ref, otp.Killed())
        else:
            otp.cast(
                ref, ("raise", Boom()) if not clean else ("stop", otp.Normal() if verb == "normal" else otp.Shutdown(1))
            )
        await otp.wait_down(ref)
        model.died(id, clean=clean, now=trio.current_time())


def spec(id: str, restart: str, starts: dict[str, int]) -> otp.ChildSpec:
    class Counted(Store):
        def init(self):
            super().init()
            starts[id] = starts.get(id, 0) + 1

    return child(Counted, id, restart=restart)


async def compare(model: Model, todo: list[tuple[str, int, str]]) -> None:
    starts: dict[str, int] = {}
    flags = otp.SupFlags(model.strategy, intensity=model.intensity, period=model.period, backoff=AT_ONCE)
    specs = [spec(id, each.restart, starts) for id, each in model.kids.items()]
    sup = otp.ChildSpec(
        id="sup", name="sup", type="supervisor", restart="temporary", start=lambda: otp.Supervisor(flags, specs)
    )
    async with otp.open_runtime(NO_LIMIT, [sup]) as rt:
        for verb, number, restart in todo:
            ids = list(model.kids) or ["x"]
            id = ids[number % len(ids)]
            if id == "x" and verb not in ("start", "tick"):
                continue
            if verb == "start" and id + "'" in model.kids:
                continue
            await perform(verb, id, restart, model, starts, rt.names)
            await wait_all_tasks_blocked()
            if not model.alive:
                assert rt.names.whereis("sup") is None
                assert len(rt.cells) == 1
                return
            shown = {info.id: info.state == "running" for info in reversed(await otp.which_children(otp.Name("sup")))}
            assert list(shown.items()) == [(id, each.running) for id, each in model.kids.items()]
            assert {id: starts[id] for id in model.kids} == {id: each.starts for id, each in model.kids.items()}
            assert {id for id in model.kids if rt.names.whereis(id)} == {
                id for id, each in model.kids.items() if each.running
            }


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(["one_for_one", "one_for_all", "rest_for_one"]),
    st.integers(0, 4),
    st.lists(kid, max_size=4),
    steps,
)
def test_supervisor_against_a_model(strategy, intensity, kids, todo):
    """Whatever is done to a supervisor, its children, their incarnations, its limit and the names are those of a simple model (rules S9 to S19)."""
    model = Model(strategy, intensity, 4.0, {f"k{number}": each for number, each in enumerate(kids)})
    model.kids = {id: Kid(each.restart) for id, each in model.kids.items()}

    trio.run(compare, model, todo, clock=MockClock(autojump_threshold=0))


@given(
    st.sampled_from(["reject", "drop_newest", "drop_oldest", "block", "unbounded"]),
    st.integers(1, 4),
    st.lists(st.sampled_from(["cast", "signal", "take"]), max_size=60),
)
def test_mailbox_against_a_model(overflow, capacity, todo):
    """A mailbox is a bounded queue with its policy; signals pass the bound and are never dropped; the counters add up."""
    mailbox, model, dropped, peak = Mailbox(), deque[tuple[str, int]](), 0, 0
    mailbox.configure(otp.MailboxSpec(capacity if overflow != "unbounded" else float("inf"), overflow))
    for number, verb in enumerate(todo):
        if verb == "take":
            if model:
                assert mailbox.queue is not None
                entry = mailbox.queue.popleft()
                assert model.popleft() == (
                    ("signal", entry.message) if isinstance(entry, Signal) else ("cast", entry[0])
                )
            continue
        if verb == "signal":
            mailbox.put_signal(Signal(number))
            model.append(("signal", number))
        else:
            full = overflow != "unbounded" and len(model) >= capacity
            oldest = next((each for each in model if each[0] == "cast"), None)
            taken = not full or (overflow == "drop_oldest" and oldest is not None)
            assert mailbox.put_cast(number) is taken
            if taken:
                if full and oldest is not None:
                    model.remove(oldest)
                    dropped += 1
                model.append(("cast", number))
        peak = max(peak, len(model))

    assert (mailbox.statistics().length, mailbox.dropped, mailbox.high_water) == (len(model), dropped, peak)
