"""Specs are checked as a whole, at the door."""

from __future__ import annotations

import attrs
import pytest

import agentsup
from agentsup import AgentSpec, EnvironmentSpec
from agentsup.provisioning import Runtime
from agentsup.talk.tools import ToolSpec

SCHEMA = {
    "type": "object",
    "properties": {"number": {"type": "integer"}},
    "required": ["number"],
    "additionalProperties": False,
}


@agentsup.tool(effect="pure", timeout=3.0)
def order_status(number: int) -> str:
    """Where an order is."""
    return str(number)


def plain_function(number: int) -> str:
    """Where an order is."""
    return str(number)


def problems(call):
    with pytest.raises(agentsup.SpecError) as caught:
        call()
    return {problem.path: problem.message for problem in caught.value.problems}


def test_all_problems_at_once():
    """Every field with something wrong is named, with what would be right."""
    found = problems(
        lambda: AgentSpec(
            name=" ",
            system_prompt=7,
            model={"effort": "low"},
            tools=[order_status, order_status, 7, {"name": "bad name"}, {"mcp": 1}, lambda x: x],
            extra={"a": {1, 2}},
        )
    )

    assert set(found) == {
        "name",
        "system_prompt",
        "model.id",
        "tools[1]",
        "tools[2]",
        "tools[3] (tool 'bad name')",
        "tools[4].type",
        "tools[5].test_all_problems_at_once.<locals>.<lambda>.<locals>.<lambda>(x)",
        "tools[5].tool '<lambda>'",
        "extra.a",
    }


def test_all_problems_of_an_environment_at_once():
    """Likewise, runtimes included."""
    found = problems(
        lambda: EnvironmentSpec(
            name="",
            config={"x": object()},
            networking="limited",
            runtimes=[Runtime("Python", "3.12; rm -rf /"), "node", Runtime("go", "1"), Runtime("go", "2", via="apt")],
        )
    )

    assert set(found) == {
        "name",
        "config.x",
        "networking",
        "runtimes[0].lang",
        "runtimes[0].version",
        "runtimes[1]",
        "runtimes[3].via",
        "runtimes[3]",
    }


@pytest.mark.parametrize(
    "tools",
    [
        [order_status],
        order_status,
        (order_status,),
        [order_status.spec],
        [{"name": "order_status", "description": "Where an order is.", "input_schema": SCHEMA}],
        [{"type": "custom", "input_schema": SCHEMA, "description": "Where an order is.", "name": "order_status"}],
    ],
)
def test_a_tool_is_one_tool_however_it_is_given(tools):
    """Decorated, as a specification, as a plain schema: same declaration, same agent."""
    spec = AgentSpec(name="x", tools=tools)

    assert [attrs.evolve(tool, effect="unsafe", timeout=None) for tool in spec.tools] == [
        ToolSpec(name="order_status", description="Where an order is.", input_schema=SCHEMA)
    ]
    assert spec.digest == AgentSpec(name="y", tools=[order_status]).digest


def test_a_plain_function_is_a_tool():
    """As in a session's spec."""
    (tool,) = AgentSpec(name="x", tools=[plain_function]).tools

    assert (tool.name, tool.input_schema) == ("plain_function", SCHEMA)


def test_how_a_tool_is_run_is_not_the_agents_business():
    """Effect and timeout are ours: they make no other agent."""
    unsafe = agentsup.tool(order_status.function)

    assert AgentSpec(name="x", tools=[unsafe]).digest == AgentSpec(name="x", tools=[order_status]).digest


def test_the_providers_own_tools_pass_through():
    """A toolset is kept word for word."""
    toolset = {"type": "agent_toolset_20260401", "configs": [{"name": "bash", "enabled": False}]}

    assert AgentSpec(name="x", tools=[toolset]).tools == (toolset,)


@pytest.mark.parametrize("schema", [{"type": "string"}, {}, [], "object", {"type": "object", "x": object()}])
def test_a_schema_must_be_an_objects(schema):
    """The service takes no other."""
    found = problems(lambda: AgentSpec(name="x", tools=[ToolSpec(name="t", input_schema=schema)]))

    assert all(path.startswith("tools[0].input_schema") for path in found)


def test_what_is_not_said_changes_no_digest():
    """A default written out is a default."""
    assert (
        AgentSpec(name="x").digest == AgentSpec(name="x", system_prompt="", tools=[], description="", extra={}).digest
    )
    assert EnvironmentSpec().digest == EnvironmentSpec(name="other", config={}, runtimes=[]).digest


@pytest.mark.parametrize(
    "change", [{"system_prompt": "b"}, {"model": "m"}, {"tools": [order_status]}, {"extra": {"skills": [1]}}]
)
def test_everything_but_the_name_is_content(change):
    """Each field makes another agent."""
    spec = AgentSpec(name="x", system_prompt="a")

    assert attrs.evolve(spec, **change).digest != spec.digest
    assert attrs.evolve(spec, name="y").digest == spec.digest


def test_short_fields_fold_into_the_configuration():
    """Two ways to say it, one environment; the configuration wins."""
    long = EnvironmentSpec(config={"networking": {"type": "limited"}, "packages": {"pip": ["x"]}})
    short = EnvironmentSpec(networking={"type": "limited"}, packages={"pip": ("x",)})
    both = EnvironmentSpec(
        config={"networking": {"type": "limited"}}, networking={"type": "unrestricted"}, packages={"pip": ["x"]}
    )

    assert long.digest == short.digest == both.digest
    assert both.settings["networking"] == {"type": "limited"}


def test_no_prompt_in_a_repr():
    """It would end up in logs."""
    spec = AgentSpec(
        name="x", system_prompt="the secret of the house", extra={"metadata": {"k": "private"}}, tools=[order_status]
    )

    assert "secret" not in repr(spec)
    assert "private" not in repr(spec)
