"""One contract, three stores; and what each of the two on disk does when its disk is not as it left it."""

from __future__ import annotations

import fcntl
import json
import sqlite3
import sys
import threading

import pytest
import structlog
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

import agentsup
from agentsup import AgentSpec
from agentsup.provisioning import FileStore, MemoryStore, Resource, SQLiteStore
from agentsup.provisioning.recall import Recall

from .kit import FakeBackend, run

DESK = AgentSpec(name="desk", model="claude-x")
VALUE = {"id": "agent-1", "deep": {"list": [1, None, "é\u2028"]}}


@pytest.fixture(params=["memory", "file", "sqlite"])
def opened(request, tmp_path):
    """Opens the same store again and again."""
    if request.param == "memory":
        store = MemoryStore()
        return lambda: store
    kind = FileStore if request.param == "file" else SQLiteStore
    return lambda: kind(tmp_path / "agents.store")


# --- the contract ------------------------------------------------------------------------------------------------------------------


async def test_what_is_put_is_there(opened):
    """Whoever opens the store finds it as it was."""
    await opened().put("a/b", VALUE)

    assert await opened().get("a/b") == VALUE
    assert await opened().get("a") is None


async def test_the_last_one_counts(opened):
    """A value takes the place of the one before it."""
    await opened().put("a", {"n": 1})
    await opened().put("a", {"n": 2})

    assert await opened().get("a") == {"n": 2}


async def test_forgetting(opened):
    """What is forgotten is gone, and can be forgotten again."""
    await opened().put("a", VALUE)

    await opened().delete("a")
    await opened().delete("a")

    assert await opened().get("a") is None


async def test_scanning(opened):
    """Everything that begins so, taken literally, and nothing else."""
    for key in ("a/1", "a/2", "a", "b/1", "a%/1", "é/1"):
        await opened().put(key, {"key": key})

    assert set(await opened().scan("a/")) == {"a/1", "a/2"}
    assert await opened().scan("a%") == {"a%/1": {"key": "a%/1"}}
    assert set(await opened().scan("é")) == {"é/1"}
    assert len(await opened().scan("")) == 6


async def test_nobody_changes_what_is_kept(opened):
    """Neither who put it nor who got it."""
    given_value = {"list": [1]}
    await opened().put("a", given_value)
    given_value["list"].append(2)
    (await opened().get("a"))["list"].append(3)
    (await opened().scan(""))["a"]["list"].append(4)

    assert await opened().get("a") == {"list": [1]}


async def test_many_at_once(opened):
    """Fifty changes at the same time are fifty changes."""
    async with trio.open_nursery() as nursery:
        for number in range(50):
            nursery.start_soon(opened().put, f"k{number}", {"n": number})

    assert {key: value["n"] for key, value in (await opened().scan("k")).items()} == {f"k{n}": n for n in range(50)}


async def test_many_threads(opened):
    """Also from event loops of their own."""

    async def put_ten(number):
        for place in range(10):
            await opened().put(f"t{number}/{place}", {})

    threads = [threading.Thread(target=trio.run, args=(put_ten, number)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        await trio.to_thread.run_sync(thread.join)

    assert len(await opened().scan("t")) == 40


async def test_cancelled_is_wholly_or_not(opened):
    """A change that is cancelled has happened or has not; the next one is not in its way."""
    for number in range(20):
        with trio.move_on_after(0.0005 * number):
            await opened().put("a", {"n": number, "pad": "x" * 1000})
    found = await opened().get("a")
    await opened().put("b", {})

    assert found is None or len(found["pad"]) == 1000
    assert await opened().get("b") == {}


async def test_it_remembers_handles(opened):
    """Provisioning with it: a second process (another backend, the same store) asks nothing."""
    first = await agentsup.ensure_agent(FakeBackend(), DESK, store=opened())
    other = FakeBackend()

    assert await agentsup.ensure_agent(other, DESK, store=opened()) == first
    assert other.calls == []


@settings(max_examples=10)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["put", "delete"]),
            st.text(max_size=3),
            st.dictionaries(st.text(), st.integers(), max_size=2),
        ),
        max_size=8,
    )
)
def test_all_three_are_a_dictionary(tmp_path_factory, changes):
    """Any changes leave each store as they would leave a dictionary."""
    folder = tmp_path_factory.mktemp("stores")

    async def main():
        model = {}
        stores = [MemoryStore(), FileStore(folder / "a.json"), SQLiteStore(folder / "a.db")]
        for verb, key, value in changes:
            model.pop(key, None) if verb == "delete" else model.update({key: value})
            for store in stores:
                await (store.delete(key) if verb == "delete" else store.put(key, value))
        for store in stores:
            assert await store.scan("") == model

    run(main)


