"""What Claude Managed Agents can do and a session passes on, end to end: through the public names, against the simulator in memory."""

from __future__ import annotations

import attrs
import pytest
import trio

import agentsup
from agentsup.claude import Client
from agentsup.testing import crash


@agentsup.tool(effect="pure")
async def shout(text: str) -> str:
    """Say it loud."""
    return text.upper()


@pytest.fixture
async def control(sim):
    """The control plane of the same simulator."""
    async with sim.client() as http, Client("key", base_url=str(sim.base_url), http=http) as client:
        yield client


async def wait_for(ref, state):
    """Until the session is in that state, as seen through its events."""
    with trio.fail_after(60):
        async with ref.subscribe(after=0, overflow="block") as events:
            async for _ in events:
                if (await ref.info()).state == state:
                    return


async def so_far(ref):
    """Every event until now."""
    seen = []
    with trio.move_on_after(0.5):
        async with ref.subscribe(after=0, overflow="block") as events:
            async for event in events:
                seen.append(event)  # noqa: PERF401  -- what was seen before the time was up is to stay
    return seen


def sent(world):
    """What went to the provider's sessions, event by event."""
    bodies = [r["body"] for r in world.sim.requests if r["method"] == "POST" and r["path"].endswith("/events")]
    return [event for body in bodies for event in body["events"]]


async def post(world, provider_session_id, *events):
    async with world.sim.client() as http:
        answer = await http.post(f"/v1/sessions/{provider_session_id}/events", json={"events": list(events)})
        assert answer.status_code == 200, answer.text


async def elsewhere(world, text, **options):
    """A provider's session that somebody else began with this message, as a provider to go on with it."""
    body = {"agent": world.provider.agent, "environment_id": world.provider.environment, **options}
    async with world.sim.client() as http:
        session_id = (await http.post("/v1/sessions", json=body)).json()["id"]
    if text:
        await post(world, session_id, message(text))
        await trio.sleep(1)
    return attrs.evolve(world.provider, session_id=session_id)


def message(text):
    return {"type": "user.message", "content": [{"type": "text", "text": text}]}


# --- outcomes --------------------------------------------------------------------------------------------------------------------


async def test_an_outcome_is_judged_by_a_rubric_in_a_file(world, control, autojump_clock):
    """What goes out names the file, and subscribers see every evaluation as the provider tells it."""
    rubric = await control.files.upload(b"It has a date.", filename="rubric.md")
    ref = await world.start()

    result = await ref.submit(
        agentsup.Outcome(
            "@say draft\n@verdict needs_revision\n@say final\n@verdict satisfied", agentsup.FileRubric(rubric.id)
        )
    )

    assert (result.terminal, result.text) == ("end_turn", "draft\nfinal")
    assert sent(world)[0]["rubric"] == {"type": "file", "file_id": rubric.id}
    seen = [event for event in await so_far(ref) if event.type.startswith("evaluation")]
    assert [(event.type.partition("_")[2], event.raw["iteration"]) for event in seen] == [
        ("started", 0),
        ("ongoing", 0),
        ("ended", 0),
        ("started", 1),
        ("ongoing", 1),
        ("ended", 1),
    ]
    assert [event.evaluation for event in seen if event.evaluation is not None] == list(result.evaluations)
    assert [(each.iteration, each.result) for each in result.evaluations] == [(0, "needs_revision"), (1, "satisfied")]
    assert result.evaluations[-1].explanation
    assert result.evaluations[0].outcome_id == seen[0].body.outcome_id


async def test_a_rubric_that_is_not_there_is_refused(world, autojump_clock):
    """The request ends with the provider's word, and the session lives."""
    ref = await world.start()

    with pytest.raises(agentsup.ProviderFailed) as caught:
        await ref.submit(agentsup.Outcome("@say draft", agentsup.FileRubric("file_nowhere")))

    assert caught.value.status == 400
    assert (await ref.submit("@say alive")).text == "alive"


