"""What a session decides, situation by situation."""

from __future__ import annotations

import pytest

from agentsup.loop import effects as fx
from agentsup.loop import messages as msg
from agentsup.talk import events as ev
from agentsup.talk.usage import Usage
from tests.loop.scene import Scene, asked, echo, heard, idle, result_echo, said, working

REFUSAL = ev.Failure(kind="provider", message="no", status=400)


@pytest.fixture
def scene():
    made = Scene(effects={"pure_tool": "pure"})
    made.attach()
    return made


# --- beginning -------------------------------------------------------------------------------------------------------------------


def test_nothing_is_sent_before_the_stream_is_open():
    """A message accepted while the session opens goes out only once it is attached."""
    scene = Scene()
    scene.tell(msg.Start("token"))
    scene.submit()
    assert scene.posted() == []

    scene.tell(msg.Opened("sesn"))
    assert scene.posted() == []

    scene.tell(msg.Attached())
    assert scene.posted() == [["message:r1"]]


def test_an_existing_session_is_attached_without_opening():
    """Going on with a session of the provider's creates none."""
    scene = Scene()

    effects = scene.tell(msg.Start("token", "sesn"))

    assert effects == (fx.Attach("sesn", 0),)


def test_an_open_that_failed_looks_for_its_token_first():
    """After an ambiguous create the next one searches, and later than the one before."""
    scene = Scene()
    scene.tell(msg.Start("token"))

    effects = scene.tell(msg.Lost("no answer"))

    assert effects == (fx.Open("token", search=True, attempt=1),)


def test_an_address_that_never_answers_is_given_up():
    """Before the session was ever reached, losses are limited, and what was accepted gets its terminal."""
    scene = Scene(max_open_attempts=2)
    scene.tell(msg.Start("token"))
    scene.submit()
    scene.tell(msg.Lost("refused"), msg.Lost("refused"))
    assert scene.state.ended is None

    scene.tell(msg.Lost("refused"))

    assert scene.state.ended.failure.kind == "provider"
    assert scene.ends() == {"r1": "provider"}


def test_the_same_submit_twice_is_one_request(scene):
    """A retried submit is recognised by its id: while it waits, while it runs, and after it."""
    scene.submit()
    scene.submit()
    scene.tell(msg.Posted(("message:r1",)))
    scene.news(echo(), working(), said(), idle())
    scene.submit()

    assert len(scene.of(ev.Accepted)) == 1
    assert scene.posted() == [["message:r1"]]


def test_requests_queue_in_order_and_one_at_a_time(scene):
    """The next message goes out at the end of the one before."""
    for request_id in ("r1", "r2", "r3"):
        scene.submit(request_id)
    scene.tell(msg.Posted(("message:r1",)))
    assert scene.posted() == [["message:r1"]]

    scene.news(echo(), working(), idle())

    assert scene.posted() == [["message:r1"], ["message:r2"]]
    assert [accepted.request_id for accepted in scene.state.queue] == ["r3"]


# --- ends ------------------------------------------------------------------------------------------------------------------------


def test_an_old_idle_never_ends_a_new_request(scene):
    """Only what comes behind the message's echo can end its request."""
    scene.submit()
    scene.tell(msg.Posted(("message:r1",)))

    scene.news(idle())
    assert scene.ends() == {}

    scene.news(echo(), working(), idle())
    assert scene.ends() == {"r1": None}


def test_a_missed_terminal_is_found_in_the_history(scene):
    """What happened while nobody listened ends the request, once the whole history is there and not before."""
    scene.submit()
    scene.tell(msg.Posted(("message:r1",)), msg.Lost("cut"))

    scene.news(echo(), working(), said(), idle())
    assert scene.ends() == {}

    scene.tell(msg.Attached())
    assert scene.ends() == {"r1": None}


def test_an_idle_in_the_middle_of_the_history_ends_nothing(scene):
    """While the history is merged, an idle that work follows is not the last word."""
    scene.run()
    scene.ask("c1")
    scene.tool_done("c1")
    scene.tell(msg.Lost("cut"), msg.News((result_echo("c1"), working(), idle("c2"), working())), msg.Attached())

    assert scene.ends() == {}


