"""Registries beyond unique names: duplicate keys, patterns, dispatch, listeners, locks, settings, and a life in a tree."""

from __future__ import annotations

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from agentsup import otp
from agentsup.errors import SpecError
from tests.otp.actors import NO_LIMIT, Boom, Store, child, crash

A, B = otp.Name("a"), otp.Name("b")


class Holder(Store):
    """Does with a registry what it is told."""

    async def handle_call(self, request, caller):
        if request == "get":
            return otp.Reply(list(self.state))
        registry, verb, *args = request
        try:
            return otp.Reply(getattr(registry, verb)(*args))
        except (otp.AlreadyRegistered, otp.RegistryClosed, otp.CallError, SpecError) as error:
            self.reply_error(caller, error)
            return otp.NoReply()


@pytest.fixture
async def rt():
    async with otp.open_runtime(NO_LIMIT, [child(Holder), child(Holder, "b"), child(Store, "ear")]) as runtime:
        yield runtime


@pytest.fixture
def group():
    return otp.Registry("group", keys="duplicate")


async def fill(registry):
    """Two entries of a, one of b."""
    for who, value in ((A, ("admin", 1)), (B, ("guest", 2)), (A, ("admin", 3))):
        await otp.call(who, (registry, "register", "room", value))


async def test_duplicate_keys(rt, group):
    """R1: a duplicate key has any number of entries, also several of one process, and each has its value."""
    await fill(group)
    a, b = rt.names.whereis("a"), rt.names.whereis("b")

    assert group.lookup("room") == [
        otp.Entry(a, ("admin", 1)),
        otp.Entry(a, ("admin", 3)),
        otp.Entry(b, ("guest", 2)),
    ]
    assert group.keys() == ["room"]
    assert group.keys(a) == ["room", "room"]
    assert group.count() == len(group) == 3
    assert group.lookup("nobody") == []


async def test_values(rt, group):
    """R3: values are one process's own, of the caller or of a ref."""
    await fill(group)

    assert group.values("room", rt.names.whereis("a")) == [("admin", 1), ("admin", 3)]
    assert await otp.call(B, (group, "values", "room")) == [("guest", 2)]
    assert group.values("nothing", rt.names.whereis("a")) == []
    with pytest.raises(otp.NotAnActor):
        group.values("room")


async def test_match(rt, group):
    """R3: entries are found by a pattern or a predicate on their value, under one key or all, and counted the same way."""
    await fill(group)
    await otp.call(B, (group, "register", "lobby", ("guest", 9)))
    a, b = rt.names.whereis("a"), rt.names.whereis("b")

    assert [entry.value for entry in group.match("room", otp.like(("admin", ...)))] == [("admin", 1), ("admin", 3)]
    assert group.count_match("room", lambda value: value[1] > 1) == 2
    assert group.select(lambda each: each.ref == b) == [
        otp.Registration("room", b, ("guest", 2)),
        otp.Registration("lobby", b, ("guest", 9)),
    ]
    assert group.count_select(lambda each: each.ref == a) == 2


async def test_unregister_match(rt, group):
    """R3: only the caller's own entries whose value fits are given up."""
    await fill(group)
    await otp.call(A, (group, "unregister_match", "room", otp.like((..., 3))))
    await otp.call(A, (group, "unregister_match", "room", otp.like((..., 2))))

    assert [entry.value for entry in group.lookup("room")] == [("admin", 1), ("guest", 2)]


async def test_unregister_all_of_mine(rt, group):
    """R4: unregister gives up all the entries of the caller under a key and nobody else's; without any it is nothing."""
    await fill(group)
    await otp.call(A, (group, "unregister", "room"))
    await otp.call(A, (group, "unregister", "room"))

    assert [entry.ref for entry in group.lookup("room")] == [rt.names.whereis("b")]


async def test_death_removes_everything(rt, group):
    """R4: the death of an owner takes all its entries, under every key, and no other's."""
    await fill(group)
    await otp.call(A, (group, "register", "lobby"))
    await crash(rt.names.whereis("a"))

    assert group.keys() == ["room"]
    assert [entry.value for entry in group.lookup("room")] == [("guest", 2)]


