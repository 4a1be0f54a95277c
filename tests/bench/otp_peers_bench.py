"""Calls of the kernel against other ways of having actors in one Python process: goal 18 of the performance page.

asyncio is faster than trio, and nothing here claims otherwise: the row says by how much. Two rows are bare techniques, the others libraries as their users
would use them. Times are of the process's CPU; with threads also by the clock, as they wait for each other: a hand-over between two idle cores takes
three times as long as one within a core, so those rows depend on what else the machine does. The BEAM has a file of its own.
"""

from __future__ import annotations

import asyncio  # noqa: TID251  (a peer to be measured)
import concurrent.futures
import importlib.util
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
Clock = Callable[[], float]
Peer = Callable[[int, Clock], float]
"""Calls per second of a clock."""


def by_asyncio(calls: int, clock: Clock) -> float:
    """A queue per actor and a future per call."""

    async def serve(inbox: asyncio.Queue[Any]) -> None:
        while True:
            request, answer = await inbox.get()
            answer.set_result(request)

    async def main() -> float:
        inbox: asyncio.Queue[Any] = asyncio.Queue()
        server = asyncio.create_task(serve(inbox))
        loop = asyncio.get_running_loop()
        began = clock()
        for number in range(calls):
            answer = loop.create_future()
            inbox.put_nowait((number, answer))
            assert await answer == number
        took = clock() - began
        server.cancel()
        return calls / took

    return asyncio.run(main())


def by_threads(calls: int, clock: Clock) -> float:
    """A thread and a queue per actor, and a future per call."""
    inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def serve() -> None:
        while (item := inbox.get()) is not None:
            item[1].set_result(item[0])

    thread = threading.Thread(target=serve)
    thread.start()
    began = clock()
    for number in range(calls):
        answer: concurrent.futures.Future[int] = concurrent.futures.Future()
        inbox.put((number, answer))
        assert answer.result() == number
    took = clock() - began
    inbox.put(None)
    thread.join()
    return calls / took


class Pykka:
    """Pykka: an actor in a thread, a proxy that makes a future of each call."""

    def __call__(self, calls: int, clock: Clock) -> float:
        import pykka

        class Answers(pykka.ThreadingActor):
            def ask(self, request: int) -> int:
                return request

        ref = Answers.start()
        proxy = ref.proxy()
        began = clock()
        for number in range(calls):
            assert proxy.ask(number).get() == number
        took = clock() - began
        ref.stop()
        return calls / took


class Xoscar:
    """Xoscar: actors in this process, on asyncio, with references that could be remote."""

    def __call__(self, calls: int, clock: Clock) -> float:
        import xoscar

        class Answers(xoscar.Actor):
            def ask(self, request: int) -> int:
                return request

        async def main() -> float:
            pool = await xoscar.create_actor_pool("127.0.0.1", n_process=0)
            async with pool:
                ref = await xoscar.create_actor(Answers, address=pool.external_address, uid="answers")
                began = clock()
                for number in range(calls):
                    assert await ref.ask(number) == number
                return calls / (clock() - began)

        return asyncio.run(main())


class Anyio:
    """Anyio: a memory object stream and an event per call, on either loop."""

    def __init__(self, backend: str) -> None:
        self.backend = backend

    def __call__(self, calls: int, clock: Clock) -> float:
        import anyio

        async def serve(receive: Any) -> None:
            async for request, answer, event in receive:
                answer.append(request)
                event.set()

        async def main() -> float:
            send, receive = anyio.create_memory_object_stream[Any](100)
            async with send, receive, anyio.create_task_group() as group:
                group.start_soon(serve, receive)
                began = clock()
                for number in range(calls):
                    answer: list[int] = []
                    event = anyio.Event()
                    send.send_nowait((number, answer, event))
                    await event.wait()
                    assert answer[0] == number
                took = clock() - began
                group.cancel_scope.cancel()
            return calls / took

        return anyio.run(main, backend=self.backend)


def ours(calls: int, clock: Clock) -> float:
    """A call by registered name."""
    return trio.run(our_calls, 1, calls, None, clock)


def compared(name: str, peer: Peer, calls: int, clock: Clock, goal: str) -> Row:
    """Rounds in turn, median of the ratios."""
    pairs = [(ours(CALLS, clock), peer(calls, clock)) for _ in range(ROUNDS)]
    ratios = [mine / theirs for mine, theirs in pairs]
    mine, theirs = (statistics.median(each) for each in zip(*pairs, strict=True))
    detail = f"{mine:,.0f}/s against {theirs:,.0f}/s"
    return Row(name=name, ratio=statistics.median(ratios), low=min(ratios), high=max(ratios), goal=goal, detail=detail)


CPU, WALL = time.process_time, time.perf_counter

PEERS: tuple[tuple[str, str, Peer, int, Clock, str], ...] = (
    ("", "thread, queue and future per actor; by the clock", by_threads, CALLS // 4, WALL, "-"),
    ("", "the same; CPU", by_threads, CALLS // 4, CPU, "-"),
    ("pykka", "pykka, an actor in a thread; by the clock", Pykka(), CALLS // 10, WALL, ">=4x / 6x"),
    ("pykka", "the same; CPU", Pykka(), CALLS // 10, CPU, "-"),
    ("xoscar", "xoscar, in this process, on asyncio", Xoscar(), CALLS // 10, CPU, ">=3x / 5x"),
    ("anyio", "anyio on trio, stream and event", Anyio("trio"), CALLS, CPU, ">=1.2x"),
    ("anyio", "anyio on asyncio, stream and event", Anyio("asyncio"), CALLS, CPU, "-"),
    ("", "asyncio, queue and future", by_asyncio, CALLS, CPU, ">=0.5x / 0.65x"),
)


def run() -> list[Row]:
    """Every row; of libraries that are not installed there is none, and `make bench` installs them."""
    return [
        compared(f"call by name / {name}", peer, calls, clock, goal)
        for package, name, peer, calls, clock, goal in PEERS
        if not package or importlib.util.find_spec(package) is not None
    ]
