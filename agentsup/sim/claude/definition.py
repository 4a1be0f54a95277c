"""What makes up an agent: model, tools, servers, skills, each checked and written out in full. Pure.

Shapes and limits: API reference, "Agents" and "Tools".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import attrs

from agentsup.sim.exchange import Json
from agentsup.sim.fields import Form

MOST_TOOLS = 256
MOST_SERVERS = 20
MOST_SKILLS = 20
MOST_SYSTEM_CHARS = 100_000
MOST_DOMAINS = 64

EFFORTS = ("low", "medium", "high", "xhigh", "max")
SPEEDS = ("standard", "fast")
POLICIES = ("always_allow", "always_ask", "auto")
TOOLSET = "agent_toolset_20260401"
TOOLSET_TOOLS = ("bash", "read", "write", "edit", "glob", "grep", "web_search", "web_fetch")
SERVICE_ACCOUNT: Json = {"type": "service_account"}

_TOOL_NAME = re.compile(r"[A-Za-z0-9_-]{1,128}\Z")
_ALWAYS_ALLOW: Json = {"type": "always_allow"}


@attrs.frozen
class Definition:
    """An agent's fields as the API writes them, without id, version and times."""

    name: str
    model: Json
    description: str | None = None
    system: str | None = attrs.field(default=None, repr=False)
    tools: list[Json] = attrs.field(factory=list, repr=False)
    mcp_servers: list[Json] = attrs.field(factory=list, repr=False)
    skills: list[Json] = attrs.field(factory=list, repr=False)
    multiagent: Json | None = attrs.field(default=None, repr=False)
    execution_identity: Json = attrs.field(factory=lambda: dict(SERVICE_ACCOUNT))

    def view(self) -> Json:
        """All fields."""
        return attrs.asdict(self, recurse=False)


def read_definition(
    form: Form,
    current: Definition | None = None,
    *,
    fields: frozenset[str] | None = None,
    multiagent: Callable[[Form], Json | None] = lambda _form: None,
) -> Definition:
    """The definition after this form: a new one, or `current` with the fields that are given; null or empty clears a field.

    Args:
        form: where problems are noted.
        current: what omitted fields keep.
        fields: the only fields that may be given, by default all.
        multiagent: reads who works for the agent, which needs to know other agents.
    """
    readers: dict[str, Any] = {
        "name": lambda: form.text("name", required=True, least=1, most=256) or "",
        "model": lambda: read_model(form, None if current is None or fields is not None else current.model),
        "description": lambda: form.text("description", most=2048) or None,
        "system": lambda: form.text("system", most=MOST_SYSTEM_CHARS) or None,
        "tools": lambda: read_tools(form),
        "mcp_servers": lambda: read_servers(form),
        "skills": lambda: read_skills(form),
        "multiagent": lambda: multiagent(form),
        "execution_identity": lambda: read_identity(form),
    }
    wanted = readers.keys() if fields is None else readers.keys() & fields
    if current is None:
        made = Definition(**{key: readers[key]() for key in readers})
    else:
        made = attrs.evolve(current, **{key: readers[key]() for key in readers if key in wanted and key in form})
    _check_references(form, made)
    return made


def read_identity(form: Form) -> Json:
    """As whom the agent's runs act; without a word, as the service account."""
    identity = form.child("execution_identity")
    if identity is None or identity.choice("type", ("service_account", "aws_role"), required=True) != "aws_role":
        return dict(SERVICE_ACCOUNT)
    return {"type": "aws_role", "role_arn": identity.text("role_arn", required=True, least=1, most=2048)}


def read_model(form: Form, current: Json | None = None) -> Json:
    """The model: an id, or an object with one; an effort that is not said is the `current` one's, else high."""
    given = form.data.get("model")
    effort_kept: Json = {"type": "high"} if current is None else current["effort"]
    if isinstance(given, str):
        form.text("model", least=1)
        return {"id": given, "effort": effort_kept, "speed": "standard", "inference_geo": None}
    model = form.child("model", required=True)
    if model is None:
        return {}
    effort = model.data.get("effort")
    if isinstance(effort, dict):
        level = model.at("effort", effort).choice("type", EFFORTS, required=True)
    else:
        level = model.choice("effort", EFFORTS)
    return {
        "id": model.text("id", required=True, least=1),
        "effort": effort_kept if level is None else {"type": level},
        "speed": model.choice("speed", SPEEDS) or "standard",
        "inference_geo": model.text("inference_geo"),
    }


def read_tools(form: Form) -> list[Json]:
    """The tools, with every default written out."""
    found = []
    names: set[str] = set()
    for tool in form.children("tools", most=MOST_TOOLS):
        match tool.choice("type", (TOOLSET, "mcp_toolset", "custom"), required=True):
            case "custom":
                found.append(_read_custom(tool, names))
            case "mcp_toolset":
                server = tool.text("mcp_server_name", required=True, least=1)
                found.append({"type": "mcp_toolset", "mcp_server_name": server, **_read_configs(tool, None)})
            case str(kind):
                found.append({"type": kind, **_read_configs(tool, TOOLSET_TOOLS)})
    return found


