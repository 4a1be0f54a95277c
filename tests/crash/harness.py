"""Lives one after the other over one store, and what must be true of all of them together."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import attrs
import httpx
import trio

from agentsup import agentcore
from tests.crash import crowd
from tests.crash.worker import SCRIPTS, Orders

HEADERS = {"x-api-key": "key", "anthropic-version": "2023-06-01", "anthropic-beta": "managed-agents-2026-04-01"}

ROOT = Path(__file__).parents[2]


@attrs.define
class World:
    """A simulator and a zygote, for many stores."""

    base_url: str
    agent: str
    environment: str
    http: httpx.Client
    zygote: subprocess.Popen
    harness: str
    count: int = 0

    def story(self, folder: Path, *, synchronous: str = "normal", crowd: bool = False, harness: bool = False) -> Story:
        """A new store, and a session in it, or a crowd of them."""
        self.count += 1
        place = folder / f"story-{self.count}"
        place.mkdir()
        orders = Orders(
            store=str(place / "sessions.db"),
            base_url=self.base_url,
            agent=self.agent,
            environment=self.environment,
            session_id=f"s{self.count}",
            folder=str(place),
            synchronous=synchronous,
            crowd=crowd,
            harness=self.harness if harness else None,
        )
        return Story(self, place, orders)


@attrs.define
class Story:
    """Everything that happens to one session."""

    world: World
    folder: Path
    orders: Orders

    def live(self, *, fatal: int | None = None, kill_after: float | None = None, seed: int | None = None) -> dict:
        """One life of the process."""
        orders = attrs.asdict(attrs.evolve(self.orders, fatal=fatal, seed=seed))
        self.world.zygote.stdin.write(json.dumps({"orders": orders, "kill_after": kill_after}) + "\n")
        self.world.zygote.stdin.flush()
        answer = self.world.zygote.stdout.readline()
        assert answer, "the zygote died"
        return json.loads(answer)

    def lines(self, name: str) -> list[str]:
        """What the lives left in a file."""
        path = self.folder / name
        return path.read_text().splitlines() if path.exists() else []

    @property
    def last_place(self) -> str:
        """Where the last life was when it ended."""
        passed = self.lines("passed")
        return passed[-1] if passed else "before the first place"

    def history(self) -> list[dict]:
        """The provider's own account."""
        rows = self.world.http.get("/v1/sessions", params={"limit": 100}).json()["data"]
        ours = [row for row in rows if row["metadata"].get("agentsup_session") == self.orders.session_id]
        assert len(ours) == 1, f"{len(ours)} sessions at the provider"
        found: list[dict] = []
        page = None
        while True:
            params = {"limit": 1000, **({"page": page} if page else {})}
            answer = self.world.http.get(f"/v1/sessions/{ours[0]['id']}/events", params=params).json()
            found += answer["data"]
            page = answer["next_page"]
            if not page:
                return found

    def check(self) -> None:
        """Nothing lost and nothing doubled: messages, effects, results, terminals, and what subscribers were shown."""
        if self.orders.crowd:
            crowd.check(self.orders, self.world.http.get("/_sim/requests").json())
            return
        history = self.history()
        said = Counter(event["content"][0]["text"] for event in history if event["type"] == "user.message")
        expected = [script.format(self.orders.session_id) for script in SCRIPTS]
        assert said == Counter(expected), "each message arrived once"
        acked = [int(line) for line in self.lines("acked")]
        assert len(acked) == len(set(acked)), "no message was acknowledged twice"

        calls = {e["id"]: e["name"] for e in history if e["type"] == "agent.custom_tool_use"}
        results = Counter(e["custom_tool_use_id"] for e in history if e["type"] == "user.custom_tool_result")
        assert results == Counter(list(calls)), "each call has one result"
        leaves = [e["tool_use_id"] for e in history if e["type"] == "user.tool_confirmation"]
        assert len(leaves) == len(set(leaves)) == 1, "leave was given once"

        notes = Counter(self.lines("note"))
        assert all(count == 1 for count in notes.values()), "an unsafe tool ran twice for one call"
        worked = {
            e["custom_tool_use_id"] for e in history if e["type"] == "user.custom_tool_result" and not e.get("is_error")
        }
        for call_id in worked:
            if calls[call_id] == "note":
                assert notes[call_id] == 1, "a result without its effect"
            if calls[call_id] == "put":
                assert self.lines("put").count(call_id) >= 1, "a result without its effect"

        shown: dict[str, str] = {}
        for line in self.lines("saw"):
            cursor, kind = line.split()
            assert shown.setdefault(cursor, kind) == kind, f"at {cursor} one life saw {shown[cursor]}, another {kind}"
        ends = [cursor for cursor, kind in shown.items() if kind == "request_ended"]
        assert len(ends) == len(SCRIPTS), "each request has one terminal"
        texts: dict[str, str] = {}
        for line in self.lines("ended"):
            end = json.loads(line)
            assert texts.setdefault(end["request"], end["text"]) == end["text"], "one request, two results"
        assert len(texts) == len(SCRIPTS)


@contextmanager
def world():
    """A simulator in a process of its own, and a zygote; both gone afterwards."""
    sim = subprocess.Popen(
        [sys.executable, "-m", "agentsup", "sim", "--while-stdin"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    zygote = subprocess.Popen(
        [sys.executable, "-m", "tests.crash.zygote"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    try:
        base_url = sim.stdout.readline().split()[1]
        with httpx.Client(base_url=base_url, headers=HEADERS, trust_env=False) as http:
            agent = http.post("/v1/agents", json={"name": "crash", "model": "m"}).json()["id"]
            environment = http.post("/v1/environments", json={"name": "crash"}).json()["id"]
            yield World(base_url, agent, environment, http, zygote, trio.run(_harness, base_url))
    finally:
        for process in (zygote, sim):
            process.stdin.close()
            process.stdout.close()
            process.wait(timeout=10)


async def _harness(base_url: str) -> str:
    async with agentcore.Client("us-east-1", crowd.KEYS, endpoint_url=base_url) as client:
        made = await client.harnesses.create("crash", "arn:aws:iam::123456789012:role/works")
        while made.status != "READY":
            await trio.sleep(0.1)
            made = await client.harnesses.get(made.harness_id)
    return made.arn
