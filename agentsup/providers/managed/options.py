"""What can be changed of a session at Claude Managed Agents while it lives: what the service's update of a session takes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from agentsup.errors import Problem, SpecError
from agentsup.talk.tools import ToolSpec
from agentsup.wire.managed import requests

CONFIGURABLE: Final = ("title", "metadata", "budget", "tools", "mcp_servers")

_OURS: Final = frozenset({requests.TOKEN_KEY, requests.SESSION_KEY})
"""Metadata by which the session is found again; not the user's to change."""


def options_of(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """The fields of the update, as plain data.

    Raises:
        SpecError: some cannot be used; all of them are named.
    """
    problems = [problem for name, value in given.items() for problem in _problems(name, value)]
    plain: dict[str, Any] = {}
    for name, value in given.items():
        told = [_tool(each) for each in value] if name == "tools" and _is_list(value) else value
        try:
            # Through JSON, so that it is a copy as well: what was said stays as it is.
            plain[name] = json.loads(json.dumps(told, allow_nan=False, default=_mapping))
        except (TypeError, ValueError, RecursionError):
            problems.append(Problem(name, "must hold only what JSON can say"))
    if problems:
        raise SpecError(problems)
    return plain


def _problems(name: str, value: Any) -> Iterator[Problem]:
    match name:
        case "title" if not isinstance(value, str | None):
            yield Problem(name, f"must be text or None, not {type(value).__name__}")
        case "metadata":
            yield from _metadata_problems(value)
        case "budget" if not isinstance(value, Mapping | None):
            yield Problem(name, f"must be a mapping in the service's words or None, not {type(value).__name__}")
        case "tools" | "mcp_servers":
            yield from _list_problems(name, value)


def _metadata_problems(value: Any) -> Iterator[Problem]:
    if not isinstance(value, Mapping):
        yield Problem(
            "metadata", f"must be a mapping of text to text, or to None to take it away, not {type(value).__name__}"
        )
        return
    for key, text in value.items():
        if not isinstance(key, str) or not isinstance(text, str | None):
            yield Problem(f"metadata[{key!r}]", "must be text, or None to take it away, under a name that is text")
        elif key in _OURS:
            yield Problem(f"metadata[{key!r}]", "is what this session is found by, and cannot be changed")


def _list_problems(name: str, value: Any) -> Iterator[Problem]:
    kinds = "tools, or tools in the service's words" if name == "tools" else "servers in the service's words"
    if not _is_list(value):
        yield Problem(name, f"must be a list of {kinds}, not {type(value).__name__}")
        return
    for place, each in enumerate(value):
        fits = isinstance(each, Mapping) or (name == "tools" and isinstance(_spec(each), ToolSpec))
        if not fits:
            yield Problem(f"{name}[{place}]", f"must be one of {kinds}, not {type(each).__name__}")


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _tool(item: Any) -> Any:
    spec = _spec(item)
    return requests.custom_tool(spec) if isinstance(spec, ToolSpec) else spec


def _spec(item: Any) -> Any:
    return getattr(item, "spec", item)


def _mapping(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(type(value).__name__)
