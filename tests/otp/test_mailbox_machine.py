"""Mailboxes against a model: whatever is cast, sent, called, signalled, asked through the system lane and given up, in every policy."""

from __future__ import annotations

import contextlib
import math

import attrs
import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from agentsup import otp
from agentsup.otp.mailbox import Signal
from tests.otp.actors import Store, child

OVERFLOWS = ("unbounded", "block", "reject", "drop_newest", "drop_oldest", "coalesce")


@attrs.frozen
class Put:
    """A message by one of the five ways in; `topic` is what a coalescing mailbox tells casts apart by."""

    way: str
    topic: str


@attrs.frozen
class Take:
    """The actor is done with what it has in hand."""


@attrs.frozen
class GiveUp:
    """A task that waits, for room or for a reply, is cancelled."""

    which: int


STEPS = st.lists(
    st.one_of(
        st.builds(
            Put,
            st.sampled_from(["cast", "cast", "info", "send", "send", "call", "signal", "system"]),
            st.sampled_from("xyz"),
        ),
        st.builds(Put, st.sampled_from(["cast", "send", "call"]), st.sampled_from("xyz")),
        st.just(Take()),
        st.builds(GiveUp, st.integers(0, 5)),
    ),
    min_size=5,
    max_size=40,
)


@attrs.define(eq=False)
class Item:
    """One message on its way, with what became of whoever sent it: None while that is open."""

    number: int
    way: str
    topic: str
    outcome: str | None = None


@attrs.define(eq=False)
class Model:
    """A queue with a bound, a line of those who wait for room, and what the actor has in hand."""

    overflow: str
    capacity: float
    queue: list[Item] = attrs.field(factory=list)
    system: list[int] = attrs.field(factory=list)
    line: list[Item] = attrs.field(factory=list)
    hand: Item | None = None
    log: list[object] = attrs.field(factory=list)
    dropped: int = 0
    high_water: int = 0

    def put(self, item: Item) -> None:
        if item.way == "system":
            self.system.append(item.number)
        elif item.way == "signal":
            self.append(item)
        elif (older := self.same(item)) is not None:
            older.number, item.outcome = item.number, "ok"
        elif len(self.queue) < self.capacity:
            self.append(item)
            self.accept(item)
        else:
            self.put_into_a_full_one(item)
        self.settle()

    def same(self, item: Item) -> Item | None:
        """The waiting cast that a newer one replaces."""
        if self.overflow != "coalesce" or item.way not in ("cast", "send"):
            return None
        return next((each for each in self.queue if each.topic == item.topic and each.way in ("cast", "send")), None)

    def put_into_a_full_one(self, item: Item) -> None:
        if self.overflow == "block" and item.way in ("send", "call"):
            self.line.append(item)
            return
        oldest = next((each for each in self.queue if each.way != "signal"), None)
        self.dropped += 1
        if self.overflow == "drop_oldest" and oldest is not None:
            self.queue.remove(oldest)
            if oldest.way == "call" and oldest.outcome is None:
                oldest.outcome = "full"
            self.append(item)
            self.accept(item)
        elif item.way == "call" or (item.way == "send" and self.overflow != "drop_newest"):
            item.outcome = "full"
        else:
            item.outcome = "ok"

    def append(self, item: Item) -> None:
        self.queue.append(item)
        self.high_water = max(self.high_water, len(self.queue))

    def accept(self, item: Item) -> None:
        if item.way != "call":
            item.outcome = "ok"

    def take(self) -> None:
        if self.hand is not None:
            item, self.hand = self.hand, None
            self.log.append(item.number)
            if item.way == "call" and item.outcome is None:
                item.outcome = "replied"
        self.settle()

    def settle(self) -> None:
        """An idle actor serves the system lane first, then takes one message into its hand; who waits for room moves up."""
        while self.hand is None and (self.system or self.queue):
            self.log.extend(("system", number) for number in self.system)
            self.system = []
            if not self.queue:
                return
            item = self.queue.pop(0)
            if self.line and len(self.queue) < self.capacity:
                next_one = self.line.pop(0)
                self.append(next_one)
                self.accept(next_one)
            if item.outcome != "gave up":
                self.hand = item

    def end(self, items: list[Item]) -> None:
        """It is killed: nobody is left in doubt."""
        for item in items:
            if item.outcome is None and item.way in ("send", "call"):
                item.outcome = "nobody there" if item in self.line else "died"

    def give_up(self, item: Item) -> None:
        if item in self.line:
            self.line.remove(item)
        item.outcome = "gave up"


class Handler(otp.Actor):
    """Keeps each message in hand until it is let go, and writes down the order."""

    def __init__(self, log: list[object], gate: trio.Semaphore) -> None:
        self.log, self.gate = log, gate

    async def take(self, item: Item) -> None:
        await self.gate.acquire()
        self.log.append(item.number)

    async def handle_call(self, request, caller):
        await self.take(request)
        return otp.Reply("replied")

    handle_cast = handle_info = take


