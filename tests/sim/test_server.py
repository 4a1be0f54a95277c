"""The simulator on a real socket and as a process: what memory cannot show."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from contextlib import ExitStack, asynccontextmanager

import httpx
import pytest
import trio

from agentsup.sim import server
from agentsup.sim.process import EXIT_CANNOT_LISTEN, main
from agentsup.sim.server import serve

from .kit import HEADERS, history, listening, message, new_session, send, texts

PROCESS = "import sys; from agentsup.sim.process import main; sys.exit(main())"


@asynccontextmanager
async def served():
    """A server on a free port and a client for it."""
    async with trio.open_nursery() as nursery:
        url = await nursery.start(serve)
        async with httpx.AsyncClient(base_url=url, headers=HEADERS, timeout=10, trust_env=False) as client:
            yield client
        nursery.cancel_scope.cancel()


async def test_turn_over_a_socket():
    """A turn streams over a real connection."""
    async with served() as client:
        session = await new_session(client)
        async with listening(client, session) as stream:
            await send(client, session, message("@say héllo"))
            await stream.until("session.status_idle")

        assert texts(stream.events) == ["héllo"]
        assert stream.events == await history(client, session)


async def test_cut_and_eof():
    """A cut body has no final chunk, but everything before the cut arrives; an ended one is whole."""
    async with served() as client:
        session = await new_session(client)
        async with listening(client, session) as stream:
            await send(client, session, message("@say heard\n@cut"))
            await stream.over.wait()
        async with listening(client, session) as clean:
            await send(client, session, message("@say again\n@eof"))
            await clean.over.wait()

    assert (stream.ended, texts(stream.events)) == ("RemoteProtocolError", ["heard"])
    assert (clean.ended, texts(clean.events)) == ("clean", ["again"])


async def test_reset_and_after_reset():
    """Reset closes the socket without the work, after_reset with it."""
    async with served() as client:
        for mode in ("reset", "after_reset"):
            await client.post("/_sim/faults", json={"path": "/v1/agents", "mode": mode})
            with pytest.raises(httpx.TransportError):
                await client.post("/v1/agents", json={"name": "a", "model": "m"})

        assert len((await client.get("/v1/agents")).json()["data"]) == 1


async def test_a_body_that_is_too_long(monkeypatch):
    """Longer than the bound, a request is a 413 in the API's envelope with an id, and is in the log."""
    monkeypatch.setattr(server, "MOST_BODY_BYTES", 1000)
    async with served() as client:
        refused = await client.post("/v1/files", files={"file": ("a.txt", b"x" * 2000)})
        log = (await client.get("/_sim/requests")).json()

    assert refused.status_code == 413
    body = refused.json()
    assert (body["type"], body["error"]["type"], body["request_id"]) == (
        "error",
        "request_too_large",
        refused.headers["request-id"],
    )
    assert [entry["path"] for entry in log] == ["/v1/files"]


async def test_stall_ends_with_the_client():
    """A stalled request stays silent; the client that gives up leaves nothing behind."""
    async with served() as client:
        await client.post("/_sim/faults", json={"mode": "stall"})

        with pytest.raises(httpx.ReadTimeout):
            await client.get("/v1/agents", timeout=0.05)

        assert (await client.get("/v1/agents")).status_code == 200


async def test_shutdown_with_open_streams():
    """A stopping server ends open streams cleanly and at once, stalled requests with them, and leaves no task."""
    before = len(trio.lowlevel.current_root_task().child_nurseries)
    async with trio.open_nursery() as clients, trio.open_nursery() as nursery:
        url = await nursery.start(serve)
        client = httpx.AsyncClient(base_url=url, headers=HEADERS, timeout=10, trust_env=False)
        session = await new_session(client)
        stream = await clients.start(_listen_to_the_end, client, session)
        await client.post("/_sim/faults", json={"path": "/v1/agents", "mode": "stall"})
        clients.start_soon(_expect_break, client)
        await _until_logged(client, "/v1/agents")
        nursery.cancel_scope.cancel()
    await client.aclose()

    assert stream.ended == "clean"
    assert len(trio.lowlevel.current_root_task().child_nurseries) == before


