"""A provider on real sockets that can be told to misbehave: HTTP and SSE written byte by byte, so that every byte can be wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

import attrs
import trio

import agentsup

REASONS = {200: "OK"}


def frame(event, *, newline="\n"):
    """The event as an SSE frame."""
    lines = [f"event: {event.get('type', 'x')}", f"data: {json.dumps(event)}", "", ""]
    return newline.join(lines).encode()


def chunk(data):
    """The bytes as one chunk of a chunked body."""
    return b"%x\r\n%s\r\n" % (len(data), data)


@attrs.define(eq=False)
class Request:
    """One request as it came in."""

    method: str
    path: str
    query: str
    headers: dict
    body: object
    stream: trio.SocketStream


class Gone(Exception):
    """The handler has dealt with the connection, which is over."""


@attrs.define(eq=False)
class Conversation:
    """One session at the provider: its history, who listens, and what the agent does."""

    id: str
    provider: HostileProvider
    metadata: dict
    history: list = attrs.field(factory=list)
    listeners: list = attrs.field(factory=list)
    deleted: bool = False
    changed: trio.Event = attrs.field(factory=trio.Event)
    sending: trio.Lock = attrs.field(factory=trio.Lock)
    numbers: int = 0
    posted: list = attrs.field(factory=list)

    def mint(self):
        self.numbers += 1
        return f"sevt_{self.id}_{self.numbers}"

    # What an agent can do.

    async def emit(self, type, **fields):
        """An event as it should be: in the history, and on every stream."""
        event = {"id": self.mint(), "type": type, "processed_at": "2026-01-01T00:00:00Z", **fields}
        self.history.append(event)
        await self.raw(frame(event))
        return event

    async def raw(self, data):
        """Bytes on every stream, as one chunk."""
        await self.wire(chunk(data))

    async def wire(self, data):
        """Bytes on every connection that streams, below the chunks."""
        for stream in list(self.listeners):
            try:
                async with self.sending:
                    await stream.send_all(data)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                if stream in self.listeners:
                    self.listeners.remove(stream)

    async def eof(self):
        """A clean end of every stream's body."""
        await self.wire(b"0\r\n\r\n")
        await self.hang_up()

    async def hang_up(self):
        """The end of every stream's connection, wherever it is."""
        listeners, self.listeners[:] = list(self.listeners), []
        for stream in listeners:
            await stream.aclose()

    async def listened(self):
        """Wait until somebody listens."""
        while not self.listeners:
            await self.change()

    async def change(self):
        await self.changed.wait()

    def notify(self):
        self.changed.set()
        self.changed = trio.Event()

    async def running(self):
        await self.emit("session.status_running")

    async def say(self, text):
        return await self.emit("agent.message", content=[{"type": "text", "text": text}])

    async def idle(self, reason="end_turn", **fields):
        return await self.emit("session.status_idle", stop_reason={"type": reason, **fields})

    async def use(self, name, input):
        return await self.emit("agent.custom_tool_use", name=name, input=input)

    async def ask(self, *calls):
        """Have the client run these; returns the results' texts by the order of the calls."""
        ids = [(await self.use(name, input))["id"] for name, input in calls]
        await self.idle("requires_action", event_ids=ids)
        return await self.results(ids)

    async def results(self, ids):
        while missing := [one for one in ids if one not in self.answers()]:
            del missing
            await self.change()
        return [self.answers()[one]["content"][0]["text"] for one in ids]

    def answers(self):
        return {e["custom_tool_use_id"]: e for e in self.posted if e["type"] == "user.custom_tool_result"}

    def texts(self):
        """What the client has said, in order."""
        return [e["content"][0]["text"] for e in self.posted if e["type"] == "user.message"]

    def result_ids(self):
        """The calls the client has answered, doubles included."""
        return [e["custom_tool_use_id"] for e in self.posted if e["type"] == "user.custom_tool_result"]


Agent = Callable[[Conversation, str], Awaitable[None]]


async def echo(c, text):
    await c.running()
    await c.say(f"echo {text}")
    await c.idle()


