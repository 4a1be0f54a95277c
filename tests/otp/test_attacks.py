"""Blows where they hurt: Ctrl-C inside every kind of user code, kills before and between callbacks, and trees that are deep."""

from __future__ import annotations

import contextlib
import gc
import signal
import sys
import weakref

import pytest
import trio
import trio.testing

from agentsup import otp
from agentsup.otp import ending, process
from agentsup.otp.testing import assert_event, leftovers, no_leaks
from tests.otp.actors import AT_ONCE, NO_LIMIT, Boom, Store, child

A = otp.Name("a")


def interrupt(*_):
    """What Ctrl-C does, here and now."""
    signal.raise_signal(signal.SIGINT)


class Interrupted(Store):
    """Is interrupted in one kind of callback; is a good child otherwise."""

    where = ""

    def __init__(self, log, again=True):
        super().__init__(log)
        self._hit("factory")

    def _hit(self, where):
        if self.where == where:
            type(self).where = ""
            interrupt()

    def init(self):
        super().init()
        self._hit("init")
        return otp.Continue() if self.where == "continue" else None

    def handle_continue(self, arg):
        self._hit("continue")

    async def handle_call(self, request, caller):
        self._hit("call")
        await trio.lowlevel.checkpoint()
        self._hit("call, later")
        return otp.Reply(request)

    def handle_cast(self, message):
        self._hit("cast")

    def handle_info(self, message):
        self._hit("info")

    async def work(self):
        await trio.lowlevel.checkpoint()
        self._hit("spawned")

    def terminate(self, reason):
        super().terminate(reason)
        self._hit("terminate")

    def format_status(self, state):
        self._hit("format_status")
        return "state"


PLACES = [
    "factory",
    "init",
    "continue",
    "call",
    "call, later",
    "cast",
    "info",
    "spawned",
    "terminate",
    "format_status",
    "replace",
    "watcher",
    "key",
    "source",
]


async def provoke(where):
    """Have the code run in which the interrupt waits."""
    match where:
        case "cast" | "info":
            getattr(otp, where)(A, "x")
        case "spawned":
            actor = otp.current_runtime().names.holder("a").actor
            actor.spawn(actor.work)
        case "terminate":
            await otp.stop(A)
        case "format_status":
            await otp.sys.get_status(A)
        case "replace":
            await otp.sys.replace_state(A, interrupt)
        case "watcher":
            await otp.sys.install(A, interrupt)
            await otp.call(A, "x")
        case "key":
            otp.cast(otp.Name("keyed"), "x")
        case "source":
            otp.exit(otp.whereis("dyn"), otp.Killed())
        case _:
            await otp.call(A, "x")
    await trio.sleep_forever()


class Keyed(Store):
    mailbox = otp.MailboxSpec(5, "coalesce", key=interrupt)


@pytest.mark.parametrize("where", PLACES)
def test_interrupt_in_user_code(where, monkeypatch):
    """A Ctrl-C in whatever user code runs stops the tree in order and leaves the block bare; the neighbours terminate, nothing is left."""
    log, kept = [], []
    monkeypatch.setattr(Interrupted, "where", where)

    def source():
        if where == "source" and kept:
            interrupt()
        return []

    async def main():
        dyn = otp.ChildSpec(
            id="dyn", name="dyn", type="supervisor", start=lambda: otp.DynamicSupervisor(NO_LIMIT, source=source)
        )
        specs = [child(lambda: Store(log), "first"), child(lambda: Interrupted(log)), child(Keyed, "keyed"), dyn]
        async with otp.open_runtime(NO_LIMIT, specs) as rt:
            kept.append(rt)
            await provoke(where)

    with pytest.raises(KeyboardInterrupt):
        trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))

    if kept:
        assert leftovers(kept[0]) == []
        assert log[-1] == otp.Shutdown(), "the neighbour that was started first terminates last"
    else:
        assert where in ("factory", "init", "continue")


