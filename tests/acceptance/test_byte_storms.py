"""Everything at once: a session is asked, steered, stopped, cut, crashed and left waiting while the service answers with whatever bytes.

Afterwards: what was said was taken once or, where somebody was told so, not at all; one result for each call; and the session works.
"""

from __future__ import annotations

import collections
import random

import attrs
import pytest
import structlog.testing
import trio

import agentsup

from .peer import KEY, answer, does, later, peer, refusal, says
from .test_bytes import ANSWERS, add

WORDS = "what-the-customer-said"
POSTS = ("message", "result", "confirm", "interrupt")
REPORTS = {
    "crash_report",
    "supervisor_report",
    "session.connection_lost",
    "session.provider_error",
    "session.request_failed",
    "session.failed",
}


def fault(rng, kind):
    """Something that goes wrong with a request, and may be passed over by asking again."""
    anywhere = [
        says(refusal(rng.choice([408, 409, 429, 500, 503, 529]))),
        says(b"", then=rng.choice(["end", "reset"])),
        ANSWERS[rng.choice(sorted(ANSWERS))],
    ]
    in_doubt = [
        does(then=rng.choice(["end", "reset"])),
        does(refusal(rng.choice([500, 503]))),
        does(answer(200, {"status": "ok"})),
        later(rng.choice([0.1, 0.5, 0.9]), breaks=rng.choice([True, False])),
    ]
    return rng.choice([*anywhere, *in_doubt] if kind in POSTS else anywhere)


@attrs.define(eq=False)
class Storm:
    """One session's bad day."""

    rng: random.Random
    service: object
    ref: agentsup.SessionRef
    nursery: trio.Nursery
    ended: dict = attrs.field(factory=dict)
    """What each submit came to."""

    async def submit(self, prompt):
        try:
            self.ended[prompt] = (await self.ref.submit(prompt)).text
        except agentsup.RequestFailed as exc:
            self.ended[prompt] = exc

    async def rage(self):
        for number in range(self.rng.randint(2, 8)):
            await self.one_of_many(f"{WORDS}-{number}")
            await trio.sleep(self.rng.choice([0, 0, 0.05, 0.5, 3]))

    async def one_of_many(self, words):
        rng, ref = self.rng, self.ref
        match rng.choice(["ask", "ask", "tool", "leave", "stop", "steer", "follow", "cut", "crash", "wait", "cancel"]):
            case "ask":
                self.nursery.start_soon(self.submit, words)
            case "tool":
                self.nursery.start_soon(self.submit, f"tool {rng.randint(1, 3)}")
            case "leave":
                self.nursery.start_soon(self.submit, rng.choice(["ask", f"hang {words}"]))
            case "stop":
                await ref.interrupt()
            case "steer":
                await ref.steer(words)
            case "follow":
                await ref.follow_up(words)
            case "cut":
                self.service.cut()
            case "crash":
                await agentsup.testing.crash(ref)
            case "wait":
                await trio.sleep(rng.choice([0.1, 1, 10, 100]))
            case "cancel":
                with trio.move_on_after(rng.choice([0, 0.1, 5])):
                    await self.submit(words)

    async def somebody_decides(self):
        while True:
            await trio.sleep(20)
            for call in (await self.ref.info()).pending_approvals:
                await self.ref.confirm(call.call_id, allow=self.rng.random() < 0.5)


@pytest.mark.parametrize("seed", range(10))
async def test_whatever_the_bytes_each_word_is_taken_once(seed, autojump_clock, monkeypatch):
    """And nothing is left behind, nor said in a log."""
    rng = random.Random(seed)
    monkeypatch.setattr(random, "random", rng.random)  # the jitter, too
    async with peer() as service:
        service.faults["create"] = [fault(rng, "message") for _ in range(rng.choice([0, 1]))]
        service.nameless_interrupts = rng.random() < 0.3
        service.fails_at_filters = rng.random() < 0.2
        limits = agentsup.Limits(timeout=rng.choice([100.0, 600.0, 5000.0]))
        spec = agentsup.SessionSpec(provider=service.provider, tools=[add], limits=limits)
        with structlog.testing.capture_logs() as logs, trio.fail_after(86_400):
            async with agentsup.open_runtime() as runtime, trio.open_nursery() as helpers:
                ref = await runtime.start_session("s", spec)
                for kind in ("stream", "list", *POSTS):
                    service.faults[kind] = [fault(rng, kind) for _ in range(rng.choice([0, 1, 2, 4]))]
                async with trio.open_nursery() as nursery:
                    storm = Storm(rng, service, ref, nursery)
                    helpers.start_soon(storm.somebody_decides)
                    await storm.rage()
                await trio.sleep(2000)
                service.faults.clear()
                await storm.submit("at last")
                await storm.submit("tool 1")
                helpers.cancel_scope.cancel()

    assert (storm.ended["at last"], storm.ended["tool 1"]) == ("re: at last", "done")
    assert len(service.sessions) == 1
    taken = collections.Counter(told for told in service.told() if WORDS in told)
    results = collections.Counter(e["custom_tool_use_id"] for e in service.taken if "custom_tool_use_id" in e)
    assert {*taken.values(), *results.values()} <= {1}
    for prompt, text in storm.ended.items():
        if prompt.startswith(WORDS) and isinstance(text, str):
            assert f"re: {prompt}" in text
    assert WORDS not in repr(logs)
    assert KEY not in repr(logs)
    assert {line["event"] for line in logs if line["log_level"] != "info"} <= REPORTS
    assert service.connections == 0
