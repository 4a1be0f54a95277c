"""Arguments are checked before the tool runs, and made into what its annotations say."""

from __future__ import annotations

import dataclasses
import enum
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal, NewType, NotRequired, TypedDict, Union

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentsup import SessionInfo, tool
from agentsup.errors import SpecError
from agentsup.session.data import as_data
from agentsup.session.schema import type_schema
from agentsup.session.validator import validator_for
from tests.kit.strategies import JSON

INFO = SessionInfo(session_id="s1", provider="test", call_id="c1")
OrderId = NewType("OrderId", str)


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


@attrs.frozen
class Line:
    sku: str
    count: int = attrs.field(default=1, validator=attrs.validators.gt(0))
    _note: str | None = None


@dataclasses.dataclass
class Point:
    x: float
    y: float = 0.0


class Options(TypedDict):
    fast: bool
    color: NotRequired[Color]


class Lines(TypedDict):
    lines: list[Line]


@attrs.frozen
class Node:
    value: int
    children: list[Node] = attrs.field(factory=list)
    parent: Node | None = None


def read(hint: Any, value: Any) -> Any:
    """The value as a function with a parameter of that type gets it."""

    def f(it) -> None: ...

    f.__annotations__["it"] = hint
    return tool(f).arguments({"it": value}, info=INFO, context=None)["it"]


def wrong(hint: Any, value: Any) -> list[str]:
    """What is wrong with the value for such a function."""
    with pytest.raises(SpecError) as caught:
        read(hint, value)
    return [str(problem) for problem in caught.value.problems]


# --- made into what the annotations say ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hint", "value", "made"),
    [
        (int, 3, 3),
        (int, 3.0, 3),
        (float, 3, 3.0),
        (str, "a", "a"),
        (bool, True, True),
        (None, None, None),
        (Any, {"a": [1]}, {"a": [1]}),
        (OrderId, "o1", "o1"),
        (Annotated[int, "how many"], 3, 3),
        (Color, "blue", Color.BLUE),
        (Level, 2, Level.HIGH),
        (Level, 2.0, Level.HIGH),
        (Literal["a", "b"], "b", "b"),
        (Literal[1, True], True, True),
        (Literal[1, True], 1.0, 1),
        (Literal[Color.RED], "red", Color.RED),
        (list, [1, "a"], [1, "a"]),
        (list[Color], ["red"], [Color.RED]),
        (tuple, [1, "a"], (1, "a")),
        (tuple[Color, int], ["red", 1], (Color.RED, 1)),
        (tuple[float, ...], [1, 2], (1.0, 2.0)),
        (set[Color], ["red", "red"], {Color.RED}),
        (frozenset[int], [1], frozenset({1})),
        (Sequence, [1], [1]),
        (Sequence[Color], ["red"], [Color.RED]),
        (Iterable[Color], ["red"], [Color.RED]),
        (dict, {"a": 1}, {"a": 1}),
        (dict[Color, float], {"red": 1}, {Color.RED: 1.0}),
        (Mapping[str, Point], {"a": {"x": 1}}, {"a": Point(1.0)}),
        (Line, {"sku": "a", "note": "n"}, Line("a", 1, "n")),
        (list[Line], [{"sku": "a"}, {"sku": "b", "count": 2}], [Line("a"), Line("b", 2)]),
        (Options, {"fast": True, "color": "red"}, {"fast": True, "color": Color.RED}),
        (Node, {"value": 1, "children": [{"value": 2}]}, Node(1, [Node(2)])),
        (Node, {"value": 1, "parent": {"value": 2}}, Node(1, [], Node(2))),
        (Line | None, None, None),
        (Line | Point, {"x": 1}, Point(1.0)),
        (Line | Point | None, {"sku": "a"}, Line("a")),
        (int | str, "3", "3"),
        (float | int, 3, 3),
        (float | None, 3, 3.0),
        (Color | int, 3, 3),
        (Color | str, "red", "red"),
        (list[int] | dict[str, Color], {"a": "red"}, {"a": Color.RED}),
        (list[Line | Literal["all"]], ["all", {"sku": "a"}], ["all", Line("a")]),
    ],
)
def test_arguments_are_what_the_annotations_say(hint, value, made):
    """Of one kind and type; in a union the first that fits, after one that is exactly the value's own."""
    found = read(hint, value)

    assert found == made
    assert type(found) is type(made)


