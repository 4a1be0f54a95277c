"""One life of a process with a crowd of sessions, to which everything is said that can be said, at random; and what must be true in the end.

Each life takes up what the one before it left. On paper stands what was promised: `accepted`, and per session what its subscriber was shown. A
tool notes each of its runs. The last life says nothing more, waits until all is quiet, and writes the whole story down.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from contextlib import suppress
from itertools import pairwise

import trio

import agentsup
from tests.crash.worker import Orders, Paper

SESSIONS = 6

PATIENT = agentsup.Restart(intensity=100, period=1.0)

KEYS = agentsup.agentcore.Credentials(
    access_key_id="AKIDEXAMPLE", secret_access_key="wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
)

SCRIPTS = (
    "@say {0}",
    '@tool pure {{"mark": "{0}"}}\n@say {0}',
    '@tool unsafe {{"mark": "{0}"}}\n@tool idempotent {{"mark": "{0}"}}\n@say {0}',
    '@tool gated {{"mark": "{0}"}}\n@tool unsafe {{"mark": "{0}"}}\n@say {0}',
    "@sleep 0.05\n@cut\n@say {0}",
    "@deltas 9 9\n@sleep 0.02\n@say {0}",
)


def main(orders: Orders) -> None:
    """Live."""
    trio.run(Crowd(orders).live)


class Crowd:
    """A runtime's sessions, and those who talk to them."""

    def __init__(self, orders: Orders) -> None:
        self._orders = orders
        self._paper = Paper(orders)
        self._chance = random.Random(orders.seed or 0)
        self._names = [f"{orders.session_id}-{number}" for number in range(SESSIONS)]

    async def live(self) -> None:
        """Until it is killed; without a seed, until all is quiet and written down."""
        store = agentsup.SQLiteStore(self._orders.store, synchronous="normal")
        spec, nap = self._spec(), self._chance.choice([None, 0.05])
        async with agentsup.open_runtime(store=store, spec_for=lambda _: spec, passivate_after=nap) as runtime:
            async with trio.open_nursery() as nursery:
                for name in self._names:
                    nursery.start_soon(self._one, runtime, name, spec)
                if self._orders.seed is None:
                    await self._quiet(runtime)
                    nursery.cancel_scope.cancel()
            for name in self._names:
                past = await runtime.past(name)
                async for event in past.events():
                    text = None if event.result is None else event.result.text
                    self._paper.write("story", json.dumps([name, event.cursor, event.type, event.request_id, text]))

    async def _one(self, runtime, name, spec) -> None:
        ref = await runtime.start_session(name, spec) if name not in _ids(runtime) else runtime.session(name)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._listen, ref)
            nursery.start_soon(self._decide, ref)
            if self._orders.seed is not None:
                nursery.start_soon(self._talk, ref)

    async def _listen(self, ref) -> None:
        seen = self._paper.read(f"shown-{ref.id}")
        after = int(seen[-1]) if seen else 0
        buffer = self._chance.choice([1, 4, 64])
        async with ref.subscribe(after=after, buffer=buffer, overflow="block") as events:
            async for event in events:
                if event.type not in ("text_delta", "dropped"):
                    self._paper.write(f"shown-{ref.id}", str(event.cursor))

    async def _decide(self, ref) -> None:
        while True:
            await trio.sleep(0.03)
            with suppress(agentsup.NoSuchCall):
                for use in (await ref.info()).pending_approvals:
                    await ref.confirm(use.call_id, allow=self._chance.random() < 0.7)
                for use in await ref.doubts():
                    await ref.resolve(use.call_id, "resolved")

    async def _talk(self, ref) -> None:
        for number in range(1000):
            await trio.sleep(self._chance.random() * 0.05)
            if (await ref.info()).queued > 2:
                continue
            mark = f"{ref.id}.{self._orders.seed}.{number}"
            script = self._chance.choice(SCRIPTS).format(mark)
            match self._chance.choices(["message", "follow_up", "steer", "interrupt", "configure"], [5, 2, 2, 1, 1])[0]:
                case "steer":
                    await ref.steer(f"@say {mark}")
                case "interrupt":
                    await ref.interrupt()
                case "configure":
                    await ref.configure(limits=agentsup.Limits(max_turns=40 + number % 20))
                case ask:
                    request = await getattr(ref, ask)(script)
                    self._paper.write("accepted", json.dumps([request, mark]))

    async def _quiet(self, runtime) -> None:
        looks = 0
        while looks < 5:
            await trio.sleep(0.1)
            states = {(await ref.info()).state for ref in runtime.sessions()}
            looks = looks + 1 if states <= {"idle", "passivated"} else 0

    def _spec(self) -> agentsup.SessionSpec:
        def noting(effect, name, **options):
            async def work(mark: str, info: agentsup.SessionInfo) -> str:
                """Leaves a mark."""
                self._paper.write(f"ran-{effect}", info.call_id)
                await trio.sleep(self._chance.random() * 0.05)
                return mark

            return agentsup.tool(work, name=name, effect=effect, **options)

        orders = self._orders
        managed = agentsup.ClaudeManagedAgents(
            agent=orders.agent, environment=orders.environment, api_key="key", base_url=orders.base_url
        )
        harness = agentsup.BedrockAgentCore(harness=orders.harness, credentials=KEYS, endpoint_url=orders.base_url)
        return agentsup.SessionSpec(
            provider=harness if orders.harness else managed,
            tools=[
                noting("pure", "pure"),
                noting("idempotent", "idempotent"),
                noting("unsafe", "unsafe"),
                noting("unsafe", "gated", needs_approval=True),
            ],
            in_doubt="wait",
            reconnect=agentsup.Reconnect(initial=0.02, cap=0.1),
            restart=PATIENT,
        )


