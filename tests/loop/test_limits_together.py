"""Limits in company: whatever is asked of one request at the same time, a model of a few lines says which of them ends it, and when."""

from __future__ import annotations

import itertools

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentsup.loop import effects as fx
from agentsup.loop import messages as msg
from agentsup.talk import events as ev
from agentsup.talk.usage import Usage
from tests.loop.scene import Scene, asked, echo, heard, idle, result_echo, said, working

TELLINGS = 2


@attrs.frozen
class Turn:
    """What the agent does in one turn, and what is said of it."""

    calls: tuple[str, ...]
    """Names of the tools it asks for; with none, it rests."""

    tokens: int
    verdict: str
    """Of whoever looks at it: `on`, `halt` or `over`."""


@attrs.frozen
class Expected:
    turns: int
    failure: str | None
    told: int
    ran: int
    """Calls that were run."""

    unfinished: bool = False
    """It ended without its terminal tool."""


def ending(rules, script, *, before=0):
    """How a request over this script ends. None: it does not, with what the script has."""
    spent = rounds = told = ran = 0
    concluded = False
    for number, turn in enumerate(script, 1):
        spent += turn.tokens
        concluded = concluded or rules.get("terminal_tool") in turn.calls
        if rules.get("judged") and turn.verdict != "on":
            failure = "budget" if turn.verdict == "over" else "halted"
            return Expected(number, failure, told, ran)
        over = None
        if number >= rules.get("max_turns", 50):
            over = "turn_limit"
        elif spent >= rules.get("max_tokens", 10**9):
            over = "budget"
        elif before + number >= rules.get("max_session_turns", 10**9):
            over = "turn_limit"
        if turn.calls:
            if over is None and rounds >= rules.get("max_tool_rounds", 10**9):
                over = "turn_limit"
            if over is not None:
                return Expected(number, over, told, ran)
            rounds += 1
            ran += len(turn.calls)
        else:
            lacks = "terminal_tool" in rules and not concluded
            if not (lacks and over is None and told < TELLINGS):
                return Expected(number, None, told, ran, unfinished=lacks)
            told += 1
    return None


def played(rules, script):
    """The same with the machine."""
    scene = Scene(**rules)
    scene.attach()
    scene.run()
    for number, turn in enumerate(script, 1):
        ids = [f"c{number}.{place}" for place in range(len(turn.calls))]
        calls = [asked(call_id, name) for call_id, name in zip(ids, turn.calls, strict=True)]
        scene.news(*(calls or [said()]), heard(ev.Measured, usage=Usage(turn.tokens, 0)), idle(*ids))
        if rules.get("judged"):
            assert scene.of(fx.Judge)[-1].turn == number
            assert scene.started() == [call for call in scene.started() if not call.startswith(f"c{number}.")]
            scene.tell(
                msg.Judged("r1", number, halt=None if turn.verdict == "on" else "no", over=turn.verdict == "over")
            )
        if scene.ends():
            return scene
        for call_id in reversed(ids):
            scene.tool_done(call_id)
        assert scene.posted()[-1] == ([f"result:{call_id}" for call_id in ids] or scene.posted()[-1])
        words = [echo(scene.of(ev.Directed)[-1].text)] if not turn.calls else map(result_echo, ids)
        scene.posted_all()
        scene.news(*words, working())
    return scene


def check(rules, script):
    expected = ending(rules, script)
    scene = played(rules, script)
    ends = scene.of(ev.RequestEnded)
    if expected is None:
        assert ends == []
        return
    (end,) = ends
    seen = Expected(
        turns=scene.state.turns,
        failure=end.failure and end.failure.kind,
        told=len(scene.of(ev.Directed)),
        ran=len(scene.started()),
        unfinished=end.stop_reason == "no_terminal_tool",
    )
    assert seen == expected
    open_calls = {call for turn in scene.of(ev.ToolAsked) for call in [turn.use.call_id]} - set(scene.results())
    assert open_calls == set(), "every call has a result"
    assert all(event.result.is_error for event in scene.of(ev.ToolEnded) if event.result.call_id not in scene.started())


TURNS = st.builds(
    Turn,
    st.lists(st.sampled_from(["look", "finish"]), max_size=3).map(tuple),
    st.integers(0, 4),
    st.sampled_from(["on", "on", "on", "halt", "over"]),
)
CHOICES = {
    "max_turns": (1, 2, 3),
    "max_tool_rounds": (0, 1, 2),
    "max_session_turns": (1, 2, 3),
    "max_tokens": (1, 4, 8),
    "judged": (True,),
    "terminal_tool": ("finish",),
}


@pytest.mark.parametrize("pair", list(itertools.combinations(CHOICES, 2)), ids=" and ".join)
@settings(max_examples=40)
@given(data=st.data())
def test_two_limits_in_company(pair, data):
    """The first that is reached ends the request, at exactly that turn; at the same turn the order is always the same."""
    rules = {name: data.draw(st.sampled_from(CHOICES[name]), label=name) for name in pair}

    check(rules, data.draw(st.lists(TURNS, min_size=1, max_size=6), label="script"))


@given(
    st.fixed_dictionaries({}, optional={name: st.sampled_from(values) for name, values in CHOICES.items()}),
    st.lists(TURNS, min_size=1, max_size=6),
)
def test_any_limits_in_company(rules, script):
    """The same with all of them."""
    check(rules, script)


def test_a_guard_that_halts_in_no_words_is_not_taken_for_a_budget():
    """The request ends as halted, and says so."""
    scene = Scene(judged=True)
    scene.attach()
    scene.run()
    scene.ask("c1")

    scene.tell(msg.Judged("r1", 1, halt=""))

    failure = scene.of(ev.RequestEnded)[0].failure
    assert (failure.kind, failure.message) == ("halted", "the turn guard halted the request, and did not say why")
