"""Calls of the kernel against other ways of having actors in one Python process: goal 18 of the performance page.

asyncio is faster than trio, and nothing here claims otherwise: the row says by how much. Threads stand for what thread-per-actor libraries do, a queue
per actor and a future per call; a library on top of them can only be slower. The BEAM is not measured here: beside it, in another process and on the
machine of the reference figures, one pair made 0.17 of its calls and a thousand pairs 0.22.
"""

from __future__ import annotations

import asyncio  # noqa: TID251  (a peer to be measured)
import concurrent.futures
import queue
import statistics
import threading
import time
from collections.abc import Callable
from typing import Any

import trio

from tests.bench.otp_bench import ROUNDS, our_calls
from tests.bench.rows import Row

CALLS = 20_000


def by_asyncio(calls: int) -> float:
    """A queue per actor and a future per call."""

    async def serve(inbox: asyncio.Queue[Any]) -> None:
        while True:
            request, answer = await inbox.get()
            answer.set_result(request)

    async def main() -> float:
        inbox: asyncio.Queue[Any] = asyncio.Queue()
        server = asyncio.create_task(serve(inbox))
        loop = asyncio.get_running_loop()
        began = time.perf_counter()
        for number in range(calls):
            answer = loop.create_future()
            inbox.put_nowait((number, answer))
            assert await answer == number
        took = time.perf_counter() - began
        server.cancel()
        return calls / took

    return asyncio.run(main())


def by_threads(calls: int) -> float:
    """A thread and a queue per actor, and a future per call."""
    inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def serve() -> None:
        while (item := inbox.get()) is not None:
            item[1].set_result(item[0])

    thread = threading.Thread(target=serve)
    thread.start()
    began = time.perf_counter()
    for number in range(calls):
        answer: concurrent.futures.Future[int] = concurrent.futures.Future()
        inbox.put((number, answer))
        assert answer.result() == number
    took = time.perf_counter() - began
    inbox.put(None)
    thread.join()
    return calls / took


def ours(calls: int) -> float:
    """A call by registered name."""
    return trio.run(our_calls, 1, calls, None)


def compared(name: str, peer: Callable[[int], float], calls: int, goal: str) -> Row:
    """Rounds in turn, median of the ratios."""
    pairs = [(ours(CALLS), peer(calls)) for _ in range(ROUNDS)]
    ratios = [mine / theirs for mine, theirs in pairs]
    mine, theirs = (statistics.median(each) for each in zip(*pairs, strict=True))
    detail = f"{mine:,.0f}/s against {theirs:,.0f}/s"
    return Row(name=name, ratio=statistics.median(ratios), low=min(ratios), high=max(ratios), goal=goal, detail=detail)


def run() -> list[Row]:
    """Every row."""
    return [
        compared("call by name / thread, queue and future per actor", by_threads, CALLS // 4, ">=4x / 6x (pykka)"),
        compared("call by name / asyncio queue and future", by_asyncio, CALLS, ">=0.5x / 0.65x"),
    ]