@pytest.mark.parametrize("act", ["whereis", "holder"])
def test_duplicates_name_nobody(group, act):
    """R5: a duplicate key is no address."""
    with pytest.raises(SpecError, match="duplicate keys"):
        getattr(group, act)("room")


async def test_duplicates_are_no_names(rt, group):
    """R5: neither a message nor a child's name can go through a registry with duplicate keys; the supervisor is unharmed."""
    with pytest.raises(SpecError, match="duplicate keys"):
        otp.cast(otp.Name("room", group), "hi")
    with pytest.raises(SpecError, match="duplicate keys"):
        await otp.start_child(rt.root, otp.ChildSpec(id="c", start=Store, name=otp.Name("c", group)))

    assert (await otp.count_children(rt.root)).specs == 3


async def test_update_value(rt, group):
    """R3: the owner of a unique key changes its value and is told the old one; others, and duplicate keys, are refused."""
    unique = otp.Registry()
    await otp.call(A, (unique, "register", "k", 1))

    assert await otp.call(A, (unique, "update_value", "k", 2)) == 1
    assert unique.lookup("k")[0].value == 2
    with pytest.raises(otp.NoProc):
        await otp.call(B, (unique, "update_value", "k", 3))
    with pytest.raises(SpecError, match="duplicate keys"):
        await otp.call(A, (group, "update_value", "k", 3))


async def test_dispatch(rt, group):
    """R6: dispatch runs here with all entries at once, not at all without any, and what it raises is raised here."""
    await fill(group)
    seen = []
    group.dispatch("room", seen.append)
    group.dispatch("nobody", seen.append)

    assert seen == [group.lookup("room")]
    with pytest.raises(ZeroDivisionError):
        group.dispatch("room", lambda entries: 1 / 0)


async def test_dispatch_as_pubsub(rt, group):
    """R6: this is how a group is told something."""
    await fill(group)
    group.dispatch("room", lambda entries: [otp.info(entry.ref, "hi") for entry in entries])

    assert await otp.call(A, "get") == ["hi", "hi"]
    assert await otp.call(B, "get") == ["hi"]


async def test_listeners(rt):
    """R7, G-7: a listener hears of every entry that comes and goes, also when its owner crashes, with the reason."""
    registry = otp.Registry("talk", listeners=[otp.Name("ear"), otp.Name("nobody")])
    a = rt.names.whereis("a")
    await otp.call(A, (registry, "register", "x", 1))
    await otp.call(A, (registry, "register", "y", 2))
    await otp.call(A, (registry, "unregister", "x"))
    boom = Boom()
    await crash(a, boom)

    assert await otp.call(otp.Name("ear"), "get") == [
        otp.Registered("talk", "x", a, 1),
        otp.Registered("talk", "y", a, 2),
        otp.Unregistered("talk", "x", a, None),
        otp.Unregistered("talk", "y", a, otp.Crashed(boom)),
    ]


async def test_listeners_before_down(rt):
    """P6, R7: a listener that also monitors the owner hears that the key is free before it hears of the end."""
    registry = otp.Registry("talk", listeners=[rt.names.whereis("ear")])
    a = rt.names.whereis("a")
    await otp.call(otp.Name("ear"), ("monitor", a))
    await otp.call(A, (registry, "register", "x"))
    otp.exit(a, otp.Killed())
    await otp.wait_down(a)
    heard = await otp.call(otp.Name("ear"), "get")

    assert [type(each) for each in heard] == [otp.Registered, otp.Unregistered, otp.Down]
    assert heard[1].reason == heard[2].reason == otp.Killed()


def test_bad_registries():
    """What a registry cannot be is said at once, with what would be right."""
    with pytest.raises(SpecError, match="keys: 'many' is unknown; one of unique, duplicate"):
        otp.Registry(keys="many")
    with pytest.raises(SpecError, match=r"listeners\[1\]: a str is no address"):
        otp.Registry(listeners=[otp.Name("a"), "b"])


