"""The pure parts: what messages mean to a session, what a script may hold, shapes, life cycles, tokens; and that every script ends."""

from __future__ import annotations

import json
import tempfile

import httpx
import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from agentsup.errors import Problem
from agentsup.sim import directions
from agentsup.sim.agentcore import tokens
from agentsup.sim.agentcore.arn import Arn, arn_of
from agentsup.sim.agentcore.lifecycle import GONE, READY, Life
from agentsup.sim.agentcore.messages import Call, Prompt, Results, read_messages
from agentsup.sim.agentcore.refusal import AwsRefused
from agentsup.sim.agentcore.shapes import (
    Blob,
    Boolean,
    Document,
    Integer,
    ListOf,
    MapOf,
    Number,
    Structure,
    Text,
    Union,
)
from agentsup.sim.agentcore.stage import read_stage
from agentsup.sim.exchange import Response

from .memory import memory
from .peer import result, resumed, user

IDS = st.lists(st.integers(0, 9).map("call_{}".format), min_size=1, max_size=6, unique=True)


def open_calls(ids):
    return [Call(one, "tool", {}) for one in ids]


def assistant(*content):
    return {"role": "assistant", "content": list(content)}


# Messages


@given(IDS, st.randoms(use_true_random=False), st.booleans())
def test_every_call_answered_once_is_an_answer(ids, random, again):
    """In any order, with the tool uses or, unless strict, without; the texts come in the order of the calls."""
    shuffled = list(ids)
    random.shuffle(shuffled)
    results = [result(one, f"text of {one}") for one in shuffled]
    calls = [{"toolUseId": one, "name": "tool", "input": {}} for one in shuffled]
    messages = list(resumed(calls, *results)) if again else [user(*results)]

    assert read_messages(messages, open_calls(ids), strict=again) == Results(tuple(f"text of {one}" for one in ids))


@given(IDS, st.lists(st.integers(0, 9).map("call_{}".format), max_size=8))
def test_anything_else_is_refused(ids, answered):
    """Missing, doubled, foreign: a refusal that names a field, never an answer."""
    if sorted(answered) == sorted(ids):
        return
    with pytest.raises(AwsRefused) as caught:
        read_messages([user(*(result(one, "x") for one in answered))], open_calls(ids), strict=False)

    assert caught.value.status == 400
    assert caught.value.fields


@given(IDS, IDS)
def test_strict_wants_the_same_tool_uses(ids, sent):
    """Exactly those that are open, whatever is in them."""
    calls = [{"toolUseId": one, "name": "tool", "input": {"any": 1}} for one in sent]
    messages = list(resumed(calls, *(result(one, "x") for one in ids)))

    if sorted(sent) == sorted(ids):
        assert isinstance(read_messages(messages, open_calls(ids), strict=True), Results)
    else:
        with pytest.raises(AwsRefused, match="exactly these tool uses"):
            read_messages(messages, open_calls(ids), strict=True)


def test_history_before_the_last_assistant_message_is_not_looked_at():
    """Old results and old texts are the session's own history."""
    messages = [
        user("old"),
        assistant({"text": "x"}),
        user(result("old_call", "x")),
        assistant({"text": "y"}),
        user("new"),
    ]

    assert read_messages(messages, [], strict=True) == Prompt((directions.Echo("new"),))


@pytest.mark.parametrize(
    ("messages", "path"),
    [
        ([], "messages"),
        ([assistant({"text": "x"})], "messages"),
        ([user()], "messages"),
        ([user({"toolUse": {"toolUseId": "a", "name": "b", "input": {}}})], "messages.1.member.content.1.member.toolUse"),
        ([user("x", {"reasoningContent": {"redactedContent": ""}})],
         "messages.1.member.content.2.member.reasoningContent"),
        ([assistant(result("a", "x")), user("x")], "messages.1.member.content.1.member.toolResult"),
        ([user(result("a", "x"))], "messages.1.member.content.1.member.toolResult.toolUseId"),
    ],
)  # fmt: skip
def test_blocks_out_of_place(messages, path):
    """Each names where it stands."""
    with pytest.raises(AwsRefused) as caught:
        read_messages(messages, [], strict=False)

    assert [problem.path for problem in caught.value.fields] == [path]


