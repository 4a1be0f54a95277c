"""Two limits at a time through the simulator, and eight tools at a time when some of them come to a bad end."""

from __future__ import annotations

import pytest
import trio

import agentsup


@agentsup.tool(effect="pure")
async def look() -> str:
    """Look."""
    return "seen"


@agentsup.tool(effect="pure")
async def finish() -> str:
    """Be done."""
    return "done"


async def slow_guard(report):
    await trio.sleep_forever()


LOOKS = "\n".join(["@usage 10 5\n@tool look {}"] * 6) + "\n@say done"
"""The consecutive calls are apart, as each has its own usage."""

ROUNDS = "@tool look {}\n@say one\n@tool look {}\n@say two\n@tool look {}\n@say three"


@pytest.mark.parametrize(
    ("options", "limits", "kind", "turns"),
    [
        ({}, {"max_turns": 2, "max_tool_rounds": 2}, agentsup.TurnLimitReached, 2),
        ({}, {"max_turns": 2, "max_tool_rounds": 0}, agentsup.TurnLimitReached, 1),
        ({}, {"max_turns": 2, "max_session_turns": 1}, agentsup.TurnLimitReached, 1),
        ({"turn_guard": lambda report: agentsup.Halt("enough")}, {"max_turns": 1}, agentsup.Halted, 1),
        ({"turn_guard": lambda report: agentsup.GoOn()}, {"max_turns": 1}, agentsup.TurnLimitReached, 1),
        (
            {"price": lambda usage: 9.0, "turn_guard": lambda report: agentsup.Halt("enough")},
            {"max_cost": 5.0},
            agentsup.BudgetExceeded,
            1,
        ),
        ({"price": lambda usage: 1.0}, {"max_cost": 5.0, "max_turns": 2}, agentsup.TurnLimitReached, 2),
        ({"turn_guard": slow_guard}, {"max_turns": 1, "timeout": 5.0}, agentsup.RequestTimeout, 1),
        ({"terminal_tool": "finish"}, {"max_turns": 2}, agentsup.TurnLimitReached, 2),
        ({"terminal_tool": "finish", "turn_guard": lambda report: False}, {}, agentsup.Halted, 1),
    ],
)
async def test_the_first_that_is_reached_ends_the_request(world, autojump_clock, options, limits, kind, turns):
    """With so many turns, no call left unanswered, and a session that goes on where it may."""
    ref = await world.start(look, finish, limits=agentsup.Limits(**limits), **options)

    with pytest.raises(kind) as caught:
        await ref.submit(ROUNDS)

    assert type(caught.value) is kind
    assert caught.value.result.turns == turns
    info = await ref.info()
    assert (info.state, info.restarts) == ("idle", 0)
    types = await world.history_types(ref)
    assert types.count("user.custom_tool_result") == types.count("agent.custom_tool_use")


async def test_eight_tools_answer_in_the_order_of_the_calls_whatever_becomes_of_each(world, autojump_clock):
    """One is late, one takes too long, one cancels itself, one exits: each has its own result, in its own place."""
    running, most = 0, 0

    def made(number, end):
        @agentsup.tool(name=f"t{number}", timeout=20.0, effect="pure")
        async def one() -> str:
            """One of many."""
            nonlocal running, most
            running += 1
            most = max(most, running)
            try:
                await trio.sleep(10 - number)
                await end()
            finally:
                running -= 1
            return f"r{number}"

        return one

    async def well():
        pass

    async def late():
        await trio.sleep(8)

    async def hangs():
        await trio.sleep_forever()

    async def exits():
        raise SystemExit(3)

    async def cancels_itself():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            nursery.cancel_scope.cancel()

    async def raises_in_a_nursery():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(exits)
            nursery.start_soon(trio.sleep_forever)

    ends = [well, late, hangs, exits, cancels_itself, raises_in_a_nursery, well, well, well, well]
    tools = [made(number, end) for number, end in enumerate(ends)]
    ref = await world.start(*tools)

    result = await ref.submit("\n".join(f"@tool {tool.name} {{}}" for tool in tools) + "\n@say {results}")

    assert result.text == ", ".join(
        [
            *("r0", "r1", "the tool took longer than its 20 seconds", "the tool failed: SystemExit: 3", "r4"),
            *("the tool failed: SystemExit: 3", "r6", "r7", "r8", "r9"),
        ]
    )
    assert (most, running) == (8, 0)
    assert (await ref.info()).restarts == 0
