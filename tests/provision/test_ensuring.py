"""Whatever happens while something is provisioned: it is there once, or nothing that the call made is there."""

from __future__ import annotations

import re

import attrs
import pytest
import structlog
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

import agentsup
from agentsup import AgentSpec, EnvironmentSpec, provision
from agentsup.provisioning import MemoryStore

from .kit import TROUBLES, BugError, FakeBackend, run

DESK = AgentSpec(name="desk", system_prompt="Be kind.", model="claude-x")
ROOM = EnvironmentSpec(name="room")
OTHERS = AgentSpec(name="desk", system_prompt="Be brief.", model="claude-x")


@attrs.define
class Outcome:
    """How a call ended."""

    handle: agentsup.Handle | None = None
    error: BaseException | None = None
    cancelled: bool = False


async def attempt(backend, *, store=None, timeout=200.0, environment=ROOM) -> Outcome:
    outcome = Outcome()
    with trio.CancelScope() as scope:
        backend.caller = scope
        try:
            outcome.handle = await provision(
                backend, DESK, environment=environment, store=store or MemoryStore(), timeout=timeout
            )
        except (agentsup.AgentsupError, BugError) as exc:
            outcome.error = exc
    outcome.cancelled = scope.cancelled_caught
    return outcome


def wanted(spec=DESK):
    (found,) = FakeBackend().plan(spec, None)
    return found


# --- the good days -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("exact", [False, True])
async def test_made_once_then_known(autojump_clock, exact):
    """The first call makes both, the second asks nothing, one with another store finds what is there."""
    backend, store = FakeBackend(exact=exact), MemoryStore()

    first = await provision(backend, DESK, environment=ROOM, store=store)
    asked = len(backend.calls)
    second = await provision(backend, DESK, environment=ROOM, store=store)
    assert len(backend.calls) == asked
    third = await provision(backend, DESK, environment=ROOM, store=MemoryStore())

    assert first == second == third
    assert backend.counted("create") == 2
    assert first.agent_id == "agent-1"
    assert first.environment_id == "environment-2"
    assert first.name == f"desk_{DESK.digest}"


async def test_the_halves(autojump_clock):
    """An agent or an environment alone, under the same names as together."""
    backend = FakeBackend()

    agent = await agentsup.ensure_agent(backend, DESK)
    environment = await agentsup.ensure_environment(backend, ROOM)
    both = await provision(backend, DESK, environment=ROOM)

    assert (agent.agent_id, agent.environment_id) == (both.agent_id, None)
    assert (environment.agent_id, environment.environment_id) == (None, both.environment_id)
    assert backend.counted("create") == 2


async def test_other_content_is_another_agent(autojump_clock):
    """Same name, other prompt: two agents."""
    backend = FakeBackend()

    one = await agentsup.ensure_agent(backend, DESK)
    two = await agentsup.ensure_agent(backend, OTHERS)

    assert one.agent_id != two.agent_id
    assert one.base == two.base
    assert one.name != two.name


@pytest.mark.parametrize("latency", [0.0, 1.0])
async def test_at_the_same_time_is_once(autojump_clock, latency):
    """Ten calls at once, each with a store of its own, make one agent and one environment."""
    backend = FakeBackend(latency=latency)
    handles = []

    async def one():
        handles.append(await provision(backend, DESK, environment=ROOM, store=MemoryStore()))

    async with trio.open_nursery() as nursery:
        for _ in range(10):
            nursery.start_soon(one)

    assert len(handles) == 10
    assert len({handle.agent_id for handle in handles}) == 1
    assert backend.counted("create") == 2


async def test_different_ones_do_not_wait_for_each_other(autojump_clock):
    """A call that hangs holds up only those that want the same."""
    backend = FakeBackend(troubles={"create": ["stall"]})

    async with trio.open_nursery() as nursery:
        nursery.start_soon(attempt, backend)
        await trio.testing.wait_all_tasks_blocked()
        began = trio.current_time()
        await agentsup.ensure_agent(backend, OTHERS)
        assert trio.current_time() == began
        nursery.cancel_scope.cancel()