# Scripts


@given(st.text(max_size=300))
def test_any_text_is_a_script_or_refused(text):
    """Whatever a person types: directions, its own echo, or a refusal that quotes a line of it."""
    try:
        script = read_stage(text, "here")
    except AwsRefused as refusal:
        quoted = [problem.message.partition("unknown stage direction: ")[2] for problem in refusal.fields]
        assert quoted
        assert all(line in text.replace("\r", "") or line in text for line in quoted)
    else:
        assert not any(isinstance(one, directions.Misread) for one in script)
        assert any(line.startswith("@") for line in text.split("\n")) != (script == (directions.Echo(text),))


def test_every_wrong_line_is_named_with_its_number():
    """All at once, so that nobody has to ask twice; lines that are no directions count as lines."""
    with pytest.raises(AwsRefused) as caught:
        read_stage("words\n@say a\n@ask x {}\n\n@tool t\n@stale", "here")

    assert caught.value.fields == (
        Problem("here", "line 3: unknown stage direction: @ask x {}"),
        Problem("here", "line 6: unknown stage direction: @stale"),
    )


def test_a_tool_without_json_is_one_with_an_empty_object():
    """On this wire the JSON may be left out."""
    assert read_stage("@tool a\n@tool b {}\r\n@tool c  ", "") == (
        directions.Tool("a", {}),
        directions.Tool("b", {}),
        directions.Tool("c", {}),
    )


LINES = st.sampled_from(
    ["@say x", "@say {results}", "@tool a", '@tool b {"x": [1]}', '@server s {"y": 2}', "@think t", "@sleep 1", "@deltas 3 2",
     "@usage 1 2", "@stop why", "@error x exhausted", "@error x retrying", "@error validationException terminal", "@cut", "@eof",
     "@file f x", "@frame e {}", '@event {"type": "hookEvent"}', "words"]
)  # fmt: skip


@given(st.lists(LINES, max_size=8))
def test_every_script_ends(lines):
    """Calls answered as they come, every script ends: in a stop reason, an exception, a cut or a clean end; and leaves an idle session."""

    async def main():
        async with memory() as found:
            harness = await found.harness()
            answers = ["\n".join(lines) or "hello"]
            for _ in range(10):
                try:
                    events = await found.invoke(harness, *answers)
                except httpx.RemoteProtocolError:
                    break  # a cut: its calls, if any, are open and unknown
                calls = [
                    payload["start"]["toolUse"]["toolUseId"]
                    for name, payload in events
                    if name == "contentBlockStart" and payload["start"].get("toolUse", {}).get("type") == "tool_use"
                ]
                reasons = [payload["stopReason"] for name, payload in events if name == "messageStop"]
                if not calls or reasons[-1:] != ["tool_use"]:
                    assert reasons or "@eof" in lines or any(name.startswith("!") for name, _ in events)
                    break
                answers = [user(*(result(one, "done") for one in calls))]
            else:
                raise AssertionError("it goes on for ever")
            await trio.sleep(10)  # what sleeps behind a cut
            health = (await found.client.get("/_sim/health")).json()
            assert (health["running"], health["streams"]) == (0, 0)

    with tempfile.TemporaryDirectory() as place:
        before, tempfile.tempdir = tempfile.tempdir, place
        try:
            trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
        finally:
            tempfile.tempdir = before


# Shapes


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
                    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "c"]), inner, max_size=3)))  # fmt: skip
def test_shapes_take_any_json(value):
    """Whatever comes is right or has problems below the path it was given; nothing raises."""
    leaf = Text(1, 3, "[a-z]+")
    shape = Structure(
        {"a": Union({"a": leaf, "b": ListOf(Integer(0, 5), 1, 2)}), "b": MapOf(leaf, leaf, 0, 1), "c": leaf}, ("a",)
    )
    problems: list[Problem] = []

    shape.check(value, "at", problems)

    assert all(problem.path.startswith("at") for problem in problems)
    fine = isinstance(value, dict) and value.get("a") in ({"a": "x"}, {"b": [1]}) and len(value) == 1
    assert not problems if fine else True