async def _listen_to_the_end(client, session, *, task_status):
    async with listening(client, session) as stream:
        task_status.started(stream)
        await stream.over.wait()


async def _expect_break(client):
    with pytest.raises(httpx.TransportError):
        await client.get("/v1/agents")


async def _until_logged(client, path):
    while [entry["path"] for entry in (await client.get("/_sim/requests")).json()].count(path) < 2:
        await trio.lowlevel.checkpoint()


async def test_many_open_streams():
    """Hundreds of streams stay open while sessions work beside them, and go away with their clients."""
    async with served() as client:
        session = await new_session(client)
        port = int(str(client.base_url).rpartition(":")[2].strip("/"))
        sockets = [await trio.open_tcp_stream("127.0.0.1", port) for _ in range(300)]
        request = f"GET /v1/sessions/{session}/events/stream HTTP/1.1\r\nHost: x\r\n"
        request += "".join(f"{name}: {value}\r\n" for name, value in HEADERS.items()) + "\r\n"
        for sock in sockets:
            await sock.send_all(request.encode())
        for sock in sockets:
            assert b" 200 " in await sock.receive_some()
        opened = (await client.get("/_sim/health")).json()["streams"]
        await send(client, session, message("hello"))
        for sock in sockets:
            assert b"user.message" in await sock.receive_some()
        for sock in sockets:
            await sock.aclose()
        while (await client.get("/_sim/health")).json()["streams"]:
            await trio.lowlevel.checkpoint()

    assert opened == 300


def _start() -> subprocess.Popen:
    return subprocess.Popen([sys.executable, "-c", PROCESS], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_process_ends_on_signals(number, status):
    """One ready line, then exit 0 on SIGTERM and 130 on Ctrl-C, with an open stream as well."""
    with _start() as process:
        ready = process.stdout.readline()
        url = ready.removeprefix("ready ").strip()
        with httpx.Client(base_url=url, headers=HEADERS, trust_env=False) as client:
            agent = client.post("/v1/agents", json={"name": "a", "model": "m"}).json()["id"]
            environment = client.post("/v1/environments", json={"name": "e"}).json()["id"]
            body = {"agent": agent, "environment_id": environment}
            session = client.post("/v1/sessions", json=body).json()["id"]
            with client.stream("GET", f"/v1/sessions/{session}/events/stream"):
                process.send_signal(number)
                out, err = process.communicate(timeout=10)

    assert ready.startswith("ready http://127.0.0.1:")
    assert (process.returncode, out, err) == (status, "", "")


def test_a_process_that_may_open_few_files():
    """Where the shell allows a process few open files, the simulator still serves hundreds of connections at a time."""
    few = "import resource as r; r.setrlimit(r.RLIMIT_NOFILE, (64, r.getrlimit(r.RLIMIT_NOFILE)[1])); "
    with subprocess.Popen([sys.executable, "-c", few + PROCESS], stdout=subprocess.PIPE, text=True) as process:
        port = int(process.stdout.readline().rpartition(":")[2])
        with ExitStack() as stack:
            stack.callback(process.kill)
            sockets = [stack.enter_context(socket.create_connection(("127.0.0.1", port), 10)) for _ in range(300)]
            for sock in sockets:
                sock.sendall(b"GET /_sim/health HTTP/1.1\r\nHost: x\r\n\r\n")
            answers = [sock.recv(12) for sock in sockets]

    assert answers == [b"HTTP/1.1 200"] * 300


@pytest.mark.parametrize("arguments", ["taken", "70000"])
def test_process_that_cannot_listen(arguments, capsys):
    """A port that is taken or impossible: no ready line, one sentence on stderr, a non-zero status."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1] if arguments == "taken" else int(arguments)
        status = main("127.0.0.1", port)

    out, err = capsys.readouterr()
    assert (status, out) == (EXIT_CANNOT_LISTEN, "")
    assert str(port) in err
    assert err.count("\n") == 1