# --- files -------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"a": 1}', b"\xff\xfe", b"[" * 100_000, b"null"])
async def test_a_corrupt_file_is_an_empty_store(tmp_path, content):
    """With a warning; the next change makes it a whole one again."""
    path = tmp_path / "agents.json"
    path.write_bytes(content)
    store = FileStore(path)

    with structlog.testing.capture_logs() as logs:
        assert await store.get("a") is None
    await store.put("a", VALUE)

    assert [(log["event"], log["log_level"]) for log in logs] == [("provision.store_corrupt", "warning")]
    assert json.loads(path.read_text("utf-8")) == {"a": VALUE}


async def test_a_file_in_a_folder_that_is_not_there_yet(tmp_path):
    """It is made when there is something to keep, and not before."""
    store = FileStore(tmp_path / "new" / "deep" / "agents.json")

    assert await store.get("a") is None
    assert not (tmp_path / "new").exists()
    await store.put("a", VALUE)

    assert await store.get("a") == VALUE


async def test_nothing_is_left_beside_the_file(tmp_path):
    """Only the file and its lock; a change that fails leaves the file as it was."""
    store = FileStore(tmp_path / "agents.json")
    await store.put("a", VALUE)

    with pytest.raises(TypeError):
        await store.put("b", {"x": object()})

    assert sorted(path.name for path in tmp_path.iterdir()) == ["agents.json", "agents.json.lock"]
    assert await store.scan("") == {"a": VALUE}


