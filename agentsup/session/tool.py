"""A tool: a function of the user's, with what the model is told of it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, get_type_hints, overload

import attrs

from agentsup.errors import Problem, SpecError
from agentsup.session import schema
from agentsup.talk.tools import Effect, SessionInfo, ToolSpec

_NAME_LIMIT = 128
"""Characters a tool's name may have at Claude Managed Agents, the narrowest of the providers."""


@attrs.frozen
class Tool:
    """A function as a tool. Calling it calls the function."""

    spec: ToolSpec
    """What the model is told, and how the call is run."""

    function: Callable[..., Any] = attrs.field(repr=False)
    """The function itself."""

    info_parameter: str | None = None
    """The parameter that is given the `SessionInfo`, if the function asks for one."""

    wants_context: bool = False
    """The function has a parameter `context` and is given the session's."""

    is_async: bool = False
    """It runs here; otherwise in a thread."""

    @property
    def name(self) -> str:
        """The name the model calls it by."""
        return self.spec.name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function itself."""
        return self.function(*args, **kwargs)

    def arguments(self, given: Mapping[str, Any], *, info: SessionInfo, context: Any) -> dict[str, Any]:
        """The function's arguments: what the model gave, and what the function asked of us."""
        arguments = dict(given)
        if self.info_parameter is not None:
            arguments[self.info_parameter] = info
        if self.wants_context:
            arguments["context"] = context
        return arguments


@overload
def tool(function: Callable[..., Any], /) -> Tool: ...
@overload
def tool(
    *, name: str | None = None, description: str | None = None, effect: Effect = "unsafe", timeout: float | None = None
) -> Callable[[Callable[..., Any]], Tool]: ...


def tool(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    description: str | None = None,
    effect: Effect = "unsafe",
    timeout: float | None = None,
) -> Tool | Callable[[Callable[..., Any]], Tool]:
    """Make a tool of a typed function: the model is told its name, its docstring and a JSON Schema from its signature.

    A function that is not async runs in a thread. A parameter named `info` (or annotated with `SessionInfo`) is given where the call
    comes from, one named `context` the session's context; the model sees neither.

    Args:
        function: The function; left out when the decorator is used with options.
        name: The name the model calls it by; the function's own if not given.
        description: What the model is told it does; the docstring before `Args:` if not given.
        effect: Whether a call may be run again after a crash: `pure`, `idempotent`, or `unsafe` (may not).
        timeout: Seconds one call may take.

    Raises:
        SpecError: the signature or an option cannot be used; every problem is listed.
    """
    if function is None:
        return lambda found: _make(found, name=name, description=description, effect=effect, timeout=timeout)
    return _make(function, name=name, description=description, effect=effect, timeout=timeout)


def _make(
    function: Callable[..., Any], *, name: str | None, description: str | None, effect: Effect, timeout: float | None
) -> Tool:
    problems: list[Problem] = []
    try:
        input_schema = schema.input_schema(function)
    except SpecError as exc:
        problems += exc.problems
        input_schema = {}
    spec = ToolSpec(
        name=function.__name__ if name is None else name,
        description=schema.summary(inspect.getdoc(function) or "") if description is None else description,
        input_schema=input_schema,
        effect=effect,
        timeout=timeout,
    )
    problems += problems_of(spec)
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        problems.append(Problem(f"tool {spec.name!r}", "must return its result, not yield it: a call has one result"))
    if problems:
        raise SpecError(problems)
    hints = get_type_hints(function)
    parameters = inspect.signature(function).parameters
    info = next((p for p in parameters if p == "info" or hints.get(p) is SessionInfo), None)
    return Tool(
        spec=spec,
        function=function,
        info_parameter=info,
        wants_context="context" in parameters,
        is_async=inspect.iscoroutinefunction(function),
    )


def problems_of(spec: ToolSpec) -> list[Problem]:
    """What is wrong with a tool's specification, all of it."""
    at = f"tool {spec.name!r}"
    found: list[Problem] = []
    if not 1 <= len(spec.name) <= _NAME_LIMIT or not all(c.isascii() and (c.isalnum() or c in "_-") for c in spec.name):
        found.append(Problem(at, f"must be named with 1 to {_NAME_LIMIT} letters, digits, _ or -"))
    if spec.effect not in ("pure", "idempotent", "unsafe"):
        found.append(Problem(f"{at}.effect", f"must be 'pure', 'idempotent' or 'unsafe', not {spec.effect!r}"))
    if spec.timeout is not None and not (isinstance(spec.timeout, int | float) and spec.timeout > 0):
        found.append(Problem(f"{at}.timeout", f"must be None or a positive number of seconds, not {spec.timeout!r}"))
    return found