async def test_an_outcome_that_uses_up_its_iterations(world, autojump_clock):
    """The provider gives up by itself; the verdict is among the events, and the tools ran."""
    ref = await world.start(shout)
    work = '@tool shout {"text": "a"}\n@verdict needs_revision\n@tool shout {"text": "b"}\n@verdict needs_revision'

    result = await ref.submit(agentsup.Outcome(work, "be good", max_iterations=2))

    assert result.terminal == "end_turn"
    assert [each.result for each in result.evaluations] == ["needs_revision", "max_iterations_reached"]
    assert [use.input["text"] for use in result.tool_uses] == ["a", "b"]


async def test_an_interrupt_ends_an_outcome(world, autojump_clock):
    """The request ends here, and what the provider makes of it belongs to no later request."""
    ref = await world.start()
    caught = []

    async def ask():
        with pytest.raises(agentsup.Interrupted) as info:
            await ref.submit(agentsup.Outcome("@say draft\n@sleep 100\n@say never", "be good"))
        caught.append(info.value)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        await trio.sleep(1)
        await ref.interrupt()

    assert caught[0].result.text == "draft"
    assert (await ref.submit("@say alive")).text == "alive"


# --- tools at the provider -------------------------------------------------------------------------------------------------------


async def test_a_tool_of_an_mcp_server_is_observed(world, autojump_clock):
    """As a server tool, with its server in the raw."""
    ref = await world.start()

    result = await ref.submit('@server files/read {"n": 1}\n@say done')

    assert [(use.name, use.input) for use in result.server_tool_uses] == [("read", {"n": 1})]
    (used,) = [event for event in await so_far(ref) if event.type == "server_tool_used"]
    assert (used.raw["mcp_server_name"], used.body.asks, used.thread) == ("files", False, None)


async def test_a_person_decides_about_a_tool_of_an_mcp_server(world, autojump_clock):
    """Allowed and denied, each by its call, and the model reads why."""
    ref = await world.start()
    results = []

    async def ask():
        results.append(
            await ref.submit('@ask files/read {"n": 1}\n@say {results}\n@ask files/delete {}\n@say {results}')
        )

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        for name, allow, why in (("read", True, None), ("delete", False, "keep it")):
            await trio.sleep(1)
            (pending,) = (await ref.info()).pending_approvals
            assert pending.name == name
            await ref.confirm(pending.call_id, allow=allow, message=why)

    assert results[0].text == '{"n": 1}\nkeep it'
    ended = [event.body for event in await so_far(ref) if event.type == "server_tool_ended"]
    assert [body.is_error for body in ended] == [False, True]


async def test_a_policy_decides_about_a_tool_of_an_mcp_server(world, autojump_clock):
    """It is shown the call as any other."""
    asked = []

    def policy(use, info):
        asked.append((use.name, dict(use.input)))
        return agentsup.Deny("never") if use.name == "delete" else agentsup.Allow()

    ref = await world.start(approval=policy)

    result = await ref.submit('@ask files/read {"n": 1}\n@say {results}\n@ask files/delete {}\n@say {results}')

    assert result.text == '{"n": 1}\nnever'
    assert asked == [("read", {"n": 1}), ("delete", {})]


async def test_server_tools_are_observed_with_what_came_of_them(world, autojump_clock):
    """A call, its end, a denial: each an event that names the call."""
    ref = await world.start(approval=lambda use, info: agentsup.Deny("not that one"))

    result = await ref.submit('@server bash {"c": 1}\n@ask write {"c": 2}\n@say {results}')

    assert result.text == "not that one"
    seen = [event.body for event in await so_far(ref) if event.type.startswith("server_tool")]
    used = [body for body in seen if hasattr(body, "use")]
    ended = [(body.call_id, body.is_error) for body in seen if not hasattr(body, "use")]
    assert [(body.use.name, body.asks) for body in used] == [("bash", False), ("write", True)]
    assert ended == [(used[0].use.call_id, False), (used[1].use.call_id, True)]
    assert [e.get("deny_message") for e in sent(world) if e["type"] == "user.tool_confirmation"] == ["not that one"]


# --- threads ---------------------------------------------------------------------------------------------------------------------