async def test_two_processes_agree(autojump_clock):
    """Two who cannot see each other's locks, and whose provider takes a name twice, end with one agent and one handle."""
    rows = []
    one, two = FakeBackend(rows=rows, latency=1.0), FakeBackend(rows=rows, latency=1.5, scope="the other process")
    two._ids = one._ids
    handles = []

    async def ensure(backend):
        handles.append(await agentsup.ensure_agent(backend, DESK, store=MemoryStore()))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ensure, one)
        nursery.start_soon(ensure, two)

    assert one.counted("create") == two.counted("create") == 1
    assert handles[0] == handles[1]
    assert [row.id for row in one.live()] == [handles[0].agent_id]


async def test_what_is_coming_is_waited_for(autojump_clock):
    """A resource that is not ready at once is waited for."""
    backend = FakeBackend(exact=True, slow=4)

    handle = await agentsup.ensure_agent(backend, DESK)

    assert [row.state for row in backend.live()] == ["ready"]
    assert handle.agent_id == "agent-1"
    assert trio.current_time() >= 15


# --- what is there already ---------------------------------------------------------------------------------------------------------


async def test_the_oldest_of_many_is_taken(autojump_clock):
    """Everybody who looks takes the same one."""
    backend = FakeBackend()
    first, _ = backend.add(wanted()), backend.add(wanted())

    handle = await agentsup.ensure_agent(backend, DESK)

    assert handle.agent_id == first.id
    assert backend.counted("create") == 0


async def test_a_name_that_is_taken_meanwhile_is_adopted(autojump_clock):
    """The provider says that the name is taken: whoever took it made what we want."""
    backend = FakeBackend(unique=True)
    store = MemoryStore()
    honest = backend.search

    async def search(role):
        found = await honest(role)
        if not backend.live():
            backend.add(wanted())  # somebody is faster, between our look and our create
        return found

    backend.search = search

    handle = await agentsup.ensure_agent(backend, DESK, store=store)

    assert handle.agent_id == "agent-1"
    assert (backend.counted("create"), len(backend.live())) == (1, 1)


async def test_only_archived(autojump_clock):
    """A name that is taken by archived agents alone is an error that says so."""
    backend = FakeBackend(unique=True)
    backend.add(wanted(), state="archived")

    with pytest.raises(agentsup.OnlyArchived, match=f"agent desk_{DESK.digest}.*archived") as caught:
        await agentsup.ensure_agent(backend, DESK)

    assert caught.value.left == ()


async def test_archived_ones_are_in_nobodys_way(autojump_clock):
    """Where the provider gives the name again, a new agent is made."""
    backend = FakeBackend()
    backend.add(wanted(), state="archived")

    handle = await agentsup.ensure_agent(backend, DESK)

    assert handle.agent_id == "agent-2"


async def test_taken_and_not_listed(autojump_clock):
    """A name that is taken by something we are not shown is an error, after a second look."""
    backend = FakeBackend(unique=True)
    backend.add(attrs.evolve(wanted(), role="ghost"))
    row = backend.rows[0]
    row.role = "agent"
    honest = backend.search

    async def search(role):
        return [found for found in await honest(role) if found.id != row.id]

    backend.search = search

    with pytest.raises(agentsup.NameConflict, match="taken, and nothing of that name is listed") as caught:
        await agentsup.ensure_agent(backend, DESK)

    assert not isinstance(caught.value, agentsup.OnlyArchived)
    assert [each.id for each in backend.live()] == [row.id]


async def test_one_that_leaves_is_waited_out(autojump_clock):
    """A name that is being given up is had again as soon as it is free."""
    backend = FakeBackend(exact=True)
    backend.add(wanted(), state="leaving", settles=3)

    handle = await agentsup.ensure_agent(backend, DESK)

    assert handle.agent_id == "agent-2"
    assert backend.live() == backend.rows