@attrs.define(eq=False)
class HostileProvider:
    """The server."""

    nursery: trio.Nursery
    agent: Agent = echo
    port: int = 0
    conversations: dict = attrs.field(factory=dict)
    requests: list = attrs.field(factory=list)
    open_connections: int = 0
    hooks: list = attrs.field(factory=list)
    emptied: trio.Event = attrs.field(factory=trio.Event)
    newline: str = "\n"

    @property
    def provider(self):
        return agentsup.ClaudeManagedAgents(
            agent="agent_1", environment="env_1", api_key="sk-secret-123", base_url=f"http://127.0.0.1:{self.port}"
        )

    @property
    def only(self):
        [conversation] = self.conversations.values()
        return conversation

    def hook(self, method, pattern, times=1):
        """Decorator: a function that deals with the next requests that fit, instead of or before the normal answer.

        It gets the request and may answer by itself and return True, or return something false to have it served as usual.
        """

        def register(function):
            self.hooks.append([method, re.compile(pattern), times, function])
            return function

        return register

    async def serve(self, stream):
        self.open_connections += 1
        try:
            async with stream:
                await self.connection(stream)
        except (trio.BrokenResourceError, trio.ClosedResourceError, Gone):
            pass
        finally:
            self.open_connections -= 1
            if not self.open_connections:
                self.emptied.set()
                self.emptied = trio.Event()

    async def connection(self, stream):
        buffer = b""
        while True:
            while b"\r\n\r\n" not in buffer:
                data = await stream.receive_some(65536)
                if not data:
                    return
                buffer += data
            head, _, buffer = buffer.partition(b"\r\n\r\n")
            lines = head.decode().split("\r\n")
            method, target, _ = lines[0].split(" ")
            headers = {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:])}
            size = int(headers.get("content-length", "0"))
            while len(buffer) < size:
                buffer += await stream.receive_some(65536)
            body, buffer = buffer[:size], buffer[size:]
            path, _, query = target.partition("?")
            request = Request(method, path, query, headers, json.loads(body) if body else None, stream)
            self.requests.append(request)
            await self.route(request)

    async def route(self, request):
        for hook in list(self.hooks):
            method, pattern, times, function = hook
            if times and method == request.method and pattern.fullmatch(request.path):
                hook[2] -= 1
                if await function(request):
                    return
                break
        await self.normally(request)

    async def normally(self, request):
        await self.answer(request, *await self.work(request)) if not request.path.endswith(
            "/stream"
        ) else await self.open(request)

    async def work(self, request):
        """Do what is asked for; the status and the body to answer with."""
        if request.path == "/v1/sessions":
            if request.method == "POST":
                c = Conversation(f"sesn_{len(self.conversations) + 1}", self, request.body.get("metadata", {}))
                self.conversations[c.id] = c
                return 200, {"id": c.id, "type": "session", "status": "idle", "metadata": c.metadata}
            rows = [{"id": c.id, "type": "session", "metadata": c.metadata} for c in self.conversations.values()]
            return 200, {"data": rows[::-1], "next_page": None}
        c = self.conversations.get(request.path.split("/")[3])
        if c is None or c.deleted:
            return 404, envelope("not_found_error", "no such session")
        if request.method == "GET":
            query = dict(pair.partition("=")[::2] for pair in request.query.split("&") if pair)
            start, limit = int(query.get("page", "0")), int(query.get("limit", "100"))
            after = start + limit
            page = str(after) if after < len(c.history) else None
            return 200, {"data": c.history[start:after], "next_page": page}
        c.posted += request.body["events"]
        echoes = [await c.emit(**event) for event in request.body["events"]]
        c.notify()
        for event in echoes:
            if event["type"] == "user.message":
                self.nursery.start_soon(self.agent, c, event["content"][0]["text"])
        return 200, {"data": echoes}

    async def open(self, request, headers=b"content-type: text/event-stream\r\n"):
        c = self.conversations.get(request.path.split("/")[3])
        if c is None or c.deleted:
            await self.answer(request, 404, envelope("not_found_error", "no such session"))
            return
        await request.stream.send_all(b"HTTP/1.1 200 OK\r\n" + headers + b"transfer-encoding: chunked\r\n\r\n")
        c.listeners.append(request.stream)
        c.notify()
        try:
            await request.stream.receive_some(1)  # nothing more is sent by a client that listens: it leaves
        finally:
            if request.stream in c.listeners:
                c.listeners.remove(request.stream)
        raise Gone

    async def answer(self, request, status, body, headers=()):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        lines = [f"HTTP/1.1 {status} {REASONS.get(status, 'Whatever')}", "content-type: application/json"]
        lines += [f"content-length: {len(data)}", *headers, "", ""]
        await request.stream.send_all("\r\n".join(lines).encode() + data)

    async def all_gone(self):
        """Wait until no client is connected."""
        while self.open_connections:
            await self.emptied.wait()


def envelope(type, message):
    return {"type": "error", "error": {"type": type, "message": message}}


@asynccontextmanager
async def hostile_provider(agent=echo):
    """The server, for as long as the block lasts."""
    async with trio.open_nursery() as nursery:
        server = HostileProvider(nursery, agent)
        listeners = await nursery.start(partial(trio.serve_tcp, server.serve, 0, host="127.0.0.1"))
        server.port = listeners[0].socket.getsockname()[1]
        yield server
        nursery.cancel_scope.cancel()


FAST = agentsup.Reconnect(initial=0.01, cap=0.02, heartbeat=5.0, grace=0.01)


async def check_kept(ref, requests):
    """Exactly one terminal for each accepted request, and as many as were asked."""
    accepted, ended = [], []
    info = await ref.info()
    async with ref.subscribe(after=0, overflow="block", buffer=100_000) as events:
        async for event in events:
            if event.type == "accepted":
                accepted.append(event.body.request_id)
            if event.type == "request_ended":
                ended.append(event.body.request_id)
            if event.type == "session_ended" or (info.state != "closed" and len(ended) == requests):
                break
    assert sorted(accepted) == sorted(ended)
    assert len(set(ended)) == len(ended) == requests
