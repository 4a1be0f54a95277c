"""The static supervisor: order, restarts, limits, strategies, and what one can ask of it."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import trio
from structlog.testing import capture_logs
from trio.testing import wait_all_tasks_blocked

from agentsup import otp
from agentsup.errors import SpecError
from agentsup.otp.testing import pass_time
from tests.otp.actors import AT_ONCE, NO_LIMIT, Boom, Store, child, crash

A, B, C = otp.Name("a"), otp.Name("b"), otp.Name("c")


class Diary(Store):
    """Writes its beginnings and ends into one list."""

    def __init__(self, diary: list[str], id: str) -> None:
        super().__init__()
        self.diary, self.id = diary, id

    def init(self):
        super().init()
        self.diary.append(f"+{self.id}")

    def terminate(self, reason):
        self.diary.append(f"-{self.id}")


def trio_of(diary: list[str], **options: Any) -> list[otp.ChildSpec]:
    return [child(lambda id=id: Diary(diary, id), id, **options) for id in "abc"]


def nested(flags: otp.SupFlags, specs: list[otp.ChildSpec], **options: Any) -> otp.ChildSpec:
    return child(lambda: otp.Supervisor(flags, specs), "sup", type="supervisor", **options)


SUP = otp.Name("sup")


async def test_order_of_start_and_stop():
    """Children start in order and stop in the reverse of it (rules S3, S6)."""
    diary: list[str] = []
    async with otp.open_runtime(specs=trio_of(diary)):
        diary.append("body")

    assert diary == ["+a", "+b", "+c", "body", "-c", "-b", "-a"]


async def test_start_is_sequential(autojump_clock):
    """A child starts only after the init of the one before it is done."""
    diary: list[str] = []

    class Slow(Diary):
        async def init(self):
            await trio.sleep(1)
            super().init()

    async with otp.open_runtime(specs=[child(lambda: Slow(diary, "a")), child(lambda: Diary(diary, "b"), "b")]):
        pass

    assert diary == ["+a", "+b", "-b", "-a"]


async def test_failed_first_start():
    """If a child cannot start, those before it stop in reverse, there is no retry, and the opener is told whom and why (rule S4)."""
    diary: list[str] = []
    tries: list[int] = []

    def bad() -> otp.Actor:
        tries.append(1)
        raise Boom

    with pytest.raises(otp.InitFailed) as caught:
        async with otp.open_runtime(specs=[*trio_of(diary), child(bad, "bad")]):
            pytest.fail("entered")

    assert diary == ["+a", "+b", "+c", "-c", "-b", "-a"]
    assert tries == [1]
    reason = caught.value.reason
    assert isinstance(reason, otp.Shutdown)
    assert isinstance(reason.info, otp.StartFailed)
    assert reason.info.child == "bad"


@pytest.mark.parametrize("strategy", ["one_for_one", "one_for_all", "rest_for_one"])
async def test_death_while_others_start(strategy, autojump_clock):
    """A child that ran and died while its supervisor still starts the others is restarted; only a failed first start is the end (rules S4, S16)."""
    starts: list[str] = []

    class Noted(Store):
        async def init(self):
            self.state = []
            starts.append(self.ref.label)
            if self.ref.label == "b":
                await trio.sleep(5)

    async def blow() -> None:
        await crash(otp.Name("a"))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(_after, 1.0, blow)
        async with otp.open_runtime(otp.SupFlags(strategy, backoff=AT_ONCE), [child(Noted), child(Noted, "b")]) as rt:
            alive = rt.names.whereis("a"), rt.names.whereis("b")

    assert None not in alive
    assert starts == {"one_for_one": ["a", "b", "a"], "one_for_all": ["a", "b", "a", "b"]}.get(
        strategy, ["a", "b", "a", "b"]
    )


async def _after(seconds: float, act) -> None:
    await trio.sleep(seconds)
    await act()


@pytest.mark.parametrize(
    ("restart", "how", "again"),
    [
        ("permanent", "crash", True),
        ("permanent", "normal", True),
        ("permanent", "shutdown", True),
        ("permanent", "kill", True),
        ("transient", "crash", True),
        ("transient", "normal", False),
        ("transient", "shutdown", False),
        ("transient", "kill", True),
        ("temporary", "crash", False),
        ("temporary", "normal", False),
        ("temporary", "kill", False),
    ],
)
async def test_restart_types(restart, how, again):
    """Permanent always, transient after an abnormal end, temporary never (rule S9)."""
    async with otp.open_runtime(NO_LIMIT, [child(restart=restart)]) as rt:
        ref = rt.names.whereis("a")
        assert ref is not None
        match how:
            case "crash":
                otp.cast(ref, ("raise", Boom()))
            case "normal":
                otp.cast(ref, ("stop", otp.Normal()))
            case "shutdown":
                otp.cast(ref, ("stop", otp.Shutdown("info")))
            case "kill":
                otp.exit(ref, otp.Killed())
        await otp.wait_down(ref)
        await wait_all_tasks_blocked()
        now = rt.names.whereis("a")
        listed = [info.state for info in await otp.which_children(rt.root)]

    assert (now is not None) is again
    assert now != ref
    assert listed == (["running"] if again else ["stopped"] if restart == "transient" else [])


async def test_limit_ends_the_supervisor(autojump_clock):
    """Intensity restarts within the period are allowed, one more ends the supervisor with a clean shutdown that names the offender (rules S11, S12)."""
    flags = otp.SupFlags(intensity=2, period=5.0, backoff=AT_ONCE)
    async with otp.open_runtime(NO_LIMIT, [nested(flags, [child(), child(id="b")], restart="transient")]) as rt:
        sup = rt.names.whereis("sup")
        assert sup is not None
        for _ in range(2):
            await crash(await rt.names.until("a"))
        await rt.names.until("a")
        still = rt.names.whereis("sup")
        await crash(A)
        reason = await otp.wait_down(sup)
        await wait_all_tasks_blocked()
        after = rt.names.whereis("sup"), rt.names.whereis("b")

    assert still == sup
    assert isinstance(reason, otp.Shutdown | otp.Gone)
    assert after == (None, None)


async def test_limit_of_the_root_leaves_the_block():
    """A root over its limit cancels the body and leaves as RestartLimitExceeded, caused by the last failure."""
    flags = otp.SupFlags(intensity=0, backoff=AT_ONCE)
    boom = Boom()
    with pytest.raises(otp.RestartLimitExceeded) as caught:
        async with otp.open_runtime(flags, [child()]) as rt:
            otp.cast(A, ("raise", boom))
            await rt.run_forever()

    assert caught.value.__cause__ is boom
    assert isinstance(caught.value.reason, otp.Shutdown)
    assert isinstance(caught.value.reason.info, otp.RestartLimit)
    assert caught.value.reason.info.offender == "a"


async def test_window_forgets(autojump_clock):
    """Restarts further apart than the period never add up."""
    flags = otp.SupFlags(intensity=1, period=2.0, backoff=AT_ONCE)
    async with otp.open_runtime(flags, [child()]) as rt:
        for _ in range(5):
            await crash(await rt.names.until("a"))
            await trio.sleep(2.0)
        alive = rt.names.whereis("a")

    assert alive is not None


async def test_first_restart_is_immediate_then_delayed(autojump_clock):
    """The first restart comes at once, the next within the ceiling of the backoff, which grows to its cap and is reset by stability."""
    backoff = otp.Backoff(base=1.0, cap=4.0, factor=2.0, stable_after=10.0)
    times: list[float] = []

    class Timed(Store):
        def init(self):
            super().init()
            times.append(trio.current_time())

    async with otp.open_runtime(
        otp.SupFlags(intensity=100, period=1000.0, backoff=backoff), [child(Timed)], seed=7
    ) as rt:
        for _ in range(6):
            await crash(await rt.names.until("a"))
        await rt.names.until("a")
        await trio.sleep(10.0)
        before = trio.current_time()
        await crash(A)
        await rt.names.until("a")
        after = trio.current_time()

    delays = [later - earlier for earlier, later in itertools.pairwise(times[:7])]
    ceilings = [0.0, 1.0, 2.0, 4.0, 4.0, 4.0]
    assert delays[0] == 0
    assert all(0 <= delay <= ceiling for delay, ceiling in zip(delays, ceilings, strict=True))
    assert sum(delays) > 0
    assert before == after


async def test_retry_after_is_a_floor(autojump_clock):
    """A failure that says when to come back is not retried before."""
    async with otp.open_runtime(NO_LIMIT, [child()]) as rt:
        began = trio.current_time()
        await crash(A, Boom(retry_after=7.5))
        await rt.names.until("a")
        waited = trio.current_time() - began

    assert waited == pytest.approx(7.5)


async def test_requests_are_served_during_a_delay(autojump_clock):
    """While a child waits for its restart the supervisor answers; a terminate calls the restart off (rules S16, S17)."""
    async with otp.open_runtime(NO_LIMIT, [child()]) as rt:
        await crash(A, Boom(retry_after=50.0))
        await wait_all_tasks_blocked()
        shown = (await otp.which_children(rt.root))[0]
        with pytest.raises(otp.Restarting):
            await otp.restart_child(rt.root, "a")
        with pytest.raises(otp.Restarting):
            await otp.delete_child(rt.root, "a")
        with pytest.raises(otp.AlreadyPresent):
            await otp.start_child(rt.root, child())
        await otp.terminate_child(rt.root, "a")
        await trio.sleep(100)
        after = (await otp.which_children(rt.root))[0]

    assert (shown.state, shown.ref) == ("restarting", None)
    assert (after.state, after.ref) == ("stopped", None)


async def test_requests_are_served_during_a_slow_init(autojump_clock):
    """A child that hangs in init does not keep its supervisor from answering, nor from stopping it."""

    class Stuck(Store):
        async def init(self):
            await trio.sleep_forever()

    async with otp.open_runtime() as rt, trio.open_nursery() as nursery:

        async def start() -> None:
            with pytest.raises(otp.InitFailed):
                await otp.start_child(rt.root, child(Stuck))

        nursery.start_soon(start)
        await wait_all_tasks_blocked()
        shown = (await otp.which_children(rt.root))[0].state
        await otp.terminate_child(rt.root, "a")

    assert shown == "starting"


async def test_failing_restarts_are_retried_and_counted(autojump_clock):
    """A restart whose start fails is tried again, each try counts, and a good one ends it (rule S16)."""
    tries: list[float] = []

    class Moody(Store):
        def init(self):
            super().init()
            tries.append(trio.current_time())
            if 1 < len(tries) < 5:
                raise Boom

    async with otp.open_runtime(otp.SupFlags(intensity=4, period=100.0), [child(Moody)]) as rt:
        await crash(A)
        await trio.sleep(10)
        restarts = (await otp.which_children(rt.root))[0].restarts

    assert len(tries) == 5
    assert restarts == 4


async def test_one_for_all():
    """All stop in reverse order and start again in order; one restart is counted for all of them (rules S11, S14)."""
    diary: list[str] = []
    flags = otp.SupFlags("one_for_all", intensity=1, backoff=AT_ONCE)
    async with otp.open_runtime(flags, trio_of(diary)) as rt:
        diary.clear()
        await crash(B)
        await rt.names.until("c")
        await wait_all_tasks_blocked()
        middle = list(diary)

    assert middle == ["-b", "-c", "-a", "+a", "+b", "+c"]


async def test_rest_for_one():
    """The failed child and those started after it, in the same orders (rule S15)."""
    diary: list[str] = []
    async with otp.open_runtime(otp.SupFlags("rest_for_one", backoff=AT_ONCE), trio_of(diary)) as rt:
        diary.clear()
        before = rt.names.whereis("a")
        await crash(B)
        await rt.names.until("c")
        await wait_all_tasks_blocked()
        middle = list(diary)
        after = rt.names.whereis("a")

    assert middle == ["-b", "-c", "+b", "+c"]
    assert before == after


async def test_one_for_all_and_the_others():
    """A group restart forgets temporary siblings and revives hand-stopped ones (rule S14)."""
    specs = [child(), child(id="b", restart="temporary"), child(id="c", restart="transient")]
    async with otp.open_runtime(otp.SupFlags("one_for_all", backoff=AT_ONCE), specs) as rt:
        await otp.terminate_child(rt.root, "c")
        await crash(A)
        await rt.names.until("c")
        await wait_all_tasks_blocked()
        shown = {info.id: info.state for info in await otp.which_children(rt.root)}

    assert shown == {"a": "running", "c": "running"}


async def test_large_groups_take_linear_time():
    """Starting, restarting and stopping a group takes work in proportion to its size (rule S23): the steps of the loop are counted, not the time."""

    class Steps(trio.abc.Instrument):
        count = 0

        def before_task_step(self, task):
            self.count += 1

    taken = []
    for size in (50, 500):
        steps = Steps()
        trio.lowlevel.add_instrument(steps)
        specs = [child(id=str(number)) for number in range(size)]
        async with otp.open_runtime(otp.SupFlags("one_for_all", backoff=AT_ONCE), specs) as rt:
            last = rt.names.whereis(str(size - 1))
            await crash(otp.Name("7"))
            await rt.names.until(str(size - 1))
            await wait_all_tasks_blocked()
            assert rt.names.whereis(str(size - 1)) not in (None, last)
        trio.lowlevel.remove_instrument(steps)
        taken.append(steps.count)

    assert taken[1] < 11 * taken[0]


async def test_group_retry_starts_where_it_failed():
    """rest_for_one retries from the child that failed to start; one_for_all stops everything and begins again (rule S16)."""
    for strategy, expected in (
        ("rest_for_one", ["-a", "-c", "-b", "+a", "!b", "+b", "+c"]),
        ("one_for_all", ["-a", "-c", "-b", "+a", "!b", "-a", "+a", "+b", "+c"]),
    ):
        diary: list[str] = []
        failing = [False]

        class Moody(Diary):
            def init(self, failing=failing):
                if failing[0]:
                    failing[0] = False
                    self.diary.append("!b")
                    raise Boom
                super().init()

        specs = trio_of(diary)
        specs[1] = child(lambda diary=diary, cls=Moody: cls(diary, "b"), "b")
        async with otp.open_runtime(otp.SupFlags(strategy, backoff=AT_ONCE), specs) as rt:
            diary.clear()
            failing[0] = True
            await crash(A)
            await rt.names.until("c")
            await wait_all_tasks_blocked()
            middle = list(diary)

        assert middle == expected


async def test_asking_for_children():
    """start, terminate, restart, delete and the lists behave as OTP's (rules S18, S19)."""
    async with otp.open_runtime(NO_LIMIT, [child()]) as rt:
        root = rt.root
        first = rt.names.whereis("a")
        with pytest.raises(otp.AlreadyStarted) as caught:
            await otp.start_child(root, child())
        assert caught.value.ref == first
        with pytest.raises(otp.Running):
            await otp.restart_child(root, "a")
        with pytest.raises(otp.Running):
            await otp.delete_child(root, "a")
        b = await otp.start_child(root, child(id="b", restart="temporary"))
        counted = await otp.count_children(root)
        listed = [info.id for info in await otp.which_children(root)]
        await otp.terminate_child(root, "a")
        await otp.terminate_child(root, "a")
        with pytest.raises(otp.AlreadyPresent):
            await otp.start_child(root, child())
        second = await otp.restart_child(root, "a")
        await otp.terminate_child(root, "a")
        await otp.delete_child(root, "a")
        for ask in (otp.terminate_child, otp.restart_child, otp.delete_child, otp.get_childspec):
            with pytest.raises(otp.NotFound, match="it has 'b'"):
                await ask(root, "a")
        spec = await otp.get_childspec(root, b)

    assert counted == otp.Counts(specs=2, active=2, supervisors=0, workers=2)
    assert listed == ["b", "a"]
    assert second != first
    assert spec.id == "b"


