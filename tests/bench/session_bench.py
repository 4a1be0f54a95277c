"""The session loop against bare httpx + httpx-sse, over the same bytes from the same server."""

from __future__ import annotations

import gc
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import httpx
import httpx_sse
import trio

import agentsup
from tests.bench.rows import Row

STREAMS = 100
EVENTS = 300
ROUNDS = 5


@contextmanager
def firehose(events: int) -> Iterator[str]:
    """The server in a process of its own."""
    command = [sys.executable, "-m", "tests.bench.firehose", str(events)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.kill()


async def bare(base_url: str) -> float:
    """Seconds of CPU to read all streams with the libraries alone, decoding each event."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=20)
    async with httpx.AsyncClient(base_url=base_url, limits=limits, timeout=60) as client:
        ids = [(await client.post("/v1/sessions", json={})).json()["id"] for _ in range(STREAMS)]
        ready = [trio.Event() for _ in ids]

        async def read(session_id: str, is_open: trio.Event) -> None:
            async with httpx_sse.aconnect_sse(client, "GET", f"/v1/sessions/{session_id}/events/stream") as source:
                is_open.set()
                async for frame in source.aiter_sse():
                    if json.loads(frame.data)["type"] == "session.status_idle":
                        return

        async with trio.open_nursery() as nursery:
            for session_id, is_open in zip(ids, ready, strict=True):
                nursery.start_soon(read, session_id, is_open)
            for is_open in ready:
                await is_open.wait()
            begin = time.process_time()
            for session_id in ids:
                nursery.start_soon(_post, client, session_id)
        return time.process_time() - begin


async def _post(client: httpx.AsyncClient, session_id: str) -> None:
    body = {"events": [{"type": "user.message", "content": [{"type": "text", "text": "go"}]}]}
    await client.post(f"/v1/sessions/{session_id}/events", json=body)


async def sessions(base_url: str, store: agentsup.SQLiteStore | None = None) -> float:
    """Seconds of CPU for the same through supervised sessions, from `submit` to every result."""
    provider = agentsup.ClaudeManagedAgents(agent="a", environment="e", api_key="k", base_url=base_url)
    spec = agentsup.SessionSpec(provider=provider)
    async with agentsup.open_runtime(store=store) as runtime:
        refs = [await runtime.start_session(f"s{number}", spec) for number in range(STREAMS)]
        begin = time.process_time()
        async with trio.open_nursery() as nursery:
            for ref in refs:
                nursery.start_soon(ref.submit, "go")
        return time.process_time() - begin


def run() -> list[Row]:
    """The ratios, in CPU time, interleaved: without a store, and with every event durable before it is shown.

    What a request's events are kept in is the garbage collector's to walk through; the last row goes without it, on both sides.
    """
    rounds, without = [], []
    with firehose(EVENTS) as base_url, tempfile.TemporaryDirectory() as folder:
        for number in range(ROUNDS):
            store = agentsup.SQLiteStore(f"{folder}/{number}.db", synchronous="normal")
            rounds.append((_cpu(bare, base_url), _cpu(sessions, base_url), _cpu(sessions, base_url, store)))
            gc.disable()
            store = agentsup.SQLiteStore(f"{folder}/{number}-without.db", synchronous="normal")
            without.append((_cpu(bare, base_url), _cpu(sessions, base_url, store)))
            gc.enable()
    alone, memory, durable = zip(*rounds, strict=True)
    what = "session loop vs bare httpx + httpx-sse, 100 streams"
    return [
        _row(what, alone, memory, "0.60 / 0.80"),
        _row(f"{what}, journal on", alone, durable, "0.60 / 0.80"),
        _row("the same, journal on, without the garbage collector", *zip(*without, strict=True), "-"),
    ]


def _cpu(work: Callable[..., Awaitable[float]], *args: object) -> float:
    """What it says; what was left behind by the work before is not its."""
    gc.collect()
    return trio.run(work, *args)


def _row(name: str, alone: tuple[float, ...], ours: tuple[float, ...], goal: str) -> Row:
    ratios = sorted(raw / mine for raw, mine in zip(alone, ours, strict=True))
    raw, mine = (statistics.median(column) / (STREAMS * EVENTS) * 1e6 for column in (alone, ours))
    detail = f"{raw:.1f} us of CPU per event bare, {mine:.1f} in a session; {STREAMS} streams of {EVENTS} events"
    return Row(name=name, ratio=statistics.median(ratios), low=ratios[0], high=ratios[-1], goal=goal, detail=detail)