@attrs.define(eq=False)
class Machine:
    """Does each step to a real actor and to the model."""

    rt: otp.Runtime
    ref: otp.Ref
    model: Model
    nursery: trio.Nursery
    gate: trio.Semaphore
    log: list[object]
    items: list[tuple[Item, Item, trio.CancelScope]] = attrs.field(factory=list)
    """What was sent, as the model and as the actor know it."""

    async def do(self, number, step):
        match step:
            case Put(way, topic):
                mine, real, scope = Item(number, way, topic), Item(number, way, topic), trio.CancelScope()
                self.items.append((mine, real, scope))
                self.nursery.start_soon(self.deliver, real, scope)
                self.model.put(mine)
            case Take():
                if self.model.hand is not None:
                    self.gate.release()
                self.model.take()
            case GiveUp(which):
                waiting = [each for each in self.items if each[0].outcome is None and each[0].way in ("send", "call")]
                if waiting:
                    mine, _, scope = waiting[which % len(waiting)]
                    scope.cancel()
                    self.model.give_up(mine)
        await self.rt.quiesce()
        self.compare()

    async def deliver(self, item, scope):
        with scope:
            try:
                item.outcome = await self.put(item)
            except otp.MailboxFull:
                item.outcome = "full"
            except otp.NoProc:
                item.outcome = "nobody there"
            except otp.ServerDied:
                item.outcome = "died"
        if scope.cancelled_caught:
            item.outcome = "gave up"

    async def put(self, item):
        match item.way:
            case "cast":
                otp.cast(self.ref, item)
            case "info":
                otp.info(self.ref, item)
            case "signal":
                self.rt.cells[self.ref.serial].mailbox.put_signal(Signal(item))
                return None
            case "send":
                await otp.send(self.ref, item)
            case "system":
                with contextlib.suppress(otp.ServerDied):
                    await otp.sys.replace_state(
                        self.ref, lambda _: self.log.append(("system", item.number)), timeout=None
                    )
                return None
            case "call":
                return await otp.call(self.ref, item, timeout=None)
        return "ok"

    async def drain(self, count):
        """Let the actor handle everything."""
        for number in range(count):
            await self.do(f"end {number}", Take())
        assert self.model.hand is None
        assert self.rt.cells[self.ref.serial].mailbox.statistics().length == 0

    async def end(self):
        """Kill the actor: every sender and caller hears of it."""
        otp.exit(self.ref, otp.Killed())
        self.model.end([mine for mine, _, _ in self.items])
        await self.rt.quiesce()
        self.compare_outcomes()

    def compare_outcomes(self):
        assert [real.outcome for _, real, _ in self.items] == [mine.outcome for mine, _, _ in self.items]

    def compare(self):
        model, cell = self.model, self.rt.cells[self.ref.serial]
        statistics = cell.mailbox.statistics()
        assert self.log == model.log
        self.compare_outcomes()
        assert (statistics.length, statistics.waiting_senders) == (len(model.queue), len(model.line))
        assert (statistics.dropped, statistics.high_water) == (model.dropped, model.high_water)
        assert (statistics.system_length, statistics.capacity) == (len(model.system), model.capacity)


async def run(overflow, capacity, steps, in_peace):
    key = (lambda item: item.topic) if overflow == "coalesce" else None
    spec = otp.MailboxSpec(math.inf if overflow == "unbounded" else capacity, overflow, key=key)
    actor = type("Bounded", (Handler,), {"mailbox": spec})
    log, gate = [], trio.Semaphore(0)
    start = otp.ChildSpec(id="a", start=lambda: actor(log, gate), shutdown="brutal_kill", restart="temporary")
    async with otp.open_runtime() as rt, trio.open_nursery() as nursery:
        ref = await otp.start_child(rt.root, start)
        machine = Machine(rt, ref, Model(overflow, spec.capacity), nursery, gate, log)
        for number, step in enumerate(steps):
            await machine.do(number, step)
        if in_peace:
            await machine.drain(len(steps))
        else:
            await machine.end()


@pytest.mark.parametrize("overflow", OVERFLOWS)
@given(capacity=st.integers(1, 3), steps=STEPS, in_peace=st.booleans())
@settings(max_examples=50)
def test_against_the_model(overflow, capacity, steps, in_peace):
    """Order, bounds, the line for room, counters and answers are what the policy says; the system lane comes first; signals are never lost."""
    trio.run(run, overflow, capacity, steps, in_peace)


async def test_the_line_is_one(autojump_clock):
    """Who waits for room gets it in the order of arrival, also when signals took the room meanwhile and when many messages are handled at once."""
    actor = type("Bounded", (Store,), {"mailbox": otp.MailboxSpec(3, "block")})
    async with otp.open_runtime() as rt, trio.open_nursery() as nursery:
        ref = await otp.start_child(rt.root, child(actor))
        otp.cast(ref, ("sleep", 1.0))
        await rt.quiesce()
        for number in range(30):
            nursery.start_soon(otp.send, ref, number)
            await rt.quiesce()
        for _ in range(2):
            rt.cells[ref.serial].mailbox.put_signal(Signal("signal"))
        await trio.sleep(2)
        got = await otp.call(ref, "get")

    assert [each for each in got if each != "signal"] == list(range(30))
    assert got.count("signal") == 2
