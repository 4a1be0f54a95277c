"""Crashes, cuts and lost answers at random moments of requests with many tools: seeded, under the mock clock."""

from __future__ import annotations

import contextlib
import random
from collections import Counter

import attrs
import pytest
import trio

import agentsup
from agentsup import otp
from agentsup.testing import crash, open_simulator
from tests.kit.providers import at_claude

EFFECTS = ("pure", "idempotent", "unsafe")

LOSSES = (
    {"mode": "reset"},
    {"mode": "after_reset"},
    {"mode": "stall"},
    {"mode": "answer", "status": 503},
    {"mode": "after", "status": 500},
)

PLACES = (
    ("POST", "/v1/sessions"),
    ("POST", "/v1/sessions/*/events"),
    ("GET", "/v1/sessions/*/events"),
    ("GET", "/v1/sessions/*/events/stream"),
)


@attrs.define(eq=False)
class Storm:
    """One seed's weather, and what the tools saw of it."""

    chance: random.Random
    runs: Counter = attrs.field(factory=Counter)
    ended: Counter = attrs.field(factory=Counter)
    keys: int = 0

    def tool(self, effect):
        async def work(key: int) -> str:
            self.runs[effect, key] += 1
            await trio.sleep(self.chance.choice([0, 0.01, 0.3, 1]))
            self.ended[effect, key] += 1
            return f"{effect} {key}"

        return agentsup.tool(work, name=effect, effect=effect)

    def script(self, number):
        """A request with up to three batches of up to three calls, broken in between."""
        lines = [f"@say start {number}"]
        for _ in range(self.chance.randrange(4)):
            for _ in range(self.chance.randrange(1, 4)):
                self.keys += 1
                lines.append(f'@tool {self.chance.choice(EFFECTS)} {{"key": {self.keys}}}')
            if self.chance.random() < 0.3:
                lines.append(self.chance.choice(["@cut", "@eof", "@sleep 0.2", "@stale", "@deltas 20 10"]))
            lines.append("@say got {results}")
        return "\n".join([*lines, "@say end"])

    async def crashes(self, runtime):
        """Kill the session's task again and again, after any number of steps."""
        while True:
            await trio.sleep(self.chance.choice([0.1, 0.5, 2, 2.01]))
            for _ in range(self.chance.randrange(8)):
                await trio.lowlevel.checkpoint()
            with contextlib.suppress(otp.CallError, agentsup.NotFound):  # between two of them
                await crash(runtime.session("s"))

    async def ask(self, ref, script, answers):
        how = self.chance.choice(["submit", "submit", "message", "stream"])
        if how == "submit":
            answers[script] = await ref.submit(script)
        elif how == "message":
            await ref.message(script)
        else:
            stream = ref.stream(script)
            pieces = [piece async for piece in stream]
            answers[script] = stream.result
            assert "".join(pieces) == stream.result.text


async def weather(seed):
    """One storm over one session, and every promise checked when it is over."""
    storm = Storm(random.Random(seed))
    chance = storm.chance
    async with open_simulator() as sim, sim.client() as http:
        for _ in range(chance.randrange(5)):
            method, path = chance.choice(PLACES)
            sim.fault(method=method, path=path, times=1, **chance.choice(LOSSES))
        spec = agentsup.SessionSpec(
            provider=await at_claude(http),
            tools=[storm.tool(effect) for effect in EFFECTS],
            restart=agentsup.Restart(intensity=1000, backoff=otp.Backoff(base=0.05, cap=chance.choice([0, 0.5]))),
        )
        scripts, answers = [storm.script(number) for number in range(chance.randrange(1, 6))], {}
        async with agentsup.open_runtime() as runtime, trio.open_nursery() as nursery:
            nursery.start_soon(storm.crashes, runtime)
            ref = await runtime.start_session("s", spec)
            async with trio.open_nursery() as asking:
                for script in scripts:
                    asking.start_soon(storm.ask, ref, script, answers)
                    await trio.sleep(chance.choice([0, 0.01, 1]))
            await terminals(ref, len(scripts))
            restarts = (await ref.info()).restarts
            nursery.cancel_scope.cancel()
        await http.delete("/_sim/faults")
        await check(storm, scripts, answers, http)
    return restarts


async def terminals(ref, requests):
    """Wait for the requests' ends: each once, all of them the agent's own."""
    accepted, ended = Counter(), Counter()
    async with ref.subscribe(after=0, overflow="block") as events:
        async for event in events:
            if event.type == "accepted":
                accepted[event.body.request_id] += 1
            if event.type == "request_ended":
                assert event.body.terminal == "end_turn"
                ended[event.body.request_id] += 1
                if len(ended) == requests:
                    break
    assert accepted == ended
    assert set(ended.values()) == {1}