def test_the_providers_stop_reason_is_kept_verbatim(scene):
    """Also one nobody has heard of."""
    scene.run()

    scene.news(heard(ev.Waiting, terminal="terminated", stop_reason={"type": "novelty", "x": [1]}))

    (end,) = scene.of(ev.RequestEnded)
    assert (end.terminal, end.stop_reason, end.failure) == ("terminated", {"type": "novelty", "x": [1]}, None)


def test_waiting_for_what_we_cannot_give_ends_the_request(scene):
    """A `requires_action` that names none of our calls, or nothing at all, is the caller's to see."""
    scene.run()

    scene.news(idle("approval-1"))

    (end,) = scene.of(ev.RequestEnded)
    assert end.terminal == "requires_action"


def test_the_end_of_the_providers_session_is_the_end_of_ours(scene):
    """The running request and the queued ones get their terminals, then the session."""
    scene.run()
    scene.submit("r2")

    effects = scene.news(heard(ev.Terminated, stop_reason=None))

    assert scene.ends() == {"r1": None, "r2": "closed"}
    assert isinstance(scene.journal[-1], ev.SessionEnded)
    assert effects[-1] == fx.Finish()


def test_an_error_report_alone_ends_nothing(scene):
    """`session.error` with `retrying` is news; what follows from it comes as events of its own."""
    scene.run()

    scene.news(heard(ev.Troubled, kind="model_overloaded_error", retry="retrying"))

    assert scene.ends() == {}
    assert scene.state.last_error == "model_overloaded_error"


# --- tools -----------------------------------------------------------------------------------------------------------------------


def test_results_go_out_together_in_the_order_asked(scene):
    """One POST answers a batch, whatever the order in which its tools came to an end."""
    scene.run()
    scene.ask("c1", "c2", "c3")
    scene.tool_done("c3")
    scene.tool_done("c1")
    assert len(scene.posted()) == 1

    scene.tool_done("c2")

    assert scene.posted()[1:] == [["result:c1", "result:c2", "result:c3"]]


def test_a_tool_runs_when_the_provider_waits_for_it(scene):
    """Asked for is not yet waited for: the run begins with the idle, and is on record before it acts."""
    scene.run()
    scene.news(asked("c1"))
    assert scene.of(fx.RunTool) == []

    scene.news(idle("c1"))

    assert [effect.use.call_id for effect in scene.of(fx.RunTool)] == ["c1"]
    assert [event.call_id for event in scene.of(ev.ToolStarted)] == ["c1"]


def test_a_stale_idle_runs_and_answers_nothing(scene):
    """An idle that names calls already answered says nothing new, before and after the agent went on."""
    scene.run()
    scene.ask("c1")
    scene.tool_done("c1")
    scene.tell(msg.Posted(("result:c1",)))

    scene.news(idle("c1"))
    scene.news(result_echo("c1"), working(), idle("c1"))

    assert len(scene.of(fx.RunTool)) == 1
    assert scene.posted() == [["message:r1"], ["result:c1"]]
    assert scene.ends() == {}


def test_a_stale_idle_may_name_calls_that_an_interrupt_dropped(scene):
    """What was dropped over there is not run when it is named once more."""
    scene.run()
    scene.news(asked("c1"))
    scene.tell(msg.Interrupt())
    scene.submit("r2", "again")
    scene.tell(msg.Posted(("stop:r1",)), msg.News((idle(),)))
    scene.tell(msg.Posted(("message:r2",)), msg.News((echo("again"), working(), idle("c1"))))

    assert scene.of(fx.RunTool) == []
    assert scene.ends() == {"r1": "interrupted"}


