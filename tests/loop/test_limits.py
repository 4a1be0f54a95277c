"""What a request may use up, who looks at it, and the tool that must be called."""

from __future__ import annotations

import pytest

from agentsup.loop import effects as fx
from agentsup.loop import messages as msg
from agentsup.talk import events as ev
from agentsup.talk.usage import Usage
from tests.loop.scene import Scene, asked, echo, heard, idle, result_echo, said, working


def ready(**rules):
    scene = Scene(**rules)
    scene.attach()
    scene.run()
    return scene


def round_of(scene, call_id):
    """A batch of one call, from the question to the agent's going on."""
    scene.ask(call_id)
    scene.tool_done(call_id)
    scene.tell(msg.Posted((f"result:{call_id}",)), msg.News((result_echo(call_id), working())))


def judged(scene, turn, **verdict):
    return scene.tell(msg.Judged("r1", turn, **verdict))


# --- turns, rounds, tokens ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_max_turns_is_exact(limit):
    """The turn that reaches the limit with calls open is the last one; its calls are answered with errors, and the agent stopped."""
    scene = Scene(max_turns=limit)
    scene.attach()
    scene.run()
    for turn in range(1, limit):
        scene.ask(f"c{turn}")
        scene.tool_done(f"c{turn}")
        scene.tell(msg.Posted((f"result:c{turn}",)), msg.News((result_echo(f"c{turn}"), working())))
    assert scene.ends() == {}

    scene.ask("last")

    assert scene.ends() == {"r1": "turn_limit"}
    assert scene.state.turns == limit
    assert scene.posted()[-1] == ["result:last", "stop:r1"]
    assert [event.result.is_error for event in scene.of(ev.ToolEnded) if event.result.call_id == "last"] == [True]
    assert "last" not in [effect.use.call_id for effect in scene.of(fx.RunTool)]


def test_a_turn_that_ends_the_request_is_never_thrown_away():
    """At the limit, a natural end is a natural end."""
    scene = Scene(max_turns=1)
    scene.attach()
    scene.run()

    scene.news(said(), idle())

    assert scene.ends() == {"r1": None}


def test_repeated_idles_are_not_turns():
    """A turn is a stretch of work; an idle said twice is one."""
    scene = Scene(max_turns=1)
    scene.attach()
    scene.run()
    scene.news(asked("c1"), heard(ev.Measured, usage=Usage(1, 1)), idle("approval", "c1"))

    turns = scene.state.turns
    scene.news(idle("c1"))

    assert (turns, scene.state.turns) == (1, 1)


@pytest.mark.parametrize("limit", [0, 1, 2])
def test_max_tool_rounds_is_exact(limit):
    """So many batches are answered; the next one's calls get errors instead of running."""
    scene = ready(max_tool_rounds=limit)
    for number in range(limit):
        round_of(scene, f"c{number}")
    assert scene.ends() == {}

    scene.ask("last")

    assert scene.ends() == {"r1": "turn_limit"}
    assert scene.started() == [f"c{number}" for number in range(limit)]
    assert scene.posted()[-1] == ["result:last", "stop:r1"]


def test_an_answer_behind_the_last_round_is_never_thrown_away():
    """A request that needs no more rounds is not over the limit of them."""
    scene = ready(max_tool_rounds=1)
    round_of(scene, "c1")
    scene.steer()
    scene.posted_all()

    scene.news(said(), idle(), echo("and"), working(), said(), idle())

    assert scene.ends() == {"r1": None}


def test_max_tokens_stops_before_the_next_calls_run():
    """Looked at when the agent waits; what came of a natural end is kept."""
    scene = ready(max_tokens=10)
    scene.news(asked("c1"), heard(ev.Measured, usage=Usage(9, 1)), idle("c1"))

    assert scene.ends() == {"r1": "budget"}
    assert scene.started() == []


def test_max_session_turns_counts_over_the_session():
    """The request that would need another turn ends, and the next ones do not begin."""
    scene = ready(max_session_turns=1)
    scene.news(said(), idle())
    scene.submit("r2")

    assert scene.ends() == {"r1": None, "r2": "turn_limit"}
    assert scene.posted() == [["message:r1"]]


def test_a_word_that_needs_one_turn_too_many_ends_the_request():
    """The agent has not come to it, so the request is not done; it may not go on, either."""
    scene = ready(max_turns=1)
    scene.steer()
    scene.posted_all()

    scene.news(said(), idle())

    assert scene.ends() == {"r1": "turn_limit"}
    assert scene.posted()[-1] == ["stop:r1"]
    assert scene.state.turns == 1


# --- judging -----------------------------------------------------------------------------------------------------------------------


