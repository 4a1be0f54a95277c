"""The control plane's client: what is repeated and with which token, every error's class, pages, commands, and what it refuses by itself."""

from __future__ import annotations

import json

import httpx
import pytest
import structlog
import trio

from agentsup import agentcore, errors
from agentsup.agentcore import Client
from tests.providers.agentcore.harness import (
    ARN,
    KEYS,
    SESSION,
    STREAM,
    Body,
    Harness,
    event,
    exception,
    refusal,
    stream,
)

ID = "desk-abcdefghij"
ROLE = "arn:aws:iam::123456789012:role/works"
ROW = {
    "harnessId": ID,
    "harnessName": "desk",
    "arn": ARN,
    "status": "CREATING",
    "createdAt": "2026-01-01T00:00:00Z",
    "updatedAt": 1767225600.5,
}


def client(*answers, **more):
    """A client of a service with these answers, and the service."""
    harness = Harness(*answers)
    return Client("us-east-1", KEYS, http=harness.client(), **more), harness


def ok(status=200, **body):
    return httpx.Response(status, json=body)


async def test_a_harness_is_read():
    """Names, status, times; everything else in `raw`."""
    c, _ = client(ok(201, harness={**ROW, "executionRoleArn": ROLE, "harnessVersion": "1", "news": 7}))
    harness = await c.harnesses.create("desk", f" {ROLE} ")

    assert (harness.harness_id, harness.status, harness.version, harness.execution_role_arn) == (
        ID,
        "CREATING",
        "1",
        ROLE,
    )
    assert (harness.created_at, harness.updated_at) == (1767225600.0, 1767225600.5)
    assert harness.raw["news"] == 7


@pytest.mark.parametrize(
    "first",
    [
        refusal(429, "ThrottlingException"),
        refusal(500, "InternalServerException"),
        refusal(503, "ServiceUnavailable"),
        refusal(409, "RetryableConflictException"),
        httpx.ReadError("x"),
        httpx.ConnectError("x"),
        httpx.ReadTimeout("x"),
        httpx.Response(200, text="<html>"),
    ],
)
async def test_a_wish_is_repeated_with_its_token(autojump_clock, first):
    """So that one harness is made, whatever became of the first time; each time signed anew."""
    c, service = client(first, ok(201, harness=ROW))
    with structlog.testing.capture_logs() as logs:
        await c.harnesses.create("desk", ROLE)

    tokens = [json.loads(request.content)["clientToken"] for request in service.requests]
    assert len(tokens) == 2
    assert len(set(tokens)) == 1
    assert len(tokens[0]) == 36
    assert [log["event"] for log in logs] == ["control.repeated"]


async def test_two_wishes_have_two_tokens():
    """Asking twice is two harnesses, or a conflict."""
    c, service = client(ok(201, harness=ROW), ok(201, harness=ROW))
    await c.harnesses.create("desk", ROLE)
    await c.harnesses.create("desk", ROLE)

    assert len({json.loads(request.content)["clientToken"] for request in service.requests}) == 2


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (refusal(400, "ValidationException"), agentcore.BadRequest),
        (refusal(402, "ServiceQuotaExceededException"), agentcore.QuotaExceeded),
        (refusal(403, "AccessDeniedException"), agentcore.PermissionDenied),
        (refusal(403, "InvalidSignatureException"), agentcore.AuthenticationFailed),
        (refusal(403, "UnrecognizedClientException"), agentcore.AuthenticationFailed),
        (refusal(403, "MissingAuthenticationTokenException"), agentcore.AuthenticationFailed),
        (refusal(403, "ExpiredTokenException"), agentcore.CredentialsExpired),
        (refusal(401, "UnauthorizedException"), agentcore.AuthenticationFailed),
        (refusal(404, "ResourceNotFoundException"), agentcore.NotFound),
        (refusal(409, "ConflictException"), agentcore.Conflict),
        (refusal(424, "RuntimeClientError"), agentcore.RuntimeFailed),
        (httpx.Response(400), agentcore.BadRequest),
        (httpx.Response(418), agentcore.ApiError),
        (httpx.Response(302), agentcore.ApiError),
    ],
)
async def test_every_refusal_has_its_class_and_is_not_repeated(answer, kind):
    """Told by the service's name for it, else by the status."""
    c, service = client(answer)
    with pytest.raises(agentcore.ApiError) as caught:
        await c.harnesses.create("desk", ROLE)

    assert type(caught.value) is kind
    assert caught.value.status == answer.status_code
    assert len(service.requests) == 1
    assert not caught.value.ambiguous


