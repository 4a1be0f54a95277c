"""What is changed of a session while it lives: through the public names, at both providers, over crashes and restarts."""

from __future__ import annotations

import pytest
import trio

import agentsup
from agentsup.testing import crash, open_simulator
from tests.kit.providers import at_claude, harness


@agentsup.tool(effect="pure")
async def shout(text: str) -> str:
    """Say it loud."""
    return text.upper()


TURNS = "\n".join(f'@tool shout {{"text": "{n}"}}' + f"\n@say {n}" for n in range(4))


async def provider_session(world, ref):
    async with world.sim.client() as http:
        return (await http.get(f"/v1/sessions/{(await ref.info()).provider_session_id}")).json()


def updates(world):
    posts = [r for r in world.sim.requests if r["method"] == "POST" and r["path"].startswith("/v1/sessions/")]
    return [request["body"] for request in posts if not request["path"].endswith("/events")]


# --- limits ------------------------------------------------------------------------------------------------------------------------


async def test_limits_hold_from_now_on(world, autojump_clock):
    """For the next request, and back again."""
    ref = await world.start(shout)
    await ref.configure(limits=agentsup.Limits(max_turns=2))
    with pytest.raises(agentsup.TurnLimitReached) as caught:
        await ref.submit(TURNS)
    assert caught.value.result.turns == 2

    await ref.configure(limits=agentsup.Limits())

    assert (await ref.submit(TURNS)).turns == 5


async def test_a_running_request_gets_more_time(world, autojump_clock):
    """What it used up counts; it would have ended at 10 s."""
    ref = await world.start(limits=agentsup.Limits(timeout=10.0))
    results = []

    async def ask():
        results.append(await ref.submit("@sleep 50\n@say done"))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        await trio.sleep(8)
        await ref.configure(limits=agentsup.Limits(timeout=60.0))

    assert results[0].text == "done"


@pytest.mark.parametrize("seconds", [20.0, 4.0])
async def test_a_running_request_gets_less_time(world, autojump_clock, seconds):
    """Counted from its start; what is used up already ends it at once."""
    ref = await world.start(limits=agentsup.Limits(timeout=None))
    began = trio.current_time()

    async def ask():
        with pytest.raises(agentsup.RequestTimeout, match=f"{seconds:g} seconds"):
            await ref.submit("@sleep 500\n@say never")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        await trio.sleep(5)
        await ref.configure(limits=agentsup.Limits(timeout=30.0))
        await ref.configure(limits=agentsup.Limits(timeout=seconds))

    assert trio.current_time() - began < max(5.0, seconds) + 6.0


async def test_a_limit_in_money_is_kept(world, autojump_clock):
    """By the spec's price; without one it is refused."""
    poor = await world.start(shout, price=lambda usage: usage.total / 5)
    await poor.configure(limits=agentsup.Limits(max_cost=1.0))
    with pytest.raises(agentsup.BudgetExceeded, match="1 is its limit"):
        await poor.submit('@usage 6 6\n@tool shout {"text": "x"}\n@say never')

    plain = await world.start(session_id="plain")
    with pytest.raises(agentsup.SpecError, match=r"limits\.max_cost: needs the spec's price="):
        await plain.configure(limits=agentsup.Limits(max_cost=1.0))


async def test_limits_survive_the_session_task(provider, autojump_clock):
    """A crash of it, and leaving memory."""
    async with agentsup.open_runtime(passivate_after=5.0) as runtime:
        ref = await runtime.start_session("s", agentsup.SessionSpec(provider=provider, tools=[shout]))
        await ref.configure(limits=agentsup.Limits(max_turns=2))
        await crash(ref)
        with pytest.raises(agentsup.TurnLimitReached):
            await ref.submit(TURNS)
        await trio.sleep(20)
        assert (await ref.info()).state == "passivated"
        with pytest.raises(agentsup.TurnLimitReached):
            await ref.submit(TURNS)


async def test_limits_survive_the_process(tmp_path):
    """They are the session's; another one has its spec's. On a disk, so on the real clock."""
    path = tmp_path / "sessions.db"
    async with open_simulator() as simulator, simulator.client() as http:
        provider = await at_claude(http)
        spec = agentsup.SessionSpec(provider=provider, tools=[shout])
        async with agentsup.open_runtime(store=path) as runtime:
            ref = await runtime.start_session("s", spec)
            await ref.configure(limits=agentsup.Limits(max_turns=2))
        async with agentsup.open_runtime(store=path) as runtime:
            ref = await runtime.start_session("s", spec)
            with pytest.raises(agentsup.TurnLimitReached):
                await ref.submit(TURNS)
            fresh = await runtime.start_session("other", spec)
            assert (await fresh.submit(TURNS)).turns == 5


