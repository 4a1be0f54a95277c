"""From an event's bytes to its class, against the standard library's JSON and cattrs as they come."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import attrs
import cattrs

from agentsup.wire.frames import decode_frame
from agentsup.wire.jsontext import loads, plain_loads
from agentsup.wire.managed.catalogue import event_of
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
    ]


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
