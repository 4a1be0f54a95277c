"""Taking away: one handle, or what is old; and tags, which hold what they stand for."""

from __future__ import annotations

import attrs
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

import agentsup
from agentsup import AgentSpec, EnvironmentSpec, provision, prune, resolve, tag, teardown
from agentsup.provisioning import Found, MemoryStore, NameRule
from agentsup.provisioning.plan import beyond

from .kit import FakeBackend

RULE = NameRule(256)


def desk(number):
    return AgentSpec(name="desk", system_prompt=f"Version {number}.")


@pytest.fixture
def store():
    return MemoryStore()


# --- teardown ----------------------------------------------------------------------------------------------------------------------


async def test_everything_goes_and_is_forgotten(store, autojump_clock):
    """What was made last goes first; the next call makes it anew."""
    backend = FakeBackend()
    handle = await provision(backend, desk(1), environment=EnvironmentSpec(), store=store)

    await teardown(handle, store=store)
    again = await provision(backend, desk(1), environment=EnvironmentSpec(), store=store)

    assert backend.counted("discard") == 2
    assert again.agent_id != handle.agent_id
    assert len(backend.live()) == 2


async def test_everything_is_tried(store, autojump_clock):
    """One that cannot go does not keep the other; the error tells both, and the store still knows the one that is there."""
    backend = FakeBackend(troubles={"discard": ["refused"]})
    handle = await provision(backend, desk(1), environment=EnvironmentSpec(), store=store)

    with pytest.raises(
        agentsup.PartlyFailed, match=r"teardown of desk_.*: 1 of 2 done; not done: environment env_"
    ) as caught:
        await teardown(handle, store=store)

    agent, environment = handle.resources
    assert caught.value.done == (agent,)
    assert [(each, str(error)) for each, error in caught.value.failed] == [(environment, "no")]
    assert len(await store.scan("")) == 1


async def test_again_for_the_rest(store, autojump_clock):
    """What is gone counts as done."""
    backend = FakeBackend(exact=True, troubles={"discard": ["refused"]})
    handle = await provision(backend, desk(1), environment=EnvironmentSpec(), store=store)
    with pytest.raises(agentsup.PartlyFailed):
        await teardown(handle, store=store)

    await teardown(handle, store=store)

    assert backend.rows == []
    assert await store.scan("") == {}


async def test_hiccups_are_sat_out(store, autojump_clock):
    """What nobody knows the outcome of is asked again: taking away twice is taking away."""
    backend = FakeBackend(troubles={"discard": ["lost", "after", "not_done"]})
    handle = await agentsup.ensure_agent(backend, desk(1), store=store)

    await teardown(handle, store=store)

    assert backend.live() == []


async def test_a_teardown_has_one_deadline(store, autojump_clock):
    """What was not done in time is named, and so is what was not begun."""
    backend = FakeBackend(troubles={"discard": ["stall"]})
    handle = await provision(backend, desk(1), environment=EnvironmentSpec(), store=store)

    with pytest.raises(agentsup.PartlyFailed) as caught:
        await teardown(handle, store=store, timeout=4.0)

    assert trio.current_time() == 4.0
    assert [each.role for each, _ in caught.value.failed] == ["environment", "agent"]
    assert "not done in 4 s, while taking environment env_" in str(caught.value)


async def test_a_cancelled_teardown_goes_at_once(store, autojump_clock):
    """It is the caller's again; what was done is done."""
    backend = FakeBackend(troubles={"discard": [None, "stall"]})
    handle = await provision(backend, desk(1), environment=EnvironmentSpec(), store=store)

    with trio.move_on_after(3.0) as scope:
        await teardown(handle, store=store)

    assert scope.cancelled_caught
    assert trio.current_time() == 3.0
    assert [row.role for row in backend.live()] == ["agent"]


async def test_teardown_checks_what_it_is_given():
    """A handle, a provider, a time."""
    with pytest.raises(agentsup.SpecError) as caught:
        await teardown("agent_1", timeout=0)

    assert [problem.path for problem in caught.value.problems] == ["timeout", "handle"]


# --- tags --------------------------------------------------------------------------------------------------------------------------