def test_a_partial_idle_is_answered_in_part(scene):
    """An idle that names some of the open calls has these answered; the others wait for theirs."""
    scene.run()
    scene.news(asked("c1"), asked("c2"), idle("c2"))
    scene.tool_done("c2")
    assert scene.posted()[1:] == [["result:c2"]]

    scene.tell(msg.Posted(("result:c2",)))
    scene.news(idle("c1"))
    scene.tool_done("c1")

    assert scene.posted()[1:] == [["result:c2"], ["result:c1"]]


def test_a_batch_may_name_calls_of_an_earlier_one(scene):
    """Calls that are already on their way are not answered twice."""
    scene.run()
    scene.ask("c1")
    scene.tool_done("c1")
    scene.news(asked("c2"), idle("c1", "c2"))
    scene.tool_done("c2")
    scene.tell(msg.Posted(("result:c1",)))

    assert scene.posted()[1:] == [["result:c1"], ["result:c2"]]


def test_a_result_somebody_else_gave_is_not_given_again(scene):
    """If the history has a result for a call of ours, the tool's own comes too late."""
    scene.run()
    scene.ask("c1")
    scene.news(result_echo("c1"), working())

    scene.tool_done("c1")
    scene.news(idle("c1"))

    assert scene.posted() == [["message:r1"]]
    assert len(scene.of(fx.RunTool)) == 1


def test_a_result_counts_once(scene):
    """A second word from the same tool changes nothing."""
    scene.run()
    scene.ask("c1", "c2")
    scene.tool_done("c1", "first")
    scene.tool_done("c1", "second")

    assert [event.result.text for event in scene.of(ev.ToolEnded)] == ["first"]


def test_tools_left_over_from_before_are_answered(scene):
    """A session taken over in the middle of a batch has its calls run without a request of ours."""
    scene = Scene()
    scene.tell(
        msg.Start("token", "sesn"), msg.News((echo("theirs"), working(), asked("c1"), idle("c1"))), msg.Attached()
    )

    scene.tool_done("c1")

    assert scene.posted() == [["result:c1"]]


# --- reconnecting ----------------------------------------------------------------------------------------------------------------


def test_nothing_is_sent_while_a_post_is_on_its_way_though_the_stream_came_back(scene):
    """The POST may still arrive: the same message goes out again only when the POST has come to something."""
    scene.submit()
    scene.tell(msg.Lost("cut"), msg.Attached())
    assert scene.posted() == [["message:r1"]]

    scene.tell(msg.Posted(("message:r1",)))

    assert scene.posted() == [["message:r1"]]
    assert scene.state.outbox == ()


def test_after_an_unanswered_post_the_history_is_asked_first(scene):
    """A lost answer is looked up, and the message sent again only if the history has none."""
    scene.submit()
    effects = scene.tell(msg.Unanswered("no answer"))
    assert effects == (fx.Detach(), fx.Attach("sesn", 1))

    scene.tell(msg.Attached())

    assert scene.posted() == [["message:r1"], ["message:r1"]]


def test_an_echo_in_the_history_makes_a_second_post_needless(scene):
    """What arrived after all is not sent again."""
    scene.submit()
    scene.tell(msg.Unanswered("no answer"), msg.News((echo(), working())), msg.Attached())

    assert scene.posted() == [["message:r1"]]
    assert [event.keys for event in scene.of(ev.Delivered)] == [("message:r1",)]


def test_an_equal_message_of_somebody_else_is_not_taken_for_ours():
    """What was never sent cannot have been echoed."""
    scene = Scene()
    scene.tell(msg.Start("token", "sesn"))
    scene.submit("r1", "hi")

    scene.tell(msg.News((echo("hi"), working(), said(), idle())), msg.Attached())

    assert scene.posted() == [["message:r1"]]
    assert scene.ends() == {}


def test_losses_in_a_row_are_counted_until_something_new_is_heard(scene):
    """Progress is an event, also one that means nothing here; attaching alone is none."""
    scene.tell(msg.Lost("cut"), msg.Attached())
    assert scene.tell(msg.Lost("cut"))[-1] == fx.Attach("sesn", 2)

    scene.news(heard(ev.Noted))

    assert scene.tell(msg.Lost("cut"))[-1] == fx.Attach("sesn", 1)


