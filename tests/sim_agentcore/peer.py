"""The peer: botocore's clients in threads, pointed at a served simulator, and its signer for requests of our own."""

from __future__ import annotations

import contextlib
import json
from contextlib import asynccontextmanager
from functools import lru_cache, partial

import botocore.auth
import botocore.awsrequest
import botocore.config
import botocore.credentials
import botocore.eventstream
import botocore.exceptions
import botocore.session
import httpx
import trio
import urllib3.exceptions

from agentsup.sim.server import serve

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
ROLE = "arn:aws:iam::123456789012:role/harness"
REGION = "us-east-1"
BROKEN = (botocore.exceptions.HTTPClientError, urllib3.exceptions.HTTPError)
"""What a connection that breaks is to botocore: before the answer, and in its stream."""

SESSION = "a-runtime-session-of-exactly-forty-chars"


@lru_cache
def official():
    """One botocore session: it keeps the loaded models."""
    return botocore.session.get_session()


def client(plane, url, *, region=REGION, key="AKIDEXAMPLE", secret=SECRET, token=None, attempts=1, **config):
    """A client of one plane, `control` or `data`."""
    return official().create_client(
        {"control": "bedrock-agentcore-control", "data": "bedrock-agentcore"}[plane],
        region_name=region,
        endpoint_url=url,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        aws_session_token=token,
        config=botocore.config.Config(
            retries={"total_max_attempts": attempts, "mode": "standard"},
            **{"connect_timeout": 10, "read_timeout": 20, "max_pool_connections": 30, **config},
        ),
    )


class Planes:
    """Both planes of one served simulator; every call runs in a thread."""

    def __init__(self, url):
        self.url = url
        self._open = []
        self._made = 0
        self.control = self.client("control")
        self.data = self.client("data")

    def client(self, plane, **options):
        """One more client; closed with the rest."""
        made = client(plane, self.url, **options)
        self._open.append(made)
        return made

    async def close(self):
        for made in self._open:
            await trio.to_thread.run_sync(made.close)

    async def call(self, method, **given):
        """The answer, without what botocore adds."""
        answer = await trio.to_thread.run_sync(partial(method, **given))
        answer.pop("ResponseMetadata", None)
        return answer

    async def error(self, method, **given):
        """The error of a call that fails, as botocore raises it."""
        try:
            answer = await self.call(method, **given)
        except botocore.exceptions.ClientError as error:
            return error
        raise AssertionError(f"there was an answer: {answer}")

    async def harness(self, name=None, **given):
        """A harness that is READY."""
        self._made += 1
        made = await self.call(
            self.control.create_harness, harnessName=name or f"harness_{self._made}", executionRoleArn=ROLE, **given
        )
        return await self.until("READY", made["harness"]["harnessId"])

    async def until(self, status, harness_id):
        """The harness as soon as it has that status."""

        async def seen():
            harness = (await self.call(self.control.get_harness, harnessId=harness_id))["harness"]
            return harness if harness["status"] == status else None

        return await until(seen)

    async def health(self):
        """The simulator's own numbers."""
        async with httpx.AsyncClient(base_url=self.url, trust_env=False) as client:
            return (await client.get("/_sim/health")).json()

    async def until_running(self, noun="running"):
        """Returns when something of the kind is under way."""

        async def seen():
            return (await self.health())[noun]

        await until(seen)

    async def invoke(self, harness, *messages, session=SESSION, client=None, **given):
        """All events of one invoke; a message may be a text."""
        answer = await self.call(
            (client or self.data).invoke_harness,
            harnessArn=harness["arn"],
            runtimeSessionId=session,
            messages=[user(one) if isinstance(one, str) else one for one in messages],
            **given,
        )
        return await trio.to_thread.run_sync(read_all, answer["stream"])

    async def run(self, harness, command, *, session=SESSION, **body):
        """All chunks of one command."""
        answer = await self.call(
            self.data.invoke_agent_runtime_command,
            agentRuntimeArn=harness["arn"],
            runtimeSessionId=session,
            body={"command": command, **body},
        )
        return [event["chunk"] for event in await trio.to_thread.run_sync(read_all, answer["stream"])]

    async def stop(self, harness, session=SESSION, **given):
        return await self.call(
            self.data.stop_runtime_session, agentRuntimeArn=harness["arn"], runtimeSessionId=session, **given
        )


