"""Tools that cannot be ended: they hold up nobody who need not wait for them, and everybody can see who it is."""

from __future__ import annotations

import threading

import pytest
import structlog
import trio

import agentsup
from agentsup import telemetry
from agentsup.testing import crash

LONG = 1000.0


@pytest.fixture
def seen():
    """What is told of tools that go on: session, tool, where, and for how long by now."""
    events: list[telemetry.TelemetryEvent] = []

    def hook(event):
        if event.name == "tool.outlived":
            events.append(event)

    with telemetry.attached(hook):
        yield events


def told(events):
    return [
        (each.metadata["session_id"], each.metadata["tool"], each.metadata["where"], each.measurements["held_s"])
        for each in events
    ]


def shielded(runs, *, seconds=LONG, **options):
    @agentsup.tool(name="hang", **options)
    async def hang() -> str:
        """Cannot be cancelled."""
        runs.append(trio.current_time())
        with trio.CancelScope(shield=True):
            await trio.sleep(seconds)
        return "late"

    return hang


def stuck(gate, runs, **options):
    @agentsup.tool(name="hang", **options)
    def hang() -> str:
        """Sits in a thread."""
        runs.append(1)
        gate.wait(30)
        return "late"

    return hang


@agentsup.tool(effect="pure")
async def quick() -> str:
    """Answers at once."""
    return "fine"


async def results_of(world, ref):
    """Every tool result that the provider was ever sent, as (call, text)."""
    info = await ref.info()
    async with world.sim.client() as client:
        answer = await client.get(f"/v1/sessions/{info.provider_session_id}/events", params={"limit": 1000})
    return [
        "".join(block["text"] for block in event["content"])
        for event in answer.json()["data"]
        if event["type"] == "user.custom_tool_result"
    ]


async def until_running(runs, *, count=1):
    while len(runs) < count:  # noqa: ASYNC110  -- some of them run in threads, where trio's events cannot be set
        await trio.sleep(0.1)


async def test_whoever_holds_up_the_leaving_is_named(sim, provider, seen, autojump_clock):
    """A shield cannot be broken, so the block waits; from the end of the budget on it is said for whom, and for how long by now."""
    runs: list[float] = []
    with structlog.testing.capture_logs() as logs:
        async with agentsup.open_runtime() as runtime:
            spec = agentsup.SessionSpec(provider=provider, tools=[shielded(runs, seconds=100.0)])
            ref = await runtime.start_session("s1", spec)
            await ref.message("@tool hang {}")
            await until_running(runs)

    assert told(seen) == [("s1", "hang", "task", held) for held in (5.0, 10.0, 20.0, 40.0, 80.0)]
    lines = [line for line in logs if line["event"] == "tool.outlived"]
    assert [(line["session_id"], line["tool"], line["held_s"]) for line in lines] == [
        ("s1", "hang", held) for held in (5.0, 10.0, 20.0, 40.0, 80.0)
    ]


async def test_a_tool_that_cleans_up_in_time_is_not_told(world, seen, autojump_clock):
    """Its budget is there to be used."""
    runs: list[float] = []
    ref = await world.start(shielded(runs, seconds=4.0, timeout=1.0), quick)

    result = await ref.submit("@tool hang {}\n@say {results}")

    assert result.text == "late"
    assert told(seen) == []


async def test_the_time_of_a_tool_that_shields_itself_is_up_all_the_same(world, seen, autojump_clock):
    """When it goes on after its time and its budget the agent is told so; what it returns much later is not sent."""
    runs: list[float] = []
    ref = await world.start(shielded(runs, seconds=50.0, timeout=1.0))
    began = trio.current_time()

    result = await ref.submit("@tool hang {}\n@say {results}")

    assert result.text == "the tool took longer than its 1 seconds"
    assert trio.current_time() - began < 10.0
    await trio.sleep(100.0)
    assert await results_of(world, ref) == ["the tool took longer than its 1 seconds"]
    assert told(seen) == [("s1", "hang", "task", held) for held in (5.0, 10.0, 20.0, 40.0)]


