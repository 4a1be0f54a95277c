"""A session end to end, against the simulator in memory."""

from __future__ import annotations

import pytest
import trio

import agentsup
from agentsup.testing import crash


@agentsup.tool(effect="pure")
async def shout(text: str) -> str:
    """Say it loud."""
    return text.upper()


async def test_a_prompt_is_answered(world, autojump_clock):
    """`submit` returns at the request's terminal with everything the agent said."""
    ref = await world.start()

    result = await ref.submit("@say hello\n@say there")

    assert result.terminal == "end_turn"
    assert result.stop_reason == {"type": "end_turn"}
    assert result.text == "hello\nthere"
    assert result.turns == 1


async def test_tools_run_here_and_their_results_go_back_in_order(world, autojump_clock):
    """Two parallel calls are answered in one POST, in the order they were asked."""
    ref = await world.start(shout)

    result = await ref.submit('@tool shout {"text": "one"}\n@tool shout {"text": "two"}\n@say {results}')

    assert result.text == "ONE, TWO"
    assert [use.name for use in result.tool_uses] == ["shout", "shout"]
    assert result.turns == 2
    posts = [r for r in world.sim.requests if r["method"] == "POST" and r["path"].endswith("/events")]
    assert len(posts) == 2


async def test_requests_queue_behind_a_running_one(world, autojump_clock):
    """Messages while a request runs wait their turn and lose nothing."""
    ref = await world.start()
    results = {}

    async def ask(number):
        results[number] = (await ref.submit(f"@sleep 1\n@say {number}")).text

    async with trio.open_nursery() as nursery:
        for number in range(5):
            nursery.start_soon(ask, number)

    assert {n: str(n) for n in range(5)} == results


async def test_a_cut_stream_loses_nothing(world, autojump_clock):
    """What happened while nobody listened is found in the history."""
    ref = await world.start(shout)

    result = await ref.submit('@say before\n@cut\n@say missed\n@tool shout {"text": "x"}\n@say {results}')

    assert result.text == "before\nmissed\nX"
    assert (await ref.info()).reconnects >= 1


async def test_a_missed_terminal_is_found_in_the_history(world, autojump_clock):
    """A stream that ends right before the terminal does not leave the session hanging."""
    ref = await world.start()

    result = await ref.submit("@say all\n@eof")

    assert result.text == "all"


async def test_a_crash_loses_neither_prompt_nor_session(world, autojump_clock):
    """A waiting submit survives the death of the session's task, and the provider sees each message once."""
    ref = await world.start(shout)
    answers = []

    async def ask():
        answers.append(await ref.submit('@sleep 5\n@tool shout {"text": "x"}\n@say {results}'))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        await trio.sleep(1)
        await crash(ref)

    assert [a.text for a in answers] == ["X"]
    info = await ref.info()
    assert info.restarts == 1
    assert (await world.history_types(ref)).count("user.message") == 1
    assert len([r for r in world.sim.requests if (r["method"], r["path"]) == ("POST", "/v1/sessions")]) == 1


async def test_a_session_that_keeps_crashing_ends_alone(world, autojump_clock):
    """Over its restart budget a session ends with a terminal; its neighbour feels nothing."""
    ref = await world.start(restart=agentsup.Restart(intensity=1, period=60.0))
    other = await world.start(session_id="other")
    failures = []

    async def ask():
        with pytest.raises(agentsup.RequestClosed) as caught:
            await ref.submit("@sleep 1000\n@say never")
        failures.append(caught.value.result)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        await trio.sleep(1)
        await crash(ref)
        await trio.sleep(1)
        await crash(ref)

    assert len(failures) == 1
    with pytest.raises(agentsup.NoSuchSession):
        world.runtime.session("s1")
    assert (await other.submit("@say fine")).text == "fine"


async def test_time_is_up_here_and_at_the_provider(world, autojump_clock):
    """A request over its time raises with the partial result, and the provider is told to stop, once."""
    ref = await world.start(limits=agentsup.Limits(timeout=3.0))

    with pytest.raises(agentsup.RequestTimeout) as caught:
        await ref.submit("@say part\n@sleep 100\n@say never")

    assert caught.value.result.text == "part"
    assert (await ref.submit("@say next")).text == "next"
    assert (await world.history_types(ref)).count("user.interrupt") == 1


