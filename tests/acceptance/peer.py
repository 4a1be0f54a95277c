"""A service that says what a test decides, byte by byte, over connections in memory: so an hour of silence takes no time.

httpx and httpcore are the real ones up to where they would ask for a socket.
"""

from __future__ import annotations

import itertools
import json
import math
import ssl
from contextlib import asynccontextmanager
from functools import cache

import attrs
import httpcore
import httpx
import trio

import agentsup

KEY = "sk-secret-of-the-peer"


# --- connections -----------------------------------------------------------------------------------------------------------------


class Pipe:
    """Bytes one way."""

    def __init__(self):
        self._bytes = bytearray()
        self._news = trio.Event()
        self.ended = self.broken = False

    def put(self, data):
        self._bytes += data
        self._news.set()

    def end(self):
        self.ended = True
        self._news.set()

    def reset(self):
        self.broken = True
        self._news.set()

    async def get(self, most=65_536):
        while not (self._bytes or self.ended or self.broken):
            self._news = trio.Event()
            await self._news.wait()
        await trio.lowlevel.checkpoint()
        if self.broken:
            raise ConnectionResetError
        data = bytes(self._bytes[:most])
        del self._bytes[:most]
        return data


class OurEnd(httpcore.AsyncNetworkStream):
    """What the HTTP client has instead of a socket."""

    def __init__(self, service, incoming, outgoing):
        self._service = service
        self._incoming = incoming
        self._outgoing = outgoing
        self._open = True
        service.connections += 1

    async def read(self, max_bytes, timeout=None):
        try:
            with trio.fail_after(math.inf if timeout is None else timeout):
                return await self._incoming.get(max_bytes)
        except trio.TooSlowError as exc:
            raise httpcore.ReadTimeout from exc
        except ConnectionResetError as exc:
            raise httpcore.ReadError from exc

    async def write(self, buffer, timeout=None):
        await trio.lowlevel.checkpoint()
        if self._incoming.broken:
            raise httpcore.WriteError
        self._outgoing.put(buffer)

    async def aclose(self):
        if self._open:
            self._open = False
            self._service.connections -= 1
            self._outgoing.end()
        await trio.lowlevel.checkpoint()

    def get_extra_info(self, info):
        incoming = self._incoming
        return incoming.ended or incoming.broken if info == "is_readable" else None


@attrs.define(eq=False)
class Line:
    """The service's end of one connection."""

    incoming: Pipe
    outgoing: Pipe
    _left: bytes = b""

    async def request(self):
        """The next request; None when the client has gone."""
        while b"\r\n\r\n" not in self._left:
            if not (data := await self.incoming.get()):
                return None
            self._left += data
        head, _, self._left = self._left.partition(b"\r\n\r\n")
        first, *rest = head.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ")
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in rest)}
        size = int(headers.get("content-length", 0))
        while len(self._left) < size:
            self._left += await self.incoming.get()
        body, self._left = self._left[:size], self._left[size:]
        path, _, query = target.partition("?")
        return Request(method, path, json.loads(body) if body else None, query)

    def say(self, data):
        self.outgoing.put(data)

    async def gone(self):
        """Wait until the client has gone."""
        while await self.incoming.get():
            pass


@attrs.frozen
class Request:
    """What was asked."""

    method: str
    path: str
    body: object
    query: str = ""

    @property
    def kind(self):
        """Which of the things a session asks for."""
        if self.path == "/v1/sessions":
            return "create" if self.method == "POST" else "search"
        if self.method == "GET":
            return "stream" if self.path.endswith("/stream") else "list"
        if not self.path.endswith("/events"):
            return "change"
        return {
            "user.message": "message",
            "user.custom_tool_result": "result",
            "user.tool_confirmation": "confirm",
            "user.interrupt": "interrupt",
            "system.message": "raw",
        }[self.body["events"][0]["type"]]


