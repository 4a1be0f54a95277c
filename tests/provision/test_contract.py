"""What every provider keeps of provisioning: one suite over all backends, looking only at what a user sees."""

from __future__ import annotations

from contextlib import asynccontextmanager

import attrs
import pytest
import trio

import agentsup
from agentsup import AgentSpec, EnvironmentSpec, provision, prune, resolve, tag, teardown
from agentsup.provisioning import MemoryStore
from agentsup.provisioning.kinds import asked
from agentsup.testing import open_simulator
from tests.kit.providers import KEYS

from .kit import FakeBackend

DESK = AgentSpec(name="desk", system_prompt="Be kind.", model="claude-x")
ROOM = EnvironmentSpec(name="room")


@attrs.define(eq=False)
class Place:
    """A provider, and a way to have its next create go wrong."""

    provider: object
    lose_the_answer: object
    refuse: object

    async def live(self):
        """The ids of everything in use, whoever made it."""
        async with asked(self.provider, None) as target:
            found = [each for role in target.backend.roles for each in await target.backend.search(role)]
        return sorted(each.id for each in found if each.state in ("ready", "pending"))


@asynccontextmanager
async def fake_place(*, exact):
    backend = FakeBackend(exact=exact, slow=2 if exact else 0)

    def trouble(kind):
        backend.troubles = {"create": [kind]}

    yield Place(backend, lambda: trouble("after"), lambda: trouble("refused"))


@asynccontextmanager
async def claude_place():
    async with open_simulator() as simulator, simulator.client() as http:
        provider = agentsup.ClaudeManagedAgents(base_url=simulator.base_url, http=http)
        where = {"method": "POST", "path": "/v1/agents"}
        yield Place(
            provider,
            lambda: simulator.fault(**where, mode="after_reset"),
            lambda: simulator.fault(**where, status=400),
        )


@asynccontextmanager
async def agentcore_place():
    async with open_simulator() as simulator, simulator.client(headers={}) as http:
        provider = agentsup.BedrockAgentCore(region="us-east-1", credentials=KEYS, http=http)
        where = {"method": "POST", "path": "/harnesses"}
        yield Place(
            provider,
            lambda: simulator.fault(**where, mode="after_reset"),
            lambda: simulator.fault(**where, status=400, body={"message": "no"}),
        )


PLACES = {
    "names as one likes": lambda: fake_place(exact=False),
    "names once": lambda: fake_place(exact=True),
    "claude": claude_place,
    "agentcore": agentcore_place,
}


@pytest.fixture(autouse=True)
def role(monkeypatch):
    """With what harnesses work, said where a spec for every provider does not have to."""
    monkeypatch.setenv("AGENTSUP_EXECUTION_ROLE_ARN", "arn:aws:iam::123456789012:role/works")


@pytest.fixture(params=PLACES)
async def place(request):
    async with PLACES[request.param]() as place:
        yield place


def desk(number):
    return attrs.evolve(DESK, system_prompt=f"Version {number}.")


def ids(handle):
    return sorted(resource.id for resource in handle.resources)


async def test_once(place, autojump_clock):
    """Equal specs are one agent: remembered, found by whoever does not remember, and the same for ten at once."""
    store, handles = MemoryStore(), []

    async def another():
        handles.append(await provision(place.provider, DESK, environment=ROOM, store=MemoryStore()))

    handles.append(await provision(place.provider, DESK, environment=ROOM, store=store))
    handles.append(await provision(place.provider, DESK, environment=ROOM, store=store))
    async with trio.open_nursery() as nursery:
        for _ in range(10):
            nursery.start_soon(another)

    assert len(set(handles)) == 1
    assert await place.live() == ids(handles[0])


async def test_ten_at_once_when_there_is_none(place, autojump_clock):
    """Nobody makes a second one, and nobody goes without."""
    handles = []

    async def one():
        handles.append(await provision(place.provider, DESK, environment=ROOM, store=MemoryStore()))

    async with trio.open_nursery() as nursery:
        for _ in range(10):
            nursery.start_soon(one)

    assert (len(handles), len(set(handles))) == (10, 1)
    assert await place.live() == ids(handles[0])


async def test_the_name_tells_the_content(place, autojump_clock):
    """Base and whole digest; another content is another name."""
    one = await provision(place.provider, desk(1), store=MemoryStore())
    two = await provision(place.provider, desk(2), store=MemoryStore())

    assert one.base == two.base == "desk"
    assert one.name != two.name
    assert one.name == f"desk_{one.digest}"
    assert one.resources[0].id != two.resources[0].id


async def test_an_answer_that_got_lost(place, autojump_clock):
    """One is there in the end, and it is the handle's."""
    place.lose_the_answer()

    handle = await provision(place.provider, DESK, environment=ROOM, store=MemoryStore())

    assert await place.live() == ids(handle)


async def test_a_refusal(place, autojump_clock):
    """An error with the status, and nothing is there."""
    place.refuse()

    with pytest.raises(agentsup.ProvisionFailed) as caught:
        await provision(place.provider, DESK, environment=ROOM, store=MemoryStore())

    assert (caught.value.status, caught.value.left) == (400, ())
    assert await place.live() == []


async def test_torn_down_and_made_again(place, autojump_clock):
    """What is taken out of use is gone for everybody; a second teardown finds nothing to do; the next call makes it anew."""
    store = MemoryStore()
    first = await provision(place.provider, DESK, environment=ROOM, store=store)

    await teardown(first, store=store)
    assert await place.live() == []
    await teardown(first, store=store)
    second = await provision(place.provider, DESK, environment=ROOM, store=store)

    assert await place.live() == ids(second)
    assert not set(ids(first)) & set(ids(second))


async def test_tags_and_pruning(place, autojump_clock):
    """The newest stay, and what has a tag; the tag is the handle, and goes with it."""
    store = MemoryStore()
    handles = [await provision(place.provider, desk(number), environment=ROOM, store=store) for number in range(4)]
    await tag(handles[3], "stable", store=store)
    await tag(handles[0], "stable", store=store)

    gone = await prune(place.provider, "desk", keep=1, store=store)

    assert [each.id for each in gone] == [handles[1].resources[0].id, handles[2].resources[0].id]
    assert await resolve(place.provider, "desk:stable", store=store) == handles[0]
    assert await place.live() == sorted({*ids(handles[0]), *ids(handles[3])})
    await teardown(handles[0], store=store)
    with pytest.raises(agentsup.UnknownTag):
        await resolve(place.provider, "desk:stable", store=store)


async def test_a_deadline_that_is_over(place, autojump_clock):
    """One that cannot be kept is an error that says so, and nothing stays."""
    place.lose_the_answer()

    with pytest.raises(agentsup.ProvisionTimeout) as caught:
        await provision(place.provider, DESK, environment=ROOM, store=MemoryStore(), timeout=1e-6)

    assert isinstance(caught.value, TimeoutError)
    assert await place.live() == []