def test_what_the_model_said_stays_what_it_said():
    """The tool may change what it is given; the conversation's record is not that."""
    given = {"it": {"a": [1, {"b": 2}]}}

    @tool
    def f(it: Any) -> None: ...

    found = f.arguments(given, info=INFO, context=None)["it"]
    found["a"][1]["b"] = 3

    assert given == {"it": {"a": [1, {"b": 2}]}}


# --- refused -------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hint", "value", "told"),
    [
        (int, "3", ["it: must be an integer, not a string"]),
        (int, True, ["it: must be an integer, not true"]),
        (int, 3.5, ["it: must be an integer, not a number"]),
        (str, None, ["it: must be a string, not null"]),
        (int | None, "3", ["it: must be an integer or null, not a string"]),
        (int | str | None, [], ["it: must be an integer, a string or null, not an array"]),
        (Literal["a", "b"], "c", ['it: must be one of "a", "b"']),
        (Color, 3, ['it: must be one of "red", "blue"']),
        (Color | None, "green", ['it: must be one of "red", "blue"']),
        (list[int], [1, "a", None], ["it[1]: must be an integer, not a string", "it[2]: must be an integer, not null"]),
        (tuple[int, str], [1], ["it: must have at least 2 items, not 1"]),
        (tuple[int, str], ["a", "b"], ["it[0]: must be an integer, not a string"]),
        (dict[str, int], {"a": "b"}, ["it.a: must be an integer, not a string"]),
        (dict[Color, int], {"green": 1}, ['it.green: is not a possible name; a name must be one of "red", "blue"']),
        (Line, {}, ["it.sku: is missing"]),
        (
            Line,
            {"sku": "a", "cuont": 2},
            ['it.cuont: is not known; the known names are "sku", "count", "note"'],
        ),
        (list[Line], [{"sku": 1}, {"count": "x"}], 3),
        (Line | Point, {"x": "1"}, ["it.x: must be a number, not a string"]),
        (Line | list[int], [1, "a"], ["it[1]: must be an integer, not a string"]),
        (Node, {"value": 1, "children": [{"value": "x"}]}, ["it.children[0].value: must be an integer, not a string"]),
        (Lines, {"lines": [{"sku": "a", "count": 0}]}, ["it.lines[0]: is refused: ValueError: 'count' must be > 0: 0"]),
        (list[Line], [{"sku": "a", "count": 0}], ["it[0]: is refused: ValueError: 'count' must be > 0: 0"]),
    ],
)
def test_every_wrong_argument_is_named_with_what_would_be_right(hint, value, told):
    """Its path, what is there, what should be."""
    found = wrong(hint, value)

    assert found == told if isinstance(told, list) else len(found) == told


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, ["a: is missing"]),
        ({"a": 1, "b": 2}, ['b: is not known; the known names are "a"']),
        ({"a": 1, "info": 2}, ['info: is not known; the known names are "a"']),
        ({"A": 1}, ["a: is missing", 'A: is not known; the known names are "a"']),
    ],
)
def test_missing_and_unknown_ones_are_named(given, told):
    """Also one that the model makes up to look like the runtime's own."""

    @tool
    def f(a: int, info: SessionInfo) -> None: ...

    with pytest.raises(SpecError) as caught:
        f.arguments(given, info=INFO, context=None)

    assert sorted(map(str, caught.value.problems)) == sorted(told)


def test_a_tool_without_arguments_takes_none():
    """And says so."""

    @tool
    def f() -> None: ...

    assert f.arguments({}, info=INFO, context=None) == {}
    with pytest.raises(SpecError, match="a: is not known; there is nothing to be passed here"):
        f.arguments({"a": 1}, info=INFO, context=None)