async def test_failed_restart_child_keeps_the_spec():
    """restart_child whose start fails raises and keeps the spec; start_child stores nothing (rule S18)."""
    fail = [False]

    class Moody(Store):
        def init(self):
            if fail[0]:
                raise Boom

    async with otp.open_runtime(NO_LIMIT, [child(Moody)]) as rt:
        await otp.terminate_child(rt.root, "a")
        fail[0] = True
        with pytest.raises(otp.InitFailed):
            await otp.restart_child(rt.root, "a")
        with pytest.raises(otp.InitFailed):
            await otp.start_child(rt.root, child(Moody, "b"))
        listed = [(info.id, info.state) for info in await otp.which_children(rt.root)]
        fail[0] = False
        await otp.restart_child(rt.root, "a")

    assert listed == [("a", "stopped")]


async def test_ignore_keeps_the_spec():
    """A child that ignores counts as started; its spec is kept, a temporary one's is not (rule S5)."""

    class Idle(otp.Actor):
        def init(self):
            return otp.Ignore()

    async with otp.open_runtime(NO_LIMIT, [child(Idle), child(Idle, "b", restart="temporary"), child(id="c")]) as rt:
        listed = [(info.id, info.state) for info in await otp.which_children(rt.root)]
        with pytest.raises(otp.StartIgnored):
            await otp.restart_child(rt.root, "a")

    assert listed == [("c", "running"), ("a", "stopped")]