async def test_tools_that_cannot_be_ended_do_not_take_the_places_of_others(world, seen, autojump_clock):
    """Eight of them hang, and the session's next tool runs nevertheless."""
    runs: list[float] = []
    ref = await world.start(shielded(runs), quick)
    async with trio.open_nursery() as nursery:

        async def submit():
            with pytest.raises(agentsup.Interrupted):
                await ref.submit("@tool hang {}\n" * 8)

        nursery.start_soon(submit)
        await until_running(runs, count=8)
        await ref.interrupt()

    began = trio.current_time()
    result = await ref.submit("@tool quick {}\n@say {results}")

    assert result.text == "fine"
    assert trio.current_time() - began < 10.0
    assert len(runs) == 8


@pytest.mark.parametrize("kind", ["task", "thread"])
@pytest.mark.parametrize("end", ["interrupt", "timeout", "abort", "crash"])
async def test_nobody_else_waits_for_it(world, seen, kind, end, autojump_clock):
    """However the call ends: the request ends, the session and the others go on, and what the tool returns in the end is not sent."""
    runs: list[float] = []
    gate = threading.Event()
    tool = shielded(runs) if kind == "task" else stuck(gate, runs)
    try:
        ref = await world.start(tool, quick, limits=agentsup.Limits(timeout=20.0 if end == "timeout" else 600.0))
        other = await world.start(quick, session_id="s2")
        failed: list[str] = []
        async with trio.open_nursery() as nursery:

            async def submit():
                try:
                    await ref.submit("@tool hang {}\n@say {results}")
                except agentsup.RequestFailed as exc:
                    failed.append(type(exc).__name__)

            nursery.start_soon(submit)
            await until_running(runs)
            began = trio.current_time()
            if end == "timeout":
                await trio.sleep(20.0)
            else:
                await {"interrupt": ref.interrupt, "abort": ref.abort, "crash": lambda: crash(ref)}[end]()
            assert (await other.submit("@tool quick {}\n@say {results}")).text == "fine"
        assert trio.current_time() - began < 30.0
        assert (
            failed
            == {
                "interrupt": ["Interrupted"],
                "timeout": ["RequestTimeout"],
                "abort": ["RequestClosed"],
                "crash": [],
            }[end]
        )  # after a crash the agent was told that the call is in doubt

        if end != "abort":
            assert (await ref.submit("@tool quick {}\n@say {results}")).text == "fine"
            gate.set()
            await trio.sleep(2 * LONG)
            assert len(await results_of(world, ref)) == 2
            assert "late" not in await results_of(world, ref)
        assert len(runs) == 1
        await trio.sleep(6.0)
        assert {(each[0], each[1], each[2]) for each in told(seen)} == {("s1", "hang", kind)}
    finally:
        gate.set()


async def test_a_thread_that_was_left_to_itself_does_not_answer_for_the_next_run(world):
    """An idempotent call is run again after a crash; the first run's thread ends later, and its result is not the call's.

    On a real clock: an automatic one would not wait for the second run's thread.
    """
    first, runs = threading.Event(), []

    @agentsup.tool(effect="idempotent")
    def count() -> str:
        """Say which run this is."""
        runs.append(1)
        number = len(runs)
        if number == 1:
            first.wait(30)
        return f"run {number}"

    try:
        ref = await world.start(count, quick)
        texts: list[str] = []
        async with trio.open_nursery() as nursery:

            async def submit():
                texts.append((await ref.submit("@tool count {}\n@say {results}")).text)

            nursery.start_soon(submit)
            await until_running(runs)
            await crash(ref)
        first.set()
        assert (await ref.submit("@tool quick {}\n@say {results}")).text == "fine"

        assert texts == ["run 2"]
        assert await results_of(world, ref) == ["run 2", "fine"]
    finally:
        first.set()


async def test_a_guard_that_shields_itself_is_named_in_the_log(world, autojump_clock):
    """Not only tools: whatever of the user's holds a session up is told by its name."""
    begun: list[float] = []

    async def careful(report):
        begun.append(trio.current_time())
        with trio.CancelScope(shield=True):
            await trio.sleep(30.0)
        return agentsup.GoOn()

    with structlog.testing.capture_logs() as logs:
        ref = await world.start(quick, turn_guard=careful)
        await ref.message("@tool quick {}")
        await until_running(begun)
        await ref.abort()
        await trio.sleep(60.0)

    lines = [(line["call"].rpartition(".")[2], line["held_s"]) for line in logs if line["event"] == "call.outlived"]
    assert lines == [("careful", 5.0), ("careful", 10.0), ("careful", 20.0)]