def test_too_many_losses_in_a_row_end_the_session():
    """`max_attempts` losses are borne, one more is not."""
    scene = Scene(max_attempts=2)
    scene.attach()
    scene.run()
    scene.tell(msg.Lost("cut"), msg.Lost("cut"))
    assert scene.state.ended is None

    scene.tell(msg.Lost("cut"))

    assert scene.ends() == {"r1": "provider"}


# --- refusals --------------------------------------------------------------------------------------------------------------------


def test_a_refused_message_ends_its_request_and_the_session_goes_on(scene):
    """The next one has its own chance."""
    scene.submit("r1")
    scene.submit("r2")

    scene.tell(msg.Refused(REFUSAL, fatal=False))

    assert scene.ends() == {"r1": "provider"}
    assert scene.posted() == [["message:r1"], ["message:r2"]]


def test_a_refusal_does_not_end_a_request_that_was_not_sent(scene):
    """The refused message was of a request that is over; the next one's goes out."""
    scene.submit("r1")
    scene.tell(msg.Interrupt())
    scene.submit("r2")

    scene.tell(msg.Refused(REFUSAL, fatal=False))

    assert scene.ends() == {"r1": "interrupted"}
    assert scene.posted()[-1] == ["stop:r1", "message:r2"]


def test_refused_results_end_the_request_and_stop_the_agent(scene):
    """The agent waits for what it will not take: it is stopped, so that the next message is not queued behind it for ever."""
    scene.run()
    scene.ask("c1")
    scene.tool_done("c1")
    scene.tell(msg.Refused(REFUSAL, fatal=False), msg.Attached())
    assert scene.posted()[1:] == [["result:c1"], ["result:c1"]]  # once more, as the history has no other answer

    scene.tell(msg.Refused(REFUSAL, fatal=False))

    assert scene.ends() == {"r1": "provider"}
    assert scene.posted()[-1] == ["stop:r1"]


def test_a_late_result_may_be_refused_without_harm(scene):
    """Results of calls that were dropped meanwhile are withdrawn, and the request goes on."""
    scene.run()
    scene.ask("c1")
    scene.tool_done("c1")
    scene.news(working())

    scene.tell(msg.Refused(REFUSAL, fatal=False))

    assert scene.ends() == {}
    assert scene.state.outbox == ()


def test_a_refusal_to_be_followed_ends_the_session():
    """A stream that is refused, with whatever status, is no stream to wait for."""
    scene = Scene()
    scene.tell(msg.Start("token", "sesn"))
    scene.submit()

    scene.tell(msg.Refused(REFUSAL, fatal=False))

    assert scene.state.ended.failure == REFUSAL
    assert scene.ends() == {"r1": "provider"}


def test_a_fatal_refusal_ends_everything_with_its_reason(scene):
    """Authentication, permission, not there: every request gets a terminal with the provider's answer."""
    scene.run()
    scene.submit("r2")
    failure = ev.Failure(kind="provider", message="no", status=401)

    scene.tell(msg.Refused(failure, fatal=True))

    assert {event.request_id: event.failure for event in scene.of(ev.RequestEnded)} == {"r1": failure, "r2": failure}
    assert scene.state.ended.failure == failure


# --- timeouts and interrupts -----------------------------------------------------------------------------------------------------


def test_time_up_stops_the_request_here_and_there(scene):
    """Tools are cancelled, calls answered, the provider interrupted once; another request's timer is nobody's."""
    scene.run()
    scene.ask("c1")
    scene.tell(msg.TimedOut("r0"))
    assert scene.ends() == {}

    effects = scene.tell(msg.TimedOut("r1"))

    assert scene.ends() == {"r1": "timeout"}
    assert fx.CancelTools(("c1",)) in effects
    assert scene.posted()[-1] == ["result:c1", "stop:r1"]


def test_every_started_timer_is_cancelled(scene):
    """One timer per request, from its start to its end."""
    scene.run()
    scene.news(idle())

    assert scene.of(fx.StartTimer) == [fx.StartTimer("r1", 600.0)]
    assert scene.of(fx.CancelTimer) == [fx.CancelTimer("r1")]