async def test_a_held_lock_is_waited_for_and_can_be_given_up(tmp_path):
    """Somebody else's change holds ours up; a cancelled one goes, and reading needs no lock."""
    store = FileStore(tmp_path / "agents.json")
    await store.put("a", VALUE)
    with (tmp_path / "agents.json.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with trio.move_on_after(0.05) as scope:
            await store.put("b", {})
        assert await store.get("a") == VALUE

    assert scope.cancelled_caught
    await store.put("c", {})
    assert set(await store.scan("")) == {"a", "c"}


@pytest.mark.parametrize("kind", ["FileStore", "SQLiteStore"])
async def test_two_processes_lose_nothing(tmp_path, kind):
    """Each puts its own twenty: forty are there."""
    code = (
        "import sys, trio; from agentsup.provisioning import FileStore, SQLiteStore\n"
        "async def main():\n"
        "    store = {'FileStore': FileStore, 'SQLiteStore': SQLiteStore}[sys.argv[1]](sys.argv[2])\n"
        "    for n in range(20): await store.put(f'{sys.argv[3]}/{n}', {'n': n})\n"
        "trio.run(main)\n"
    )
    path = tmp_path / "agents.store"
    async with trio.open_nursery() as nursery:
        for name in ("a", "b"):
            nursery.start_soon(trio.run_process, [sys.executable, "-c", code, kind, str(path), name])

    store = FileStore(path) if kind == "FileStore" else SQLiteStore(path)
    assert len(await store.scan("")) == 40


# --- SQLite ------------------------------------------------------------------------------------------------------------------------


async def test_other_tables_are_left_alone(tmp_path):
    """The database may be somebody else's, too."""
    path = tmp_path / "app.db"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE customers (name TEXT)")
        db.execute("INSERT INTO customers VALUES ('Ada')")
    db.close()

    await SQLiteStore(path).put("a", VALUE)

    with sqlite3.connect(path) as db:
        assert db.execute("SELECT * FROM customers").fetchall() == [("Ada",)]
    db.close()


async def test_rows_that_are_not_ours_are_no_rows(tmp_path):
    """A value that is no JSON object was not written by us."""
    path = tmp_path / "app.db"
    await SQLiteStore(path).put("a", VALUE)
    with sqlite3.connect(path) as db:
        db.executemany("INSERT INTO agentsup_provisioned VALUES (?, ?)", [("b", "{"), ("c", "[1]")])
    db.close()

    assert await SQLiteStore(path).scan("") == {"a": VALUE}


# --- stores that are in trouble ----------------------------------------------------------------------------------------------------


class Broken(MemoryStore):
    """Raises, or never answers."""

    def __init__(self, *, hangs):
        super().__init__()
        self._hangs = hangs

    async def get(self, key):
        await self._fail()

    async def put(self, key, value):
        await self._fail()

    async def delete(self, key):
        await self._fail()

    async def scan(self, prefix):
        await self._fail()

    async def _fail(self):
        if self._hangs:
            await trio.sleep_forever()
        raise OSError("the disk is gone")


@pytest.mark.parametrize("store", ["agents.json", agentsup.SQLiteStore("sessions.db"), MemoryStore])
async def test_what_is_no_store(store):
    """The store of sessions is another one; a path is none, nor is a class."""
    with pytest.raises(agentsup.SpecError, match=r"store: must be a store of `agentsup\.provisioning`"):
        await agentsup.ensure_agent(FakeBackend(), DESK, store=store)


@pytest.mark.parametrize("hangs", [False, True])
async def test_a_broken_store_is_in_nobodys_way(autojump_clock, hangs):
    """It counts as empty, with a warning, for making and for taking away."""
    backend, store = FakeBackend(), Broken(hangs=hangs)

    with structlog.testing.capture_logs() as logs:
        handle = await agentsup.ensure_agent(backend, DESK, store=store)
        assert await agentsup.ensure_agent(backend, DESK, store=store) == handle
        await agentsup.teardown(handle, store=store)

    warned = [log for log in logs if log["event"] == "provision.store_failed"]
    assert {log["verb"] for log in warned} == {"get", "put", "delete", "scan"}
    assert all(log["log_level"] == "warning" for log in warned)
    assert backend.live() == []


async def test_a_corrupt_database_is_in_nobodys_way(tmp_path):
    """It is left as it is, too: it may be worth something to somebody."""
    path = tmp_path / "app.db"
    path.write_bytes(b"this is no database" * 100)

    with structlog.testing.capture_logs() as logs:
        handle = await agentsup.ensure_agent(FakeBackend(), DESK, store=SQLiteStore(path))

    assert handle.agent_id == "agent-1"
    assert {log["error"] for log in logs if log["event"] == "provision.store_failed"} == {"DatabaseError"}
    assert path.read_bytes().startswith(b"this is no database")


@pytest.mark.parametrize(
    "entry",
    [
        {},
        {"role": "agent", "id": 7, "name": "x", "base": "desk", "digest": "d"},
        {"role": "environment", "id": "e", "name": "x", "base": "desk", "digest": "d", "seen_at": 1.0},
        {"role": "agent", "id": "e", "name": "another", "base": "desk", "digest": "d", "seen_at": 1.0},
        {"role": "agent", "id": "e", "name": "x", "base": "desk", "digest": "d", "arn": 7},
    ],
)
async def test_entries_that_are_not_ours_are_a_miss(entry):
    """Whatever somebody else wrote under our key."""
    (wanted,) = FakeBackend().plan(DESK, None)
    entry = {**entry, "name": wanted.name} if entry.get("name") == "x" else entry
    recall = Recall(MemoryStore(), "here", lambda: 2.0)
    await recall.keep([Resource(role="agent", id="a", name=wanted.name, base="desk", digest=wanted.digest)])
    (key,) = await recall.store.scan("")
    await recall.store.put(key, entry)

    assert await recall.resource(wanted) is None


@pytest.mark.parametrize(
    ("seen_at", "trusted"), [(1000.0, True), (701.0, True), (699.0, False), (1001.0, False), ("now", False)]
)
async def test_how_long_an_entry_is_trusted(seen_at, trusted):
    """Five minutes; one from the future, or without a time, is looked at."""
    (wanted,) = FakeBackend().plan(DESK, None)
    recall = Recall(MemoryStore(), "here", lambda: 1000.0)
    await recall.keep([Resource(role="agent", id="a", name=wanted.name, base="desk", digest=wanted.digest)])
    ((key, entry),) = (await recall.store.scan("")).items()
    await recall.store.put(key, {**entry, "seen_at": seen_at})

    assert (await recall.resource(wanted)).trusted is trusted


async def test_scopes_do_not_mix(autojump_clock):
    """What is known of one account says nothing of another."""
    store = MemoryStore()
    await agentsup.ensure_agent(FakeBackend(scope="fake one"), DESK, store=store)
    other = FakeBackend(scope="fake")

    await agentsup.ensure_agent(other, DESK, store=store)

    assert other.counted("create") == 1