async def test_an_interrupt_stops_a_hanging_tool(world, autojump_clock):
    """The tool is cancelled for real, its call is answered, `submit` raises `Interrupted`, and the session lives on."""
    cancelled = trio.Event()

    async def hang() -> str:
        try:
            await trio.sleep_forever()
        finally:
            cancelled.set()

    ref = await world.start(hang)

    async def ask():
        with pytest.raises(agentsup.Interrupted):
            await ref.submit("@tool hang {}\n@say never")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        await trio.sleep(1)
        assert (await ref.info()).tools_running == 1
        await ref.interrupt()

    await cancelled.wait()
    assert (await ref.submit("@say alive")).text == "alive"


async def test_the_turn_limit_ends_a_request_with_no_call_left_open(world, autojump_clock):
    """With `max_turns` used up, the request ends with exactly that many turns and the session can go on."""
    ref = await world.start(shout, limits=agentsup.Limits(max_turns=2))
    script = "\n".join(f'@tool shout {{"text": "{n}"}}\n@say {n}' for n in range(5))

    with pytest.raises(agentsup.TurnLimitReached) as caught:
        await ref.submit(script)

    assert caught.value.result.turns == 2
    assert (await ref.submit("@say next")).text == "next"


async def test_an_unknown_tool_is_an_error_result(world, autojump_clock):
    """The model is told which tools there are; the session is not hurt."""
    ref = await world.start(shout)

    result = await ref.submit("@tool whisper {}\n@say {results}")

    assert "no tool 'whisper'" in result.text
    assert "shout" in result.text


async def test_text_is_streamed_and_its_pieces_make_the_result(world, autojump_clock):
    """Pieces come as they are produced; joined they are the result's text, also over a cut."""
    ref = await world.start()

    stream = ref.stream("@deltas 3 4\n@say between\n@cut\n@say missed\n@deltas 2 2")
    pieces = [piece async for piece in stream]

    assert len(pieces) > 4
    assert stream.result.text == "".join(pieces)


async def test_a_terminated_session_ends_with_the_providers_word(world, autojump_clock):
    """A provider that ends its session ends ours, and a later submit says so."""
    ref = await world.start()

    result = await ref.submit("@say last\n@error billing_error terminal\n@say never")

    assert result.terminal == "terminated"
    assert result.text == "last"
    with pytest.raises(agentsup.SessionClosed):
        await ref.submit("more")


async def test_closing_lets_the_running_request_finish(world, autojump_clock):
    """`close` takes nothing more, finishes what runs, refuses what is queued, and ends the session."""
    ref = await world.start()
    outcomes = {}

    async def ask(key, text):
        try:
            outcomes[key] = (await ref.submit(text)).text
        except agentsup.RequestClosed:
            outcomes[key] = "closed"

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask, "running", "@sleep 2\n@say done")
        await trio.sleep(1)
        nursery.start_soon(ask, "queued", "@say never")
        await trio.sleep(0.1)
        await ref.close()

    assert outcomes == {"running": "done", "queued": "closed"}
    assert world.runtime.sessions() == ()


async def test_abort_stops_the_provider_too(world, autojump_clock):
    """`abort` ends now, here and there."""
    ref = await world.start()

    async def ask():
        with pytest.raises(agentsup.RequestClosed):
            await ref.submit("@sleep 1000\n@say never")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        await trio.sleep(1)
        await ref.abort()

    bodies = [r["body"] for r in world.sim.requests if r["method"] == "POST" and r["path"].endswith("/events")]
    assert bodies[-1]["events"][-1]["type"] == "user.interrupt"


async def test_an_id_that_lives_is_not_started_again(world, autojump_clock):
    """The error carries the living session's ref."""
    ref = await world.start()

    with pytest.raises(agentsup.AlreadyStarted) as caught:
        await world.start()

    assert ref.id == caught.value.ref.id


async def test_subscribers_replay_and_then_live(world, autojump_clock):
    """After a cursor, without gap or double, to the session's last event."""
    ref = await world.start()
    await ref.submit("@say first")
    seen = []

    async def listen():
        async with ref.subscribe(after=0, overflow="block") as events:
            async for event in events:
                seen.append(event)  # noqa: PERF401  -- what was seen counts even if the listener is cancelled

    async with trio.open_nursery() as nursery:
        nursery.start_soon(listen)
        await trio.sleep(0.1)
        await ref.submit("@say second")
        await ref.close()

    kept = [e for e in seen if e.type != "text_delta"]
    assert list(range(1, len(kept) + 1)) == [e.cursor for e in kept]
    assert kept[-1].type == "session_ended"
    assert [e.result.text for e in kept if e.result is not None] == ["first", "second"]


