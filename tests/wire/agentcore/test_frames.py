"""Frames to events, commands' streams, refusals and names."""

from __future__ import annotations

import json

import pytest
from hypothesis import given

from agentsup.wire.agentcore import names
from agentsup.wire.agentcore.commands import CommandFold, Exit, Output
from agentsup.wire.agentcore.errors import read_error
from agentsup.wire.agentcore.frames import ErrorInStream, StreamEvent, read_frame
from agentsup.wire.errors import RemoteProtocolError
from tests.kit.strategies import JSON

EVENT = {":message-type": "event", ":event-type": "messageStop"}


def test_an_event():
    """Its name from the header, its value from the payload; an empty payload is an empty object."""
    assert read_frame((EVENT, b'{"stopReason": "end_turn"}')).raw == {"messageStop": {"stopReason": "end_turn"}}
    assert read_frame((EVENT, b"")) == StreamEvent("messageStop", {})


@pytest.mark.parametrize(
    ("headers", "payload", "code", "message"),
    [
        (
            {":message-type": "exception", ":exception-type": "validationException"},
            b'{"message": "bad input", "reason": "FieldValidationFailed"}',
            "validationException",
            "bad input",
        ),
        ({":message-type": "exception", ":exception-type": "runtimeClientError"}, b"", "runtimeClientError", ""),
        ({":message-type": "exception"}, b'{"Message": "x"}', "unknown", "x"),
        (
            {":message-type": "error", ":error-code": "InternalError", ":error-message": "oh"},
            b"",
            "InternalError",
            "oh",
        ),
        ({":message-type": "error"}, b"junk", "unknown", ""),
    ],
)
def test_an_error_in_the_stream_keeps_its_code(headers, payload, code, message):
    """And what the service said of it."""
    with pytest.raises(ErrorInStream) as caught:
        read_frame((headers, payload))

    assert (caught.value.code, caught.value.message) == (code, message)


def test_what_the_service_says_of_an_error_is_shortened():
    """It may be a page."""
    headers = {":message-type": "exception", ":exception-type": "x"}
    with pytest.raises(ErrorInStream) as caught:
        read_frame((headers, json.dumps({"message": "m" * 10_000}).encode()))
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("headers", "payload"),
    [
        ({}, b"{}"),
        ({":message-type": "news"}, b"{}"),
        ({":message-type": "event"}, b"{}"),
        ({":message-type": "event", ":event-type": 7}, b"{}"),
        (EVENT, b"not json"),
        (EVENT, b"[1]"),
        (EVENT, b"\xff"),
        (EVENT, b"[" * 100_000),
        ({":message-type": "exception", ":exception-type": "x"}, b"private words"),
    ],
)
def test_any_other_frame_is_their_fault(headers, payload):
    """Without quoting it."""
    with pytest.raises(RemoteProtocolError) as caught:
        read_frame((headers, payload))
    assert "private" not in str(caught.value)


def chunk(**value):
    return StreamEvent("chunk", value)


def test_a_commands_stream():
    """Both streams in their order, then the end."""
    fold = CommandFold()
    told = [
        event
        for piece in (
            chunk(contentStart={}),
            chunk(contentDelta={"stdout": "out", "stderr": "err"}),
            chunk(contentDelta={"stdout": ""}),
            StreamEvent("news", {}),
            chunk(contentStop={"exitCode": 3, "status": "COMPLETED"}),
        )
        for event in fold.feed(piece)
    ]
    fold.end()

    assert told == [Output("stdout", "out"), Output("stderr", "err"), Exit(3)]
    assert "out" not in repr(told).replace("stdout", "").replace("timed_out", "")


def test_a_command_that_took_too_long_says_so():
    """By its status."""
    assert CommandFold().feed(chunk(contentStop={"exitCode": -1, "status": "TIMED_OUT"})) == [Exit(-1, timed_out=True)]


def test_a_command_without_an_end_was_cut():
    """Nobody knows what it came to."""
    fold = CommandFold()
    fold.feed(chunk(contentDelta={"stdout": "x"}))
    with pytest.raises(RemoteProtocolError, match="before the command did"):
        fold.end()


