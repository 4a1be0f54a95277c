"""What a user can do to a session beside asking it, against the simulator in memory."""

from __future__ import annotations

import pytest
import structlog
import trio

import agentsup
from agentsup.testing import crash


@agentsup.tool(effect="pure")
async def shout(text: str) -> str:
    """Say it loud."""
    return text.upper()


async def wait_for(ref, state):
    """Until the session is in that state, as seen through its events."""
    with trio.fail_after(60):
        async with ref.subscribe(after=0, overflow="block") as events:
            async for _ in events:
                if (await ref.info()).state == state:
                    return


class Asking:
    """A submit under way, and what it came to."""

    def __init__(self, nursery, ref, text):
        self.result = None
        self.error = None
        self.over = trio.Event()
        nursery.start_soon(self._ask, ref, text)

    async def _ask(self, ref, text):
        try:
            self.result = await ref.submit(text)
        except agentsup.AgentsupError as exc:
            self.error = exc
        self.over.set()


# --- approvals -------------------------------------------------------------------------------------------------------------------


async def test_a_person_allows_a_call_of_the_providers(world, autojump_clock):
    """The session waits, says for what, and goes on when it is told; its time stands still meanwhile."""
    ref = await world.start(limits=agentsup.Limits(timeout=5.0))
    async with trio.open_nursery() as nursery:
        asking = Asking(nursery, ref, '@ask delete {"what": "all"}\n@say {results}')
        await wait_for(ref, "awaiting_approval")
        await trio.sleep(60)
        (pending,) = (await ref.info()).pending_approvals
        assert pending.name == "delete"
        await ref.confirm(pending.call_id, allow=True)

    assert asking.result.text == '{"what": "all"}'
    assert [use.name for use in asking.result.server_tool_uses] == ["delete"]


async def test_a_denial_tells_the_model_why(world, autojump_clock):
    """The message of a denial is what the agent reads."""
    ref = await world.start()
    async with trio.open_nursery() as nursery:
        asking = Asking(nursery, ref, "@ask delete {}\n@say {results}")
        await wait_for(ref, "awaiting_approval")
        (pending,) = (await ref.info()).pending_approvals
        await ref.confirm(pending.call_id, allow=False, message="not today")

    assert "not today" in asking.result.text


async def test_a_word_nobody_waits_for_is_an_error(world, autojump_clock):
    """An unknown call is `NoSuchCall`, and so is one that was decided."""
    ref = await world.start()
    with pytest.raises(agentsup.NoSuchCall):
        await ref.confirm("sevt_nobody", allow=True)


async def test_a_policy_decides_without_a_person(world, autojump_clock):
    """A function, sync or async, that allows and denies."""

    async def policy(use, info):
        return agentsup.Allow() if use.name == "read" else agentsup.Deny("no")

    ref = await world.start(approval=policy)

    result = await ref.submit("@ask read {}\n@ask delete {}\n@say {results}")

    assert "no" in result.text
    assert (await ref.info()).state == "idle"


async def test_an_approval_survives_a_crash(world, autojump_clock):
    """A restarted session still waits for the same word."""
    ref = await world.start()
    async with trio.open_nursery() as nursery:
        asking = Asking(nursery, ref, "@ask delete {}\n@say done")
        await wait_for(ref, "awaiting_approval")
        await crash(ref)
        await wait_for(ref, "awaiting_approval")
        (pending,) = (await ref.info()).pending_approvals
        await ref.confirm(pending.call_id, allow=True)

    assert asking.result.text == "done"


async def test_a_run_has_nobody_to_ask(provider, autojump_clock):
    """Without a policy the run ends with what it waits for, instead of waiting for ever."""
    result = await agentsup.run(agentsup.SessionSpec(provider=provider), "@ask delete {}\n@say never")

    assert result.terminal == "requires_action"


