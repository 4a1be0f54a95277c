"""From signatures to JSON Schema."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Optional

import pytest

from agentsup.errors import SpecError
from agentsup.session.schema import input_schema, parameter_descriptions, summary, type_schema


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
        (list[int], {"type": "array", "items": {"type": "integer"}}),
        (tuple[str, ...], {"type": "array", "items": {"type": "string"}}),
        (set[str], {"type": "array", "items": {"type": "string"}}),
        (Sequence[float], {"type": "array", "items": {"type": "number"}}),
        (dict, {"type": "object", "additionalProperties": {}}),
        (dict[str, int], {"type": "object", "additionalProperties": {"type": "integer"}}),
        (Mapping[str, bool], {"type": "object", "additionalProperties": {"type": "boolean"}}),
        (int | None, {"anyOf": [{"type": "integer"}, {"type": "null"}]}),
        (Optional[str], {"anyOf": [{"type": "string"}, {"type": "null"}]}),  # noqa: UP045  -- both ways to write it
        (Literal["a", 1, None], {"enum": ["a", 1, None]}),
        (
            list[dict[str, int | str]],
            {
                "type": "array",
                "items": {
                    "type": "object",
                    "additionalProperties": {"anyOf": [{"type": "integer"}, {"type": "string"}]},
                },
            },
        ),
    ],
)
def test_types_with_a_counterpart_in_json(hint, schema):
    """Each Python type says what the model may pass."""
    assert type_schema(hint) == schema


@pytest.mark.parametrize("hint", [object, bytes, complex, type, list[bytes], dict[str, object], int | bytes])
def test_types_without_one_are_named(hint):
    """Also where they are hidden in another."""
    with pytest.raises(TypeError, match="no counterpart in JSON"):
        type_schema(hint)


def test_annotated_counts_as_what_it_annotates():
    """What else is written there is not for the model."""

    def f(a: Annotated[int, "whatever"]) -> None: ...

    assert input_schema(f)["properties"] == {"a": {"type": "integer"}}


def test_defaults_make_a_parameter_optional():
    """Plain ones are shown to the model; others only make it optional."""

    def f(a: int, b: str = "x", *, c: list[int] = (), d: int | None = None) -> None: ...

    schema = input_schema(f)

    assert schema["required"] == ["a"]
    assert schema["properties"]["b"] == {"type": "string", "default": "x"}
    assert "default" not in schema["properties"]["c"]
    assert schema["properties"]["d"]["default"] is None


def test_every_parameter_that_cannot_be_used_is_named():
    """All at once, each with its function."""

    def f(first, /, second, third: bytes, *args: int, **kwargs: int) -> None: ...

    with pytest.raises(SpecError) as caught:
        input_schema(f)

    assert [problem.path.rpartition("f(")[2] for problem in caught.value.problems] == [
        "first)",
        "second)",
        "third)",
        "args)",
        "kwargs)",
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
    assert parameter_descriptions(GOOGLE) == {
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