def test_an_interrupt_while_nothing_runs_changes_nothing(scene):
    """No event, no effect."""
    before = scene.state

    assert scene.tell(msg.Interrupt()) == ()
    assert scene.state == before


def test_an_interrupt_before_the_message_went_out_keeps_it_here():
    """The provider never hears of it, so there is nothing to stop there."""
    scene = Scene()
    scene.tell(msg.Start("token"))
    scene.submit()

    scene.tell(msg.Interrupt(), msg.Opened("sesn"), msg.Attached())

    assert scene.posted() == []
    assert scene.ends() == {"r1": "interrupted"}


def test_an_interrupt_while_the_message_is_on_its_way_follows_it(scene):
    """One interrupt, behind the message it is for, and not before that has come to something."""
    scene.submit()
    scene.tell(msg.Interrupt())
    assert scene.posted() == [["message:r1"]]

    scene.tell(msg.Posted(("message:r1",)))

    assert scene.posted() == [["message:r1"], ["stop:r1"]]


def test_an_interrupted_message_that_did_not_arrive_is_not_sent_again(scene):
    """Its request is over; only the interrupt goes out, in case."""
    scene.submit()
    scene.tell(msg.Unanswered("no answer"), msg.Interrupt(), msg.Attached())

    assert scene.posted() == [["message:r1"], ["stop:r1"]]
    assert [event.keys for event in scene.of(ev.Withdrawn)] == [("message:r1",)]


def test_the_next_message_waits_until_the_interrupted_agent_rests(scene):
    """Behind the rest nothing of the old request can be taken for the new one's: not its echo, its work, nor its idle."""
    scene.submit("r1", "same")
    scene.tell(msg.Posted(("message:r1",)), msg.Interrupt())
    scene.submit("r2", "same")
    scene.tell(msg.Posted(("stop:r1",)))

    scene.news(echo("same"), working(), heard(ev.Measured, usage=Usage(1, 1)))
    assert scene.posted() == [["message:r1"], ["stop:r1"]]

    scene.news(idle())
    assert scene.posted()[-1] == ["message:r2"]
    assert scene.ends() == {"r1": "interrupted"}

    scene.news(echo("same"), working(), idle())
    assert scene.ends() == {"r1": "interrupted", "r2": None}


def test_an_agent_that_came_to_rest_by_itself_is_not_waited_for():
    """The end was in the history, not yet acted on, when the interrupt came: no other rest will follow."""
    scene = Scene()
    scene.attach()
    scene.run()
    scene.tell(msg.Lost("cut"), msg.News((said(), idle())), msg.Interrupt())
    scene.submit("r2")

    scene.tell(msg.Attached())

    assert "message:r2" in scene.posted()[-1]


def test_the_echo_of_an_older_interrupt_does_not_confirm_a_newer_one(scene):
    """A lost interrupt is sent again though the echo of one that did nothing comes late."""
    scene.run("r1")
    scene.tell(msg.Interrupt(), msg.Posted(("stop:r1",)), msg.News((idle(),)))
    scene.run("r2")
    scene.tell(msg.Interrupt())

    scene.tell(msg.News((heard(ev.Echoed, kind="interrupt"),)), msg.Unanswered("no answer"), msg.Attached())

    assert scene.posted()[-1] == ["stop:r2"]


def test_an_interrupted_tool_is_not_heard_any_more(scene):
    """What it still says comes too late: its call has its one result."""
    scene.run()
    scene.ask("c1")
    scene.tell(msg.Interrupt())

    scene.tool_done("c1", "too late")

    assert ["too late" in event.result.text for event in scene.of(ev.ToolEnded)] == [False]


# --- closing ---------------------------------------------------------------------------------------------------------------------


