"""InvokeHarness, said by botocore's client over a socket: what the agent does, how calls are answered, what is refused."""

from __future__ import annotations

import contextlib

import botocore.exceptions
import pytest
import trio

from agentsup.sim import HarnessRules

from .peer import (
    BROKEN,
    SESSION,
    blocks,
    calls,
    code,
    fields,
    official,
    planes,
    result,
    resumed,
    said,
    status,
    stops,
    usage,
    user,
)


@pytest.fixture
async def harness(aws):
    return await aws.harness()


async def test_echo_and_scripts(aws, harness):
    """A text without directions is answered with itself; with one, the other lines say nothing; several texts are one script."""
    echo = await aws.invoke(harness, "hello\nthere")
    script = await aws.invoke(harness, user("ignored\n@say one\r\n@say two", "@say three"))

    assert (said(echo), stops(echo)) == (["hello\nthere"], ["end_turn"])
    assert (said(script), stops(script)) == (["one", "two", "three"], ["end_turn"])
    assert [next(iter(event)) for event in echo] == [
        "messageStart",
        "contentBlockDelta",
        "contentBlockStop",
        "messageStop",
        "metadata",
    ]


async def test_every_event_is_in_the_model(aws, harness):
    """What comes has exactly the members the service's model has, all required ones among them."""
    events = await aws.invoke(harness, '@think why\n@say x\n@server look {"a": 1}\n@usage 3 4\n@tool a {"x": "é"}')
    stream = official().get_service_model("bedrock-agentcore").shape_for("InvokeHarnessStreamOutput")

    for event in events:
        ((name, value),) = event.items()
        _check(stream.members[name], value, name)


def _check(shape, value, path):
    """The value has the shape; botocore's parser has dropped nothing, as `test_wire` compares it with the bytes."""
    if shape.type_name == "structure" and not shape.is_document_type:
        assert set(shape.required_members) <= set(value) <= set(shape.members), path
        if shape.is_tagged_union:
            assert len(value) == 1, path
        for name, one in value.items():
            _check(shape.members[name], one, f"{path}.{name}")
    elif shape.type_name == "list":
        for one in value:
            _check(shape.member, one, path)
    elif shape.type_name == "string":
        assert value in shape.metadata.get("enum", [value]), path
        assert len(value) >= shape.metadata.get("min", 0), path


async def test_parallel_tools(aws, harness):
    """Consecutive @tool lines are one batch; the stream ends with tool_use; results may come in any order and are told in that of the calls."""
    events = await aws.invoke(harness, '@say Let me see.\n@tool add {"n": 1}\n@tool sub\n@say got {results}')
    first, second = calls(events)
    after = await aws.invoke(harness, *resumed([first, second], result(second, "two"), result(first, "one")))

    assert (said(events), stops(events)) == (["Let me see."], ["tool_use"])
    assert [(call["name"], call["input"]) for call in (first, second)] == [("add", {"n": 1}), ("sub", {})]
    assert first["toolUseId"] != second["toolUseId"]
    assert (said(after), stops(after)) == (["got one, two"], ["end_turn"])


async def test_separate_batches(aws, harness):
    """What stands between two @tool lines makes two batches; error results and JSON count as texts; blocks are joined by LF."""
    events = await aws.invoke(harness, "@tool a\n@say mid {results}\n@tool b\n@say end {results}")
    (first,) = calls(events)
    mid = await aws.invoke(harness, *resumed([first], result(first, "boom", status="error")))
    (second,) = calls(mid)
    many = {"toolResult": {"toolUseId": second["toolUseId"], "content": [{"text": "x"}, {"json": {"y": [1]}}]}}
    end = await aws.invoke(harness, *resumed([second], many))

    assert (said(mid), stops(mid)) == (["mid boom"], ["tool_use"])
    assert said(end) == ['end x\n{"y":[1]}']


