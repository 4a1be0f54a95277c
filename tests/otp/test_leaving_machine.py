"""Leaving a runtime at any moment, from any state: in time, in order, with nothing left."""

from __future__ import annotations

import attrs
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from agentsup import otp
from agentsup.otp.testing import leftovers, so_far
from tests.otp.actors import Boom

TIMES = st.sampled_from([0.0, 0.0, 1.0, 2.0, 5.0, 40.0])
DEADLINE = 10.0


@attrs.frozen
class Manners:
    """How an actor behaves: seconds for its beginning and its end, and whether the end can be cut short."""

    starts_in: float
    stops_in: float
    shields: bool
    raises: bool
    spawns: bool


@attrs.frozen
class Leaf:
    manners: Manners
    shutdown: float | str


@attrs.frozen
class Branch:
    strategy: str
    children: tuple[object, ...]


MANNERS = st.builds(
    Manners,
    st.sampled_from([0.0, 0.0, 0.0, 1.0, 40.0]),
    TIMES,
    st.integers(0, 5).map(lambda number: number == 0),
    st.booleans(),
    st.booleans(),
)
LEAF = st.builds(Leaf, MANNERS, st.sampled_from([0.0, 1.0, 5.0, "brutal_kill"]))
TREE = st.lists(
    st.one_of(
        LEAF,
        st.builds(
            Branch,
            st.sampled_from(["one_for_one", "one_for_all", "rest_for_one", "dynamic"]),
            st.lists(LEAF, max_size=3).map(tuple),
        ),
    ),
    min_size=1,
    max_size=4,
)


class Actor(otp.Actor):
    """Behaves as its manners say."""

    def __init__(self, manners: Manners) -> None:
        self.manners = manners

    async def init(self):
        await trio.sleep(self.manners.starts_in)
        if self.manners.spawns:
            self.spawn(trio.sleep_forever)

    async def handle_cast(self, message):
        await trio.sleep(message)
        raise Boom

    async def terminate(self, reason):
        with trio.CancelScope(shield=self.manners.shields):
            await trio.sleep(self.manners.stops_in)
        if self.manners.raises:
            raise Boom


def spec(id: str, node: Leaf | Branch) -> otp.ChildSpec:
    if isinstance(node, Leaf):
        return otp.ChildSpec(id=id, name=id, start=lambda: Actor(node.manners), shutdown=node.shutdown)
    flags = otp.SupFlags("one_for_one" if node.strategy == "dynamic" else node.strategy, intensity=100)
    specs = [spec(f"{id}.{number}", child) for number, child in enumerate(node.children)]
    if node.strategy == "dynamic":
        start = lambda: otp.DynamicSupervisor(flags, source=lambda: specs)  # noqa: E731  (one of two factories)
    else:
        start = lambda: otp.Supervisor(flags, specs)  # noqa: E731
    return otp.ChildSpec(id=id, name=id, start=start, type="supervisor")


async def leave(tree, blows, stay, raises):
    specs = [spec(str(number), node) for number, node in enumerate(tree)]
    opened, failed, left_bare = None, False, False
    began = trio.current_time()
    opening = otp.open_runtime(otp.SupFlags(intensity=100), specs, shutdown_deadline=DEADLINE, kill_grace=1.0, seed=1)
    try:
        with trio.move_on_after(stay) as scope:
            async with opening as rt:
                opened, events = rt, rt.events(10_000)
                for who, seconds in blows:
                    names = sorted(rt.names.keys())
                    if names:
                        otp.cast(otp.Name(names[who % len(names)]), seconds)
                    await trio.sleep(seconds)
                failed = raises
                if raises:
                    raise Boom
    except Boom:
        left_bare = True
    assert left_bare is failed
    took = trio.current_time() - began
    shields = any(leaf.manners.shields for leaf in leaves(tree))
    assert took <= stay + DEADLINE + (40.0 if shields else 0.0) + 1e-6
    assert opened is not None or scope.cancelled_caught
    if opened is not None:
        assert leftovers(opened) == []
        ended = [event.ref for event in so_far(events) if isinstance(event, otp.ProcessEnded)]
        assert len(ended) == len(set(ended))
        assert ended[-1] == opened.root or took >= DEADLINE  # over the deadline everybody is cut off at once


def leaves(tree):
    return [leaf for node in tree for leaf in (node.children if isinstance(node, Branch) else (node,))]


@given(
    TREE,
    st.lists(st.tuples(st.integers(0, 5), st.sampled_from([0.0, 0.5, 3.0])), max_size=4),
    st.sampled_from([0.0, 0.5, 1.0, 3.0, 100.0]),
    st.booleans(),
)
@settings(max_examples=80)
def test_leaving_takes_no_longer_than_it_may(tree, blows, stay, raises):
    """Cancelled, failed or finished, while it starts or runs or restarts: the block is left within its deadline, and nothing of the tree remains."""
    trio.run(leave, tree, blows, stay, raises, clock=trio.testing.MockClock(autojump_threshold=0))
