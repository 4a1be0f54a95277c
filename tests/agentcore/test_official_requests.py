"""The control plane's requests beside AWS's own client's: method, address, headers and body of every operation."""

from __future__ import annotations

import json

import botocore.awsrequest
import botocore.session
import httpx
import pytest

import agentsup
from agentsup.agentcore import Client
from agentsup.errors import AgentsupError
from tests.providers.agentcore.harness import ARN, KEYS, SESSION, Harness, event, stream

ID = "desk-abcdefghij"
ROLE = "arn:aws:iam::123456789012:role/works"
TOKEN = "a-token-of-at-least-thirty-three-characters"


class Raw:
    def stream(self, **_):
        return iter([b"{}"])

    def read(self, *_):
        return b"{}"


@pytest.fixture(scope="module")
def official():
    """AWS's clients, which show their requests instead of sending them."""
    session = botocore.session.Session()
    keys = {
        "region_name": "us-east-1",
        "aws_access_key_id": KEYS.access_key_id,
        "aws_secret_access_key": KEYS.secret_access_key,
    }
    clients = {name: session.create_client(name, **keys) for name in ("bedrock-agentcore-control", "bedrock-agentcore")}

    def ask(service, operation, **given):
        seen = []

        def show(request, **_):
            seen.append(request)
            return botocore.awsrequest.AWSResponse(request.url, 200, {}, Raw())

        client = clients[service]
        client.meta.events.register_first("before-send", show)
        try:
            getattr(client, operation)(**given)
        finally:
            client.meta.events.unregister("before-send", show)
        return seen[0]

    return ask


async def ours(work):
    """The request that our client makes for this."""
    harness = Harness(lambda request: httpx.Response(404, json={}))
    async with Client("us-east-1", KEYS, http=harness.client(), max_retries=0) as client:
        with pytest.raises(AgentsupError):
            await work(client)
    return harness.requests[0]


def say(text: str) -> str:
    """Says it."""
    return text


async def listed(listing):
    await listing.page()


CASES = {
    "create": (
        lambda c: c.harnesses.create("desk", ROLE, client_token=TOKEN),
        "create_harness",
        {"harnessName": "desk", "executionRoleArn": ROLE, "clientToken": TOKEN},
    ),
    "create with everything": (
        lambda c: c.harnesses.create(
            "desk",
            ROLE,
            model="some.model",
            system_prompt="Grüße",
            tools=[agentsup.tool(say)],
            skills=[{"path": "/x"}],
            allowed_tools=("*",),
            memory={"disabled": {}},
            truncation={"strategy": "none"},
            environment={"agentCoreRuntimeEnvironment": {"lifecycleConfiguration": {"idleRuntimeSessionTimeout": 60}}},
            environment_artifact={"containerConfiguration": {"containerUri": "x" * 30}},
            environment_variables={"A": "b"},
            max_iterations=3,
            max_tokens=4,
            timeout_seconds=5,
            tags={"t": "v"},
            client_token=TOKEN,
        ),
        "create_harness",
        {
            "harnessName": "desk",
            "executionRoleArn": ROLE,
            "model": {"bedrockModelConfig": {"modelId": "some.model"}},
            "systemPrompt": [{"text": "Grüße"}],
            "tools": [
                {
                    "type": "inline_function",
                    "name": "say",
                    "config": {
                        "inlineFunction": {
                            "description": "Says it.",
                            "inputSchema": dict(agentsup.tool(say).spec.input_schema),
                        }
                    },
                }
            ],
            "skills": [{"path": "/x"}],
            "allowedTools": ["*"],
            "memory": {"disabled": {}},
            "truncation": {"strategy": "none"},
            "environment": {
                "agentCoreRuntimeEnvironment": {"lifecycleConfiguration": {"idleRuntimeSessionTimeout": 60}}
            },
            "environmentArtifact": {"containerConfiguration": {"containerUri": "x" * 30}},
            "environmentVariables": {"A": "b"},
            "maxIterations": 3,
            "maxTokens": 4,
            "timeoutSeconds": 5,
            "tags": {"t": "v"},
            "clientToken": TOKEN,
        },
    ),
    "get": (lambda c: c.harnesses.get(ID), "get_harness", {"harnessId": ID}),
    "get a version": (
        lambda c: c.harnesses.get(ID, version="3"),
        "get_harness",
        {"harnessId": ID, "harnessVersion": "3"},
    ),
    "update": (
        lambda c: c.harnesses.update(ID, system_prompt="New", client_token=TOKEN),
        "update_harness",
        {"harnessId": ID, "systemPrompt": [{"text": "New"}], "clientToken": TOKEN},
    ),
    "clear and replace": (
        lambda c: c.harnesses.update(ID, memory={"disabled": {}}, environment_artifact=None, client_token=TOKEN),
        "update_harness",
        {
            "harnessId": ID,
            "memory": {"optionalValue": {"disabled": {}}},
            "environmentArtifact": {},
            "clientToken": TOKEN,
        },
    ),
    "delete": (
        lambda c: c.harnesses.delete(ID, client_token=TOKEN),
        "delete_harness",
        {"harnessId": ID, "clientToken": TOKEN},
    ),
    "delete and keep the memory": (
        lambda c: c.harnesses.delete(ID, delete_managed_memory=False, client_token=TOKEN),
        "delete_harness",
        {"harnessId": ID, "clientToken": TOKEN, "deleteManagedMemory": False},
    ),
    "list": (lambda c: listed(c.harnesses.list()), "list_harnesses", {}),
    "list a page": (
        lambda c: listed(c.harnesses.list(limit=7, page="x/y+z=")),
        "list_harnesses",
        {"maxResults": 7, "nextToken": "x/y+z="},
    ),
    "versions": (lambda c: listed(c.harnesses.versions(ID)), "list_harness_versions", {"harnessId": ID}),
    "create an endpoint": (
        lambda c: c.endpoints.create(ID, "live", target_version="2", description="d", client_token=TOKEN),
        "create_harness_endpoint",
        {"harnessId": ID, "endpointName": "live", "targetVersion": "2", "description": "d", "clientToken": TOKEN},
    ),
    "get an endpoint": (
        lambda c: c.endpoints.get(ID, "live"),
        "get_harness_endpoint",
        {"harnessId": ID, "endpointName": "live"},
    ),
    "update an endpoint": (
        lambda c: c.endpoints.update(ID, "live", target_version="3", client_token=TOKEN),
        "update_harness_endpoint",
        {"harnessId": ID, "endpointName": "live", "targetVersion": "3", "clientToken": TOKEN},
    ),
    "delete an endpoint": (
        lambda c: c.endpoints.delete(ID, "live", client_token=TOKEN),
        "delete_harness_endpoint",
        {"harnessId": ID, "endpointName": "live", "clientToken": TOKEN},
    ),
    "list endpoints": (
        lambda c: listed(c.endpoints.list(ID, limit=2)),
        "list_harness_endpoints",
        {"harnessId": ID, "maxResults": 2},
    ),
}


