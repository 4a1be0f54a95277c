"""What this process lacks is told as what it is, waited out, and held against nobody: by the real HTTP client, on trio's own hooks."""

from __future__ import annotations

import errno
import os
import socket

import httpx
import pytest
import structlog.testing
import trio

import agentsup
from agentsup import claude
from agentsup.providers import transport
from agentsup.providers.base import Unavailable
from agentsup.providers.http_errors import translated
from agentsup.providers.shortage import shortage
from agentsup.providers.transport import own_client
from agentsup.testing import open_simulator
from tests.acceptance.hostile import hostile_provider
from tests.kit.providers import harness

SAID = "no connection could be made here: no file descriptor is free in this process"


class Sockets(trio.abc.SocketFactory):
    """Where the next sockets cannot be had."""

    def __init__(self, fails, number=errno.EMFILE):
        self.fails = fails
        self.number = number
        trio.socket.set_custom_socket_factory(self)

    def socket(self, family, kind, proto):
        if self.fails:
            self.fails -= 1
            raise OSError(self.number, os.strerror(self.number))
        return trio.socket.from_stdlib_socket(socket.socket(family, kind, proto))


class Names(trio.abc.HostnameResolver):
    """A resolver without a file or a socket to ask with."""

    async def getaddrinfo(self, host, port, family=0, type=0, proto=0, flags=0):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    async def getnameinfo(self, sockaddr, flags):
        raise NotImplementedError


async def asked(url="http://127.0.0.1:9/"):
    async with own_client() as http:
        with pytest.raises(Unavailable) as caught, translated("asking"):
            await http.get(url)
    return caught.value


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM])
async def test_it_is_told_as_what_it_is(number):
    """Ours, and not theirs; nothing went out."""
    Sockets(9, number)

    failed = await asked()

    assert str(failed).startswith("asking: no connection could be made here: ")
    assert (failed.ours, failed.unsent) == (True, True)


async def test_a_refused_connection_is_theirs():
    """As before."""
    failed = await asked()

    assert "nothing answers there" in str(failed)
    assert not failed.ours


async def test_a_name_that_cannot_be_looked_up_for_lack_of_descriptors(monkeypatch):
    """The system's resolver calls it unknown; whether that is so is seen by trying to open something."""
    trio.socket.set_custom_hostname_resolver(Names())
    assert not (await asked("http://somewhere/")).ours

    def none_free(*_):
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(os, "open", none_free)
    failed = await asked("http://somewhere/")

    assert SAID in str(failed)
    assert failed.ours


def test_of_several_addresses_all_must_have_failed_by_it():
    """If one was asked and refused, somebody is there who refuses."""
    lacks, refused = OSError(errno.EMFILE, ""), ConnectionRefusedError(errno.ECONNREFUSED, "")
    for causes, ours in (([lacks, lacks], True), ([lacks, refused], False), ([refused, refused], False)):
        error = httpx.ConnectError("all attempts failed")
        error.__cause__ = ExceptionGroup("all attempts failed", causes)
        assert (shortage(error) is not None) is ours


async def test_authorities_that_cannot_be_read_for_now(monkeypatch):
    """They are read with the first request: it fails, and the next one does not."""
    faults = [OSError(errno.EMFILE, "Too many open files")]
    plainly = transport.httpx.create_ssl_context

    def create(*args, **options):
        if faults:
            raise faults.pop()
        return plainly(*args, **options)

    monkeypatch.setattr(transport.httpx, "create_ssl_context", create)
    transport._ssl_context.cache_clear()
    failed = await asked()
    assert SAID in str(failed)
    assert "nothing answers" in str(await asked())


async def test_authorities_that_are_not_there_are_nobodys_passing_trouble(monkeypatch):
    """A file that is missing is said to be missing."""

    def create(*args, **options):
        raise FileNotFoundError(errno.ENOENT, "no such file")

    monkeypatch.setattr(transport.httpx, "create_ssl_context", create)
    transport._ssl_context.cache_clear()
    async with own_client() as http:
        with pytest.raises(FileNotFoundError):
            await http.get("http://127.0.0.1:9/")


async def test_a_session_waits_until_there_are_descriptors_again():
    """At its start and in its middle, and longer than it would try an address that does not answer or a connection that breaks."""
    reconnect = agentsup.Reconnect(initial=0.001, cap=0.002, heartbeat=5.0, grace=0.001, max_attempts=2)
    with structlog.testing.capture_logs() as logs, trio.fail_after(30):
        async with hostile_provider() as server, agentsup.open_runtime() as runtime:
            sockets = Sockets(20)
            spec = agentsup.SessionSpec(provider=server.provider, reconnect=reconnect)
            ref = await runtime.start_session("s", spec)
            assert (await ref.submit("one")).text == "echo one"
            sockets.fails = 20
            await server.only.hang_up()
            assert (await ref.submit("two")).text == "echo two"
            info = await ref.info()

    assert (info.state, info.restarts) == ("idle", 0)
    assert server.only.texts() == ["one", "two"]
    said = [line for line in logs if SAID in line.get("reason", "")]
    assert len(said) >= 30
    assert all(line["attempt"] < 2 for line in said)  # none of them was one more
    assert not any("nothing answers" in line.get("reason", "") for line in logs)


async def test_a_control_plane_says_so_too():
    """In the error of the request, which is known not to have been done."""
    Sockets(99)
    async with claude.Client("key", "http://127.0.0.1:9", max_retries=0) as client:
        with pytest.raises(agentsup.AgentsupError, match="no file descriptor is free") as caught:
            await client.agents.create(name="desk", model="any")
    assert caught.value.ambiguous is False


async def test_a_harness_is_invoked_when_there_are_descriptors_again(autojump_clock):
    """Not within two repetitions, as where nobody answers, but within the time of the request."""
    async with open_simulator() as simulator, harness(simulator) as provider, agentsup.open_runtime() as runtime:
        plainly, fails = provider.http.send, [OSError(errno.EMFILE, "Too many open files")] * 9

        async def send(request, **options):
            if fails:
                raise httpx.ConnectError("all attempts failed") from fails.pop()
            return await plainly(request, **options)

        provider.http.send = send
        ref = await runtime.start_session("s", agentsup.SessionSpec(provider=provider))
        assert (await ref.submit("@say fine")).text == "fine"
        assert not fails

        fails += [OSError(errno.EMFILE, "Too many open files")] * 1000
        spec = agentsup.SessionSpec(provider=provider, limits=agentsup.Limits(timeout=30.0))
        ref = await runtime.start_session("t", spec)
        with pytest.raises(agentsup.RequestTimeout):
            await ref.submit("@say never")
        fails.clear()
        assert (await ref.submit("@say fine")).text == "fine"