@pytest.mark.parametrize(
    ("problem", "act"),
    [
        ("key: a list is not hashable", lambda registry, ref: registry.register([], owner=ref)),
        ("key: a dict is not hashable", lambda registry, ref: registry.lookup((1, {}))),
        ("owner: a str owns nothing", lambda registry, ref: registry.register("k", owner="a")),
        ("where: a tuple is no predicate; otp.like", lambda registry, ref: registry.match("k", ("admin", ...))),
        ("where: a str is no predicate", lambda registry, ref: registry.count_select("k")),
    ],
)
async def test_bad_arguments(rt, group, problem, act):
    """What cannot be meant is refused with what would be right, also while there is nothing to be found."""
    with pytest.raises(SpecError, match=problem):
        act(group, rt.names.whereis("a"))

    assert group.count() == 0


async def test_lock(rt, group):
    """R7: one block at a time per key, in order; other keys are free; strict keys are other keys."""
    log = []

    async def work(key, name):
        async with group.lock(key):
            log.append(f"{name} in")
            await wait_all_tasks_blocked()
            log.append(f"{name} out")

    async with trio.open_nursery() as nursery, group.lock(1):
        nursery.start_soon(work, 1, "first")
        await wait_all_tasks_blocked()
        nursery.start_soon(work, 1, "second")
        async with group.lock(1.0):
            log.append("other")

    assert log == ["other", "first in", "first out", "second in", "second out"]
    assert len(group._locks) == 0


async def test_lock_survives_its_users(group):
    """R7: a holder that raises gives the lock back, and a waiter that is cancelled stands in nobody's way."""
    with pytest.raises(Boom):
        async with group.lock("k"):
            raise Boom
    async with trio.open_nursery() as nursery, group.lock("k"):
        scope = await nursery.start(wait_for_lock, group)
        await wait_all_tasks_blocked()
        scope.cancel()
    async with group.lock("k"):
        pass

    assert len(group._locks) == 0


async def wait_for_lock(group, task_status):
    with trio.CancelScope() as scope:
        task_status.started(scope)
        async with group.lock("k"):
            raise AssertionError("cancelled, and yet in")


async def test_lock_of_a_killed_actor(rt, group):
    """R7: a killed holder gives the lock back."""

    class Grip(otp.Actor):
        async def handle_cast(self, message):
            async with group.lock("k"):
                await trio.sleep_forever()

    ref = await otp.start_child(rt.root, otp.ChildSpec(id="grip", start=Grip, restart="temporary"))
    otp.cast(ref, "hold")
    await rt.quiesce()
    otp.exit(ref, otp.Killed())
    async with group.lock("k"):
        pass

    assert await otp.wait_down(ref) in (otp.Killed(), otp.Gone())


def test_meta():
    """R8: settings of the registry as a whole are its own copy."""
    given = {"color": "red"}
    registry = otp.Registry(meta=given)
    registry.meta["size"] = 3
    del registry.meta["color"]

    assert registry.meta == {"size": 3}
    assert given == {"color": "red"}


@pytest.mark.parametrize(
    ("pattern", "value", "fits"),
    [
        (..., object(), True),
        (1, 1, True),
        (1, True, False),
        ((1, ...), (1, 2), True),
        ((1, ...), [1, 2], False),
        ((1, ...), (1, 2, 3), False),
        ([..., "x"], [0, "x"], True),
        ({"a": ...}, {"a": 1, "b": 2}, True),
        ({"a": {"b": 1}}, {"a": {"b": 1}}, True),
        ({"a": ...}, {"b": 2}, False),
        ({}, (), False),
    ],
)
def test_like(pattern, value, fits):
    """A pattern says its shape: dots for anything, sequences in full, mappings in part, the rest strictly."""
    assert otp.like(pattern)(value) is fits


# A life in a tree.


@pytest.fixture
async def tree():
    """The registry first, then those who use it."""
    registry = otp.Registry("group", keys="duplicate")
    flags = otp.SupFlags("rest_for_one", intensity=9, backoff=otp.Backoff(base=0, cap=0))
    async with otp.open_runtime(flags, [registry.child(), child(Holder)]) as runtime:
        yield runtime