@pytest.mark.parametrize("case", CASES)
async def test_the_control_plane(official, case):
    """The same words at the same address."""
    work, operation, given = CASES[case]
    sent, theirs = await ours(work), official("bedrock-agentcore-control", operation, **given)

    assert sent.method == theirs.method
    where, expected = httpx.URL(str(sent.url)), httpx.URL(theirs.url)
    assert (where.host, where.raw_path.partition(b"?")[0]) == (expected.host, expected.raw_path.partition(b"?")[0])
    assert sorted(where.query.split(b"&")) == sorted(expected.query.split(b"&"))
    body = theirs.body.decode() if isinstance(theirs.body, bytes) else theirs.body
    assert (json.loads(sent.content) if sent.content else None) == (json.loads(body) if body else None)
    assert sent.headers.get("content-type") == theirs.headers.get("content-type", b"").decode() or not sent.content


async def test_a_command(official):
    """With the harness's ARN in the path."""
    harness = Harness(stream(event("chunk", contentStop={"exitCode": 0, "status": "COMPLETED"})))
    async with Client("us-east-1", KEYS, http=harness.client()) as client:
        await client.commands.run(ARN, SESSION, "ls", timeout=7)
    (sent,) = harness.requests
    theirs = official(
        "bedrock-agentcore",
        "invoke_agent_runtime_command",
        agentRuntimeArn=ARN,
        runtimeSessionId=SESSION,
        body={"command": "ls", "timeout": 7},
        contentType="application/json",
        accept="application/vnd.amazon.eventstream",
    )

    assert (sent.method, str(sent.url)) == (theirs.method, theirs.url)
    assert json.loads(sent.content) == json.loads(theirs.body)
    for name in ("content-type", "accept", "x-amzn-bedrock-agentcore-runtime-session-id"):
        found = {key.lower(): value for key, value in theirs.headers.items()}[name]
        assert sent.headers[name] == (found.decode() if isinstance(found, bytes) else found)


async def test_a_stop(official):
    """Likewise."""
    sent = Harness(lambda request: httpx.Response(200, json={}))
    async with Client("us-east-1", KEYS, http=sent.client()) as client:
        assert await client.sessions.stop(ARN, SESSION)
    theirs = official("bedrock-agentcore", "stop_runtime_session", agentRuntimeArn=ARN, runtimeSessionId=SESSION)

    assert (sent.requests[0].method, str(sent.requests[0].url)) == (theirs.method, theirs.url)
