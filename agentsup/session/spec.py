"""A session as the user describes it: one frozen value, checked as a whole before anything is started."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, TypeAlias, get_args

import attrs

from agentsup import otp
from agentsup.errors import Problem, SpecError
from agentsup.loop.rules import Rules
from agentsup.providers.base import Provider
from agentsup.providers.reconnect import Reconnect
from agentsup.session.approval import Approval
from agentsup.session.handler import arity_of
from agentsup.session.judge import TurnGuard
from agentsup.session.tool import Tool
from agentsup.session.tool import tool as make_tool
from agentsup.talk.content import hidden
from agentsup.talk.limits import Limits, is_positive
from agentsup.talk.outcome import Outcome
from agentsup.talk.usage import Usage

InDoubt: TypeAlias = Literal["answer", "wait"]


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
        if not isinstance(self.backoff, otp.Backoff):
            found.append(("backoff", f"must be an otp.Backoff, not {type(self.backoff).__name__}"))
        return found


def _as_tools(given: Iterable[Any]) -> tuple[Any, ...]:
    """Plain functions become tools at once, so that a bad signature is told where it is written."""
    if isinstance(given, Tool) or callable(given) or not isinstance(given, Iterable):
        given = (given,)
    return tuple(make_tool(item) if _is_function(item) else item for item in given)


def _is_function(item: object) -> bool:
    """Whether it can be called and is no tool yet; a class can be, and is meant for something else."""
    return callable(item) and not inspect.isclass(item) and not isinstance(item, Tool)


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
    """What each request may use up, until `SessionRef.configure` says otherwise."""

    approval: Approval | None = None
    """Who decides about calls that need approval, before a person is asked: a function `(use, info)` that gives `Allow()`, `Deny(message)`
    or None (a person decides, by `SessionRef.confirm`); sync or async."""

    turn_guard: TurnGuard | None = None
    """Looks at every finished turn: a function of a `TurnReport` that gives `GoOn()` or `Halt(reason)`; sync or async."""

    price: Callable[[Usage], float] | None = None
    """What a usage costs, in whatever money; needed for `limits.max_cost`."""

    terminal_tool: str | None = None
    """The name of a tool that must have been called before a request is done. An agent that ends without is told so, twice; then the
    request ends with the stop reason `no_terminal_tool`."""

    outcome: Outcome | None = None
    """What `run` without a prompt works towards."""

    in_doubt: InDoubt = "answer"
    """What becomes of a call that a crash cut off and that may not run again: `answer` tells the model that its outcome is unknown, `wait`
    leaves it to a person (`SessionRef.doubts`, `SessionRef.resolve`)."""

    restart: Restart = Restart()
    """How often the session's task may fail."""

    reconnect: Reconnect = Reconnect()
    """When to try again after the connection broke."""

    metadata: Mapping[str, Any] = attrs.field(factory=dict, repr=hidden)
    """Your own labels for the session; tools find them in `SessionInfo.metadata`. The provider is not told."""

    def __attrs_post_init__(self) -> None:
        problems = tuple(self._problems())
        if problems:
            raise SpecError(problems)

    def _problems(self) -> Iterable[Problem]:
        if not all(
            callable(getattr(self.provider, name, None)) for name in ("problems", "connect", "open", "files", "options")
        ):
            yield Problem(
                "provider", f"must be a provider such as ClaudeManagedAgents(...), not {type(self.provider).__name__}"
            )
        yield from self._tool_problems()
        if self.handler is not None:
            handles = _tool_handler(self.handler)
            if handles is None or arity_of(handles) is None:
                yield Problem(
                    "handler", "must be a function or have a method handle_tool_call(name, input, context, info)"
                )
        for name, kind in (("limits", Limits), ("restart", Restart), ("reconnect", Reconnect)):
            value = getattr(self, name)
            if not isinstance(value, kind):
                yield Problem(name, f"must be a {kind.__name__}, not {type(value).__name__}")
            else:
                yield from (Problem(f"{name}.{field}", message) for field, message in value.faults())
        if not isinstance(self.metadata, Mapping):
            yield Problem("metadata", f"must be a mapping, not {type(self.metadata).__name__}")
        yield from self._ruling_problems()

    def _ruling_problems(self) -> Iterable[Problem]:
        for name in ("approval", "turn_guard", "price"):
            value = getattr(self, name)
            if value is not None and not callable(value):
                yield Problem(name, f"must be a function or None, not {type(value).__name__}")
        if isinstance(self.limits, Limits):
            yield from unpriced(self.limits, self.price)
        if self.terminal_tool is not None and (not isinstance(self.terminal_tool, str) or not self.terminal_tool):
            yield Problem("terminal_tool", f"must be a tool's name or None, not {self.terminal_tool!r}")
        elif self.terminal_tool is not None and self.handler is None and self.tool(self.terminal_tool) is None:
            yield Problem("terminal_tool", f"names no tool of this session: {self.terminal_tool!r}")
        if self.outcome is not None and not isinstance(self.outcome, Outcome):
            yield Problem("outcome", f"must be an Outcome or None, not {type(self.outcome).__name__}")
        if self.in_doubt not in get_args(InDoubt):
            yield Problem("in_doubt", f"must be 'answer' or 'wait', not {self.in_doubt!r}")

    def _tool_problems(self) -> Iterable[Problem]:
        seen: set[str] = set()
        for place, item in enumerate(self.tools):
            if not isinstance(item, Tool):
                yield Problem(f"tools[{place}]", f"must be a function or a tool, not {type(item).__name__}")
            elif item.unbound:
                yield Problem(
                    f"tools[{place}]", f"is a method without its object: pass it from an instance, obj.{item.name}"
                )
            elif item.name in seen:
                yield Problem(f"tools[{place}]", f"has the name {item.name!r}, as a tool before it")
            else:
                seen.add(item.name)

    @property
    def rules(self) -> Rules:
        """What the session machine must know of it."""
        return Rules(
            guarded=self.turn_guard is not None,
            terminal_tool=self.terminal_tool,
            gated=frozenset(item.name for item in self.tools if item.spec.needs_approval),
            wait_in_doubt=self.in_doubt == "wait",
            has_history=self.provider.has_history,
            max_attempts=self.reconnect.max_attempts,
            effects={item.name: item.spec.effect for item in self.tools},
        ).under(self.limits)

    def tool(self, name: str) -> Tool | None:
        """The tool of that name."""
        return next((item for item in self.tools if isinstance(item, Tool) and item.name == name), None)

    @property
    def tool_handler(self) -> Callable[..., Any] | None:
        """What answers calls of tools that are not in `tools`."""
        return _tool_handler(self.handler)

    @property
    def event_handler(self) -> Callable[..., Any] | None:
        """What is shown every event."""
        return getattr(self.handler, "handle_event", None)


def unpriced(limits: Limits, price: Callable[[Usage], float] | None) -> Iterable[Problem]:
    """What is wrong with a limit in money that nobody could reckon."""
    if limits.max_cost is not None and price is None:
        yield Problem("limits.max_cost", "needs the spec's price=, a function from Usage to an amount")


def _tool_handler(handler: Any) -> Callable[..., Any] | None:
    if handler is None:
        return None
    method = getattr(handler, "handle_tool_call", None)
    if method is not None:
        return method if callable(method) else None
    return handler if callable(handler) else None