@pytest.mark.parametrize("stop", [{}, {"exitCode": None}, {"exitCode": True}, {"exitCode": "0"}])
def test_an_end_without_a_code_is_none(stop):
    """Success is not assumed."""
    with pytest.raises(RemoteProtocolError, match="no exit code"):
        CommandFold().feed(chunk(contentStop=stop))


def test_nothing_comes_after_the_end():
    """Two ends would be two answers."""
    fold = CommandFold()
    fold.feed(chunk(contentStop={"exitCode": 0}))
    with pytest.raises(RemoteProtocolError, match="after its end"):
        fold.feed(chunk(contentDelta={"stdout": "x"}))


@pytest.mark.parametrize(
    ("headers", "body", "code"),
    [
        ({"x-amzn-errortype": "ThrottlingException"}, b"", "ThrottlingException"),
        ({"x-amzn-errortype": "ThrottlingException:http://x/"}, b"{}", "ThrottlingException"),
        ({}, b'{"__type": "com.amazon#ThrottlingException"}', "ThrottlingException"),
        ({}, b'{"code": "ThrottlingException"}', "ThrottlingException"),
        ({}, b"<html>", None),
        ({}, b"[]", None),
    ],
)
def test_a_refusals_code_is_found_where_the_service_puts_it(headers, body, code):
    """Header or body."""
    assert read_error(headers, body).code == code


def test_a_validation_error_names_its_fields():
    """All of them."""
    body = json.dumps(
        {
            "message": "no",
            "reason": "FieldValidationFailed",
            "fieldList": [{"name": "messages", "message": "is empty"}, "junk", {"name": "x"}],
        }
    ).encode()
    told = read_error({"x-amzn-errortype": "ValidationException", "x-amzn-requestid": "r1"}, body)

    assert (told.message, told.reason, told.request_id) == ("no", "FieldValidationFailed", "r1")
    assert told.fields == (("messages", "is empty"), ("x", ""))


@given(JSON)
def test_any_refusal_can_be_read(data):
    """Whatever the body is."""
    told = read_error({}, json.dumps(data).encode())
    assert isinstance(told.message, str)


ARN = "arn:aws:bedrock-agentcore:us-east-1:123456789012:harness/desk-abcdefghij"


def test_an_arn_is_taken_apart():
    """Region, account, id."""
    found = names.parse_arn(ARN)
    assert (found.region, found.account, found.harness_id) == ("us-east-1", "123456789012", "desk-abcdefghij")
    assert (
        names.parse_arn("arn:aws-us-gov:bedrock-agentcore:us-gov-west-1:123456789012:harness/d-abcdefghij") is not None
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "desk",
        ARN + "x",
        ARN.replace("desk", "my-desk"),
        ARN.replace("123456789012", "1"),
        ARN.replace("harness/", "runtime/"),
        ARN.replace("us-east-1", "../x"),
        ARN + "\n",
    ],
)
def test_what_is_no_arn(text):
    """The whole of it counts."""
    assert names.parse_arn(text) is None


@pytest.mark.parametrize(
    ("value", "good"),
    [
        ("a" * 33, True),
        ("a" * 100, True),
        ("a" * 32, False),
        ("a" * 101, False),
        ("-" + "a" * 40, False),
        ("a" * 40 + "/", False),
        ("a" * 40 + "\n", False),
        ("0b9f4a8e-3f39-4c36-9a1e-3f1b5a1c0c11", True),
        ("ä" * 40, False),
        (7, False),
        (None, False),
    ],
)
def test_runtime_session_ids(value, good):
    """33 to 100 characters of the alphabet; the problem does not quote the value."""
    problem = names.session_id_problem(value)
    assert (problem is None) == good
    assert good or not isinstance(value, str) or value not in problem


def test_hosts():
    """The two planes, and China's suffix."""
    assert names.data_host("us-east-1") == "https://bedrock-agentcore.us-east-1.amazonaws.com"
    assert names.control_host("cn-north-1") == "https://bedrock-agentcore-control.cn-north-1.amazonaws.com.cn"
