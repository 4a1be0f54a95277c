"""`module:name`: finding the tools that a command line names."""

from __future__ import annotations

import difflib
import importlib
import inspect
import sys
from collections.abc import Iterable
from typing import Any

import click

from agentsup.errors import SpecError
from agentsup.session.tool import Tool, tool


def tools_at(path: str) -> tuple[Tool, ...]:
    """The tools that `module:name` names: a tool, a function, or a list of those. The current directory is looked in as well.

    The module is imported, so whatever it does at import happens.

    Raises:
        click.UsageError: there is nothing of that name, or it cannot be a tool.
    """
    found = _value_at(path)
    listed: Iterable[Any] = found if isinstance(found, list | tuple) else (found,)
    tools = tuple(_as_tool(path, item) for item in listed)
    if not tools:
        raise click.UsageError(f"--tools {path}: the list is empty")
    return tools


def _value_at(path: str) -> Any:
    module_name, _, name = path.partition(":")
    if not module_name or not name:
        raise click.UsageError(f"--tools must be module:name, such as mytools:search, not {path!r}")
    value: Any = _module(path, module_name)
    for part in name.split("."):
        try:
            value = getattr(value, part)
        except AttributeError:
            raise click.UsageError(f"--tools {path}: {module_name} has no {name!r}{_near(value, part)}") from None
    return value


def _module(path: str, name: str) -> Any:
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as exc:
        if exc.name is not None and (name == exc.name or name.startswith(f"{exc.name}.")):
            raise click.UsageError(
                f"--tools {path}: there is no module {exc.name!r}, neither installed nor in this directory"
            ) from None
        raise click.UsageError(f"--tools {path}: importing {name} needs the module {exc.name!r}") from exc
    except (Exception, SystemExit) as exc:
        # The border: whatever the user's module does at import is theirs to mend, and --debug shows it.
        raise click.UsageError(f"--tools {path}: importing {name} failed with {type(exc).__name__}: {exc}") from exc


def _near(value: Any, part: str) -> str:
    near = difflib.get_close_matches(part, [name for name in dir(value) if not name.startswith("_")], n=1)
    return f", but it has {near[0]!r}" if near else ""


def _as_tool(path: str, item: Any) -> Tool:
    if isinstance(item, Tool):
        return item
    if inspect.isroutine(item):
        try:
            return tool(item)
        except SpecError as exc:
            raise click.UsageError(f"--tools {path}: {exc}") from None
    kind = item.__name__ if inspect.isclass(item) or inspect.ismodule(item) else type(item).__name__
    raise click.UsageError(f"--tools {path}: must be a tool, a function or a list of them, not {kind}")