@pytest.mark.parametrize("steps", range(0, 60, 3))
def test_interrupt_at_any_step(steps):
    """A Ctrl-C at any step of calling, restarting and stopping ends in KeyboardInterrupt alone, with nothing left."""
    kept = []

    class Tick(trio.abc.Instrument):
        left = steps

        def before_task_step(self, task):
            self.left -= 1
            if self.left == -1:
                interrupt()

    async def main():
        async with otp.open_runtime(NO_LIMIT, [child(), child(id="b")]) as rt:
            kept.append(rt)
            trio.lowlevel.add_instrument(Tick())
            while True:
                await otp.call(A, "x")
                otp.cast(A, ("raise", Boom()))
                with contextlib.suppress(otp.CallError):
                    await otp.call(otp.Name("b"), ("call", A, "x"))
                await rt.names.until("a")

    with pytest.raises(KeyboardInterrupt):
        trio.run(main)

    assert leftovers(kept[0]) == []


async def test_killed_before_it_began(autojump_clock):
    """A process that is killed in the step in which it was started never runs: no factory, no init; the starter is told, the name is free."""
    made = []

    class Hasty(otp.DynamicSupervisor):
        def _launch(self, child):
            super()._launch(child)
            otp.exit(child.cell.ref, otp.Killed())

    hasty = otp.ChildSpec(id="hasty", name="hasty", type="supervisor", start=Hasty)
    async with no_leaks(), otp.open_runtime(NO_LIMIT, [hasty]) as rt:
        with pytest.raises(otp.InitFailed) as caught:
            await otp.start_child(otp.Name("hasty"), child(lambda: made.append("made")))

        assert rt.names.count() == 1

    assert (made, caught.value.reason) == ([], otp.Killed())


class Suicidal(otp.Actor):
    """Kills itself in one kind of callback, at once or in what that leaves to be awaited."""

    def __init__(self, where, kind, log):
        self.where, self.kind, self.log = where, kind, log

    def _do(self, here):
        self.log.append(here)
        if here != self.where:
            return None
        return self._now() if self.kind == "sync" else self._later()

    def _now(self):
        otp.exit(self.ref, otp.Killed())
        self.log.append("went on")

    async def _later(self):
        self._now()
        await trio.sleep(1)
        self.log.append("survived")

    def init(self):
        done = self._do("init")
        return otp.Continue() if self.where == "continue" else done

    def handle_continue(self, arg):
        return self._do("continue")

    def handle_call(self, request, caller):
        return self._do("call") or otp.NoReply()

    def handle_cast(self, message):
        return self._do("cast")

    def handle_info(self, message):
        return self._do("info")

    def terminate(self, reason):
        self.log.append("terminate")


@pytest.mark.parametrize("kind", ["sync", "async"])
@pytest.mark.parametrize("where", ["init", "continue", "call", "cast", "info"])
async def test_kills_itself(where, kind, autojump_clock):
    """A process that kills itself in a callback ends as killed when that is over, handles nothing more and does not terminate."""
    log = []
    reason = None
    async with no_leaks(), otp.open_runtime(NO_LIMIT) as rt:
        started = child(lambda: Suicidal(where, kind, log), restart="temporary")
        if where == "init" and kind == "async":
            with pytest.raises(otp.InitFailed) as caught:
                await otp.start_child(rt.root, started)
            reason = caught.value.reason
        else:
            events = rt.events()
            ref = await otp.start_child(rt.root, started)
            if where in ("cast", "info"):
                getattr(otp, where)(ref, "x")
            elif where == "call":
                with pytest.raises(otp.ServerDied):
                    await otp.call(ref, "x")
            otp.cast(ref, "later")
            reason = (await assert_event(events, otp.ProcessEnded, ref=ref)).reason

    assert reason == otp.Killed()
    first = [] if where == "init" else ["init"]
    assert log == [*first, where, "went on"]


async def test_swallowing_the_cancellation_helps_nobody(autojump_clock):
    """A callback that catches the cancellation of a kill and returns has its process die all the same, as killed."""

    class Stubborn(otp.Actor):
        async def handle_cast(self, message):
            with contextlib.suppress(trio.Cancelled):
                await trio.sleep_forever()

    async with no_leaks(), otp.open_runtime(NO_LIMIT) as rt:
        ref = await otp.start_child(rt.root, child(Stubborn, restart="temporary"))
        otp.cast(ref, "x")
        await rt.quiesce()
        otp.exit(ref, otp.Killed())

        assert await otp.wait_down(ref) == otp.Killed()