async def test_one_that_failed_is_in_the_way(autojump_clock):
    """What can never be used and holds the name is named, and left to people."""
    backend = FakeBackend(exact=True)
    backend.add(wanted(), state="failed")

    with pytest.raises(agentsup.NameConflict, match=r"agent-1.*failed.*delete it"):
        await agentsup.ensure_agent(backend, DESK)

    assert len(backend.rows) == 1


# --- bad days ----------------------------------------------------------------------------------------------------------------------


async def test_an_answer_that_got_lost(autojump_clock):
    """A create that was done and not told is found, not repeated."""
    backend = FakeBackend(troubles={"create": ["after"]})

    handle = await agentsup.ensure_agent(backend, DESK)

    assert backend.counted("create") == 1
    assert [row.id for row in backend.live()] == [handle.agent_id]


async def test_a_repetition_by_token(autojump_clock):
    """Where the provider knows tokens, the repetition is the look."""
    backend = FakeBackend(exact=True, troubles={"create": ["after"]})

    handle = await agentsup.ensure_agent(backend, DESK)

    assert backend.counted("create") == 2
    assert len(backend.tokens) == 1
    assert [row.id for row in backend.live()] == [handle.agent_id]


async def test_a_create_that_arrives_late(autojump_clock):
    """One that came to something only after we asked again does not stay beside the other."""
    backend = FakeBackend()
    honest = backend.create

    async def create(what, token):
        if backend.counted("create") == 0:
            backend.calls.append("create")
            late.append((what, token))
            raise agentsup.provisioning.NotDone("")
        row = await honest(what, token)
        backend.add(late[0][0], token=late[0][1])
        return row

    late = []
    backend.create = create

    handle = await agentsup.ensure_agent(backend, DESK)

    assert [row.id for row in backend.live()] == [handle.agent_id]
    assert len(backend.rows) == 2


async def test_two_of_ours_and_no_way_to_tell(autojump_clock):
    """After a create without an answer the list must show that there is one; a list that is refused fails the call, and both go."""
    backend = FakeBackend(troubles={"create": ["late"], "search": [None, None, "refused"]})

    with pytest.raises(agentsup.ProvisionFailed):
        await agentsup.ensure_agent(backend, DESK)

    assert len(backend.rows) == 2
    assert backend.live() == []


async def test_what_is_known_goes_when_the_rest_cannot_be_learned(autojump_clock):
    """The list is refused for cleaning up as well: the one we know is taken away, and the doubt is told."""
    backend = FakeBackend(troubles={"create": ["late"], "search": [None, None, "refused", "refused"]})

    with pytest.raises(agentsup.ProvisionFailed) as caught:
        await agentsup.ensure_agent(backend, DESK)

    assert [row.id for row in backend.live()] == ["agent-1"]  # which came late, and nobody was told of
    assert caught.value.left == (f"agent desk_{DESK.digest} (perhaps made)",)


async def test_the_faster_one_that_gives_up(autojump_clock):
    """Somebody was faster, and took his away again while we looked: ours is the one."""
    backend = FakeBackend()
    rival = backend.add(wanted(), state="pending", settles=10)
    rival.state = "hidden"
    honest, looks = backend.settle, []

    async def settle(found, watch):
        looks.append(found.id)
        if found.id == rival.id:
            rival.state = "archived"
        return await honest(found, watch)

    async def create(what, token):
        made = await type(backend).create(backend, what, token)
        rival.state = "ready"
        return made

    backend.settle, backend.create = settle, create

    handle = await agentsup.ensure_agent(backend, DESK)

    assert rival.id in looks
    assert [row.id for row in backend.live()] == [handle.agent_id]


async def test_cancelled_when_it_has_happened_already(autojump_clock):
    """While it is written down the call cannot be cancelled any more: it is done, and says so."""
    backend, outcome = FakeBackend(), []

    class SlowStore(MemoryStore):
        async def put(self, key, value):
            await trio.sleep(1)
            await super().put(key, value)

    with trio.move_on_after(1.5) as scope:
        outcome.append(await provision(backend, DESK, environment=ROOM, store=SlowStore()))

    assert not scope.cancelled_caught
    assert {row.id for row in backend.live()} == {outcome[0].agent_id, outcome[0].environment_id}


