"""One store, one holder: whoever comes second is told who is first, and the dead keep nobody out."""

from __future__ import annotations

import errno
import os
import signal
import sqlite3
import time

import pytest
import structlog
import trio

from agentsup.journal import lease
from agentsup.journal.errors import Fenced, StoreBusy, StoreError, StoreFailed
from agentsup.journal.lease import Hold, Holder
from agentsup.journal.ledger import Ledger
from agentsup.journal.sqlite import SQLiteJournal
from tests.journal.child import running
from tests.journal.kit import append, entries, in_a_fork, in_trouble, keep, register, writing


async def test_a_second_journal_of_this_process_is_refused(tmp_path):
    """By whatever name it comes; the first one is unharmed, and when it is closed the store is free."""
    path = tmp_path / "store.db"
    link = tmp_path / "link.db"
    link.symlink_to(path)
    async with writing(SQLiteJournal(path)) as journal:
        key = (await register(journal)).key
        for name in (path, link, tmp_path / ".." / tmp_path.name / "store.db"):
            with pytest.raises(StoreBusy, match=rf"open in this process already \(process {os.getpid()} on "):
                await SQLiteJournal(name).open()
        await keep(journal, key, entries(1, 3))

    async with writing(SQLiteJournal(link)) as journal:
        assert (await journal.find("s")).last == 3
    assert {file.name for file in tmp_path.iterdir()} == {"store.db", "link.db"}


async def test_a_relative_name_is_the_same_store(tmp_path, monkeypatch):
    """Also after the working directory has changed."""
    monkeypatch.chdir(tmp_path)
    async with writing(SQLiteJournal("store.db")) as journal:
        await register(journal)
        monkeypatch.chdir("/")
        with pytest.raises(StoreBusy):
            await SQLiteJournal(tmp_path / "store.db").open()
        assert (await journal.find("s")) is not None


async def test_a_journal_is_opened_once(tmp_path):
    """A second `open` is an error and takes nothing away."""
    async with writing(SQLiteJournal(tmp_path / "store.db")) as journal:
        with pytest.raises(StoreError, match="was opened by this journal before"):
            await journal.open()
        await register(journal)


async def test_another_process_is_refused_until_it_is_killed(tmp_path):
    """It is named while it lives, also while it is stopped; killed, its store is taken over at once, with the next epoch."""
    path = tmp_path / "store.db"
    with running(path, "hold") as child:
        assert child.stdout.readline() == "holding\n"
        with pytest.raises(StoreBusy, match=rf"held by process {child.pid} on \S+ since \d{{4}}-"):
            await SQLiteJournal(path).open()
        child.send_signal(signal.SIGSTOP)
        with pytest.raises(StoreBusy, match=f"process {child.pid} "):
            await SQLiteJournal(path).open()
        child.kill()
        child.wait()

    with structlog.testing.capture_logs() as logs:
        async with writing(SQLiteJournal(path)) as journal:
            await register(journal)
    told = [line for line in logs if line["event"] == "journal.taken_over"]
    assert [(line["epoch"], line["holder"].split()[1]) for line in told] == [(2, str(child.pid))]


async def test_a_store_that_was_given_back_is_taken_without_a_word(tmp_path):
    """The epoch counts all the same."""
    path = tmp_path / "store.db"
    with structlog.testing.capture_logs() as logs:
        for _ in range(3):
            async with writing(SQLiteJournal(path)) as journal:
                await register(journal)

    assert logs == []
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT epoch, released_at IS NOT NULL FROM lease").fetchall() == [(3, 1)]
    connection.close()


async def test_whoever_was_taken_over_writes_nothing_more(tmp_path, monkeypatch):
    """The lock's file was deleted, or the disk has no locks: the second one wins, and the first learns of it at its next commit."""
    path = tmp_path / "store.db"
    async with writing(SQLiteJournal(path)) as first:
        key = (await register(first)).key
        await keep(first, key, entries(1, 2))
        path.with_name("store.db-lease").unlink()
        monkeypatch.setattr(Hold, "_held", {})
        async with writing(SQLiteJournal(path)) as second:
            await keep(second, (await second.find("s")).key, entries(3, 4))
            append(first, key, entries(3, 3), committed=pytest.fail)
            error = await first.wait_failed()
            assert isinstance(error, Fenced)
            assert f"taken over by process {os.getpid()} on " in str(error)
            with pytest.raises(Fenced):
                await first.flush()
            with pytest.raises(Fenced):
                await register(first)
            assert await second.read(key, after=0, limit=9) == entries(1, 4)
        monkeypatch.setattr(Hold, "_held", {path: Holder.me(0.0)})  # as it was, for the first to give back


async def test_the_lock_is_not_inherited(tmp_path):
    """A child that was forked neither holds the store nor can use it; its end takes nothing away."""
    path = tmp_path / "store.db"
    async with writing(SQLiteJournal(path)) as journal:
        ledger = journal._open.ledger
        child = in_a_fork(
            lambda: (_error(ledger.transaction().__enter__), _error(Ledger.open, path, "full"), ledger.close())
        )
        used, opened, _ = child

        assert "opened by the process this one was forked from" in used
        assert f"held by process {os.getpid()} " in opened
        await keep(journal, (await register(journal)).key, entries(1, 2))
        with running(path, "hold") as other:
            assert other.wait() != 0


