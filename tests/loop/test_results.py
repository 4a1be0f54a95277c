"""What requests and turns came to, folded from the kept events."""

from __future__ import annotations

from agentsup.loop import messages as msg
from agentsup.loop.results import result_of, turns_of
from agentsup.talk import events as ev
from agentsup.talk.tools import ToolUse
from agentsup.talk.usage import Usage
from tests.loop.scene import Scene, asked, echo, heard, idle, leave_echo, result_echo, said, wants_leave, working


def result(scene, request_id="r1"):
    return result_of(scene.journal, request_id, session_id="s", provider_session_id="sesn")


def measured(tokens):
    return heard(ev.Measured, usage=Usage(tokens, 1, raw=({"n": tokens},)))


def worked():
    """One request of two turns, then one of one."""
    scene = Scene()
    scene.attach()
    scene.run("r1", "first")
    scene.news(said("looking"), asked("c1"), measured(3), idle("c1"))
    scene.tool_done("c1")
    scene.tell(msg.Posted(("result:c1",)))
    scene.news(result_echo("c1"), working(), said("found"), measured(4), idle())
    scene.run("r2", "second")
    scene.news(said("bye"), measured(5), idle())
    return scene


def test_a_request_comes_to_all_of_its_turns():
    """Text, uses, usage and turns of the whole request, and nothing of another."""
    found = result(worked())

    assert (found.terminal, found.text, found.turns) == ("end_turn", "looking\nfound", 2)
    assert found.tool_uses == (ToolUse("c1", "tool", {}),)
    assert found.usage == Usage(7, 2, raw=({"n": 3}, {"n": 4}))
    assert result(worked(), "r2").text == "bye"


def test_its_events_are_the_providers_each_once_and_in_order():
    """From the echo of the message to the idle that ended it."""
    scene = worked()
    raws = [body.raw for body in scene.journal if isinstance(body, ev.Heard)]

    first, second = result(scene, "r1").events, result(scene, "r2").events

    assert [*first, *second] == raws


def test_a_request_that_we_ended_has_what_there_was():
    """The partial result of an error."""
    scene = Scene()
    scene.attach()
    scene.run()
    scene.news(said("half"))
    scene.tell(msg.Interrupt())

    found = result(scene)

    assert (found.terminal, found.stop_reason, found.text) == ("terminated", None, "half")


def test_what_an_interrupted_request_still_brings_is_not_the_next_ones():
    """The agent finishes its sentence; the next answer begins behind the next echo."""
    scene = Scene()
    scene.attach()
    scene.run("r1", "same")
    scene.tell(msg.Interrupt())
    scene.submit("r2", "same")
    scene.tell(msg.Posted(("stop:r1",)))
    scene.news(said("old"), measured(9), idle())
    scene.tell(msg.Posted(("message:r2",)), msg.News((echo("same"), working(), said("new"), measured(1), idle())))

    found = result(scene, "r2")

    assert (found.text, found.usage.input_tokens, found.turns) == ("new", 1, 1)


def test_an_echo_that_takes_its_time_begins_nothing_new():
    """An interrupted request's message may come back when the next request has begun, before that one's own has gone out."""
    scene = Scene()
    scene.attach()
    scene.submit("r1", "first")
    scene.tell(msg.Interrupt())
    scene.submit("r2", "second")
    scene.news(echo("first"), working(), said("old"), measured(9))
    scene.tell(msg.Posted(("message:r1",)), msg.Posted(("stop:r1",)))
    scene.news(idle())
    scene.tell(msg.Posted(("message:r2",)), msg.News((echo("second"), working(), said("new"), measured(1), idle())))

    found = result(scene, "r2")

    assert (found.text, found.usage.input_tokens, found.turns) == ("new", 1, 1)


def test_a_request_that_never_began_comes_to_nothing():
    """Its terminal, and no events of anybody else's."""
    scene = Scene()
    scene.attach()
    scene.run("r1")
    scene.submit("r2")
    scene.news(said("mine"))
    scene.tell(msg.Close())

    found = result(scene, "r2")

    assert (found.terminal, found.text, found.events, found.turns) == ("terminated", "", (), 0)


