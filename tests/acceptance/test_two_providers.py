"""One contract, every provider: what a session promises does not depend on where its agent runs."""

from __future__ import annotations

import attrs
import pytest
import trio
from trio.testing import wait_all_tasks_blocked

import agentsup
from agentsup.testing import crash, open_simulator
from tests.kit.providers import PROVIDERS


@agentsup.tool(effect="pure")
async def double(n: int) -> str:
    """Twice as much."""
    return str(2 * n)


@agentsup.tool
async def broken() -> str:
    """Never works."""
    raise agentsup.ToolError("out of order")


@pytest.fixture(params=PROVIDERS)
async def provider(request, autojump_clock):
    """A provider over the simulator."""
    async with open_simulator() as simulator, PROVIDERS[request.param](simulator) as provider:
        yield provider


@pytest.fixture
async def world(provider):
    """A runtime, and how to start a session in it."""
    async with agentsup.open_runtime() as runtime:

        async def start(*tools, session_id="s1", **options):
            return await runtime.start_session(
                session_id, agentsup.SessionSpec(provider=provider, tools=tools, **options)
            )

        yield start


async def test_an_answer(world, autojump_clock):
    """Text, terminal, stop reason, turns, ids: the same fields with the same meaning."""
    ref = await world()
    result = await ref.submit("@say Hello\n@say there")

    assert (result.text, result.terminal, result.turns) == ("Hello\nthere", "end_turn", 1)
    assert (result.session_id, result.provider_session_id) == ("s1", (await ref.info()).provider_session_id)
    assert result.events
    assert len({str(event) for event in result.events}) <= len(result.events)
    assert {field.name for field in attrs.fields(type(result))} >= {"usage", "tool_uses", "server_tool_uses"}


async def test_a_prompt_without_directions_is_answered(world, autojump_clock):
    """By itself."""
    ref = await world()
    assert (await ref.submit("just words")).text == "just words"


async def test_tools_run_here_in_parallel_and_answer_in_order(world, autojump_clock):
    """One round, two calls, one answer."""
    ref = await world(double)
    result = await ref.submit('@tool double {"n": 1}\n@tool double {"n": 2}\n@say {results}')

    assert result.text == "2, 4"
    assert [(use.name, use.input) for use in result.tool_uses] == [("double", {"n": 1}), ("double", {"n": 2})]
    assert result.turns == 2
    assert result.terminal == "end_turn"


async def test_several_rounds(world, autojump_clock):
    """Each result in its round."""
    ref = await world(double)
    result = await ref.submit('@tool double {"n": 1}\n@say {results}\n@tool double {"n": 5}\n@say {results}')

    assert (result.text, result.turns) == ("2\n10", 3)


async def test_a_tool_that_fails_and_one_that_is_not_there(world, autojump_clock):
    """The model is told; the request goes on."""
    ref = await world(broken)
    result = await ref.submit("@tool broken {}\n@tool nowhere {}\n@say {results}")

    assert "out of order" in result.text
    assert "nowhere" in result.text
    assert result.terminal == "end_turn"


async def test_the_providers_own_tools_are_told_apart(world, autojump_clock):
    """They run over there."""
    ref = await world(double)
    result = await ref.submit('@server search {"q": "x"}\n@tool double {"n": 3}\n@say {results}')

    assert [use.name for use in result.server_tool_uses] == ["search"]
    assert [use.name for use in result.tool_uses] == ["double"]
    assert result.text == "6"


async def test_the_streamed_pieces_are_the_text(world, autojump_clock):
    """Joined, exactly."""
    ref = await world()
    pieces = [piece async for piece in ref.stream("@deltas 4 3\n@say end")]

    assert len(pieces) >= 4
    assert "".join(pieces).endswith("\nend")


async def test_usage_is_summed(world, autojump_clock):
    """Over the model calls, with the provider's own words beside."""
    ref = await world(double)
    result = await ref.submit('@usage 10 5\n@tool double {"n": 1}\n@usage 20 7\n@say {results}')

    assert (result.usage.input_tokens, result.usage.output_tokens) == (30, 12)
    assert result.usage.raw


@pytest.mark.parametrize("reason", ["max_tokens", "something_new"])
async def test_a_stop_reason_is_carried(world, autojump_clock, reason):
    """In the provider's form; what is not known ends as `terminated`."""
    ref = await world()
    result = await ref.submit(f"@say x\n@stop {reason}")

    said = result.stop_reason["type"] if isinstance(result.stop_reason, dict) else result.stop_reason
    assert said == reason
    assert result.terminal == "terminated"
    assert (await ref.submit("@say on")).text == "on"


async def test_requests_queue_and_follow_ups_go_first(world, autojump_clock):
    """Each has its own end."""
    ref = await world()
    async with ref.subscribe() as events, trio.open_nursery() as nursery:
        texts = []

        async def listen():
            async for event in events:
                if event.result is not None:
                    texts.append(event.result.text)
                    if len(texts) == 3:
                        return

        nursery.start_soon(listen)
        await ref.message("@sleep 5\n@say one")
        await ref.message("@say three")
        await ref.follow_up("@say two")

    assert texts == ["one", "two", "three"]


async def test_a_word_to_a_running_request_joins_it(world, autojump_clock):
    """One request, one result, both texts."""
    ref = await world()
    async with trio.open_nursery() as nursery:
        got = []

        async def ask():
            got.append(await ref.submit("@say one\n@sleep 5"))

        nursery.start_soon(ask)
        await trio.sleep(2)
        await ref.steer("@say two")

    assert got[0].text == "one\ntwo"


