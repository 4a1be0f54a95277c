"""Tools in a session, against the simulator: what goes over the wire is what the provider's own client reads there."""

from __future__ import annotations

import enum
import json
import warnings

import attrs
import pytest
import trio

from agentsup import Document, Image, SearchResult, SessionInfo, Text, ToolError, tool
from agentsup.testing import crash

PICTURE = Image(data=b"png", media_type="image/png")


class Unit(enum.Enum):
    METRE = "m"
    FOOT = "ft"


@attrs.frozen
class Size:
    width: int
    unit: Unit = Unit.METRE


@pytest.fixture(scope="module")
def official():
    """The provider's own client's idea of an event in a session's history, as a validator."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from anthropic.types.beta.sessions import BetaManagedAgentsSessionEvent
        from pydantic import TypeAdapter

        return TypeAdapter(BetaManagedAgentsSessionEvent)


async def results_of(world, ref, official):
    """The tool results in the provider's history, read by the provider's own client."""
    info = await ref.info()
    async with world.sim.client() as client:
        answer = await client.get(f"/v1/sessions/{info.provider_session_id}/events", params={"limit": 1000})
    events = [official.validate_python(event) for event in answer.json()["data"]]
    return [event for event in events if event.type == "user.custom_tool_result"]


async def test_parts_arrive_as_content_blocks(world, official):
    """Text, data, a picture and documents, each with its source."""

    @tool
    async def look() -> list[object]:
        return [
            "See:",
            PICTURE,
            {"a": 1},
            Document(text="Plain.", title="Notes", context="From the desk."),
            Document(data=b"pdf"),
            Image(url="https://example.org/a.png"),
            SearchResult(source="https://example.org/b", title="Hours", text="Nine to five."),
        ]

    ref = await world.start(look)
    result = await ref.submit("@tool look {}\n@say {results}")

    assert result.text == 'See:\n{"a": 1}'
    (answer,) = await results_of(world, ref, official)
    assert [block.type for block in answer.content] == [
        "text",
        "image",
        "text",
        "document",
        "document",
        "image",
        "search_result",
    ]
    found = answer.content[6]
    assert (found.source, found.title, found.content[0].text) == ("https://example.org/b", "Hours", "Nine to five.")
    assert found.citations.enabled is False
    assert answer.content[1].source.to_dict() == {"type": "base64", "media_type": "image/png", "data": "cG5n"}
    assert (answer.content[3].title, answer.content[3].context) == ("Notes", "From the desk.")
    assert [answer.content[n].source.type for n in (3, 4, 5)] == ["text", "base64", "url"]


async def test_a_result_of_a_picture_alone_is_given_once(world, official, autojump_clock):
    """There is no text in it by which anybody could recognise it; the call is enough, also after a crash."""
    ran, has_run = [], trio.Event()

    @tool
    async def look() -> Image:
        ran.append(True)
        has_run.set()
        return PICTURE

    ref = await world.start(look)

    async def ask():
        assert (await ref.submit("@tool look {}\n@sleep 1\n@say done")).text == "done"

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        await has_run.wait()
        await trio.sleep(0.5)  # of the mock clock's: the result is there, the answer is not
        await crash(ref)

    assert ran == [True]
    assert len(await results_of(world, ref, official)) == 1


async def test_an_error_with_parts_arrives_as_one(world, official):
    """What went wrong, and a picture of it."""

    @tool
    def fail() -> None:
        raise ToolError([Text("It looks so:"), PICTURE])

    ref = await world.start(fail)
    result = await ref.submit("@tool fail {}\n@say {results}")

    assert result.text == "It looks so:"
    (answer,) = await results_of(world, ref, official)
    assert answer.is_error
    assert [block.type for block in answer.content] == ["text", "image"]


async def test_wrong_arguments_are_told_to_the_agent_and_nothing_runs(world):
    """All of them at once; the next call can be right."""
    sizes = []

    @tool
    def cut(size: Size, times: int = 1) -> str:
        sizes.append((size, times))
        return f"cut to {size.width} {size.unit.name.lower()}"

    wrong = json.dumps({"size": {"width": "3", "unit": "mile"}, "times": None})
    right = json.dumps({"size": {"width": 3, "unit": "ft"}})
    ref = await world.start(cut)
    result = await ref.submit(f"@tool cut {wrong}\n@say {{results}}\n@tool cut {right}\n@say {{results}}")

    told, done = result.text.splitlines()
    assert told.removeprefix("wrong arguments for cut: ").split("; ") == [
        "size.width: must be an integer, not a string",
        'size.unit: must be one of "m", "ft"',
        "times: must be an integer, not null",
    ]
    assert done == "cut to 3 foot"
    assert sizes == [(Size(3, Unit.FOOT), 1)]


async def test_tools_of_every_kind_in_one_batch(world):
    """Threads and tasks, methods and functions, good and bad: one result each, in the order of the question."""

    class Desk:
        name = "desk"

        @tool
        def where(self, info: SessionInfo) -> str:
            return f"{self.name} {info.session_id}"

    @tool
    async def later() -> str:
        await first.wait()
        return "after the others"

    @tool(timeout=0.01)
    async def never() -> None:
        await trio.sleep_forever()

    @tool
    def leave() -> None:
        raise SystemExit(3)

    @tool
    async def odd() -> object:
        first.set()
        return object()

    first = trio.Event()

    ref = await world.start(Desk().where, later, never, leave, odd)
    result = await ref.submit(
        "@tool never {}\n@tool later {}\n@tool where {}\n@tool leave {}\n@tool odd {}\n@tool gone {}\n@say {results}"
    )

    told = (
        "the tool took longer than its 0.01 seconds",
        "after the others",
        "desk s1",
        "the tool failed: SystemExit: 3",
        "the tool ran, but its result cannot be told: what it returned is of the type object, which has no counterpart in JSON",
        "there is no tool 'gone' here; the tools are: where, later, never, leave, odd",
    )
    assert result.text == ", ".join(told)