@pytest.mark.parametrize(
    ("schema", "value", "told"),
    [
        ({"minLength": 2, "maxLength": 1}, "", ["it: must have at least 2 characters, not 0"]),
        ({"maxLength": 1}, "abc", ["it: must have at most 1 characters, not 3"]),
        ({"minimum": 2}, 1, ["it: must be at least 2"]),
        ({"exclusiveMaximum": 2}, 2, ["it: must be less than 2"]),
        ({"multipleOf": 2}, 3, ["it: must be a multiple of 2"]),
        ({"pattern": "^a"}, "b", ['it: must match the pattern "^a"']),
        ({"const": [1]}, 1, ["it: must be [1]"]),
        ({"uniqueItems": True}, [1, 1], ["it: must not have an item twice"]),
        ({"maxItems": 1, "items": {"type": "null"}}, [1, None], 2),
        ({"minProperties": 1}, {}, ["it: must have at least 1 entries, not 0"]),
        ({"not": {"type": "string"}}, "a", ['it: must satisfy not: {"type": "string"}']),
        ({"type": ["string", "null"]}, 1, ["it: must be a string or null, not an integer"]),
        (
            {"oneOf": [{"type": "integer"}, {"minimum": 1}]},
            1,
            ['it: must satisfy oneOf: [{"type": "integer"}, {"minimum": 1}]'],
        ),
        ({"oneOf": [{"type": "integer"}, {"type": "null"}]}, "a", ["it: must be an integer or null, not a string"]),
        ({"allOf": [{"type": "integer"}, {"minimum": 3}]}, 1, ["it: must be at least 3"]),
        ({"$ref": "#/$defs/small"}, 9, ["it: must be at most 3"]),
        (
            {"properties": {"propertyNames": {"type": "null"}}},
            {"propertyNames": 1},
            ["it.propertyNames: must be null, not an integer"],
        ),
        (
            {"propertyNames": {"maxLength": 1}},
            {"ab": 1},
            ["it.ab: is not a possible name; a name must have at most 1 characters, not 2"],
        ),
        ({"additionalProperties": {"type": "null"}}, {"a": 1}, ["it.a: must be null, not an integer"]),
        ({"enum": list(range(100))}, "a", 1),
        (False, 1, 1),
    ],
)
def test_schemas_written_by_hand_may_say_anything(schema, value, told):
    """Every keyword has words; the ones that nobody thought of are quoted."""
    whole = {"type": "object", "properties": {"it": schema}, "$defs": {"small": {"maximum": 3}}}
    made = tool(input_schema=whole)(_anything)

    with pytest.raises(SpecError) as caught:
        made.arguments({"it": value}, info=INFO, context=None)

    found = [str(problem) for problem in caught.value.problems]
    assert found == told if isinstance(told, list) else len(found) == told


def _anything(it=None):
    """Takes one thing."""


def test_what_a_schema_lets_through_and_a_function_does_not_take_is_refused():
    """A schema that forbids nothing else lets the model pass anything."""
    made = tool(input_schema={"type": "object"})(_anything)

    with pytest.raises(SpecError, match="other: is not known"):
        made.arguments({"it": 1, "other": 2}, info=INFO, context=None)


def test_schemas_of_other_dialects_are_taken():
    """The one they name counts."""
    schema = {
        "$schema": "http://json-schema.org/draft-04/schema#",
        "type": "object",
        "properties": {"it": {"type": "number", "minimum": 1, "exclusiveMinimum": True}},
    }
    made = tool(input_schema=schema)(_anything)

    assert made.arguments({"it": 2}, info=INFO, context=None) == {"it": 2}
    with pytest.raises(SpecError):
        made.arguments({"it": 1}, info=INFO, context=None)


def test_not_everything_is_told_of_somebody_who_is_all_wrong():
    """A thousand mistakes of one kind are one mistake."""
    found = wrong(list[int], ["x"] * 1000)

    assert len(found) == 21
    assert found[-1] == "and more of that kind"


def test_nor_of_a_thousand_unknown_names():
    """One error of the validator may be about many."""
    found = wrong(Line, {"sku": "a", **{f"n{n}": 1 for n in range(1000)}})

    assert len(found) == 21


def test_what_was_passed_is_not_repeated():
    """It may be long, and it may be a secret."""
    secret = "hunter2" * 1000
    for hint in (int, Literal["a"], list[int], Line, dict[Color, int], int | None, Point | Line):
        assert not any("hunter2" * 20 in told for told in wrong(hint, secret) + wrong(hint, {secret: secret}))


