"""One result for every call, whatever the tool does."""

from __future__ import annotations

import contextvars
import enum
import threading

import attrs
import pytest
import structlog
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from agentsup import ClaudeManagedAgents, Image, SessionSpec, Text, ToolResult, tool
from agentsup.errors import SpecError
from agentsup.session.calling import default_threads
from agentsup.session.errors import ToolError
from agentsup.session.toolbox import run_tool
from agentsup.talk.tools import SessionInfo, ToolUse

PROVIDER = ClaudeManagedAgents(agent="agent", environment="env", api_key="key")
INFO = SessionInfo(session_id="s1", provider="test", call_id="c1", metadata={"who": "me"})


class Color(enum.Enum):
    RED = "red"


@attrs.frozen
class Line:
    sku: str
    count: int = 1


async def call(*tools, name=None, input=None, threads=None, **options):
    spec = SessionSpec(provider=PROVIDER, tools=tools, **options)
    name = name or spec.tools[0].name
    return await run_tool(spec, ToolUse("c1", name, input or {}), INFO, threads=threads)


@pytest.fixture
def log_lines():
    with structlog.testing.capture_logs() as lines:
        yield lines


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


async def test_a_result_that_cannot_be_told_is_an_error_result():
    """The model is told that the tool ran, so that it does not run it again for that."""

    def odd() -> object:
        return {"a": [object()]}

    result = await call(odd)

    assert result.is_error
    assert result.text == (
        "the tool ran, but its result cannot be told: what it returned, at a[0], is of the type object, which has no counterpart in JSON"
    )


@pytest.mark.parametrize("error", [ValueError("no items"), SystemExit(1)])
async def test_a_value_that_cannot_be_looked_at_is_an_error_result(error):
    """Its own code may fail, and in any way; still the tool has run."""

    class Evil(dict):
        def items(self):
            raise error

    def give() -> object:
        return Evil(a=1)

    async def give_here() -> object:
        return [Evil(a=1)]

    def give_much() -> int:
        return 10**5000

    for function in (give, give_here):
        told = f"the tool ran, but its result cannot be told: {type(error).__name__}: {error}"
        assert await call(function) == ToolResult("c1", told, is_error=True)
    assert (await call(give_much)).text.startswith("the tool ran, but its result cannot be told: ValueError: ")


async def test_what_a_tool_returns_is_made_a_result_where_it_was_returned():
    """In the thread: a value that takes long to look at does not stop the loop."""
    looked = []

    class Slow(dict):
        def items(self):
            looked.append(threading.current_thread() is threading.main_thread())
            return super().items()

    def slow() -> dict[str, int]:
        return Slow(a=1)

    assert (await call(slow)).text == '{"a": 1}'
    assert looked == [False]


async def test_a_result_may_be_made_of_parts():
    """Pictures and documents beside text."""

    async def look() -> list[object]:
        return ["See:", Image(data=b"png", media_type="image/png"), {"a": 1}]

    result = await call(look)

    assert result.parts == (Text("See:"), Image(data=b"png", media_type="image/png"), Text('{"a": 1}'))


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
        (ExceptionGroup("one", [ValueError("bad")]), "the tool failed: ValueError: bad"),
        (ExceptionGroup("one", [ToolError("no such order")]), "no such order"),
        (
            BaseExceptionGroup("many", [SystemExit(1), ExceptionGroup("more", [ValueError("bad"), ToolError("no")])]),
            "the tool failed: SystemExit: 1; ValueError: bad; ToolError: no",
        ),
        (
            ExceptionGroup("many", [KeyError(n) for n in range(12)]),
            f"the tool failed: {'; '.join(f'KeyError: {n}' for n in range(10))}; and 2 more",
        ),
        (StopIteration(7), "the tool failed: StopIteration: 7"),
        (StopAsyncIteration(), "the tool failed: StopAsyncIteration: "),
        (RecursionError("deep"), "the tool failed: RecursionError: deep"),
        (MemoryError(), "the tool failed: MemoryError: "),
        (SpecError.of("a", "is wrong"), "the tool failed: SpecError: a: is wrong"),
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

    if type(error) is StopIteration and not in_thread:
        text = "the tool failed: RuntimeError: coroutine raised StopIteration"  # Python's own rule
    assert (result.text, result.is_error) == (text, True)


