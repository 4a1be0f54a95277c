"""Functions, and whatever else can be called, as tools."""

from __future__ import annotations

import enum
import functools
from typing import TYPE_CHECKING, Annotated

import attrs
import pytest

import agentsup
from agentsup import ToolUse, tool
from agentsup.errors import SpecError
from agentsup.session import arguments
from agentsup.talk.tools import SessionInfo

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agentsup.talk.tools import SessionInfo as Info

INFO = SessionInfo(session_id="s1", provider="test", call_id="c1")


class Unit(enum.Enum):
    METRE = "m"
    FOOT = "ft"


@attrs.frozen
class Size:
    width: int
    unit: Unit = Unit.METRE


def paths(error: SpecError) -> list[str]:
    """Where the problems are, without the names of this module's functions around them."""
    return [problem.path.rpartition("<locals>.")[2] for problem in error.problems]


# --- what the model is told ------------------------------------------------------------------------------------------------------


def test_a_plain_decorator_makes_a_tool_that_is_still_the_function():
    """Name, description and schema come from the function; calling it calls it."""

    @tool
    def add(a: int, b: int = 1) -> int:
        """Add two numbers.

        Args:
            a: The first.
            b: The second,
                which may be left out.
        """
        return a + b

    assert add(2, b=3) == 5
    assert (add.name, add.spec.description, add.spec.effect, add.spec.timeout) == (
        "add",
        "Add two numbers.",
        "unsafe",
        None,
    )
    assert add.spec.input_schema == {
        "type": "object",
        "properties": {
            "a": {"type": "integer", "description": "The first."},
            "b": {"type": "integer", "default": 1, "description": "The second, which may be left out."},
        },
        "required": ["a"],
        "additionalProperties": False,
    }


def test_options_go_before_what_the_function_says():
    """Name and description may be told, the rest must be."""

    @tool(name="plus-1", description="More.", effect="pure", timeout=2, needs_approval=True, max_output=10)
    def add(a: int) -> int:
        """Add."""
        return a + 1

    spec = add.spec
    assert (spec.name, spec.description, spec.effect, spec.timeout) == ("plus-1", "More.", "pure", 2)
    assert (spec.needs_approval, spec.max_output) == (True, 10)


def test_the_nearest_description_counts():
    """What is written beside the type goes before the docstring."""

    @tool
    def look(a: Annotated[int, "Beside."], b: int) -> None:
        """Look.

        Args:
            a: In the docstring.
            b: In the docstring, too.
        """

    told = {name: each["description"] for name, each in look.spec.input_schema["properties"].items()}
    assert told == {"a": "Beside.", "b": "In the docstring, too."}


def test_defaults_make_a_parameter_optional_and_are_shown():
    """Also enum members and instances of classes; what JSON cannot say only makes it optional, and so does a None that cannot be passed."""

    @tool
    def f(
        a: int,
        b: str = "x",
        *,
        c: list[int] = (),
        d: int | None = None,
        e: int = None,  # noqa: RUF013  -- people write that
        unit: Unit = Unit.FOOT,
        size: Size = Size(3),
        odd: list[int] = object(),  # noqa: B008
    ) -> None: ...

    schema = f.spec.input_schema
    shown = {name: each.get("default", "nothing") for name, each in schema["properties"].items() if name != "a"}
    assert schema["required"] == ["a"]
    assert shown == {
        "b": "x",
        "c": [],
        "d": None,
        "e": "nothing",
        "unit": "ft",
        "size": {"width": 3, "unit": "m"},
        "odd": "nothing",
    }


# --- what the runtime fills in -----------------------------------------------------------------------------------------------------