async def test_an_interrupt_ends_the_wait_for_a_person(world, autojump_clock):
    """The provider drops the call, and the session lives on."""
    ref = await world.start()
    async with trio.open_nursery() as nursery:
        asking = Asking(nursery, ref, "@ask delete {}\n@say never")
        await wait_for(ref, "awaiting_approval")
        await ref.interrupt()

    assert isinstance(asking.error, agentsup.Interrupted)
    assert (await ref.submit("@say alive")).text == "alive"


# --- steering and following up ---------------------------------------------------------------------------------------------------


async def test_steering_joins_the_running_request(world, autojump_clock):
    """The agent comes to it before the request is over, and its answer is part of the request's."""
    ref = await world.start()
    async with trio.open_nursery() as nursery:
        asking = Asking(nursery, ref, "@sleep 5\n@say first")
        await trio.sleep(1)
        await ref.steer("@say second")

    assert asking.result.text == "first\nsecond"
    assert asking.result.turns == 2


async def test_steering_an_idle_session_waits_for_the_next_request(world, autojump_clock):
    """It is part of what the next request's first model call sees."""
    ref = await world.start()
    await ref.steer("@say steered")

    result = await ref.submit("@say asked")

    assert result.text == "asked\nsteered"
    assert (await world.history_types(ref)).count("user.message") == 1


async def test_steering_comes_behind_the_results_of_running_tools(world, autojump_clock):
    """While a tool runs a word waits, and goes out with its result, behind it."""

    async def slow() -> str:
        """Take its time."""
        await trio.sleep(10)
        return "slept"

    ref = await world.start(slow)
    async with trio.open_nursery() as nursery:
        asking = Asking(nursery, ref, "@tool slow {}\n@say {results}")
        await trio.sleep(1)
        await ref.steer("@say and more")

    assert asking.result.text == "slept\nand more"
    bodies = [r["body"] for r in world.sim.requests if r["method"] == "POST" and r["path"].endswith("/events")]
    assert [e["type"] for e in bodies[-1]["events"]] == ["user.custom_tool_result", "user.message"]


async def test_follow_ups_go_before_what_waits(world, autojump_clock):
    """Directly behind the running request, in their own order; each with its own terminal."""
    ref = await world.start()
    async with ref.subscribe() as events:
        await ref.message("@sleep 2\n@say running")
        await ref.message("@say last")
        await ref.follow_up("@say one")
        await ref.follow_up("@say two")
        texts = []
        async for event in events:
            if event.result is not None:
                texts.append(event.result.text)
                if len(texts) == 4:
                    break

    assert texts == ["running", "one", "two", "last"]


# --- limits ----------------------------------------------------------------------------------------------------------------------


async def test_a_guard_halts_a_request(world, autojump_clock):
    """It is shown each turn, and its reason is the error's text; the partial result is there."""
    reports = []

    def guard(report):
        reports.append(report.turns)
        return agentsup.Halt("enough") if report.turns == 2 else agentsup.GoOn()

    ref = await world.start(shout, turn_guard=guard)
    script = "\n".join(f'@say {n}\n@tool shout {{"text": "{n}"}}' for n in range(5))

    with pytest.raises(agentsup.Halted, match="enough") as caught:
        await ref.submit(script)

    assert caught.value.result.text == "0\n1"
    assert reports == [1, 2]
    assert (await ref.submit("@say alive")).text == "alive"


async def test_a_guard_that_raises_halts_with_its_error(world, autojump_clock):
    """Nothing hangs, the session lives, and what the guard may have quoted of the conversation is not shown."""

    async def guard(report):
        raise ValueError("private words")

    ref = await world.start(turn_guard=guard)

    with (
        structlog.testing.capture_logs() as logs,
        pytest.raises(agentsup.Halted, match=r"ValueError at .*py:") as caught,
    ):
        await ref.submit("@say one")
    assert "private words" not in f"{caught.value!r} {logs}"
    assert (await ref.info()).state == "idle"