async def test_the_error_of_a_tool_may_have_parts():
    """A picture of what went wrong says more."""

    def fail() -> None:
        raise ToolError([Text("It looks so:"), Image(file_id="f")])

    result = await call(fail)

    assert (result.parts, result.is_error) == ((Text("It looks so:"), Image(file_id="f")), True)


@pytest.mark.parametrize("mistake", [RuntimeError, SystemExit, GeneratorExit])
async def test_an_error_that_cannot_be_shown_is_told_all_the_same(mistake):
    """An exception whose text raises is named by its class."""

    class Mute(Exception):
        def __str__(self):
            raise mistake

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


async def test_keyboard_interrupt_passes_bare_out_of_a_group():
    """Whatever else went wrong beside it."""

    async def crowd() -> None:
        raise BaseExceptionGroup("many", [ValueError("bad"), KeyboardInterrupt()])

    with pytest.raises(KeyboardInterrupt):
        await call(crowd)


def _stop(*args):
    raise KeyboardInterrupt


class Unlookable(dict):
    items = _stop


class Unsayable(Exception):
    __str__ = _stop


STOPPING = attrs.make_class("Stopping", {"a": attrs.field(type=int, validator=_stop)})


async def _with_class(it: STOPPING) -> None: ...


async def _with_error() -> None:
    raise Unsayable


async def _with_value() -> object:
    return Unlookable(a=1)


@pytest.mark.parametrize(
    ("function", "said"),
    [(_with_class, {"it": {"a": 1}}), (_with_error, {}), (_with_value, {})],
    ids=["class", "error", "value"],
)
async def test_keyboard_interrupt_passes_from_wherever_it_strikes(function, said):
    """In a class of the arguments, in the words of an error, in a value that is looked at."""
    with pytest.raises(KeyboardInterrupt):
        await call(function, input=said)


@pytest.mark.parametrize(
    "given", [{}, {"a": 1, "b": 2}, {"not a name": 1}, {"a": 1, "info": 2}, {"a": "1"}, {"a": None}]
)
async def test_wrong_arguments_are_an_error_result(given):
    """Missing, unknown, impossible, of another type: the model is told, and the function is not called."""
    called = []

    def one(a: int) -> None:
        called.append(a)

    result = await call(one, input=given)

    assert result.is_error
    assert result.text.startswith("wrong arguments for one: ")
    assert called == []


async def test_all_wrong_arguments_are_told_at_once():
    """So that the next call can be right."""

    def one(a: int, b: list[str]) -> None: ...

    result = await call(one, input={"b": [1], "c": 2})

    assert sorted(result.text.removeprefix("wrong arguments for one: ").split("; ")) == [
        "a: is missing",
        "b[0]: must be a string, not an integer",
        "c: is not known",
        'the known names are "a", "b"',
    ]


@pytest.mark.parametrize("error", [ValueError("too small"), SystemExit(1)])
async def test_a_class_that_refuses_its_values_is_an_error_result(error):
    """Its validators are the user's code, too."""

    def refuse(instance, attribute, value):
        raise error

    checked = attrs.make_class("Checked", {"a": attrs.field(type=int, validator=refuse)})

    def one(it) -> None: ...

    one.__annotations__["it"] = checked
    result = await call(one, input={"it": {"a": 1}})

    assert result.is_error
    assert f"{type(error).__name__}: {error}" in result.text


async def test_arguments_are_what_the_annotations_say():
    """Instances and enum members, not their JSON."""
    given = []

    def one(color: Color, line: Line, lines: dict[str, Line]) -> None:
        given.extend([color, line, lines])

    await call(one, input={"color": "red", "line": {"sku": "a"}, "lines": {"b": {"sku": "c", "count": 2}}})

    assert given == [Color.RED, Line("a"), {"b": Line("c", 2)}]


@pytest.mark.parametrize("secret", ["hunter2"])
async def test_neither_arguments_nor_errors_are_logged(secret, log_lines):
    """What is said in a conversation stays there."""

    def fail(a: str) -> None:
        raise ValueError(a)

    for said in ({"a": secret}, {"a": [secret]}, {secret: 1}):
        await call(fail, input=said)

    assert [line["event"] for line in log_lines] == ["tool.failed"]
    assert secret not in str(log_lines)