async def test_a_service_hears_every_terminal(world, autojump_clock):
    """One subscription hears of all sessions, those started later too."""
    async with world.runtime.subscribe() as terminals:
        for number in range(3):
            ref = await world.start(session_id=f"s{number}")
            await ref.submit(f"@say {number}")
            await ref.close()
        results, ends = [], 0
        async for event in terminals:
            if event.result is not None:
                results.append((event.session_id, event.result.text))
            else:
                ends += 1
            if ends == 3:
                break

    assert results == [("s0", "0"), ("s1", "1"), ("s2", "2")]


async def test_an_unknown_agent_is_told_at_the_start(world, provider, sim, autojump_clock):
    """A provider that refuses the session is a `ProviderFailed`, and nothing remains."""
    wrong = agentsup.ClaudeManagedAgents(
        agent="agent_none",
        environment=provider.environment,
        api_key="k",
        base_url=provider.base_url,
        http=provider.http,
    )

    with pytest.raises(agentsup.ProviderFailed):
        await world.runtime.start_session("x", agentsup.SessionSpec(provider=wrong))

    assert world.runtime.sessions() == ()


async def test_a_lost_answer_to_a_post_does_not_double_the_message(world, autojump_clock):
    """The provider did the work and the answer got lost: the history decides, and nothing is sent twice."""
    ref = await world.start()
    world.sim.fault(method="POST", path="/v1/sessions/*/events", mode="after_reset")

    result = await ref.submit("@say once")

    assert result.text == "once"
    assert (await world.history_types(ref)).count("user.message") == 1


async def test_a_503_after_the_work_was_done_does_not_double_the_message(world, autojump_clock):
    """A server error says nothing about what was done before it."""
    ref = await world.start()
    world.sim.fault(method="POST", path="/v1/sessions/*/events", mode="after", status=503)

    result = await ref.submit("@say once")

    assert result.text == "once"
    assert (await world.history_types(ref)).count("user.message") == 1


async def test_a_lost_answer_to_the_create_does_not_make_two_sessions(world, autojump_clock):
    """After an ambiguous create our token is searched for before another one is made."""
    world.sim.fault(method="POST", path="/v1/sessions", mode="after_reset")

    ref = await world.start()

    assert (await ref.submit("@say hello")).text == "hello"
    async with world.sim.client() as client:
        assert len((await client.get("/v1/sessions")).json()["data"]) == 1


async def test_history_tells_the_turns(world, autojump_clock):
    """`history` is the session's turns with what was asked and said."""
    ref = await world.start(shout)
    await ref.submit("@say one")
    await ref.submit('@tool shout {"text": "x"}\n@say {results}')

    turns = await ref.history()

    assert [turn.text for turn in turns] == ["one", "", "X"]
    assert [turn.number for turn in turns] == [1, 2, 3]
    assert turns[0].input == "@say one"
    assert None is turns[2].input


async def test_run_is_a_session_of_its_own(provider, autojump_clock):
    """`run` needs no runtime and leaves none."""
    result = await agentsup.run(agentsup.SessionSpec(provider=provider), "@say hi")

    assert result.text == "hi"


async def test_a_run_that_is_cancelled_stops_the_provider(provider, sim, autojump_clock):
    """Leaving a run early interrupts what still runs over there."""
    with trio.move_on_after(2) as scope:
        await agentsup.run(agentsup.SessionSpec(provider=provider), "@sleep 1000\n@say never")

    assert scope.cancelled_caught
    bodies = [r["body"] for r in sim.requests if r["method"] == "POST" and r["path"].endswith("/events")]
    assert bodies[-1]["events"][-1]["type"] == "user.interrupt"


async def test_a_session_in_a_tree_of_ones_own(world, autojump_clock):
    """`session_child` is an ordinary child spec."""
    await agentsup.otp.start_child(world.runtime.kernel.root, agentsup.session_child("mine", world.spec()))

    assert (await world.runtime.session("mine").submit("@say hello")).text == "hello"