async def test_a_server_that_falls_over_and_says_no(autojump_clock):
    """A 5xx that is not to be repeated may have been done all the same: it is looked for and taken away."""
    backend = FakeBackend(troubles={"create": ["refused_after"]})

    with pytest.raises(agentsup.ProvisionFailed) as caught:
        await agentsup.ensure_agent(backend, DESK)

    assert caught.value.status == 500
    assert backend.live() == []


async def test_the_second_half_fails(autojump_clock):
    """The agent that this call made goes with its environment; the error is the environment's."""
    backend = FakeBackend(troubles={"create": [None, "refused"]})

    with pytest.raises(agentsup.ProvisionFailed, match=f"creating environment room_{ROOM.digest}: no") as caught:
        await provision(backend, DESK, environment=ROOM, store=MemoryStore())

    assert caught.value.status == 400
    assert caught.value.left == ()
    assert backend.live() == []


async def test_what_was_there_is_never_taken_away(autojump_clock):
    """An agent that was found stays when the environment fails."""
    backend = FakeBackend(troubles={"create": ["refused"]})
    backend.add(wanted())

    with pytest.raises(agentsup.ProvisionFailed):
        await provision(backend, DESK, environment=ROOM, store=MemoryStore())

    assert [row.id for row in backend.live()] == ["agent-1"]
    assert backend.counted("discard") == 0


async def test_the_first_error_stays_the_error(autojump_clock):
    """What goes wrong while cleaning up is told beside it: in the error, and in the log."""
    backend = FakeBackend(troubles={"create": [None, "refused"], "discard": ["refused"]})

    with structlog.testing.capture_logs() as logs, pytest.raises(agentsup.ProvisionFailed) as caught:
        await provision(backend, DESK, environment=ROOM, store=MemoryStore())

    assert "creating environment" in str(caught.value)
    assert caught.value.left == (f"agent desk_{DESK.digest} (agent-1)",)
    assert "left behind: agent desk_" in str(caught.value)
    assert [log["what"] for log in logs if log["event"] == "provision.left_behind"] == list(caught.value.left)


@pytest.mark.parametrize("trouble", ["stall", "stall_after"])
@pytest.mark.parametrize("exact", [False, True])
async def test_one_deadline_for_all(autojump_clock, trouble, exact):
    """The time is the call's, not the request's; the error tells what it was spent on; rolling back has its own."""
    backend = FakeBackend(exact=exact, troubles={"create": [None, trouble]})

    with pytest.raises(agentsup.ProvisionTimeout, match=f"after 7 s while creating environment room_{ROOM.digest}"):
        await provision(backend, DESK, environment=ROOM, store=MemoryStore(), timeout=7.0)

    assert 7.0 <= trio.current_time() < 10.0
    assert backend.live() == []


async def test_the_timeout_tells_what_was_seen(autojump_clock):
    """Resource, phase, last status, time and polls, for whoever has to find out why."""
    backend = FakeBackend(exact=True, slow=1000)

    with pytest.raises(agentsup.ProvisionTimeout) as caught:
        await agentsup.ensure_agent(backend, DESK, timeout=22.0)

    watch = caught.value.watch
    assert isinstance(caught.value, TimeoutError)
    assert (watch.phase, watch.last_status, watch.polls) == ("ready", "pending", 5)
    assert "waiting for ready, last status pending, 5 polls" in str(caught.value)
    assert backend.rows == []


async def test_waiting_for_another_call_counts(autojump_clock):
    """The time is up also for who only waited for somebody else."""
    backend = FakeBackend(troubles={"create": ["stall"]})

    async with trio.open_nursery() as nursery:
        nursery.start_soon(attempt, backend)
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(agentsup.ProvisionTimeout, match="waiting for another call"):
            await provision(backend, DESK, environment=ROOM, store=MemoryStore(), timeout=3.0)
        nursery.cancel_scope.cancel()