async def test_the_calls_of_a_subagent_are_answered_by_the_same_tools(world, autojump_clock):
    """Its rest is not the session's: the request goes on to the session's own end, and events of the thread are told apart."""
    ref = await world.start(shout, approval=lambda use, info: agentsup.Allow())
    script = '@say mine\n@thread helper\n@tool shout {"text": "a"}\n@ask look {}\n@say theirs'

    result = await ref.submit(script)

    assert (result.terminal, result.stop_reason, result.text) == ("end_turn", {"type": "end_turn"}, "mine")
    assert [use.name for use in result.tool_uses] == ["shout"]
    assert [use.name for use in result.server_tool_uses] == ["look"]
    events = await so_far(ref)
    (thread,) = {event.thread for event in events} - {None}
    tagged = [event.type for event in events if event.thread == thread and event.type != "noted"]
    assert tagged == ["tool_asked", "echoed", "server_tool_used", "echoed"]
    noted = [event.raw["type"] for event in events if event.thread == thread and event.type == "noted"]
    assert (noted[0], noted[-1]) == ("session.thread_created", "session.thread_status_idle")
    answers = [event for event in sent(world) if event["type"] != "user.message"]
    assert not any("session_thread_id" in event for event in answers)  # the service goes by the call


async def test_a_subagents_call_survives_a_cut_and_a_crash(world, autojump_clock):
    """It runs once, and is answered once, however the session learns of it."""
    runs = []

    @agentsup.tool(effect="idempotent")
    async def slow(n: int) -> int:
        """Take its time."""
        runs.append(n)
        await trio.sleep(5)
        return n

    ref = await world.start(slow)
    results = []

    async def ask():
        results.append(await ref.submit('@thread helper\n@tool slow {"n": 1}\n@tool slow {"n": 2}\n@cut\n@say theirs'))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        await trio.sleep(2)
        await crash(ref)

    assert results[0].terminal == "end_turn"
    assert sorted(runs) == [1, 1, 2, 2]
    answered = [event for event in await world.history_types(ref) if event == "user.custom_tool_result"]
    assert len(answered) == 2
    (thread,) = {event.thread for event in await so_far(ref)} - {None}
    assert thread.startswith("sthr_")


async def test_a_thread_that_is_archived_takes_its_calls_along(world, control, autojump_clock):
    """The tool that runs for it is cancelled, nothing is sent for its call, and the request ends as the session does."""
    stopped = []

    @agentsup.tool(effect="pure")
    async def slow(n: int) -> int:
        """Take its time."""
        try:
            await trio.sleep(1000)
        finally:
            stopped.append(n)
        return n

    ref = await world.start(slow)
    results = []

    async def ask():
        results.append(await ref.submit('@say mine\n@thread helper\n@tool slow {"n": 1}\n@say theirs'))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        await trio.sleep(5)
        session_id = (await ref.info()).provider_session_id
        (thread,) = {event.thread for event in await so_far(ref)} - {None}
        await control.threads.archive(session_id, thread)

    assert stopped == [1]
    assert [event.thread for event in await so_far(ref) if event.type == "thread_ended"] == [thread]
    assert all(event["type"] != "user.custom_tool_result" for event in sent(world))
    assert (await ref.info()).tools_running == 0
    assert [result.terminal for result in results] == ["end_turn"]


async def test_a_subagents_rest_alone_ends_nothing(world, autojump_clock):
    """Neither a child that waits for something nor one that is done: only the session's own idle counts."""
    idle = '{"type": "session.thread_status_idle", "session_thread_id": "sthr_x", "agent_name": "x", "stop_reason": %s}'
    waits = idle % '{"type": "requires_action", "event_ids": ["sevt_nobody"]}'
    done = idle % '{"type": "end_turn"}'
    ref = await world.start()

    result = await ref.submit(f"@event {waits}\n@sleep 20\n@event {done}\n@sleep 20\n@say done")

    assert (result.text, result.turns, result.stop_reason) == ("done", 1, {"type": "end_turn"})


# --- ends ------------------------------------------------------------------------------------------------------------------------