def test_what_the_runtime_fills_in_is_hidden_from_the_model():
    """`info` by name or annotation, `context` by name; also where the annotation's name is there for the type checker only."""

    @tool
    def one(a: int, info, context) -> None: ...

    @tool
    def two(where: SessionInfo, a: int) -> None: ...

    @tool
    def three(where: SessionInfo | None, a: int) -> None: ...

    @tool
    def four(a: int, where: agentsup.SessionInfo, info: object, context: Mapping[str, int]) -> None: ...

    for made, infos in ((one, ("info",)), (two, ("where",)), (three, ("where",)), (four, ("where", "info"))):
        assert list(made.spec.input_schema["properties"]) == ["a"]
        assert made.signature.info_parameters == infos
    assert (one.signature.wants_context, two.signature.wants_context) == (True, False)
    assert four.arguments({"a": 1}, info=INFO, context=7) == {"a": 1, "where": INFO, "info": INFO, "context": 7}


def test_an_info_under_another_name_for_the_type_checker_only_is_no_guess():
    """It cannot be known what it is."""

    def f(where: Info) -> None: ...

    with pytest.raises(SpecError, match="means nothing at run time"):
        tool(f)


def test_an_info_that_is_meant_for_the_model_is_told_in_time():
    """It would be given something else than it asks for."""

    def f(info: str) -> None: ...

    with pytest.raises(SpecError, match="give it another name"):
        tool(f)


# --- what can be a tool --------------------------------------------------------------------------------------------------------------


class Shop:
    """A shop."""

    stock = 3

    def order(self, number: int) -> int:
        """Order."""
        return self.stock + number

    @tool(effect="pure")
    def sell(self, number: int) -> int:
        """Sell."""
        return self.stock - number

    @tool
    @classmethod
    def count(cls, number: int) -> int:
        """Count."""
        return cls.stock * number

    @tool
    @staticmethod
    def double(number: int) -> int:
        """Double."""
        return 2 * number

    def __call__(self, number: int) -> int:
        """Go shopping."""
        return number


def wrapped(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs) + 100

    return wrapper


def plain(number: int, size: int = 1) -> int:
    """Do it plainly."""
    return number * size


@pytest.mark.parametrize(
    ("made", "name", "description", "result"),
    [
        (lambda: tool(Shop().order), "order", "Order.", 7),
        (lambda: Shop().sell, "sell", "Sell.", -1),
        (lambda: Shop().count, "count", "Count.", 12),
        (lambda: Shop.count, "count", "Count.", 12),
        (lambda: Shop.double, "double", "Double.", 8),
        (lambda: Shop().double, "double", "Double.", 8),
        (lambda: tool(Shop()), "Shop", "Go shopping.", 4),
        (lambda: tool(wrapped(plain)), "plain", "Do it plainly.", 104),
        (lambda: tool(functools.partial(plain, size=3)), "plain", "Do it plainly.", 12),
        (lambda: tool(functools.partial(Shop.order, Shop()), name="buy"), "buy", "Order.", 7),
        (lambda: tool(wrapped(Shop().order)), "order", "Order.", 107),
    ],
)
def test_whatever_can_be_called_can_be_a_tool(made, name, description, result):
    """Methods (decorated or not), class and static methods, partials, objects, wrapped functions: without what is passed already."""
    made = made()

    assert (made.name, made.spec.description, made.unbound) == (name, description, False)
    assert list(made.spec.input_schema["properties"]) == (["number", "size"] if result == 104 else ["number"])
    assert made(**made.arguments({"number": 4}, info=INFO, context=None)) == result


def test_a_decorated_method_is_a_tool_of_its_object():
    """Each object has its own; in the class it waits for one."""
    shop = Shop()
    shop.stock = 10

    assert Shop.sell.unbound
    assert shop.sell(1) == 9
    assert Shop().sell(1) == 2
    assert shop.sell.spec is Shop.sell.spec


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (Shop, "must be a function or something else that can be called, not a class"),
        (3, "must be a function or something else that can be called, not int"),
        (type, "not a class"),
        (dict.fromkeys, "positional-only"),
        (getattr, "has a signature that cannot be read"),
    ],
)
def test_what_cannot_be_a_tool(found, told):
    """And why not."""
    with pytest.raises(SpecError, match=told):
        tool(found)


