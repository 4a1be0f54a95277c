"""Snapshots, events, reports and stacks."""

from __future__ import annotations

import json

import pytest
import trio
from structlog.testing import capture_logs
from trio.testing import wait_all_tasks_blocked

from agentsup import otp
from tests.otp.actors import AT_ONCE, NO_LIMIT, Boom, Store, child, crash

A = otp.Name("a")


async def test_snapshot_is_data(autojump_clock):
    """The whole tree as JSON: states, counters, what waits, what is being done, who restarts when."""
    nested = child(lambda: otp.Supervisor(NO_LIMIT, [child(id="b"), child(id="c")]), "sup", type="supervisor")
    async with otp.open_runtime(NO_LIMIT, [child(), nested]) as rt:
        otp.cast(A, ("sleep", 1.0))
        await wait_all_tasks_blocked()
        otp.cast(A, "waits")
        await crash(otp.Name("c"), Boom(retry_after=5.0))
        await wait_all_tasks_blocked()
        snapshot = rt.snapshot()
        now = trio.current_time()

    by_path = {each.path: each for each in snapshot.root.walk()}
    assert list(by_path) == ["/root", "/root/a", "/root/sup", "/root/sup/b", "/root/sup/c"]
    busy, waiting = by_path["/root/a"], by_path["/root/sup/c"]
    assert busy.current_message == "cast of tuple"
    assert busy.mailbox is not None
    assert busy.mailbox.length == 1
    assert (waiting.state, waiting.ref, waiting.last_exit) == ("restarting", None, "Crashed(Boom)")
    assert waiting.next_restart_at == pytest.approx(now + 5)
    assert by_path["/root/sup"].type == "supervisor"
    assert json.loads(json.dumps(snapshot.to_data()))["root"]["children"][0]["names"] == ["a"]
    assert snapshot.processes == 4


async def test_events():
    """Whoever listens sees every start, end and restart in order, and the end of the stream with the end of the tree."""
    async with otp.open_runtime(NO_LIMIT, [child()]) as rt:
        first = rt.names.whereis("a")
        events = rt.events()
        await crash(A)
        second = await rt.names.until("a")
        await wait_all_tasks_blocked()
    seen = [event async for event in events]

    assert [(type(event).__name__, getattr(event, "ref", None)) for event in seen] == [
        ("ProcessEnded", first),
        ("ProcessStarted", second),
        ("ProcessEnded", second),
        ("ProcessEnded", rt.root),
    ]


async def test_events_of_failing_restarts(autojump_clock):
    """Delays and giving up are events, too."""
    async with otp.open_runtime(NO_LIMIT) as rt:
        sup = otp.ChildSpec(
            id="sup",
            type="supervisor",
            restart="temporary",
            start=lambda: otp.Supervisor(otp.SupFlags(intensity=1), [child()]),
        )
        async with rt.events() as events:
            await otp.start_child(rt.root, sup)
            await crash(A, Boom(retry_after=2.0))
            await crash(await rt.names.until("a"), Boom(retry_after=2.0))
            await trio.sleep(10)
            events.close()
            seen = [event async for event in events]

    kinds = [type(event).__name__ for event in seen]
    assert kinds.count("RestartScheduled") == 2
    assert kinds.count("SupervisorGaveUp") == 1
    delays = [event.delay for event in seen if isinstance(event, otp.RestartScheduled)]
    assert all(delay >= 2 for delay in delays)


async def test_reports_of_a_crash():
    """A crash is one crash report and one supervisor report, with OTP's fields, and without content (rules G17, S9)."""
    with capture_logs() as logs:
        async with otp.open_runtime(NO_LIMIT, [child()]) as rt:
            otp.cast(A, "secret content")
            await crash(A, ValueError("secret text"))
            await rt.names.until("a")

    crashed = next(entry for entry in logs if entry["event"] == "crash_report")
    reported = next(entry for entry in logs if entry["event"] == "supervisor_report")
    assert len(logs) == 2
    assert {
        "ref",
        "names",
        "initial_call",
        "reason",
        "last_message",
        "state",
        "ancestors",
        "mailbox_length",
        "messages",
        "links",
        "trap_exit",
        "handled",
        "neighbours",
        "frames",
    } <= set(crashed)
    assert (crashed["log_level"], crashed["error"], crashed["names"], crashed["last_message"]) == (
        "error",
        "ValueError",
        ["a"],
        "cast of tuple",
    )
    assert reported["context"] == "child_terminated"
    assert {"id", "start", "restart_type", "significant", "shutdown", "child_type", "incarnation", "ref"} <= set(
        reported["offender"]
    )
    assert "secret" not in str(logs)


