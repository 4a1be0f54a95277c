"""What can be changed of a session at Claude Managed Agents while it lives: what the service's update of a session takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from agentsup.errors import Problem, SpecError
from agentsup.providers.managed.opening import as_plain, list_problems, metadata_problems
from agentsup.talk.tools import ToolSpec
from agentsup.wire.managed import requests

CONFIGURABLE: Final = ("title", "metadata", "budget", "tools", "mcp_servers")


def options_of(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """The fields of the update, as plain data.

    Raises:
        SpecError: some cannot be used; all of them are named.
    """
    problems: list[Problem] = []
    plain: dict[str, Any] = {}
    for name, value in given.items():
        wrong = list(_problems(name, value))
        problems += wrong
        if wrong:
            continue
        try:
            plain[name] = as_plain([_tool(each) for each in value] if name == "tools" else value)
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
            yield from metadata_problems(value, removing=True)
        case "budget" if not isinstance(value, Mapping | None):
            yield Problem(name, f"must be a mapping in the service's words or None, not {type(value).__name__}")
        case "tools":
            specs = [_spec(each) for each in value] if _is_list(value) else value
            what = "a tool, a ToolSpec or a tool in the service's words"
            yield from list_problems(name, specs, (Mapping, ToolSpec), what)
        case "mcp_servers":
            yield from list_problems(name, value, Mapping, "a server in the service's words")


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _tool(item: Any) -> Any:
    spec = _spec(item)
    return requests.custom_tool(spec) if isinstance(spec, ToolSpec) else spec


def _spec(item: Any) -> Any:
    return getattr(item, "spec", item)