def test_history_tells_the_turns():
    """Numbered over the session, each with what was asked if it began a request."""
    turns = turns_of(worked().journal)

    assert [(turn.number, turn.request_id, turn.input, turn.text) for turn in turns] == [
        (1, "r1", "first", "looking"),
        (2, "r1", None, "found"),
        (3, "r2", "second", "bye"),
    ]
    assert [turn.usage.input_tokens for turn in turns] == [3, 4, 5]


def test_a_turn_is_told_whatever_ends_while_it_lasts():
    """A session that closes ends what waits at once, and lets finish what runs."""
    scene = Scene()
    scene.attach()
    scene.run("r1", "first")
    scene.tell(msg.Submit("r2", parts=()))
    scene.news(said("half"))
    scene.tell(msg.Close())
    scene.news(said("whole"), idle())

    assert [turn.text for turn in turns_of(scene.journal)] == ["half\nwhole"]


def test_words_that_join_are_part_of_the_request():
    """Its text is of all its turns, and the turn that came to a word is told with it."""
    scene = Scene()
    scene.attach()
    scene.run("r1", "hi")
    scene.steer("s1", "in French")
    scene.posted_all()
    scene.news(said("hello"), idle(), echo("in French"), working(), said("bonjour"), idle())

    found = result(scene)

    assert (found.text, found.turns) == ("hello\nbonjour", 2)
    assert [(turn.request_id, turn.input, turn.text) for turn in turns_of(scene.journal)] == [
        ("r1", "hi", "hello"),
        ("r1", "in French", "bonjour"),
    ]


def test_words_that_waited_show_in_what_was_asked():
    """They were part of the message."""
    scene = Scene()
    scene.attach()
    scene.steer("s1", "in French")
    scene.submit("r1", "hi")
    scene.posted_all()
    scene.news(echo("hi\nin French"), working(), said("bonjour"), idle())

    assert [turn.input for turn in turns_of(scene.journal)] == ["hi\nin French"]


def test_calls_of_the_providers_own_are_told_apart():
    """Also those that asked for leave."""
    scene = Scene()
    scene.attach()
    scene.run()
    scene.news(wants_leave("s1"), idle("s1"))
    scene.tell(msg.Confirm("s1", allow=True))
    scene.posted_all()
    scene.news(leave_echo("s1"), working(), heard(ev.ServerToolEnded, call_id="s1"), said(), idle())

    found = result(scene)

    assert (found.tool_uses, found.server_tool_uses) == ((), (ToolUse("s1", "bash", {}),))
    assert (found.turns, found.text) == (2, "fine")


def test_work_without_a_request_is_nobodys():
    """What an event by hand brings about before the request is not part of it."""
    raw = {"type": "user.message"}
    scene = Scene()
    scene.attach()
    scene.tell(msg.SendRaw("raw:1", raw))
    scene.posted_all()
    scene.submit("r1")
    scene.posted_all()
    scene.news(ev.Echoed(id="e", raw=raw, kind="message", text="x"), working(), said("old"), measured(9), idle())
    scene.news(echo("hi"), working(), said("new"), measured(1), idle())

    found = result(scene, "r1")

    assert (found.text, found.usage.input_tokens, found.turns) == ("new", 1, 1)
    assert [turn.text for turn in turns_of(scene.journal)] == ["new"]


def test_a_stale_idle_is_no_turn():
    """It is kept as what it is: an event that changes nothing."""
    scene = Scene()
    scene.attach()
    scene.run()
    scene.ask("c1")
    scene.tool_done("c1")
    scene.posted_all()
    scene.news(result_echo("c1"), working(), idle("c1"), said("done"), idle())

    assert result(scene).turns == 2
    assert scene.state.turns == 2
    assert len(turns_of(scene.journal)) == 2
    assert len(scene.of(ev.Noted)) == 1


def test_a_stale_idle_does_not_hide_the_real_one():
    """The calls of the newest batch are answered all the same."""
    scene = Scene()
    scene.attach()
    scene.run()
    scene.ask("c1")
    scene.tool_done("c1")
    scene.posted_all()
    scene.news(result_echo("c1"), working())
    scene.ask("c2")
    scene.news(idle("c1"))

    scene.tool_done("c2")

    assert scene.posted()[-1] == ["result:c2"]