async def test_reports_name_the_client():
    """A crash during a call says who was calling, and where in its code that was (rule G17)."""
    with capture_logs() as logs:
        async with otp.open_runtime(NO_LIMIT, [child(), child(id="b")]) as rt:
            with pytest.raises(otp.ServerDied):
                await otp.call(otp.Name("b"), ("call", A, ("raise", Boom())))
            await rt.names.until("b")

    crashed = next(entry for entry in logs if entry["event"] == "crash_report")
    assert crashed["last_message"] == "call with tuple"
    assert crashed["client"].startswith("b#")
    assert any(frame.endswith("in Store.handle_call") for frame in crashed["client_frames"])


async def test_clean_ends_are_silent():
    """Normal and shutdown ends are nobody's error (rules P2, G17)."""
    with capture_logs() as logs:
        async with otp.open_runtime(
            NO_LIMIT, [child(restart="transient"), child(id="b", restart="temporary"), child(id="c")]
        ) as rt:
            otp.cast(A, ("stop", otp.Shutdown("info")))
            otp.cast(otp.Name("b"), ("stop", otp.Normal()))
            await otp.terminate_child(rt.root, "c")
            await wait_all_tasks_blocked()

    assert logs == []


async def test_permanent_child_that_ends_is_reported():
    """Every death of a permanent child is reported by its supervisor, a clean one without a crash report (rule S9)."""
    with capture_logs() as logs:
        async with otp.open_runtime(NO_LIMIT, [child()]) as rt:
            first = rt.names.whereis("a")
            otp.cast(A, ("stop", otp.Normal()))
            await otp.wait_down(first)
            await wait_all_tasks_blocked()

    assert [(entry["event"], entry["context"]) for entry in logs] == [("supervisor_report", "child_terminated")]


async def test_shutdown_error_is_reported():
    """A child that does not end as it was asked to is reported, and the stop succeeds (rule S7)."""

    class Bad(Store):
        def terminate(self, reason):
            raise Boom

    with capture_logs() as logs:
        async with otp.open_runtime(NO_LIMIT, [child(Bad)]):
            pass

    assert [(entry["event"], entry["context"], entry["reason"]) for entry in logs] == [
        ("supervisor_report", "shutdown_error", otp.Shutdown())
    ]


async def test_crash_while_stopping_is_reported(autojump_clock):
    """A child that had crashed when it was asked to stop is reported with its crash, and hurts nobody (rule S7)."""

    class Slow(Store):
        async def terminate(self, reason):
            await trio.sleep(1)

    with capture_logs() as logs:
        async with otp.open_runtime(NO_LIMIT, [child(Slow, restart="transient"), child(id="b")]) as rt:
            otp.cast(otp.Name("a"), ("raise", Boom()))
            await rt.quiesce()
            await otp.terminate_child(rt.root, "a")

            assert await otp.call(otp.Name("b"), "still here") == "still here"
    report = next(entry for entry in logs if entry["event"] == "supervisor_report")

    assert (report["context"], report["error"], report["cleanup_error"]) == ("shutdown_error", "Boom", None)


async def test_start_errors_and_giving_up_are_reported(autojump_clock):
    """A failed restart is a start_error, the end of patience a shutdown (rules S4, S12)."""
    fail = [False]

    class Moody(Store):
        def init(self):
            super().init()
            if fail[0]:
                raise Boom

    with capture_logs() as logs, pytest.raises(otp.RestartLimitExceeded):
        async with otp.open_runtime(otp.SupFlags(intensity=2, backoff=AT_ONCE), [child(Moody)]) as rt:
            fail[0] = True
            otp.cast(A, ("raise", Boom()))
            await rt.run_forever()

    contexts = [entry["context"] for entry in logs if entry["event"] == "supervisor_report"]
    assert contexts == ["child_terminated", "start_error", "start_error", "shutdown"]


