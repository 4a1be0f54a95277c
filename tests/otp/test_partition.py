"""Partitions: N copies of one child, and the way of a key to one of them (rule D3)."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from agentsup import otp
from agentsup.errors import SpecError
from agentsup.otp.routing import content, route
from tests.otp.actors import AT_ONCE, NO_LIMIT, Boom, Store, child, crash

SUP = otp.Name("shards")
KEYS = st.recursive(
    st.one_of(st.text(), st.binary(), st.integers(), st.floats(), st.none(), st.booleans(), st.uuids()),
    lambda inner: st.tuples(inner, inner),
)


class Shard(Store):
    """Knows its number."""

    def __init__(self, number=None, log=None):
        super().__init__(log)
        self.number = number

    async def handle_call(self, request, caller):
        return otp.Reply(self.number) if request == "number" else await super().handle_call(request, caller)


def shards(partitions=4, start=Shard, **options):
    options = {"with_arguments": lambda number: (number,), "flags": NO_LIMIT, **options}
    return child(
        lambda: otp.PartitionSupervisor(otp.ChildSpec(start=start), partitions, **options),
        "shards",
        type="supervisor",
    )


@pytest.fixture
async def rt():
    async with otp.open_runtime(NO_LIMIT, [shards()]) as runtime:
        yield runtime


async def refs():
    return {info.id: info.ref for info in await otp.which_children(SUP)}


# Routing.


@given(st.integers(), st.integers(1, 9))
def test_integers(key, partitions):
    """D3: an integer goes to its absolute value modulo the number of partitions."""
    assert route(key, partitions) == abs(key) % partitions


@given(KEYS, st.integers(1, 9))
def test_in_range(key, partitions):
    """D3: every key has a partition, always the same."""
    assert 0 <= route(key, partitions) < partitions
    assert route(key, partitions) == route(key, partitions)


@given(KEYS, KEYS)
def test_content(one, other):
    """Keys that differ in kind or value differ in content, so nothing is merged before the checksum."""
    assert (content(one) == content(other)) == (repr(one) == repr(other))


def test_the_same_everywhere():
    """D3: a key goes to the same partition in another Python process, whatever its hash seed."""
    keys = ["a", b"a", ("a", 1, None), 2.5, True, uuid.UUID(int=7)]
    code = (
        "import uuid; from agentsup.otp.routing import route;"
        'print([route(k, 1000) for k in ["a", b"a", ("a", 1, None), 2.5, True, uuid.UUID(int=7)]])'
    )
    found = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert found.stdout.strip() == repr([route(key, 1000) for key in keys])
    assert route("customer-42", 8) == 2


def test_spread():
    """A thousand ids are spread over eight partitions without one being left out or getting double."""
    counts = [0] * 8
    for number in range(1000):
        counts[route(f"customer-{number}", 8)] += 1

    assert min(counts) > 60
    assert max(counts) < 250


@pytest.mark.parametrize("key", [frozenset(), object(), ("a", object())])
def test_keys_without_content(key):
    """What cannot be routed the same way everywhere is refused."""
    with pytest.raises(SpecError, match="cannot be routed"):
        route(key, 4)


# The supervisor.


async def test_partitions(rt):
    """D3: N copies, the id of each is its index, and each was started with its own arguments."""
    children = await refs()

    assert sorted(children) == [0, 1, 2, 3]
    assert [await otp.call(children[id], "number") for id in range(4)] == [0, 1, 2, 3]
    assert await otp.count_partitions(SUP) == 4


async def test_way_of_a_key(rt):
    """D3, R5: a key leads to its partition, as a ref and as a name that calls and casts can use."""
    children = await refs()

    for key in (0, 5, -3, "ann", ("ann", 1)):
        name = otp.partition_name(SUP, key)
        assert otp.partition_of(SUP, key) == children[route(key, 4)]
        assert await otp.call(name, "number") == route(key, 4)
    otp.cast(otp.partition_name(SUP, 2), "hi")
    assert await otp.call(children[2], "get") == ["hi"]


async def test_names_survive_restarts(rt):
    """A partition's name leads to its next incarnation, and to the next one of the whole supervisor."""
    name = otp.partition_name(SUP, 1)
    old, sup = otp.partition_of(SUP, 1), rt.names.whereis("shards")
    await crash(old)
    await wait_all_tasks_blocked()
    new = otp.partition_of(SUP, 1)
    otp.exit(sup, otp.Killed())
    await otp.wait_down(sup)
    await wait_all_tasks_blocked()

    assert new != old
    assert otp.partition_of(SUP, 1) not in (old, new)
    assert await otp.call(name, "number") == 1


