"""Registries against a model: whatever is registered, given up, matched, killed and restarted, both agree after every step."""

from __future__ import annotations

import attrs
import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from agentsup import otp
from agentsup.otp.cell import find
from agentsup.otp.entries import held_by

ALL_KEYS = (1, True, (1,), "k")
KEYS = st.sampled_from(ALL_KEYS)
WHO = st.integers(0, 1)
VALUES = st.integers(0, 2)


@attrs.frozen
class Register:
    who: int
    key: object
    value: int


@attrs.frozen
class Unregister:
    who: int
    key: object


@attrs.frozen
class UnregisterMatch:
    who: int
    key: object
    value: int


@attrs.frozen
class Kill:
    who: int


@attrs.frozen
class KillKeeper:
    """The registry's own process."""


QUIET = st.one_of(
    st.builds(Register, WHO, KEYS, VALUES),
    st.builds(Register, WHO, KEYS, VALUES),
    st.builds(Unregister, WHO, KEYS),
    st.builds(UnregisterMatch, WHO, KEYS, VALUES),
)
STEPS = st.lists(
    st.tuples(st.lists(QUIET, min_size=3, max_size=12), st.one_of(st.builds(Kill, WHO), st.just(KillKeeper()))),
    min_size=1,
    max_size=4,
)
"""Some life, then a death, a few times."""


def same(one, other):
    """Strictly equal keys."""
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and one == other


@attrs.define
class Model:
    """A list of (owner, key, value), and what a listener must have heard."""

    kind: str
    rows: list = attrs.field(factory=list)
    heard: list = attrs.field(factory=list)

    def under(self, key):
        return [row for row in self.rows if same(row[1], key)]

    def drop(self, rows, reason):
        """Unregister rows; `drop` of a dead owner's rows has no order, so what was heard is compared as a bag per step."""
        self.rows = [row for row in self.rows if not any(row is each for each in rows)]
        self.heard.extend(("out", row[0], row[1], reason) for row in rows)


class Worker(otp.Actor):
    """Registers what it is told, for itself."""

    def handle_call(self, request, caller):
        registry, step = request
        try:
            match step:
                case Register(_, key, value):
                    registry.register(key, value)
                case Unregister(_, key):
                    registry.unregister(key)
                case UnregisterMatch(_, key, value):
                    registry.unregister_match(key, lambda found: found == value)
        except otp.AlreadyRegistered as error:
            return otp.Reply(error.ref)
        return otp.Reply(None)


class Ear(otp.Actor):
    """Keeps the news."""

    def init(self):
        self.state = []

    def handle_info(self, message):
        self.state.append(message)

    def handle_call(self, request, caller):
        news, self.state = self.state, []
        return otp.Reply(news)


@attrs.define
class Machine:
    """Does each step to the registry and to the model."""

    runtime: otp.Runtime
    registry: otp.Registry
    model: Model
    refs: list

    async def do(self, step):
        model = self.model
        match step:
            case Register(who, key, value):
                refused = await otp.call(self.refs[who], (self.registry, step))
                holders = model.under(key)
                if model.kind == "unique" and holders:
                    assert refused == holders[0][0]
                else:
                    assert refused is None
                    model.rows.append((self.refs[who], key, value))
                    model.heard.append(("in", self.refs[who], key, value))
            case Unregister(who, key):
                await otp.call(self.refs[who], (self.registry, step))
                model.drop([row for row in model.under(key) if row[0] == self.refs[who]], None)
            case UnregisterMatch(who, key, value):
                await otp.call(self.refs[who], (self.registry, step))
                own = [row for row in model.under(key) if row[0] == self.refs[who] and row[2] == value]
                model.drop(own, None)
            case Kill(who):
                old = self.refs[who]
                otp.exit(old, otp.Killed())
                await otp.wait_down(old)
                assert self.registry.keys(old) == []
                model.drop([row for row in model.rows if row[0] == old], otp.Killed())
                await self.settle()
            case KillKeeper():
                keeper = self.runtime.names.whereis("registry")
                owners = {row[0] for row in model.rows}
                otp.exit(keeper, otp.Killed())
                for ref in (keeper, *owners):
                    await otp.wait_down(ref)
                model.drop(model.rows, otp.Killed())
                await self.settle()

    async def settle(self):
        """Everybody is back."""
        await self.runtime.names.until("registry")
        self.refs = [await self.runtime.names.until(f"w{who}") for who in range(2)]
        await self.runtime.quiesce()

    async def compare(self):
        model, registry = self.model, self.registry
        assert registry.count() == len(registry) == len(model.rows)
        for key in ALL_KEYS:
            rows = model.under(key)
            assert bag((e.ref, e.value) for e in registry.lookup(key)) == bag((r[0], r[2]) for r in rows)
            assert registry.count_match(key, lambda value: value > 0) == sum(row[2] > 0 for row in rows)
            if model.kind == "unique":
                assert registry.whereis(key) == (rows[0][0] if rows else None)
        for ref in self.refs:
            assert bag(registry.keys(ref)) == bag(row[1] for row in model.rows if row[0] == ref)
            chain = [None, *held_by(find(ref)), None]
            assert all(
                (held.older, held.newer) == (chain[at - 1], chain[at + 1]) for at, held in enumerate(chain) if held
            )
        news = await otp.call(otp.Name("ear"), "take")
        assert bag(map(told, news)) == bag(model.heard)
        model.heard = []


def told(news):
    if isinstance(news, otp.Registered):
        return ("in", news.ref, news.key, news.value)
    return ("out", news.ref, news.key, news.reason)


def bag(items):
    """In any order, strictly."""
    return sorted(map(repr, items))


async def run(kind, steps):
    registry = otp.Registry("registry", keys=kind, listeners=[otp.Name("ear")])
    flags = otp.SupFlags(intensity=float("inf"), backoff=otp.Backoff(base=0, cap=0))
    workers = [otp.ChildSpec(id=f"w{who}", name=f"w{who}", start=Worker) for who in range(2)]
    specs = [otp.ChildSpec(id="ear", name="ear", start=Ear), registry.child(), *workers]
    async with otp.open_runtime(flags, specs) as runtime:
        refs = [runtime.names.whereis(f"w{who}") for who in range(2)]
        machine = Machine(runtime, registry, Model(kind), refs)
        for life, death in steps:
            for step in (*life, death):
                await machine.do(step)
                await machine.compare()
    assert registry.count() == 0


@pytest.mark.parametrize("kind", ["unique", "duplicate"])
@given(steps=STEPS)
@settings(max_examples=60)
def test_against_the_model(kind, steps):
    """R1 to R7: a registry is a list of owner, key and value; it never forgets, invents or keeps one too long, and listeners hear exactly what happened."""
    trio.run(run, kind, steps)
