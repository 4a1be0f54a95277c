"""Bounds, and what happens when they are reached."""

from __future__ import annotations

import pytest
import trio

from agentsup import sim
from agentsup.sim import ledger
from agentsup.sim.claude import desk, tap
from agentsup.sim.exchange import Request, Severed

from .kit import HEADERS, history, message, new_session, say, send, texts


async def test_a_full_stream_is_cut(monkeypatch, autojump_clock):
    """A stream nobody reads is cut when it is full; what was waiting arrives before the cut, the history has all of it."""
    monkeypatch.setattr(tap, "MOST_WAITING_BYTES", 2000)
    async with sim.open_simulator() as simulator, simulator.client(headers=HEADERS) as client:
        session = await new_session(client)
        request = Request("GET", f"/v1/sessions/{session}/events/stream", headers=tuple(HEADERS.items()))
        stream = (await simulator.simulator.handle(request)).body
        await say(client, session, "@say a\n" * 50)
        read = b""
        with pytest.raises(Severed):
            while chunk := await stream.read():
                read += chunk
        said = texts(await history(client, session))

    assert said == ["a"] * 50
    assert 2000 < len(read) < 3000


async def test_the_ledger_forgets_the_oldest(monkeypatch):
    """The log keeps the newest requests, by number and by bytes, and never forgets the newest."""
    monkeypatch.setattr(ledger, "MOST_REQUESTS", 3)
    monkeypatch.setattr(ledger, "MOST_BODY_BYTES", 10)
    book = ledger.Ledger()

    def paths():
        return [entry["path"] for entry in book.view()]

    for path in "abcd":
        book.note(Request("GET", path), 0.0)
    by_number = paths()
    book.note(Request("POST", "e", body=b"12345678"), 0.0)
    book.note(Request("POST", "f", body=b"123456789012345"), 0.0)

    assert by_number == ["b", "c", "d"]
    assert paths() == ["f"]


@pytest.mark.parametrize("kind", [LookupError, KeyboardInterrupt])
async def test_an_error_in_the_block_leaves_it_as_it_is(autojump_clock, kind):
    """An exception or a Ctrl-C raised beside a simulator comes out bare, and the simulator's turns are gone."""
    with pytest.raises(kind):
        async with sim.open_simulator() as simulator, simulator.client(headers=HEADERS) as client:
            await send(client, await new_session(client), message("@sleep 1000"))
            raise kind

    assert trio.current_time() == 0


async def test_a_megabyte_in_one_message(autojump_clock):
    """A message of a megabyte goes through, in and out."""
    text = "é" * 500_000
    async with sim.open_simulator() as simulator, simulator.client(headers=HEADERS) as client:
        session = await new_session(client)
        await say(client, session, text)

        assert texts(await history(client, session)) == [text]


async def test_half_a_surrogate_pair(autojump_clock):
    """Text that JSON can carry and UTF-8 cannot is answered, not an error."""
    body = b'{"events": [{"type": "user.message", "content": [{"type": "text", "text": "a\\ud800b"}]}]}'
    async with sim.open_simulator() as simulator, simulator.client(headers=HEADERS) as client:
        session = await new_session(client)
        answer = await client.post(f"/v1/sessions/{session}/events", content=body)
        await trio.sleep(1)

        assert answer.status_code == 200
        assert texts(await history(client, session)) == ["a?b"]


async def test_too_many_inputs_waiting(monkeypatch, autojump_clock):
    """Behind a running turn only so many inputs wait; a send beyond that is refused whole."""
    monkeypatch.setattr(desk, "MOST_WAITING", 3)
    async with sim.open_simulator() as simulator, simulator.client(headers=HEADERS) as client:
        session = await new_session(client)
        await send(client, session, message("@sleep 5"))
        await trio.sleep(1)
        taken = await send(client, session, *[message("@say x")] * 3)
        refused = await send(client, session, message("@say y"), {"type": "user.interrupt"})
        await trio.sleep(10)

        assert (taken.status_code, refused.status_code) == (200, 400)
        assert "events:" in refused.json()["error"]["message"]
        assert texts(await history(client, session)) == ["x"] * 3


async def test_too_many_events(autojump_clock):
    """A send takes a thousand events at most."""
    async with sim.open_simulator() as simulator, simulator.client(headers=HEADERS) as client:
        session = await new_session(client)

        assert (await send(client, session, *[message("@say x")] * 1001)).status_code == 400