def _read_custom(tool: Form, names: set[str]) -> Json:
    name = tool.text("name", required=True) or ""
    if name and not _TOOL_NAME.match(name):
        tool.wrong("name", "must be 1 to 128 letters, digits, _ or -")
    if name in names:
        tool.wrong("name", f"{name} is taken by another tool")
    names.add(name)
    schema = tool.child("input_schema", required=True)
    if schema is not None:
        schema.choice("type", ("object",), required=True)
        schema.child("properties")
        schema.texts("required")
    return {
        "type": "custom",
        "name": name,
        "description": tool.text("description", required=True),
        "input_schema": {} if schema is None else schema.data,
    }


def _read_configs(tool: Form, names: tuple[str, ...] | None) -> Json:
    default = tool.child("default_config")
    base = {"enabled": True, "permission_policy": _ALWAYS_ALLOW} if default is None else _read_config(default)
    configs = []
    for config in tool.children("configs"):
        name = config.text("name", required=True) if names is None else config.choice("name", names, required=True)
        about = {} if names is None else {"type": name, **_read_web_config(config, name)}
        configs.append({"name": name, **about, **_read_config(config, base)})
    return {"default_config": base, "configs": configs}


def _read_web_config(config: Form, name: str | None) -> Json:
    """What tools that reach the web can be told besides; null where they are not."""
    if name not in ("web_search", "web_fetch"):
        return {}
    found: Json = {}
    for key in ("allowed_domains", "blocked_domains"):
        found[key] = config.texts(key, most=MOST_DOMAINS) if config.data.get(key) is not None else None
        if found[key] == []:
            config.wrong(key, "must have at least 1 item: leave it out instead")
    if found["allowed_domains"] is not None and found["blocked_domains"] is not None:
        config.wrong("blocked_domains", "cannot be combined with allowed_domains")
    if name == "web_search":
        return {**found, "user_location": _read_location(config)}
    limit = config.integer("max_content_tokens", least=1, most=10**9)
    return {**found, "max_content_tokens": limit, "url_sources": config.value("url_sources", dict, "an object")}


def _read_location(config: Form) -> Json | None:
    location = config.child("user_location")
    if location is None:
        return None
    kind = location.choice("type", ("approximate",), required=True)
    return {"type": kind, **{key: location.text(key) for key in ("city", "country", "region", "timezone")}}


def _read_config(config: Form, base: Json | None = None) -> Json:
    base = base or {"enabled": True, "permission_policy": _ALWAYS_ALLOW}
    enabled = config.boolean("enabled")
    policy = config.child("permission_policy")
    kind = None if policy is None else policy.choice("type", POLICIES, required=True)
    return {
        "enabled": base["enabled"] if enabled is None else enabled,
        "permission_policy": base["permission_policy"] if policy is None else {"type": kind},
    }


def read_servers(form: Form) -> list[Json]:
    """The MCP servers; names are unique."""
    found = []
    names: set[str] = set()
    for server in form.children("mcp_servers", most=MOST_SERVERS):
        kind = server.choice("type", ("url",), required=True)
        name = server.text("name", required=True, least=1, most=255) or ""
        if name in names:
            server.wrong("name", f"{name} is taken by another server")
        names.add(name)
        found.append({"type": kind, "name": name, "url": server.text("url", required=True, least=1)})
    return found


def read_skills(form: Form) -> list[Json]:
    """The skills; without a version, the latest."""
    return [
        {
            "type": skill.choice("type", ("anthropic", "custom"), required=True),
            "skill_id": skill.text("skill_id", required=True, least=1),
            "version": skill.text("version") or "latest",
        }
        for skill in form.children("skills", most=MOST_SKILLS)
    ]


def runs_built_in(agent: Json, name: str) -> bool:
    """Whether an agent has a built-in tool of that name switched on, and no custom one that hides it."""
    if any(tool["type"] == "custom" and tool["name"] == name for tool in agent["tools"]):
        return False
    toolsets = [tool for tool in agent["tools"] if tool["type"] == TOOLSET]
    return name in TOOLSET_TOOLS and any(
        next((one["enabled"] for one in tool["configs"] if one["name"] == name), tool["default_config"]["enabled"])
        for tool in toolsets
    )


def _check_references(form: Form, made: Definition) -> None:
    servers = {server["name"] for server in made.mcp_servers}
    used = {tool["mcp_server_name"] for tool in made.tools if tool["type"] == "mcp_toolset"}
    for name in sorted(str(name) for name in used - servers):
        form.wrong("tools", f"the mcp_toolset names the server {name}, which is not in mcp_servers")
    for name in sorted(str(name) for name in servers - used):
        form.wrong("mcp_servers", f"no mcp_toolset in tools uses the server {name}")