class _Network(httpcore.AsyncNetworkBackend):
    def __init__(self, service):
        self._service = service

    async def connect_tcp(self, host, port, timeout=None, local_address=None, socket_options=None):
        await trio.lowlevel.checkpoint()
        there, back = Pipe(), Pipe()
        self._service.nursery.start_soon(self._service.serve, Line(there, back))
        return OurEnd(self._service, back, there)

    async def sleep(self, seconds):
        await trio.sleep(seconds)


# --- the service -----------------------------------------------------------------------------------------------------------------


@attrs.define(eq=False)
class Service:
    """One account, and an agent that does what the message says.

    `faults` has, for a kind of request, what happens to the next ones of it instead of an answer: functions of the service, the line and the
    request, which deal with it.
    """

    nursery: trio.Nursery
    faults: dict = attrs.field(factory=dict)
    sessions: dict = attrs.field(factory=dict)
    history: list = attrs.field(factory=list)
    streams: list = attrs.field(factory=list)
    taken: list = attrs.field(factory=list)
    """What was sent to the session and accepted, in order."""

    nameless_interrupts: bool = False
    """As the live service has it at times: interrupts are shown with an empty id."""

    fails_at_filters: bool = False
    """Lists from a moment on are a 500."""

    waits_for: list = attrs.field(factory=list)
    connections: int = 0
    http: httpx.AsyncClient | None = None
    _numbers: itertools.count = attrs.field(factory=lambda: itertools.count(1))

    @property
    def provider(self):
        return agentsup.ClaudeManagedAgents(
            agent="agent_1", environment="env_1", api_key=KEY, base_url="http://peer", http=self.http
        )

    def told(self):
        """What was accepted, in short."""
        return [f"{event['type'].partition('.')[2]} {_said(event)}".strip() for event in self.taken]

    def cut(self):
        """Break every stream."""
        for line in self.streams:
            line.outgoing.reset()

    # What it does.

    def event(self, type, **fields):
        number = next(self._numbers)
        stamp = f"2026-01-01T00:{number // 60:02}:{number % 60:02}Z"
        return {"type": type, "id": f"sevt_{number}", "processed_at": stamp, **fields}

    def tell(self, event):
        """An event in the history and on every stream."""
        self.history.append(event)
        for line in self.streams:
            line.say(chunk(frame(event)))
        return event

    def say(self, text):
        self.tell(self.event("agent.message", content=[{"type": "text", "text": text}]))

    def rest(self, reason="end_turn", **fields):
        self.tell(self.event("session.status_idle", stop_reason={"type": reason, **fields}))

    def do(self, request):
        """What the request asks for, without an answer."""
        if request.kind == "create":
            self._create(request)
        elif request.kind == "change":
            self._change(request)
        elif request.method == "POST":
            self._accept(request)[1]()

    def _create(self, request):
        session_id = f"sesn_{next(self._numbers)}"
        self.sessions[session_id] = {"id": session_id, "type": "session", "metadata": request.body["metadata"]}
        return self.sessions[session_id]

    def _change(self, request):
        session = self.sessions[request.path.rpartition("/")[2]]
        session.update(request.body)
        return session

    def _accept(self, request):
        """Take what was sent: its echoes, and a function that has them, and what comes of them, told."""
        echoes = [{**event, **self.event(event["type"])} for event in request.body["events"]]
        for echo in echoes:
            if self.nameless_interrupts and echo["type"] == "user.interrupt":
                echo["id"] = ""
        self.taken += echoes

        def tell():
            for echo in echoes:
                self.tell(echo)
                self._act(echo)

        return echoes, tell

    def _act(self, event):
        match event["type"]:
            case "user.message":
                self.tell(self.event("session.status_running"))
                verb, _, number = _said(event).partition(" ")
                if verb == "tool":
                    self._ask(
                        self.event("agent.custom_tool_use", name="add", input={"n": n}) for n in range(int(number))
                    )
                elif verb == "ask":
                    self._ask([self.event("agent.tool_use", name="bash", input={}, evaluated_permission="ask")])
                elif verb != "hang":
                    self.say(f"re: {_said(event)}")
                    self.rest()
            case "user.interrupt":
                self.waits_for.clear()
                self.rest()
            case _:
                call_id = event.get("custom_tool_use_id") or event.get("tool_use_id")
                if call_id in self.waits_for:
                    self.waits_for.remove(call_id)
                    if not self.waits_for:
                        self.tell(self.event("session.status_running"))
                        self.say("done")
                        self.rest()

    def _ask(self, uses):
        self.waits_for[:] = [self.tell(use)["id"] for use in uses]
        self.rest("requires_action", event_ids=list(self.waits_for))

    # How it answers.

    async def serve(self, line):
        try:
            while (request := await line.request()) is not None:
                if faults := self.faults.get(request.kind):
                    await faults.pop(0)(self, line, request)
                else:
                    await self._answer(line, request)
            line.outgoing.end()
        except ConnectionResetError:
            pass

    async def _answer(self, line, request):
        match request.kind:
            case "create":
                line.say(answer(200, self._create(request)))
            case "change":
                line.say(answer(200, self._change(request)))
            case "search":
                line.say(answer(200, {"data": list(self.sessions.values())}))
            case "list" if self.fails_at_filters and "created_at" in request.query:
                line.say(refusal(500))
            case "list":
                line.say(answer(200, {"data": self.history, "next_page": None}))
            case "stream":
                line.say(STREAM)
                self.streams.append(line)
                try:
                    await line.gone()
                finally:
                    self.streams = [each for each in self.streams if each is not line]
            case _:
                echoes, tell = self._accept(request)
                line.say(answer(200, {"data": echoes}))
                tell()