async def test_a_budget_that_is_reached_ends_the_request(world, control, autojump_clock):
    """With the provider's word; a further message is refused, and after a raise the session is usable."""
    provider = await elsewhere(
        world, "", budget={"type": "limit", "max_list_cost": {"amount": "1", "currency": "USD", "type": "money"}}
    )
    ref = await world.runtime.start_session("poor", agentsup.SessionSpec(provider=provider))

    result = await ref.submit("@usage 1000000 1000000\n@say costly")

    assert (result.terminal, result.stop_reason) == ("terminated", {"type": "budget_reached"})
    assert result.text == "costly"
    with pytest.raises(agentsup.ProviderFailed) as caught:
        await ref.submit("@say more")
    assert caught.value.status == 400
    await control.sessions.update(provider.session_id, budget=None)
    await trio.sleep(1)
    assert (await ref.submit("@say rich")).text == "rich"


async def test_a_refusal_says_why_in_the_raw(world, autojump_clock):
    """The reason is the result's, the details are the event's."""
    ref = await world.start()

    result = await ref.submit("@say partly\n@stop refusal")

    assert (result.terminal, result.stop_reason, result.text) == ("terminated", {"type": "refusal"}, "partly")
    (idle,) = [raw for raw in result.events if raw["type"] == "session.status_idle"]
    assert idle["stop_details"]["category"] == "general_harms"
    (waiting,) = [event for event in await so_far(ref) if event.type == "waiting"]
    assert waiting.raw["stop_details"] == idle["stop_details"]


async def test_errors_alone_end_nothing_and_exhausted_ones_do(world, autojump_clock):
    """Retried errors pass; the last one ends the request with the provider's word, and the next request is answered."""
    ref = await world.start()

    passed = await ref.submit("@error model_overloaded_error retrying\n@say recovered")
    exhausted = await ref.submit("@say partly\n@error model_overloaded_error exhausted")

    assert (passed.terminal, passed.text) == ("end_turn", "recovered")
    assert (exhausted.terminal, exhausted.stop_reason) == ("terminated", {"type": "retries_exhausted"})
    assert [(e.body.kind, e.body.retry) for e in await so_far(ref) if e.type == "troubled"] == [
        ("model_overloaded_error", "retrying"),
        ("model_overloaded_error", "exhausted"),
    ]
    assert (await ref.submit("@say alive")).text == "alive"


async def test_a_session_the_provider_ends_is_over(world, autojump_clock):
    """The running request has its terminal, and what comes later is told so."""
    ref = await world.start()

    result = await ref.submit("@say last words\n@error billing_error terminal")

    assert (result.terminal, result.text) == ("terminated", "last words")
    with pytest.raises(agentsup.SessionClosed):
        await ref.submit("@say never")


# --- stale and partial idles -----------------------------------------------------------------------------------------------------


async def test_stale_idles_run_nothing_twice(world, autojump_clock):
    """An idle that lists calls which have been answered is heard, and changes nothing."""
    runs = []

    @agentsup.tool(effect="unsafe")
    async def once(n: int) -> int:
        runs.append(n)
        return n

    ref = await world.start(once)

    result = await ref.submit(
        '@tool once {"n": 1}\n@stale\n@sleep 1\n@stale\n@tool once {"n": 2}\n@stale\n@say {results}'
    )

    assert (result.text, runs) == ("2", [1, 2])
    assert all(event["type"] != "user.custom_tool_result" or event["content"] for event in sent(world))
    assert [event["type"] for event in sent(world)].count("user.custom_tool_result") == 2


async def test_a_partial_idle_asks_for_the_rest_only(world, autojump_clock):
    """Somebody else answers one of three calls: the provider asks for the others again, and each of ours is answered once."""
    gate = trio.Event()
    runs = []

    @agentsup.tool(effect="pure")
    async def gated(n: int) -> int:
        runs.append(n)
        await gate.wait()
        return n

    ref = await world.start(gated)
    results = []

    async def ask():
        results.append(await ref.submit("\n".join(f'@tool gated {{"n": {n}}}' for n in (1, 2, 3)) + "\n@say {results}"))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        await trio.sleep(1)
        asked = [event.body.use for event in await so_far(ref) if event.type == "tool_asked"]
        info = await ref.info()
        other = {"type": "text", "text": "theirs"}
        await post(
            world,
            info.provider_session_id,
            {"type": "user.custom_tool_result", "custom_tool_use_id": asked[1].call_id, "content": [other]},
        )
        await trio.sleep(1)
        gate.set()

    assert results[0].text == "1, theirs, 3"
    assert sorted(runs) == [1, 2, 3]


