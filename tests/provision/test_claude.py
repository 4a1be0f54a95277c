"""Provisioning at Claude Managed Agents, against the simulator: over its wire, with its faults, in memory and on a socket."""

from __future__ import annotations

import anthropic
import attrs
import httpx
import pytest
import structlog
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

import agentsup
from agentsup import AgentSpec, EnvironmentSpec, provision, teardown
from agentsup.provisioning import FileStore, MemoryStore, Runtime
from agentsup.sim.server import serve
from agentsup.testing import open_simulator

from .kit import run

KEY = "sk-ant-api-the-secret"
HEADERS = {"x-api-key": KEY, "anthropic-beta": "managed-agents-2026-04-01"}


@agentsup.tool(effect="pure")
async def order_status(number: int) -> str:
    """Where an order is."""
    return f"number {number} is on its way"


DESK = AgentSpec(name="desk", system_prompt="Be kind.", model="anthropic:claude-x", tools=[order_status])
ROOM = EnvironmentSpec(name="room")


@pytest.fixture
async def http(simulator):
    async with simulator.client(headers=HEADERS) as http:
        yield http


@pytest.fixture
def provider(simulator, http):
    return provider_of(simulator, http)


def provider_of(simulator, http):
    return agentsup.ClaudeManagedAgents(api_key=KEY, base_url=simulator.base_url, http=http)


async def everything(http, kind, *, archived=False):
    """All rows of a list, over all its pages."""
    rows, page = [], None
    while True:
        query = {"limit": 100, "include_archived": str(archived).lower(), **({"page": page} if page else {})}
        answer = (await http.get(f"/v1/{kind}", params=query)).json()
        rows += answer["data"]
        page = answer["next_page"]
        if page is None:
            return rows


def sent(simulator, method, path):
    return [request["body"] for request in simulator.requests if (request["method"], request["path"]) == (method, path)]


async def fresh(provider, **options):
    """As another process would ask: with a store of its own."""
    return await provision(provider, DESK, environment=ROOM, store=MemoryStore(), **options)


# --- what goes over the wire -------------------------------------------------------------------------------------------------------


async def test_a_session_with_what_was_provisioned(provider, autojump_clock):
    """The handle goes into a provider as it is, and the agent has the tools."""
    handle = await provision(provider, DESK, environment=ROOM)
    spec = agentsup.SessionSpec(provider=attrs.evolve(provider, agent=handle, environment=handle), tools=[order_status])

    result = await agentsup.run(spec, '@tool order_status {"number": 7}\n@say {results}')

    assert result.text == "number 7 is on its way"


async def test_the_bodies(simulator, provider, autojump_clock):
    """Bare model, tools as the service wants them, our marks in the metadata, the user's fields verbatim."""
    toolset = {"type": "agent_toolset_20260401"}
    spec = attrs.evolve(
        DESK, description="Answers.", tools=[order_status, toolset], extra={"metadata": {"team": "blue"}}
    )
    room = EnvironmentSpec(packages={"pip": ["pandas"]}, networking={"type": "limited", "allow_package_managers": True})

    handle = await provision(provider, spec, environment=room)

    (agent,), (environment,) = sent(simulator, "POST", "/v1/agents"), sent(simulator, "POST", "/v1/environments")
    token = agent["metadata"].pop("agentsup_token")
    assert len(token) == 32
    assert agent == {
        "name": f"desk_{spec.digest}",
        "model": "claude-x",
        "system": "Be kind.",
        "description": "Answers.",
        "tools": [
            {
                "type": "custom",
                "name": "order_status",
                "description": "Where an order is.",
                "input_schema": order_status.spec.input_schema,
            },
            toolset,
        ],
        "metadata": {"team": "blue", "agentsup_digest": spec.digest},
    }
    assert environment["name"] == f"env_{room.digest}"
    assert environment["config"] == {
        "type": "cloud",
        "packages": {"type": "packages", "pip": ["pandas"]},
        "networking": {"type": "limited", "allow_package_managers": True},
    }
    assert environment["metadata"]["agentsup_token"] != token
    assert handle.kind == "claude-managed-agents"