def test_a_tool_stays_one():
    """Unless it is to be another one than it is."""
    assert tool(Shop.double) is Shop.double
    with pytest.raises(SpecError, match="is a tool already"):
        tool(Shop.double, effect="pure")


def test_a_generator_is_no_tool():
    """A call has one result; a function that yields is refused where it is written."""

    async def counts(n: int):
        yield n

    def counted(n: int):
        yield n

    for function in (counts, counted, functools.partial(counted, n=3)):
        with pytest.raises(SpecError, match="must return its result"):
            tool(function)


# --- what is wrong with it -----------------------------------------------------------------------------------------------------------


def test_all_that_is_wrong_is_told_at_once():
    """The signature's problems and the options', each with its place, in order."""

    @attrs.frozen
    class Bad:
        inside: bytes

    Bad.__annotations__["inside"] = bytes

    def broken(first, /, a, *rest: int, b: object, c: OnlyForTheChecker, d: Bad, **more: int) -> Gone: ...  # noqa: F821

    broken.__annotations__["d"] = Bad
    with pytest.raises(SpecError) as caught:
        tool(name="no spaces please", effect="maybe", timeout=-1, needs_approval="yes", max_output=0)(broken)

    assert paths(caught.value) == [
        "broken(first)",
        "broken(a)",
        "broken(rest)",
        "broken(b)",
        "broken(c)",
        "broken(d).inside",
        "broken(more)",
        "tool 'no spaces please'",
        "tool 'no spaces please'.effect",
        "tool 'no spaces please'.timeout",
        "tool 'no spaces please'.max_output",
        "tool 'no spaces please'.needs_approval",
    ]


@pytest.mark.parametrize("name", ["", "x" * 129, "späti", "a.b", "a b"])
def test_names_a_provider_would_refuse_are_refused_here(name):
    """1 to 128 letters, digits, _ or -."""
    with pytest.raises(SpecError, match="must be named with"):
        tool(name=name)(lambda: None)


@pytest.mark.parametrize("annotation", ["OnlyForTheChecker", "1 +", "int[", "5"])
def test_an_annotation_that_cannot_be_resolved_is_a_problem_of_the_tool(annotation):
    """A name that exists for the type checker only does not help at run time, and what is no type neither."""

    def lost(a, b: int) -> None: ...

    lost.__annotations__["a"] = annotation
    with pytest.raises(SpecError) as caught:
        tool(lost)

    assert paths(caught.value) == ["lost(a)"]


def test_a_type_that_the_library_cannot_make_is_told_in_time(monkeypatch):
    """Not when the model first calls."""

    def cannot(hint):
        raise LookupError(f"no way to make {hint.__name__}")

    monkeypatch.setattr(arguments, "hook_for", cannot)
    with pytest.raises(SpecError) as caught:
        tool(plain)

    assert [str(problem) for problem in caught.value.problems] == [
        "plain(number): cannot be made from JSON: no way to make int",
        "plain(size): cannot be made from JSON: no way to make int",
    ]


@pytest.mark.parametrize("options", [{"name": 3}, {"description": 3}, {"timeout": True}, {"timeout": float("nan")}])
def test_options_of_another_type_are_refused(options):
    """Each is named."""
    with pytest.raises(SpecError) as caught:
        tool(plain, **options)

    assert len(caught.value.problems) == 1


def test_repr_does_not_show_the_function_or_its_schema():
    """Nothing of the code around it, and no long schema, in a log line."""

    @tool
    def secretive(password: str = "hunter2") -> None:
        """Do it."""

    assert "hunter2" not in repr(secretive)
    assert "secretive" in repr(secretive)


# --- a schema written by hand --------------------------------------------------------------------------------------------------------

SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string", "pattern": "^[A-Z]"}, "days": {"$ref": "#/$defs/days"}},
    "required": ["city"],
    "$defs": {"days": {"type": "integer", "minimum": 1}},
}


