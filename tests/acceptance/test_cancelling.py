"""Whoever asks may be cancelled at any step of anybody: nothing is left half done, and the session goes on."""

from __future__ import annotations

from collections import Counter

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

import agentsup
from agentsup.testing import open_simulator
from tests.kit.providers import at_claude

SCRIPT = '@say hi\n@tool twice {"n": 1}\n@tool twice {"n": 2}\n@sleep 0.1\n@say {results}'


@agentsup.tool(effect="unsafe")
async def twice(n: int) -> int:
    await trio.sleep(0.1)
    return 2 * n


class CancelAt(trio.abc.Instrument):
    """Cancels a scope at the nth step that any task takes, or one of them; at once if n is 0."""

    def __init__(self, scope, step, task):
        self.scope, self.left, self.task = scope, step, task
        if not step:
            scope.cancel()

    def after_task_step(self, task):
        if self.task in (None, task):
            self.left -= 1
            if not self.left:
                self.scope.cancel()


async def cancelled_at(step, work, *, task=None):
    """Do the work, cancelled at this step; whether it was over before."""
    with trio.CancelScope() as scope:
        instrument = CancelAt(scope, step, task)
        trio.lowlevel.add_instrument(instrument)
        try:
            await work()
        finally:
            trio.lowlevel.remove_instrument(instrument)
    return not scope.cancelled_caught


class Place:
    """A simulator, and what its sessions have in their histories."""

    def __init__(self, http, provider):
        self.http = http
        self.spec = agentsup.SessionSpec(provider=provider, tools=[twice])

    async def history(self):
        sessions = (await self.http.get("/v1/sessions")).json()["data"]
        pages = [await self.http.get(f"/v1/sessions/{s['id']}/events", params={"limit": 1000}) for s in sessions]
        return [event for page in pages for event in page.json()["data"]]

    async def check_nothing_is_double(self):
        history = await self.history()
        texts = [event["content"][0]["text"] for event in history if event["type"] == "user.message"]
        answers = [event["custom_tool_use_id"] for event in history if event["type"] == "user.custom_tool_result"]
        assert len(texts) == len(set(texts))
        assert len(answers) == len(set(answers))


@pytest.fixture
async def place(autojump_clock):
    async with open_simulator() as sim, sim.client() as http:
        yield Place(http, await at_claude(http))


async def test_cancelling_a_start_leaves_nothing_of_it(place, autojump_clock):
    """A start that was cancelled leaves the id free and no session behind, whoever was at work on it at the moment."""
    async with agentsup.open_runtime() as runtime:
        for step in range(1, 1000):
            over = await cancelled_at(step, lambda: runtime.start_session("s", place.spec))

            await wait_all_tasks_blocked()
            if over:
                break
            assert runtime.sessions() == ()
            assert "'s'" not in repr(runtime.tree())
        else:
            pytest.fail("it never came to an end")


@pytest.mark.parametrize("ours", [True, False], ids=["at our steps", "at anybody's"])
async def test_cancelling_a_run_stops_what_it_began(place, autojump_clock, ours):
    """From a scope that is cancelled already to the last step: no task is left, and nothing runs at the provider."""
    task = trio.lowlevel.current_task() if ours else None
    await wait_all_tasks_blocked()
    before = trio.lowlevel.current_statistics().tasks_living

    for step in range(1000):
        over = await cancelled_at(step, lambda: agentsup.run(place.spec, SCRIPT), task=task)

        await trio.sleep(60)
        assert trio.lowlevel.current_statistics().tasks_living == before
        if over:
            break
    else:
        pytest.fail("it never came to an end")
    sessions = (await place.http.get("/v1/sessions", params={"limit": 100})).json()["data"]
    assert {session["status"] for session in sessions} == {"idle"}


async def submit(ref):
    await ref.submit(SCRIPT)


async def message(ref):
    await ref.message(SCRIPT)


async def stream(ref):
    async for _ in ref.stream(SCRIPT):
        pass


OPERATIONS = [
    submit,
    message,
    stream,
    agentsup.SessionRef.interrupt,
    agentsup.SessionRef.close,
    agentsup.SessionRef.abort,
    agentsup.SessionRef.info,
]


@pytest.mark.parametrize("busy", [False, True])
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.__name__)
async def test_cancelling_a_wait_harms_nobody(place, autojump_clock, operation, busy):
    """Cancelled at any step: each accepted request gets one terminal, nothing is sent twice, and the session answers or is closed."""
    async with agentsup.open_runtime() as runtime:
        for step in range(1, 1000):
            ref = await runtime.start_session(f"s{step}", place.spec)
            if busy:
                await ref.message(f"{SCRIPT}\n@say busy {step}")
                await trio.sleep(0.05)

            over = await cancelled_at(step, lambda ref=ref: operation(ref))

            with trio.fail_after(100):
                await check_alive_or_closed(ref)
            if over:
                break
        else:
            pytest.fail("it never came to an end")
    if operation not in (submit, message, stream):  # those say the same in every round
        await place.check_nothing_is_double()


async def check_alive_or_closed(ref):
    try:
        assert (await ref.submit(f"@say {ref.id}")).text == ref.id
        await ref.close()
    except agentsup.SessionClosed:
        pass  # it is ending: its events end as well
    requests = Counter()
    async with ref.subscribe(after=0, overflow="block") as events:
        async for event in events:
            if event.type in ("accepted", "request_ended"):
                requests[event.type, event.body.request_id] += 1
    assert set(requests.values()) <= {1}
    assert sum(key[0] == "accepted" for key in requests) * 2 == len(requests)
