"""The simulator in memory: our own requests, signed by botocore's signer, through an httpx client; trio's test clock works."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from urllib.parse import quote

import trio

from agentsup import sim

from .peer import ROLE, SESSION, decode, sign, user

SESSION_HEADER = "X-Amzn-Bedrock-AgentCore-Runtime-Session-Id"


class Memory:
    """Signed requests to a simulator in memory."""

    def __init__(self, simulator, client):
        self.simulator = simulator
        self.client = client

    def request(self, method, path, body=None, *, headers=(), **keys):
        """A signed request, not yet sent."""
        url = f"http://simulator.test{path}"
        content = b"" if body is None else json.dumps(body).encode()
        given = {**dict(headers), **({} if body is None else {"Content-Type": "application/json"})}
        signed = sign(method, url, body=content, headers=given, **keys)
        return self.client.build_request(method, url, content=content, headers=signed)

    async def send(self, method, path, body=None, **options):
        return await self.client.send(self.request(method, path, body, **options))

    async def harness(self, name="demo", **given):
        made = await self.send("POST", "/harnesses", {"harnessName": name, "executionRoleArn": ROLE, **given})
        assert made.status_code == 201, made.text
        await trio.sleep(0.2)
        return made.json()["harness"]

    def invoking(self, harness, *messages, session=SESSION, **given):
        """The request of an invoke; a message may be a text."""
        said = [user(one) if isinstance(one, str) else one for one in messages]
        path = f"/harnesses/invoke?harnessArn={quote(harness['arn'], safe='')}"
        return self.request("POST", path, {"messages": said, **given}, headers={SESSION_HEADER: session})

    async def invoke(self, harness, *messages, **given):
        """The events of one invoke, decoded by botocore: name and payload; an exception's name begins with `!`."""
        answer = await self.client.send(self.invoking(harness, *messages, **given))
        assert answer.status_code == 200, answer.text
        return events(answer.content)

    async def run(self, harness, command, *, session=SESSION, **body):
        path = f"/runtimes/{quote(harness['arn'], safe='')}/commands"
        answer = await self.send("POST", path, {"command": command, **body}, headers={SESSION_HEADER: session})
        assert answer.status_code == 200, answer.text
        return [payload for _, payload in events(answer.content)]

    async def stop(self, harness, session=SESSION):
        path = f"/runtimes/{quote(harness['arn'], safe='')}/stopruntimesession"
        return await self.send("POST", path, {}, headers={SESSION_HEADER: session})


def events(data):
    """Decoded events as (name, payload); an exception's name begins with `!`."""
    return [
        ("!" * (headers[":message-type"] == "exception") + (headers.get(":event-type") or headers[":exception-type"]),
         json.loads(body))
        for headers, body in decode(data)
    ]  # fmt: skip


def texts(found):
    """The texts of decoded events."""
    return [
        payload["delta"]["text"]
        for name, payload in found
        if name == "contentBlockDelta" and "text" in payload["delta"]
    ]


@asynccontextmanager
async def memory(rules=None):
    async with sim.open_simulator(harness=rules) as simulator, simulator.client(headers={}) as client:
        yield Memory(simulator, client)