async def test_only_its_own_keys(rt):
    """A crash takes one partition down and no other."""
    before = await refs()
    await crash(before[2])
    await wait_all_tasks_blocked()
    after = await refs()

    assert [id for id in before if before[id] != after[id]] == [2]


async def test_nobody_there(rt, autojump_clock):
    """While a partition, or the supervisor, is away, its keys are nobody's: calls say so, casts are dropped."""
    await otp.terminate_child(SUP, 1)
    for sup, key in ((SUP, 1), (otp.Name("nobody"), 0)):
        with pytest.raises(otp.NoProc):
            otp.partition_of(sup, key)
        with pytest.raises(otp.NoProc):
            await otp.call(otp.partition_name(sup, key), "number")
        otp.cast(otp.partition_name(sup, key), "lost")
    await otp.restart_child(SUP, 1)

    assert await otp.call(otp.partition_name(SUP, 1), "get") == []


async def test_not_a_partition_supervisor(rt):
    """Another actor has no partitions, and nobody else can take a place among them."""
    with pytest.raises(otp.NotFound, match="is a Supervisor and has no partitions"):
        otp.partition_of(rt.root, 1)
    spec = otp.ChildSpec(id="x", start=Store, name=otp.partition_name(SUP, 1))
    with pytest.raises(otp.AlreadyStarted):
        await otp.start_child(rt.root, spec)
    await otp.terminate_child(SUP, 1)
    processes = len(rt.cells)
    with pytest.raises(SpecError, match="no other child can hold it"):
        await otp.start_child(rt.root, spec)

    assert len(rt.cells) == processes


async def test_resize(rt):
    """D3: shrinking stops the partitions above, growing starts them again; keys are routed to the new number at once."""
    before = await refs()
    await otp.resize(SUP, 2)
    small = await refs()
    routed = [await otp.call(otp.partition_name(SUP, key), "number") for key in range(4)]
    await otp.resize(SUP, 3)
    grown = await refs()

    assert small == {0: before[0], 1: before[1], 2: None, 3: None}
    assert routed == [0, 1, 0, 1]
    assert await otp.count_partitions(SUP) == 3
    assert grown[0] == before[0]
    assert grown[2] not in (None, before[2])
    assert grown[3] is None
    assert await otp.call(otp.partition_name(SUP, 5), "number") == 2


@pytest.mark.parametrize("partitions", [5, -1, True, "2"])
async def test_resize_bounds(rt, partitions):
    """D3: never above what was started, and nothing that is no number."""
    with pytest.raises(SpecError, match="a whole number from 0 to 4"):
        await otp.resize(SUP, partitions)

    assert await otp.count_partitions(SUP) == 4


async def test_resize_to_none(rt):
    """D3: with no partitions a lookup raises; a message finds nobody; growing brings them back."""
    await otp.resize(SUP, 0)
    with pytest.raises(otp.NotFound, match="no partitions"):
        otp.partition_of(SUP, 1)
    with pytest.raises(otp.NoProc):
        await otp.call(otp.partition_name(SUP, 1), "number")
    await otp.resize(SUP, 4)

    assert await otp.call(otp.partition_name(SUP, 3), "number") == 3


async def test_resizes_at_once(autojump_clock):
    """Several resizes at a time end in the last one, also when partitions take their time to stop; everybody is answered."""

    class Slow(Shard):
        async def terminate(self, reason):
            await trio.sleep(2)

    async with otp.open_runtime(NO_LIMIT, [shards(start=Slow)]):
        async with trio.open_nursery() as nursery:
            for partitions in (1, 4, 2, 3):
                nursery.start_soon(otp.resize, SUP, partitions)
                await wait_all_tasks_blocked()
        alive = {id for id, ref in (await refs()).items() if ref is not None}

        assert alive == {0, 1, 2}
        assert await otp.count_partitions(SUP) == 3


async def test_hand_stopped_stay_stopped(rt):
    """A partition stopped by hand is not started by a resize; restart_child does."""
    await otp.terminate_child(SUP, 1)
    await otp.resize(SUP, 2)
    await otp.resize(SUP, 4)
    children = await refs()

    assert children[1] is None
    assert None not in (children[0], children[2], children[3])


