"""Hypothesis strategies for what sessions say and hear."""

from __future__ import annotations

from hypothesis import strategies as st

from agentsup.loop import messages as msg
from agentsup.talk import events as ev
from agentsup.talk.content import Text
from agentsup.talk.limits import Limits
from agentsup.talk.outcome import Evaluation, FileRubric, Outcome
from agentsup.talk.tools import ToolResult, ToolUse
from agentsup.talk.usage import Usage

REQUEST_IDS = st.sampled_from(["r1", "r2", "r3"])
CALL_IDS = st.sampled_from(["c1", "c2", "c3"])
TEXTS = st.sampled_from(["hi", "go on", ""])
WORD_IDS = st.sampled_from(["s1", "s2"])
KEYS = st.sampled_from(
    [
        "message:r1",
        "message:r2",
        "message:s1",
        "message:r1:directive:1",
        "result:c1",
        "result:c2",
        "leave:c1",
        "leave:c3",
        "raw:1",
        "options:1",
        "stop:r1",
        "stop:r2",
        "nothing",
    ]
)
EVENT_IDS = st.none() | st.integers(0, 10_000).map("event-{}".format)
RAW = st.just({"type": "made up"})
PARTS = TEXTS.map(lambda text: (Text(text),))
OUTCOMES = st.none() | st.just(Outcome("hi", "good")) | st.just(Outcome("hi", FileRubric("file_1")))
TERMINALS = st.sampled_from(["end_turn", "requires_action", "terminated"])

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


OPTION_KEYS = st.sampled_from(["options:1", "options:2"])
OPTIONS = st.dictionaries(st.sampled_from(["model", "title"]), st.none() | st.text(max_size=3), max_size=2)
LIMITS = st.builds(
    Limits,
    max_turns=st.integers(1, 3),
    max_tool_rounds=st.sampled_from([None, 0, 1]),
    timeout=st.sampled_from([None, 5.0, 600.0]),
    max_cost=st.sampled_from([None, 1.0]),
)


def _heard(kind, /, **fields):
    return st.builds(kind, id=EVENT_IDS, raw=RAW, **fields)


THREADS = st.sampled_from([None, None, "sthr_1", "sthr_2"])


def _uses():
    return st.builds(
        ToolUse, CALL_IDS, st.sampled_from(["tool", "pure_tool", "gated_tool", "finish", "unknown"]), st.just({})
    )


WAITING = _heard(
    ev.Waiting, terminal=TERMINALS, stop_reason=st.none(), asked=st.lists(CALL_IDS, max_size=3, unique=True).map(tuple)
)
THEIRS = st.one_of(
    _heard(ev.Working),
    WAITING,
    _heard(ev.Said, text=TEXTS),
    _heard(ev.ToolAsked, use=_uses(), thread=THREADS),
    _heard(ev.ServerToolUsed, use=_uses(), asks=st.booleans(), thread=THREADS),
    _heard(ev.ServerToolEnded, call_id=CALL_IDS),
    _heard(ev.ThreadEnded, thread=THREADS),
    _heard(ev.Measured, usage=st.builds(Usage, st.integers(0, 9), st.integers(0, 9))),
    _heard(ev.EvaluationStarted, iteration=st.integers(0, 2)),
    _heard(ev.EvaluationOngoing, iteration=st.integers(0, 2)),
    _heard(ev.EvaluationEnded, evaluation=st.just(Evaluation(result="satisfied", iteration=0, explanation="good"))),
    _heard(ev.Echoed, kind=st.just("message"), text=TEXTS | st.none(), queued=st.booleans()),
    _heard(ev.Echoed, kind=st.just("outcome"), text=TEXTS),
    _heard(ev.Echoed, kind=st.sampled_from(["result", "confirmation"]), call_id=CALL_IDS | st.none()),
    _heard(ev.Echoed, kind=st.sampled_from(["interrupt", "other"])),
    _heard(ev.Troubled, kind=st.just("unknown_error"), retry=st.none()),
    _heard(ev.Noted),
)
"""What a provider may say, but for the end of its session."""

TERMINATED = _heard(ev.Terminated, stop_reason=st.none())
RESULTS = st.builds(ToolResult, CALL_IDS, TEXTS, st.booleans())
FAILURES = st.just(ev.Failure(kind="provider", message="no", status=400))