@pytest.mark.parametrize(
    ("answer", "kind", "ambiguous"),
    [
        (refusal(429, "ThrottlingException"), agentcore.RateLimited, False),
        (refusal(500, "InternalServerException"), agentcore.ServerError, True),
        (httpx.ReadError("x"), agentcore.ConnectionFailed, True),
        (httpx.ConnectError("x"), agentcore.ConnectionFailed, False),
        (httpx.Response(200, json=[]), agentcore.UnreadableAnswer, True),
    ],
)
async def test_what_stays_wrong_is_told_after_the_last_time(autojump_clock, answer, kind, ambiguous):
    """With whether it may have been done all the same."""
    c, service = client(answer, answer, answer)
    with pytest.raises(agentcore.ApiError) as caught:
        await c.harnesses.create("desk", ROLE)

    assert type(caught.value) is kind
    assert caught.value.ambiguous == ambiguous
    assert len(service.requests) == 3


async def test_a_missing_harness_is_a_lookup_error():
    """Like everything that is not found."""
    c, _ = client(refusal(404, "ResourceNotFoundException"))
    with pytest.raises(errors.NotFound):
        await c.harnesses.get(ID)


async def test_a_token_that_was_used_for_something_else():
    """By the service's reason."""
    answer = httpx.Response(
        400,
        headers={"x-amzn-errortype": "ValidationException"},
        json={
            "message": "no",
            "reason": "IdempotentParameterMismatchException",
            "fieldList": [{"name": "harnessName", "message": "is another"}],
        },
    )
    c, _ = client(answer)
    with pytest.raises(agentcore.TokenReused) as caught:
        await c.harnesses.create("desk", ROLE)

    assert caught.value.fields == (("harnessName", "is another"),)
    assert "harnessName: is another" in str(caught.value)


@pytest.mark.parametrize(
    "answer", [ok(), ok(harness=[]), ok(harness={**ROW, "status": 7}), ok(harness={"harnessId": ID})]
)
async def test_an_answer_without_a_harness_is_an_error_and_not_half_a_harness(answer):
    """The envelope was once guessed wrong, and every creation failed live while the tests were green."""
    c, _ = client(answer)
    with pytest.raises(agentcore.UnreadableAnswer):
        await c.harnesses.get(ID)


async def test_pages_are_followed_to_the_end():
    """Whatever the page size."""
    rows = [{**ROW, "harnessId": f"desk{n}-abcdefghij"} for n in range(5)]
    c, service = client(ok(harnesses=rows[:2], nextToken="a"), ok(harnesses=[], nextToken="b"), ok(harnesses=rows[2:]))
    found = await c.harnesses.list(limit=2).all()

    assert [row.harness_id for row in found] == [row["harnessId"] for row in rows]
    assert [request.url.params.get("nextToken") for request in service.requests] == [None, "a", "b"]


async def test_pages_that_go_in_circles_are_an_error():
    """And not for ever."""
    c, _ = client(ok(harnesses=[], nextToken="a"), ok(harnesses=[], nextToken="a"))
    with pytest.raises(agentcore.UnreadableAnswer, match="read before"):
        await c.harnesses.list().all()


@pytest.mark.parametrize("body", [{}, {"harnesses": {}}, {"harnesses": [7]}])
async def test_a_page_that_is_none(body):
    """Told."""
    c, _ = client(ok(**body))
    with pytest.raises(agentcore.UnreadableAnswer):
        await c.harnesses.list().page()