def test_close_lets_the_running_request_finish(scene):
    """The queued ones end at once, the running one by itself, then the session; new ones are not taken."""
    scene.run("r1")
    scene.submit("r2")
    scene.tell(msg.Close())
    scene.submit("r3")
    assert scene.ends() == {"r2": "closed"}

    effects = scene.news(said(), idle())

    assert scene.ends() == {"r2": "closed", "r1": None}
    assert scene.state.ended.failure is None
    assert effects[-2:] == (fx.Detach(), fx.Finish())


def test_close_waits_for_an_interrupt_to_be_told(scene):
    """A session does not leave while its interrupt is on its way."""
    scene.run()
    scene.tell(msg.Interrupt(), msg.Close())
    assert scene.state.ended is None

    scene.tell(msg.Posted(("stop:r1",)))

    assert scene.state.ended is not None


def test_abort_stops_the_provider_and_ends_at_once(scene):
    """Every request has its terminal, the interrupt goes out, nothing follows."""
    scene.run("r1")
    scene.submit("r2")

    effects = scene.tell(msg.Abort())

    assert scene.ends() == {"r1": "closed", "r2": "closed"}
    assert [[item.key for item in effect.items] for effect in effects if isinstance(effect, fx.Post)] == [["stop:r1"]]
    assert scene.tell(msg.Interrupt()) == ()


def test_abort_takes_an_interrupt_along_that_was_not_told_yet(scene):
    """What runs there is stopped, also when its request had ended here already."""
    scene.submit()
    scene.tell(msg.Interrupt())

    scene.tell(msg.Abort())

    assert scene.posted()[-1] == ["stop:r1"]


def test_abort_of_an_idle_session_says_nothing_to_the_provider(scene):
    """There is nothing to stop."""
    scene.tell(msg.Abort())

    assert scene.posted() == []


# --- restarting ------------------------------------------------------------------------------------------------------------------


def test_a_crash_before_the_session_was_known_looks_for_it():
    """The create may have happened."""
    scene = Scene()
    scene.tell(msg.Start("token"))

    assert scene.crash() == (fx.Open("token", search=True, attempt=0),)


def test_a_crash_after_sending_looks_before_it_sends_again(scene):
    """The message is in the history or it is not, and that decides."""
    scene.submit()
    scene.crash()
    assert scene.posted() == [["message:r1"]]

    scene.tell(msg.News((echo(), working())), msg.Attached())

    assert scene.posted() == [["message:r1"]]


def test_an_unsafe_call_in_doubt_is_answered_and_not_run_again(scene):
    """The model is told that the outcome is unknown; a pure call runs again under its old id."""
    scene.run()
    scene.news(asked("c1", "tool"), asked("c2", "pure_tool"), idle("c1", "c2"))
    scene.effects.clear()

    scene.crash()
    scene.tell(msg.Attached())

    assert [effect.use.call_id for effect in scene.of(fx.RunTool)] == ["c2"]
    (doubt,) = scene.of(ev.ToolEnded)
    assert doubt.result.is_error
    assert "unknown" in doubt.result.text


def test_a_kept_result_is_not_produced_again(scene):
    """The outcome is in the journal: it is sent, and no tool runs."""
    scene.run()
    scene.ask("c1", "c2")
    scene.tool_done("c1")
    scene.effects.clear()
    scene.crash()
    scene.tell(msg.Attached())

    assert scene.of(fx.RunTool) == []
    assert scene.posted() == [["result:c1", "result:c2"]]


def test_a_running_requests_timer_starts_anew(scene):
    """The next incarnation has no timer of the one before."""
    scene.run()

    assert fx.StartTimer("r1", 600.0) in scene.crash()


def test_a_session_that_ended_stays_ended(scene):
    """Nothing brings it back, and nothing follows."""
    scene.tell(msg.Abort())

    for message in (msg.Start("t"), msg.Revive("x"), msg.Attached(), msg.Close(), msg.Abort(), msg.Lost("cut")):
        assert scene.tell(message) == ()
    scene.submit()

    assert scene.of(ev.Accepted) == []


def test_it_begins_once(scene):
    """A second first message changes nothing."""
    assert scene.tell(msg.Start("another", "other")) == ()
    assert scene.state.token == "token"