async def test_clean_up_that_raises_while_killed(autojump_clock):
    """A clean-up that raises in a killed or stopped async callback is no crash: nothing is restarted for it (section 3.2, X-c)."""
    started = []

    class Messy(otp.Actor):
        def init(self):
            started.append(self.ref)

        async def handle_cast(self, message):
            try:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(trio.sleep_forever)
                    await trio.sleep_forever()
            finally:
                raise Boom

    async with no_leaks(), otp.open_runtime(NO_LIMIT) as rt:
        await otp.start_child(rt.root, child(Messy, restart="transient", shutdown=1.0))
        otp.cast(A, "x")
        await rt.quiesce()
        await otp.terminate_child(rt.root, "a")
        info = (await otp.which_children(rt.root))[0]

    assert (info.state, len(started)) == ("stopped", 1)


@pytest.mark.parametrize("how", ["stop", "kill"])
async def test_deep_tree(how, autojump_clock):
    """Three hundred supervisors under each other start, stop, and are killed from the top, without a stack that grows with them."""

    def level(left):
        below = [level(left - 1)] if left else [child()]
        return otp.ChildSpec(
            id="level", type="supervisor", restart="temporary", start=lambda: otp.Supervisor(NO_LIMIT, below)
        )

    async with no_leaks(), otp.open_runtime(NO_LIMIT, [level(300)], shutdown_deadline=1e6, kill_grace=1e5) as rt:
        assert await otp.call(A, "x") == "x"
        if how == "kill":
            top = (await otp.which_children(rt.root))[0].ref
            otp.exit(top, otp.Killed())
            await otp.wait_down(top)
            await rt.quiesce()
            assert leftovers(rt) == [f"process {rt.root!r} is running"]


async def test_outer_cancellation_restarts_nobody(autojump_clock):
    """While a cancelled block stops in order, a child that crashes or raises in its clean-up is not started again."""
    begun = []

    class Fragile(otp.Actor):
        def __init__(self, name):
            self.name = name

        def init(self):
            begun.append(self.name)

        async def handle_cast(self, message):
            await trio.sleep(message)
            raise Boom

        async def terminate(self, reason):
            await trio.sleep(3)
            raise Boom

    specs = [child(lambda name=name: Fragile(name), name) for name in ("one", "two", "three")]
    async with no_leaks():
        with trio.move_on_after(5):
            async with otp.open_runtime(NO_LIMIT, specs, shutdown_deadline=60):
                otp.cast(otp.Name("one"), 6.0)  # crashes while the others stop
                otp.cast(otp.Name("two"), 5.5)
                await trio.sleep_forever()

    assert begun[:3] == ["one", "two", "three"]
    # "one" crashed while its supervisor was busy stopping the others: no restart then, and none afterwards
    assert len(begun) == 3


async def test_nothing_holds_the_dead(autojump_clock):
    """An actor that ended, however, is garbage: no table, timer, deadline or chain of names holds it."""
    gone = []

    class Heavy(Store):
        def init(self):
            super().init()
            gone.append(weakref.ref(self))
            registry = rt.names
            for key in range(3):
                registry.register(("extra", key))
            self.send_after(1000.0, "late")

    async with otp.open_runtime(NO_LIMIT) as rt:
        dyn = await otp.start_child(rt.root, otp.ChildSpec(id="dyn", type="supervisor", start=otp.DynamicSupervisor))
        for how in ("stop", "kill", "crash"):
            ref = await otp.start_child(dyn, child(Heavy, restart="temporary"))
            await otp.call(ref, "x", 500.0)
            if how == "stop":
                await otp.stop(ref)
            elif how == "kill":
                otp.exit(ref, otp.Killed())
            else:
                otp.cast(ref, ("raise", Boom()))
            await otp.wait_down(ref)
        del ref
        await rt.quiesce()
        gc.collect()

        assert [each() for each in gone] == [None, None, None]
        assert rt.names.count() == 0