async def test_hand_through():
    """What init hands through comes with the ref, from start_child and restart_child only (rule S21)."""

    class Generous(Store):
        def init(self):
            self.hand_through({"port": 80})

    async with otp.open_runtime() as rt:
        started = await otp.start_child(rt.root, child(Generous))
        await otp.terminate_child(rt.root, "a")
        again = await otp.restart_child(rt.root, "a")

    assert isinstance(started, otp.Started)
    assert isinstance(again, otp.Started)
    assert started.extra == again.extra == {"port": 80}


@pytest.mark.parametrize(
    ("auto", "enders", "ends"),
    [
        ("any_significant", ["a"], True),
        ("all_significant", ["a"], False),
        ("all_significant", ["a", "b"], True),
        ("any_significant", ["c"], False),
    ],
)
async def test_auto_shutdown(auto, enders, ends):
    """Significant children that end by themselves for good end the supervisor, with a clean reason (rule S20)."""
    specs = [
        child(restart="transient", significant=True),
        child(id="b", restart="temporary", significant=True),
        child(id="c", restart="transient"),
    ]
    flags = otp.SupFlags(auto_shutdown=auto, backoff=AT_ONCE)
    async with otp.open_runtime(NO_LIMIT, [nested(flags, specs, restart="transient")]) as rt:
        for id in enders:
            otp.cast(otp.Name(id), ("stop", otp.Normal()))
            await wait_all_tasks_blocked()
        alive = rt.names.whereis("sup")

    assert (alive is None) is ends


