"""Links, monitors and exit signals against a model: whoever should die does, for the right reason, and everybody else hears exactly what they should."""

from __future__ import annotations

import attrs
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from agentsup import otp
from agentsup.otp.testing import leftovers
from tests.otp.actors import Boom

SIZE = 5
WHO = st.integers(0, SIZE - 1)
REASON = st.sampled_from([otp.Normal(), otp.Shutdown(), otp.Shutdown("info"), otp.Killed()])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("link"), WHO, WHO),
        st.tuples(st.just("link"), WHO, WHO),
        st.tuples(st.just("monitor"), WHO, WHO),
        st.tuples(st.just("unlink"), WHO, WHO),
        st.tuples(st.just("demonitor"), WHO, st.integers(0, 3)),
        st.tuples(st.just("trap"), WHO, st.booleans()),
        st.tuples(st.just("exit"), WHO, REASON),
        st.tuples(st.just("end"), WHO, REASON),
        st.tuples(st.just("crash"), WHO),
    ),
    min_size=5,
    max_size=25,
)


class Node(otp.Actor):
    """Links and watches as it is told, and keeps what it hears."""

    def init(self):
        self.state = []

    def handle_call(self, request, caller):
        what, arg = request
        try:
            return otp.Reply(self.obey(what, arg))
        except otp.NoProc:
            return otp.Reply("nobody there")

    def obey(self, what, arg):
        match what:
            case "link":
                self.link(arg)
            case "unlink":
                self.unlink(arg)
            case "monitor":
                return self.monitor(arg)
            case "demonitor":
                self.demonitor(arg)
            case "trap":
                self.trapping = arg
            case "heard":
                return self.state
        return None

    def handle_cast(self, message):
        if isinstance(message, BaseException):
            raise message
        return otp.Stop(message)

    def handle_info(self, message):
        self.state.append(message)


@attrs.define(eq=False)
class Twin:
    """What the model knows of one actor."""

    reason: str | None = None
    """Why it ended, once it has."""
    traps: bool = False
    links: set[int] = attrs.field(factory=set)
    watches: list[int] = attrs.field(factory=list)
    """Whom it watches, once for each time."""
    heard: list[tuple[str, int | None, str]] = attrs.field(factory=list)


@attrs.define(eq=False)
class Model:
    """The rules P3 to P5."""

    twins: list[Twin] = attrs.field(factory=lambda: [Twin() for _ in range(SIZE)])

    def signal(self, to: int, reason: str, sender: int | None) -> None:
        twin = self.twins[to]
        if twin.reason is not None:
            return
        if twin.traps:
            twin.heard.append(("Exit", sender, reason))
        elif reason != "Normal()":
            self.dies(to, reason)

    def dies(self, who: int, reason: str) -> None:
        twin = self.twins[who]
        if twin.reason is not None:
            return
        twin.reason = reason
        for other in list(twin.links):
            self.twins[other].links.discard(who)
            self.signal(other, reason, who)
        for watcher in self.twins:
            while watcher.reason is None and who in watcher.watches:
                watcher.watches.remove(who)
                watcher.heard.append(("Down", who, reason))


@attrs.define(eq=False)
class Machine:
    """Does each step to the actors and to the model."""

    rt: otp.Runtime
    refs: list[otp.Ref]
    model: Model = attrs.field(factory=Model)
    monitors: list[list[tuple[otp.Monitor, int]]] = attrs.field(factory=lambda: [[] for _ in range(SIZE)])

    async def do(self, step):
        what, who, *rest = step
        twin, ref = self.model.twins[who], self.refs[who]
        if twin.reason is not None:
            otp.exit(ref, otp.Killed())  # signals to the dead are nothing (P7)
        elif what == "exit":
            otp.exit(ref, rest[0])
            self.exit(who, rest[0])
        elif what == "end":
            otp.cast(ref, rest[0])
            self.model.dies(who, repr(rest[0]))
        elif what == "crash":
            otp.cast(ref, Boom())
            self.model.dies(who, "Crashed(Boom)")
        elif what == "trap":
            await otp.call(ref, (what, rest[0]))
            twin.traps = rest[0]
        elif what == "demonitor":
            await self.demonitor(who, rest[0])
        else:
            await self.tie(what, who, rest[0])
        await self.rt.quiesce()
        await self.compare()

    def exit(self, who, reason):
        if isinstance(reason, otp.Killed):
            self.model.dies(who, repr(reason))
        else:
            self.model.signal(who, repr(reason), None)

    async def demonitor(self, who, which):
        mine = self.monitors[who]
        if mine:
            monitor, target = mine.pop(which % len(mine))
            await otp.call(self.refs[who], ("demonitor", monitor))
            if target in self.model.twins[who].watches:
                self.model.twins[who].watches.remove(target)

    async def tie(self, what, who, other):
        answer = await otp.call(self.refs[who], (what, self.refs[other]))
        twin, target = self.model.twins[who], self.model.twins[other]
        if what == "monitor":
            if target.reason is None:
                self.monitors[who].append((answer, other))
                twin.watches.append(other)
            else:
                twin.heard.append(("Down", other, "Gone()"))
        elif what == "unlink":
            twin.links.discard(other)
            target.links.discard(who)
        elif target.reason is None:
            if who != other:
                twin.links.add(other)
                target.links.add(who)
        elif twin.traps:
            twin.heard.append(("Exit", other, "Gone()"))
        else:
            assert answer == "nobody there"

    async def compare(self):
        for number, (twin, ref) in enumerate(zip(self.model.twins, self.refs, strict=True)):
            assert (self.rt.names.whereis(number) is None) is (twin.reason is not None)
            if twin.reason is None:
                heard = await otp.call(ref, ("heard", None))
                assert sorted(map(self.told, heard), key=repr) == sorted(twin.heard, key=repr)

    def told(self, message):
        if isinstance(message, otp.Down):
            return ("Down", self.refs.index(message.ref), repr(message.reason))
        sender = None if message.sender is None else self.refs.index(message.sender)
        return ("Exit", sender, repr(message.reason))


async def run(steps):
    specs = [otp.ChildSpec(id=number, name=number, start=Node, restart="temporary") for number in range(SIZE)]
    async with otp.open_runtime(specs=specs) as rt:
        events = rt.events(1000)
        machine = Machine(rt, [rt.names.whereis(number) for number in range(SIZE)])
        for step in steps:
            await machine.do(step)
        ended = {event.id: repr(event.reason) for event in (events.receive_nowait() for _ in range(len(events)))}
        assert ended == {
            number: twin.reason for number, twin in enumerate(machine.model.twins) if twin.reason is not None
        }
    assert leftovers(rt) == []


@given(STEPS)
@settings(max_examples=120)
def test_against_the_model(steps):
    """P3 to P7: a death goes along links as its reason says, to those who do not trap; those who do, and those who watch, hear of it once."""
    trio.run(run, steps)