async def test_an_error_of_the_tools_own_kind_says_what_it_says():
    """A subclass of ToolError, however it is made."""

    class NoRoom(ToolError):
        def __init__(self, room):
            self.room = room

        def __str__(self):
            return f"there is no {self.room}"

    def fail() -> None:
        raise NoRoom("attic")

    assert await call(fail) == ToolResult("c1", "there is no attic", is_error=True)


def _groups(inner):
    return st.lists(inner, min_size=1, max_size=3).map(lambda found: BaseExceptionGroup("many", found))


ERRORS = st.recursive(
    st.sampled_from([ValueError, SystemExit, GeneratorExit, StopAsyncIteration, trio.TooSlowError]).map(
        lambda kind: kind("why")
    )
    | st.just(ToolError("told")),
    _groups,
    max_leaves=6,
)


@given(ERRORS, st.booleans(), st.booleans(), st.booleans())
def test_whatever_goes_wrong_there_is_one_result(error, in_thread, leaks, cancelled):
    """For any tree of errors, with a cancellation from elsewhere in it or not; unless we are cancelled ourselves, which passes alone."""

    async def main():
        kept = await cancellation()
        raised = BaseExceptionGroup("both", [error, kept]) if leaks else error

        async def fail_here() -> None:
            if cancelled:
                scope.cancel()
            raise raised

        def fail_there() -> None:
            raise raised

        with trio.CancelScope() as scope:
            return await call(fail_there if in_thread else fail_here)

    found = trio.run(main)

    if found is None:  # we were cancelled, and nothing else came through
        assert cancelled
        assert not in_thread
    else:
        assert (found.call_id, found.is_error) == ("c1", True)
        assert found.text == "told" or found.text.startswith("the tool failed: ")


async def cancellation():
    """A `trio.Cancelled` of a scope that is closed."""
    with trio.CancelScope() as scope:
        scope.cancel()
        try:
            await trio.sleep_forever()
        except trio.Cancelled as exc:
            return exc


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

    assert (await call(crowd)).text == "the tool failed: ValueError: bad"


async def test_a_tool_may_return_although_its_time_is_up(autojump_clock):
    """What it has to say for itself counts."""

    @tool(timeout=1.0)
    async def partly() -> str:
        try:
            await trio.sleep_forever()
        except trio.Cancelled:
            return "half of it"

    assert (await call(partly)).text == "half of it"


async def test_a_cancellation_that_is_not_ours_is_an_error():
    """A tool that keeps one and raises it later takes nobody with it; nor does one in a group."""
    kept = []

    async def keep() -> None:
        with trio.CancelScope() as scope:
            scope.cancel()
            try:
                await trio.sleep_forever()
            except trio.Cancelled as exc:
                kept.append(exc)
                raise

    async def leak() -> None:
        raise kept[0]

    async def leak_in_a_group() -> None:
        raise BaseExceptionGroup("many", [kept[0], ValueError("bad")])

    assert (await call(keep)).is_error is False
    for function in (leak, leak_in_a_group):
        result = await call(function)
        assert result.is_error
        assert result.text.startswith("the tool failed: Cancelled: ")
        await trio.lowlevel.checkpoint()  # nobody is cancelled


async def test_a_tool_that_leaves_a_scope_or_a_nursery_open_hurts_nobody():
    """What it did to its task's scopes ends with its task, and so do the tasks that it left behind."""
    stopped = []

    async def linger():
        try:
            await trio.sleep_forever()
        finally:
            stopped.append(True)

    async def open_a_scope() -> str:
        trio.CancelScope().__enter__()
        return "done"

    async def open_a_nursery() -> str:
        nursery = await trio.open_nursery().__aenter__()
        nursery.start_soon(linger)
        return "done"

    assert (await call(open_a_scope)).text == "done"
    result = await call(open_a_nursery)
    await trio.testing.wait_all_tasks_blocked()

    assert result.is_error
    assert "Nursery stack corrupted" in result.text
    assert stopped == [True]


# --- threads ---------------------------------------------------------------------------------------------------------------------------


async def test_a_thread_sees_our_context():
    """Context variables, and the way back to trio."""
    where = contextvars.ContextVar("where")
    where.set("here")

    def look() -> str:
        return f"{where.get()} {trio.from_thread.run_sync(trio.current_time) == now}"

    now = trio.current_time()
    assert (await call(look)).text.startswith("here ")


