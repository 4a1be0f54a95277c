"""From a function's signature and docstring to the JSON Schema the model is told."""

from __future__ import annotations

import inspect
import re
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from agentsup.errors import Problem, SpecError
from agentsup.talk.tools import SessionInfo

_SIMPLE: Mapping[Any, Mapping[str, str]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    type(None): {"type": "null"},
}

INJECTED = frozenset({"info", "context"})
"""Parameters that are filled in here and that the model never sees; `info` is also found by its annotation."""


def input_schema(function: Callable[..., Any]) -> dict[str, Any]:
    """A JSON Schema of type `object` with the function's parameters.

    Raises:
        SpecError: a parameter has no annotation, or one that has no counterpart in JSON; each such parameter is named.
            Or an annotation names something that is not there at run time.
    """
    signature = inspect.signature(function)
    try:
        hints = get_type_hints(function)
    except NameError as exc:
        place = f"{function.__qualname__}(...)"
        raise SpecError.of(place, f"has an annotation that means nothing at run time: {exc}") from None
    described = parameter_descriptions(inspect.getdoc(function) or "")
    properties: dict[str, Any] = {}
    required: list[str] = []
    problems: list[Problem] = []
    for name, parameter in signature.parameters.items():
        if is_injected(name, hints.get(name)):
            continue
        try:
            schema = _parameter_schema(parameter, hints)
        except TypeError as exc:
            problems.append(Problem(f"{function.__qualname__}({name})", str(exc)))
            continue
        if name in described:
            schema["description"] = described[name]
        if parameter.default is inspect.Parameter.empty:
            required.append(name)
        properties[name] = schema
    if problems:
        raise SpecError(problems)
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def is_injected(name: str, hint: Any) -> bool:
    """Whether the runtime fills this parameter in."""
    return name in INJECTED or hint is SessionInfo


def summary(docstring: str) -> str:
    """What the docstring says of the whole, before it comes to the parameters."""
    return re.split(r"(?:\n|\A)\s*(?:Args|Arguments|Parameters|Returns|Raises|Yields)\s*:\s*\n", docstring, maxsplit=1)[
        0
    ].strip()


def parameter_descriptions(docstring: str) -> dict[str, str]:
    """Parameter name to description, from a Google-style `Args:` section."""
    section = re.search(r"^Args:\s*\n(?P<body>(?:[ \t]+.*\n?|\s*\n)+)", docstring, re.MULTILINE)
    if section is None:
        return {}
    found: dict[str, str] = {}
    name = ""
    for line in inspect.cleandoc("\n" + section["body"]).splitlines():
        begins = re.match(r"(\w+)(?:\s*\([^)]*\))?:\s*(.*)", line)
        if begins is not None:
            name, found[begins[1]] = begins[1], begins[2].strip()
        elif name and line.startswith((" ", "\t")):
            found[name] = f"{found[name]} {line.strip()}".strip()
    return found


def _parameter_schema(parameter: inspect.Parameter, hints: Mapping[str, Any]) -> dict[str, Any]:
    if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
        raise TypeError("must be a named parameter, not a starred one: the model fills in names")
    if parameter.kind is parameter.POSITIONAL_ONLY:
        raise TypeError("must not be positional-only: the model fills in names")
    if parameter.name not in hints:
        raise TypeError("needs an annotation, from which the model is told what to pass")
    schema = type_schema(hints[parameter.name])
    if parameter.default is not inspect.Parameter.empty and _is_json(parameter.default):
        schema["default"] = parameter.default
    return schema


def type_schema(hint: Any) -> dict[str, Any]:
    """The schema of values of that type.

    Raises:
        TypeError: the type has no counterpart in JSON.
    """
    if hint is Any:
        return {}
    if hint in _SIMPLE:
        return dict(_SIMPLE[hint])
    origin, arguments = get_origin(hint) or hint, get_args(hint)
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin in (Union, types.UnionType):
        return {"anyOf": [type_schema(argument) for argument in arguments]}
    if origin in (list, tuple, set, frozenset, Sequence):
        items = [argument for argument in arguments if argument is not ...]
        return {"type": "array", "items": type_schema(items[0])} if len(items) == 1 else {"type": "array"}
    if origin in (dict, Mapping):
        return {"type": "object", "additionalProperties": type_schema(arguments[1]) if arguments else {}}
    raise TypeError(
        f"has the type {hint!r}, which has no counterpart in JSON; use str, int, float, bool, list, dict, Literal or None"
    )


def _is_json(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float | bool)