@asynccontextmanager
async def planes(rules=None):
    """A served simulator and clients for it."""
    async with trio.open_nursery() as nursery:
        url = await nursery.start(partial(serve, harness=rules))
        both = Planes(url)
        try:
            yield both
        finally:
            with trio.CancelScope(shield=True):
                await both.close()
            nursery.cancel_scope.cancel()


async def until(seen):
    """What `seen` answers, as soon as that is something; it is asked ever more rarely, and not for ever."""
    pause_s = 0.002
    with trio.fail_after(60):
        while not (found := await seen()):
            await trio.sleep(pause_s)
            pause_s = min(pause_s * 1.5, 0.05)
    return found


def code(error):
    """An error's code."""
    return error.response["Error"]["Code"]


def status(error):
    """Its HTTP status."""
    return error.response["ResponseMetadata"]["HTTPStatusCode"]


def fields(error):
    """The names of the fields it names."""
    return [field["name"] for field in error.response.get("fieldList", [])]


def read_all(stream):
    """Every event of a stream, which is closed whatever comes of it."""
    try:
        return list(stream)
    finally:
        stream.close()


# Messages and events


def user(*content):
    """A message of role user; a string is a text block."""
    return {"role": "user", "content": [{"text": one} if isinstance(one, str) else one for one in content]}


def result(call, text, **more):
    """The result of a call."""
    call_id = call if isinstance(call, str) else call["toolUseId"]
    return {"toolResult": {"toolUseId": call_id, "content": [{"text": text}], **more}}


def resumed(calls, *results):
    """The two messages of a resume: the tool uses again, and their results."""
    again = [{"toolUse": {key: call[key] for key in ("toolUseId", "name", "input")}} for call in calls]
    return {"role": "assistant", "content": again}, {"role": "user", "content": list(results)}


def said(events):
    """The text of each text block, in order."""
    return ["".join(block["text"]) for block in blocks(events) if block["text"]]


def calls(events, kind="tool_use"):
    """The tool uses of a kind, with their inputs put together."""
    return [
        {**block["start"]["toolUse"], "input": json.loads("".join(block["input"]) or "{}")}
        for block in blocks(events)
        if block["start"].get("toolUse", {}).get("type") == kind
    ]


def blocks(events):
    """The content blocks, each with its start and its deltas by kind."""
    found, open_ = [], None
    for event in events:
        (name,) = event
        if name in ("contentBlockStart", "contentBlockDelta") and open_ is None:
            open_ = {"start": {}, "text": [], "input": [], "result": [], "thought": []}
            found.append(open_)
        if name == "contentBlockStart":
            open_["start"] = event[name]["start"]
        elif name == "contentBlockDelta":
            delta = event[name]["delta"]
            open_["text"] += [delta["text"]] if "text" in delta else []
            open_["input"] += [delta["toolUse"]["input"]] if "toolUse" in delta else []
            open_["result"] += delta.get("toolResult", [])
            open_["thought"] += [delta["reasoningContent"]] if "reasoningContent" in delta else []
        elif name == "contentBlockStop":
            open_ = None
    return found


def stops(events):
    """Why each message ended."""
    return [event["messageStop"]["stopReason"] for event in events if "messageStop" in event]


def usage(events):
    """The token counts of each metadata event, as (in, out)."""
    found = [event["metadata"]["usage"] for event in events if "metadata" in event]
    return [(one["inputTokens"], one["outputTokens"]) for one in found]


# In memory: our own requests, signed by botocore's signer, decoded by its decoder


def sign(method, url, *, body=b"", headers=(), region=REGION, key="AKIDEXAMPLE", secret=SECRET, token=None):
    """The headers of a signed request."""
    request = botocore.awsrequest.AWSRequest(method=method, url=url, data=body, headers=dict(headers))
    keys = botocore.credentials.Credentials(key, secret, token)
    botocore.auth.SigV4Auth(keys, "bedrock-agentcore", region).add_auth(request)
    return {**dict(request.headers.items()), "host": httpx.URL(url).netloc.decode()}


def decode(data):
    """Events as botocore's parser shows them; an exception as its class name and message."""
    buffer = botocore.eventstream.EventStreamBuffer()
    buffer.add_data(data)
    found = []
    with contextlib.suppress(StopIteration):
        for message in buffer:
            as_dict = message.to_response_dict()
            found.append((as_dict["headers"], as_dict["body"]))
    return found