async def test_a_guard_is_shown_the_turn(world, autojump_clock):
    """What the agent said and called in it, why it stopped, and how long the request has been running; over a crash as well."""
    seen = []

    async def guard(report):
        seen.append(report)
        if report.turns == 1:
            await trio.sleep(1)
            if len(seen) == 1:
                await trio.sleep(60)
        return agentsup.GoOn()

    ref = await world.start(shout, turn_guard=guard)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ref.submit, '@say one\n@tool shout {"text": "x"}\n@say two')
        await trio.sleep(5)
        await crash(ref)

    assert [report.turns for report in seen] == [1, 1, 2]
    first, again, second = (report.turn for report in seen)
    assert first == again
    assert (first.number, first.text, [use.name for use in first.tool_uses]) == (1, "one", ["shout"])
    assert first.input.startswith("@say one")
    assert (second.number, second.text, second.stop_reason) == (2, "two", {"type": "end_turn"})
    assert second == (await ref.history())[1]
    assert all(0.0 <= report.elapsed < 60.0 for report in seen)


async def test_a_guard_that_answers_nonsense_halts(world, autojump_clock):
    """And is told what would be right."""
    ref = await world.start(turn_guard=lambda report: 5)

    with pytest.raises(agentsup.Halted, match=r"must return GoOn\(\) or Halt\(reason\), not int"):
        await ref.submit("@say one")


async def test_a_guard_that_halts_without_a_reason_halts(world, autojump_clock):
    """A request that was meant to stop does not go on because its reason was no text."""
    ref = await world.start(turn_guard=lambda report: agentsup.Halt(None))

    with pytest.raises(agentsup.Halted, match="SpecError at"):
        await ref.submit("@say one")


async def test_a_policy_that_denies_in_no_words_leaves_it_to_a_person(world, autojump_clock):
    """What no provider can be told would take the session down with it; it is refused where the policy says it."""
    ref = await world.start(approval=lambda use, info: agentsup.Deny(b"no"))
    await ref.message("@ask delete {}\n@say {results}")
    await wait_for(ref, "awaiting_approval")

    info = await ref.info()
    assert (info.state, info.restarts) == ("awaiting_approval", 0)


async def test_a_price_that_is_no_number_halts(world, autojump_clock):
    """It is over no limit, so a request would run on for any money."""
    ref = await world.start(price=lambda usage: float("nan"), limits=agentsup.Limits(max_cost=1.0))

    with pytest.raises(agentsup.Halted, match="no number"):
        await ref.submit("@say one")


@pytest.mark.parametrize("message", [5, b"no"])
async def test_a_denial_in_no_words_is_refused_at_the_door(world, autojump_clock, message):
    """The call still waits, and the session has not felt it."""
    ref = await world.start()
    await ref.message("@ask delete {}\n@say {results}")
    await wait_for(ref, "awaiting_approval")
    (call,) = (await ref.info()).pending_approvals
    with pytest.raises(agentsup.SpecError, match="message: must be text or None"):
        await ref.confirm(call.call_id, allow=False, message=message)

    info = await ref.info()
    assert (info.state, info.restarts) == ("awaiting_approval", 0)


async def test_tokens_and_money_are_limited(world, autojump_clock):
    """Over its tokens, or over its price, a request ends with what it had; a turn that ended by itself counts."""
    tokens = await world.start(shout, limits=agentsup.Limits(max_tokens=10))
    money = await world.start(
        shout, session_id="money", limits=agentsup.Limits(max_cost=1.0), price=lambda usage: usage.total / 5
    )
    script = '@usage 6 6\n@tool shout {"text": "x"}\n@say never'
    for ref in (tokens, money):
        with pytest.raises(agentsup.BudgetExceeded) as caught:
            await ref.submit(script)
        assert caught.value.result.usage.total == 12

    assert (await tokens.submit("@usage 50 50\n@say fine")).text == "fine"


async def test_tool_rounds_and_session_turns_are_limited(world, autojump_clock):
    """Both end a request with `TurnLimitReached`; a session out of turns begins no more requests."""
    rounds = await world.start(shout, limits=agentsup.Limits(max_tool_rounds=1))
    with pytest.raises(agentsup.TurnLimitReached):
        await rounds.submit('@tool shout {"text": "1"}\n@say between\n@tool shout {"text": "2"}\n@say never')
    turns = await world.start(session_id="turns", limits=agentsup.Limits(max_session_turns=1))
    assert (await turns.submit("@say one")).text == "one"

    with pytest.raises(agentsup.TurnLimitReached):
        await turns.submit("@say two")


