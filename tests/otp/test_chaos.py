"""A thousand actors under random blows; afterwards every promise still holds."""

from __future__ import annotations

import contextlib
import logging
import random
from collections import Counter, defaultdict

import pytest
import structlog
import trio
from trio.testing import wait_all_tasks_blocked

from agentsup import otp
from agentsup.errors import SpecError
from agentsup.otp.testing import crash, leftovers
from tests.otp.actors import Boom, Store

FAST = otp.Backoff(base=0.01, cap=0.05)
FLAGS = [
    otp.SupFlags(name, intensity=float("inf"), backoff=FAST) for name in ("one_for_one", "one_for_all", "rest_for_one")
]


class Unlucky(Store):
    """Sometimes slow or failing, at its beginning and at its end."""

    rng: random.Random
    quiet: list[bool]

    def __init__(self, rng: random.Random, quiet: list[bool]) -> None:
        super().__init__()
        self.rng, self.quiet = rng, quiet

    async def init(self):
        self.state = []
        if not self.quiet[0]:
            chance = self.rng.random()
            if chance < 0.05:
                await trio.sleep(self.rng.random())
            elif chance < 0.08:
                raise Boom

    async def terminate(self, reason):
        if not self.quiet[0]:
            chance = self.rng.random()
            if chance < 0.1:
                raise Boom
            if chance < 0.2:
                await trio.sleep(self.rng.random() * 10)


class Watcher(Store):
    """Counts the Downs of each of its monitors."""

    trap_exit = True

    def init(self):
        self.state = Counter()

    def handle_cast(self, message):
        self.monitor(message)

    def handle_info(self, message):
        assert isinstance(message, otp.Down)
        self.state[message.monitor] += 1


def tree(rng: random.Random, quiet: list[bool]) -> list[otp.ChildSpec]:
    def leaf(path: str) -> otp.ChildSpec:
        return otp.ChildSpec(
            id=path,
            name=path,
            start=lambda: Unlucky(rng, quiet),
            restart=rng.choice(["permanent", "transient"]),
            shutdown=2.0,
        )

    def branch(path: str, children: list[otp.ChildSpec]) -> otp.ChildSpec:
        flags = rng.choice(FLAGS)
        return otp.ChildSpec(id=path, name=path, type="supervisor", start=lambda: otp.Supervisor(flags, children))

    return [
        branch(f"{i}", [branch(f"{i}.{j}", [leaf(f"{i}.{j}.{k}") for k in range(10)]) for j in range(10)])
        for i in range(10)
    ]


async def blow(rng: random.Random, rt: otp.Runtime, watcher: otp.Ref) -> None:
    """One random thing to a random process."""
    ref = rng.choice([cell.ref for cell in list(rt.cells.values()) if cell.ref not in (rt.root, watcher)])
    otp.cast(watcher, ref)
    match rng.randrange(6):
        case 0:
            otp.exit(ref, otp.Killed())
        case 1:
            otp.exit(ref, otp.Shutdown("chaos"))
        case 2:
            otp.cast(ref, ("raise", Boom()))
        case 3:
            otp.cast(ref, ("stop", otp.Normal()))
        case 4:
            with trio.move_on_after(rng.random()), contextlib.suppress(otp.CallError, SpecError):
                await otp.call(ref, ("sleep", 5.0))
        case 5:
            with trio.move_on_after(1.0), contextlib.suppress(otp.NoProc):
                await crash(ref)


@pytest.mark.parametrize("seed", [1, 2])
async def test_chaos(seed, autojump_clock):
    """No orphan task, consistent names, exactly one Down per monitor, children stopped in reverse order - whatever happened (rules P5, P6, S6)."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    rng, quiet = random.Random(seed), [True]
    try:
        flags = otp.SupFlags(intensity=float("inf"), backoff=FAST)
        async with otp.open_runtime(flags, tree(rng, quiet), seed=seed, shutdown_deadline=1e6, kill_grace=1.0) as rt:
            watcher = await otp.start_child(rt.root, otp.ChildSpec(id="w", start=Watcher, shutdown=1e6))
            assert len(rt.cells) == 1 + 10 + 100 + 1000 + 1
            quiet[0] = False
            for _ in range(500):
                with trio.move_on_after(rng.random() * 0.2):
                    await blow(rng, rt, watcher)
                if rng.random() < 0.3:
                    await trio.sleep(rng.random())
            quiet[0] = True
            await trio.sleep(1000)
            await wait_all_tasks_blocked()

            check_consistency(rt)
            downs = await otp.sys.get_state(watcher)
            watching = rt.cells[watcher.serial].monitoring or {}
            order = {each.path: each for each in rt.snapshot().root.walk()}
            events = rt.events(buffer=5000)
    finally:
        structlog.reset_defaults()
    ended = [event async for event in events if isinstance(event, otp.ProcessEnded)]

    assert leftovers(rt) == []
    assert set(downs.values()) <= {1}
    assert len(downs) > 20
    assert not set(downs) & set(watching)
    stopped = defaultdict(list)
    for event in ended:
        stopped[str(event.parent)].append(str(event.ref))
    for each in order.values():
        alive = [kid.ref for kid in each.children if kid.ref is not None]
        assert each.ref is None or stopped[each.ref] == alive[::-1]


def check_consistency(rt: otp.Runtime) -> None:
    """Tasks, processes, names and tree say the same."""
    snapshot = rt.snapshot()
    in_tree = {each.ref for each in snapshot.root.walk() if each.ref is not None}
    assert in_tree == {str(cell.ref) for cell in rt.cells.values()}
    assert len(rt.nursery.child_tasks) == len(rt.cells) + 1
    assert not rt.zombies
    for each in snapshot.root.walk():
        assert each.state in ("running", "stopped"), each.path
        for name in each.names:
            assert str(rt.names.whereis(name)) == each.ref
    assert len(rt.names) == sum(len(each.names) for each in snapshot.root.walk())
    kinds = Counter(each.state for each in snapshot.root.walk())
    assert kinds["running"] > 900