async def test_result_only_resume(aws, harness):
    """The newer published contract: the session has the tool uses, their results are enough."""
    (call,) = calls(await aws.invoke(harness, "@tool a\n@say {results}"))
    after = await aws.invoke(harness, user(result(call, "fine")))

    assert (said(after), stops(after)) == (["fine"], ["end_turn"])


async def test_strict_resume():
    """The older one: a result alone is refused and changes nothing; with the tool uses again it is taken."""
    async with planes(HarnessRules(strict_resume=True)) as aws:
        harness = await aws.harness()
        (call,) = calls(await aws.invoke(harness, "@tool a\n@say {results}"))
        for messages in ([user(result(call, "x"))], list(resumed([{**call, "name": "b"}], result(call, "x")))):
            alone = await aws.error(
                aws.data.invoke_harness, harnessArn=harness["arn"], runtimeSessionId=SESSION, messages=messages
            )
            assert (code(alone), status(alone)) == ("ValidationException", 400)
            assert call["toolUseId"] in alone.response["Error"]["Message"]
        after = await aws.invoke(harness, *resumed([call], result(call, "fine")))

    assert said(after) == ["fine"]


async def test_what_does_not_answer_is_refused_and_changes_nothing(aws, harness):
    """New text while calls are open, wrong, missing, doubled or stale results: 400 each, and the right answer still works."""
    events = await aws.invoke(harness, "@tool a\n@tool b\n@say {results}")
    one, two = calls(events)
    stray = "tooluse_stray"
    wrong = {
        "new text": [user("hello?")],
        "text with the results": [user(result(one, "1"), result(two, "2"), "and this")],
        "missing": [user(result(one, "1"))],
        "unknown": [user(result(one, "1"), result(two, "2"), result(stray, "3"))],
        "only unknown": [user(result(stray, "3"))],
        "doubled": [user(result(one, "1"), result(two, "2"), result(one, "1"))],
        "none": [user({"text": "x"}), {"role": "assistant", "content": [{"text": "x"}]}],
        "results from the assistant": [{"role": "assistant", "content": [result(one, "1"), result(two, "2")]}],
    }

    for what, messages in wrong.items():
        error = await aws.error(
            aws.data.invoke_harness, harnessArn=harness["arn"], runtimeSessionId=SESSION, messages=messages
        )
        assert (code(error), status(error), bool(fields(error))) == ("ValidationException", 400, True), what
    after = await aws.invoke(harness, *resumed([one, two], result(one, "1"), result(two, "2")))
    again = await aws.error(
        aws.data.invoke_harness,
        harnessArn=harness["arn"],
        runtimeSessionId=SESSION,
        messages=[user(result(one, "1"), result(two, "2"))],
    )

    assert said(after) == ["1, 2"]
    assert code(again) == "ValidationException"


async def test_history_is_the_sessions_own(aws, harness):
    """Only what stands behind the last assistant message is new; the newest user text counts."""
    messages = [user("@say old"), {"role": "assistant", "content": [{"text": "old"}]}, user("@say a"), user("@say b")]

    assert said(await aws.invoke(harness, *messages)) == ["b"]


async def test_server_tools(aws, harness):
    """@server is one message with toolUse and toolResult blocks, followed by the next; its output is `{results}`."""
    events = await aws.invoke(harness, '@server look {"q": "x"}\n@say saw {results}')
    (call,) = calls(events, "server_tool_use")
    results = [block for block in blocks(events) if "toolResult" in block["start"]]

    assert (call["name"], call["input"]) == ("look", {"q": "x"})
    assert results[0]["start"]["toolResult"] == {"toolUseId": call["toolUseId"], "status": "success"}
    assert results[0]["result"] == [{"text": '{"q": "x"}'}]
    assert (said(events), stops(events)) == (['saw {"q": "x"}'], ["tool_result", "end_turn"])


