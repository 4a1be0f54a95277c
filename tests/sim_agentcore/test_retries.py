"""What botocore does by itself when the simulator fails it: the fault rules, seen from a client that retries."""

from __future__ import annotations

import httpx
import pytest
import trio

from .peer import BROKEN, ROLE, SESSION, code, said, status, user


@pytest.fixture
async def harness(aws):
    return await aws.harness()


async def fault(aws, **rule):
    async with httpx.AsyncClient(base_url=aws.url, trust_env=False) as client:
        assert (await client.post("/_sim/faults", json=rule)).status_code == 200


async def arrived(aws, path):
    async with httpx.AsyncClient(base_url=aws.url, trust_env=False) as client:
        return [entry for entry in (await client.get("/_sim/requests")).json() if entry["path"] == path]


@pytest.mark.parametrize("broken", [{"status": 500}, {"status": 503}, {"status": 429}, {"mode": "reset"}])
async def test_a_create_that_is_tried_again(aws, broken):
    """Statuses that pass, and broken connections: three attempts, one client token, one harness."""
    await fault(aws, path="/harnesses", method="POST", times=2, **broken)
    patient = aws.client("control", attempts=3)
    made = await aws.call(patient.create_harness, harnessName="demo", executionRoleArn=ROLE)

    attempts = await arrived(aws, "/harnesses")
    assert len(attempts) == 3
    assert len({entry["body"]["clientToken"] for entry in attempts}) == 1
    assert len({entry["headers"]["amz-sdk-invocation-id"] for entry in attempts}) == 1
    listed = await aws.call(aws.control.list_harnesses)
    assert [one["harnessId"] for one in listed["harnesses"]] == [made["harness"]["harnessId"]]


async def test_an_answer_that_got_lost(aws):
    """The work was done and the connection broke: the second try with the same token is answered as the first one was."""
    await fault(aws, path="/harnesses", method="POST", mode="after_reset")
    patient = aws.client("control", attempts=3)
    made = await aws.call(patient.create_harness, harnessName="demo", executionRoleArn=ROLE)

    listed = await aws.call(aws.control.list_harnesses)
    assert [one["harnessId"] for one in listed["harnesses"]] == [made["harness"]["harnessId"]]


@pytest.mark.parametrize(
    ("number", "name", "attempts"),
    [
        (409, "ConflictException", 1),
        (424, "RuntimeClientError", 1),
        (409, "RetryableConflictException", 3),
        (429, "ThrottlingException", 3),
        (500, "InternalServerException", 3),
        (400, "ValidationException", 1),
    ],
)
async def test_which_errors_a_command_is_tried_again_for(aws, harness, number, name, attempts):
    """As the model's traits say: RetryableConflict is, Conflict is not."""
    await fault(aws, path="/runtimes/*", times=5, status=number, headers={"x-amzn-errortype": name})
    patient = aws.client("data", attempts=3)
    error = await aws.error(
        patient.invoke_agent_runtime_command,
        agentRuntimeArn=harness["arn"],
        runtimeSessionId=SESSION,
        body={"command": "true"},
    )

    assert (code(error), status(error)) == (name, number)
    assert len(await arrived(aws, f"/runtimes/{harness['arn']}/commands")) == attempts


async def test_an_invoke_that_is_tried_again_runs_twice(aws, harness):
    """InvokeHarness has no token: whoever retries after a lost answer has two turns, and the log shows both."""
    await fault(aws, path="/harnesses/invoke", mode="after_reset")
    patient = aws.client("data", attempts=3)

    assert said(await aws.invoke(harness, "@say hi", client=patient)) == ["hi"]
    assert len(await arrived(aws, "/harnesses/invoke")) == 2


async def test_a_stall_ends_with_the_client(aws, harness):
    """A request that is never answered; the client's own limit ends it, and the server has nothing left of it."""
    await fault(aws, path="/harnesses/invoke", mode="stall")
    impatient = aws.client("data", read_timeout=0.2)

    with trio.fail_after(30):
        with pytest.raises(BROKEN):
            await aws.invoke(harness, user("x"), client=impatient)
        assert said(await aws.invoke(harness, "y")) == ["y"]
