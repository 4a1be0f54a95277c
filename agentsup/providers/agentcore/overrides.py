"""What one session has otherwise than its harness."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs

from agentsup.errors import Problem
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
            "systemPrompt": None if self.system_prompt is None else [{"text": self.system_prompt}],
            "tools": None if self.tools is None else [wire_tool(tool) for tool in self.tools],
            "skills": None if self.skills is None else [dict(skill) for skill in self.skills],
            "allowedTools": None if self.allowed_tools is None else list(self.allowed_tools),
            "maxIterations": self.max_iterations,
            "maxTokens": self.max_tokens,
            "timeoutSeconds": None if self.timeout is None else max(1, int(self.timeout)),
            "actorId": self.actor_id,
        }
        return {name: value for name, value in given.items() if value is not None}

    def problems(self) -> Iterator[Problem]:
        """What is wrong with the value."""
        for name in ("max_iterations", "max_tokens", "timeout"):
            value = getattr(self, name)
            kinds = (int, float) if name == "timeout" else (int,)
            if value is not None and (not isinstance(value, kinds) or isinstance(value, bool) or not value > 0):
                yield Problem(name, f"must be a positive number, not {value!r}")
        if self.system_prompt is not None and (not isinstance(self.system_prompt, str) or not self.system_prompt):
            yield Problem("system_prompt", "must be text, and not empty")
        for place, tool in enumerate(self.tools or ()):
            if not isinstance(_spec(tool), ToolSpec | Mapping):
                kind = type(tool).__name__
                yield Problem(
                    f"tools[{place}]", f"must be a tool, a ToolSpec or a tool in the service's words, not {kind}"
                )


def wire_tool(tool: Any) -> dict[str, Any]:
    """A tool in the service's words; one that runs here is an inline function there."""
    spec = _spec(tool)
    if not isinstance(spec, ToolSpec):
        return dict(spec)
    function = {"description": spec.description or spec.name, "inputSchema": dict(spec.input_schema)}
    return {"type": "inline_function", "name": spec.name, "config": {"inlineFunction": function}}


def _spec(tool: Any) -> Any:
    return getattr(tool, "spec", tool)
