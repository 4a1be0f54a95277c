"""Functions as tools."""

from __future__ import annotations

import pytest

from agentsup import tool
from agentsup.errors import SpecError
from agentsup.talk.tools import SessionInfo


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
    """Name and description may be told, effect and timeout must be."""

    @tool(name="plus-1", description="More.", effect="pure", timeout=2)
    def add(a: int) -> int:
        """Add."""
        return a + 1

    assert (add.name, add.spec.description, add.spec.effect, add.spec.timeout) == ("plus-1", "More.", "pure", 2)


def test_what_the_runtime_fills_in_is_hidden_from_the_model():
    """`info` by name or annotation, `context` by name."""

    @tool
    def one(a: int, info, context) -> None: ...

    @tool
    def two(where: SessionInfo, a: int) -> None: ...

    assert (one.info_parameter, one.wants_context, list(one.spec.input_schema["properties"])) == ("info", True, ["a"])
    assert (two.info_parameter, two.wants_context, list(two.spec.input_schema["properties"])) == ("where", False, ["a"])


def test_a_method_is_a_tool_without_its_self():
    """A bound method's first parameter is no argument."""

    class Shop:
        def order(self, number: int) -> int:
            return number

    made = tool(Shop().order)

    assert list(made.spec.input_schema["properties"]) == ["number"]
    assert made(4) == 4


def test_all_that_is_wrong_is_told_at_once():
    """The signature's problems and the options', each with its place."""

    def broken(a, *rest: int, b: object) -> None: ...

    with pytest.raises(SpecError) as caught:
        tool(name="no spaces please", effect="maybe", timeout=-1)(broken)

    paths = [problem.path for problem in caught.value.problems]
    assert [path.rpartition(".")[2] for path in paths] == [
        "broken(a)",
        "broken(rest)",
        "broken(b)",
        "tool 'no spaces please'",
        "effect",
        "timeout",
    ]


@pytest.mark.parametrize("name", ["", "x" * 129, "späti", "a.b", "a b"])
def test_names_a_provider_would_refuse_are_refused_here(name):
    """1 to 128 letters, digits, _ or -."""
    with pytest.raises(SpecError, match="must be named with"):
        tool(name=name)(lambda: None)


def test_an_annotation_that_cannot_be_resolved_is_a_problem_of_the_tool():
    """A name that exists for the type checker only does not help at run time."""

    def lost(a: OnlyForTheChecker) -> None: ...  # noqa: F821  -- that it is not there is the point

    with pytest.raises(SpecError, match="OnlyForTheChecker"):
        tool(lost)


def test_repr_does_not_show_the_function_or_its_schema():
    """Nothing of the code around it, and no long schema, in a log line."""

    @tool
    def secretive(password: str = "hunter2") -> None:
        """Do it."""

    assert "hunter2" not in repr(secretive)
    assert "secretive" in repr(secretive)


def test_a_generator_is_no_tool():
    """A call has one result; a function that yields is refused where it is written."""

    async def counts(n: int):
        yield n

    def counted(n: int):
        yield n

    for function in (counts, counted):
        with pytest.raises(SpecError, match="must return its result"):
            tool(function)
