"""JSON Schema validators: compiled for schemas of ours, and schemas that somebody wrote by hand looked at before they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import jsonschema
import referencing.exceptions
import referencing.jsonschema
from jsonschema.protocols import Validator

from agentsup.errors import Problem
from agentsup.session.violations import path_text, violations

_DIALECT = jsonschema.Draft202012Validator
"""What a schema is written in that does not say."""


def validator_for(schema: Mapping[str, Any]) -> Validator:
    """A validator for the schema, in the dialect it names; it fetches nothing from anywhere."""
    kind = jsonschema.validators.validator_for(schema, default=_DIALECT)
    validator: Validator = kind(schema, registry=referencing.Registry())
    return validator


def schema_problems(schema: Any) -> list[Problem]:
    """What is wrong with a schema that somebody wrote by hand, as the schema of a tool's arguments."""
    if not isinstance(schema, dict):
        return [Problem("", f"must be a JSON Schema as a dict, not {type(schema).__name__}")]
    kind = jsonschema.validators.validator_for(schema, default=_DIALECT)
    problems = violations(kind(kind.META_SCHEMA, format_checker=kind.FORMAT_CHECKER), schema)
    if not problems and schema.get("type") != "object":
        problems.append(Problem("type", "must be 'object': a tool's arguments have names"))
    return problems or list(_lost_references(schema))


def _lost_references(schema: dict[str, Any]) -> Iterator[Problem]:
    """References that lead nowhere; out of the schema is nowhere, because nothing is fetched."""
    specification = referencing.jsonschema.specification_with(
        schema.get("$schema", ""), default=referencing.jsonschema.DRAFT202012
    )
    resource = specification.create_resource(schema)
    resolver = referencing.Registry().with_resource("", resource).resolver(resource.id() or "")
    for at, reference in _references(schema, ()):
        try:
            resolver.lookup(reference)
        except referencing.exceptions.Unresolvable:
            yield Problem(path_text(at), f"points to {reference!r}, which is not in the schema")


def _references(value: Any, at: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    if isinstance(value, dict):
        for key, item in value.items():
            if key == "$ref" and isinstance(item, str):
                yield (*at, key), item
            elif key not in ("const", "default", "enum", "examples"):
                yield from _references(item, (*at, key))
    elif isinstance(value, list):
        for place, item in enumerate(value):
            yield from _references(item, (*at, place))
