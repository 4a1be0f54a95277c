"""call, cast, info, send and replies."""

from __future__ import annotations

import pickle

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from agentsup import otp
from agentsup.errors import SpecError
from tests.otp.actors import NO_LIMIT, Boom, Store, child, crash

A, B = otp.Name("a"), otp.Name("b")


async def test_a_call_is_answered():
    """A call returns what the actor replied."""
    async with otp.open_runtime(specs=[child()]):
        answer = await otp.call(A, "hello")

    assert answer == "hello"


async def test_order_of_one_sender():
    """Casts, messages and calls of one sender arrive in the order they were made (rules P7, G11)."""
    async with otp.open_runtime(specs=[child()]):
        otp.cast(A, 1)
        otp.info(A, 2)
        otp.cast(A, 3)
        got = await otp.call(A, "get")

    assert got == [1, 2, 3]


async def test_nobody_there():
    """Calling an unknown name or a dead ref is NoProc; casting to them is nothing (rules G7, G11)."""
    async with otp.open_runtime(specs=[child(restart="temporary")]) as rt:
        ref = rt.names.whereis("a")
        assert ref is not None
        await otp.stop(ref)

        with pytest.raises(otp.NoProc):
            await otp.call(ref, "get")
        with pytest.raises(otp.NoProc):
            await otp.call(otp.Name("nobody"), "get")
        with pytest.raises(otp.NoProc):
            await otp.send(ref, "x")
        otp.cast(ref, "x")
        otp.info(otp.Name("nobody"), "x")


async def test_timeout_is_exact_and_harmless(autojump_clock):
    """A call gives up exactly at its timeout, as a TooSlowError; the late reply hurts nobody and is counted (rules G8, P8)."""
    async with otp.open_runtime(specs=[child()]) as rt:
        began = trio.current_time()
        with pytest.raises(trio.TooSlowError) as caught:
            await otp.call(A, ("sleep", 3.0), timeout=1.25)
        waited = trio.current_time() - began
        again = await otp.call(A, "hello", timeout=None)
        held = rt.names.holder("a")

    assert isinstance(caught.value, otp.CallTimeout)
    assert waited == pytest.approx(1.25, abs=1e-9)
    assert again == "hello"
    assert held is not None
    assert held.late_replies == 1


async def test_timeouts_together_are_never_early(autojump_clock):
    """Calls that end within the same hundredth of a second are given up at most 10 ms late and never early."""
    ends: list[tuple[float, float]] = []

    async def one(timeout: float) -> None:
        began = trio.current_time()
        with pytest.raises(otp.CallTimeout):
            await otp.call(A, "get", timeout=timeout)
        ends.append((timeout, trio.current_time() - began))

    async with otp.open_runtime(specs=[child()]):
        otp.cast(A, ("sleep", 5.0))
        async with trio.open_nursery() as nursery:
            for timeout in (1.0, 1.003, 1.007, 1.5, 0.0):
                nursery.start_soon(one, timeout)

    assert len(ends) == 5
    assert all(wanted <= waited + 1e-9 <= wanted + 0.0101 for wanted, waited in ends)


async def test_requests_of_callers_that_are_gone_are_skipped(autojump_clock):
    """A server does not begin a request nobody waits for any more."""
    async with otp.open_runtime(specs=[child()]) as rt:
        otp.cast(A, ("sleep", 2.0))
        with pytest.raises(otp.CallTimeout):
            await otp.call(A, ("return", "would be a bad return and crash"), timeout=1.0)
        await trio.sleep(2)
        held = rt.names.holder("a")
        assert await otp.call(A, "alive") == "alive"

    assert held is not None
    assert held.skipped == 1


async def test_cancelled_call_is_abandoned(autojump_clock):
    """A surrounding cancel scope that fires first is a cancellation, not a CallTimeout; the server lives on."""
    async with otp.open_runtime(specs=[child()]):
        with trio.move_on_after(0.5) as scope:
            await otp.call(A, ("sleep", 1.0))
        alive = await otp.call(A, "alive")

    assert scope.cancelled_caught
    assert alive == "alive"