async def test_an_interrupt_ends_the_request_and_the_session_lives_on(world, autojump_clock):
    """With what was said until then."""
    ref = await world()
    async with trio.open_nursery() as nursery:
        errors = []

        async def ask():
            try:
                await ref.submit("@say half\n@sleep 1000\n@say whole")
            except agentsup.Interrupted as exc:
                errors.append(exc)

        nursery.start_soon(ask)
        await trio.sleep(3)
        await ref.interrupt()

    assert errors[0].result.text == "half"
    assert (await ref.submit("@say again")).text == "again"


async def test_a_request_that_takes_too_long(world, autojump_clock):
    """Is stopped here and there; the next one is answered."""
    ref = await world(limits=agentsup.Limits(timeout=30.0))
    with pytest.raises(agentsup.RequestTimeout) as caught:
        await ref.submit("@say half\n@sleep 1000\n@say whole")

    assert caught.value.result.text == "half"
    assert (await ref.submit("@say again")).text == "again"


async def test_a_tool_that_hangs_does_not_outlive_its_request(world, autojump_clock):
    """It is cancelled for real."""
    ended = []

    @agentsup.tool
    async def hang() -> str:
        """Hangs."""
        try:
            await trio.sleep_forever()
        finally:
            ended.append(True)

    ref = await world(hang, limits=agentsup.Limits(timeout=30.0))
    with pytest.raises(agentsup.RequestTimeout):
        await ref.submit("@tool hang {}\n@say no")

    assert (await ref.submit("@say again")).text == "again"
    assert ended == [True]


async def test_the_turn_limit(world, autojump_clock):
    """Exactly so many; the session lives on."""
    ref = await world(double, limits=agentsup.Limits(max_turns=2))
    with pytest.raises(agentsup.TurnLimitReached) as caught:
        await ref.submit('@tool double {"n": 1}\n@tool double {"n": 2}\n@say a\n@tool double {"n": 3}\n@say b')

    assert caught.value.result.turns == 2
    assert (await ref.submit("@say again")).text == "again"


async def test_a_crash_while_a_tool_runs(world, autojump_clock):
    """The restarted session runs it again, for it may, and the waiting caller is answered."""
    runs = []

    @agentsup.tool(effect="pure")
    async def slow() -> str:
        """Takes its time."""
        runs.append(1)
        await trio.sleep(10)
        return "done"

    ref = await world(slow)
    async with trio.open_nursery() as nursery:
        got = []

        async def ask():
            got.append(await ref.submit("@tool slow {}\n@say {results}"))

        nursery.start_soon(ask)
        await trio.sleep(5)
        await crash(ref)

    assert got[0].text == "done"
    assert len(runs) == 2
    assert (await ref.info()).restarts == 1


async def test_what_is_over_there_is_replayed_to_whoever_comes_late(world, autojump_clock):
    """From the journal, in order, with the result at its request's end."""
    ref = await world()
    await ref.submit("@say one")
    async with ref.subscribe(after=0) as events:
        seen = []
        async for event in events:
            seen.append(event)
            if event.result is not None:
                break

    assert [event.text for event in seen if event.type == "said"] == ["one"]
    assert [event.cursor for event in seen] == sorted(event.cursor for event in seen)
    assert seen[-1].result.text == "one"


async def test_the_past_is_told_turn_by_turn(world, autojump_clock):
    """With what was asked."""
    ref = await world(double)
    await ref.submit('@tool double {"n": 1}\n@say {results}')
    await ref.submit("@say two")
    turns = await ref.history()

    assert [turn.text for turn in turns] == ["", "2", "two"]
    assert [turn.input is None for turn in turns] == [False, True, False]


async def test_a_session_goes_on_in_another_runtime(provider, autojump_clock, tmp_path):
    """The conversation is where it was: the same session over there."""
    store, ids = str(tmp_path / "sessions.db"), []
    spec = agentsup.SessionSpec(provider=provider)
    for text in ("one", "two"):
        async with agentsup.open_runtime(store=store) as runtime:
            ref = await runtime.start_session("kept", spec)
            assert (await ref.submit(f"@say {text}")).text == text
            ids.append((await ref.info()).provider_session_id)

    assert len(set(ids)) == 1


async def test_a_whole_service(provider, autojump_clock):
    """Many sessions at once, each its own answers."""
    async with agentsup.open_runtime() as runtime, trio.open_nursery() as nursery:
        answers = {}

        async def one(number):
            spec = agentsup.SessionSpec(provider=provider, tools=[double])
            ref = await runtime.start_session(f"s{number}", spec)
            answers[number] = (await ref.submit(f'@tool double {{"n": {number}}}\n@say {{results}}')).text

        for number in range(30):
            nursery.start_soon(one, number)

    assert answers == {number: str(2 * number) for number in range(30)}


async def test_run_without_a_runtime(provider, autojump_clock):
    """From a prompt to a result."""
    result = await agentsup.run(agentsup.SessionSpec(provider=provider), "@say Hello", timeout=60)
    assert result.text == "Hello"


async def test_closing_finishes_what_runs(world, autojump_clock):
    """And takes nothing more."""
    ref = await world()
    async with trio.open_nursery() as nursery:
        got = []

        async def ask():
            got.append(await ref.submit("@sleep 3\n@say done"))

        nursery.start_soon(ask)
        await wait_all_tasks_blocked()
        await ref.close()
    assert got[0].text == "done"
    with pytest.raises(agentsup.SessionClosed):
        await ref.submit("@say no")


async def test_aborting_ends_it_now(world, autojump_clock):
    """The running request with it."""
    ref = await world()
    async with trio.open_nursery() as nursery:
        errors = []

        async def ask():
            try:
                await ref.submit("@sleep 1000\n@say done")
            except agentsup.SessionClosed as exc:
                errors.append(exc)

        nursery.start_soon(ask)
        await trio.sleep(3)
        await ref.abort()
    assert len(errors) == 1