# --- going on with a session by its id -------------------------------------------------------------------------------------------


async def test_going_on_without_a_prompt_answers_what_is_open(world, autojump_clock):
    """Tools that were pending run, with no request of ours; then a prompt is answered with its own answer."""
    runs = []

    @agentsup.tool(effect="unsafe")
    async def look(n: int) -> int:
        runs.append(n)
        return n

    provider = await elsewhere(world, '@say old\n@tool look {"n": 1}\n@tool look {"n": 2}\n@say {results}')
    ref = await world.runtime.start_session("s", agentsup.SessionSpec(provider=provider, tools=[look]))
    await trio.sleep(5)

    assert sorted(runs) == [1, 2]
    assert [event.text for event in await so_far(ref) if event.type == "said"] == ["old", "1, 2"]
    assert (await ref.info()).state == "idle"
    assert (await ref.submit("@say new")).text == "new"


async def test_going_on_with_an_approval_pending_asks_for_it(world, autojump_clock):
    """The person is asked as if the session had been ours, with a prompt waiting and without."""
    provider = await elsewhere(world, '@ask delete {"n": 1}\n@say deleted')
    ref = await world.runtime.start_session("s", agentsup.SessionSpec(provider=provider))
    results = []

    async def ask():
        results.append(await ref.submit("@say new"))

    async with trio.open_nursery() as nursery:
        await trio.sleep(1)
        nursery.start_soon(ask)
        await trio.sleep(1)
        (pending,) = (await ref.info()).pending_approvals
        assert (pending.name, pending.input) == ("delete", {"n": 1})
        await ref.confirm(pending.call_id, allow=True)

    assert results[0].text == "new"
    assert "deleted" in [event.text for event in await so_far(ref) if event.type == "said"]


async def test_going_on_with_an_idle_session(world, autojump_clock):
    """Its past is heard and is nobody's answer; a prompt is answered in the same session over there."""
    provider = await elsewhere(world, "@say old")
    ref = await world.runtime.start_session("s", agentsup.SessionSpec(provider=provider))

    result = await ref.submit("@say new")

    assert (result.text, result.provider_session_id) == ("new", provider.session_id)
    assert [event.text for event in await so_far(ref) if event.type == "said"] == ["old", "new"]


# --- usage, deltas, raw events ---------------------------------------------------------------------------------------------------


async def test_usage_is_summed_and_raw(world, autojump_clock):
    """Every model call's own numbers beside the sum; a subagent's are told by the provider's snapshot."""
    ref = await world.start(shout)

    result = await ref.submit('@usage 3 4\n@tool shout {"text": "a"}\n@usage 5 6\n@say done')

    assert (result.usage.input_tokens, result.usage.output_tokens) == (8, 10)
    assert [(raw["input_tokens"], raw["output_tokens"]) for raw in result.usage.raw] == [(3, 4), (5, 6)]
    assert (await ref.info()).usage.total == 18


async def test_deltas_over_a_reconnect_make_the_text_once(world, autojump_clock):
    """Pieces that were lost with the stream come with the whole message; none comes twice."""
    ref = await world.start()
    stream = ref.stream("@deltas 20 3\n@cut\n@deltas 5 3\n@say end")

    pieces = [piece async for piece in stream]

    assert "".join(pieces).replace("\n", "") == stream.result.text.replace("\n", "")
    assert stream.result.text.endswith("end")


async def test_a_raw_event_joins_a_running_request(world, autojump_clock):
    """A message in the provider's own words, sent while the agent works, is taken in its turn."""
    ref = await world.start()
    results = []

    async def ask():
        results.append(await ref.submit("@say one\n@sleep 5\n@say two"))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        await trio.sleep(1)
        await ref.send_event(message("@say raw"))

    await trio.sleep(5)
    said = [event.text for event in await so_far(ref) if event.type == "said"]
    assert said == ["one", "two", "raw"]
    assert results[0].text.startswith("one\ntwo")
    assert [event["type"] for event in sent(world)] == ["user.message", "user.message"]