async def test_server_dies_during_the_call():
    """Whoever waits, or waits to be served, gets ServerDied with the exit reason (rule G7)."""
    caught: list[otp.ServerDied] = []

    async def ask(request: object) -> None:
        with pytest.raises(otp.ServerDied) as error:
            await otp.call(A, request)
        caught.append(error.value)

    boom = Boom()
    async with otp.open_runtime(NO_LIMIT, [child()]), trio.open_nursery() as nursery:
        nursery.start_soon(ask, ("return", otp.NoReply()))
        await wait_all_tasks_blocked()
        nursery.start_soon(ask, ("raise", boom))
        nursery.start_soon(ask, ("raise", boom))

    assert [error.reason for error in caught] == [otp.Crashed(boom)] * 3


async def test_deferred_reply_from_anywhere():
    """A call that got NoReply is answered later, by anybody; a second answer is dropped (rule G9)."""
    kept: list[otp.Caller] = []

    class Later(otp.Actor):
        def handle_call(self, request, caller):
            kept.append(caller)
            return otp.NoReply()

    async def answer() -> None:
        await wait_all_tasks_blocked()
        otp.reply(kept[0], "later")
        otp.reply(kept[0], "twice")

    async with otp.open_runtime(specs=[child(Later)]) as rt, trio.open_nursery() as nursery:
        nursery.start_soon(answer)
        value = await otp.call(A, "?")
        held = rt.names.holder("a")

    assert value == "later"
    assert held is not None
    assert held.late_replies == 1
    assert not held.deferred


async def test_reply_error_leaves_the_server_alive():
    """reply_error raises at the caller and nowhere else."""
    async with otp.open_runtime(specs=[child()]) as rt:
        before = rt.names.whereis("a")
        with pytest.raises(KeyError, match="no such thing") as caught:
            await otp.call(A, ("error", original := KeyError("no such thing")))
        after = rt.names.whereis("a")

    assert before == after
    assert caught.value is not original
    assert caught.value.__cause__ is original


async def test_actor_cannot_call_itself():
    """A self-call is refused at once, through ref and name; the actor then crashes like on any error it does not catch."""
    async with otp.open_runtime(NO_LIMIT, [child()]) as rt:
        ref = rt.names.whereis("a")
        for dest in (A, ref):
            with pytest.raises(otp.ServerDied) as caught:
                await otp.call(A, ("call", dest, "x"))
            assert isinstance(caught.value.reason, otp.Crashed)
            assert isinstance(caught.value.reason.exception, otp.CallingSelf if dest is A else otp.NoProc)
            await rt.names.until("a")


async def test_spawned_task_may_call_its_actor():
    """A task an actor spawned is not the actor: it may call it."""
    got: list[object] = []

    class Parent(Store):
        def init(self):
            super().init()
            self.spawn(self.ask)

        async def ask(self):
            got.append(await otp.call(self.ref, "from my own task"))

    async with otp.open_runtime(specs=[child(Parent)]):
        await wait_all_tasks_blocked()

    assert got == ["from my own task"]


async def test_call_cycle_is_refused():
    """A calls B which calls A: the second call is refused with the path, nobody waits for ever."""
    async with otp.open_runtime(NO_LIMIT, [child(), child(id="b")]):
        with pytest.raises(otp.ServerDied) as caught:
            await otp.call(A, ("call", B, ("call", A, "x")))

    died_of = caught.value.reason
    assert isinstance(died_of, otp.Crashed)
    inner = died_of.exception
    assert isinstance(inner, otp.ServerDied)
    assert isinstance(inner.reason, otp.Crashed)
    assert isinstance(inner.reason.exception, otp.CallCycle)
    assert [ref.label for ref in inner.reason.exception.path] == ["b", "a", "b"]


async def test_bad_returns_crash_the_server():
    """A callback result that is none ends the server with a BadReturn that says what would be right (rule G9)."""
    async with otp.open_runtime(NO_LIMIT, [child()]) as rt:
        with pytest.raises(otp.ServerDied) as caught:
            await otp.call(A, ("return", None))
        ref = await rt.names.until("a")
        otp.cast(ref, ("return", otp.Reply(1)))
        reason = await otp.wait_down(ref)

    assert isinstance(caught.value.reason, otp.Crashed)
    assert "Reply, NoReply or Stop" in str(caught.value.reason.exception)
    assert isinstance(reason, otp.Crashed)
    assert isinstance(reason.exception, otp.BadReturn)