def test_sentences_are_awss():
    """Lists count from 1 with `.member`, maps speak of keys and values, values are never repeated."""
    shape = Structure(
        {"l": ListOf(Text(most=1)), "m": MapOf(Text(most=1), Integer(1)), "u": Union({"a": Text(), "b": Text()})},
        ("r",),
    )
    problems: list[Problem] = []
    shape.check({"l": ["x", "secret"], "m": {"key": 0}, "u": {"a": "", "b": ""}}, "", problems)

    assert problems == [
        Problem("r", "Member must not be null"),
        Problem("l.2.member", "Member must have length less than or equal to 1"),
        Problem("m", "Map keys must satisfy constraint: [Member must have length less than or equal to 1]"),
        Problem("m.key.value", "Member must have value greater than or equal to 1"),
        Problem("u", "Member must have exactly one of its members set: [a, b]"),
    ]


@pytest.mark.parametrize(
    ("shape", "good", "bad"),
    [
        (Text(), "", 5),
        (Integer(1, 2), 1, True),
        (Integer(1, 2), 2, 1.5),
        (Number(0.0, 1.0), 0.5, "0.5"),
        (Number(0.0, 1.0), 1, 1.1),
        (Boolean(), False, 0),
        (Blob(), "YQ==", "?"),
        (Blob(), "", None),
        (ListOf(Text()), [], {}),
        (ListOf(Text()), ["x"], [None]),
        (MapOf(Text(), Text()), {}, []),
        (MapOf(Text(), Text()), {"a": "b"}, {"a": None}),
        (Structure({}), {"unknown": 1}, "x"),
        (Union({"a": Text()}), {"a": "x", "b": None, "__type": "t"}, {"b": "x"}),
        (Union({"a": Text()}), {"a": ""}, []),
        (Document(), None, ...),
    ],
    ids=repr,
)
def test_each_shape(shape, good, bad):
    """What is of a shape has no problem, what is not has exactly one."""
    found: list[Problem] = []
    shape.check(good, "x", found)
    assert found == []
    if bad is not ...:
        shape.check(bad, "x", found)
        assert len(found) == 1


# Life, names, tokens


@given(st.sampled_from(["CREATING", "UPDATING", "DELETING"]), st.integers(0, 100), st.booleans())
def test_a_life(passing, seconds, fails):
    """The passing status until then, and from then on what follows from it, for ever."""
    verb = passing.removesuffix("ING").lower() + "e"
    life = Life.begin(passing, now=10.0, seconds=seconds, tags={f"agentsup:{verb}": "failed"} if fails else {})
    expected = f"{verb.upper()}_FAILED" if fails else GONE if passing == "DELETING" else READY

    assert life.at(life.until) == expected
    assert life.at(10.0) == (passing if seconds else expected)
    assert (life.failure_at(life.until) is not None) == fails
    assert life.failure_at(9.0) is None


@pytest.mark.parametrize(
    ("told", "seconds"), [("3", 3.0), ("0", 0.0), ("x", 7.0), ("-1", 7.0), ("nan", 7.0), ("1e9", 7.0)]
)
def test_a_tag_tells_the_delay(told, seconds):
    """Seconds in a tag; what is none, or more than a day, is not heard."""
    assert Life.begin("CREATING", now=0.0, seconds=7.0, tags={"agentsup:creating": told}).until == seconds


@given(st.sampled_from(["us-east-1", "cn-north-1", "us-gov-west-1"]), st.sampled_from(["harness", "runtime"]))
def test_arns(region, kind):
    """What is written is read back; anything else is nothing."""
    written = arn_of(region, kind, "a-0123456789")

    assert Arn.read(written) == Arn(region, "123456789012", kind, "a-0123456789")
    assert Arn.read(written + "/harness-endpoint/x") == Arn(region, "123456789012", kind, "a-0123456789", "x")
    assert Arn.read(written + "/more") is None


def test_tokens_are_forgotten_in_time(monkeypatch):
    """The oldest ones first, so that a simulator that runs for long does not grow."""
    monkeypatch.setattr(tokens, "MOST_TOKENS", 2)
    kept, made = tokens.ClientTokens(), []

    def act(given):
        made.append(given)
        return Response(200, body=json.dumps(given).encode())

    for token in ("a", "b", "c", "c", "a"):
        kept.once("scope", {"clientToken": token, "x": 1}, act)

    assert len(made) == 4