async def test_thinking_deltas_usage_and_stop(aws, harness):
    """Reasoning, exactly N pieces, counts per model call that sum up, and a stop reason verbatim that drops the rest."""
    events = await aws.invoke(
        harness, "@think hm\n@deltas 3 2\n@usage 10 2\n@usage 5 1\n@stop a_new_reason\n@say never"
    )
    thought, pieces = blocks(events)

    assert thought["thought"] == [{"text": "hm"}, {"signature": "simulated"}]
    assert pieces["text"] == ["aa", "bb", "cc"]
    assert usage(events) == [(10, 2), (5, 1)]
    assert stops(events) == ["a_new_reason"]


async def test_large_firehose(aws, harness):
    """Tens of thousands of pieces arrive, each once and in order, through a stream that holds a bounded part of them."""
    events = await aws.invoke(harness, "@deltas 20000 10")
    (block,) = blocks(events)

    assert len(block["text"]) == 20000
    assert all(piece == chr(97 + number % 26) * 10 for number, piece in enumerate(block["text"]))


@pytest.mark.parametrize(
    ("kind", "raised", "told"),
    [
        ("validationException", "validationException", "a stage direction asked for this error"),
        ("internalServerException", "internalServerException", "a stage direction asked for this error"),
        ("runtimeClientError", "runtimeClientError", "a stage direction asked for this error"),
        ("model_overloaded", "runtimeClientError", "model_overloaded"),
    ],
)
async def test_stream_exceptions(aws, harness, kind, raised, told):
    """@error is that exception in the stream; what is no member of the union arrives as runtimeClientError with its type told."""
    with pytest.raises(botocore.exceptions.EventStreamError) as caught:
        await aws.invoke(harness, f"@say before\n@error {kind} exhausted\n@say never")

    assert caught.value.response["Error"] == {"Code": raised, "Message": told}
    assert said(await aws.invoke(harness, "still there")) == ["still there"]


async def test_retrying_shows_nothing(aws, harness):
    """What the provider repaired itself is not seen."""
    assert said(await aws.invoke(harness, "@error x retrying\n@say fine")) == ["fine"]


async def test_terminal_errors_end_the_session(aws, harness):
    """After a terminal error the id is a new, empty session's."""
    with pytest.raises(botocore.exceptions.EventStreamError):
        await aws.invoke(harness, "@file a x\n@error x terminal")

    error = await aws.error(aws.data.stop_runtime_session, agentRuntimeArn=harness["arn"], runtimeSessionId=SESSION)
    assert code(error) == "ResourceNotFoundException"
    assert await aws.run(harness, "ls") == [
        {"contentStart": {}},
        {"contentStop": {"exitCode": 0, "status": "COMPLETED"}},
    ]


@pytest.mark.parametrize("line", ["@ask x {}", "@stale", "@nonsense", "@sleep x", "@tool a {", "@tool a b c", "@thread x",
                                  "@verdict ok", "@server a", "@tool not.a.name", "@file ../x y", "@file /etc/x y", "@"])  # fmt: skip
async def test_directions_that_cannot_be_performed(aws, harness, line):
    """A ValidationException that names the line, before anything of the script was done."""
    error = await aws.error(
        aws.data.invoke_harness,
        harnessArn=harness["arn"],
        runtimeSessionId=SESSION,
        messages=[user(f"@say fine\n{line}")],
    )
    never_there = await aws.error(
        aws.data.stop_runtime_session, agentRuntimeArn=harness["arn"], runtimeSessionId=SESSION
    )

    assert (code(error), status(error)) == ("ValidationException", 400)
    assert error.response["Error"]["Message"] == f"line 2: unknown stage direction: {line}"
    assert fields(error) == ["messages.1.member.content.1.member.text"]
    assert code(never_there) == "ResourceNotFoundException"