async def test_no_auto_shutdown_by_hand():
    """terminate_child of a significant child, or its restart, ends nothing (rule S20)."""
    specs = [child(restart="transient", significant=True), child(id="b", restart="transient", significant=True)]
    async with otp.open_runtime(
        NO_LIMIT, [nested(otp.SupFlags(auto_shutdown="any_significant", backoff=AT_ONCE), specs)]
    ) as rt:
        await otp.terminate_child(SUP, "a")
        await crash(B)
        await wait_all_tasks_blocked()
        alive = rt.names.whereis("sup"), rt.names.whereis("b")

    assert None not in alive


async def test_killed_supervisor_takes_its_children_along():
    """Killing a supervisor kills its children, frees their names, and its parent starts it again (rule S22)."""
    reasons: list[object] = []

    async with otp.open_runtime(NO_LIMIT, [nested(NO_LIMIT, [child(), child(id="b")])]) as rt:
        sup, a = rt.names.whereis("sup"), rt.names.whereis("a")
        assert sup is not None
        assert a is not None

        async def hear() -> None:
            reasons.append(await otp.wait_down(a))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(hear)
            await wait_all_tasks_blocked()
            otp.exit(sup, otp.Killed())
            await otp.wait_down(sup)
        await rt.names.until("b")
        again = rt.names.whereis("sup"), rt.names.whereis("a")

    assert reasons == [otp.Killed()]
    assert None not in again
    assert again != (sup, a)


