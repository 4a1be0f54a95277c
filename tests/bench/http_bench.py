"""What many open streams cost everybody else: a small request beside 1,000 of them, against the same beside 10."""

from __future__ import annotations

import statistics
import time

import httpx
import trio

from agentsup.providers.transport import STREAM, StreamsApart
from tests.bench.rows import Row
from tests.bench.session_bench import firehose

FEW, MANY = 10, 1000
REQUESTS = 200


async def median_get(base_url: str, streams: int, client: httpx.AsyncClient) -> float:
    """The median time of a small GET while that many streams are held open."""
    async with client, trio.open_nursery() as nursery:
        for number in range(streams):
            await nursery.start(_hold, client, f"{base_url}/v1/sessions/held_{number}/events/stream")
        times = []
        for _ in range(REQUESTS):
            begin = time.perf_counter()
            await client.get(f"{base_url}/v1/sessions/x/events")
            times.append(time.perf_counter() - begin)
        nursery.cancel_scope.cancel()
    return statistics.median(times)


async def _hold(client: httpx.AsyncClient, url: str, task_status: trio.TaskStatus[None]) -> None:
    async with client.stream("GET", url, extensions=dict(STREAM)):
        task_status.started()
        await trio.sleep_forever()


def ours() -> httpx.AsyncClient:
    """The client as the driver makes it."""
    return httpx.AsyncClient(transport=StreamsApart(), timeout=30)


def shared() -> httpx.AsyncClient:
    """One pool for everything, without a limit."""
    return httpx.AsyncClient(limits=httpx.Limits(max_connections=None), timeout=30)


def run() -> list[Row]:
    """Two rows: our client, and for comparison one that pools its streams."""
    rows = []
    with firehose(1) as base_url:
        for name, make in (("streams apart (ours)", ours), ("streams in the pool (httpx as it comes)", shared)):
            pairs = [
                (trio.run(median_get, base_url, FEW, make()), trio.run(median_get, base_url, MANY, make()))
                for _ in range(3)
            ]
            ratios = sorted(many / few for few, many in pairs)
            few, many = (statistics.median(column) * 1e3 for column in zip(*pairs, strict=True))
            rows.append(
                Row(
                    name=f"GET beside {MANY} streams vs beside {FEW}, {name}",
                    ratio=statistics.median(ratios),
                    low=ratios[0],
                    high=ratios[-1],
                    goal="<=1.50 / <=1.10" if make is ours else "-",
                    detail=f"median {few:.2f} ms beside {FEW}, {many:.2f} ms beside {MANY}",
                )
            )
    return rows
