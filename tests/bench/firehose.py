"""A server that costs next to nothing: prebuilt answers on loopback, so that a benchmark measures the client.

It speaks just enough of Claude Managed Agents for a session to open and a stream to run: one create, one empty history, one accepted
message, then a stream of messages and the idle that ends them. Streams of sessions named `GROUP.N` run when a message for `GROUP` was
posted, and then end; the others stay open. Run as `python -m tests.bench.firehose EVENTS`; it prints its port.
"""

from __future__ import annotations

import json
import sys

import trio

BODY = "x" * 180


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def _frame(event: dict[str, object]) -> bytes:
    return f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()


def _answer(body: object, status: str = "200 OK") -> bytes:
    data = json.dumps(body).encode()
    head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(data)}\r\n\r\n"
    return head.encode() + data


STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


LAST_CHUNK = b"0\r\n\r\n"


def stream_bytes(events: int) -> bytes:
    """One request's events as chunks: its echo, the messages, the idle."""
    stamp = "2026-01-01T00:00:00Z"
    parts = [
        {"id": "sevt_u", "type": "user.message", "content": [{"type": "text", "text": "go"}], "processed_at": stamp},
        {"id": "sevt_r", "type": "session.status_running", "processed_at": stamp},
    ]
    parts += [
        {"id": f"sevt_{n}", "type": "agent.message", "content": [{"type": "text", "text": BODY}], "processed_at": stamp}
        for n in range(events)
    ]
    parts.append(
        {"id": "sevt_i", "type": "session.status_idle", "stop_reason": {"type": "end_turn"}, "processed_at": stamp}
    )
    return b"".join(_chunk(_frame(event)) for event in parts)


class Firehose:
    """The server: every session is the same, and a stream begins to run when the message for it was posted."""

    def __init__(self, events: int) -> None:
        self._stream = stream_bytes(events)
        self._gates: dict[str, trio.Event] = {}
        self._sessions = 0

    async def serve(self, connection: trio.SocketStream) -> None:
        """Answer one connection's requests until it ends."""
        buffer = b""
        try:
            while True:
                while b"\r\n\r\n" not in buffer:
                    data = await connection.receive_some(65536)
                    if not data:
                        return
                    buffer += data
                head, buffer = buffer.split(b"\r\n\r\n", 1)
                length = _content_length(head)
                while len(buffer) < length:
                    buffer += await connection.receive_some(65536)
                buffer = buffer[length:]
                method, target, _ = head.split(b" ", 2)
                await self._respond(connection, method.decode(), target.decode().partition("?")[0])
        except trio.BrokenResourceError:
            return
        finally:
            await connection.aclose()

    async def _respond(self, connection: trio.SocketStream, method: str, path: str) -> None:
        if path.endswith("/stream"):
            session_id = path.split("/")[3]
            gate = self._gate(session_id)
            await connection.send_all(STREAM_HEAD)
            await gate.wait()
            await connection.send_all(self._stream)
            if "." not in session_id:
                await trio.sleep_forever()
            await connection.send_all(LAST_CHUNK)
        elif method == "GET":
            await connection.send_all(_answer({"data": [], "next_page": None}))
        elif path.endswith("/events"):
            await connection.send_all(_answer({"data": []}))
            self._gate(path.split("/")[3]).set()
        else:
            self._sessions += 1
            await connection.send_all(_answer({"id": f"sesn_{self._sessions}", "type": "session"}))

    def _gate(self, session_id: str) -> trio.Event:
        return self._gates.setdefault(session_id.partition(".")[0], trio.Event())


def _content_length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.split(b":")[1])
    return 0


async def main(events: int) -> None:
    """Listen on a free port, say which, serve for ever."""
    firehose = Firehose(events)
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1", backlog=4096)
    print(listeners[0].socket.getsockname()[1], flush=True)
    await trio.serve_listeners(firehose.serve, listeners)


if __name__ == "__main__":
    trio.run(main, int(sys.argv[1]))
