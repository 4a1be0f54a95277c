"""What one session has otherwise than its harness."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import attrs

from agentsup.errors import Problem, SpecError
from agentsup.talk.content import hidden
from agentsup.talk.tools import ToolSpec


@attrs.frozen(kw_only=True)
class Overrides:
    """What a session has otherwise than its harness; said with every invoke, because the service forgets it after each.

    A field that is given replaces the harness's own, whole: `tools` are then all the tools there are.
    """

    model: str | Mapping[str, Any] | None = None
    """A Bedrock model's id, or one of the service's model configurations: `{"openAiModelConfig": {...}}`."""

    system_prompt: str | None = attrs.field(default=None, repr=hidden)
    """In place of the harness's."""

    tools: Sequence[Any] | None = None
    """Tools made by `agentsup.tool`, `ToolSpec` values (both become inline functions, which run here), or tools in the service's words."""

    skills: Sequence[Mapping[str, Any]] | None = None
    """In the service's words."""

    allowed_tools: Sequence[str] | None = None
    """Names and patterns of what may be called: `*`, `name`, `file_*`, `@builtin`."""

    max_iterations: int | None = None
    """Model calls in one invoke, at most."""

    max_tokens: int | None = None
    """Tokens in one invoke, at most."""

    timeout: float | None = None
    """Seconds one invoke may take over there; a request's own time shortens it."""

    actor_id: str | None = None
    """Whose memory the agent has before it."""

    def as_wire(self) -> dict[str, Any]:
        """The fields of an invoke's body; only what is given."""
        given: dict[str, Any] = {
            "model": {"bedrockModelConfig": {"modelId": self.model}} if isinstance(self.model, str) else self.model,
            "system_prompt": None if self.system_prompt is None else [{"text": self.system_prompt}],
            "tools": None if self.tools is None else [wire_tool(tool) for tool in self.tools],
            "skills": None if self.skills is None else [dict(skill) for skill in self.skills],
            "allowed_tools": None if self.allowed_tools is None else list(self.allowed_tools),
            "max_iterations": self.max_iterations,
            "max_tokens": self.max_tokens,
            "timeout": None if self.timeout is None else max(1, int(self.timeout)),
            "actor_id": self.actor_id,
        }
        return {_WIRE[name]: value for name, value in given.items() if value is not None}

    def problems(self) -> Iterator[Problem]:
        """What is wrong with the value."""
        for name in ("max_iterations", "max_tokens", "timeout"):
            value = getattr(self, name)
            kinds = (int, float) if name == "timeout" else (int,)
            if value is not None and (not isinstance(value, kinds) or isinstance(value, bool) or not value > 0):
                yield Problem(name, f"must be a positive number, not {value!r}")
        for name in ("system_prompt", "actor_id"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, str) or not value):
                yield Problem(name, "must be text, and not empty")
        if self.model is not None and (not isinstance(self.model, str | Mapping) or not self.model):
            kind = type(self.model).__name__
            yield Problem("model", f"must be a model's id, or a model configuration in the service's words, not {kind}")
        yield from self._list_problems("tools", "a tool, a ToolSpec or a tool in the service's words", _is_tool)
        yield from self._list_problems("skills", "a skill in the service's words", _is_mapping)
        yield from self._list_problems("allowed_tools", "a tool's name or a pattern of names", _is_name)

    def _list_problems(self, name: str, what: str, fits: Callable[[Any], bool]) -> Iterator[Problem]:
        value = getattr(self, name)
        if value is None:
            return
        if not isinstance(value, Sequence) or isinstance(value, str | bytes):
            yield Problem(name, f"must be a list, not {type(value).__name__}")
            return
        for place, each in enumerate(value):
            if not fits(each):
                yield Problem(f"{name}[{place}]", f"must be {what}, not {type(each).__name__}")


_WIRE: Final[Mapping[str, str]] = {
    "model": "model",
    "system_prompt": "systemPrompt",
    "tools": "tools",
    "skills": "skills",
    "allowed_tools": "allowedTools",
    "max_iterations": "maxIterations",
    "max_tokens": "maxTokens",
    "timeout": "timeoutSeconds",
    "actor_id": "actorId",
}
"""Field to the service's word for it."""

OVERRIDES: Final = tuple(_WIRE)
"""What can be had otherwise."""


def options_of(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Some overrides in the service's words; None takes one back.

    Raises:
        SpecError: some cannot be used; all of them are named.
    """
    overrides = Overrides(**{name: value for name, value in given.items() if value is not None})
    problems = list(overrides.problems())
    plain: dict[str, Any] = {}
    for name, value in () if problems else overrides.as_wire().items():
        try:
            # Through JSON, so that it is a copy as well: what was said stays as it is.
            plain[name] = json.loads(json.dumps(value, allow_nan=False, default=_as_mapping))
        except (TypeError, ValueError, RecursionError):
            (said,) = (ours for ours, wire in _WIRE.items() if wire == name)
            problems.append(Problem(said, "must hold only what JSON can say"))
    if problems:
        raise SpecError(problems)
    return plain | {_WIRE[name]: None for name, value in given.items() if value is None}


def _as_mapping(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(type(value).__name__)


def _is_tool(value: Any) -> bool:
    return isinstance(_spec(value), ToolSpec | Mapping)


def _is_mapping(value: Any) -> bool:
    return isinstance(value, Mapping)


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def wire_tool(tool: Any) -> dict[str, Any]:
    """A tool in the service's words; one that runs here is an inline function there."""
    spec = _spec(tool)
    if not isinstance(spec, ToolSpec):
        return dict(spec)
    function = {"description": spec.description or spec.name, "inputSchema": dict(spec.input_schema)}
    return {"type": "inline_function", "name": spec.name, "config": {"inlineFunction": function}}


def _spec(tool: Any) -> Any:
    return getattr(tool, "spec", tool)