async def test_progress_reports_on_request():
    """Progress is reported where it was asked for, at info level."""
    with capture_logs() as logs:
        async with otp.open_runtime(specs=[child()], progress_reports=True):
            pass

    assert [(entry["event"], entry["log_level"], entry["started"]["id"]) for entry in logs] == [
        ("progress_report", "info", "a")
    ]


async def test_unhandled_messages_are_warnings():
    """A message nobody takes is a warning that names the type (rule G12)."""

    class Bare(otp.Actor):
        pass

    with capture_logs() as logs:
        async with otp.open_runtime(specs=[child(Bare)]) as rt:
            otp.info(A, "secret")
            otp.cast(rt.root, "secret")
            await wait_all_tasks_blocked()

    assert sorted((entry["event"], entry["module"], entry["message_type"]) for entry in logs) == [
        ("unhandled_message", "Bare", "str"),
        ("unhandled_message", "Supervisor", "str"),
    ]


async def test_unreachable_limit_is_a_warning():
    """Flags whose limit cannot trigger are accepted and warned of."""
    with capture_logs() as logs:
        async with otp.open_runtime(otp.SupFlags(backoff=otp.Backoff(cap=60.0))):
            pass

    assert [entry["event"] for entry in logs] == ["restart_limit_unreachable"]


async def test_faulty_log_processor_harms_nobody(caplog):
    """A structlog processor that raises does not take the tree down."""
    import structlog

    def faulty(*_: object) -> dict[str, object]:
        raise Boom

    configured = structlog.get_config()
    structlog.configure(processors=[faulty])
    try:
        async with otp.open_runtime(NO_LIMIT, [child()]) as rt:
            await crash(A)
            await rt.names.until("a")
    finally:
        structlog.configure(**configured)

    assert "processor failed" in caplog.text


async def test_stack_on_demand():
    """Where an actor hangs can be seen from outside."""
    async with otp.open_runtime(NO_LIMIT, [child()]) as rt:
        ref = rt.names.whereis("a")
        otp.cast(A, ("sleep", 1e9))
        await rt.quiesce()
        stack = otp.task_stack(ref)
        otp.exit(ref, otp.Killed())
        await otp.wait_down(ref)

    assert any("handle_cast" in frame for frame in stack)
    assert otp.task_stack(ref) == []


async def test_reports_of_a_crash_name_the_neighbours(autojump_clock):
    """A crash report tells of those who go down with the process, directly or through others, where they are in their code; not of who traps."""

    class Linked(Store):
        def __init__(self, *others):
            super().__init__()
            self.others = others

        def init(self):
            super().init()
            for other in self.others:
                otp.link(otp.whereis(other))

    class Trapping(Linked):
        trap_exit = True

    specs = [
        child(id="far"),
        child(Store, "stranger"),
        child(Trapping, "trapping"),
        child(lambda: Linked("far"), "near"),
        child(lambda: Linked("near", "trapping"), "a"),
    ]
    with capture_logs() as logs:
        async with otp.open_runtime(NO_LIMIT, specs) as rt:
            otp.cast(otp.Name("near"), ("sleep", 60.0))
            otp.cast(otp.Name("far"), "x")
            await rt.quiesce()
            otp.cast(otp.Name("near"), "waits")
            await crash(A)
            await rt.quiesce()

    crashed = next(entry for entry in logs if entry["event"] == "crash_report")
    near, far = crashed["neighbours"]
    assert (near["names"], near["current_message"], near["mailbox_length"], near["initial_call"]) == (
        ["near"],
        "cast of tuple",
        1,
        "Linked",
    )
    assert any(frame.endswith("in Store.handle_cast") for frame in near["stack"])
    assert (far["names"], far["current_message"], far["status"], far["trap_exit"]) == (["far"], None, "running", False)


async def test_neighbours_are_limited(autojump_clock):
    """Of a crowd that is linked together a crash report names fifteen."""

    class Hub(Store):
        def init(self):
            super().init()
            for number in range(40):
                otp.link(otp.whereis(str(number)))

    specs = [*(child(id=str(number), restart="temporary") for number in range(40)), child(Hub, restart="temporary")]
    with capture_logs() as logs:
        async with otp.open_runtime(NO_LIMIT, specs):
            await crash(A)

    crashed = next(entry for entry in logs if entry["event"] == "crash_report")
    assert [each["names"] for each in crashed["neighbours"]] == [[str(number)] for number in range(15)]
