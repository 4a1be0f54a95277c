"""What a tool returned is one result, whatever it is."""

from __future__ import annotations

import collections
import dataclasses
import datetime
import decimal
import enum
import json
import pathlib
import uuid

import attrs
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from agentsup import ClaudeManagedAgents, Document, Image, SessionInfo, SessionSpec, Text, ToolResult, ToolUse, tool
from agentsup.errors import SpecError
from agentsup.session.answer import MOST_DATA, answer_of, cut, text_of
from agentsup.session.toolbox import run_tool
from tests.kit.strategies import JSON

PICTURE = Image(data=b"png", media_type="image/png")


class Color(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 2


class Name(str):
    """Text that stumbles over itself."""

    __slots__ = ()

    def __str__(self):
        raise RuntimeError("no words")

    __format__ = __str__


@attrs.frozen
class Line:
    sku: str
    _note: str | None = None
    color: Color = Color.RED


@dataclasses.dataclass
class Point:
    x: float
    y: float


Pair = collections.namedtuple("Pair", "a b")


def told(value):
    """The text, or why there is none."""
    try:
        return answer_of("c1", value, limit=1000).text
    except SpecError as exc:
        return [str(problem) for problem in exc.problems]


# --- as text -------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain", "plain"),
        ("", ""),
        (None, ""),
        (3, "3"),
        (True, "true"),
        (2.5, "2.5"),
        ([], "[]"),
        ([1, "ä"], '[1, "ä"]'),
        (["a", "b"], '["a", "b"]'),
        ((1, None), "[1, null]"),
        ({"a": None}, '{"a": null}'),
        ({2: "a", None: "b", True: "c", 1.5: "d"}, '{"2": "a", "null": "b", "true": "c", "1.5": "d"}'),
        ({Color.RED: 1, uuid.UUID(int=7): 2}, '{"red": 1, "00000000-0000-0000-0000-000000000007": 2}'),
        ({3}, "[3]"),
        (collections.deque([1, 2]), "[1, 2]"),
        (collections.ChainMap({"a": 1}), '{"a": 1}'),
        (Pair(1, 2), "[1, 2]"),
        (range(3), "[0, 1, 2]"),
        (Name("quiet"), "quiet"),
        ([Name("quiet")], '["quiet"]'),
        (Color.RED, "red"),
        (Level.HIGH, "2"),
        ([Level.HIGH, Color.RED], '[2, "red"]'),
        (Line("a", "n"), '{"sku": "a", "note": "n", "color": "red"}'),
        ([Point(1, 2.5)], '[{"x": 1, "y": 2.5}]'),
        (datetime.date(2026, 11, 25), "2026-11-25"),
        ([datetime.datetime(2026, 11, 25, 15, tzinfo=datetime.UTC)], '["2026-11-25T15:00:00+00:00"]'),
        ([decimal.Decimal("1.10"), uuid.UUID(int=7)], '["1.10", "00000000-0000-0000-0000-000000000007"]'),
        (pathlib.PurePosixPath("/a/b"), "/a/b"),
        (float("nan"), "NaN"),
        ([float("nan"), float("inf"), float("-inf")], '["NaN", "Infinity", "-Infinity"]'),
        ("caf\udce9.txt", "caf?.txt"),
        (["caf\udce9.txt"], '["caf?.txt"]'),
    ],
)
def test_values_as_text(value, text):
    """Text as it is, nothing as nothing, everything else as JSON that is JSON."""
    assert told(value) == text == text_of(value).encode("utf-8", "replace").decode()


CIRCLE: list = [1]
CIRCLE.append({"again": CIRCLE})
DEEP: list = []
for _ in range(100_000):
    DEEP = [DEEP]


