"""What the simulator's tests share: a session in two lines, its stream as a list of events."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager

import httpx
import trio

HEADERS = {"x-api-key": "any", "anthropic-beta": "managed-agents-2026-04-01"}


async def new_session(client: httpx.AsyncClient, **fields) -> str:
    """The id of a session with an agent and an environment of its own; fields go into the session's create body."""
    agent = (await client.post("/v1/agents", json={"name": "a", "model": "claude-x"})).json()
    environment = (await client.post("/v1/environments", json={"name": "e"})).json()
    body = {"agent": agent["id"], "environment_id": environment["id"], **fields}
    response = await client.post("/v1/sessions", json=body)
    assert response.status_code == 200, response.text
    return response.json()["id"]


def message(text: str) -> dict:
    """A user.message."""
    return {"type": "user.message", "content": [{"type": "text", "text": text}]}


def result(call: dict, text: str, **fields) -> dict:
    """The answer to a custom tool call."""
    content = [{"type": "text", "text": text}]
    return {"type": "user.custom_tool_result", "custom_tool_use_id": call["id"], "content": content, **fields}


async def send(client: httpx.AsyncClient, session_id: str, *events: dict) -> httpx.Response:
    """Posts events."""
    return await client.post(f"/v1/sessions/{session_id}/events", json={"events": list(events)})


async def say(client: httpx.AsyncClient, session_id: str, text: str) -> None:
    """Posts a message and waits until the session has nothing more to do by itself."""
    response = await send(client, session_id, message(text))
    assert response.status_code == 200, response.text
    await at_rest(client, session_id)


async def at_rest(client: httpx.AsyncClient, session_id: str) -> None:
    """Waits until the session no longer runs, looking ever more rarely."""
    pause_s = 0.001
    while (await client.get(f"/v1/sessions/{session_id}")).json()["status"] in ("running", "rescheduling"):
        await trio.sleep(pause_s)
        pause_s *= 1.5


async def history(client: httpx.AsyncClient, session_id: str, **params) -> list[dict]:
    """All events, through all pages."""
    events: list[dict] = []
    page: dict = {}
    while True:
        body = (await client.get(f"/v1/sessions/{session_id}/events", params={**params, **page})).json()
        events += body["data"]
        if body["next_page"] is None:
            return events
        page = {"page": body["next_page"]}


def types(events: list[dict]) -> list[str]:
    """The types of the events."""
    return [event["type"] for event in events]


def of_type(events: list[dict], kind: str) -> list[dict]:
    """Those of one type."""
    return [event for event in events if event["type"] == kind]


def texts(events: list[dict]) -> list[str]:
    """What the agent said."""
    return [event["content"][0]["text"] for event in of_type(events, "agent.message")]


def stop_reasons(events: list[dict]) -> list[str]:
    """Why each idle was."""
    return [event["stop_reason"]["type"] for event in of_type(events, "session.status_idle")]


class Listener:
    """One open stream, collected by a task: `events`, and how the body ended."""

    def __init__(self) -> None:
        self._chunks = bytearray()
        self.ended: str | None = None
        self.over = trio.Event()
        self._news = trio.Event()

    @property
    def raw(self) -> bytes:
        """The body so far."""
        return bytes(self._chunks)

    @property
    def frames(self) -> list[tuple[str, str]]:
        """The complete frames as (event, data); comments left out."""
        whole, _, _ = self.raw.decode().rpartition("\n\n")
        found = []
        for block in whole.split("\n\n"):
            lines = [line.partition(": ") for line in block.split("\n") if not line.startswith(":")]
            fields = {name: value for name, _, value in lines if name}
            if fields:
                found.append((fields["event"], fields.get("data", "")))
        return found

    @property
    def events(self) -> list[dict]:
        """The data of the frames."""
        return [json.loads(data) for _, data in self.frames]

    async def until(self, kind: str, count: int = 1) -> None:
        """Waits until that many events of the type were seen."""
        while [name for name, _ in self.frames].count(kind) < count:
            self._news = trio.Event()
            await self._news.wait()

    async def until_raw(self, piece: bytes) -> None:
        """Waits until that was in the body; for bodies too large to be read as frames each time."""
        start = 0
        while self._chunks.find(piece, max(0, start - len(piece))) < 0:
            start = len(self._chunks)
            self._news = trio.Event()
            await self._news.wait()

    def hear(self, chunk: bytes) -> None:
        """More of the body."""
        self._chunks += chunk
        self._news.set()


async def collect(client, path, params, listener, task_status) -> None:
    try:
        async with client.stream("GET", path, params=params) as response:
            assert response.status_code == 200, await response.aread()
            task_status.started()
            async for chunk in response.aiter_raw():
                listener.hear(chunk)
        listener.ended = "clean"
    except (httpx.RemoteProtocolError, httpx.ReadError) as error:
        listener.ended = type(error).__name__
    listener.over.set()


@asynccontextmanager
async def listening(client: httpx.AsyncClient, session_id: str, path: str = "events/stream", **params):
    """A stream that is open for the length of the block."""
    listener = Listener()
    async with trio.open_nursery() as nursery:

        async def task(*, task_status):
            await collect(client, f"/v1/sessions/{session_id}/{path}", params, listener, task_status)

        await nursery.start(task)
        yield listener
        nursery.cancel_scope.cancel()