async def test_runtimes_stay_here(simulator, provider, autojump_clock):
    """The handle has the script; over the wire go the hosts it needs, and only where the network is limited."""
    runtimes = [Runtime("node", "22.1.0")]
    limited = EnvironmentSpec(networking={"type": "limited", "allowed_hosts": ["example.com"]}, runtimes=runtimes)

    closed = await provision(provider, DESK, environment=limited)
    again = await provision(provider, DESK, environment=limited)
    unlimited = await provision(provider, DESK, environment=EnvironmentSpec(runtimes=runtimes))

    first, second = sent(simulator, "POST", "/v1/environments")
    hosts = first["config"]["networking"]["allowed_hosts"]
    assert hosts[0] == "example.com"
    assert {"nodejs.org", "mise.run"} <= set(hosts)
    assert second["config"] == {"type": "cloud"}
    assert not any("22.1.0" in str(request["body"]) for request in simulator.requests)
    assert closed.bootstrap == again.bootstrap == unlimited.bootstrap
    assert "mise use --global node@22.1.0" in closed.bootstrap.script
    assert (await provision(provider, DESK, environment=ROOM)).bootstrap is None


async def test_all_problems_of_both_specs_at_once(simulator, provider, autojump_clock):
    """What the service would refuse is refused here, before anything is asked of it."""
    with pytest.raises(agentsup.SpecError) as caught:
        await provision(
            provider,
            AgentSpec(
                name="x" * 250,
                system_prompt="x" * 100_001,
                description="x" * 2049,
                tools=[{"type": "mcp_toolset", "mcp_server_name": str(number)} for number in range(257)],
                extra={"colour": "blue", "metadata": {str(number): "" for number in range(15)}},
            ),
            environment=EnvironmentSpec(name="a\tb", config={"type": "moon"}),
        )

    assert {problem.path for problem in caught.value.problems} == {
        "agent.name",
        "agent.model",
        "agent.system_prompt",
        "agent.description",
        "agent.tools",
        "agent.extra.colour",
        "agent.extra.metadata",
        "environment.name",
        "environment.config.type",
    }
    assert simulator.requests == []


async def test_what_the_service_refuses_is_told_as_it_told_it(provider, autojump_clock):
    """A refusal keeps its status, its word and its request id, and says at what."""
    with pytest.raises(agentsup.ProvisionFailed, match=r"creating agent desk_.*400 invalid_request_error") as caught:
        await provision(provider, attrs.evolve(DESK, extra={"mcp_servers": [{"type": "url", "name": "x", "url": "y"}]}))

    assert (caught.value.status, caught.value.code) == (400, "invalid_request_error")
    assert caught.value.request_id.startswith("req_")
    assert isinstance(caught.value.__cause__, agentsup.AgentsupError)


# --- adoption ----------------------------------------------------------------------------------------------------------------------


async def test_found_over_all_pages(http, simulator, provider, autojump_clock):
    """One among three hundred, on the last page, is found and not made again."""
    first = await fresh(provider)
    for number in range(250):
        await http.post("/v1/agents", json={"name": f"other {number}", "model": "m"})

    second = await fresh(provider)

    assert second == first
    assert len(sent(simulator, "POST", "/v1/environments")) == 1


async def test_a_conflict_is_an_adoption(http, simulator, provider, autojump_clock):
    """409, and somebody's agent of that name is there by now, far back in the list: it is ours, too."""
    theirs = {}

    async def race():
        theirs["id"] = (await http.post("/v1/agents", json={"name": f"desk_{DESK.digest}", "model": "m"})).json()["id"]
        for number in range(120):
            await http.post("/v1/agents", json={"name": f"other {number}", "model": "m"})
        simulator.fault(method="POST", path="/v1/agents", status=409)

    racing = Racing(simulator.transport, race)
    async with httpx.AsyncClient(transport=racing, headers=HEADERS) as client:
        handle = await agentsup.ensure_agent(attrs.evolve(provider, http=client), DESK)

    assert handle.agent_id == theirs["id"]


class Racing(httpx.AsyncBaseTransport):
    """Lets something happen between the first look and the first create."""

    def __init__(self, inner, race):
        self._inner = inner
        self._race = race

    async def handle_async_request(self, request):
        if request.method == "POST" and self._race is not None:
            race, self._race = self._race, None
            await race()
        return await self._inner.handle_async_request(request)


