"""Tools as a spec declares them: ours in one form, the provider's own kept verbatim. Pure.

What makes a tool *ours* is that it has a name, a description and a schema for its input, whichever way it was written. Everything else
(a toolset the provider runs, an MCP server) is the provider's word, and passes through.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import attrs

from agentsup.errors import Problem, SpecError
from agentsup.provisioning.canonical import plain
from agentsup.session.tool import Tool, problems_of
from agentsup.session.tool import tool as make_tool
from agentsup.talk.tools import ToolSpec

Declaration: TypeAlias = ToolSpec | Mapping[str, Any]
"""A tool of ours, or one in the provider's own words."""

_OURS = {"type", "name", "description", "input_schema"}


def as_tools(given: Any) -> tuple[Any, ...]:
    """Several tools, or one, as a tuple."""
    if isinstance(given, Tool | ToolSpec | Mapping) or callable(given) or not isinstance(given, Iterable):
        return (given,)
    return tuple(given)


def declared(given: Iterable[Any]) -> tuple[tuple[Any, ...], tuple[Problem, ...]]:
    """The tools as declarations, and what is wrong with them; what cannot be one stays as it is."""
    problems: list[Problem] = []
    found = tuple(_declaration(item, f"tools[{place}]", problems) for place, item in enumerate(given))
    problems += _doubles(found)
    return found, tuple(problems)


def content_of(declaration: Declaration) -> dict[str, Any]:
    """What a digest is made over. How a tool is run here (effect, timeout) is not the provider's business, and is left out."""
    if isinstance(declaration, ToolSpec):
        return {
            "type": "custom",
            "name": declaration.name,
            "description": declaration.description,
            "input_schema": declaration.input_schema,
        }
    return dict(declaration)


def _declaration(item: Any, path: str, problems: list[Problem]) -> Any:
    if isinstance(item, Tool):
        item = item.spec
    elif inspect.isroutine(item):
        try:
            item = make_tool(item).spec
        except SpecError as exc:
            problems += [Problem(f"{path}.{problem.path}", problem.message) for problem in exc.problems]
            return item
    if isinstance(item, ToolSpec):
        problems += _inside(path, problems_of(item))
        return _plain_schema(item, path, problems)
    if isinstance(item, Mapping):
        return _from_mapping(item, path, problems)
    problems.append(Problem(path, f"must be a tool, a function or a mapping, not {type(item).__name__}"))
    return item


def _from_mapping(item: Mapping[Any, Any], path: str, problems: list[Problem]) -> Any:
    before = len(problems)
    words: dict[str, Any] = plain(item, path, problems)
    if len(problems) > before:
        return item
    if not words.keys() <= _OURS or words.get("type", "custom") != "custom":
        if not isinstance(words.get("type"), str):
            problems.append(Problem(f"{path}.type", "must name the kind of the provider's tool"))
        return words
    schema = words.get("input_schema", {"type": "object", "properties": {}})
    if not isinstance(words.get("name"), str) or not isinstance(words.get("description", ""), str):
        problems.append(Problem(path, "must have a name, and may have a description, both text"))
        return words
    spec = ToolSpec(name=words["name"], description=words.get("description", ""), input_schema=schema)
    problems += _inside(path, problems_of(spec))
    return _plain_schema(spec, path, problems)


def _plain_schema(spec: ToolSpec, path: str, problems: list[Problem]) -> ToolSpec:
    """The tool, if its schema is an object's; the service takes no other."""
    schema = plain(spec.input_schema, f"{path}.input_schema", problems)
    if not isinstance(schema, dict) or schema.get("type") != "object":
        problems.append(Problem(f"{path}.input_schema", "must be a JSON Schema with type 'object'"))
        return spec
    return attrs.evolve(spec, input_schema=schema)


def _inside(path: str, problems: Sequence[Problem]) -> list[Problem]:
    return [Problem(f"{path} ({problem.path})", problem.message) for problem in problems]


def _doubles(found: Sequence[Any]) -> Iterable[Problem]:
    seen: set[str] = set()
    for place, item in enumerate(found):
        if isinstance(item, ToolSpec):
            if item.name in seen:
                yield Problem(f"tools[{place}]", f"has the name {item.name!r}, as a tool before it")
            seen.add(item.name)