def _said(event):
    content = event.get("content") or [{}]
    return content[0].get("text", "")


@cache
def _unused():
    """To make one takes longer than most tests."""
    return ssl.create_default_context()


@asynccontextmanager
async def peer(**options):
    """The service, and in its `http` a client that reaches it."""
    async with trio.open_nursery() as nursery:
        service = Service(nursery)
        transport = httpx.AsyncHTTPTransport(verify=_unused())
        transport._pool = httpcore.AsyncConnectionPool(network_backend=_Network(service), max_connections=None)
        async with httpx.AsyncClient(transport=transport, **options) as service.http:
            yield service
        nursery.cancel_scope.cancel()


# --- bytes -----------------------------------------------------------------------------------------------------------------------

STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


def frame(event):
    name = event.get("type", "x") if isinstance(event, dict) else "x"
    return f"event: {name}\ndata: {json.dumps(event)}\n\n".encode()


def answer(status, body=b"", *headers, kind="application/json"):
    """An answer's bytes."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} Whatever", f"content-type: {kind}", f"content-length: {len(data)}", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1") + data


def refusal(status, *headers):
    return answer(status, {"type": "error", "error": {"type": "some_error", "message": "no"}}, *headers)


# --- faults ----------------------------------------------------------------------------------------------------------------------


def says(data, *, then=None):
    """These bytes, and then `end`, `reset` or nothing; what was asked is not done."""

    async def fault(service, line, request):
        line.say(data)
        if then is not None:
            getattr(line.outgoing, then)()

    return fault


def does(data=b"", *, then=None):
    """What was asked is done, but these bytes are the answer."""

    async def fault(service, line, request):
        service.do(request)
        await says(data, then=then)(service, line, request)

    return fault


def drips(head, piece, *, every=10.0):
    """An answer that goes on for ever, slowly."""

    async def fault(service, line, request):
        line.say(head)
        while not line.incoming.ended:
            line.say(piece)
            await trio.sleep(every)

    return fault


def later(seconds, *, breaks=True):
    """What was asked is done a while later, and not answered; the connection breaks at once, or stays silent."""

    async def fault(service, line, request):
        async def work():
            await trio.sleep(seconds)
            service.do(request)

        service.nursery.start_soon(work)
        if breaks:
            line.outgoing.reset()

    return fault