OURS = st.one_of(
    st.builds(ev.SessionStarted, token=st.just("token")),
    st.builds(ev.SessionRestarted, number=st.integers(1, 3), reason=TEXTS),
    st.builds(ev.Resumed, reason=TEXTS),
    st.builds(ev.Passivated),
    st.builds(ev.Forked, source=st.just("other"), cursor=st.integers(0, 9)),
    st.builds(ev.Bound, provider_session_id=st.just("sesn")),
    st.builds(ev.Connected),
    st.builds(ev.ConnectionLost, reason=TEXTS, attempt=st.integers(1, 3)),
    st.builds(ev.Accepted, request_id=REQUEST_IDS, parts=PARTS, outcome=OUTCOMES, next=st.booleans()),
    st.builds(ev.Steered, message_id=WORD_IDS, parts=PARTS),
    st.builds(ev.Directed, message_id=WORD_IDS, kind=st.just("terminal_tool"), text=TEXTS),
    st.builds(ev.RawAsked, key=st.just("raw:1"), raw=RAW),
    st.builds(ev.Configured, key=OPTION_KEYS, limits=st.none() | LIMITS, options=OPTIONS, sent=st.booleans()),
    st.builds(ev.RequestStarted, request_id=REQUEST_IDS),
    st.builds(ev.TakenUp, request_id=REQUEST_IDS),
    st.builds(ev.Sending, keys=st.lists(KEYS, max_size=2).map(tuple)),
    st.builds(ev.Delivered, keys=st.lists(KEYS, max_size=2).map(tuple)),
    st.builds(ev.Withdrawn, keys=st.lists(KEYS, max_size=2).map(tuple), failure=st.none() | FAILURES),
    st.builds(ev.ApprovalAwaited, call_id=CALL_IDS, name=st.just("tool"), reason=st.none() | TEXTS),
    st.builds(ev.Confirmed, call_id=CALL_IDS, allow=st.booleans(), message=st.none() | TEXTS),
    st.builds(ev.ToolStarted, call_id=CALL_IDS, name=st.just("tool"), effect=st.just("unsafe")),
    st.builds(ev.ToolEnded, result=RESULTS),
    st.builds(ev.DoubtRaised, call_id=CALL_IDS, name=st.just("tool")),
    st.builds(ev.DoubtResolved, call_id=CALL_IDS),
    st.builds(ev.TurnJudged, turn=st.integers(1, 3), halt=st.none() | TEXTS, over=st.booleans()),
    st.builds(ev.Answered, call_ids=st.lists(CALL_IDS, max_size=2).map(tuple)),
    st.builds(ev.InterruptSent, key=st.just("stop:r1")),
    st.builds(ev.RestGivenUp, key=st.just("stop:r1")),
    st.builds(ev.RequestEnded, request_id=REQUEST_IDS, terminal=TERMINALS, failure=st.none() | FAILURES),
    st.builds(ev.Closing),
    st.builds(ev.SessionEnded, reason=TEXTS, failure=st.none() | FAILURES),
)
KEPT = OURS | THEIRS | TERMINATED

MESSAGES = st.one_of(
    st.builds(msg.News, st.lists(THEIRS, min_size=1, max_size=4).map(tuple)),
    st.builds(msg.News, st.lists(THEIRS, min_size=1, max_size=4).map(tuple)),
    st.builds(msg.Submit, REQUEST_IDS, PARTS, OUTCOMES, st.booleans()),
    st.builds(msg.Steer, WORD_IDS, PARTS),
    st.just(msg.SendRaw("raw:1", {"type": "made up"})),
    st.builds(msg.Configure, OPTION_KEYS, st.none() | LIMITS, OPTIONS, st.booleans()),
    st.builds(msg.Confirm, CALL_IDS, st.booleans(), st.none() | TEXTS, st.sampled_from(["person", "policy", "rule"])),
    st.builds(msg.Undecided, CALL_IDS, st.none() | TEXTS),
    st.builds(msg.Resolve, CALL_IDS, st.none() | RESULTS),
    st.builds(msg.Judged, REQUEST_IDS, st.integers(1, 3), st.none() | TEXTS, st.none(), st.booleans()),
    st.just(msg.Opened("sesn")),
    st.just(msg.Attached()),
    st.just(msg.Attached()),
    st.just(msg.Lost("cut")),
    st.just(msg.Unanswered("no answer")),
    st.builds(msg.Posted, st.lists(KEYS, max_size=3).map(tuple)),
    st.builds(msg.ToolDone, RESULTS),
    st.builds(msg.TimedOut, REQUEST_IDS),
    st.just(msg.Passivate()),
    st.just(msg.Revive("wanted", crashed=False)),
    st.builds(msg.RestOverdue, KEYS),
    st.just(msg.Interrupt()),
)
"""What a session may be told and live on."""

ENDINGS = st.one_of(
    st.just(msg.Close()),
    st.just(msg.Abort()),
    st.builds(msg.Refused, FAILURES, st.booleans()),
    st.builds(msg.News, st.tuples(TERMINATED)),
)
BEGINNINGS = st.sampled_from([msg.Start("token"), msg.Start("token", "sesn"), msg.Revive("bug")])
"""How an incarnation begins. To be put down and taken up again without a new task is something a session lives through."""

ANY_MESSAGE = MESSAGES | ENDINGS | BEGINNINGS