async def test_a_handler_sees_every_event_and_may_raise(world, autojump_clock):
    """`handle_event` is shown the session's events in order; what it raises ends nothing."""

    class Handler:
        def __init__(self):
            self.seen = []

        async def handle_tool_call(self, name, given, context, info):
            return f"{name} {given['n']} for {context}, {info.session_id}"

        def handle_event(self, event, info):
            self.seen.append((info.session_id, event.type))
            raise RuntimeError("observing goes wrong")

    handler = Handler()
    ref = await world.start(handler=handler, context="ctx")

    result = await ref.submit('@tool any {"n": 1}\n@say {results}')
    await ref.close()

    assert result.text == "any 1 for ctx, s1"
    assert ("s1", "said") in handler.seen
    assert ("s1", "request_ended") in handler.seen


async def test_a_closed_session_still_tells_how_it_was(world, autojump_clock):
    """`info` and `history` answer after the end; saying something raises `SessionClosed`."""
    ref = await world.start()
    await ref.submit("@say hi")
    await ref.close()

    assert (await ref.info()).state == "closed"
    assert [turn.text for turn in await ref.history()] == ["hi"]
    for say in (ref.submit("x"), ref.message("x"), ref.interrupt()):
        with pytest.raises(agentsup.SessionClosed):
            await say


async def test_nothing_answers_there(autojump_clock):
    """A refused connection is told after a few tries, in one sentence, and leaves nothing."""
    provider = agentsup.ClaudeManagedAgents(agent="a", environment="e", api_key="k", base_url="http://127.0.0.1:9")
    async with agentsup.open_runtime() as runtime:
        with pytest.raises(agentsup.ProviderFailed, match="nothing answers there"):
            await runtime.start_session("s", agentsup.SessionSpec(provider=provider))

        assert runtime.sessions() == ()


async def test_every_problem_is_told_before_anything_starts(monkeypatch, autojump_clock):
    """A provider that cannot be used is refused at the door, with all that is wrong with it."""
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    async with agentsup.open_runtime() as runtime:
        with pytest.raises(agentsup.SpecError) as caught:
            await runtime.start_session(
                "", agentsup.SessionSpec(provider=agentsup.ClaudeManagedAgents(base_url="nowhere"))
            )

    paths = [problem.path for problem in caught.value.problems]
    assert paths == ["session_id", "provider.api_key", "provider.base_url", "provider.agent", "provider.environment"]


async def test_a_dying_endpoint_takes_its_streams_with_it_and_nothing_else(world, autojump_clock):
    """When the task that owns the connections dies, the sessions open their streams again at the next one."""
    ref = await world.start()
    other = await world.start(session_id="s2")
    answers = []

    async def ask(who):
        answers.append((await who.submit("@sleep 5\n@say done")).text)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask, ref)
        nursery.start_soon(ask, other)
        await trio.sleep(1)
        endpoints = world.runtime._services.endpoints
        await crash(endpoints.whereis(world.provider.endpoint))

    assert answers == ["done", "done"]
    info = await ref.info()
    assert (info.restarts, info.reconnects) == (0, 1)


async def test_an_unused_endpoint_goes(world, autojump_clock):
    """A client that nobody has used for a while is closed; the next session gets a new one."""
    ref = await world.start()
    endpoints = world.runtime._services.endpoints
    assert len(endpoints) == 1

    await ref.close()
    await trio.sleep(120)

    assert len(endpoints) == 0
    ref = await world.start()
    assert (await ref.submit("@say back")).text == "back"


async def test_two_runtimes_do_not_know_each_other(world, autojump_clock):
    """The same id may live in two runtimes, and what is started through one starts there, whichever block the caller is in."""
    async with agentsup.open_runtime() as inner:
        outer_ref = await world.start(session_id="same")
        inner_ref = await inner.start_session("same", world.spec())

        assert (await outer_ref.submit("@say outer")).text == "outer"
        assert (await inner_ref.submit("@say inner")).text == "inner"
        assert len(inner.sessions()) == 1

    assert (await outer_ref.submit("@say still here")).text == "still here"
    with pytest.raises(agentsup.SessionClosed):
        await inner_ref.submit("gone")


