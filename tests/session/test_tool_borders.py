"""What cannot work is refused where the tool is written; what the schema shows can be passed."""

from __future__ import annotations

import dataclasses
import enum
import json
import math
from typing import Any, Literal, NewType, TypedDict

import attrs
import jsonschema
import pytest

from agentsup import SpecError, tool
from agentsup.talk.tools import SessionInfo

INFO = SessionInfo(session_id="s1", provider="test", call_id="c1")


class Kind(enum.StrEnum):
    A = "a"
    B = "b"


class Number(enum.IntEnum):
    ONE = 1


@attrs.frozen
class Point:
    x: int
    y: int = 0


@attrs.frozen
class Path:
    points: list[Point]


@attrs.frozen
class Fixed:
    points: list[int] = attrs.field(converter=tuple)


@attrs.frozen
class Named:
    name: str
    notes: list[str] = attrs.field(factory=list, eq=False)


@attrs.define
class Mutable:
    x: int


@dataclasses.dataclass(frozen=True)
class Plain:
    x: int
    tags: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Nested:
    plain: Plain
    path: Path | None = None


class Row(TypedDict):
    x: int


Id = NewType("Id", int)
Ids = NewType("Ids", list[int])


def taking(hint, default=dataclasses.MISSING):
    """A tool of one parameter `x` with that type."""

    def take(x) -> str:
        """Take it."""
        return str(x)

    take.__annotations__["x"] = hint
    if default is not dataclasses.MISSING:
        take.__defaults__ = (default,)
    return tool(take)


def given(made, x):
    return made.arguments({"x": x}, info=INFO, context=None)["x"]


@pytest.mark.parametrize(
    ("hint", "why"),
    [
        (set[list[int]], "list[int]"),
        (frozenset[dict[str, int]], "dict[str, int]"),
        (set[set[int]], "set[int]"),
        (set[tuple[int, list[str]]], "list[str]"),
        (set[int | list[int]], "list[int]"),
        (set[Ids], "list[int]"),
        (set[Row], "Row"),
        (set[Mutable], "Mutable"),
        (set[Path], "list["),
        (frozenset[Nested], "list["),
        (dict[str, list[set[Mutable]]], "Mutable"),
    ],
)
def test_a_set_of_what_has_no_hash_is_refused_where_it_is_written(hint, why):
    """Every value of it would be refused when it is passed, whatever the model does."""
    with pytest.raises(SpecError, match="has no hash") as caught:
        taking(hint)

    (problem,) = caught.value.problems
    assert "take(x)" in problem.path
    assert problem.path.endswith("[]")
    assert why in problem.message


@pytest.mark.parametrize(
    ("hint", "data", "made"),
    [
        (set[int | None], [1, None], {1, None}),
        (set[Any], [1, "a"], {1, "a"}),
        (set[Id], [1, 1], {1}),
        (set[Kind], ["a", "b"], {Kind.A, Kind.B}),
        (set[Literal["a", 1]], ["a", 1], {"a", 1}),
        (frozenset[frozenset[int]], [[1], [2, 2]], frozenset({frozenset({1}), frozenset({2})})),
        (set[tuple[int, ...]], [[1, 2]], {(1, 2)}),
        (set[Point], [{"x": 1}], {Point(1)}),
        (set[Plain], [{"x": 1, "tags": ["a"]}], {Plain(1, ("a",))}),
        (set[Fixed], [{"points": [1]}], {Fixed([1])}),
        (set[Named], [{"name": "a", "notes": ["b"]}], {Named("a")}),
        (set[bool | float | str], [True, 1.5, "a"], {True, 1.5, "a"}),
    ],
)
def test_a_set_of_what_has_one_is_made(hint, data, made):
    """What the schema admits, the function gets."""
    assert given(taking(hint), data) == made


