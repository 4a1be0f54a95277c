"""The provider value: what it takes from where, what is wrong with it, and what it shows."""

from __future__ import annotations

import attrs
import pytest

import agentsup
from agentsup.providers.agentcore import BedrockAgentCore, Overrides
from agentsup.providers.base import Opening
from agentsup.talk.tools import ToolSpec
from agentsup.wire.agentcore.names import session_id_problem
from tests.providers.agentcore.harness import ARN, KEYS, Harness, driver


@pytest.fixture(autouse=True)
def no_aws(monkeypatch, tmp_path):
    """A machine that knows nothing of AWS."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("AWS_ENDPOINT_URL_BEDROCK_AGENTCORE", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


def paths(value):
    return [problem.path for problem in value.problems()]


def test_a_harness_is_all_it_needs():
    """Region and address come from the ARN, the key from wherever there is one."""
    value = BedrockAgentCore(harness=ARN)

    assert paths(value) == []
    assert "https://bedrock-agentcore.us-east-1.amazonaws.com" in str(value.endpoint)


@attrs.frozen
class Handle:
    harness_arn: str | None = None
    arn: str | None = None


@pytest.mark.parametrize("harness", [Handle(harness_arn=ARN), Handle(arn=ARN)])
def test_a_handle_will_do(harness):
    """By its ARN."""
    assert paths(BedrockAgentCore(harness=harness)) == []


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"harness": None}, ["harness"]),
        ({"harness": "desk"}, ["harness"]),
        ({"harness": ARN.replace("desk", "my-desk")}, ["harness"]),
        ({"harness": 7}, ["harness"]),
        ({"region": "eu-west-1"}, ["region"]),
        ({"region": "../x"}, ["region", "region"]),
        ({"runtime_session_id": "short"}, ["runtime_session_id"]),
        ({"runtime_session_id": "a" * 101}, ["runtime_session_id"]),
        ({"endpoint_url": "not an address"}, ["endpoint_url"]),
        ({"endpoint_url": "http://u:p@host"}, ["endpoint_url"]),
        ({"credentials": "AKID"}, ["credentials"]),
        ({"credentials": attrs.evolve(KEYS, secret_access_key="two words")}, ["credentials.secret_access_key"]),
        ({"qualifier": "my-endpoint"}, ["qualifier"]),
        ({"idle_timeout": 0}, ["idle_timeout"]),
        ({"idle_timeout": float("inf")}, ["idle_timeout"]),
        ({"overrides": {}}, ["overrides"]),
        ({"overrides": Overrides(max_tokens=0, tools=[7])}, ["overrides.max_tokens", "overrides.tools[0]"]),
        (
            {"harness": "x", "runtime_session_id": "y", "qualifier": "-"},
            ["harness", "runtime_session_id", "qualifier"],
        ),
    ],
)
def test_everything_wrong_is_told_at_once(fields, expected):
    """With the path of each."""
    assert paths(BedrockAgentCore(**{"harness": ARN, **fields})) == expected


def test_the_environment_names_the_address(monkeypatch):
    """As it does for AWS's own clients; the argument goes first."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://all:1")
    assert "http://all:1" in str(BedrockAgentCore(harness=ARN).endpoint)
    monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_AGENTCORE", "http://this:1")
    assert "http://this:1" in str(BedrockAgentCore(harness=ARN).endpoint)
    assert "http://that:1" in str(BedrockAgentCore(harness=ARN, endpoint_url="http://that:1").endpoint)


def test_equal_values_share_a_driver_and_others_do_not():
    """By everything a driver is made of."""
    base = BedrockAgentCore(harness=ARN, credentials=KEYS)
    assert base.endpoint == BedrockAgentCore(harness=ARN, credentials=attrs.evolve(KEYS)).endpoint
    assert base.endpoint == attrs.evolve(base, runtime_session_id="a" * 40).endpoint
    others = [
        attrs.evolve(base, harness=ARN.replace("desk", "bank")),
        attrs.evolve(base, credentials=attrs.evolve(KEYS, secret_access_key="x")),
        attrs.evolve(base, credentials=None),
        attrs.evolve(base, qualifier="live"),
        attrs.evolve(base, overrides=Overrides(model="m")),
        attrs.evolve(base, idle_timeout=1.0),
        attrs.evolve(base, http=object()),
        attrs.evolve(base, endpoint_url="http://x"),
    ]
    assert len({base.endpoint, *(other.endpoint for other in others)}) == len(others) + 1


def test_nothing_secret_is_shown():
    """Neither in its repr nor in the endpoint's name, which stands in the tree."""
    value = BedrockAgentCore(harness=ARN, credentials=KEYS, overrides=Overrides(system_prompt="private words"))
    shown = f"{value!r} {value.endpoint}"

    for secret in (KEYS.access_key_id, KEYS.secret_access_key, KEYS.session_token, "private words"):
        assert secret not in shown


async def test_a_session_that_is_opened_twice_is_one():
    """The id comes from the token, so nothing has to be looked for; nothing is sent."""
    harness = Harness()
    value = BedrockAgentCore(harness=ARN, credentials=KEYS)
    ids = {
        await value.open(driver(harness), Opening(session_id="s", token="t" * 32, search=search))
        for search in (False, True)
    }

    (session_id,) = ids
    assert session_id_problem(session_id) is None
    assert harness.requests == []


def test_overrides_in_the_services_words():
    """What is given and nothing else."""
    tool = agentsup.tool(look)
    overrides = Overrides(
        model={"openAiModelConfig": {"modelId": "x", "apiKeyArn": "y"}},
        system_prompt="Be kind.",
        tools=[tool, ToolSpec(name="plain"), {"type": "agentcore_browser"}],
        allowed_tools=("*",),
        max_tokens=9,
        timeout=12.7,
        actor_id="me",
    )

    assert overrides.as_wire() == {
        "model": {"openAiModelConfig": {"modelId": "x", "apiKeyArn": "y"}},
        "systemPrompt": [{"text": "Be kind."}],
        "tools": [
            {
                "type": "inline_function",
                "name": "look",
                "config": {
                    "inlineFunction": {
                        "description": tool.spec.description,
                        "inputSchema": dict(tool.spec.input_schema),
                    }
                },
            },
            {
                "type": "inline_function",
                "name": "plain",
                "config": {
                    "inlineFunction": {"description": "plain", "inputSchema": {"type": "object", "properties": {}}}
                },
            },
            {"type": "agentcore_browser"},
        ],
        "allowedTools": ["*"],
        "maxTokens": 9,
        "timeoutSeconds": 12,
        "actorId": "me",
    }
    assert list(overrides.problems()) == []
    assert Overrides().as_wire() == {}


def look(number: int) -> str:
    """Look something up."""
    return str(number)