async def test_a_roll_back_ends(autojump_clock):
    """It has its seconds, even if the provider is silent; what it did not get to is told."""
    backend = FakeBackend(troubles={"create": [None, "refused"], "discard": ["stall"]})

    with pytest.raises(agentsup.ProvisionFailed) as caught:
        await provision(backend, DESK, environment=ROOM, store=MemoryStore())

    assert trio.current_time() == 30.0
    assert len(caught.value.left) == 1


async def test_a_bug_in_a_backend_passes_as_it_is(autojump_clock):
    """It is not dressed up as the provider's failure, and it leaves nothing either."""
    backend = FakeBackend(troubles={"create": [None, "bug"]})

    with pytest.raises(BugError):
        await provision(backend, DESK, environment=ROOM, store=MemoryStore())

    assert backend.live() == []


# --- what is remembered ------------------------------------------------------------------------------------------------------------


class Clock:
    """Seconds since the epoch, as a test wants them."""

    def __init__(self):
        self.now = 1_000_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr("agentsup.provisioning.kinds.now", clock)
    return clock


async def test_an_old_memory_is_looked_at(autojump_clock, clock):
    """After five minutes the provider is asked whether it still is there: one request, no list."""
    backend, store = FakeBackend(), MemoryStore()
    first = await agentsup.ensure_agent(backend, DESK, store=store)
    backend.calls.clear()

    clock.now += 301
    second = await agentsup.ensure_agent(backend, DESK, store=store)
    third = await agentsup.ensure_agent(backend, DESK, store=store)

    assert first == second == third
    assert backend.calls == ["settle"]


async def test_one_that_was_archived_meanwhile_is_made_anew(autojump_clock, clock):
    """A memory of what is gone is no memory."""
    backend, store = FakeBackend(), MemoryStore()
    await agentsup.ensure_agent(backend, DESK, store=store)
    backend.rows[0].state = "archived"

    clock.now += 301
    again = await agentsup.ensure_agent(backend, DESK, store=store)

    assert again.agent_id == "agent-2"


@pytest.mark.parametrize("trouble", ["lost", "not_done", "stall"])
async def test_with_nobody_to_ask_the_memory_is_good_enough(autojump_clock, clock, trouble):
    """A provider that cannot be reached, or is silent, does not take away what we know."""
    backend, store = FakeBackend(), MemoryStore()
    first = await agentsup.ensure_agent(backend, DESK, store=store)
    backend.troubles = {"settle": [trouble]}

    clock.now += 301

    assert await agentsup.ensure_agent(backend, DESK, store=store) == first
    assert trio.current_time() <= 10


async def test_a_memory_of_what_is_changing(autojump_clock, clock):
    """It is waited for, however long that takes: the provider said that it is there."""
    backend, store = FakeBackend(exact=True), MemoryStore()
    first = await agentsup.ensure_agent(backend, DESK, store=store)
    backend.rows[0].state, backend.rows[0].settles = "pending", 6

    clock.now += 301

    assert await agentsup.ensure_agent(backend, DESK, store=store) == first
    assert backend.rows[0].state == "ready"
    assert trio.current_time() >= 20


async def test_a_failed_call_is_not_remembered(autojump_clock):
    """What was rolled back is not in the store."""
    backend, store = FakeBackend(troubles={"create": [None, "refused"]}), MemoryStore()
    with pytest.raises(agentsup.ProvisionFailed):
        await provision(backend, DESK, environment=ROOM, store=store)

    assert await store.scan("") == {}


# --- at the door -------------------------------------------------------------------------------------------------------------------


async def test_arguments_are_checked_together(autojump_clock):
    """All that is wrong at once, and nothing was asked."""
    backend = FakeBackend()

    with pytest.raises(agentsup.SpecError) as caught:
        await provision(backend, "desk", environment={"name": "room"}, timeout=-1)

    assert [problem.path for problem in caught.value.problems] == ["agent", "environment", "timeout"]
    assert backend.calls == []