async def test_an_agent_is_told_to_call_the_terminal_tool(world, autojump_clock):
    """Twice, then the request ends and says so; an agent that called it is left alone."""
    ref = await world.start(shout, terminal_tool="shout")

    assert (await ref.submit('@tool shout {"text": "x"}\n@say done')).stop_reason == {"type": "end_turn"}
    result = await ref.submit("@say no")

    assert (result.terminal, result.stop_reason) == ("end_turn", "no_terminal_tool")
    assert result.turns == 3


# --- outcomes and raw events -----------------------------------------------------------------------------------------------------


async def test_an_outcome_is_worked_towards(world, provider, autojump_clock):
    """As a request, and as what a run begins with."""
    outcome = agentsup.Outcome("@say tried\n@verdict needs_revision\n@verdict satisfied", "be good")
    ref = await world.start()

    result = await ref.submit(outcome)
    ran = await agentsup.run(agentsup.SessionSpec(provider=provider, outcome=outcome))

    for each in (result, ran):
        assert each.terminal == "end_turn"
        verdicts = [e["result"] for e in each.events if e["type"] == "span.outcome_evaluation_end"]
        assert verdicts == ["needs_revision", "satisfied"]
    with pytest.raises(agentsup.SpecError):
        await agentsup.run(agentsup.SessionSpec(provider=provider, outcome=outcome), "and a prompt")


async def test_a_raw_event_is_sent_as_it_is(world, autojump_clock):
    """What the provider takes is taken once; what it refuses is the caller's to hear."""
    ref = await world.start()
    await ref.send_event({"type": "user.message", "content": [{"type": "text", "text": "@say raw"}]})
    await trio.sleep(1)
    with pytest.raises(agentsup.ProviderFailed):
        await ref.send_event({"type": "user.nonsense"})

    assert (await ref.submit("@say after")).text == "after"
    assert (await world.history_types(ref)).count("user.message") == 2


async def test_a_sub_agents_call_is_answered(world, autojump_clock):
    """It stands among the session's own, and its result goes back to whoever made it."""
    ref = await world.start(shout)

    result = await ref.submit('@thread helper\n@tool shout {"text": "x"}\n@say {results}')

    assert result.terminal == "end_turn"
    assert [use.name for use in result.tool_uses] == ["shout"]
    replies = [event for event in result.events if event["type"] == "agent.thread_message_received"]
    assert ["X" in str(reply) for reply in replies] == [True]


ITSELF = {"type": "user.message"}
ITSELF["content"] = ITSELF


@pytest.mark.parametrize("content", [object(), float("nan"), {("a", "b"): 1}, b"bytes", ITSELF])
async def test_a_raw_event_that_json_cannot_say_is_refused_at_the_door(world, autojump_clock, content):
    """It would take the session down with it, incarnation after incarnation; nothing of it is accepted, and nothing in it shown."""
    ref = await world.start()
    with pytest.raises(agentsup.SpecError) as caught:
        await ref.send_event({"type": "user.message", "content": content})

    assert [problem.path for problem in caught.value.problems] == ["event"]
    assert "bytes" not in str(caught.value)
    assert (await ref.submit("@say after")).text == "after"
    assert (await ref.info()).restarts == 0


# --- passivation -----------------------------------------------------------------------------------------------------------------


async def test_an_idle_session_leaves_memory_and_comes_back(provider, autojump_clock):
    """After its time it is passivated; `info` does not wake it, the next word does, and nothing is lost."""
    async with agentsup.open_runtime(passivate_after=60.0) as runtime:
        ref = await runtime.start_session("s", agentsup.SessionSpec(provider=provider, tools=[shout]))
        await ref.submit("@say first")
        await trio.sleep(100)

        assert (await ref.info()).state == "passivated"
        assert ref.incarnation is None
        assert [r.id for r in runtime.sessions()] == ["s"]
        assert (await runtime.session("s").submit("@say second")).text == "second"
        assert [turn.text for turn in await ref.history()] == ["first", "second"]
        info = await ref.info()
        assert (info.restarts, info.turns) == (0, 2)


