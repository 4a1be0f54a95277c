"""A session as the user describes it: one frozen value, checked as a whole before anything is started."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import attrs

from agentsup import otp
from agentsup.errors import Problem, SpecError
from agentsup.loop.state import Rules
from agentsup.providers.base import Provider
from agentsup.providers.reconnect import Reconnect, is_positive
from agentsup.session.tool import Tool
from agentsup.session.tool import tool as make_tool
from agentsup.talk.content import hidden


@attrs.frozen(kw_only=True)
class Limits:
    """What one request may use up."""

    max_turns: int = 50
    """Turns after which the request ends with `TurnLimitReached`; a turn that ends the request by itself is never thrown away."""

    timeout: float | None = 600.0
    """Seconds from the request's start after which it ends with `RequestTimeout`; None waits for ever."""

    def faults(self) -> list[tuple[str, str]]:
        """Field and what would be right, for each field that cannot be used."""
        found = []
        if type(self.max_turns) is not int or self.max_turns < 1:
            found.append(("max_turns", f"must be an integer of at least 1, not {self.max_turns!r}"))
        if self.timeout is not None and not is_positive(self.timeout):
            found.append(("timeout", f"must be None or a positive number of seconds, not {self.timeout!r}"))
        return found


@attrs.frozen(kw_only=True)
class Restart:
    """How often a session's task may fail before the session itself ends. The budget is the session's own: no other session feels it."""

    intensity: int = 3
    """Restarts allowed within `period`; one more ends the session."""

    period: float = 5.0
    """Seconds."""

    backoff: otp.Backoff = otp.Backoff()
    """The delays between restarts: the first is immediate, then they grow."""

    def faults(self) -> list[tuple[str, str]]:
        """Field and what would be right, for each field that cannot be used."""
        found = []
        if type(self.intensity) is not int or self.intensity < 0:
            found.append(("intensity", f"must be an integer of at least 0, not {self.intensity!r}"))
        if not (is_positive(self.period) and math.isfinite(self.period)):
            found.append(("period", f"must be a positive number of seconds, not {self.period!r}"))
        return found


def _as_tools(given: Iterable[Any]) -> tuple[Any, ...]:
    """Plain functions become tools at once, so that a bad signature is told where it is written."""
    if isinstance(given, Tool) or callable(given) or not isinstance(given, Iterable):
        given = (given,)
    return tuple(make_tool(item) if inspect.isroutine(item) else item for item in given)


@attrs.frozen(kw_only=True)
class SessionSpec:
    """Everything a session needs to know to live; `repr` shows neither secrets nor prompts.

    Raises:
        SpecError: something in it cannot be used; every problem is listed with its path.
    """

    provider: Provider
    """Where the agent loop runs."""

    tools: Sequence[Any] = attrs.field(default=(), converter=_as_tools)
    """Tools (or plain functions) that run here when the model asks for them."""

    handler: Any = None
    """An object with `handle_tool_call(name, input, context, info)` for tools that are not in `tools`, and optionally
    `handle_event(event, info)`; or a function `(name, input, context, info)`."""

    context: Any = attrs.field(default=None, repr=hidden)
    """Whatever the tools need to know of this session; handed to them as it is."""

    limits: Limits = Limits()
    """What each request may use up."""

    restart: Restart = Restart()
    """How often the session's task may fail."""

    reconnect: Reconnect = Reconnect()
    """When to try again after the connection broke."""

    metadata: Mapping[str, Any] = attrs.field(factory=dict, repr=hidden)
    """Your own labels for the session; tools find them in `SessionInfo.metadata`."""

    def __attrs_post_init__(self) -> None:
        problems = tuple(self._problems())
        if problems:
            raise SpecError(problems)

    def _problems(self) -> Iterable[Problem]:
        if not all(callable(getattr(self.provider, name, None)) for name in ("problems", "connect", "open")):
            yield Problem(
                "provider", f"must be a provider such as ClaudeManagedAgents(...), not {type(self.provider).__name__}"
            )
        yield from self._tool_problems()
        if self.handler is not None and not callable(_tool_handler(self.handler)):
            yield Problem("handler", "must be a function or have a method handle_tool_call(name, input, context, info)")
        for name, kind in (("limits", Limits), ("restart", Restart), ("reconnect", Reconnect)):
            value = getattr(self, name)
            if not isinstance(value, kind):
                yield Problem(name, f"must be a {kind.__name__}, not {type(value).__name__}")
            else:
                yield from (Problem(f"{name}.{field}", message) for field, message in value.faults())
        if not isinstance(self.metadata, Mapping):
            yield Problem("metadata", f"must be a mapping, not {type(self.metadata).__name__}")

    def _tool_problems(self) -> Iterable[Problem]:
        seen: set[str] = set()
        for place, item in enumerate(self.tools):
            if not isinstance(item, Tool):
                yield Problem(f"tools[{place}]", f"must be a function or a tool, not {type(item).__name__}")
            elif item.name in seen:
                yield Problem(f"tools[{place}]", f"has the name {item.name!r}, as a tool before it")
            else:
                seen.add(item.name)

    @property
    def rules(self) -> Rules:
        """What the session machine must know of it."""
        return Rules(
            max_turns=self.limits.max_turns,
            timeout=self.limits.timeout,
            max_attempts=self.reconnect.max_attempts,
            effects={item.name: item.spec.effect for item in self.tools},
        )

    def tool(self, name: str) -> Tool | None:
        """The tool of that name."""
        return next((item for item in self.tools if item.name == name), None)

    @property
    def tool_handler(self) -> Callable[..., Any] | None:
        """What answers calls of tools that are not in `tools`."""
        return _tool_handler(self.handler)

    @property
    def event_handler(self) -> Callable[..., Any] | None:
        """What is shown every event."""
        return getattr(self.handler, "handle_event", None)


def _tool_handler(handler: Any) -> Callable[..., Any] | None:
    if handler is None:
        return None
    method = getattr(handler, "handle_tool_call", None)
    if method is not None:
        return method if callable(method) else None
    return handler if callable(handler) else None