async def test_what_is_deleted_at_a_repetition_was_deleted(autojump_clock):
    """The first answer was lost."""
    c, service = client(httpx.ReadError("x"), refusal(404, "ResourceNotFoundException"))
    assert await c.harnesses.delete(ID) is None
    tokens = {request.url.params["clientToken"] for request in service.requests}
    assert len(tokens) == 1


async def test_what_was_never_there_is_not_found():
    """The first time."""
    c, _ = client(refusal(404, "ResourceNotFoundException"))
    with pytest.raises(agentcore.NotFound):
        await c.harnesses.delete(ID)


@pytest.mark.parametrize(
    ("work", "paths"),
    [
        (lambda c: c.harnesses.create("my-desk", ROLE), ["name"]),
        (lambda c: c.harnesses.create("d" * 41, ROLE), ["name"]),
        (lambda c: c.harnesses.create("desk", "  "), ["execution_role_arn"]),
        (lambda c: c.harnesses.create("desk", None), ["execution_role_arn"]),
        (lambda c: c.harnesses.create("desk", ROLE, client_token="short"), ["client_token"]),
        (lambda c: c.harnesses.get("../x"), ["harness_id"]),
        (lambda c: c.harnesses.get(ARN), ["harness_id"]),
        (lambda c: c.endpoints.get("x", "my-name"), ["harness_id", "name"]),
        (lambda c: c.harnesses.create("desk", ROLE, tags={"x": object()}), [""]),
        (
            lambda c: c.commands.run("x", "y", "", timeout=0, qualifier="-"),
            ["harness", "runtime_session_id", "command", "timeout", "qualifier"],
        ),
        (lambda c: c.commands.run(ARN, SESSION, "x" * 65537, timeout=3601), ["command", "timeout"]),
        (lambda c: c.sessions.stop("x", "y"), ["harness", "runtime_session_id"]),
    ],
)
async def test_bad_names_are_refused_before_anything_is_sent(work, paths):
    """All of them at once."""
    c, service = client()
    with pytest.raises(errors.SpecError) as caught:
        await work(c)

    assert [problem.path for problem in caught.value.problems] == paths
    assert service.requests == []


@pytest.mark.parametrize(
    ("arguments", "paths"),
    [
        ({"region": "nowhere"}, ["region"]),
        ({"credentials": 7}, ["credentials"]),
        ({"endpoint_url": "x", "control_endpoint_url": "http://u:p@x"}, ["endpoint_url", "control_endpoint_url"]),
        ({"max_retries": -1}, ["max_retries"]),
        ({"max_retries": True}, ["max_retries"]),
    ],
)
def test_a_client_that_cannot_be(arguments, paths):
    """All of it listed."""
    with pytest.raises(errors.SpecError) as caught:
        Client(**{"region": "us-east-1", "credentials": KEYS, **arguments})

    assert [problem.path for problem in caught.value.problems] == paths


def test_a_region_is_needed(monkeypatch, tmp_path):
    """There is no default to guess."""
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(errors.SpecError, match="region"):
        Client(credentials=KEYS)
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    assert Client(credentials=KEYS).region == "eu-west-1"


async def test_two_planes_may_have_one_address_or_two():
    """By argument."""
    harness = Harness(ok(harnesses=[]), lambda request: ok())
    c = Client(
        "us-east-1", KEYS, http=harness.client(), endpoint_url="http://data:1", control_endpoint_url="http://control:2"
    )
    await c.harnesses.list().page()
    await c.sessions.stop(ARN, SESSION)

    assert [str(request.url.copy_with(path="/", query=None)) for request in harness.requests] == [
        "http://control:2/",
        "http://data:1/",
    ]


def chunk(**value):
    return event("chunk", **value)


DONE = chunk(contentStop={"exitCode": 0, "status": "COMPLETED"})


