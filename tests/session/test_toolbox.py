"""One result for every call, whatever the tool does."""

from __future__ import annotations

import threading

import pytest
import trio

from agentsup import ClaudeManagedAgents, SessionSpec, tool
from agentsup.session.errors import ToolError
from agentsup.session.toolbox import as_text, run_tool
from agentsup.talk.tools import SessionInfo, ToolUse

PROVIDER = ClaudeManagedAgents(agent="agent", environment="env", api_key="key")
INFO = SessionInfo(session_id="s1", provider="test", call_id="c1", metadata={"who": "me"})


async def call(*tools, name=None, input=None, **options):
    spec = SessionSpec(provider=PROVIDER, tools=tools, **options)
    name = name or spec.tools[0].name
    return await run_tool(spec, ToolUse("c1", name, input or {}), INFO)


# --- what comes of it ------------------------------------------------------------------------------------------------------------


async def test_a_sync_tool_runs_in_a_thread_of_its_own():
    """It may block without stopping the loop."""

    def where() -> bool:
        return threading.current_thread() is threading.main_thread()

    result = await call(where)

    assert (result.text, result.is_error) == ("false", False)


async def test_an_async_tool_runs_here():
    """It may use trio."""

    async def where() -> bool:
        await trio.lowlevel.checkpoint()
        return threading.current_thread() is threading.main_thread()

    assert (await call(where)).text == "true"


async def test_a_sync_function_may_give_something_to_await():
    """A wrapper around an async function is not known for one; what it gives is awaited here."""

    async def inner(word):
        await trio.lowlevel.checkpoint()
        return word * 2

    def outer(word: str) -> object:
        return inner(word)

    assert (await call(outer, input={"word": "ab"})).text == "abab"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain", "plain"),
        (None, ""),
        (3, "3"),
        ([1, "ä"], '[1, "ä"]'),
        ({"a": None}, '{"a": null}'),
        (b"x", "\"b'x'\""),
    ],
)
def test_what_a_tool_returns_as_text(value, text):
    """Text as it is, nothing as nothing, everything else as JSON."""
    assert as_text(value) == text


def test_what_json_cannot_say_is_said_otherwise():
    """Keys that are no text, circles and bottomless lists are shown as Python shows them."""
    circle = []
    circle.append(circle)
    deep = []
    for _ in range(100_000):
        deep = [deep]

    assert as_text({(1, 2): 3}) == "{(1, 2): 3}"
    assert as_text(circle) == "[[...]]"
    with pytest.raises(RecursionError):
        as_text(deep)


async def test_a_result_that_cannot_be_shown_is_an_error_result():
    """The value's own `__str__` is the tool's code, too."""

    class Odd:
        def __str__(self):
            raise RuntimeError("no words")

    def odd() -> object:
        return Odd()

    result = await call(odd)

    assert (result.text, result.is_error) == ("the tool failed: RuntimeError: no words", True)


async def test_text_that_no_wire_can_carry_is_mended():
    """A file name with a byte that is no UTF-8 must not break the sending of it."""

    def names() -> str:
        return "caf\udce9.txt"

    assert (await call(names)).text == "caf?.txt"


# --- what goes wrong -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("bad"), "the tool failed: ValueError: bad"),
        (ToolError("no such order"), "no such order"),
        (SystemExit(3), "the tool failed: SystemExit: 3"),
        (GeneratorExit(), "the tool failed: GeneratorExit: "),
        (ExceptionGroup("many", [ValueError("bad")]), "the tool failed: ExceptionGroup: many (1 sub-exception)"),
        (trio.TooSlowError(), "the tool failed: TooSlowError: "),
    ],
)
@pytest.mark.parametrize("in_thread", [False, True])
async def test_whatever_a_tool_raises_is_an_error_result(error, text, in_thread):
    """`SystemExit` and a deadline of the tool's own included."""

    async def fail_here() -> None:
        raise error

    def fail_there() -> None:
        raise error

    result = await call(fail_there if in_thread else fail_here)

    assert (result.text, result.is_error) == (text, True)


async def test_an_error_that_cannot_be_shown_is_told_all_the_same():
    """An exception whose text raises is named by its class."""

    class Mute(Exception):
        def __str__(self):
            raise RuntimeError

    async def fail() -> None:
        raise Mute

    assert (await call(fail)).text == "the tool failed: Mute: (it cannot be shown)"


@pytest.mark.parametrize("in_thread", [False, True])
async def test_keyboard_interrupt_passes(in_thread):
    """Ctrl-C is for the person at the keyboard, not for the model."""

    async def stop_here() -> None:
        raise KeyboardInterrupt

    def stop_there() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await call(stop_there if in_thread else stop_here)


