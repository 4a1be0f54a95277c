"""Who works for an agent: its `multiagent`, checked, written out in full, and with every agent in it pinned to a version.

Two shapes: the older `coordinator` with a list of agents, and `multiagent_20261001` with three members that are each enabled or not. A
session carries whole definitions where an agent has references. Rules: API reference, "Multiagent"; one level deep, 20 agents each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from agentsup.sim.exchange import Json
from agentsup.sim.fields import Form

MOST_AGENTS = 20

COORDINATOR = "coordinator"
MEMBERS = "multiagent_20261001"

_SWITCH = ("enabled", "disabled")

Reference = tuple[str, int]
"""An agent's id and version."""

Find = Callable[[Form, str, int | None], Reference | None]
"""The version of an agent that a reference means; None where there is none, which is noted in the form."""


def read_multiagent(form: Form, find: Find, own: Reference, current: Json | None) -> Json | None:
    """The `multiagent` of an agent's form, with every default written out; None where it is missing or null.

    Args:
        form: where problems are noted.
        find: looks agents up.
        own: what `self` means.
        current: what the agent has; members that are not sent keep it.
    """
    given = form.child("multiagent")
    if given is None:
        return None
    kind = given.choice("type", (COORDINATOR, MEMBERS), required=True)
    if kind == COORDINATOR:
        return {"type": kind, "agents": _read_agents(given, "agents", find, own, least=1, advisor=True)}
    if kind is None:
        return None
    stored = current if current is not None and current["type"] == MEMBERS else {}
    return {
        "type": kind,
        "advisor": _read_advisor(given, stored.get("advisor", {"type": "disabled"})),
        "subagents": _read_member(given, "subagents", find, own, stored.get("subagents")),
        "workflows": _read_member(given, "workflows", find, own, stored.get("workflows")),
    }


def _read_advisor(form: Form, stored: Json) -> Json:
    if "advisor" not in form:
        return stored
    advisor = form.child("advisor")
    if advisor is None or advisor.choice("type", _SWITCH, required=True) != "enabled":
        return {"type": "disabled"}
    return {"type": "enabled", "model": advisor.text("model", required=True, least=1)}


def _read_member(form: Form, key: str, find: Find, own: Reference, stored: Json | None) -> Json:
    default: Json = {"type": "enabled", "inline_agents": {"type": "enabled"}, "predefined_agents": []}
    if key not in form:
        return default if stored is None else stored
    member = form.child(key)
    if member is None:
        return default
    kind = member.choice("type", _SWITCH, required=True)
    if kind != "enabled":
        return {"type": "disabled"}
    kept = stored if stored is not None and stored["type"] == kind else default
    inline = member.child("inline_agents")
    switch = kept["inline_agents"] if inline is None else {"type": inline.choice("type", _SWITCH, required=True)}
    agents = kept["predefined_agents"]
    if "predefined_agents" in member:
        agents = _read_agents(member, "predefined_agents", find, own, least=0, advisor=False)
    if switch["type"] == "disabled" and not agents:
        member.wrong("predefined_agents", "must name at least one agent where inline_agents is disabled")
    return {"type": kind, "inline_agents": switch, "predefined_agents": agents}


def _read_agents(form: Form, key: str, find: Find, own: Reference, *, least: int, advisor: bool) -> list[Json]:
    found: list[Json] = []
    seen: set[str] = set()
    for index, entry in enumerate(form.array(key, required=least > 0, least=least, most=MOST_AGENTS)):
        member = form.at(f"{key}.{index}", {"type": "agent", "id": entry} if isinstance(entry, str) else entry)
        made = _read_entry(member, find, own, advisor=advisor)
        if made is None:
            continue
        name = made.get("id", "advisor")
        if name in seen:
            member.wrong("", f"{name} is in the list already")
        seen.add(name)
        found.append(made)
    return found


def _read_entry(form: Form, find: Find, own: Reference, *, advisor: bool) -> Json | None:
    kinds = ("agent", "self", "advisor") if advisor else ("agent", "self")
    kind = form.choice("type", kinds, required=True)
    if kind == "advisor":
        return {"type": kind, "model": form.text("model", required=True, least=1)}
    reference: Reference | None = own
    if kind == "agent":
        agent_id = form.text("id", required=True, least=1)
        number = form.integer("version", least=1, most=10**9)
        reference = None if agent_id is None else find(form, agent_id, number)
    if kind is None or reference is None:
        return None
    return {"type": "agent", "id": reference[0], "version": reference[1]}


def with_definitions(multiagent: Json | None, definitions: Mapping[Reference, Json]) -> Json | None:
    """As a session carries it: in place of each reference the whole agent, without a `multiagent` of its own."""
    if multiagent is None:
        return None
    return {key: _with_definitions(value, definitions) for key, value in multiagent.items()}


def _with_definitions(value: Any, definitions: Mapping[Reference, Json]) -> Any:
    if isinstance(value, list):
        return [definitions[item["id"], item["version"]] if item["type"] == "agent" else item for item in value]
    if isinstance(value, dict) and "predefined_agents" in value:
        return {**value, "predefined_agents": _with_definitions(value["predefined_agents"], definitions)}
    return value


def references_of(multiagent: Json | None) -> set[Reference]:
    """The agents in it."""
    return {(item["id"], item["version"]) for item in _entries(multiagent) if item["type"] == "agent"}


def member_named(multiagent: Json | None, name: str) -> Json | None:
    """Of a session's `multiagent`, the agent of that name; None where there is none."""
    return next((item for item in _entries(multiagent) if item.get("name") == name), None)


def _entries(multiagent: Json | None) -> list[Json]:
    if multiagent is None:
        return []
    members = [multiagent.get(key, {}).get("predefined_agents", []) for key in ("subagents", "workflows")]
    return [item for items in (multiagent.get("agents", []), *members) for item in items]
