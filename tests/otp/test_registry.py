"""Unique names."""

from __future__ import annotations

import pytest
import trio
from hypothesis import example, given
from hypothesis import strategies as st
from trio.testing import wait_all_tasks_blocked

from agentsup import otp
from agentsup.otp.entries import strict
from tests.otp.actors import NO_LIMIT, Boom, Store, child

A = otp.Name("a")


class Holder(Store):
    """Registers what it is told."""

    async def handle_call(self, request, caller):
        registry, verb, *args = request
        try:
            return otp.Reply(getattr(registry, verb)(*args))
        except otp.AlreadyRegistered as error:
            return otp.Reply(error)


@pytest.fixture
async def rt():
    async with otp.open_runtime(NO_LIMIT, [child(Holder), child(Holder, "b")]) as runtime:
        yield runtime


async def test_unique(rt):
    """A key has one holder; a clash names it, also when it is the caller itself (rule R2)."""
    registry = otp.Registry("test")
    a = rt.names.whereis("a")
    await otp.call(A, (registry, "register", "k", "v"))
    again = await otp.call(A, (registry, "register", "k"))
    other = await otp.call(otp.Name("b"), (registry, "register", "k"))

    assert again.ref == other.ref == a
    assert registry.whereis("k") == a
    assert registry.lookup("k") == [otp.Entry(a, "v")]
    assert registry.lookup("nothing") == []


async def test_keys_are_strict(rt):
    """1, 1.0 and True are three keys, also inside tuples (rule R1)."""
    registry = otp.Registry()
    for key in (1, 1.0, True, (1,), (1.0,), "1"):
        assert isinstance(await otp.call(A, (registry, "register", key)), otp.Ref)

    assert len(registry) == 6
    assert registry.keys(rt.names.whereis("a")) == [1, 1.0, True, (1,), (1.0,), "1"]


async def test_entries_die_with_their_owner(rt):
    """All entries of a process are gone before anybody hears of its death, and the keys can be taken at once (rules P6, R4)."""
    registry = otp.Registry()
    for key in ("x", "y"):
        await otp.call(A, (registry, "register", key))
    ref = rt.names.whereis("a")
    otp.cast(ref, ("raise", Boom()))
    await otp.wait_down(ref)
    taken = await otp.call(otp.Name("b"), (registry, "register", "x"))

    assert registry.keys() == ["x"]
    assert taken == rt.names.whereis("b")


async def test_unregister(rt):
    """Only the holder gives a key up; anybody else's try is nothing (rule R4)."""
    registry = otp.Registry()
    await otp.call(A, (registry, "register", "k"))
    await otp.call(otp.Name("b"), (registry, "unregister", "k"))
    kept = registry.whereis("k")
    await otp.call(A, (registry, "unregister", "k"))
    await otp.call(A, (registry, "unregister", "k"))

    assert kept == rt.names.whereis("a")
    assert registry.whereis("k") is None
    assert registry.keys(kept) == []


async def test_values(rt):
    """The holder changes what is kept beside its key."""
    registry = otp.Registry()
    await otp.call(A, (registry, "register", "k", 1))
    await otp.call(A, (registry, "update_value", "k", 2))

    assert registry.lookup("k")[0].value == 2


async def test_registering_others(rt):
    """From outside an actor an owner has to be named, and must live."""
    registry = otp.Registry()
    ref = rt.names.whereis("a")
    registry.register("k", owner=ref)
    with pytest.raises(otp.NotAnActor):
        registry.register("other")
    await otp.call(ref, (registry, "unregister", "k"))
    otp.exit(ref, otp.Killed())
    await otp.wait_down(ref)
    with pytest.raises(otp.NoProc):
        registry.register("k", owner=ref)


async def test_names_in_other_registries(rt):
    """A child can hold a name in a registry of its own; messages find it there."""
    registry = otp.Registry()
    ref = await otp.start_child(rt.root, otp.ChildSpec(id="c", start=Store, name=otp.Name("k", registry)))

    assert await otp.call(otp.Name("k", registry), "hi") == "hi"
    assert rt.names.whereis("k") is None
    assert registry.whereis("k") == ref


async def test_until(rt):
    """Until waits for a holder, goes on at once if there is one, and can be cancelled."""
    found: list[otp.Ref] = []

    async def wait() -> None:
        found.append(await rt.names.until("c"))

    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(wait)
        await wait_all_tasks_blocked()
        with trio.move_on_after(0):
            await rt.names.until("c")
        ref = await otp.start_child(rt.root, child(id="c"))

    assert found == [ref] * 3
    assert await rt.names.until("c") == ref


KEYS = st.recursive(
    st.one_of(
        st.integers(-2, 2), st.booleans(), st.sampled_from([0.0, 1.0, 2.0]), st.sampled_from(["", "1", "a"]), st.none()
    ),
    lambda keys: st.tuples(keys) | st.tuples(keys, keys),
    max_leaves=4,
)


def same(one, other):
    """Whether two keys are one and the same, as Erlang's `=:=` has it."""
    if type(one) is not type(other):
        return False
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


@given(one=KEYS, other=KEYS)
@example(one=1, other=True)
@example(one=True, other=(bool, True))
@example(one=(1,), other=(1.0,))
def test_strict_keys(one, other):
    """R1: two keys are one if they are equal and of one type, all the way down, and never otherwise."""
    assert (strict(one) == strict(other)) is same(one, other)