async def test_it_is_told(world, autojump_clock):
    """Subscribers see what was changed, and no values of the options in a repr."""
    ref = await world.start()
    await ref.configure(limits=agentsup.Limits(max_turns=3), title="a secret title")

    async with ref.subscribe(after=0) as events:
        async for event in events:
            if event.type == "configured":
                assert event.body.limits == agentsup.Limits(max_turns=3)
                assert event.body.options == {"title": "a secret title"}
                assert "secret" not in repr(event.body)
                break


# --- at Claude Managed Agents ------------------------------------------------------------------------------------------------------


async def test_what_the_service_lets_change_is_changed(world, autojump_clock):
    """Title and metadata; the marks by which the session is found stay."""
    ref = await world.start()
    await ref.configure(title="Orders", metadata={"team": "desk"})
    await ref.configure(metadata={"team": None, "floor": "2"}, title=None)

    session = await provider_session(world, ref)
    assert session["title"] is None
    assert session["metadata"].keys() >= {"agentsup_token", "agentsup_session"}
    assert (session["metadata"].get("team"), session["metadata"]["floor"]) == (None, "2")
    assert updates(world)[0] == {"title": "Orders", "metadata": {"team": "desk"}}
    assert (await ref.submit("@say fine")).text == "fine"


async def test_tools_are_declared_in_the_services_words(world, autojump_clock):
    """Ours as custom tools, others as they are; all the tools there are."""
    ref = await world.start(shout)
    toolset = {"type": "agent_toolset_20260401"}

    await ref.configure(tools=[shout, toolset])

    session = await provider_session(world, ref)
    custom, other = session["agent"]["tools"]
    assert (custom["type"], custom["name"], custom["description"]) == ("custom", "shout", "Say it loud.")
    assert custom["input_schema"]["required"] == ["text"]
    assert other["type"] == "agent_toolset_20260401"
    assert (await ref.submit('@tool shout {"text": "a"}\n@say {results}')).text == "A"


async def test_what_must_not_be_changed_while_it_works_is_refused_in_the_services_words(world, autojump_clock):
    """The running request does not feel it; at rest it is taken."""
    ref = await world.start(shout)
    results = []

    async def ask():
        results.append(await ref.submit("@sleep 20\n@say done"))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        await trio.sleep(5)
        with pytest.raises(agentsup.ProviderFailed, match="running") as caught:
            await ref.configure(tools=[shout])
    assert caught.value.status == 400
    assert results[0].text == "done"

    await ref.configure(tools=[shout])
    assert len((await provider_session(world, ref))["agent"]["tools"]) == 1


async def test_a_status_that_lags_is_waited_for(world, autojump_clock):
    """The service says for a moment that it still runs."""
    ref = await world.start(shout)
    session_id = (await ref.info()).provider_session_id
    body = {"type": "error", "error": {"type": "invalid_request_error", "message": "it is running"}}
    world.sim.fault(method="POST", path=f"/v1/sessions/{session_id}", status=400, body=body, times=3)

    await ref.configure(tools=[shout])

    assert len((await provider_session(world, ref))["agent"]["tools"]) == 1


async def test_a_lost_answer_is_no_lost_change(world, autojump_clock):
    """It may have been done, and is done again."""
    ref = await world.start()
    session_id = (await ref.info()).provider_session_id
    world.sim.fault(method="POST", path=f"/v1/sessions/{session_id}", mode="after_reset", times=2)

    await ref.configure(title="Orders")

    assert (await provider_session(world, ref))["title"] == "Orders"
    assert len(updates(world)) == 3


async def test_a_service_that_hiccups_is_asked_again(world, autojump_clock):
    """Without a word to the session: its stream stays, and nothing waits for it."""
    ref = await world.start()
    session_id = (await ref.info()).provider_session_id
    world.sim.fault(method="POST", path=f"/v1/sessions/{session_id}", status=503, times=2)
    world.sim.fault(method="POST", path=f"/v1/sessions/{session_id}", status=409, times=1)

    await ref.configure(title="Orders")

    assert (await provider_session(world, ref))["title"] == "Orders"
    assert (await ref.info()).reconnects == 0


@pytest.mark.parametrize(
    "fault", [{"status": 503}, {"status": 409}, {"status": 403}, {"status": 429, "headers": {"retry-after": "3600"}}]
)
async def test_a_change_that_is_not_taken_is_no_reason_to_doubt_the_session(world, autojump_clock, fault):
    """Whoever asked for it is told; nobody else feels it, and what comes behind it goes out."""
    ref = await world.start()
    session_id = (await ref.info()).provider_session_id
    world.sim.fault(method="POST", path=f"/v1/sessions/{session_id}", times=1000, **fault)

    with trio.fail_after(60), pytest.raises(agentsup.ProviderFailed, match="changing the session") as caught:
        await ref.configure(title="Orders")

    assert caught.value.status == fault["status"]
    assert (await ref.submit("@say fine")).text == "fine"
    assert (await ref.info()).reconnects == 0