async def test_a_conflict_with_what_is_archived(http, simulator, provider, autojump_clock):
    """409 with nothing but archived agents of that name says so."""
    await teardown(await fresh(provider))
    simulator.fault(method="POST", path="/v1/agents", status=409)

    with pytest.raises(agentsup.OnlyArchived, match="archived"):
        await fresh(provider)


async def test_a_conflict_with_nothing(simulator, provider, autojump_clock):
    """409 with nothing of that name says that, too."""
    simulator.fault(method="POST", path="/v1/agents", status=409)

    with pytest.raises(agentsup.NameConflict, match="nothing of that name is listed"):
        await fresh(provider)


async def test_after_a_teardown_it_is_made_again(http, provider, autojump_clock):
    """Archived is gone; the next one is another one."""
    first = await provision(provider, DESK, environment=ROOM)
    await teardown(first)
    second = await provision(provider, DESK, environment=ROOM)

    assert first.agent_id != second.agent_id
    assert [row["id"] for row in await everything(http, "agents")] == [second.agent_id]


async def test_a_broken_page_is_not_the_end_of_the_list(http, simulator, provider, autojump_clock):
    """A page that fails is asked for again: half a list would make a second agent."""
    first = await fresh(provider)
    for number in range(150):
        await http.post("/v1/agents", json={"name": f"other {number}", "model": "m"})
    simulator.fault(method="GET", path="/v1/agents", delay=0.001)
    simulator.fault(method="GET", path="/v1/agents", status=503)

    assert (await fresh(provider)).agent_id == first.agent_id


# --- faults ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 503},
        {"status": 503, "mode": "after"},
        {"status": 500, "mode": "after", "body": "<html>"},
        {"status": 409, "mode": "after"},
        {"status": 429, "headers": {"retry-after": "7"}},
        {"status": 529},
        {"status": 408, "mode": "after"},
        {"status": 200, "body": "<html>", "mode": "after"},
        {"status": 200, "body": {"surprise": True}, "mode": "after"},
        {"mode": "reset"},
        {"mode": "after_reset"},
        {"mode": "stall"},
    ],
    ids=str,
)
@pytest.mark.parametrize("path", ["/v1/agents", "/v1/environments"])
async def test_made_once_whatever_the_answer(http, simulator, provider, autojump_clock, fault, path):
    """Done or not, told or not: in the end there is one of each."""
    simulator.fault(method="POST", path=path, **fault)

    handle = await fresh(provider)

    assert [row["id"] for row in await everything(http, "agents", archived=True)] == [handle.agent_id]
    assert [row["id"] for row in await everything(http, "environments", archived=True)] == [handle.environment_id]


@pytest.mark.parametrize("status", [400, 401, 403, 413, 422])
async def test_a_refusal_leaves_nothing(http, simulator, provider, autojump_clock, status):
    """The environment is refused: the agent that was made for it goes; no blind repetition."""
    simulator.fault(method="POST", path="/v1/environments", status=status)

    with pytest.raises(agentsup.ProvisionFailed) as caught:
        await fresh(provider)

    assert caught.value.status == status
    assert caught.value.left == ()
    assert await everything(http, "agents") == []
    assert len(sent(simulator, "POST", "/v1/environments")) == 1


async def test_the_wait_that_is_asked_for(simulator, provider, autojump_clock):
    """Retry-After is respected, and counts against the one deadline."""
    simulator.fault(method="POST", path="/v1/agents", status=429, headers={"retry-after": "40"})

    with pytest.raises(agentsup.ProvisionTimeout, match="creating agent"):
        await fresh(provider, timeout=30.0)
    simulator.fault(method="POST", path="/v1/agents", status=429, headers={"retry-after": "40"})
    began = trio.current_time()
    await fresh(provider, timeout=60.0)

    assert 40 <= trio.current_time() - began < 45


async def test_a_service_that_is_down(http, simulator, provider, autojump_clock):
    """It is given up after some tries, with what was seen; nothing is left."""
    simulator.fault(method="POST", path="/v1/environments", status=503, times=1000)

    with pytest.raises(agentsup.ProvisionFailed, match=r"creating environment room_.*503"):
        await fresh(provider)

    assert await everything(http, "agents") == []
    assert len(sent(simulator, "POST", "/v1/environments")) == 4