def check(orders: Orders, requests: list[dict]) -> None:
    """Nothing was lost and nothing doubled: messages, effects, terminals, and what subscribers were shown."""
    paper = Paper(orders)
    story = [json.loads(line) for line in paper.read("story")]
    texts = {request: text for _, _, kind, request, text in story if kind == "request_ended"}
    accepted = Counter(request for _, _, kind, request, _ in story if kind == "accepted")
    assert accepted == Counter(request for _, _, kind, request, _ in story if kind == "request_ended"), (
        "one terminal each"
    )
    for line in paper.read("accepted"):
        request, mark = json.loads(line)
        assert request in texts, f"{mark} was accepted, and has no terminal"
    for number in range(SESSIONS):
        name = f"{orders.session_id}-{number}"
        there = [cursor for session, cursor, *_ in story if session == name]
        shown = [int(line) for line in paper.read(f"shown-{name}")]
        assert there == list(range(1, len(there) + 1)), f"{name} has gaps"
        assert shown == list(range(1, len(shown) + 1)), f"{name}: a subscriber was shown something twice, or never"
        ends = [cursor for session, cursor, kind, *_ in story if session == name and kind == "request_ended"]
        assert set(ends) <= set(shown), f"{name}: a subscriber did not see a terminal"
    assert max(Counter(paper.read("ran-unsafe")).values(), default=0) <= 1, "an unsafe tool ran twice for one call"
    said = Counter(mark for request in requests for mark in _marks(request, orders.session_id))
    assert max(said.values(), default=0) <= 1, f"said twice: {said.most_common(3)}"


def _marks(request: dict, story: str) -> list[str]:
    """What the agent was told to say with this request."""
    if request["method"] != "POST" or not request["path"].endswith(("/events", "/invoke")):
        return []
    words = json.dumps(request["body"]).replace("\\n", " ").replace('"', " ").split()
    return [word for before, word in pairwise(words) if before == "@say" and word.startswith(f"{story}-")]


def _ids(runtime) -> set[str]:
    return {ref.id for ref in runtime.sessions()}