NEVER = {
    "connections that break": {"mode": "reset"},
    "answers that get lost": {"mode": "after_reset"},
    "silence": {"mode": "stall"},
    "another answer": {"status": 200, "body": {"status": "ok"}},
    "a page of HTML": {"status": 200, "body": "<html>"},
}


@pytest.mark.parametrize("name", NEVER)
async def test_a_change_without_an_answer_holds_nobody_up_for_ever(world, autojump_clock, name):
    """It is refused after a few tries, and what waits behind it goes on; the session lives."""
    ref = await world.start()
    session_id = (await ref.info()).provider_session_id
    world.sim.fault(method="POST", path=f"/v1/sessions/{session_id}", times=1000, **NEVER[name])
    results = []

    async def ask():
        results.append(await ref.submit("@say fine"))

    async def change():
        with pytest.raises(agentsup.ProviderFailed, match="changing the session"):
            await ref.configure(title="Orders")

    with trio.fail_after(300):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(change)
            await trio.sleep(1)
            nursery.start_soon(ask)

    assert results[0].text == "fine"
    assert len(updates(world)) == 6


async def test_a_change_that_was_cut_off_by_the_end_of_the_process_is_refused_once(tmp_path):
    """By the one that goes on with it; the journal has one word for what became of it. On a disk, so on the real clock."""
    path = tmp_path / "sessions.db"
    fast = agentsup.Reconnect(initial=0.01, cap=0.02, grace=0.01)
    async with open_simulator() as simulator, simulator.client() as http:
        spec = agentsup.SessionSpec(provider=await at_claude(http), reconnect=fast)
        async with agentsup.open_runtime(store=path) as runtime, trio.open_nursery() as nursery:
            ref = await runtime.start_session("s", spec)
            session_id = (await ref.info()).provider_session_id
            simulator.fault(method="POST", path=f"/v1/sessions/{session_id}", mode="reset", times=1000)
            nursery.start_soon(lambda: ref.configure(title="Orders"))
            async with ref.subscribe(after=0) as events:
                async for event in events:
                    if event.type == "connection_lost":  # it was tried
                        break
            await crash(ref)
            nursery.cancel_scope.cancel()
        async with agentsup.open_runtime(store=path) as runtime:
            ref = await runtime.start_session("s", spec)
            assert (await ref.submit("@say fine")).text == "fine"
            words = []
            async with ref.subscribe(after=0) as events:
                async for event in events:
                    if event.type in ("configured", "delivered", "withdrawn"):
                        words.append(event.type)
                    if event.type == "request_ended":
                        break

    assert words == ["configured", "withdrawn", "delivered"]  # the last one is the message


async def test_a_crash_in_the_middle_is_no_lost_change(world, autojump_clock):
    """Who waits is answered by the next incarnation."""
    ref = await world.start()
    session_id = (await ref.info()).provider_session_id
    world.sim.fault(method="POST", path=f"/v1/sessions/{session_id}", delay=5.0, times=1)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(lambda: ref.configure(title="Orders"))
        await trio.sleep(1)
        await crash(ref)

    assert (await provider_session(world, ref))["title"] == "Orders"


async def test_a_budget_can_be_taken_away(world, autojump_clock):
    """One that is reached holds the session up; without it, it goes on."""
    budget = {"type": "limit", "max_list_cost": {"amount": "1", "currency": "USD"}}
    body = {"agent": world.provider.agent, "environment_id": world.provider.environment, "budget": budget}
    async with world.sim.client() as http:
        session_id = (await http.post("/v1/sessions", json=body)).json()["id"]
    provider = agentsup.ClaudeManagedAgents(
        session_id=session_id, api_key="key", base_url=world.provider.base_url, http=world.provider.http
    )
    ref = await world.runtime.start_session("poor", agentsup.SessionSpec(provider=provider))
    assert (await ref.submit("@usage 1000000 1000000\n@say costly")).stop_reason == {"type": "budget_reached"}

    await ref.configure(budget=None)
    await trio.sleep(1)

    assert (await ref.submit("@say rich")).text == "rich"


# --- at Bedrock AgentCore ----------------------------------------------------------------------------------------------------------


@pytest.fixture
async def desk():
    async with open_simulator() as simulator, harness(simulator) as provider:
        yield simulator, provider


def invokes(simulator):
    return [request["body"] for request in simulator.requests if request["path"] == "/harnesses/invoke"]