async def test_the_backend_has_its_say_before_anything_happens(autojump_clock):
    """What this provider cannot make is refused at the door."""
    backend = FakeBackend()

    with pytest.raises(agentsup.SpecError, match=r"agent\.name"):
        await provision(backend, AgentSpec(name="refused"))

    assert backend.calls == []


# --- every trouble at every call ---------------------------------------------------------------------------------------------------


troubles = st.lists(st.sampled_from((None, None, *TROUBLES)), max_size=5)
orders = st.fixed_dictionaries({}, optional=dict.fromkeys(("create", "search", "settle", "discard"), troubles))


@settings(max_examples=400)
@given(
    order=orders,
    exact=st.booleans(),
    slow=st.sampled_from((0, 2)),
    there=st.booleans(),
    latency=st.sampled_from((0, 1)),
)
def test_there_once_or_not_at_all(order, exact, slow, there, latency):
    """Random failures and cancellations at every call. A call that succeeded left one of each, a call that did not left nothing that it
    made, unless it says what; and what was there before is there still.
    """

    async def main():
        backend = FakeBackend(
            exact=exact, troubles={verb: list(each) for verb, each in order.items()}, slow=slow, latency=latency
        )
        before = [backend.add(wanted())] if there else []
        with structlog.testing.capture_logs() as logs:
            outcome = await attempt(backend)
        told = " ".join(log["what"] for log in logs if log["event"] == "provision.left_behind")
        made = [row for row in backend.live() if row.token in backend.tokens]
        in_doubt = set(re.findall(r"(\S+) \([^()]*perhaps", told))
        surprising = [row for row in made if row.id not in told and row.name not in in_doubt]

        assert all(row.state == "ready" for row in before)
        if outcome.handle is None:
            assert outcome.cancelled or outcome.error is not None
            assert surprising == []
            return
        ids = {each.id for each in outcome.handle.resources}
        assert {row.id for row in backend.live() if row.state == "ready"} >= ids
        assert {row.id for row in surprising} <= ids
        if there:
            assert outcome.handle.agent_id == before[0].id

    run(main)


@settings(max_examples=100)
@given(st.lists(st.floats(0, 3), min_size=2, max_size=5))
def test_processes_that_cannot_see_each_other_agree(latencies):
    """Without common locks and without unique names, at any speeds: one is there in the end, and everybody has it."""

    async def main():
        first = FakeBackend(scope="process 0", latency=latencies[0])
        others = [
            FakeBackend(scope=f"process {place}", latency=latency, rows=first.rows, _ids=first._ids)
            for place, latency in enumerate(latencies[1:], 1)
        ]
        handles = []

        async def ensure(backend):
            handles.append(await agentsup.ensure_agent(backend, DESK, store=MemoryStore()))

        async with trio.open_nursery() as nursery:
            for backend in (first, *others):
                nursery.start_soon(ensure, backend)
        assert len(set(handles)) == 1
        assert [row.id for row in first.live()] == [handles[0].agent_id]

    run(main)


@settings(max_examples=150)
@given(order=orders, exact=st.booleans(), callers=st.integers(2, 4))
def test_many_callers_in_trouble(order, exact, callers):
    """Some of many callers fail or are cancelled; the others agree, and nobody's agent is taken from under him."""

    async def main():
        backend = FakeBackend(exact=exact, troubles={verb: list(each) for verb, each in order.items()}, latency=0.5)
        outcomes = []

        async def call():
            outcomes.append(await attempt(backend))

        with structlog.testing.capture_logs():
            async with trio.open_nursery() as nursery:
                for _ in range(callers):
                    nursery.start_soon(call)
        handles = [outcome.handle for outcome in outcomes if outcome.handle is not None]
        ready = {row.id for row in backend.live() if row.state == "ready"}

        assert len(outcomes) == callers
        assert len(set(handles)) <= 1
        assert all({each.id for each in handle.resources} <= ready for handle in handles)

    run(main)