@pytest.mark.parametrize("given", [{}, {"a": 1, "b": 2}, {"not a name": 1}, {"a": 1, "info": 2}])
async def test_wrong_arguments_are_an_error_result(given):
    """Missing, unknown, impossible: the model is told, and the function is not called."""
    called = []

    def one(a: int) -> None:
        called.append(a)

    result = await call(one, input=given)

    assert result.is_error
    assert result.text.startswith("wrong arguments for one: ")
    assert called == []


async def test_an_unknown_tool_is_told_what_there_is():
    """The model may have made it up."""

    def here() -> None: ...

    result = await call(here, name="there")

    assert (result.text, result.is_error) == ("there is no tool 'there' here; the tools are: here", True)


async def test_a_parameter_may_have_any_name():
    """Also names that the machinery around the call uses."""

    def run(function: str, is_async: bool, spec: str, use: str) -> str:
        return f"{function} {is_async} {spec} {use}"

    result = await call(run, input={"function": "f", "is_async": True, "spec": "s", "use": "u"})

    assert result.text == "f True s u"


# --- time and cancellation -------------------------------------------------------------------------------------------------------


async def test_a_tool_that_takes_too_long_is_stopped(autojump_clock):
    """It is cancelled for real, and the model is told."""
    stopped = []

    @tool(timeout=2.5)
    async def slow() -> None:
        try:
            await trio.sleep_forever()
        finally:
            stopped.append(trio.current_time())

    began = trio.current_time()
    result = await call(slow)

    assert (result.text, result.is_error) == ("the tool took longer than its 2.5 seconds", True)
    assert stopped == [began + 2.5]


async def test_a_tool_that_raises_while_it_is_stopped_has_failed(autojump_clock):
    """What came of it is its error, not the timeout."""

    @tool(timeout=1.0)
    async def slow() -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise ValueError("half done")

    assert (await call(slow)).text == "the tool failed: ValueError: half done"


async def test_our_cancellation_passes():
    """An interrupted tool has no result."""

    async def slow() -> None:
        await trio.sleep_forever()

    with trio.move_on_after(0) as scope:
        await call(slow)

    assert scope.cancelled_caught


async def test_our_cancellation_passes_alone():
    """What a tool's nursery raises while we cancel it is no failure of the session's."""

    async def fail_in_the_end():
        try:
            await trio.sleep_forever()
        finally:
            raise ValueError("late")

    async def crowd() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            nursery.start_soon(fail_in_the_end)

    with trio.move_on_after(0) as scope:
        await call(crowd)

    assert scope.cancelled_caught


async def test_an_error_in_a_tools_nursery_is_its_error():
    """The siblings it cancels are not our cancellation."""

    async def fail():
        raise ValueError("bad")

    async def crowd() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            nursery.start_soon(fail)

    result = await call(crowd)

    assert result.is_error
    assert "ExceptionGroup" in result.text


# --- what a tool is given --------------------------------------------------------------------------------------------------------


async def test_a_tool_is_given_where_it_is_called_and_the_context():
    """By the name `info`, by the annotation, and by the name `context`; the model cannot put its own there."""

    def by_name(info, context) -> str:  # both untyped on purpose: they are not for the model
        return f"{info.call_id} {info.session_id} {context}"

    def by_type(place: SessionInfo) -> str:
        return place.metadata["who"]

    assert (await call(by_name, input={"info": "x", "context": "y"}, context="ours")).text == "c1 s1 ours"
    assert (await call(by_type, input={"place": "x"})).text == "me"


# --- handlers --------------------------------------------------------------------------------------------------------------------


class Handler:
    async def handle_tool_call(self, name, input, context, info):
        return [name, input, context, info.call_id]


class SyncHandler:
    def handle_tool_call(self, name, input, context, info):
        return [name, input, context, info.call_id]


class Callable:
    async def __call__(self, name, input, context, info):
        return [name, input, context, info.call_id]


async def function(name, input, context, info):
    return [name, input, context, info.call_id]


@pytest.mark.parametrize("handler", [Handler(), SyncHandler(), Callable(), function], ids=lambda h: type(h).__name__)
async def test_a_handler_answers_what_no_tool_does(handler):
    """An object with the method, sync or not, or anything that can be called."""
    result = await call(handler=handler, name="anything", input={"a": 1}, context="ctx")

    assert result.text == '["anything", {"a": 1}, "ctx", "c1"]'


async def test_a_tool_goes_before_the_handler():
    """The handler is for the others."""

    def mine() -> str:
        return "tool"

    assert (await call(mine, handler=function)).text == "tool"


async def test_what_a_handler_raises_is_an_error_result():
    """The same border as for tools."""

    def fail(name, input, context, info):
        raise ToolError("not today")

    result = await call(handler=fail, name="x")

    assert (result.text, result.is_error) == ("not today", True)