async def test_limits_of_a_call(aws, harness):
    """Iterations, output tokens and seconds end the turn with their own stop reasons."""
    rounds = await aws.invoke(harness, "@server a {}\n@server b {}\n@say x", maxIterations=2)
    tokens = await aws.invoke(harness, "@say x\n@usage 1 11\n@say never", maxTokens=10)
    seconds = await aws.invoke(harness, "@say x\n@sleep 60\n@say never", timeoutSeconds=1)
    waiting = await aws.invoke(harness, "@say the session is free")

    assert stops(rounds)[-1] == "max_iterations_exceeded"
    assert (stops(tokens), said(tokens)) == (["max_output_tokens_exceeded"], ["x"])
    assert (stops(seconds), said(seconds)) == (["timeout_exceeded"], ["x"])
    assert said(waiting) == ["the session is free"]


async def test_limits_of_a_harness(aws):
    """What the harness's definition says holds where the call says nothing."""
    harness = await aws.harness(maxIterations=1)

    assert stops(await aws.invoke(harness, "@server a {}\n@say x")) == ["tool_result", "max_iterations_exceeded"]


async def test_sessions_are_apart(aws, harness):
    """Calls are open per harness and session id."""
    other = await aws.harness("other")
    (call,) = calls(await aws.invoke(harness, "@tool a\n@say {results}"))

    assert said(await aws.invoke(harness, "free", session="b" * 33)) == ["free"]
    assert said(await aws.invoke(other, "free")) == ["free"]
    assert said(await aws.invoke(harness, *resumed([call], result(call, "done")))) == ["done"]


async def test_a_second_invoke_waits_its_turn(aws, harness):
    """While a turn runs, the next one of the session is silent; then it finds what the first one left: here, an open call."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(aws.invoke, harness, "@sleep 2\n@tool a")
        await aws.until_running()
        second = await aws.error(
            aws.data.invoke_harness, harnessArn=harness["arn"], runtimeSessionId=SESSION, messages=[user("hello?")]
        )

    assert "open tool calls" in second.response["Error"]["Message"]


async def test_stop_cuts_the_stream(aws, harness):
    """StopRuntimeSession breaks the live stream without messageStop; a second one is 404; the id then starts an empty session."""
    heard = []

    def listen():
        answer = aws.data.invoke_harness(
            harnessArn=harness["arn"], runtimeSessionId=SESSION, messages=[user("@say hi\n@sleep 60\n@say never")]
        )
        with contextlib.closing(answer["stream"]):
            try:
                heard.extend(answer["stream"])
            except BROKEN as error:
                heard.append({"broken": type(error).__name__})

    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.to_thread.run_sync, listen)
        await aws.until_running()
        stopped = await trio.to_thread.run_sync(
            lambda: aws.data.stop_runtime_session(agentRuntimeArn=harness["arn"], runtimeSessionId=SESSION)
        )
    second = await aws.error(aws.data.stop_runtime_session, agentRuntimeArn=harness["arn"], runtimeSessionId=SESSION)

    assert (stopped["runtimeSessionId"], stopped["statusCode"]) == (SESSION, 200)
    assert (said(heard), stops(heard), "broken" in heard[-1]) == (["hi"], [], True)
    assert (code(second), status(second)) == ("ResourceNotFoundException", 404)
    assert said(await aws.invoke(harness, "anew")) == ["anew"]


async def test_stop_forgets_open_calls(aws, harness):
    """A stopped session's calls need no answer any more, and take none."""
    (call,) = calls(await aws.invoke(harness, "@tool a"))
    await aws.stop(harness)
    late = await aws.error(
        aws.data.invoke_harness,
        harnessArn=harness["arn"],
        runtimeSessionId=SESSION,
        messages=[user(result(call, "late"))],
    )

    assert code(late) == "ValidationException"
    assert said(await aws.invoke(harness, "@say fresh")) == ["fresh"]


async def test_a_repeated_stop_with_its_token_is_one_stop(aws, harness):
    """The same client token answers as before; botocore's retries rely on it."""
    token = "x" * 40
    await aws.invoke(harness, "hi")

    assert await aws.stop(harness, clientToken=token) == await aws.stop(harness, clientToken=token)


