"""A call that was cut off comes back to a program whose tools are not those of the last one."""

from __future__ import annotations

import enum

import pytest
import trio

import agentsup


class Size(enum.Enum):
    SMALL = "s"


@pytest.fixture
def store(tmp_path):
    return tmp_path / "sessions.db"


def hanging(effect, **options):
    @agentsup.tool(name="order", effect=effect, **options)
    async def order(size: str) -> str:
        """Never comes back."""
        begun.set()
        await trio.sleep_forever()

    begun = trio.Event()
    return order, begun


async def after_the_change(provider, store, effect, *tools, **options):
    """The texts of the call's results at the next program, after the first one died in the middle of the call."""
    old, begun = hanging(effect)
    async with agentsup.open_runtime(store=store) as runtime:
        ref = await runtime.start_session("s1", agentsup.SessionSpec(provider=provider, tools=[old]))
        await ref.message('@tool order {"size": "xl"}\n@say {results}')
        await begun.wait()

    async with agentsup.open_runtime(store=store) as runtime:
        ref = await runtime.start_session("s1", agentsup.SessionSpec(provider=provider, tools=tools, **options))
        with trio.fail_after(60):
            async with ref.subscribe(after=0, overflow="block") as events:
                async for event in events:
                    if event.result is not None:
                        return event.result.text
    raise AssertionError("the request has had no end")


def tool_named(name, effect, hint, **options):
    runs = []

    async def order(size) -> str:
        """Order."""
        runs.append(size)
        return "ordered"

    order.__annotations__["size"] = hint
    return agentsup.tool(order, name=name, effect=effect, **options), runs


@pytest.mark.parametrize("effect", ["idempotent", "pure"])
async def test_a_tool_that_is_gone(provider, store, effect):
    """The model is told what there is."""
    other, runs = tool_named("buy", effect, str)

    text = await after_the_change(provider, store, effect, other)

    assert "order" in text
    assert runs == []


async def test_a_tool_whose_schema_is_stricter_now(provider, store):
    """The arguments of back then are checked by the rules of now; the tool is not run with what it does not take."""
    stricter, runs = tool_named("order", "idempotent", Size)

    text = await after_the_change(provider, store, "idempotent", stricter)

    assert text == 'wrong arguments for order: size: must be one of "s"'
    assert runs == []


async def test_a_tool_that_may_run_again_now(provider, store):
    """The effect class of now counts: whoever wrote it knows what the tool does."""
    looser, runs = tool_named("order", "idempotent", str)

    text = await after_the_change(provider, store, "unsafe", looser)

    assert text == "ordered"
    assert runs == ["xl"]


async def test_a_tool_that_may_not_run_again_any_more(provider, store):
    """Likewise."""
    unsafe, runs = tool_named("order", "unsafe", str)

    text = await after_the_change(provider, store, "pure", unsafe)

    assert "whether it took effect is unknown" in text
    assert runs == []