@pytest.mark.parametrize(
    ("value", "problems"),
    [
        (object(), ["is of the type object, which has no counterpart in JSON"]),
        ({"a": [1, object()]}, ["a[1]: is of the type object, which has no counterpart in JSON"]),
        (Line("a", 2j), ["note: is of the type complex, which has no counterpart in JSON"]),
        (
            b"x",
            ["is bytes, which JSON has not: decode them, or return an Image or a Document that has them as its data"],
        ),
        ({"a": bytearray(b"x")}, 1),
        ({(1, 2): 3}, ["has a key of the type tuple; keys in JSON are text"]),
        ({"a": {b"x": 3}}, ["a: has a key of the type bytes; keys in JSON are text"]),
        (CIRCLE, ["[1].again: contains itself"]),
        (DEEP, ["is nested too deeply"]),
        ((n for n in range(3)), ["is of the type generator, which has no counterpart in JSON"]),
        (
            {"a": PICTURE},
            ["a: is of the type Image, which can be returned by itself or in a list, not inside of other data"],
        ),
        ([PICTURE, object(), {"a": b"x"}], 2),
        (Image(data="A" * (MOST_DATA + 4), media_type="image/png"), 1),
        (int, ["is of the type type, which has no counterpart in JSON"]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_cannot_be_told_says_where_and_why(value, problems):
    """The place in it, and what would be right."""
    found = told(value)

    assert found == problems if isinstance(problems, list) else len(found) == problems


def test_the_same_twice_is_no_circle():
    """Only what contains itself does."""
    one = [1]

    assert told([one, one, {"a": one}]) == '[[1], [1], {"a": [1]}]'


# --- as parts ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "parts"),
    [
        (Text("a"), (Text("a"),)),
        (PICTURE, (PICTURE,)),
        ([PICTURE], (PICTURE,)),
        ((PICTURE, PICTURE), (PICTURE, PICTURE)),
        (
            ["See:", PICTURE, {"a": 1}, None, Text("b")],
            (Text("See:"), PICTURE, Text('{"a": 1}'), Text("null"), Text("b")),
        ),
        (
            [Document(text="plain"), Line("a")],
            (Document(text="plain"), Text('{"sku": "a", "note": null, "color": "red"}')),
        ),
        (ToolResult("other", "text"), (Text("text"),)),
        (ToolResult.of("other", [Text("a"), PICTURE]), (Text("a"), PICTURE)),
    ],
)
def test_parts_stay_what_they_are(value, parts):
    """By themselves, in a list beside text and data, or in a result that was made already; the call is the one that was asked for."""
    found = answer_of("c1", value, limit=1000)

    assert (found.parts, found.call_id, found.is_error) == (parts, "c1", False)


def test_a_tool_may_say_that_it_failed():
    """By returning a result that says so."""
    assert answer_of("c1", ToolResult("?", "no", is_error=True), limit=10) == ToolResult("c1", "no", is_error=True)


# --- too much ------------------------------------------------------------------------------------------------------------------------


@given(st.text(max_size=60), st.integers(1, 50))
def test_a_long_text_keeps_head_and_tail(text, limit):
    """Exactly `limit` characters of it are left, and the marker between them is true."""
    shown = cut(text, limit)

    if len(text) <= limit:
        assert shown == text
        return
    missing = len(text) - limit
    head, tail = shown.split(f"\n[... {missing} of {len(text)} characters left out here ...]\n")
    assert len(head) + len(tail) == limit
    assert len(head) - len(tail) in (0, 1)
    assert text.startswith(head)
    assert text.endswith(tail)


def test_the_parts_of_a_long_answer_each_give_up_their_share():
    """Pictures are no text and stay; what is left is in all the limit."""
    found = answer_of("c1", ["a" * 900, PICTURE, "b" * 100], limit=100)

    first, picture, second = found.parts
    assert first.text == "a" * 45 + "\n[... 810 of 900 characters left out here ...]\n" + "a" * 45
    assert picture == PICTURE
    assert second.text == "bbbbb\n[... 90 of 100 characters left out here ...]\nbbbbb"


async def test_a_gigantic_answer_is_cut_to_the_tools_limit():
    """A hundred million characters do not go out."""

    @tool(max_output=20)
    def much() -> str:
        return "0123456789" * 10_000_000

    @tool
    def more() -> list[int]:
        return list(range(1_000_000))

    assert await run(much) == ToolResult(
        "c1", "0123456789\n[... 99999980 of 100000000 characters left out here ...]\n0123456789"
    )
    found = await run(more)
    assert 100_000 < len(found.text) < 100_100
    assert found.text.startswith("[0, 1, 2")
    assert found.text.endswith("999998, 999999]")


async def test_long_errors_are_cut_as_well():
    """Whoever says too much, says it in an error."""

    @tool(max_output=10)
    def fail() -> None:
        raise ValueError("x" * 1000)

    found = await run(fail)

    assert found.is_error
    assert "characters left out here" in found.text
    assert len(found.text) < 100


# --- whatever it is --------------------------------------------------------------------------------------------------------------------


async def run(function):
    provider = ClaudeManagedAgents(agent="agent", environment="env", api_key="key")
    spec = SessionSpec(provider=provider, tools=[function])
    info = SessionInfo(session_id="s1", provider="test", call_id="c1")
    return await run_tool(spec, ToolUse("c1", spec.tools[0].name), info)


ODD = st.sampled_from(
    [object(), b"x", CIRCLE, 1j, int, {(): 1}, Name("x"), float("nan"), float("inf"), "\ud800", Color.RED, {1}, PICTURE]
)
ANYTHING = st.recursive(
    JSON | ODD | st.text(st.characters(codec=None), max_size=3),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(st.text(max_size=2) | st.integers() | st.none(), inner, max_size=3),
        st.builds(Line, inner, inner),
        st.builds(Point, inner, inner),
    ),
    max_leaves=8,
)


@given(ANYTHING)
def test_whatever_a_tool_returns_there_is_one_result(value):
    """Text that a wire can carry, or an error that says what is wrong; and JSON that is JSON."""

    def give() -> object:
        return value

    found = trio.run(run, give)

    assert isinstance(found, ToolResult)
    assert found.call_id == "c1"
    assert found.text.encode().decode() == found.text
    assert found.is_error <= found.text.startswith("the tool ran, but its result cannot be told: what it returned")
    if not found.is_error and isinstance(value, dict | Line | Point):
        json.loads(found.text, parse_constant=pytest.fail)