async def test_a_tag_can_be_moved(store, autojump_clock):
    """It stands for what it was put on last, the whole handle of it."""
    backend = FakeBackend()
    one = await provision(backend, desk(1), environment=EnvironmentSpec(), store=store)
    two = await provision(backend, desk(2), environment=EnvironmentSpec(), store=store)
    calls = len(backend.calls)

    await tag(one, "stable", store=store)
    assert await resolve(backend, "desk:stable", store=store) == one
    await tag(two, "stable", store=store)
    await tag(one, "old", store=store)

    assert await resolve(backend, "desk:stable", store=store) == two
    assert await resolve(backend, "desk:old", store=store) == one
    assert len(backend.calls) == calls


async def test_a_resolved_handle_is_a_handle(store, autojump_clock):
    """It can be tagged again, and torn down."""
    backend = FakeBackend()
    await tag(await agentsup.ensure_agent(backend, desk(1), store=store), "stable", store=store)

    handle = await resolve(backend, "desk:stable", store=store)
    await tag(handle, "oldstable", store=store)
    await teardown(handle, store=store)

    assert backend.live() == []
    for name in ("desk:stable", "desk:oldstable"):
        with pytest.raises(agentsup.UnknownTag):
            await resolve(backend, name, store=store)


async def test_unknown_tags(store, autojump_clock):
    """They are not found; a base that another tag has is no help."""
    backend = FakeBackend()
    await tag(await agentsup.ensure_agent(backend, desk(1), store=store), "stable", store=store)

    for name in ("desk:beta", "des:stable", "desk:stabl", "desk/stable:stable"):
        with pytest.raises(agentsup.NotFound, match="no tag"):
            await resolve(backend, name, store=store)


@pytest.mark.parametrize("name", ["desk", "", ":stable", "desk:", "desk: ", 7, None])
async def test_names_without_a_tag(store, name):
    """They are refused."""
    with pytest.raises(agentsup.SpecError):
        await resolve(FakeBackend(), name, store=store)


async def test_a_base_with_a_colon(store, autojump_clock):
    """The tag is what stands behind the last one."""
    backend = FakeBackend()
    handle = await agentsup.ensure_agent(backend, AgentSpec(name="team:desk"), store=store)

    await tag(handle, "stable", store=store)

    assert await resolve(backend, "team:desk:stable", store=store) == handle
    with pytest.raises(agentsup.SpecError, match="without a colon"):
        await tag(handle, "a:b", store=store)


# --- prune -------------------------------------------------------------------------------------------------------------------------


async def made(backend, store, count):
    return [await agentsup.ensure_agent(backend, desk(number), store=store) for number in range(count)]


async def test_the_newest_stay(store, autojump_clock):
    """The rest goes, oldest first, from the provider and from the store."""
    backend = FakeBackend()
    handles = await made(backend, store, 5)

    gone = await prune(backend, "desk", keep=2, store=store)

    assert [each.id for each in gone] == [handle.agent_id for handle in handles[:3]]
    assert [each.digest for each in gone] == [handle.digest for handle in handles[:3]]
    assert {row.id for row in backend.live()} == {handle.agent_id for handle in handles[3:]}
    assert len(await store.scan("")) == 2
    assert await prune(backend, "desk", keep=2, store=store) == ()


async def test_what_has_a_tag_stays(store, autojump_clock):
    """However old it is."""
    backend = FakeBackend()
    handles = await made(backend, store, 4)
    await tag(handles[0], "stable", store=store)

    gone = await prune(backend, "desk", keep=1, store=store)

    assert [each.id for each in gone] == [handles[1].agent_id, handles[2].agent_id]


async def test_only_the_bases_own(store, autojump_clock):
    """A look-alike, another role, and what is archived already are no business of it."""
    backend = FakeBackend()
    handles = await made(backend, store, 2)
    wanted = backend.plan(desk(9), EnvironmentSpec(name="desk"))
    for name in ("desk", "desk_123", f"desk_x_{desk(1).digest}", f"desk_{desk(1).digest}0"):
        backend.add(attrs.evolve(wanted[0], name=name))
    backend.add(wanted[1])
    archived = backend.add(wanted[0], state="archived")

    gone = await prune(backend, "desk", keep=1, store=store)

    assert [each.id for each in gone] == [handles[0].agent_id]
    assert archived.state == "archived"


