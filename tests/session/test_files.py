"""A session's files: what the agent wrote, listed at the provider, the newest of each name."""

from __future__ import annotations

import attrs
import pytest
import trio

import agentsup
from agentsup.errors import SpecError
from agentsup.testing import open_simulator
from tests.kit.providers import harness

FILES = "/v1/files"


async def names(ref):
    return [file.name for file in await ref.files()]


async def test_files_are_listed_newest_first(world, autojump_clock):
    """Each by its name, size and id; what `Artifacts` lists is the same, and fetches it."""
    ref = await world.start()
    assert await ref.files() == ()
    result = await ref.submit("@file a.txt one\n@sleep 2\n@file b.txt two!")
    await trio.sleep(1)

    newest, older = await ref.files()

    assert [(newest.name, newest.size), (older.name, older.size)] == [("b.txt", 4), ("a.txt", 3)]
    assert newest.ref.startswith("file_")
    assert newest.retrievable
    assert newest.created_at > older.created_at
    assert "two!" not in repr(newest)
    artifacts = agentsup.Artifacts(world.provider, result.provider_session_id)
    assert (await artifacts.list())[0] == newest
    assert await artifacts.fetch("b.txt") == b"two!"


async def test_of_one_name_the_newest_counts(world, autojump_clock):
    """The provider keeps both."""
    ref = await world.start()
    await ref.submit("@file a.txt one\n@sleep 2\n@file a.txt other")
    await trio.sleep(1)

    (file,) = await ref.files()

    assert file.size == len("other")


async def test_other_sessions_files_are_not_among_them(world, autojump_clock):
    """Only this session's."""
    one, other = await world.start(session_id="one"), await world.start(session_id="other")
    await one.submit("@file mine.txt x")
    await other.submit("@file theirs.txt y")
    await trio.sleep(1)

    assert (await names(one), await names(other)) == (["mine.txt"], ["theirs.txt"])


async def test_many_pages_are_one_list(world, autojump_clock, monkeypatch):
    """All of them, however they come."""
    monkeypatch.setattr("agentsup.providers.managed.driver.FILES", 2)
    ref = await world.start()
    await ref.submit("\n".join(f"@file {n}.txt x" for n in range(5)))
    await trio.sleep(1)

    assert sorted(await names(ref)) == [f"{n}.txt" for n in range(5)]
    pages = [request for request in world.sim.requests if request["path"] == FILES]
    assert len(pages) == 3
    assert {"files-api-2025-04-14", "managed-agents-2026-04-01"} == set(
        pages[0]["headers"]["anthropic-beta"].split(",")
    )


async def test_a_running_request_hinders_nobody(world, autojump_clock):
    """And neither does the session's end."""
    ref = await world.start()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ref.submit, "@file a.txt x\n@sleep 60\n@say done")
        await trio.sleep(5)
        assert (await ref.info()).state == "running"
        assert await names(ref) == ["a.txt"]
    await ref.close()

    assert await names(ref) == ["a.txt"]


async def test_a_hiccup_is_passed_over(world, autojump_clock):
    """Asking twice comes to the same, so it is asked again."""
    ref = await world.start()
    await ref.submit("@file a.txt x")
    world.sim.fault(path=FILES, status=503, times=2)

    assert await names(ref) == ["a.txt"]


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ({"status": 503, "times": 100}, None),
        ({"status": 400}, 400),
        ({"status": 429, "headers": {"retry-after": "600"}}, None),
    ],
)
async def test_a_list_that_cannot_be_had_is_an_error(world, autojump_clock, fault, status):
    """In the provider's words; the session lives on."""
    ref = await world.start()
    world.sim.fault(path=FILES, **fault)

    with trio.fail_after(60), pytest.raises(agentsup.ProviderFailed, match="files") as caught:
        await ref.files()

    assert caught.value.status == status
    assert (await ref.submit("@say alive")).text == "alive"


async def test_who_left_the_runtime_is_told_so(provider, autojump_clock):
    """Of a session that lived and of one that had ended."""
    async with agentsup.open_runtime() as runtime:
        lives = await runtime.start_session("lives", agentsup.SessionSpec(provider=provider))
        over = await runtime.start_session("over", agentsup.SessionSpec(provider=provider))
        await over.close()

    for ref in (lives, over):
        with pytest.raises(agentsup.SessionClosed):
            await ref.files()


async def test_a_session_that_was_put_down_is_not_woken(provider, autojump_clock):
    """Its task has nothing to decide about it."""
    async with agentsup.open_runtime(passivate_after=5.0) as runtime:
        ref = await runtime.start_session("s", agentsup.SessionSpec(provider=provider))
        await ref.submit("@file a.txt x")
        await trio.sleep(10)
        assert (await ref.info()).state == "passivated"

        assert await names(ref) == ["a.txt"]
        assert (await ref.info()).state == "passivated"


# --- in a machine of AgentCore's; real commands, so on the real clock --------------------------------------------------------------


@pytest.fixture
async def machine():
    async with open_simulator() as simulator, harness(simulator) as provider, agentsup.open_runtime() as runtime:
        yield simulator, attrs.evolve(provider, storage="outputs"), runtime


async def test_files_of_a_machine(machine):
    """Those in its storage, by their paths."""
    _, provider, runtime = machine
    ref = await runtime.start_session("s", agentsup.SessionSpec(provider=provider))
    assert await ref.files() == ()
    artifacts = agentsup.Artifacts(provider, (await ref.info()).provider_session_id)
    await artifacts.put("report.csv", b"a,b\n")

    (file,) = await ref.files()

    assert (file.name, file.size, file.ref) == ("report.csv", 4, "outputs/report.csv")
    assert await artifacts.list() == (file,)


async def test_a_machine_that_cannot_list_them(machine):
    """The command's end is the reason; a session that the service refuses is told by its status."""
    simulator, provider, runtime = machine
    ref = await runtime.start_session("s", agentsup.SessionSpec(provider=provider))
    simulator.fault(method="POST", path="/runtimes/*/commands", status=403, times=1)
    with pytest.raises(agentsup.ProviderFailed) as caught:
        await ref.files()
    assert caught.value.status == 403

    simulator.fault(method="POST", path="/runtimes/*/commands", status=500, times=1)
    assert await ref.files() == ()


def test_a_provider_must_tell_of_its_files():
    """Or the spec says what is missing."""

    class Strange:
        kind, endpoint, has_history, provider_session_id = "strange", "here", True, None

        def problems(self):
            return ()

        def connect(self):
            """Make a driver."""

        async def open(self, driver, opening):
            """Open."""

    with pytest.raises(SpecError, match="provider"):
        agentsup.SessionSpec(provider=Strange())