async def test_overrides_are_said_with_every_invoke_from_now_on(desk, tmp_path):
    """Over a crash and the end of the process; None takes one back."""
    simulator, provider = desk
    spec = agentsup.SessionSpec(provider=provider, tools=[shout])
    path = tmp_path / "sessions.db"
    async with agentsup.open_runtime(store=path) as runtime:
        ref = await runtime.start_session("s", spec)
        await ref.submit("@say one")
        await ref.configure(model="a-model", system_prompt="Be brief.", tools=[shout])
        await ref.submit("@say two")
        await crash(ref)
        await ref.submit("@say three")
        await ref.configure(model=None)
        await ref.submit("@say four")
    async with agentsup.open_runtime(store=path) as runtime:
        ref = await runtime.start_session("s", spec)
        await ref.submit("@say five")

    one, two, three, four, five = invokes(simulator)
    assert "model" not in one
    for body in (two, three):
        assert body["model"] == {"bedrockModelConfig": {"modelId": "a-model"}}
    for body in (two, three, four, five):
        assert body["systemPrompt"] == [{"text": "Be brief."}]
        assert [tool["name"] for tool in body["tools"]] == ["shout"]
    assert "model" not in four
    assert "model" not in five


async def test_the_next_model_call_is_the_next_invoke(desk, autojump_clock):
    """In the middle of a request: what goes out behind the results has it."""
    simulator, provider = desk
    gate, began = trio.Event(), trio.Event()

    @agentsup.tool(effect="pure")
    async def wait() -> str:
        began.set()
        await gate.wait()
        return "waited"

    async with agentsup.open_runtime() as runtime, trio.open_nursery() as nursery:
        ref = await runtime.start_session("s", agentsup.SessionSpec(provider=provider, tools=[wait]))
        nursery.start_soon(ref.submit, "@tool wait {}\n@say {results}")
        await began.wait()
        await ref.configure(max_tokens=77)
        gate.set()

    first, second = invokes(simulator)
    assert ("maxTokens" in first, second["maxTokens"]) == (False, 77)


# --- what cannot be --------------------------------------------------------------------------------------------------------------


async def test_everything_that_is_wrong_is_said_at_once(world, autojump_clock):
    """What is unknown here, what has no use, and what can be configured; nothing is changed."""
    ref = await world.start()

    with pytest.raises(agentsup.SpecError) as caught:
        await ref.configure(
            limits=agentsup.Limits(max_turns=0, timeout=-1),
            model="other",
            title=7,
            metadata={"agentsup_token": "x", "fine": 3},
            tools=[5],
            mcp_servers="all",
            budget=[],
        )

    problems = {problem.path: problem.message for problem in caught.value.problems}
    assert set(problems) == {
        "limits.max_turns",
        "limits.timeout",
        "model",
        "title",
        "metadata['agentsup_token']",
        "metadata['fine']",
        "tools[0]",
        "mcp_servers",
        "budget",
    }
    assert problems["model"] == (
        "cannot be configured at claude-managed-agents; "
        "what can be: limits, title, metadata, budget, tools, mcp_servers"
    )
    assert updates(world) == []
    assert (await ref.submit("@say fine")).text == "fine"


async def test_everything_that_is_wrong_at_a_harness(desk, autojump_clock):
    """Likewise, in the names of its overrides."""
    _, provider = desk
    async with agentsup.open_runtime() as runtime:
        ref = await runtime.start_session("s", agentsup.SessionSpec(provider=provider))

        with pytest.raises(agentsup.SpecError) as caught:
            await ref.configure(
                limits=5, effort="high", model=3, max_tokens=0, allowed_tools="all", skills=[{"a": {1}}]
            )

        problems = {problem.path: problem.message for problem in caught.value.problems}
        assert set(problems) == {"limits", "effort", "model", "max_tokens", "allowed_tools"}
        assert "what can be: limits, model, system_prompt, tools" in problems["effort"]
        with pytest.raises(agentsup.SpecError, match="skills: must hold only what JSON can say"):
            await ref.configure(skills=[{"a": {1}}])


async def test_nothing_is_nothing_to_configure(world, autojump_clock):
    """A mistake, and not a change."""
    ref = await world.start()
    with pytest.raises(agentsup.SpecError, match="names nothing to configure; what can be: limits, title"):
        await ref.configure()


async def test_a_session_that_is_over_takes_nothing(world, autojump_clock):
    """Neither limits nor options."""
    ref = await world.start()
    await ref.close()

    for options in ({"limits": agentsup.Limits()}, {"title": "x"}):
        with pytest.raises(agentsup.SessionClosed):
            await ref.configure(**options)
