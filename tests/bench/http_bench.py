"""What many open streams cost everybody else: a small request beside thousands of them, and the CPU when a thousand end together."""

from __future__ import annotations

import itertools
import resource
import statistics
import time

import httpx
import trio

from agentsup.providers.transport import STREAM, StreamsApart
from tests.bench.rows import Row
from tests.bench.session_bench import firehose

FEW, MANY = 100, 3000
REQUESTS = 200
ENDING = 1000
SPARE_FILES = 200
"""Descriptors that the benchmark and its server need beside the streams' sockets."""


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


async def ending_together(base_url: str, clients: list[httpx.AsyncClient]) -> float:
    """Seconds of CPU from when the server ends a thousand streams at once until all were read to their end; the clients take turns."""
    group = f"ending_{next(_GROUPS)}"
    try:
        async with trio.open_nursery() as nursery:
            for number in range(ENDING):
                url = f"{base_url}/v1/sessions/{group}.{number}/events/stream"
                await nursery.start(_read_to_the_end, clients[number % len(clients)], url)
            begin = time.process_time()
            await clients[0].post(f"{base_url}/v1/sessions/{group}/events", json={})
        return time.process_time() - begin
    finally:
        for client in clients:
            await client.aclose()


_GROUPS = itertools.count(1)
"""Numbers for groups of streams that end together."""


async def _read_to_the_end(client: httpx.AsyncClient, url: str, task_status: trio.TaskStatus[None]) -> None:
    async with client.stream("GET", url, extensions=dict(STREAM)) as response:
        task_status.started()
        async for _ in response.aiter_raw():
            pass


def ours() -> httpx.AsyncClient:
    """The client as the driver makes it."""
    return httpx.AsyncClient(transport=StreamsApart(), timeout=30)


def shared() -> httpx.AsyncClient:
    """One pool for everything, without a limit."""
    return httpx.AsyncClient(limits=httpx.Limits(max_connections=None), timeout=30)


def separate() -> list[httpx.AsyncClient]:
    """A client for each stream, which closes its connection with it: what an ending costs where no connection meets another."""
    context, limits = httpx.create_ssl_context(), httpx.Limits(max_keepalive_connections=0)
    return [httpx.AsyncClient(verify=context, limits=limits, timeout=30) for _ in range(ENDING)]


def run() -> list[Row]:
    """What a small request and an ending pay for the others: with our client, and for comparison with one that pools its streams."""
    if not enough_files(MANY + SPARE_FILES):
        print(f"    skipped: {MANY} streams need {MANY + SPARE_FILES} open files, and this system allows fewer")
        return []
    with firehose(1) as base_url:
        return [*_gets(base_url), *_endings(base_url)]


def enough_files(wanted: int) -> bool:
    """Whether so many files may be open, in this process and its children; the soft limit is raised where the hard one allows it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        if hard != resource.RLIM_INFINITY and hard < wanted:
            return False
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return True


def _gets(base_url: str) -> list[Row]:
    rows = []
    for name, make, rounds in (
        ("streams apart (ours)", ours, 3),
        ("streams in the pool (httpx as it comes)", shared, 1),
    ):
        pairs = [
            (trio.run(median_get, base_url, FEW, make()), trio.run(median_get, base_url, MANY, make()))
            for _ in range(rounds)
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


def _endings(base_url: str) -> list[Row]:
    rows = []
    for name, make, rounds in (
        ("streams apart (ours)", ours, 5),
        ("streams in the pool (httpx as it comes)", shared, 1),
    ):
        pairs = [
            (trio.run(ending_together, base_url, [make()]), trio.run(ending_together, base_url, separate()))
            for _ in range(rounds)
        ]
        ratios = sorted(mine / alone for mine, alone in pairs)
        mine, alone = (statistics.median(column) for column in zip(*pairs, strict=True))
        rows.append(
            Row(
                name=f"CPU of {ENDING} streams ending together vs separate connections, {name}",
                ratio=statistics.median(ratios),
                low=ratios[0],
                high=ratios[-1],
                goal="<=1.20 / <=1.00" if make is ours else "-",
                detail=f"{mine:.2f} s of CPU, {alone:.2f} s with a client for each stream",
            )
        )
    return rows