def test_bottomless_arguments_are_refused():
    """Whatever the depth, it is an answer and no crash."""
    deep: Any = {"value": 1}
    for _ in range(5000):
        deep = {"value": 1, "children": [deep]}

    assert wrong(Node, deep) == ["they are nested too deeply"]


# --- whatever the types ----------------------------------------------------------------------------------------------------------------

PLAIN = st.sampled_from(
    [str, int, float, bool, type(None), Color, Level, OrderId, Literal["a", 1], Line, Point, Options, Node]
)


def _classes(hints):
    return st.lists(hints, min_size=1, max_size=3).map(
        lambda found: attrs.make_class("Made", {f"f{n}": attrs.field(type=hint) for n, hint in enumerate(found)})
    )


HINTS = st.recursive(
    PLAIN,
    lambda inner: st.one_of(
        inner.map(lambda hint: list[hint]),
        inner.map(lambda hint: tuple[hint, ...]),
        inner.map(lambda hint: dict[str, hint]),
        inner.map(lambda hint: Annotated[hint, "words"]),
        st.tuples(inner, inner).map(lambda two: tuple[two[0], two[1]]),
        st.tuples(inner, inner).map(lambda two: Union[two]),  # noqa: UP007  -- of types that are values
        _classes(inner),
    ),
    max_leaves=5,
)


SIMPLE = {
    "string": st.text(max_size=3),
    "integer": st.integers(),
    "number": st.floats(allow_nan=False, allow_infinity=False) | st.integers(-9, 9),
    "boolean": st.booleans(),
    "null": st.none(),
}


def values(schema, definitions, depth=0):
    """Values that are valid under one of our schemas, made by somebody who reads nothing but the schema."""
    if "$ref" in schema:
        return st.deferred(lambda: values(definitions[schema["$ref"].rpartition("/")[2]], definitions, depth + 1))
    if "anyOf" in schema:
        return st.one_of([values(arm, definitions, depth) for arm in schema["anyOf"]])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    match schema.get("type"):
        case "array":
            return arrays(schema, definitions, depth)
        case "object":
            return objects(schema, definitions, depth)
        case None:
            return JSON
        case kind:
            return SIMPLE[kind]


def arrays(schema, definitions, depth):
    if "prefixItems" in schema:
        return st.tuples(*(values(item, definitions, depth) for item in schema["prefixItems"])).map(list)
    most = schema.get("maxItems", 2 if depth < 2 else 0)
    items = values(schema.get("items", {}), definitions, depth) if most else st.nothing()
    return st.lists(items, min_size=schema.get("minItems", 0), max_size=most)


def objects(schema, definitions, depth):
    if "properties" not in schema:
        return st.dictionaries(
            st.text(max_size=3), values(schema["additionalProperties"], definitions, depth), max_size=2
        )
    found = {name: values(each, definitions, depth) for name, each in schema["properties"].items()}
    free = {name: found.pop(name) for name in schema["properties"] if name not in schema["required"]}
    return st.fixed_dictionaries(found, optional=free if depth < 2 else {})


def problems_of(hint, value):
    """What is wrong with a value; None if nothing is, and what is made of it."""
    try:
        return None, read(hint, value)
    except SpecError as exc:
        return exc.problems, None


@given(st.data())
def test_what_the_schema_allows_can_be_made_and_comes_back(data):
    """For types of any shape: a valid value is taken, and what is made of it is, as JSON, valid again."""
    hint = data.draw(HINTS)
    schema = type_schema(hint)
    value = data.draw(values(schema, schema.get("$defs", {})))

    problems, made = problems_of(hint, value)

    if problems is None:
        again = as_data(made)
        assert validator_for(schema).is_valid(again)
        assert read(hint, json.loads(json.dumps(again))) == made
    else:  # the one class among them that has an opinion
        assert all("'count' must be > 0" in problem.message for problem in problems)


@given(st.data())
def test_what_the_schema_forbids_is_refused(data):
    """For types of any shape and any JSON: it is either valid, or every problem has words."""
    hint = data.draw(HINTS)
    value = data.draw(JSON)

    problems, _ = problems_of(hint, value)

    assert validator_for(type_schema(hint)).is_valid(value) == (problems is None)
    assert all(problem.path.startswith("it") and problem.message for problem in problems or ())