async def test_stop_during_a_retry_loop(autojump_clock):
    """Stopping a supervisor whose child keeps failing does not hang (rule S17)."""

    class Bad(Store):
        def init(self):
            if trio.current_time() > began:
                raise Boom

    began = trio.current_time()
    async with otp.open_runtime(otp.SupFlags(intensity=10**6, period=1e9), [child(Bad)]):
        await trio.sleep(1)
        await crash(A)
        await trio.sleep(10)
        left = trio.current_time()

    assert trio.current_time() - left < 1


async def test_bad_specs_are_refused_whole():
    """Every problem of flags and specs is named with its place, and nothing is started (rule S2)."""
    with pytest.raises(SpecError) as flags:
        otp.SupFlags("one_for_none", intensity=-1, period=0, auto_shutdown="maybe")
    with pytest.raises(SpecError) as spec:
        otp.ChildSpec(
            id=[], start=None, restart="often", type="boss", shutdown=-1, init_timeout=-1, significant=True, backoff=3
        )
    with pytest.raises(SpecError) as specs:
        otp.check_childspecs(
            [child(), child(), otp.ChildSpec(start=Store), "x", child(id="s", restart="transient", significant=True)],
            otp.SupFlags(),
        )
    with pytest.raises(TypeError):
        otp.ChildSpec(id="a", start=Store, restrat="permanent")

    assert [problem.path for problem in flags.value.problems] == ["strategy", "auto_shutdown", "intensity", "period"]
    assert {problem.path for problem in spec.value.problems} == {
        "start",
        "restart",
        "type",
        "shutdown",
        "init_timeout",
        "id",
        "backoff",
    }
    assert [problem.path for problem in specs.value.problems] == [
        "children[1].id",
        "children[2].id",
        "children[3]",
        "children[4].significant",
    ]