async def test_a_command_is_heard_while_it_runs():
    """Piece by piece."""
    more = trio.Event()
    c, _ = client(stream(chunk(contentStart={}) + chunk(contentDelta={"stdout": "a"}), more, DONE))
    async with c.commands.stream(ARN, SESSION, "ls") as events:
        first = await anext(events)
        more.set()
        rest = [item async for item in events]

    assert (first, rest) == (agentcore.Output("stdout", "a"), [agentcore.Exit(0)])


async def test_a_commands_result():
    """Both streams, the code, and each piece for who wants it at once."""
    c, _ = client(
        stream(
            chunk(contentDelta={"stdout": "a", "stderr": "b"}),
            chunk(contentDelta={"stdout": "c"}),
            chunk(contentStop={"exitCode": 3, "status": "COMPLETED"}),
        )
    )
    heard = []
    result = await c.commands.run(ARN, SESSION, "ls", on_output=heard.append)

    assert (result.stdout, result.stderr, result.exit_code, result.timed_out) == ("ac", "b", 3, False)
    assert [piece.text for piece in heard] == ["a", "b", "c"]
    assert "ac" not in repr(result)


@pytest.mark.parametrize(
    ("pieces", "kind"),
    [
        ((chunk(contentDelta={"stdout": "a"}),), agentcore.UnreadableAnswer),
        ((DONE[:-1],), agentcore.UnreadableAnswer),
        ((b"\x00" * 20,), agentcore.UnreadableAnswer),
        ((exception("throttlingException"),), agentcore.RateLimited),
        ((exception("accessDeniedException"),), agentcore.PermissionDenied),
        ((exception("runtimeClientError"),), agentcore.RuntimeFailed),
        ((exception("somethingNew"),), agentcore.ApiError),
        ((httpx.ReadError("x"),), agentcore.ConnectionFailed),
    ],
)
async def test_a_command_whose_end_is_not_known_is_an_error(pieces, kind):
    """It may have run; nothing is asked again."""
    c, service = client(stream(*pieces))
    with pytest.raises(agentcore.ApiError) as caught:
        await c.commands.run(ARN, SESSION, "ls")

    assert type(caught.value) is kind
    assert caught.value.ambiguous
    assert len(service.requests) == 1


@pytest.mark.parametrize(
    ("answer", "times"),
    [
        (refusal(429, "ThrottlingException"), 3),
        (refusal(409, "RetryableConflictException"), 3),
        (httpx.ConnectError("x"), 3),
        (httpx.ReadError("x"), 1),
        (refusal(500, "InternalServerException"), 1),
        (refusal(404, "ResourceNotFoundException"), 1),
    ],
)
async def test_a_command_is_sent_again_only_if_it_has_not_begun(autojump_clock, answer, times):
    """It may do anything, and doing it twice may be worse."""
    c, service = client(answer, answer, answer)
    with pytest.raises(agentcore.ApiError):
        await c.commands.run(ARN, SESSION, "ls")

    assert len(service.requests) == times


async def test_leaving_a_command_early_leaves_nothing_behind():
    """The connection is closed."""
    body = Body(chunk(contentDelta={"stdout": "a"}), trio.Event())
    c, _ = client(httpx.Response(200, headers=STREAM, stream=body))
    async with c.commands.stream(ARN, SESSION, "ls") as events:
        await anext(events)

    assert body.closed


async def test_a_session_that_is_gone_is_stopped():
    """Told apart from one that was there."""
    c, _ = client(lambda request: refusal(404, "ResourceNotFoundException"))
    assert await c.sessions.stop(ARN, SESSION) is False


async def test_a_given_client_stays_open():
    """Who opens closes."""
    harness = Harness()
    http = harness.client()
    async with Client("us-east-1", KEYS, http=http):
        pass
    async with Client("us-east-1", KEYS) as own:
        assert "AKID" not in f"{own} {own.harnesses} {own.commands}"
    assert (http.is_closed, own._http.is_closed) == (False, True)
