"""The page of telemetry is the table in the code, and what is said is what the table says."""

from __future__ import annotations

import re

import trio

import agentsup
from agentsup import telemetry
from agentsup.testing import crash, open_simulator
from tests.kit.providers import at_claude

from . import pages

PAGE = pages.DOCS / "reference" / "telemetry.md"


def test_every_event_is_in_the_table():
    """Name, numbers, what they are of, and when: as the code has them."""
    told = {}
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("| `"):
            name, numbers, of, meaning = (cell.strip() for cell in line.strip("|").split(" | "))
            told[name.strip("`")] = (*(tuple(re.findall(r"`(\w+)`", cell)) for cell in (numbers, of)), meaning)

    assert told == {kind.name: (kind.measurements, kind.metadata, kind.meaning) for kind in telemetry.EVENTS.values()}


def test_whatever_nobody_says_is_named():
    """A kind that stands in the table and has no place that speaks is told of as such."""
    package = pages.ROOT / "agentsup"
    source = "".join(path.read_text(encoding="utf-8") for path in package.rglob("*.py") if path.name != "telemetry.py")
    names = {kind.name: name for name, kind in vars(telemetry).items() if isinstance(kind, telemetry.Kind)}
    silent = {event for event, name in names.items() if not re.search(rf"\b(tm|telemetry)\.{name}\b", source)}

    told = set(
        re.findall(r"^`([a-z.]+)` is defined, and said by nobody yet", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    )

    assert silent == told


async def test_what_is_said_is_as_the_table_says(autojump_clock):
    """Over a session that does a bit of everything: each event has exactly its numbers and its metadata."""
    heard: list[telemetry.TelemetryEvent] = []

    @agentsup.tool(effect="pure")
    async def shout(text: str) -> str:
        """Say it loud."""
        await trio.sleep(2)
        return text.upper()

    with telemetry.attached(heard.append):
        async with open_simulator() as simulator, simulator.client() as http:
            provider = await at_claude(http, base_url=simulator.base_url)
            spec = agentsup.SessionSpec(
                provider=provider, tools=[shout], metadata={"customer": 42}, approval=lambda use, info: True
            )
            async with agentsup.open_runtime(passivate_after=60.0) as rt:
                ref = await rt.start_session("measured", spec)
                await ref.submit('@usage 7 5\n@ask read {}\n@tool shout {"text": "x"}\n@cut\n@say {results}')
                await crash(ref)
                await ref.submit("@say after")
                await trio.sleep(100)
                await ref.submit("@say woken")
                await ref.close()

    for event in heard:
        kind = telemetry.EVENTS[event.name]
        assert set(event.measurements) == set(kind.measurements), event.name
        assert set(event.metadata) == set(kind.metadata), event.name
    names = {event.name for event in heard}
    assert {"approval.given", "connection.lost", "stream.connected", "http.stopped", "turn.stopped"} <= names
    assert {f"session.{word}" for word in ("started", "restarted", "passivated", "resumed", "stopped")} <= names
    first = next(event for event in heard if event.name == "request.stopped")
    assert (first.measurements["input_tokens"], first.measurements["output_tokens"]) == (7, 5)
    assert first.metadata["labels"] == {"customer": 42}
    (ran,) = (event for event in heard if event.name == "tool.stopped")
    assert ran.measurements["duration_s"] == 2.0
    assert ran.metadata["tool"] == "shout"