async def test_a_lease_left_behind_by_nobody_alive_is_no_obstacle(tmp_path):
    """Its file is only a file when nobody has it locked, whatever is in it."""
    path = tmp_path / "store.db"
    path.with_name("store.db-lease").write_text("{nonsense")

    async with writing(SQLiteJournal(path)) as journal:
        await register(journal)


async def test_a_holder_that_has_not_said_who_it_is_is_one_all_the_same(tmp_path):
    """Between taking the lock and writing its name; the lock counts."""
    path = tmp_path / "store.db"
    with running(path, "hold") as child:
        assert child.stdout.readline() == "holding\n"
        path.with_name("store.db-lease").write_text("")
        with pytest.raises(StoreBusy, match="held by another process: stop that one first"):
            await SQLiteJournal(path).open()


async def test_a_lease_that_cannot_be_written_is_given_back(tmp_path, monkeypatch):
    """A disk too full for the holder's name: an error at once, and the store is free."""
    path = tmp_path / "store.db"
    with monkeypatch.context() as patch:
        patch.setattr(lease.os, "pwrite", _no_room)
        with pytest.raises(StoreFailed, match="no room for more"):
            await SQLiteJournal(path).open()
    with monkeypatch.context() as patch:
        patch.setattr(lease.fcntl, "lockf", _no_locks)
        with pytest.raises(StoreFailed, match="its disk has no locks"):
            await SQLiteJournal(path).open()

    async with writing(SQLiteJournal(path)) as journal:
        await register(journal)


def _no_room(*_: object) -> None:
    raise OSError(errno.ENOSPC, "full")


def _no_locks(*_: object) -> None:
    raise OSError(errno.ENOLCK, "no locks")


async def test_a_clock_that_jumps_back_changes_nothing(tmp_path, monkeypatch):
    """No decision is made by comparing times: neither who has the store, nor what is the last record."""
    path = tmp_path / "store.db"
    async with writing(SQLiteJournal(path)) as journal:
        key = (await register(journal, at=2_000_000_000.0)).key
        await keep(journal, key, entries(1, 1))
    monkeypatch.setattr(time, "time", lambda: 5.0)
    async with writing(SQLiteJournal(path)) as journal:
        stored = await journal.find("s")
        await keep(journal, key, entries(2, 3))
        with pytest.raises(StoreBusy):
            await SQLiteJournal(path).open()
        again = await register(journal, at=1.0)

        assert (stored.changed_at, (await journal.find("s", 1)).last) == (2_000_000_000.0, 3)
        assert again == await journal.find("s")


def test_a_name_that_was_taken_away_is_not_locked(tmp_path, monkeypatch):
    """Opened, then given back and unlinked by its holder, then locked: that lock would be on a file nobody else finds."""
    path = tmp_path / "x-lease"
    real, calls = lease.fcntl.lockf, []

    def lockf(file, how):
        real(file, how)
        if not calls:
            path.unlink()
        calls.append(file)

    monkeypatch.setattr(lease.fcntl, "lockf", lockf)
    file = lease._locked(path)

    assert len(calls) == 2
    assert os.path.samestat(os.fstat(file), path.stat())
    os.close(file)


async def test_no_cancelled_opening_leaves_the_store_taken(tmp_path):
    """It was opened or it was not."""
    journal = SQLiteJournal(tmp_path / "store.db")
    with trio.CancelScope() as scope:
        scope.cancel()
        await journal.open()

    assert scope.cancelled_caught
    async with writing(journal):
        pass


async def test_trouble_by_a_lock_of_another_program(tmp_path, monkeypatch, autojump_clock):
    """Somebody's shell has SQLite's lock: records wait, others are told, and it goes on by itself."""
    monkeypatch.setattr("agentsup.journal.file.BUSY", 0.01)
    path = tmp_path / "store.db"
    async with writing(SQLiteJournal(path)) as journal:
        key = (await register(journal)).key
        shell = sqlite3.connect(path, isolation_level=None)
        shell.execute("BEGIN IMMEDIATE")
        told: list[int] = []
        append(journal, key, entries(1, 2), committed=told.append)
        await in_trouble(journal)
        append(journal, key, entries(3, 3), committed=told.append)

        assert isinstance(journal.trouble, StoreBusy)
        assert "another program holds SQLite's lock" in str(journal.trouble)
        with pytest.raises(StoreBusy):
            await register(journal)
        assert (told, journal.backlog) == ([], 3)
        shell.execute("ROLLBACK")
        shell.close()
        await journal.flush()
        assert (told, journal.trouble, journal.backlog) == ([2, 3], None, 0)
        assert await journal.read(key, after=0, limit=9) == entries(1, 3)


async def test_a_store_that_is_locked_by_another_program_cannot_be_opened(tmp_path, monkeypatch):
    """At the opening that is an error at once, and the store is free afterwards."""
    monkeypatch.setattr("agentsup.journal.file.BUSY", 0.01)
    path = tmp_path / "store.db"
    async with writing(SQLiteJournal(path)):
        pass
    shell = sqlite3.connect(path, isolation_level=None)
    shell.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreBusy, match="another program holds SQLite's lock"):
        await SQLiteJournal(path).open()
    shell.close()

    async with writing(SQLiteJournal(path)) as journal:
        await register(journal)


def _error(call, *args) -> str:
    try:
        call(*args)
    except StoreError as exc:
        return str(exc)
    return "nothing"