async def test_a_thread_is_left_to_itself_and_told_when_it_asks(mock_clock):
    """Its call is over at once; `check_cancelled` raises in it."""
    begun, told, go_on, results = trio.Event(), [], threading.Event(), []

    @tool(timeout=2)
    def slow() -> None:
        trio.from_thread.run_sync(begun.set)
        go_on.wait(30)
        try:
            trio.from_thread.check_cancelled()
        except trio.Cancelled:
            told.append(True)
            raise

    async def one():
        results.append(await call(slow, threads=threads))

    threads = trio.CapacityLimiter(1)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(one)
        await begun.wait()
        mock_clock.jump(3)
    assert [(result.text, result.is_error) for result in results] == [("the tool took longer than its 2 seconds", True)]
    assert threads.borrowed_tokens == 1  # it still has its place

    go_on.set()
    async with threads:  # and gives it back
        assert told == [True]


async def test_threads_have_a_limit(mock_clock):
    """One after the other where there is one; the time that a call waits for its thread is not its own."""
    running, most, results = [], [], []

    @tool(timeout=2)
    def work() -> None:
        running.append(1)
        most.append(len(running))
        running.pop()

    async def one():
        results.append(await call(work, threads=threads))

    threads = trio.CapacityLimiter(1)
    async with trio.open_nursery() as nursery, threads:
        for _ in range(3):
            nursery.start_soon(one)
        await trio.testing.wait_all_tasks_blocked()
        mock_clock.jump(100)
        await trio.testing.wait_all_tasks_blocked()
        assert results == []

    assert most == [1, 1, 1]
    assert not any(result.is_error for result in results)


async def test_without_a_limiter_there_are_forty_threads_of_their_own():
    """They are not the ones that trio looks up addresses with."""
    assert default_threads() is default_threads()
    assert default_threads().total_tokens == 40
    assert default_threads() is not trio.to_thread.current_default_thread_limiter()


# --- what a tool is given --------------------------------------------------------------------------------------------------------


async def test_a_tool_is_given_where_it_is_called_and_the_context():
    """By the name `info`, by the annotation, and by the name `context`; the model cannot put its own there."""

    def by_name(info, context) -> str:  # both untyped on purpose: they are not for the model
        return f"{info.call_id} {info.session_id} {context}"

    def by_type(place: SessionInfo) -> str:
        return place.metadata["who"]

    assert (await call(by_name, context="ours")).text == "c1 s1 ours"
    assert (await call(by_type)).text == "me"
    for function, said in ((by_name, {"info": "x"}), (by_name, {"context": "y"}), (by_type, {"place": "z"})):
        assert (await call(function, input=said)).is_error


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


class Short:
    def handle_tool_call(self, name, input, context):
        return [name, input, context, "c1"]


class Open:
    async def handle_tool_call(self, *args):
        return [*args[:3], args[3].call_id]


async def short(name, input, context):
    return [name, input, context, "c1"]


def longer(name, input, context, info, more=None):
    return [name, input, context, info.call_id]


@pytest.mark.parametrize(
    "handler",
    [Handler(), SyncHandler(), Callable(), Short(), Open(), function, short, longer],
    ids=lambda h: getattr(h, "__name__", type(h).__name__),
)
async def test_a_handler_answers_what_no_tool_does(handler):
    """An object with the method, sync or not, or anything that can be called, with or without the last parameter."""
    result = await call(handler=handler, name="anything", input={"a": 1}, context="ctx")

    assert result.text == '["anything", {"a": 1}, "ctx", "c1"]'


async def test_a_handler_cannot_change_what_the_model_said():
    """Its input is a copy."""

    def change(name, input, context):
        input["a"].append(2)

    use = ToolUse("c1", "x", {"a": [1]})
    await run_tool(SessionSpec(provider=PROVIDER, handler=change), use, INFO)

    assert use.input == {"a": [1]}


async def test_a_method_knows_its_object():
    """Taken from an object; without one it is refused by the spec."""

    class Shop:
        @tool
        def order(self, number: int) -> int:
            return number

    assert (await call(Shop().order, input={"number": 1})).text == "1"


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