async def test_cancelled_in_mid_create(http, simulator, provider, autojump_clock):
    """What the service made of a request whose caller had gone is found by its token, and taken away."""
    simulator.fault(method="POST", path="/v1/environments", mode="after", status=200, delay=60)

    with trio.move_on_after(20) as scope:
        await fresh(provider)

    assert scope.cancelled_caught
    assert await everything(http, "agents") == []
    assert await everything(http, "environments") == []
    assert len(await everything(http, "environments", archived=True)) == 1
    assert trio.current_time() < 25


async def test_somebody_elses_is_left_alone(http, simulator, provider, autojump_clock):
    """A call that fails after finding an agent leaves it; also one of the same name that came while our create got lost."""
    first = await fresh(provider)
    await http.post(f"/v1/environments/{first.environment_id}/archive")
    simulator.fault(method="POST", path="/v1/environments", status=400)

    with pytest.raises(agentsup.ProvisionFailed):
        await fresh(provider)

    assert [row["id"] for row in await everything(http, "agents")] == [first.agent_id]


@pytest.mark.parametrize("fault", [{"status": 503, "mode": "after"}, {"mode": "after_reset"}, {"status": 429}])
async def test_a_teardown_through_trouble(http, simulator, provider, autojump_clock, fault):
    """Archiving twice is archiving."""
    handle = await fresh(provider)
    simulator.fault(method="POST", path="/v1/*/archive", times=3, **fault)

    await teardown(handle)

    assert await everything(http, "agents") == await everything(http, "environments") == []


faults = st.lists(
    st.fixed_dictionaries(
        {
            "method": st.sampled_from(["GET", "POST"]),
            "path": st.sampled_from(["/v1/agents", "/v1/environments", "/v1/*/archive"]),
            "times": st.integers(1, 2),
        },
        optional={"delay": st.sampled_from([0.5, 3.0])},
    ).flatmap(
        lambda rule: st.sampled_from(
            [
                {**rule, "mode": "answer", "status": 503},
                {**rule, "mode": "answer", "status": 409},
                {**rule, "mode": "answer", "status": 400},
                {**rule, "mode": "after", "status": 502},
                {**rule, "mode": "after", "status": 409},
                {**rule, "mode": "reset"},
                {**rule, "mode": "after_reset"},
                {**rule, "mode": "stall"},
            ]
        )
    ),
    max_size=5,
)


@settings(max_examples=60)
@given(rules=faults, patience=st.sampled_from([2.0, 15.0, 400.0]), cancelled=st.booleans())
def test_there_once_or_not_at_all(rules, patience, cancelled):
    """Any faults, any deadline, any cancellation: one of each with the handle, or nothing, or an error that says what stayed."""

    async def main():
        async with open_simulator() as simulator, simulator.client(headers=HEADERS) as http:
            for rule in rules:
                simulator.fault(**rule)
            handle, left = None, ""
            with structlog.testing.capture_logs() as logs:
                try:
                    with trio.move_on_after(patience if cancelled else 10**6):
                        timeout = 10**5 if cancelled else patience
                        handle = await fresh(provider_of(simulator, http), timeout=timeout)
                except agentsup.ProvisionFailed:
                    pass
            left = " ".join(log["what"] for log in logs if log["event"] == "provision.left_behind")
            await http.delete("/_sim/faults")
            for kind, made in (("agents", "agent_id"), ("environments", "environment_id")):
                rows = [row for row in await everything(http, kind) if f"{row['name']} (" not in left]
                expected = [] if handle is None else [getattr(handle, made)]
                assert [row["id"] for row in rows] == expected

    run(main)


# --- whom it asks ------------------------------------------------------------------------------------------------------------------


@pytest.fixture
async def address(nursery):
    yield await nursery.start(serve)
    nursery.cancel_scope.cancel()


@pytest.fixture
def surroundings(monkeypatch, address):
    monkeypatch.setenv("ANTHROPIC_BASE_URL", address)
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)


@pytest.mark.parametrize(
    "provider",
    [
        agentsup.ClaudeManagedAgents,
        "claude-managed-agents",
        "Claude_Managed_Agents",
        agentsup.ClaudeManagedAgents(),
        agentsup.ClaudeManagedAgents(agent="agent_1", environment="env_1"),
    ],
    ids=str,
)
async def test_the_ways_to_name_a_provider(surroundings, provider, address):
    """Class, kind and value: what is not given comes from the environment variables. On a real socket."""
    handle = await provision(provider, DESK, environment=ROOM)
    async with httpx.AsyncClient(base_url=address, headers=HEADERS) as http:
        assert [row["id"] for row in await everything(http, "agents")] == [handle.agent_id]

        await teardown(handle)

        assert await everything(http, "agents") == []


