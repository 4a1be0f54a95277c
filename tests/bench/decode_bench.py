"""From bytes to events: to their classes, against JSON and cattrs as they come; to a session's, against httpx-sse."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

import attrs
import cattrs
import httpx
import httpx_sse
import trio

from agentsup.providers.managed.following import follow
from agentsup.wire.frames import decode_frame
from agentsup.wire.jsontext import loads, plain_loads
from agentsup.wire.managed.catalogue import event_of
from agentsup.wire.managed.events import read
from tests.bench.firehose import BODY
from tests.bench.rows import Row

TIMES = 20_000
ROUNDS = 9

EVENT = json.dumps(
    {
        "id": "sevt_01example",
        "type": "agent.message",
        "content": [{"type": "text", "text": BODY}],
        "processed_at": "2026-01-01T00:00:00Z",
    }
)

FRAME = f"event: agent.message\ndata: {EVENT}\n\n".encode()


@attrs.frozen
class Message:
    """The same fields as the catalogue's class, for cattrs with nothing configured."""

    id: str | None
    processed_at: str | None
    content: tuple[Mapping[str, Any], ...] = ()


def microseconds(do: Callable[[], object]) -> float:
    """CPU time of one call."""
    begin = time.process_time()
    for _ in range(TIMES):
        do()
    return (time.process_time() - begin) / TIMES * 1e6


def run() -> list[Row]:
    """The ratios, interleaved."""
    data, converter = EVENT.encode(), cattrs.Converter()
    plain: list[float] = []
    fast: list[float] = []
    slow: list[float] = []
    for _ in range(ROUNDS):
        plain.append(microseconds(lambda: converter.structure(json.loads(EVENT), Message)))
        fast.append(microseconds(lambda: event_of(loads(data))))
        slow.append(microseconds(lambda: event_of(plain_loads(data))))
    whole = min(microseconds(lambda: event_of(decode_frame("agent.message", data) or {})) for _ in range(3))
    return [
        _row(
            "with the `fast` extra",
            plain,
            fast,
            goal="2.0 / 2.8",
            detail=f"; {whole:.1f} us with the frame's own checks",
        ),
        _row("without it", plain, slow, goal="-", detail=""),
        _stream_row(),
    ]


class _Body(httpx.AsyncByteStream):
    """A stream of events, one in each piece, without a network."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for _ in range(TIMES):
            yield FRAME


async def _ours(response: httpx.Response) -> None:
    async def hear(bodies: object) -> None:
        pass

    await follow(response, hear)


async def _theirs(response: httpx.Response) -> None:
    async for frame in httpx_sse.EventSource(response).aiter_sse():
        read(json.loads(frame.data))


async def _microseconds_each(follow: Callable[[httpx.Response], Awaitable[None]]) -> float:
    """CPU time of one event on its way from a piece of the body to what a session hears."""
    request = httpx.Request("GET", "http://example.com")
    response = httpx.Response(200, headers={"content-type": "text/event-stream"}, stream=_Body(), request=request)
    begin = time.process_time()
    await follow(response)
    return (time.process_time() - begin) / TIMES * 1e6


def _stream_row() -> Row:
    pairs = [(trio.run(_microseconds_each, _theirs), trio.run(_microseconds_each, _ours)) for _ in range(ROUNDS)]
    ratios = sorted(their / our for their, our in pairs)
    return Row(
        name="a stream's pieces to a session's events vs httpx-sse + json",
        ratio=statistics.median(ratios),
        low=ratios[0],
        high=ratios[-1],
        goal="-",
        detail=f"{min(pair[0] for pair in pairs):.1f} us theirs, {min(pair[1] for pair in pairs):.1f} us ours, by event",
    )


def _row(name: str, theirs: list[float], ours: list[float], *, goal: str, detail: str) -> Row:
    ratios = sorted(their / our for their, our in zip(theirs, ours, strict=True))
    told = f"{min(theirs):.1f} us theirs, {min(ours):.1f} us ours, for {len(EVENT)} bytes{detail}"
    return Row(
        name=f"decode and construct an event vs json + cattrs, {name}",
        ratio=statistics.median(ratios),
        low=ratios[0],
        high=ratios[-1],
        goal=goal,
        detail=told,
    )
