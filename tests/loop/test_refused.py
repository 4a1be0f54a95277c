"""What was refused although it may have been done, and what fails for something that lacks here."""

from __future__ import annotations

import pytest

from agentsup.loop import effects as fx
from agentsup.loop import messages as msg
from agentsup.talk import events as ev
from tests.loop.scene import Scene, echo, idle, result_echo, said, working

REFUSAL = ev.Failure(kind="provider", message="no", status=500)
DOUBTFUL = msg.Refused(REFUSAL, fatal=False, doubtful=True)


def scene(**rules):
    made = Scene(**rules)
    made.attach()
    return made


def test_the_history_is_asked_before_a_request_is_ended():
    """And it has it: then the request goes on, and nothing is sent again."""
    s = scene()
    s.submit()
    assert any(isinstance(effect, fx.Attach) for effect in s.tell(DOUBTFUL))
    assert s.ends() == {}

    s.news(echo("hi"), working())
    s.tell(msg.Attached())

    assert s.posted() == [["message:r1"]]
    s.news(said(), idle())
    assert s.ends() == {"r1": None}


def test_what_the_history_does_not_have_is_not_sent_again():
    """The request ends with what was said of it, and the next one is sent."""
    s = scene()
    s.submit()
    s.submit("r2")
    s.tell(DOUBTFUL, msg.Attached())

    (withdrawn,) = s.of(ev.Withdrawn)
    assert (withdrawn.keys, withdrawn.failure) == (("message:r1",), REFUSAL)
    assert s.ends() == {"r1": "provider"}
    assert s.posted() == [["message:r1"], ["message:r2"]]


def test_a_history_that_cannot_be_had_is_waited_for():
    """However often the way there is lost meanwhile."""
    s = scene()
    s.submit()
    s.tell(DOUBTFUL, msg.Lost("cut"), msg.Lost("cut"))
    assert s.ends() == {}

    s.tell(msg.Attached())

    assert s.ends() == {"r1": "provider"}
    assert s.posted() == [["message:r1"]]


@pytest.mark.parametrize("arrived", [True, False])
def test_answers_to_calls(arrived):
    """They are in the history, or the request ends and the agent is told to stop; they are not sent once more."""
    s = scene()
    s.run()
    s.ask("c1")
    s.tool_done("c1")
    s.tell(DOUBTFUL)
    if arrived:
        s.news(result_echo("c1"), working())
    s.tell(msg.Attached())

    assert s.ends() == ({} if arrived else {"r1": "provider"})
    assert s.posted()[1:] == [["result:c1"]] if arrived else [["result:c1"], ["stop:r1"]]
    assert not s.state.calls


def test_without_a_history_nobody_is_asked():
    """It may have been done, and that is said."""
    s = scene(has_history=False)
    s.submit()

    s.tell(DOUBTFUL)

    assert s.ends() == {"r1": "provider"}
    assert not s.of(ev.ConnectionLost)


def test_a_crash_forgets_that_it_was_refused_and_not_that_it_was_sent():
    """The next incarnation looks as well, and may say it once more: it did not arrive."""
    s = scene()
    s.submit()
    s.tell(DOUBTFUL)
    s.crash()
    s.tell(msg.Attached())

    assert s.ends() == {}
    assert s.posted() == [["message:r1"]] * 2


@pytest.mark.parametrize(
    "message", [msg.Lost("no descriptors", ours=True), msg.Unanswered("no descriptors", ours=True)]
)
def test_what_lacks_here_uses_up_no_attempt(message):
    """The provider was not asked: neither limit counts it, and what is counted goes on where it was."""
    s = Scene(max_attempts=2, max_open_attempts=1)
    s.tell(msg.Start("token"))
    s.tell(*[message] * 50)
    assert s.state.ended is None
    assert s.state.last_error == "no descriptors"

    s.tell(msg.Opened("sesn"), msg.Attached(), msg.Lost("cut"))
    s.tell(*[message] * 50)

    assert s.state.attempts == 1
    s.tell(msg.Lost("cut"))
    assert s.state.ended is None
    s.tell(msg.Lost("cut"))
    assert s.state.ended is not None
