"""Provisioning harnesses, against the simulator: over its signed wire, with its life cycle and its faults."""

from __future__ import annotations

import attrs
import pytest
import trio

import agentsup
from agentsup import AgentSpec, EnvironmentSpec, agentcore, provision, teardown
from agentsup.errors import SpecError
from agentsup.provisioning import MemoryStore, Runtime
from agentsup.provisioning.agentcore import HarnessBackend
from agentsup.provisioning.errors import NameConflict, ProvisionFailed, ProvisionTimeout
from agentsup.sim.agentcore import HarnessRules
from agentsup.testing import open_simulator
from agentsup.wire.agentcore.names import HARNESS_NAME
from tests.kit.providers import KEYS, ROLE


@agentsup.tool(effect="pure")
async def order_status(number: int) -> str:
    """Where an order is."""
    return f"number {number} is on its way"


DESK = AgentSpec(
    name="desk",
    system_prompt="Be kind.",
    model="bedrock:some.model-v1:0",
    tools=[order_status],
    description="At the desk",
    extra={"execution_role_arn": f" {ROLE} ", "maxIterations": 5},
)
ROOM = EnvironmentSpec(
    name="room",
    config={
        "environmentVariables": {"A": "b"},
        "lifecycleConfiguration": {"idleRuntimeSessionTimeout": 60, "maxLifetime": 600},
    },
    runtimes=[Runtime("python", "3.12")],
)


@pytest.fixture(autouse=True)
def no_role(monkeypatch):
    """Nothing comes from the environment."""
    monkeypatch.delenv("AGENTSUP_EXECUTION_ROLE_ARN", raising=False)


@pytest.fixture
async def provider(simulator):
    async with simulator.client(headers={}) as http:
        yield provider_of(http)


def provider_of(http):
    return agentsup.providers.agentcore.BedrockAgentCore(region="us-east-1", credentials=KEYS, http=http)


def client_of(provider):
    return agentcore.Client("us-east-1", KEYS, http=provider.http)


async def fresh(provider, spec=DESK, **options):
    """As another process would ask: with a store of its own."""
    return await provision(provider, spec, store=MemoryStore(), **options)


def creates(simulator):
    return [r["body"] for r in simulator.requests if (r["method"], r["path"]) == ("POST", "/harnesses")]


async def test_a_harness_is_made_and_waited_for(simulator, provider, autojump_clock):
    """Its name says what is in it, in the alphabet and length of the service."""
    handle = await fresh(provider, environment=ROOM)

    assert HARNESS_NAME.fullmatch(handle.name)
    assert handle.name.startswith("desk_")
    harness = await client_of(provider).harnesses.get(handle.harness_id)
    assert (harness.status, harness.arn, harness.harness_name) == ("READY", handle.harness_arn, handle.name)
    (body,) = creates(simulator)
    token = body.pop("clientToken")
    assert 33 <= len(token) <= 256
    assert body == {
        "harnessName": handle.name,
        "executionRoleArn": ROLE,
        "model": {"bedrockModelConfig": {"modelId": "some.model-v1:0"}},
        "systemPrompt": [{"text": "Be kind."}],
        "tools": [
            {
                "type": "inline_function",
                "name": "order_status",
                "config": {
                    "inlineFunction": {
                        "description": "Where an order is.",
                        "inputSchema": dict(order_status.spec.input_schema),
                    }
                },
            }
        ],
        "maxIterations": 5,
        "tags": {"description": "At the desk"},
        "environmentVariables": {"A": "b"},
        "environment": {
            "agentCoreRuntimeEnvironment": {
                "lifecycleConfiguration": {"idleRuntimeSessionTimeout": 60, "maxLifetime": 600}
            }
        },
    }
    assert handle.bootstrap is not None


async def test_the_handle_goes_into_the_provider(provider, autojump_clock):
    """By its ARN."""
    handle = await fresh(provider)

    assert list(attrs.evolve(provider, harness=handle).problems()) == []


async def test_equal_specs_are_one_harness(simulator, provider, autojump_clock):
    """Also for a process that remembers nothing; and other content is another one."""
    one = await fresh(provider)
    two = await fresh(provider)
    other = await fresh(provider, environment=ROOM)
    changed = await fresh(provider, attrs.evolve(DESK, system_prompt="Be brief."))

    assert one == two
    assert len({one.name, other.name, changed.name}) == 3
    assert len(creates(simulator)) == 3


async def test_many_who_ask_at_once_get_one(simulator, provider, autojump_clock):
    """In one process."""
    store, handles = MemoryStore(), []
    async with trio.open_nursery() as nursery:

        async def ask():
            handles.append(await provision(provider, DESK, store=store))

        for _ in range(8):
            nursery.start_soon(ask)

    assert len(set(handles)) == 1
    assert len(creates(simulator)) == 1


async def test_a_harness_that_somebody_else_makes_is_adopted(simulator, provider, autojump_clock):
    """Waited for, and not deleted when the waiting fails."""
    name = (await fresh(provider)).name
    async with open_simulator(harness=HarnessRules(creating=30.0)) as slow, slow.client(headers={}) as http:
        there = provider_of(http)
        await client_of(there).harnesses.create(name, ROLE)
        with pytest.raises(ProvisionTimeout) as caught:
            await fresh(there, timeout=5)
        assert caught.value.left == ()
        handle = await fresh(there, timeout=60)

    assert handle.name == name
    assert caught.value.watch.phase == "ready"
    assert caught.value.watch.last_status == "CREATING"
    assert caught.value.watch.polls > 1