async def test_arguments_win_over_the_surroundings(monkeypatch, address):
    """Address and key that are given are used."""
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:1")
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)

    handle = await provision(agentsup.ClaudeManagedAgents(base_url=address, api_key="k"), DESK, environment=ROOM)

    await teardown(handle)


@pytest.mark.parametrize("provider", ["bedrock", 7, None, agentsup.SessionSpec, "", object()])
async def test_who_is_no_provider(provider):
    """Whatever it is instead, the error says what would do."""
    with pytest.raises(agentsup.SpecError, match="'claude-managed-agents'"):
        await provision(provider, DESK)


async def test_without_a_key(monkeypatch):
    """What is missing is told before anything is asked."""
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    monkeypatch.delenv("ANTHROPIC_AUTH_TOKEN", raising=False)

    with pytest.raises(agentsup.SpecError, match="ANTHROPIC_API_KEY"):
        await provision(agentsup.ClaudeManagedAgents, DESK)


async def test_faults_on_a_socket(address):
    """A real reset after the work was done, and a real stall."""
    provider = agentsup.ClaudeManagedAgents(base_url=address, api_key=KEY)
    async with httpx.AsyncClient(base_url=address, headers=HEADERS) as http:
        await http.post("/_sim/faults", json={"method": "POST", "path": "/v1/agents", "mode": "after_reset"})
        handle = await fresh(provider)
        assert [row["id"] for row in await everything(http, "agents", archived=True)] == [handle.agent_id]

        await http.post("/_sim/faults", json={"method": "POST", "path": "/v1/environments", "mode": "stall"})
        with pytest.raises(agentsup.ProvisionTimeout):
            await provision(provider, DESK, environment=EnvironmentSpec(name="other"), timeout=0.5)
        assert [row["id"] for row in await everything(http, "environments")] == [handle.environment_id]


async def test_nobody_there():
    """Nothing listens: nothing was made, and nothing is said to be left."""
    provider = agentsup.ClaudeManagedAgents(base_url="http://127.0.0.1:1", api_key=KEY)

    with pytest.raises(agentsup.ProvisionTimeout) as caught:
        await fresh(provider, timeout=0.3)

    assert caught.value.left == ()


async def test_each_client_has_a_memory_of_its_own(autojump_clock):
    """Two simulators under one address are two services: what is known of one is not taken for the other."""
    handles = []
    for _ in range(2):
        async with open_simulator() as simulator, simulator.client(headers=HEADERS) as http:
            handles.append(await provision(provider_of(simulator, http), DESK, environment=ROOM))
            assert len(await everything(http, "agents")) == 1


async def test_no_secret_in_what_stays(tmp_path, simulator, http):
    """Neither in the store, nor in a handle, nor in an error."""
    store = FileStore(tmp_path / "agents.json")
    provider = provider_of(simulator, http)
    handle = await provision(provider, DESK, environment=ROOM, store=store)
    simulator.fault(path="/v1/agents", status=400, body={"error": {"type": "x", "message": f"bad key {KEY}"}})
    with pytest.raises(agentsup.ProvisionFailed) as caught:
        await fresh(provider)

    said = (tmp_path / "agents.json").read_text() + repr(handle) + str(caught.value) + repr(caught.value.__cause__)
    assert KEY not in said
    assert "kind." not in said


async def test_the_official_client_sees_what_was_made(address):
    """Somebody else's eyes on the same service: names, versions, prompts and tools as the spec has them."""
    handle = await provision(agentsup.ClaudeManagedAgents(base_url=address, api_key=KEY), DESK, environment=ROOM)
    async with anthropic.AsyncAnthropic(base_url=address, api_key=KEY) as official:
        agent = await official.beta.agents.retrieve(handle.agent_id)
        environment = await official.beta.environments.retrieve(handle.environment_id)

    assert (agent.name, agent.version, agent.system, agent.model.id) == (handle.name, 1, "Be kind.", "claude-x")
    assert agent.tools[0].name == "order_status"
    assert environment.name == f"room_{ROOM.digest}"