def test_every_turn_is_judged_once_before_the_request_goes_on():
    """No call runs before; and none again after."""
    scene = ready(judged=True)
    assert scene.ask("c1") == (fx.Judge("r1", 1, 1, Usage()),)
    assert scene.started() == []

    judged(scene, 1)
    assert scene.started() == ["c1"]

    judged(scene, 1, halt="too late")
    scene.tool_done("c1")
    scene.tell(msg.Posted(("result:c1",)))
    scene.news(result_echo("c1"), working(), said(), idle())
    assert [effect.turn for effect in scene.of(fx.Judge)] == [1, 2]
    assert scene.ends() == {}

    judged(scene, 2)
    assert scene.ends() == {"r1": None}


def test_turns_that_came_together_are_judged_one_by_one():
    """A history may bring several at once."""
    scene = ready(judged=True)
    scene.steer()
    scene.tell(msg.Lost("cut"))
    scene.news(echo("and", queued=True, id="e"), said(), idle(), echo("and", id="e"), working(), said(), idle())
    scene.tell(msg.Attached())
    judged(scene, 1)

    judged(scene, 2)

    assert [event.turn for event in scene.of(ev.TurnJudged)] == [1, 2]
    assert scene.ends() == {"r1": None}


def test_halting_wins_over_the_limit():
    """Of two reasons to end at the same turn, the guard's is told."""
    scene = ready(judged=True, max_turns=1)
    scene.ask("c1")

    judged(scene, 1, halt="enough")

    assert scene.ends() == {"r1": "halted"}
    assert scene.of(ev.RequestEnded)[0].failure.message == "enough"
    assert scene.posted()[-1] == ["result:c1", "stop:r1"]


def test_a_request_that_costs_too_much_is_over_its_budget():
    """Also at its last turn; an agent that rests is not interrupted."""
    scene = ready(judged=True)
    scene.news(said(), idle())

    judged(scene, 1, cost=3.0, over=True)

    assert scene.ends() == {"r1": "budget"}
    assert scene.posted() == [["message:r1"]]


def test_a_restart_in_the_middle_of_judging_asks_again():
    """The question of the last incarnation is not answered any more."""
    scene = ready(judged=True)
    scene.ask("c1")

    scene.crash()
    scene.tell(msg.Attached())

    assert [effect.turn for effect in scene.of(fx.Judge)] == [1, 1]


def test_a_guard_that_hangs_holds_up_its_own_request_only():
    """The next one's turns are judged by themselves, and what comes late is not heard."""
    scene = ready(judged=True)
    scene.news(said(), idle())
    scene.tell(msg.Interrupt())
    scene.run("r2")
    scene.news(said(), idle())

    scene.tell(msg.Judged("r1", 1, halt="late"), msg.Judged("r2", 1))

    assert scene.ends() == {"r1": "interrupted", "r2": None}


# --- the terminal tool -------------------------------------------------------------------------------------------------------------


def turn_after(scene, text):
    """The agent comes to the newest word, and answers."""
    scene.posted_all()
    scene.news(echo(text), working(), said(), idle())


def test_an_agent_that_ends_without_its_terminal_tool_is_told_so_twice():
    """Each telling is a turn of the request; then it ends with a stop reason that is ours."""
    scene = ready(terminal_tool="finish")
    scene.news(said(), idle())
    for _ in range(2):
        assert scene.ends() == {}
        turn_after(scene, scene.of(ev.Directed)[-1].text)

    (end,) = scene.of(ev.RequestEnded)
    assert (end.terminal, end.stop_reason, end.failure) == ("end_turn", "no_terminal_tool", None)
    assert len(scene.of(ev.Directed)) == 2
    assert scene.state.turns == 3


def test_a_terminal_tool_that_was_called_lets_the_request_end():
    """In whichever turn; it need not be the last thing."""
    scene = ready(terminal_tool="finish")
    scene.ask("c1", name="finish")
    scene.tool_done("c1")
    scene.posted_all()

    scene.news(result_echo("c1"), working(), said(), idle())

    assert scene.of(ev.Directed) == []
    assert scene.of(ev.RequestEnded)[0].stop_reason == {"type": "end_turn"}


def test_telling_counts_against_the_turns():
    """At the limit the request ends as it is."""
    scene = ready(terminal_tool="finish", max_turns=1)

    scene.news(said(), idle())

    assert scene.of(ev.RequestEnded)[0].stop_reason == "no_terminal_tool"
    assert scene.of(ev.Directed) == []


def test_an_end_that_is_none_needs_no_terminal_tool():
    """A refusal, say, is told as it is."""
    scene = ready(terminal_tool="finish")

    scene.news(heard(ev.Waiting, terminal="terminated", stop_reason={"type": "refusal"}))

    assert scene.of(ev.RequestEnded)[0].stop_reason == {"type": "refusal"}