def test_a_schema_written_by_hand_is_what_the_model_is_told():
    """Annotations are not looked at, and what is passed is passed as it comes; the schema is the tool's own from then on."""
    mine = {**SCHEMA}

    @tool(input_schema=mine)
    def forecast(city, days=1, **more):
        return city, days, more

    mine["type"] = "array"

    assert forecast.spec.input_schema == SCHEMA
    assert forecast.arguments({"city": "Rome", "x": [1]}, info=INFO, context=None) == {"city": "Rome", "x": [1]}
    with pytest.raises(SpecError) as caught:
        forecast.arguments({"city": "rome", "days": 0}, info=INFO, context=None)
    assert str(caught.value) == 'city: must match the pattern "^[A-Z]"; days: must be at least 1'


@pytest.mark.parametrize(
    ("schema", "found"),
    [
        ([], ["input_schema"]),
        ({}, ["input_schema.type"]),
        ({"type": "string"}, ["input_schema.type"]),
        (
            {"type": "object", "required": "a", "properties": {"a": {"type": "strin"}, "b": {"minimum": "1"}}},
            ["input_schema.properties.a.type", "input_schema.properties.b.minimum", "input_schema.required"],
        ),
        ({"type": "object", "properties": {"a": {"pattern": "("}}}, ["input_schema.properties.a.pattern"]),
        ({"type": "object", "properties": {"a": {"$ref": "#/$defs/b"}}}, ["input_schema.properties.a.$ref"]),
        (
            {"type": "object", "properties": {"a": {"$ref": "https://example.org/schema"}}},
            ["input_schema.properties.a.$ref"],
        ),
    ],
)
def test_a_schema_that_is_none_is_refused_at_the_door(schema, found):
    """Every place in it that is wrong; nothing is fetched for it."""
    with pytest.raises(SpecError) as caught:
        tool(input_schema=schema)(lambda **given: None)

    wrong = sorted(path.partition(".")[2] for path in paths(caught.value) if "input_schema" in path)
    assert wrong == found


def test_a_schema_and_a_function_that_do_not_fit_together_are_refused():
    """What the function does not take, and what it needs and may not get."""

    def forecast(city: str, country: str, /, *, sort: str) -> None: ...

    with pytest.raises(SpecError) as caught:
        tool(input_schema=SCHEMA)(forecast)

    assert paths(caught.value) == ["forecast(city)", "forecast(country)", "forecast(sort)", "forecast(days)"]


# --- approval ------------------------------------------------------------------------------------------------------------------------


def approving(needs_approval):
    @tool(needs_approval=needs_approval)
    def pay(amount: int) -> None: ...

    return pay


async def never_came_back(input, info):
    raise SystemExit


def large(input, info):
    return input["amount"] > 100


async def large_later(input, info):
    return large(input, info)


@pytest.mark.parametrize(
    ("needs_approval", "amount", "wanted"),
    [
        (False, 1, False),
        (True, 1, True),
        (large, 1, False),
        (large, 101, True),
        (large_later, 1, False),
        (large_later, 101, True),
        (lambda input, info: info.call_id != "c1", 1, False),
        (lambda input, info: None, 1, True),
        (lambda input, info: 0, 1, True),
        (lambda input, info: input["no such thing"], 1, True),
        (lambda: False, 1, True),
        (never_came_back, 1, True),
        (True, "wrong", False),
        (large, "wrong", False),
        (True, [], False),
    ],
)
async def test_who_asks_for_approval(needs_approval, amount, wanted):
    """Always, never, or as a function says; only a clear no is one, and a call that will not run is not asked about."""
    pay = approving(needs_approval)

    assert pay.spec.needs_approval is (needs_approval is not False)
    assert await pay.wants_approval(ToolUse("c1", "pay", {"amount": amount}), INFO) is wanted


async def test_who_asks_cannot_change_the_arguments():
    """What was approved is what runs."""
    use = ToolUse("c1", "pay", {"amount": 1})

    def change(input, info):
        input["amount"] = 2
        return False

    assert not await approving(change).wants_approval(use, INFO)
    assert use.input == {"amount": 1}