async def test_bad_timeouts_and_addresses_are_refused():
    """A timeout that is no time and an address that is none are SpecErrors at the door."""
    async with otp.open_runtime(specs=[child()]):
        for timeout in (-1, "5", float("nan")):
            with pytest.raises(SpecError, match="timeout"):
                await otp.call(A, "x", timeout=timeout)
        with pytest.raises(SpecError, match="dest"):
            await otp.call("a", "x")
        with pytest.raises(SpecError, match="dest"):
            otp.cast(None, "x")


async def test_refs_are_values():
    """A ref is hashable, ordered by age, and survives pickling as text; a foreign one is nobody's."""
    async with otp.open_runtime(specs=[child(), child(id="b")]) as rt:
        a, b = rt.names.whereis("a"), rt.names.whereis("b")
        assert a is not None
        assert b is not None
        copied = pickle.loads(pickle.dumps(a))
        answer = await otp.call(copied, "through a pickle")
        foreign = otp.Ref(a.serial, "00000000", "a")
        with pytest.raises(otp.NoProc):
            await otp.call(foreign, "x")

    assert answer == "through a pickle"
    assert copied == a
    assert a < b
    assert len({a, b, copied}) == 2


async def test_stop_is_in_turn():
    """Stop lets the actor handle what it was sent before, runs terminate, and waits for the end (rule G16)."""
    seen: list[object] = []
    log: list[object] = []

    class Slow(Store):
        async def handle_cast(self, message):
            await trio.lowlevel.checkpoint()
            seen.append(message)

    async with otp.open_runtime(specs=[child(lambda: Slow(log), restart="temporary")]) as rt:
        ref = rt.names.whereis("a")
        otp.cast(A, 1)
        otp.cast(A, 2)
        await otp.stop(A, otp.Shutdown("enough"))
        gone = rt.names.whereis("a")

    assert seen == [1, 2]
    assert log == [otp.Shutdown("enough")]
    assert gone is None
    assert ref is not None


async def test_stop_says_what_went_wrong(autojump_clock):
    """Stop of a dead one is NoProc, of oneself CallingSelf, of a slow one CallTimeout, and another end is ServerDied."""
    async with otp.open_runtime(NO_LIMIT, [child()]) as rt:
        with pytest.raises(otp.NoProc):
            await otp.stop(otp.Name("nobody"))
        otp.cast(A, ("sleep", 3.0))
        with pytest.raises(otp.CallTimeout):
            await otp.stop(A, timeout=1.0)
        await trio.sleep(5)
        ref = await rt.names.until("a")
        otp.cast(ref, ("raise", Boom()))
        with pytest.raises(otp.ServerDied):
            await otp.stop(ref)


async def test_stop_with_reply_terminates_first():
    """Stop(reply=): when the caller goes on, terminate has run - also when it raises (rule G10)."""
    log: list[object] = []

    class Fussy(Store):
        def terminate(self, reason):
            super().terminate(reason)
            raise Boom

    async with otp.open_runtime(NO_LIMIT, [child(lambda: Fussy(log), restart="temporary")]):
        answer = await otp.call(A, ("return", otp.Stop(reply="bye")))
        ran = list(log)

    assert answer == "bye"
    assert ran == [otp.Normal()]


async def test_stop_without_reply():
    """Stop without a reply: the caller gets the reason (rule G9)."""
    async with otp.open_runtime(specs=[child(restart="temporary")]):
        with pytest.raises(otp.ServerDied) as caught:
            await otp.call(A, ("return", otp.Stop(otp.Shutdown("no"))))

    assert caught.value.reason == otp.Shutdown("no")


async def test_typed_request():
    """A Request[R] is answered like any other; its type is for the type checker."""

    class Ask(otp.Request[int]):
        pass

    class Answer(otp.Actor):
        def handle_call(self, request, caller):
            return otp.Reply(42)

    async with otp.open_runtime(specs=[child(Answer)]):
        assert await otp.call(A, Ask()) == 42


