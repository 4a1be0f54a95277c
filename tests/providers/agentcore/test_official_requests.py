"""The same requests as AWS's own client: method, address, modelled headers and body."""

from __future__ import annotations

import json

import botocore.awsrequest
import botocore.session
import httpx
import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from agentsup.providers.agentcore import Overrides
from agentsup.talk.content import Text
from agentsup.talk.outgoing import GiveResult, SayMessage, SayStop
from agentsup.talk.tools import ToolResult, ToolSpec, ToolUse
from tests.providers.agentcore.harness import ARN, KEYS, SESSION, Harness, Session, driver, saying, stream

COMPARED = ("content-type", "x-amzn-bedrock-agentcore-runtime-session-id")


@pytest.fixture(scope="module")
def official():
    """AWS's client, which shows its request instead of sending it."""
    session = botocore.session.Session()
    client = session.create_client(
        "bedrock-agentcore",
        region_name="us-east-1",
        aws_access_key_id=KEYS.access_key_id,
        aws_secret_access_key=KEYS.secret_access_key,
        aws_session_token=KEYS.session_token,
    )

    def ask(operation, **given):
        seen = []

        def show(request, **_):
            seen.append(request)
            return botocore.awsrequest.AWSResponse(request.url, 200, {}, Raw())

        client.meta.events.register_first("before-send", show)
        try:
            getattr(client, operation)(**given)
        finally:
            client.meta.events.unregister("before-send", show)
        return seen[0]

    return ask


class Raw:
    def stream(self, **_):
        return iter([b"{}"])

    def read(self, *_):
        return b"{}"


def alike(ours, theirs):
    """Whether both say the same."""
    assert ours.method == theirs.method
    assert str(ours.url) == theirs.url
    headers = {name.lower(): value for name, value in theirs.headers.items()}
    for name in COMPARED:
        said = headers.get(name)
        assert ours.headers.get(name) == (said.decode() if isinstance(said, bytes) else said), name
    return json.loads(ours.content), json.loads(theirs.body)


async def sent(*items, **more):
    """What our driver sends for these."""
    harness = Harness(stream(saying("x")))
    async with trio.open_nursery() as nursery:
        session = await Session(driver(harness, **more), nursery).attach()
        await session.post(*items)
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    return harness.requests[0]


async def test_an_invoke(official):
    """With a text."""
    ours, theirs = alike(
        await sent(SayMessage("r", (Text("Grüße\n☃"),))),
        official(
            "invoke_harness",
            harnessArn=ARN,
            runtimeSessionId=SESSION,
            messages=[{"role": "user", "content": [{"text": "Grüße\n☃"}]}],
        ),
    )
    assert ours == theirs


async def test_an_invoke_with_results_overrides_and_a_qualifier(official):
    """Every field that we can say is one of the model, in its shape."""
    tool = ToolSpec(name="look", description="Looks.", input_schema={"type": "object", "properties": {}})
    overrides = Overrides(
        model="some.model",
        system_prompt="Be kind.",
        tools=[tool],
        allowed_tools=["*"],
        max_iterations=2,
        max_tokens=3,
        timeout=4,
        actor_id="me",
    )
    ours, theirs = alike(
        await sent(
            GiveResult(ToolResult("c1", "no", is_error=True), ToolUse("c1", "look", {"n": [1, None]})),
            qualifier="live",
            overrides=overrides,
        ),
        official(
            "invoke_harness",
            harnessArn=ARN,
            qualifier="live",
            runtimeSessionId=SESSION,
            messages=[
                {
                    "role": "assistant",
                    "content": [{"toolUse": {"toolUseId": "c1", "name": "look", "input": {"n": [1, None]}}}],
                },
                {
                    "role": "user",
                    "content": [{"toolResult": {"toolUseId": "c1", "content": [{"text": "no"}], "status": "error"}}],
                },
            ],
            model={"bedrockModelConfig": {"modelId": "some.model"}},
            systemPrompt=[{"text": "Be kind."}],
            tools=[
                {
                    "type": "inline_function",
                    "name": "look",
                    "config": {
                        "inlineFunction": {
                            "description": "Looks.",
                            "inputSchema": {"type": "object", "properties": {}},
                        }
                    },
                }
            ],
            allowedTools=["*"],
            maxIterations=2,
            maxTokens=3,
            timeoutSeconds=4,
            actorId="me",
        ),
    )
    assert ours == theirs


async def test_a_stop(official):
    """With a token of the same length."""
    harness = Harness(lambda request: httpx.Response(200))
    await driver(harness).post(SESSION, [SayStop("s")])
    ours, theirs = alike(
        harness.requests[0], official("stop_runtime_session", agentRuntimeArn=ARN, runtimeSessionId=SESSION)
    )

    assert list(ours) == list(theirs) == ["clientToken"]
    assert len(ours["clientToken"]) == len(theirs["clientToken"])
