"""A harness's side of the wire, scripted: what each request is answered with, in bytes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import httpx
import trio

from agentsup.providers.agentcore import BedrockAgentCore, HarnessDriver
from agentsup.providers.aws.credentials import Credentials
from agentsup.wire.eventstream import encode_frame

ARN = "arn:aws:bedrock-agentcore:us-east-1:123456789012:harness/desk-abcdefghij"
SESSION = "session-of-this-test-0000000000000"
KEYS = Credentials(
    access_key_id="AKIDEXAMPLE", secret_access_key="wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", session_token="TOKEN"
)
STREAM = {"content-type": "application/vnd.amazon.eventstream"}


def event(name, **value):
    """One event's frame."""
    headers = {":event-type": name, ":content-type": "application/json", ":message-type": "event"}
    return encode_frame(headers, json.dumps(value).encode())


def exception(name, message="said"):
    """An exception's frame."""
    headers = {":exception-type": name, ":content-type": "application/json", ":message-type": "exception"}
    return encode_frame(headers, json.dumps({"message": message}).encode())


def saying(text, *, reason="end_turn", usage=None):
    """A whole answer that says this."""
    return (
        event("messageStart", role="assistant")
        + event("contentBlockDelta", contentBlockIndex=0, delta={"text": text})
        + event("contentBlockStop", contentBlockIndex=0)
        + event("messageStop", stopReason=reason)
        + event("metadata", usage=usage or {"inputTokens": 1, "outputTokens": 2, "totalTokens": 3})
    )


def calling(*calls):
    """A whole answer that wants these tools run: `(id, name, input)`."""
    blocks = b"".join(
        event("contentBlockStart", contentBlockIndex=0, start={"toolUse": {"toolUseId": call_id, "name": name}})
        + event("contentBlockDelta", contentBlockIndex=0, delta={"toolUse": {"input": json.dumps(given)}})
        + event("contentBlockStop", contentBlockIndex=0)
        for call_id, name, given in calls
    )
    return event("messageStart", role="assistant") + blocks + event("messageStop", stopReason="tool_use")


def refusal(status, code, message="no", **headers):
    """An HTTP refusal."""
    given = {"x-amzn-errortype": code, "x-amzn-requestid": "request-1", **headers}
    return httpx.Response(status, headers=given, json={"message": message})


class Body(httpx.AsyncByteStream):
    """A body in pieces: bytes are sent, events are waited for, exceptions raised."""

    def __init__(self, *pieces):
        self.pieces = pieces
        self.closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            match piece:
                case bytes():
                    yield piece
                case trio.Event():
                    await piece.wait()
                case _:
                    raise piece

    async def aclose(self) -> None:
        self.closed = True


def stream(*pieces):
    """A streamed answer."""
    return httpx.Response(200, headers=STREAM, stream=Body(*pieces))


class Harness(httpx.AsyncBaseTransport):
    """Answers each request with the next of its answers: a response, an exception, an event to wait for, or a function of the request."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.requests = []

    async def handle_async_request(self, request):
        await trio.lowlevel.checkpoint()
        await request.aread()
        self.requests.append(request)
        if request.url.path.endswith("/stopruntimesession") and not any(callable(answer) for answer in self.answers):
            return httpx.Response(200, json={})
        answer = self.answers.pop(0)
        while isinstance(answer, trio.Event):
            await answer.wait()
            answer = self.answers.pop(0)
        if callable(answer):
            answer = answer(request)
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def bodies(self):
        """What the invokes said."""
        return [json.loads(request.content) for request in self.requests if request.url.path == "/harnesses/invoke"]

    def client(self):
        """An HTTP client of it."""
        return httpx.AsyncClient(transport=self)


class Session:
    """A session on a driver, as a session's actor would hold it."""

    def __init__(self, driver, nursery, session_id=SESSION):
        self.driver = driver
        self.nursery = nursery
        self.session_id = session_id
        self.heard = []
        self.ended = None
        self.scope = trio.CancelScope()

    async def attach(self):
        """Follow it, in a task."""
        caught_up = trio.Event()

        async def run():
            try:
                with self.scope:
                    await self.driver.attach(self.session_id, hear=self.hear, caught_up=set_it, heartbeat=45.0)
            except Exception as exc:
                self.ended = exc

        async def set_it():
            caught_up.set()

        self.nursery.start_soon(run)
        await caught_up.wait()
        return self

    async def hear(self, bodies):
        await trio.lowlevel.checkpoint()
        self.heard.extend(bodies)

    async def post(self, *items, **more):
        await self.driver.post(self.session_id, items, **more)

    def of(self, kind):
        """What was heard of this kind."""
        return [body for body in self.heard if isinstance(body, kind)]


def provider(harness, **more):
    """A provider value that talks to it."""
    return BedrockAgentCore(**{"harness": ARN, "credentials": KEYS, "http": harness.client(), **more})


def driver(harness, **more) -> HarnessDriver:
    """Its driver."""
    return provider(harness, **more).connect()