async def test_who_may_invoke_what(aws, harness):
    """Another region's ARN, another account's, one nobody has, the runtime's own, a malformed one, a short session id."""
    arn = harness["arn"]
    tokyo = aws.client("data", region="ap-northeast-1")
    runtime = harness["environment"]["agentCoreRuntimeEnvironment"]["agentRuntimeArn"]

    async def error(client=aws.data, **changes):
        given = {"harnessArn": arn, "runtimeSessionId": SESSION, "messages": [user("x")], **changes}
        found = await aws.error(client.invoke_harness, **given)
        return code(found), status(found)

    assert await error(tokyo) == ("AccessDeniedException", 403)
    assert await error(harnessArn=arn.replace("123456789012", "999999999999")) == ("AccessDeniedException", 403)
    assert await error(harnessArn=arn[:-10] + "0123456789") == ("ResourceNotFoundException", 404)
    assert await error(harnessArn=runtime) == ("ValidationException", 400)
    assert await error(qualifier="unknown") == ("ResourceNotFoundException", 404)
    assert await error(messages=[]) == ("ValidationException", 400)
    assert await error(runtimeSessionId="-" + "x" * 40) == ("ValidationException", 400)
    assert await error(tools=[{"type": "inline_function", "name": "shell"}]) == ("ValidationException", 400)
    stop = await aws.error(tokyo.stop_runtime_session, agentRuntimeArn=arn, runtimeSessionId=SESSION)
    assert (code(stop), status(stop)) == ("AccessDeniedException", 403)
    owned = await aws.error(aws.data.stop_runtime_session, agentRuntimeArn=runtime, runtimeSessionId=SESSION)
    assert "managed by a harness" in owned.response["Error"]["Message"]
    for other, expected in (
        (runtime[:-10] + "0123456789", "ResourceNotFoundException"),
        ("arn:aws:s3:::x", "ValidationException"),
    ):
        found = await aws.error(aws.data.stop_runtime_session, agentRuntimeArn=other, runtimeSessionId=SESSION)
        assert code(found) == expected


async def test_invoking_what_is_not_ready(aws):
    """A harness or an endpoint that is not READY is a 400; READY endpoints answer by their name."""
    made = await aws.call(
        aws.control.create_harness,
        harnessName="slow",
        executionRoleArn="arn:aws:iam::123456789012:role/x",
        tags={"agentsup:creating": "60"},
    )
    early = await aws.error(
        aws.data.invoke_harness, harnessArn=made["harness"]["arn"], runtimeSessionId=SESSION, messages=[user("x")]
    )
    ready = await aws.harness()
    for name, wait in (("quick", "0"), ("late", "60")):
        await aws.call(
            aws.control.create_harness_endpoint,
            harnessId=ready["harnessId"],
            endpointName=name,
            tags={"agentsup:creating": wait},
        )
    late = await aws.error(
        aws.data.invoke_harness,
        harnessArn=ready["arn"],
        qualifier="late",
        runtimeSessionId=SESSION,
        messages=[user("x")],
    )

    assert (code(early), status(early), fields(early)) == ("ValidationException", 400, ["harnessArn"])
    assert (code(late), fields(late)) == ("ValidationException", ["qualifier"])
    assert said(await aws.invoke(ready, "through the quick one", qualifier="quick")) == ["through the quick one"]


async def test_deleting_a_harness_ends_its_sessions(aws, harness):
    """Nobody can go on talking to what is being deleted."""
    await aws.invoke(harness, "@tool a")
    await aws.call(aws.control.delete_harness, harnessId=harness["harnessId"])
    error = await aws.error(
        aws.data.invoke_harness, harnessArn=harness["arn"], runtimeSessionId=SESSION, messages=[user("x")]
    )

    assert code(error) in ("ValidationException", "ResourceNotFoundException")
