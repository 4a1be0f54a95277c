"""What the provider's new session is to have: said by the provider value, checked at the door, and there when the first message goes out."""

from __future__ import annotations

import types

import attrs
import pytest
import trio

import agentsup
from agentsup.claude import Client

BUDGET = {"type": "limit", "max_list_cost": {"amount": "500", "currency": "USD"}}


@pytest.fixture
async def control(sim):
    async with sim.client() as http, Client("key", base_url=str(sim.base_url), http=http) as client:
        yield client


async def begin(world, **fields):
    """A session with such a provider, and what is there for it."""
    provider = attrs.evolve(world.provider, **fields)
    return await world.runtime.start_session("s1", agentsup.SessionSpec(provider=provider))


async def there(control, ref):
    return await control.sessions.get((await ref.info()).provider_session_id)


def creates(world):
    return [r["body"] for r in world.sim.requests if (r["method"], r["path"]) == ("POST", "/v1/sessions")]


async def test_a_session_has_what_was_said(world, control, autojump_clock):
    """Title, labels, files, credentials and a budget; and the marks by which it is found."""
    file = await control.files.upload(b"7,on its way", filename="orders.csv")
    vault = await control.vaults.create(display_name="desk")
    ref = await begin(
        world,
        title="Orders",
        metadata=types.MappingProxyType({"team": "desk"}),
        resources=[types.MappingProxyType({"type": "file", "file_id": file.id, "mount_path": "/data/orders.csv"})],
        vault_ids=(vault.id,),
        budget=BUDGET,
    )

    session = await there(control, ref)
    assert session.title == "Orders"
    assert session.metadata["team"] == "desk"
    assert session.metadata["agentsup_session"] == "s1"
    assert [(each["type"], each["mount_path"]) for each in session.resources] == [("file", "/data/orders.csv")]
    assert session.vault_ids == (vault.id,)
    assert session.budget == BUDGET
    assert (await ref.submit("@say fine")).text == "fine"
    await ref.configure(budget=None)
    assert (await there(control, ref)).budget is None


async def test_nothing_said_says_nothing(world, autojump_clock):
    """Only what the service must know."""
    await begin(world)

    assert [set(body) for body in creates(world)] == [{"agent", "environment_id", "metadata"}]


async def test_a_create_that_was_lost_is_found_with_all_of_it(world, control, autojump_clock):
    """It is not made twice."""
    world.sim.fault(method="POST", path="/v1/sessions", mode="after_reset", times=1)

    ref = await begin(world, title="Orders", budget=BUDGET)

    assert (await there(control, ref)).title == "Orders"
    assert len(creates(world)) == 1


@pytest.mark.parametrize("form", ["version", "override", "handle as data"])
async def test_an_agent_may_be_said_in_the_services_words(world, control, autojump_clock, form):
    """A version of it, or with something otherwise; and a handle that was kept as plain data."""
    agent_id = world.provider.agent
    said = {
        "version": {"type": "agent", "id": agent_id, "version": 1},
        "override": {"type": "agent_with_overrides", "id": agent_id, "model": "another-model"},
        "handle as data": {"agent_id": agent_id, "name": "desk"},
    }[form]

    ref = await begin(world, agent=said, environment={"environment_id": world.provider.environment})

    session = await there(control, ref)
    assert session.agent.id == agent_id
    assert (session.agent.model.id == "another-model") is (form == "override")


async def test_everything_that_is_wrong_is_said_at_once(world, autojump_clock):
    """And nothing is asked for."""
    with pytest.raises(agentsup.SpecError) as caught:
        await begin(
            world,
            title=7,
            metadata={"agentsup_token": "x", "a" * 65: "b", "c": 3},
            resources=[{"type": "file", "file_id": {1}}],
            vault_ids="vlt_1",
            budget=5,
        )

    problems = {problem.path.removeprefix("provider."): problem.message for problem in caught.value.problems}
    assert set(problems) == {
        "title",
        "metadata['agentsup_token']",
        f"metadata['{'a' * 65}']",
        "metadata['c']",
        "resources",
        "vault_ids",
        "budget",
    }
    assert problems["resources"] == "must hold only what JSON can say"
    with pytest.raises(agentsup.SpecError, match="there is room for 14"):
        await begin(world, metadata={str(n): "x" for n in range(15)})
    with pytest.raises(agentsup.SpecError, match="agent: must hold only what JSON can say"):
        await begin(world, agent={"type": "agent", "id": "a", "version": {1}})
    assert creates(world) == []


async def test_a_session_that_exists_is_not_made(world, autojump_clock):
    """What it would have been made with has no use, and is refused rather than passed over."""
    with pytest.raises(agentsup.SpecError) as caught:
        await begin(world, session_id="sesn_1", title="x", budget=BUDGET)

    assert [problem.path for problem in caught.value.problems] == ["provider.title", "provider.budget"]


async def test_what_is_refused_there_is_told(world, autojump_clock):
    """A file that does not exist: the session cannot begin, in the service's words."""
    with trio.fail_after(60), pytest.raises(agentsup.ProviderFailed) as caught:
        await begin(world, resources=[{"type": "file", "file_id": "file_nowhere"}])

    assert caught.value.status in (400, 404)


def test_tokens_are_shown_nowhere():
    """A repository's, in the value and in a spec with it."""
    provider = agentsup.ClaudeManagedAgents(
        agent="a",
        environment="e",
        api_key="k",
        title="quiet",
        resources=[{"type": "github_repository", "url": "https://x", "authorization_token": "ghp_secret"}],
    )

    shown = f"{provider!r} {agentsup.SessionSpec(provider=provider)!r} {provider.endpoint!r}"

    assert "ghp_secret" not in shown
    assert "quiet" not in shown