async def test_contextvars_follow_the_child():
    """Every incarnation runs in a fresh copy of the context its child was started in."""
    import contextvars

    var: contextvars.ContextVar[str] = contextvars.ContextVar("var", default="none")
    seen: list[str] = []

    class Reader(Store):
        def init(self):
            super().init()
            seen.append(var.get())
            var.set("changed inside")

    async with otp.open_runtime(NO_LIMIT) as rt:
        var.set("starter")
        await otp.start_child(rt.root, child(Reader))
        var.set("later")
        await crash(A)
        await rt.names.until("a")
        await wait_all_tasks_blocked()

    assert seen == ["starter", "starter"]


async def test_siblings_failure_does_not_shorten_the_wait(mock_clock):
    """A group that was asked to wait goes on waiting when another of its failures asks for nothing, also when it takes in more."""
    flags = otp.SupFlags("rest_for_one", intensity=100, backoff=AT_ONCE)
    async with otp.open_runtime(flags, [child(id="a"), child(id="b")]) as rt:
        await crash(otp.Name("b"), Boom(retry_after=30.0))
        await pass_time(10.0)
        await crash(otp.Name("a"))
        await pass_time(19.0)
        states = {info.id: info.state for info in await otp.which_children(rt.root)}
        await pass_time(1.5)
        later = {info.id: info.state for info in await otp.which_children(rt.root)}
        await crash(otp.Name("a"))
        await rt.quiesce()
        next_time = {info.id: info.state for info in await otp.which_children(rt.root)}

    assert states == {"a": "restarting", "b": "restarting"}
    assert later == next_time == {"a": "running", "b": "running"}


async def test_death_before_being_asked_is_reported(mock_clock):
    """A permanent child of a stopping group that dies by itself, before its turn to be asked comes, is reported like any other death."""

    class Slow(Store):
        async def terminate(self, reason):
            await trio.sleep(1.0)

    flags = otp.SupFlags("one_for_all", intensity=100, backoff=AT_ONCE)
    with capture_logs() as logs:
        async with otp.open_runtime(flags, [child(id="a"), child(id="b"), child(Slow, "c")]) as rt:
            await crash(otp.Name("a"))
            await rt.quiesce()
            await otp.stop(otp.Name("b"))
            await pass_time(2.0)
            states = {info.id: info.state for info in await otp.which_children(rt.root)}
            mock_clock.autojump_threshold = 0

    reports = [(log["context"], log["offender"]["id"]) for log in logs if log["event"] == "supervisor_report"]
    assert reports == [("child_terminated", "a"), ("child_terminated", "b")]
    assert states == {"a": "running", "b": "running", "c": "running"}