async def check(storm, scripts, answers, http):
    """One session there, each message and each result in it once, each tool run as its effect allows, each answer whole."""
    [session] = (await http.get("/v1/sessions")).json()["data"]
    history = (await http.get(f"/v1/sessions/{session['id']}/events", params={"limit": 1000})).json()["data"]
    told = [event["content"][0]["text"] for event in history if event["type"] == "user.message"]
    calls = [event["id"] for event in history if event["type"] == "agent.custom_tool_use"]
    results = [event["custom_tool_use_id"] for event in history if event["type"] == "user.custom_tool_result"]
    assert sorted(told) == sorted(scripts)
    assert sorted(calls) == sorted(results)
    assert not [event for event in history if event["type"] == "user.interrupt"]
    for (effect, key), runs in storm.runs.items():
        assert runs == 1 if effect == "unsafe" else storm.ended[effect, key] >= 1
    for script, result in answers.items():
        assert result.text.startswith(script.splitlines()[0].removeprefix("@say "))
        assert result.text.endswith("end")
        assert len(result.tool_uses) == script.count("@tool")
        ids = [event["id"] for event in result.events]
        assert len(ids) == len(set(ids))


@pytest.mark.parametrize("tens", range(10))
async def test_whatever_breaks_each_request_is_answered_once(tens, autojump_clock):
    """Ten storms: one terminal for each request, each message and result sent once, unsafe tools never twice."""
    restarts = 0
    for seed in range(10 * tens, 10 * tens + 10):
        with trio.fail_after(3600):
            restarts += await weather(seed)

    assert restarts


async def stopped_and_killed(seed):
    """Requests that are interrupted, out of time, out of turns, closed or aborted at random moments of broken connections."""
    storm = Storm(random.Random(seed))
    chance = storm.chance
    async with open_simulator() as sim, sim.client() as http:
        limits = agentsup.Limits(max_turns=chance.choice([1, 2, 50]), timeout=chance.choice([0.5, 2, 100]))
        spec = agentsup.SessionSpec(
            provider=await at_claude(http),
            tools=[storm.tool(effect) for effect in EFFECTS],
            restart=agentsup.Restart(intensity=1000),
            limits=limits,
        )
        async with agentsup.open_runtime() as runtime:
            ref = await runtime.start_session("s", spec)
            for _ in range(chance.randrange(4)):
                sim.fault(method="POST", path="/v1/sessions/*/events", times=1, **chance.choice(LOSSES))
            async with trio.open_nursery() as nursery:
                nursery.start_soon(trouble, chance, ref)
                for number in range(chance.randrange(1, 6)):
                    nursery.start_soon(ask_for_one, ref, number, storm.script(number))
                    await trio.sleep(chance.choice([0, 0.01, 1, 5]))
            await ref.close()
            await each_request_ended_once(ref)
        await trio.sleep(60)  # a stalled answer gives way, and what is left is told
        [session] = (await http.get("/v1/sessions")).json()["data"]
        history = (await http.get(f"/v1/sessions/{session['id']}/events", params={"limit": 1000})).json()["data"]
    told = [event["content"][0]["text"] for event in history if event["type"] == "user.message"]
    results = [event["custom_tool_use_id"] for event in history if event["type"] == "user.custom_tool_result"]
    assert len(told) == len(set(told))
    assert len(results) == len(set(results))
    assert all(runs == 1 for (effect, _), runs in storm.runs.items() if effect == "unsafe")


async def trouble(chance, ref):
    for _ in range(chance.randrange(1, 10)):
        await trio.sleep(chance.choice([0, 0.01, 0.2, 1, 5]))
        for _ in range(chance.randrange(8)):
            await trio.lowlevel.checkpoint()
        with contextlib.suppress(otp.CallError, agentsup.SessionClosed):
            await chance.choices([ref.interrupt, lambda: crash(ref), ref.close, ref.abort], [60, 36, 2, 2])[0]()


async def ask_for_one(ref, number, script):
    """Ask; whatever becomes of it, the answer is to this question."""
    try:
        text = (await ref.submit(script)).text
    except agentsup.RequestFailed as exc:
        text = exc.result.text
    except agentsup.SessionClosed:
        text = ""
    assert text == "" or text.startswith(f"start {number}")


async def each_request_ended_once(ref):
    accepted, ended = Counter(), Counter()
    async with ref.subscribe(after=0, overflow="block") as events:
        async for event in events:
            if event.type == "accepted":
                accepted[event.body.request_id] += 1
            if event.type == "request_ended":
                ended[event.body.request_id] += 1
    assert accepted == ended
    assert set(ended.values()) <= {1}


@pytest.mark.parametrize("tens", range(5))
async def test_whoever_stops_what_gets_nobody_elses_answer(tens, autojump_clock):
    """Ten requests ended early and late, by us and by crashes: one terminal each, nothing twice, no answer to another question."""
    for seed in range(1000 + 10 * tens, 1010 + 10 * tens):
        with trio.fail_after(36_000):
            await stopped_and_killed(seed)