@pytest.mark.parametrize(
    ("hint", "default"),
    [
        (float, math.nan),
        (float, math.inf),
        (int, "many"),
        (int, True),
        (Literal["a"], "b"),
        (Kind, "c"),
        (list[int], ["a"]),
        (Point, {"z": 1}),
        (int, object()),
        (str, None),
    ],
)
def test_a_default_that_could_not_be_passed_is_not_shown(hint, default):
    """It means something to the function only. The parameter may be left out all the same."""
    schema = taking(hint, default).spec.input_schema

    assert "default" not in schema["properties"]["x"]
    assert schema["required"] == []


@attrs.frozen
class Odd:
    price: float = math.nan
    count: int = 3
    inner: list[Point] = attrs.field(factory=list)


def test_every_default_that_is_shown_can_be_passed():
    """Also inside of classes, and next to what a class that contains itself points to."""
    shown = taking(list[Odd]).spec.input_schema["properties"]["x"]["items"]["properties"]

    assert "default" not in shown["price"]
    assert shown["count"]["default"] == 3
    point = taking(Point, Point(1)).spec.input_schema
    assert point["properties"]["x"]["default"] == {"x": 1, "y": 0}
    json.dumps(point, allow_nan=False)
    jsonschema.Draft202012Validator(point).validate({"x": point["properties"]["x"]["default"]})


@dataclasses.dataclass
class Initial:
    a: int
    b: dataclasses.InitVar[int]


@attrs.define(init=False)
class Handmade:
    a: int

    def __init__(self, other: int) -> None:
        self.a = other


@attrs.define(init=False)
class Likewise:
    a: int

    def __init__(self, a: int) -> None:
        self.a = a


@pytest.mark.parametrize("hint", [Initial, Handmade, list[Initial]])
def test_a_class_that_cannot_be_made_of_its_fields_is_refused(hint):
    """Its `__init__` wants something that the model is not told of; no call could ever succeed."""
    with pytest.raises(SpecError, match="cannot be made of its fields"):
        taking(hint)


def test_a_class_may_have_an_init_of_its_own_that_takes_its_fields():
    """Then it can be made."""
    assert given(taking(Likewise), {"a": 1}) == Likewise(1)


def test_values_that_are_the_same_in_json_are_told_once():
    """A schema with doubled values is refused by some who read it."""
    assert taking(Literal[Number.ONE, 1]).spec.input_schema["properties"]["x"]["enum"] == [1]


@attrs.frozen
class Checked:
    _size: str = attrs.field(validator=attrs.validators.in_(["s", "m"]))


def test_what_a_validator_says_has_its_fields_place():
    """The path leads to the field as the model knows it, and the words are the validator's, without its innards."""
    with pytest.raises(SpecError) as caught:
        given(taking(list[Checked]), [{"size": "s"}, {"size": "xl"}])

    (problem,) = caught.value.problems
    assert problem.path == "x[1].size"
    assert problem.message.startswith("is refused: ")
    assert "Attribute(" not in problem.message


GOOGLE = """Do it.

    Args:
      a (dict[str, tuple(int)], optional): the first
        and: more
      *b : the second

    Returns:
        something
"""
NUMPY = """Do it.

Parameters
----------
a : int
    the first
    and: more
b : str, optional
    the second

Returns
-------
str
    something
"""
SPHINX = """Do it.

:param a: the first
    and: more
:param str b: the second
:type a: int
:returns: something
:raises ValueError: never
"""


@pytest.mark.parametrize("doc", [GOOGLE, NUMPY, SPHINX], ids=["google", "numpy", "sphinx"])
def test_docstrings_of_every_style_are_read(doc):
    """What they say of a parameter stands beside it, and not in the tool's description."""

    def do(a: int, b: str = "") -> str:
        return f"{a}{b}"

    do.__doc__ = doc
    made = tool(do)

    assert made.spec.description == "Do it."
    properties = made.spec.input_schema["properties"]
    assert properties["a"]["description"] == "the first and: more"
    assert properties["b"]["description"] == "the second"