async def test_a_name_that_is_being_given_up_is_waited_for(simulator, provider, autojump_clock):
    """Then a new harness is made."""
    first = await fresh(provider)
    await client_of(provider).harnesses.delete(first.harness_id)
    second = await fresh(provider)

    assert second.name == first.name
    assert second.harness_id != first.harness_id


async def test_what_a_call_made_and_could_not_finish_is_taken_away_even_while_it_is_made(provider, autojump_clock):
    """It cannot be deleted before it is there; it is waited for, then deleted."""
    async with open_simulator(harness=HarnessRules(creating=8.0)) as slow, slow.client(headers={}) as http:
        there = provider_of(http)
        with pytest.raises(ProvisionTimeout) as caught:
            await fresh(there, timeout=2)
        left = await client_of(there).harnesses.list().all()

    assert caught.value.left == ()
    assert left == []


async def test_a_harness_that_fails_says_why_and_is_taken_away(provider, autojump_clock):
    """With the service's reason."""
    spec = attrs.evolve(DESK, extra={**DESK.extra, "tags": {"agentsup:create": "failed"}})
    with pytest.raises(ProvisionFailed, match="CREATE_FAILED") as caught:
        await fresh(provider, spec)

    assert caught.value.code == "CREATE_FAILED"
    assert await client_of(provider).harnesses.list().all() == []


@pytest.mark.parametrize("mode", ["after", "after_reset", "reset"])
async def test_an_answer_that_gets_lost_makes_no_second_harness(simulator, provider, mode, autojump_clock):
    """Asking again with the token is how its fate is learned."""
    simulator.fault(path="/harnesses", method="POST", mode=mode, **({"status": 500} if mode == "after" else {}))
    handle = await fresh(provider)

    rows = await client_of(provider).harnesses.list().all()
    assert [row.harness_id for row in rows] == [handle.harness_id]
    assert len({body["clientToken"] for body in creates(simulator)}) == 1


async def test_a_harness_that_is_on_a_later_page_is_found(simulator, provider, autojump_clock):
    """All pages are looked at before anything is made."""
    handle = await fresh(provider)
    client = client_of(provider)
    async with trio.open_nursery() as nursery:
        for number in range(101):
            nursery.start_soon(client.harnesses.create, f"other_{number}", ROLE)
    made = len(creates(simulator))

    assert await fresh(provider) == handle
    assert len(creates(simulator)) == made


async def test_teardown_deletes_and_sees_it_gone(provider, autojump_clock):
    """And doing it again is fine."""
    handle = await fresh(provider)
    await teardown(handle)
    assert await client_of(provider).harnesses.list().all() == []
    await teardown(handle)


async def test_credentials_that_are_refused_make_nothing(simulator, autojump_clock):
    """With the service's word."""
    async with simulator.client(headers={}) as http:
        wrong = attrs.evolve(provider_of(http), credentials=attrs.evolve(KEYS, secret_access_key="wrong"))
        with pytest.raises(ProvisionFailed) as caught:
            await fresh(wrong)

    assert caught.value.status == 403
    assert "wrong" not in str(caught.value).replace("wrong ", "")


@pytest.mark.parametrize(
    ("agent", "environment", "paths"),
    [
        ({"extra": {}}, None, ["execution_role_arn"]),
        ({"extra": {"execution_role_arn": "  "}}, None, ["execution_role_arn"]),
        ({"description": "x" * 257}, None, ["agent.description"]),
        ({"extra": {"executionRoleArn": ROLE, "color": 1, "tags": 7}}, None, ["agent.extra.color", "agent.extra.tags"]),
        ({}, EnvironmentSpec(packages={"pip": ["x"]}), ["environment.config.packages"]),
        ({}, EnvironmentSpec(networking={"type": "limited"}), ["environment.config.networking"]),
    ],
)
async def test_what_the_service_would_refuse_is_refused_before_anything_is_asked(
    simulator, provider, agent, environment, paths, autojump_clock
):
    """All of it."""
    with pytest.raises(SpecError) as caught:
        await fresh(provider, attrs.evolve(DESK, **agent), environment=environment)

    assert [problem.path for problem in caught.value.problems] == paths
    assert creates(simulator) == []


async def test_the_role_may_come_from_the_environment(simulator, provider, monkeypatch, autojump_clock):
    """And is part of what the name says."""
    monkeypatch.setenv("AGENTSUP_EXECUTION_ROLE_ARN", ROLE)
    bare = AgentSpec(name="desk", model={"id": "m", "temperature": 0.5})
    one = await fresh(provider, bare)
    monkeypatch.setenv("AGENTSUP_EXECUTION_ROLE_ARN", ROLE + "2")
    two = await fresh(provider, bare)

    assert one.name != two.name
    assert creates(simulator)[0]["model"] == {"bedrockModelConfig": {"modelId": "m", "temperature": 0.5}}


async def test_a_failed_harness_of_somebody_else_blocks_its_name(simulator, provider, autojump_clock):
    """It is theirs to delete."""
    name = HarnessBackend(None, "x").plan(DESK, None)[0].name
    client = client_of(provider)
    await client.harnesses.create(name, ROLE, tags={"agentsup:create": "failed"})
    await trio.sleep(1)
    with pytest.raises(NameConflict, match="holds the name"):
        await fresh(provider)

    assert len(await client.harnesses.list().all()) == 1


def test_a_spec_is_named_in_the_services_alphabet():
    """Whatever people call it."""
    for name in ("desk", "my desk", "Ümlaut-12", "7up", "x" * 200):
        wanted = HarnessBackend(None, "x").plan(attrs.evolve(DESK, name=name), None)[0]
        assert HARNESS_NAME.fullmatch(wanted.name)
        assert wanted.name.endswith(wanted.digest)