async def test_the_cap_makes_the_longest_idle_leave(provider, autojump_clock):
    """More sessions than may be resident: those that have been idle longest are passivated, and all can be spoken to."""
    async with agentsup.open_runtime(max_resident=3) as runtime:
        refs = [await runtime.start_session(f"s{n}", agentsup.SessionSpec(provider=provider)) for n in range(6)]
        await trio.sleep(1)
        states = [(await ref.info()).state for ref in refs]

        assert states == ["passivated"] * 3 + ["idle"] * 3
        assert [(await ref.submit(f"@say {n}")).text for n, ref in enumerate(refs)] == list("012345")


# --- generations -----------------------------------------------------------------------------------------------------------------


async def test_an_old_generation_stays_readable(world, autojump_clock):
    """After the end, and under a fresh beginning, the id's past can be looked at."""
    ref = await world.start()
    await ref.submit("@say old")
    await ref.close()
    again = await world.start()
    await again.submit("@say new")

    past = await world.runtime.past("s1", 1)
    assert [turn.text for turn in await past.history()] == ["old"]
    results = [event.result.text async for event in past.events() if event.result is not None]
    assert results == ["old"]
    assert [turn.text for turn in await again.history()] == ["new"]
    assert [(s.session_id, s.generation) for s in await world.runtime.stored(all_generations=True)] == [
        ("s1", 1),
        ("s1", 2),
    ]


async def test_a_fork_has_the_history_and_begins_anew(world, autojump_clock):
    """The copy lives its own life at a provider session of its own."""
    ref = await world.start()
    await ref.submit("@say shared")
    await world.runtime.fork("s1", "copy")

    copy = await world.start(session_id="copy")
    await copy.submit("@say own")

    assert [turn.text for turn in await copy.history()] == ["shared", "own"]
    assert (await copy.info()).provider_session_id != (await ref.info()).provider_session_id


async def test_a_session_that_ended_can_be_forgotten(world, autojump_clock):
    """A living one cannot."""
    ref = await world.start()
    with pytest.raises(agentsup.AlreadyStarted):
        await world.runtime.delete("s1")
    await ref.close()

    await world.runtime.delete("s1")

    with pytest.raises(agentsup.NoSuchSession):
        await world.runtime.past("s1")


# --- how much is kept ------------------------------------------------------------------------------------------------------------


async def test_old_requests_are_let_go_and_what_they_come_to_stays(provider, autojump_clock):
    """With `keep_requests` the records of older ones go; who asks for them is told how many events are missing."""
    async with agentsup.open_runtime(keep_requests=2) as runtime:
        ref = await runtime.start_session("s", agentsup.SessionSpec(provider=provider))
        for number in range(5):
            await ref.submit(f"@say {number}")
        await trio.sleep(1)

        assert [turn.text for turn in await ref.history()] == ["3", "4"]
        assert (await ref.info()).turns == 5
        async with ref.subscribe(after=0, overflow="block") as events:
            first = await anext(events)
            assert first.dropped > 0
            second = await anext(events)
            assert (second.dropped, second.cursor) == (0, first.dropped + 1)
        await crash(ref)
        assert (await ref.submit("@say 5")).text == "5"


@pytest.mark.parametrize(
    "given", [{"keep_requests": 0}, {"max_resident": -1}, {"passivate_after": 0}, {"recover": "later"}]
)
async def test_options_of_a_runtime_are_checked_at_the_door(given):
    """Named, with what would be right."""
    with pytest.raises(agentsup.SpecError) as caught:
        async with agentsup.open_runtime(**given):
            pass

    assert [problem.path for problem in caught.value.problems] == list(given)