async def test_environments_too(store, autojump_clock):
    """Where a provider has several roles, each can be pruned."""
    backend = FakeBackend()
    for number in range(3):
        await agentsup.ensure_environment(backend, EnvironmentSpec(config={"n": number}), store=store)

    gone = await prune(backend, "env", keep=1, role="environment", store=store)

    assert [each.role for each in gone] == ["environment"] * 2


async def test_a_prune_that_partly_fails(store, autojump_clock):
    """It goes on, and tells what is done and what is not."""
    backend = FakeBackend(troubles={"discard": [None, "refused"]})
    handles = await made(backend, store, 4)

    with pytest.raises(agentsup.PartlyFailed, match="prune of desk: 2 of 3 done") as caught:
        await prune(backend, "desk", keep=1, store=store)

    assert [each.id for each in caught.value.done] == [handles[0].agent_id, handles[2].agent_id]
    assert [each.id for each, _ in caught.value.failed] == [handles[1].agent_id]


async def test_tags_that_cannot_be_read_protect_everything(store, autojump_clock):
    """Nothing is pruned that might have a tag."""
    backend = FakeBackend()
    await made(backend, store, 3)

    class Unreadable(MemoryStore):
        async def scan(self, prefix):
            raise OSError("the disk is gone")

    with pytest.raises(agentsup.ProvisionFailed, match="nothing was pruned"):
        await prune(backend, "desk", keep=1, store=Unreadable())

    assert len(backend.live()) == 3


async def test_a_list_that_cannot_be_had(store, autojump_clock):
    """Refused, or not in time: nothing is pruned."""
    backend = FakeBackend()
    await made(backend, store, 3)

    backend.troubles = {"search": ["refused"]}
    with pytest.raises(agentsup.ProvisionFailed, match="prune of desk: no"):
        await prune(backend, "desk", keep=1, store=store)
    backend.troubles = {"search": ["stall"]}
    with pytest.raises(agentsup.ProvisionTimeout, match="after 5 s while listing every agent"):
        await prune(backend, "desk", keep=1, store=store, timeout=5.0)

    assert len(backend.live()) == 3


@pytest.mark.parametrize("keep", [0, -1, True, 1.0, "1", None])
async def test_how_many_to_keep_is_said_by_the_caller(keep):
    """At least one, as an integer; everything else wrong is told with it."""
    with pytest.raises(agentsup.SpecError) as caught:
        await prune(FakeBackend(), " ", keep=keep, role="house", timeout=-1)

    assert [problem.path for problem in caught.value.problems] == ["timeout", "keep", "base", "role"]


async def test_keep_has_no_default():
    """A number that nobody chose has thrown away what somebody needed."""
    with pytest.raises(TypeError):
        await prune(FakeBackend(), "desk")


names = st.integers(0, 5).map(lambda n: RULE.compose("desk", f"{n:016x}")) | st.sampled_from(
    ["desk", "desk_1", "other_0000000000000000"]
)
rows = st.lists(
    st.builds(
        Found,
        role=st.just("agent"),
        id=st.uuids().map(str),
        name=names,
        state=st.sampled_from(["ready", "archived", "pending"]),
        created_at=st.integers(0, 3).map(float),
    ),
    max_size=12,
)


@given(rows, st.integers(1, 4), st.data())
def test_what_a_prune_takes(founds, keep, data):
    """Never the newest, never a tagged one, never a stranger; everything else; and the oldest first."""
    protected = frozenset(data.draw(st.sets(st.sampled_from([found.id for found in founds] or ["none"]))))
    members = [found for found in founds if found.state != "archived" and RULE.digest_in(found.name, "desk")]

    gone = beyond(founds, "desk", RULE, keep=keep, protected=protected)

    kept = [found for found in members if found not in gone]
    assert {found.id for found in gone} <= {found.id for found in members} - protected
    assert [found.created_at for found in gone] == sorted(found.created_at for found in gone)
    assert len([found for found in kept if found.id not in protected]) <= keep
    assert len(kept) >= min(keep, len(members))
    newest = max((found.created_at for found in gone), default=0)
    assert sum(found.created_at >= newest for found in kept) >= min(keep, len(members)) or not gone
