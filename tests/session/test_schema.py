"""From Python types to JSON Schema."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Generic, Literal, NewType, NotRequired, Optional, Required, TypedDict, TypeVar

import attrs
import pytest

from agentsup.errors import SpecError
from agentsup.session.docstring import descriptions, summary
from agentsup.session.schema import type_schema
from agentsup.session.validator import schema_problems

T = TypeVar("T")
OrderId = NewType("OrderId", str)


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Odd(enum.Enum):
    ONE = (1, 2)


@attrs.frozen
class Line:
    """A line of an order.

    Attributes:
        sku: The article.
    """

    sku: str
    count: int = 1
    _note: Annotated[str | None, "For the packers."] = None
    color: Color = Color.RED
    tags: list[str] = attrs.field(factory=list)
    total: int = attrs.field(init=False, default=0)


@dataclasses.dataclass
class Point:
    x: float
    y: float = 0.0
    label: list[str] = dataclasses.field(default_factory=list)


class Options(TypedDict, total=False):
    """How to do it."""

    fast: Required[bool]
    color: NotRequired[Color]
    note: str


@attrs.frozen
class Box(Generic[T]):
    item: T
    more: list[T]


@attrs.frozen
class Node:
    value: int
    children: list[Node]
    parent: Node | None = None


@attrs.frozen
class Lost:
    there: NotThere  # noqa: F821  -- that it is not there is the point


@attrs.define
class Untyped:
    a = attrs.field()
    b = attrs.field()


STRING, INTEGER = {"type": "string"}, {"type": "integer"}


@pytest.mark.parametrize(
    ("hint", "schema"),
    [
        (str, {"type": "string"}),
        (int, {"type": "integer"}),
        (float, {"type": "number"}),
        (bool, {"type": "boolean"}),
        (None.__class__, {"type": "null"}),
        (Any, {}),
        (list, {"type": "array"}),
        (list[int], {"type": "array", "items": INTEGER}),
        (tuple, {"type": "array"}),
        (tuple[str, ...], {"type": "array", "items": STRING}),
        (tuple[int, int], {"type": "array", "items": INTEGER, "minItems": 2, "maxItems": 2}),
        (tuple[int, str], {"type": "array", "prefixItems": [INTEGER, STRING], "minItems": 2, "maxItems": 2}),
        (tuple[()], {"type": "array", "minItems": 0, "maxItems": 0}),
        (set[str], {"type": "array", "items": STRING}),
        (frozenset[str], {"type": "array", "items": STRING}),
        (Sequence[float], {"type": "array", "items": {"type": "number"}}),
        (Iterable[str], {"type": "array", "items": STRING}),
        (dict, {"type": "object", "additionalProperties": {}}),
        (dict[str, int], {"type": "object", "additionalProperties": INTEGER}),
        (dict[OrderId, int], {"type": "object", "additionalProperties": INTEGER}),
        (
            dict[Color, int],
            {
                "type": "object",
                "additionalProperties": INTEGER,
                "propertyNames": {"type": "string", "enum": ["red", "blue"]},
            },
        ),
        (Mapping[str, bool], {"type": "object", "additionalProperties": {"type": "boolean"}}),
        (int | None, {"anyOf": [INTEGER, {"type": "null"}]}),
        (Optional[str], {"anyOf": [STRING, {"type": "null"}]}),  # noqa: UP045  -- both ways to write it
        (Literal["a", 1, None], {"enum": ["a", 1, None]}),
        (Literal["a", "b"], {"type": "string", "enum": ["a", "b"]}),
        (Literal[Color.RED], {"type": "string", "enum": ["red"]}),
        (Color, {"type": "string", "enum": ["red", "blue"]}),
        (Level, {"type": "integer", "enum": [1, 2]}),
        (OrderId, STRING),
        (Annotated[int, "how many"], {"type": "integer", "description": "how many"}),
        (Annotated[Annotated[int, "inner"], "outer"], {"type": "integer", "description": "outer"}),
        (Annotated[int, 3, "words"], {"type": "integer", "description": "words"}),
        (
            list[dict[str, int | str]],
            {"type": "array", "items": {"type": "object", "additionalProperties": {"anyOf": [INTEGER, STRING]}}},
        ),
        (
            Line,
            {
                "type": "object",
                "description": "A line of an order.",
                "properties": {
                    "sku": {"type": "string", "description": "The article."},
                    "count": {"type": "integer", "default": 1},
                    "note": {
                        "anyOf": [STRING, {"type": "null"}],
                        "description": "For the packers.",
                        "default": None,
                    },
                    "color": {"type": "string", "enum": ["red", "blue"], "default": "red"},
                    "tags": {"type": "array", "items": STRING},
                },
                "required": ["sku"],
                "additionalProperties": False,
            },
        ),
        (
            Point,
            {
                "type": "object",
                "properties": {
                    "x": {"type": "number"},
                    "y": {"type": "number", "default": 0.0},
                    "label": {"type": "array", "items": STRING},
                },
                "required": ["x"],
                "additionalProperties": False,
            },
        ),
        (
            Options,
            {
                "type": "object",
                "description": "How to do it.",
                "properties": {
                    "fast": {"type": "boolean"},
                    "color": {"type": "string", "enum": ["red", "blue"]},
                    "note": STRING,
                },
                "required": ["fast"],
                "additionalProperties": False,
            },
        ),
        (
            Box[int],
            {
                "type": "object",
                "properties": {"item": INTEGER, "more": {"type": "array", "items": INTEGER}},
                "required": ["item", "more"],
                "additionalProperties": False,
            },
        ),
        (
            Node,
            {
                "$ref": "#/$defs/Node",
                "$defs": {
                    "Node": {
                        "type": "object",
                        "properties": {
                            "value": INTEGER,
                            "children": {"type": "array", "items": {"$ref": "#/$defs/Node"}},
                            "parent": {"anyOf": [{"$ref": "#/$defs/Node"}, {"type": "null"}], "default": None},
                        },
                        "required": ["value", "children"],
                        "additionalProperties": False,
                    }
                },
            },
        ),
    ],
)
def test_types_with_a_counterpart_in_json(hint, schema):
    """Each Python type says what the model may pass, in a schema that is one."""
    written = type_schema(hint)

    assert written == schema
    assert schema_problems({"type": "object", "properties": {"it": written}, "$defs": written.get("$defs", {})}) == []


@pytest.mark.parametrize(
    "hint",
    [object, bytes, complex, type, list[bytes], dict[str, object], int | bytes, T, Box[bytes], tuple[int, bytes]],
)
def test_types_without_one_are_named(hint):
    """Also where they are hidden in another."""
    with pytest.raises(SpecError, match="no counterpart in JSON"):
        type_schema(hint)


@pytest.mark.parametrize(
    ("hint", "told"),
    [
        (Lost, "NotThere"),
        (Untyped, "has fields without a type: a, b"),
        (Odd, "must have values that are text, numbers, bools or None, not \\(1, 2\\)"),
        (Literal[b"x"], "must have values that are text"),
        (dict[int, str], "has keys of the type int; keys in JSON are text"),
        (dict[Level, str], "has keys of the type Level"),
    ],
)
def test_what_is_wrong_with_a_type_is_told(hint, told):
    """Each in words of its own."""
    with pytest.raises(SpecError, match=told):
        type_schema(hint)


def test_every_place_in_a_type_is_told_at_once():
    """Fields, items, entries and elements, each with its path."""

    @attrs.frozen
    class Bad:
        a: bytes
        b: list[object]
        c: dict[str, complex]
        d: tuple[int, bytes]
        e: Line

    Bad.__annotations__.update(a=bytes, b=list[object], c=dict[str, complex], d=tuple[int, bytes], e=Line)

    with pytest.raises(SpecError) as caught:
        type_schema(Bad, "f(bad)")

    assert [problem.path for problem in caught.value.problems] == [
        "f(bad).a",
        "f(bad).b[]",
        "f(bad).c.*",
        "f(bad).d[1]",
    ]


GOOGLE = """Do a thing.

And more about it.

Args:
    plain: Said on one line.
    typed (int): With a type: and a colon.
    long: Said on
        two lines.

    after_a_gap: Last.

Returns:
    nothing: not a parameter.
"""


def test_google_docstrings_are_read():
    """Descriptions by parameter, continuation lines joined, other sections left alone."""
    assert descriptions(GOOGLE) == {
        "plain": "Said on one line.",
        "typed": "With a type: and a colon.",
        "long": "Said on two lines.",
        "after_a_gap": "Last.",
    }


def test_the_summary_ends_before_the_sections():
    """The model is told what a tool does, not how its code is documented."""
    assert summary(GOOGLE) == "Do a thing.\n\nAnd more about it."
    assert summary("Args:\n    a: An a.") == ""
    assert summary("One line.") == "One line."
    assert summary("") == ""


def test_a_bottomless_type_is_refused():
    """An alias that contains itself has no end; one that only looks like it is no tool's argument either."""
    hint = int
    for _ in range(200):
        hint = list[hint]

    with pytest.raises(SpecError, match="is nested too deeply"):
        type_schema(hint)