async def test_as_a_child(tree):
    """A registry can be a named child: whoever has only its name finds it, and it comes back empty after a kill, with its users (R4)."""
    registry = otp.whereis_registry("group")
    await otp.call(A, (registry, "register", "room"))
    a, keeper = tree.names.whereis("a"), tree.names.whereis("group")
    otp.exit(keeper, otp.Killed())
    await otp.wait_down(keeper)
    lost = registry.count()
    await otp.wait_down(a)
    await tree.names.until("a")
    await otp.call(A, (registry, "register", "room"))

    assert lost == 0
    assert tree.names.whereis("a") != a
    assert otp.whereis_registry("group") is registry
    assert registry.count() == 1


async def test_owners_share_its_fate():
    """R4: whoever holds a key when the registry's process ends is sent its reason, as through a link; who traps exits hears it as Exit."""

    class Trapper(Holder):
        trap_exit = True

    registry = otp.Registry("r", listeners=[otp.Name("ear")])
    specs = [registry.child(), child(Holder, restart="temporary"), child(Trapper, "b"), child(Store, "ear")]
    async with otp.open_runtime(NO_LIMIT, specs) as runtime:
        a, keeper = runtime.names.whereis("a"), runtime.names.whereis("r")
        await otp.call(A, (registry, "register", "x"))
        await otp.call(B, (registry, "register", "y"))
        reason = otp.Shutdown("enough")
        await otp.stop(keeper, reason)
        ended = await otp.wait_down(a)
        heard = await otp.call(otp.Name("ear"), "get")
        trapped = await otp.call(B, "get")

    assert ended in (reason, otp.Gone())
    assert trapped == [otp.Exit(keeper, reason)]
    assert [each.reason for each in heard[2:]] == [reason, reason]


async def test_closed_registry():
    """While its process is not there nobody can register, and nothing is found."""
    registry = otp.Registry("r")
    spec = registry.child()
    async with otp.open_runtime(NO_LIMIT, [spec, child(Holder)]) as runtime:
        await otp.terminate_child(runtime.root, "r")
        with pytest.raises(otp.RegistryClosed, match="registry 'r' is not there"):
            await otp.call(A, (registry, "register", "x"))
        with pytest.raises(otp.NotFound, match="no registry lives under 'r'"):
            otp.whereis_registry("r")
        await otp.restart_child(runtime.root, "r")
        await otp.call(A, (registry, "register", "x"))

        assert registry.keys() == ["x"]


async def test_names_in_a_closed_registry(autojump_clock):
    """A child whose name is for a registry that is not there cannot be started by hand; one that lived is tried again until it can."""
    registry = otp.Registry("r")
    specs = [registry.child(), child(Holder, name=otp.Name("x", registry))]
    flags = otp.SupFlags(intensity=100, backoff=otp.Backoff(stable_after=100))
    async with otp.open_runtime(flags, specs) as runtime:
        old = registry.whereis("x")
        await otp.terminate_child(runtime.root, "r")
        await otp.wait_down(old)
        processes = len(runtime.cells)
        with pytest.raises(otp.RegistryClosed):
            await otp.start_child(runtime.root, child(Holder, "b", name=otp.Name("y", registry)))
        await trio.sleep(1)
        while_closed = registry.keys(), len(runtime.cells)
        await otp.restart_child(runtime.root, "r")
        new = await registry.until("x")

        assert while_closed == ([], processes)
        assert new != old


async def test_not_a_registry(rt):
    """Another actor's name is no registry."""
    with pytest.raises(otp.NotFound):
        otp.whereis_registry("a")


async def test_giving_up_in_any_order(rt):
    """Keys are given up in any order, and what is left is found from both sides at every moment."""
    registry = otp.Registry(keys="duplicate")
    a, b = rt.names.whereis("a"), rt.names.whereis("b")
    for owner in (a, b):
        for key in range(50):
            registry.register(key, owner=owner)
    for key in (0, 49, 25, *range(1, 25), *range(48, 25, -1)):
        await otp.call(A, (registry, "unregister", key))

        assert key not in registry.keys(a)
    assert registry.keys(a) == []
    assert sorted(registry.keys(b)) == list(range(50))
    assert registry.count() == 50