async def test_beyond_the_size(rt):
    """A partition that was taken away is not started by hand."""
    await otp.resize(SUP, 2)
    with pytest.raises(SpecError, match="partition 3 is beyond the 2 there are"):
        await otp.restart_child(SUP, 3)

    assert (await otp.count_children(SUP)).active == 2


STEPS = st.lists(
    st.tuples(st.sampled_from(["resize", "crash", "stop", "restart", "tick"]), st.integers(0, 3)), max_size=14
)


@given(STEPS)
@settings(max_examples=40)
def test_against_a_model(steps):
    """D3: whatever is resized, stopped by hand, restarted and crashed: those below the size live, but for those stopped by hand."""

    class Slow(Shard):
        async def terminate(self, reason):
            await trio.sleep(self.number)

    async def main():
        size, by_hand = 4, set()
        async with otp.open_runtime(NO_LIMIT, [shards(start=Slow)]), trio.open_nursery() as nursery:
            for what, number in steps:
                match what:
                    case "resize":
                        size = number + 1
                        nursery.start_soon(otp.resize, SUP, size)
                    case "crash":
                        otp.cast(otp.partition_name(SUP, number), ("raise", Boom()))
                    case "stop":
                        await otp.terminate_child(SUP, number)
                        by_hand.add(number)
                    case "restart" if number in by_hand and number < size:
                        await otp.restart_child(SUP, number)
                        by_hand.discard(number)
                    case _:
                        await trio.sleep(number)
                await wait_all_tasks_blocked()
            await trio.sleep(99)
            alive = {id for id, ref in (await refs()).items() if ref is not None}

            assert alive == set(range(size)) - by_hand
            assert await otp.count_partitions(SUP) == size

    trio.run(main, clock=MockClock(autojump_threshold=0))


async def test_leaving_in_the_middle_of_a_resize(autojump_clock):
    """A runtime that ends while partitions stop ends in order, without starting one again."""
    log = []

    class Slow(Shard):
        async def terminate(self, reason):
            await trio.sleep(2)
            log.append(self.number)

    async with otp.open_runtime(NO_LIMIT, [shards(start=Slow)]) as runtime:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(otp.resize, SUP, 2)
            await wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        with trio.move_on_after(0):
            await otp.resize(SUP, 4)

    assert sorted(log) == [0, 1, 2, 3]
    assert len(runtime.cells) == 0


async def test_children_are_partitions(rt):
    """Children cannot be added or deleted, only resized."""
    with pytest.raises(SpecError, match="use resize"):
        await otp.start_child(SUP, otp.ChildSpec(id="x", start=Store))
    with pytest.raises(SpecError, match="use resize"):
        await otp.delete_child(SUP, 0)


async def test_dynamic_supervisors(autojump_clock):
    """The classical use: children are started under the partition of their key."""
    spec = otp.ChildSpec(start=otp.DynamicSupervisor, type="supervisor")
    sup = child(lambda: otp.PartitionSupervisor(spec, 3), "shards", type="supervisor")
    async with otp.open_runtime(otp.SupFlags(backoff=AT_ONCE), [sup]):
        for key in ("ann", "bob", "cy", "dee"):
            await otp.start_child(otp.partition_name(SUP, key), otp.ChildSpec(id=key, start=Store))
        counts = [(await otp.count_children(otp.partition_name(SUP, id))).active for id in range(3)]

    assert sum(counts) == 4
    assert counts[route("ann", 3)] >= 1


def test_bad_partitions():
    """What cannot be partitioned is refused, every problem at once."""
    with pytest.raises(SpecError) as caught:
        otp.PartitionSupervisor(
            otp.ChildSpec(start=Store, name="x", restart="temporary"),
            0,
            flags=otp.SupFlags("one_for_all"),
            with_arguments=(1,),
        )
    with pytest.raises(SpecError, match="a str is no ChildSpec"):
        otp.PartitionSupervisor("worker")

    assert [problem.path for problem in caught.value.problems] == [
        "spec.name",
        "spec.restart",
        "partitions",
        "flags.strategy",
        "with_arguments",
    ]


async def test_failing_partition():
    """A partition that cannot start is the supervisor's failed start, as of any static child."""

    def start(number):
        if number == 2:
            raise Boom
        return Shard(number)

    with pytest.raises(otp.InitFailed):
        async with otp.open_runtime(NO_LIMIT, [shards(start=start)]):
            raise AssertionError("not reached")