async def test_a_body_that_fails_leaves_its_exception_bare(sim, provider, autojump_clock):
    """Leaving the block by an exception stops everything in order, and the exception is the body's own."""
    with pytest.raises(ZeroDivisionError):
        async with agentsup.open_runtime() as runtime:
            await runtime.start_session("s", agentsup.SessionSpec(provider=provider))
            1 / 0  # noqa: B018  -- the failure


async def test_whoever_waits_outside_hears_that_the_runtime_was_left(world, provider, autojump_clock):
    """A submit in a task that outlives the runtime ends with `SessionClosed` instead of waiting for ever."""
    ended = []

    async def ask(ref):
        with pytest.raises(agentsup.SessionClosed):
            await ref.submit("@sleep 1000\n@say never")
        ended.append(True)

    async with trio.open_nursery() as nursery, agentsup.open_runtime() as runtime:
        nursery.start_soon(ask, await runtime.start_session("s", agentsup.SessionSpec(provider=provider)))
        await trio.sleep(1)

    assert ended == [True]


def test_an_address_must_not_carry_credentials():
    """They would show wherever the address does."""
    provider = agentsup.ClaudeManagedAgents(agent="a", environment="e", api_key="k", base_url="https://me:pw@host")

    assert [problem.path for problem in provider.problems()] == ["base_url"]
    assert "pw" not in "".join(str(problem) for problem in provider.problems())


async def test_a_provider_that_never_comes_to_rest_does_not_hold_the_next_message(world, autojump_clock):
    """After an interrupt the next message waits for the agent's rest, but not for ever."""
    ref = await world.start(limits=agentsup.Limits(timeout=30.0))
    # The provider says that it has the message and the interrupt, and never heard of either.
    world.sim.fault(method="POST", path="/v1/sessions/*/events", status=200, body={"data": []}, times=2)
    with pytest.raises(agentsup.RequestTimeout):
        await ref.submit("@say swallowed")

    result = await ref.submit("@say heard")

    assert result.text == "heard"


async def test_a_message_behind_older_work_is_not_answered_by_it(world, autojump_clock):
    """A session that is adopted while it works answers with what comes after the new message's own turn began."""
    async with agentsup.open_runtime() as earlier:
        ref = await earlier.start_session("a", world.spec())
        await ref.message("@say start\n@sleep 5\n@say old")
        await trio.sleep(1)
        known = (await ref.info()).provider_session_id

    adopted = agentsup.ClaudeManagedAgents(
        session_id=known, api_key="k", base_url=world.provider.base_url, http=world.provider.http
    )
    ref = await world.runtime.start_session("b", agentsup.SessionSpec(provider=adopted))
    result = await ref.submit("@say new")

    assert result.text == "new"
    assert result.turns == 1


async def test_a_message_behind_a_call_left_open_gets_its_own_answer(world, autojump_clock):
    """An adopted session that waits for a tool has its call answered first; the new message is answered after that."""

    async def hang(*_):
        await trio.sleep_forever()

    async with agentsup.open_runtime() as earlier:
        ref = await earlier.start_session("a", world.spec(handler=hang))
        await ref.message('@tool shout {"text": "x"}\n@say old {results}')
        await trio.sleep(1)
        known = (await ref.info()).provider_session_id

    adopted = agentsup.ClaudeManagedAgents(
        session_id=known, api_key="k", base_url=world.provider.base_url, http=world.provider.http
    )
    ref = await world.runtime.start_session("b", agentsup.SessionSpec(provider=adopted, tools=[shout]))
    result = await ref.submit("@say new")

    assert result.text == "new"
    assert (await world.history_types(ref)).count("user.custom_tool_result") == 1


@pytest.mark.parametrize("name", ["sessions", "providers"])
async def test_a_supervisor_that_dies_itself_loses_no_session(world, autojump_clock, name):
    """Whichever supervisor of the tree is killed, the sessions that lived go on where they were, and who waits is answered."""
    refs = [await world.start(session_id=f"s{number}") for number in range(3)]
    answers = []

    async def ask(ref):
        answers.append((await ref.submit("@sleep 5\n@say done")).text)

    async with trio.open_nursery() as nursery:
        for ref in refs:
            nursery.start_soon(ask, ref)
        await trio.sleep(1)
        supervisor = getattr(world.runtime._services, name)
        await crash(supervisor.registry.whereis(name))

    assert answers == ["done"] * 3
    for ref in refs:
        assert (await world.history_types(ref)).count("user.message") == 1
