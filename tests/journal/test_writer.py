"""The journal's task in a supervision tree."""

from __future__ import annotations

import structlog
import trio

from agentsup import otp
from agentsup.journal import scribe
from agentsup.journal.memory import MemoryJournal
from agentsup.journal.sqlite import SQLiteJournal
from agentsup.journal.writer import Writer
from tests.journal.kit import Told, append, entries, register, writing


class Bug(Exception):
    """What a writer dies of."""


def child(journal) -> otp.ChildSpec:
    return otp.ChildSpec(id="journal", start=lambda: Writer(journal), backoff=otp.Backoff(base=0, cap=0))


async def test_stopped_in_order_it_has_written_everything(tmp_path):
    """Leaving the tree is enough: what was appended a moment before is durable."""
    path = tmp_path / "store.db"
    journal = SQLiteJournal(path)
    await journal.open()
    told = Told()
    async with otp.open_runtime(otp.SupFlags(), [child(journal)]):
        key = (await register(journal)).key
        for first in (1, 4, 7):
            append(journal, key, entries(first, first + 2), committed=told.of(key))
    assert told.cursors == {key: [3, 6, 9]}
    assert journal.statistics().backlog == 0
    await journal.aclose()

    async with writing(SQLiteJournal(path)) as journal:
        assert await journal.read(key, after=0, limit=99) == entries(1, 9)


async def test_a_crash_in_the_middle_loses_and_doubles_nothing(tmp_path, monkeypatch):
    """Before the thread's work or after it: the next writer goes on with the same buffer."""
    attempt = scribe._attempt
    crashes = ["before", "after", "after", "before", None, "after"]

    def faulty(*args):
        crash = crashes.pop() if crashes else None
        if crash == "before":
            raise Bug
        attempt(*args)
        if crash == "after":
            raise Bug

    journal = SQLiteJournal(tmp_path / "store.db")
    await journal.open()
    told = Told()
    with structlog.testing.capture_logs():
        async with otp.open_runtime(otp.SupFlags(intensity=10), [child(journal)]):
            key = (await register(journal)).key
            monkeypatch.setattr(scribe, "_attempt", faulty)
            for first in range(1, 100, 3):
                append(journal, key, entries(first, first + 2), committed=told.of(key))
                await trio.lowlevel.checkpoint()
            await journal.flush()
            assert not crashes
            assert told.cursors == {key: list(range(3, 100, 3))}
            assert await journal.read(key, after=0, limit=1000) == entries(1, 99)
    await journal.aclose()


async def test_killed_it_leaves_the_rest_for_the_next(tmp_path):
    """A kill in the middle of a commit waits for the thread, so nobody has to guess what became of it."""
    journal = SQLiteJournal(tmp_path / "store.db")
    await journal.open()
    told = Told()
    with structlog.testing.capture_logs():
        async with otp.open_runtime(otp.SupFlags(intensity=50), [child(journal)]) as runtime:
            key = (await register(journal)).key
            for first in range(1, 60, 2):
                append(journal, key, entries(first, first + 1), committed=told.of(key))
                (info,) = await otp.which_children(runtime.root)
                if first % 3 == 0 and isinstance(info.ref, otp.Ref):
                    otp.exit(info.ref, otp.Killed())
                await trio.lowlevel.checkpoint()
            await journal.flush()
    await journal.aclose()

    assert told.cursors == {key: list(range(2, 61, 2))}


async def test_of_a_store_in_trouble_it_takes_leave_in_time(tmp_path):
    """A full disk does not hold up the end of a runtime."""
    journal = SQLiteJournal(tmp_path / "store.db")
    await journal.open()
    with structlog.testing.capture_logs() as logs:
        async with otp.open_runtime(otp.SupFlags(), [child(journal)]):
            key = (await register(journal)).key
            await trio.to_thread.run_sync(journal._open.ledger.limit, 1)
            append(journal, key, entries(1, 500), committed=lambda _: None)
            while journal.trouble is None:
                await trio.to_thread.run_sync(lambda: None)
        await journal.aclose()

    assert [line["event"] for line in logs][-1] == "journal.unsaved"


async def test_a_journal_in_memory_is_a_child_like_any_other():
    """There is nothing to write, and nothing to wait for."""
    journal = MemoryJournal()
    async with otp.open_runtime(otp.SupFlags(), [child(journal)]):
        await register(journal)