@pytest.mark.parametrize("strategy", ["one_for_one", "one_for_all", "rest_for_one"])
async def test_every_down_comes_once(strategy, autojump_clock):
    """Watchers inside and outside the group hear of each end exactly once, also when it happens while the group is being stopped or started."""
    heard = {}

    class Watcher(otp.Actor):
        def handle_cast(self, ref):
            self.monitor(ref)

        def handle_info(self, message):
            heard[message.ref] = heard.get(message.ref, 0) + 1

    flags = otp.SupFlags(strategy, intensity=1000, backoff=AT_ONCE)
    specs = [child(id=name) for name in ("a", "b", "c")]
    sup = otp.ChildSpec(id="sup", name="sup", type="supervisor", start=lambda: otp.Supervisor(flags, specs))
    async with otp.open_runtime(NO_LIMIT, [child(Watcher, "watcher"), sup]) as rt:
        seen = set()
        for number in range(30):
            for name in "abc":
                ref = await rt.names.until(name)
                if ref not in seen:
                    seen.add(ref)
                    otp.cast(otp.Name("watcher"), ref)
            await rt.quiesce()
            victim = otp.whereis("abc"[number % 3])
            otp.exit(victim, otp.Killed() if number % 2 else otp.Crashed(Boom()))
            if number % 5 == 0:
                otp.exit(otp.whereis("abc"[(number + 1) % 3]), otp.Killed())
            await rt.quiesce()
        living = {otp.whereis(name) for name in "abc"}
        so_far = dict(heard)

    assert {ref: so_far.get(ref) for ref in seen - living} == dict.fromkeys(seen - living, 1)
    assert not living & set(so_far)


class Versatile(Store):
    """Goes through every branch of a process's loop."""

    mailbox = otp.MailboxSpec(100, "coalesce", key=lambda message: message)

    async def init(self):
        await trio.lowlevel.checkpoint()
        self.state = []
        return otp.Continue()

    def handle_continue(self, arg):
        return otp.NoReply(timeout=50.0)

    async def handle_call(self, request, caller):
        await trio.lowlevel.checkpoint()
        if request == "later":
            self.send_after(1.0, caller)
            return otp.NoReply(then=otp.Continue())
        return otp.Stop(reply="last") if request == "stop" else otp.Reply(request, state=[])

    def handle_info(self, message):
        if isinstance(message, otp.Caller):
            self.reply(message, "late")

    async def terminate(self, reason):
        await trio.sleep(1)


LOOP = [process._serve, process._create, process._begin, process._other, process._after_call]
LOOP += [process._after, process._system, process._value_of, process.defer, ending.terminate, ending._within_budget]


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited")
@pytest.mark.parametrize("function", LOOP, ids=lambda function: function.__name__)
def test_interrupt_at_every_line(function, monkeypatch):
    """A Ctrl-C at any line of the loop in which user code may be interrupted ends in order, and whoever called from outside is answered."""
    code = function.__code__
    lines = sorted({line for _, _, line in code.co_lines() if line is not None and line > code.co_firstlineno})
    hit, before = 0, sys.gettrace()

    def trace_for(line):
        def local(frame, event, arg):
            if event == "line" and frame.f_lineno == line:
                sys.settrace(None)
                raise KeyboardInterrupt
            return local

        return lambda frame, event, arg: local if frame.f_code is code else None

    async def ask(dest, request, asked, answers):
        asked.append(request)
        try:
            answers.append(await otp.call(dest, request, None))
        except otp.CallError as error:
            answers.append(error)

    async def main(line, asked, answers, kept):
        with trio.fail_after(1000):
            async with trio.open_nursery() as outer, otp.open_runtime(NO_LIMIT, [child(id="b")]) as rt:
                kept.append(rt)
                sys.settrace(trace_for(line))
                ref = await otp.start_child(rt.root, child(Versatile, "v", restart="temporary"))
                for request in ("now", "later", "stop", "never"):
                    outer.start_soon(ask, ref, request, asked, answers)
                    otp.cast(ref, "x")
                    await trio.sleep(2)
                await otp.sys.get_state(otp.Name("b"))

    for line in lines:
        asked, answers, kept = [], [], []
        try:
            trio.run(main, line, asked, answers, kept, clock=trio.testing.MockClock(autojump_threshold=0))
            causes = ()
        except BaseException as error:
            causes = otp.root_causes(error)
        finally:
            sys.settrace(before)
        hit += bool(causes)
        assert {type(cause) for cause in causes} <= {KeyboardInterrupt}, line
        assert leftovers(kept[0]) == [], line
        assert len(answers) == len(asked), line

    gc.collect()  # what was never awaited, because of the interrupt, complains now
    assert hit >= min(2, len(lines))
