"""What the model of the API allows and the service refuses all the same: definitions whose parts do not fit together. Pure."""

from __future__ import annotations

from typing import Any

from agentsup.errors import Problem
from agentsup.sim.exchange import Json

from .definition import TOOL_CONFIG_OF_TYPE
from .refusal import invalid_fields

BUILT_IN_TOOLS = ("shell", "file_operations")
"""Every harness has them; declaring them is refused."""

_NEED_CONFIG = ("inline_function", "remote_mcp", "agentcore_gateway")
_LONGEST_LIFE_S = 28_800
_LIMITS = ("maxIterations", "maxTokens", "timeoutSeconds")


def check_sense(given: Json) -> None:
    """Refuses a definition, or the overrides of one call, that makes no sense.

    Raises:
        AwsRefused: 400 that names every field.
    """
    problems = [*_tools(given.get("tools", [])), *_lifecycle(given.get("environment", {})), *_limits(given)]
    if problems:
        raise invalid_fields(problems)


def _tools(tools: list[Json]) -> list[Problem]:
    problems: list[Problem] = []
    seen: set[str] = set()
    for number, tool in enumerate(tools, start=1):
        path, kind, name = f"tools.{number}.member", tool["type"], tool.get("name")
        config = next((key for key, value in (tool.get("config") or {}).items() if value is not None), None)
        wanted = TOOL_CONFIG_OF_TYPE[kind]
        if config is not None and config != wanted:
            problems.append(Problem(f"{path}.config", f"Member must be {wanted} where the type is {kind}"))
        if config is None and kind in _NEED_CONFIG:
            problems.append(Problem(f"{path}.config", f"Member must not be null where the type is {kind}"))
        if name is None and kind == "inline_function":
            problems.append(Problem(f"{path}.name", f"Member must not be null where the type is {kind}"))
        if name in BUILT_IN_TOOLS:
            problems.append(Problem(f"{path}.name", f"Member must not be the name of a built-in tool: {name}"))
        if name is not None and name in seen:
            problems.append(Problem(f"{path}.name", "Member must not be the name of another tool"))
        seen.add(name or "")
        schema: Any = (tool.get("config") or {}).get("inlineFunction", {}).get("inputSchema", {})
        if not isinstance(schema, dict):
            problems.append(Problem(f"{path}.config.inlineFunction.inputSchema", "Member must be a JSON Schema object"))
    return problems


def _lifecycle(environment: Json) -> list[Problem]:
    runtime = environment.get("agentCoreRuntimeEnvironment") or {}
    lifecycle = runtime.get("lifecycleConfiguration") or {}
    path = "environment.agentCoreRuntimeEnvironment.lifecycleConfiguration"
    idle = lifecycle.get("idleRuntimeSessionTimeout") or 900
    longest = lifecycle.get("maxLifetime") or _LONGEST_LIFE_S
    problems = [
        Problem(f"{path}.{name}", f"Member must have value less than or equal to {_LONGEST_LIFE_S}")
        for name, value in (("idleRuntimeSessionTimeout", idle), ("maxLifetime", longest))
        if value > _LONGEST_LIFE_S
    ]
    if idle > longest:
        problems.append(Problem(f"{path}.idleRuntimeSessionTimeout", "Member must not be greater than maxLifetime"))
    network = runtime.get("networkConfiguration") or {}
    if network.get("networkMode") == "VPC" and not network.get("networkModeConfig"):
        where = "environment.agentCoreRuntimeEnvironment.networkConfiguration.networkModeConfig"
        problems.append(Problem(where, "Member must not be null where the mode is VPC"))
    return problems


def _limits(given: Json) -> list[Problem]:
    return [
        Problem(name, "Member must have value greater than or equal to 1")
        for name in _LIMITS
        if given.get(name) is not None and given[name] < 1
    ]