async def test_names_outside_a_runtime():
    """A bare name means the only open runtime for tasks from outside its block, and an error where that is not clear."""
    with pytest.raises(otp.NoRuntime, match="no runtime is open"):
        otp.cast(A, "x")
    got: list[object] = []

    async def outsider(begin: trio.Event) -> None:
        await begin.wait()
        got.append(await otp.call(A, "hi"))

    async with trio.open_nursery() as nursery:
        begin = trio.Event()
        nursery.start_soon(outsider, begin)
        async with otp.open_runtime(specs=[child()]):
            begin.set()
            await wait_all_tasks_blocked()

    assert got == ["hi"]


async def test_deadlines_are_handed_on(autojump_clock):
    """A server can give a call it makes for a request what is left of the caller's patience, so nobody works for nobody."""

    class Middle(Store):
        async def handle_call(self, request, caller):
            self.state.append(caller.remaining)
            await trio.sleep(1.0)
            return otp.Reply(await otp.call(B, ("sleep", 10.0), timeout=caller.remaining))

        def terminate(self, reason):
            self.log.append(trio.current_time())

    log: list[float] = []
    began = trio.current_time()
    async with otp.open_runtime(NO_LIMIT, [child(lambda: Middle(log), restart="temporary"), child(id="b")]) as rt:
        ref = rt.names.whereis("a")
        with pytest.raises(otp.CallTimeout):
            await otp.call(A, "go", timeout=3.0)
        await otp.wait_down(ref)

    assert log == [pytest.approx(began + 3.0)]


async def test_idle_timeout(autojump_clock):
    """Idle arrives only if nothing at all did in the span, and once per result that asks for it (rule G13)."""
    async with otp.open_runtime(specs=[child()]):
        assert await otp.call(A, ("return", otp.Reply(1, timeout=2.0))) == 1
        await trio.sleep(1)
        otp.cast(A, "in between")
        await trio.sleep(10)
        before = await otp.call(A, "get")
        await otp.call(A, ("return", otp.Reply(1, timeout=2.0)))
        await trio.sleep(10)
        after = await otp.call(A, "get")

    assert before == ["in between"]
    assert after == ["in between", otp.Idle()]


async def test_results_carry_state_and_continue():
    """A result may replace the state and run handle_continue before the next message."""
    async with otp.open_runtime(specs=[child()]):
        await otp.call(A, ("return", otp.Reply(1, state=["new"], then=otp.Continue("x"))))
        otp.cast(A, ("return", otp.Continue("y")))
        got = await otp.call(A, "get")

    assert got == ["new", ("continued", "x"), ("continued", "y")]


async def test_crash_releases_name_before_the_caller_knows():
    """When a caller hears that the server died, its name is free or held by the next incarnation (rule P6)."""
    async with otp.open_runtime(NO_LIMIT, [child()]) as rt:
        first = rt.names.whereis("a")
        await crash(A)
        second = rt.names.whereis("a")

    assert second != first


async def test_idle_timeout_of_zero(autojump_clock):
    """G13: a timeout of 0 fires when nothing waits, at once; what waits goes first and clears it."""
    seen = []

    class Eager(otp.Actor):
        def handle_call(self, request, caller):
            return otp.Reply(request, timeout=0.0)

        def handle_cast(self, message):
            seen.append(message)

        def handle_info(self, message):
            seen.append(message)

    async with otp.open_runtime(specs=[child(Eager)]) as rt:
        began = trio.current_time()
        pending = otp.send_request(A, "x")
        otp.cast(A, "waits")
        await pending.wait()
        await rt.quiesce()
        cleared = list(seen)
        await otp.call(A, "x")
        await rt.quiesce()
        took = trio.current_time() - began

    assert cleared == ["waits"]
    assert seen == ["waits", otp.Idle()]
    assert took == 0


async def test_calling_oneself_by_every_address(autojump_clock):
    """G7: an actor that calls, stops or asks itself is told at once, by ref, by name and through a registry; also in its `init`."""
    found = []
    registry = otp.Registry("other")

    class Narcissus(otp.Actor):
        async def init(self):
            registry.register("me")
            for dest in (self.ref, otp.Name("a"), otp.Name("me", registry)):
                for ask in (lambda dest: otp.call(dest, "x"), otp.stop, otp.sys.get_state):
                    with pytest.raises(otp.CallingSelf):
                        await ask(dest)
                    found.append(dest)

    async with otp.open_runtime(specs=[child(Narcissus)]):
        assert len(found) == 9
