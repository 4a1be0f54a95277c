"""When the disk does not do as it should: clear words, nothing lost, and on with it as soon as it can."""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path

import pytest
import structlog
import trio

from agentsup import telemetry
from agentsup.errors import NotFound
from agentsup.journal import scribe
from agentsup.journal.codec import FORMAT
from agentsup.journal.errors import StoreCorrupt, StoreError, StoreFailed
from agentsup.journal.faults import told_of
from agentsup.journal.ledger import Ledger
from agentsup.journal.schema import APPLICATION, MIGRATIONS
from agentsup.journal.sqlite import SQLiteJournal
from tests.journal.child import running
from tests.journal.kit import (
    NOW,
    Told,
    append,
    entries,
    entry,
    in_a_fork,
    in_trouble,
    keep,
    register,
    started,
    state,
    writing,
)


async def fill(journal: SQLiteJournal) -> None:
    """Let it have no page more than it has."""
    await trio.to_thread.run_sync(journal._open.ledger.limit, 1)


async def make_room(journal: SQLiteJournal) -> None:
    await trio.to_thread.run_sync(journal._open.ledger.limit, 1 << 30)


async def written(path: Path, last: int = 50) -> None:
    """A store with a session in it."""
    async with writing(SQLiteJournal(path)) as journal:
        key = (await register(journal)).key
        some = min(15, last - 1)
        await keep(journal, key, entries(1, some))
        await keep(journal, key, (*entries(some + 1, last - 1), started(last)))
        journal.snapshot(key, 1, state())


# --- a full disk ---------------------------------------------------------------------------------------------------------------------


async def again(journal: SQLiteJournal, clock: trio.testing.MockClock, seconds: float) -> None:
    """Wait for the next attempt, which is due by then."""
    failures = journal.statistics().failures
    await trio.testing.wait_all_tasks_blocked()
    clock.jump(seconds)
    while journal.statistics().failures == failures:
        await trio.to_thread.run_sync(lambda: None)


async def test_a_full_disk_loses_nothing(tmp_path, mock_clock):
    """What is appended waits, in order; who wants more is told why not; with room again, all of it is written, each told once."""
    with structlog.testing.capture_logs() as logs:
        async with writing(SQLiteJournal(tmp_path / "store.db")) as journal:
            told = Told()
            keys = [(await register(journal, name)).key for name in "ab"]
            await fill(journal)
            for first in range(1, 400, 40):
                for key in keys:
                    append(journal, key, entries(first, first + 39), committed=told.of(key))
                journal.snapshot(keys[0], first, state(f"at {first}"))
            await in_trouble(journal)
            for _ in range(10):
                await again(journal, mock_clock, 5.0)

            assert isinstance(journal.trouble, StoreFailed)
            assert f"{tmp_path}/store.db: there is no room for more" in str(journal.trouble)
            assert journal.statistics().failures > 10
            for refused in (
                register(journal, "c"),
                journal.delete(keys[0]),
                journal.compact(keys[0], 5),
                journal.fork(keys[0], "c", upto=1, at=NOW),
            ):
                with pytest.raises(StoreFailed, match="no room"):
                    await refused
            assert (await journal.load(keys[1])).entries == entries(1, 400)
            assert await journal.known(keys[1], {"event-400", "event-401"}) == {"event-400"}
            assert (await journal.find("a")).last == 400
            assert "in trouble" in repr(journal)

            await make_room(journal)
            mock_clock.jump(5.0)
            await journal.flush()
            assert (journal.trouble, journal.backlog) == (None, 0)
            for key in keys:
                assert told.cursors[key] == list(range(40, 401, 40))
                assert await journal.read(key, after=0, limit=500) == entries(1, 400)
            assert (await journal.load(keys[0])).state == state("at 361")

    assert [line["event"] for line in logs] == ["journal.trouble", "journal.mended"]
    assert "event-" not in str(logs)


async def test_attempts_are_made_less_and_less_often(tmp_path, mock_clock):
    """After 0.1 s, 0.2 s, and so on up to every 5 s: a full disk is not hammered."""
    async with writing(SQLiteJournal(tmp_path / "store.db")) as journal:
        key = (await register(journal)).key
        await fill(journal)
        append(journal, key, entries(1, 500), committed=lambda _: None)
        await in_trouble(journal)
        for delay in (0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0):
            failures = journal.statistics().failures
            mock_clock.jump(delay - 0.01)
            await trio.testing.wait_all_tasks_blocked()
            assert journal.statistics().failures == failures
            await again(journal, mock_clock, 0.01 + 1e-9)
        await make_room(journal)


async def test_commits_and_failures_can_be_measured(tmp_path, mock_clock):
    """By hooks of telemetry: how long, how many, how much waits; never what."""
    path = tmp_path / "store.db"
    heard: list[telemetry.TelemetryEvent] = []
    async with writing(SQLiteJournal(path)) as journal:
        key = (await register(journal)).key
        await keep(journal, key, entries(1, 3))
        with telemetry.attached(heard.append):
            await keep(journal, key, entries(4, 5))
            await fill(journal)
            append(journal, key, entries(6, 500), committed=lambda _: None)
            await in_trouble(journal)
        await make_room(journal)

    assert [event.name for event in heard] == ["journal.committed", "journal.failed"]
    committed, failed = heard
    assert committed.measurements.keys() == {"duration_s", "rows", "backlog"}
    assert (committed.measurements["rows"], committed.measurements["backlog"]) == (2, 0)
    assert (failed.measurements, failed.metadata) == ({"backlog": 495}, {"store": str(path), "error": "StoreFailed"})


async def test_what_could_not_be_written_at_the_end_is_told(tmp_path):
    """A number in the log, and the store is given back all the same; what was durable is there."""
    journal = SQLiteJournal(tmp_path / "store.db")
    with structlog.testing.capture_logs() as logs:
        async with writing(journal):
            key = (await register(journal)).key
            await keep(journal, key, entries(1, 2))
            await fill(journal)
            append(journal, key, entries(3, 400), committed=pytest.fail)

    assert logs[-1] | {"store": None} == {
        "event": "journal.unsaved",
        "log_level": "error",
        "records": 398,
        "store": None,
    }
    assert "is closed" in str(journal.trouble)
    async with writing(SQLiteJournal(tmp_path / "store.db")) as again:
        assert (await again.find("s")).last == 2


async def test_a_real_limit_on_the_size_of_files_is_survived(tmp_path):
    """A process that may write no more (as over a quota), and then may again: all it appended is there."""
    with running(tmp_path / "store.db", "fill") as child:
        kind, _, told = child.stdout.readline().partition(" ")
        mended, last, trouble = child.stdout.readline().split()
        assert child.wait() == 0

    assert kind == "StoreFailed"
    assert "store.db: " in told
    assert (mended, trouble) == ("mended", "None")
    async with writing(SQLiteJournal(tmp_path / "store.db")) as journal:
        key = (await journal.find("s")).key
        assert await journal.read(key, after=0, limit=100_000) == entries(1, int(last))


# --- permissions and places ----------------------------------------------------------------------------------------------------------


async def test_a_store_that_became_read_only_is_tried_again(tmp_path, autojump_clock):
    """The reason is told, and nothing lost."""
    async with writing(SQLiteJournal(tmp_path / "store.db")) as journal:
        key = (await register(journal)).key
        connection = journal._open.ledger._connection
        await trio.to_thread.run_sync(connection.execute, "PRAGMA query_only = ON")
        append(journal, key, entries(1, 3), committed=lambda _: None)
        await in_trouble(journal)
        assert "cannot be written: see the permissions" in str(journal.trouble)
        await trio.to_thread.run_sync(connection.execute, "PRAGMA query_only = OFF")
        await journal.flush()

        assert await journal.read(key, after=0, limit=9) == entries(1, 3)


def test_files_and_folders_without_permission_are_refused():
    """With the word for it, and nothing left open: asked by somebody who is not the superuser, to whom nothing is forbidden."""
    folder = Path(os.path.realpath("/tmp")) / f"agentsup-{os.getpid()}"
    folder.mkdir()
    try:
        with told_of(folder):
            ledger, _ = Ledger.open(folder / "store.db", "full")
        ledger.close()
        (folder / "store.db").chmod(0o444)
        folder.chmod(0o555)

        closed_folder, other = in_a_fork(lambda: _as_nobody(folder / "new.db", folder / "store.db"))
        folder.chmod(0o777)
        closed_file, _ = in_a_fork(lambda: _as_nobody(folder / "store.db", folder / "store.db"))
    finally:
        folder.chmod(0o777)
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()

    assert closed_folder == "StoreFailed no permission: see those of the file and of its folder (EACCES)"
    assert other == closed_folder
    assert (
        closed_file
        == "StoreFailed it cannot be written: see the permissions of the file and of its folder (SQLITE_READONLY)"
    )


def _as_nobody(*paths: Path) -> tuple[str, ...]:
    if os.getuid() == 0:
        os.setgid(65534)
        os.setuid(65534)
    return tuple(_refusal(path) for path in paths)


def _refusal(path: Path) -> str:
    try:
        with told_of(path):
            Ledger.open(path, "full")
    except StoreError as exc:
        return f"{type(exc).__name__} {str(exc).partition(': ')[2]}"
    return "opened"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("missing/store.db", "its folder is not there: make it"),
        ("file/store.db", "its folder is a file: is it the right path"),
        ("folder", "it is a folder: name a file in it"),
    ],
)
async def test_a_place_where_no_store_can_be_is_told(tmp_path, name, said):
    """At once, with what to do."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()

    with pytest.raises(StoreFailed, match=said):
        await SQLiteJournal(tmp_path / name).open()
    assert {file.name for file in tmp_path.rglob("*")} == {"folder", "file"}


async def test_a_store_of_two_names_is_refused(tmp_path):
    """By the other name nobody would see who has it, nor what is in its log."""
    async with writing(SQLiteJournal(tmp_path / "store.db")) as journal:
        await register(journal)
        os.link(tmp_path / "store.db", tmp_path / "other.db")
        with pytest.raises(StoreFailed, match=r"other\.db has more than one name"):
            await SQLiteJournal(tmp_path / "other.db").open()

    (tmp_path / "other.db").unlink()
    async with writing(SQLiteJournal(tmp_path / "store.db")) as journal:
        assert len(await journal.sessions()) == 1


async def test_a_store_is_for_its_owner_only(tmp_path):
    """Conversations are in it, whatever the umask."""
    await written(tmp_path / "store.db")

    assert (tmp_path / "store.db").stat().st_mode & 0o777 == 0o600


async def test_a_store_that_was_moved_away_is_noticed(tmp_path, autojump_clock):
    """SQLite would go on writing to a file that nobody finds; put back, all of it is there."""
    path, elsewhere = tmp_path / "store.db", tmp_path / "elsewhere.db"
    async with writing(SQLiteJournal(path)) as journal:
        key = (await register(journal)).key
        path.rename(elsewhere)
        append(journal, key, entries(1, 2), committed=lambda _: None)
        await in_trouble(journal)
        assert "moved, deleted or replaced while it was open: put it back" in str(journal.trouble)
        elsewhere.rename(path)
        await journal.flush()

        assert await journal.read(key, after=0, limit=9) == entries(1, 2)


async def test_a_log_that_was_taken_away_is_noticed(tmp_path, autojump_clock):
    """Before anything more is written to where nobody finds it; all that was durable is in the store, also without the log."""
    path = tmp_path / "store.db"
    async with writing(SQLiteJournal(path)) as journal:
        key = (await register(journal)).key
        await keep(journal, key, entries(1, 3))
        (tmp_path / "store.db-wal").rename(tmp_path / "elsewhere")
        append(journal, key, entries(4, 4), committed=lambda _: None)
        await in_trouble(journal)
        shutil.copy(path, tmp_path / "copy.db")
        (tmp_path / "elsewhere").rename(tmp_path / "store.db-wal")
        await journal.flush()

        assert await journal.read(key, after=0, limit=9) == entries(1, 4)
    async with writing(SQLiteJournal(tmp_path / "copy.db")) as journal:
        assert await journal.read(key, after=0, limit=9) == entries(1, 3)


# --- what is in the file -------------------------------------------------------------------------------------------------------------


async def test_a_file_that_is_no_database_is_refused(tmp_path):
    """And not touched."""
    path = tmp_path / "store.db"
    path.write_bytes(b"My dear diary, " * 1000)

    with pytest.raises(StoreCorrupt, match="no SQLite database: is it the right file"):
        await SQLiteJournal(path).open()
    assert path.read_bytes() == b"My dear diary, " * 1000
    assert [file.name for file in tmp_path.iterdir()] == ["store.db"]


async def test_another_program_s_database_is_refused(tmp_path):
    """It has tables, and they are not ours."""
    path = tmp_path / "store.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE mail (text)")
    connection.close()

    with pytest.raises(StoreCorrupt, match="another program's database; name a file of its own"):
        await SQLiteJournal(path).open()


async def test_a_store_from_the_future_is_refused(tmp_path):
    """With both versions; and it stays what it is."""
    path = tmp_path / "store.db"
    await written(path)
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    connection.close()

    with pytest.raises(
        StoreCorrupt, match=rf"tables are version {len(MIGRATIONS) + 1}, this one knows {len(MIGRATIONS)}"
    ):
        await SQLiteJournal(path).open()
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS) + 1,)
    connection.close()


async def test_a_store_knows_what_it_is(tmp_path):
    """By SQLite's own marks, which `file` and `sqlite3` show."""
    path = tmp_path / "store.db"
    await written(path)
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA application_id").fetchone() == (APPLICATION,)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


@pytest.mark.parametrize("keep_bytes", [0.5, 0.9])
async def test_a_file_that_was_cut_off_is_refused(tmp_path, keep_bytes):
    """A copy that was not finished."""
    path = tmp_path / "store.db"
    await written(path, 2000)
    with path.open("r+b") as file:
        file.truncate(int(path.stat().st_size * keep_bytes) // 4096 * 4096)

    with pytest.raises(StoreCorrupt, match="its contents are damaged: restore a copy"):
        await SQLiteJournal(path).open()


async def test_a_damaged_last_page_is_found_or_never_taken_for_a_record(tmp_path):
    """Whatever page it is that is damaged: the opening fails, or reading does, or all the records are as they were."""
    path = tmp_path / "store.db"
    await written(path, 400)
    pages = path.stat().st_size // 4096
    whole = path.read_bytes()
    outcomes = []
    for page in range(1, pages):
        path.write_bytes(whole[: page * 4096] + b"\xa5" * 4096 + whole[(page + 1) * 4096 :])
        outcomes.append(await _seen(path))

    assert outcomes[-1] == "refused"
    assert set(outcomes) <= {"refused", "told", "whole"}


async def _seen(path: Path) -> str:
    journal = SQLiteJournal(path)
    try:
        await journal.open()
    except StoreCorrupt:
        return "refused"
    try:
        stored = await journal.find("s")
        if await journal.read(stored.key, after=0, limit=1000) != (*entries(1, 399), started(400)):
            return "wrong"
        await journal.load(stored.key)
        await journal.known(stored.key, {"event-1"})
    except StoreCorrupt:
        return "told"
    else:
        return "whole"
    finally:
        await journal.aclose()


async def test_damage_found_while_reading_ends_the_writing(tmp_path, monkeypatch):
    """Writing on would make it worse: the trouble is for good, and whoever waits is told."""
    path = tmp_path / "store.db"
    await written(path, 400)
    whole = path.read_bytes()
    monkeypatch.setattr("agentsup.journal.queries.look_at", lambda connection: None)
    with sqlite3.connect(path) as connection:
        (root,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'snapshots'").fetchone()
    connection.close()
    path.write_bytes(whole[: (root - 1) * 4096] + b"\xa5" * 4096 + whole[root * 4096 :])

    async with writing(SQLiteJournal(path)) as journal:
        stored = await journal.find("s")
        with pytest.raises(StoreCorrupt, match="damaged"):
            await journal.load(stored.key)
        assert isinstance(await journal.wait_failed(), StoreCorrupt)
        append(journal, stored.key, entries(401, 401), committed=pytest.fail)
        with pytest.raises(StoreCorrupt):
            await journal.flush()
        with pytest.raises(StoreCorrupt):
            await register(journal)
        assert len(await journal.read(stored.key, after=390, limit=100)) == 10


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        (
            "UPDATE records SET kind = 'request_paused' WHERE seq = 50",
            "the record 50 .* 'request_paused', which this version",
        ),
        (f"UPDATE records SET format = {FORMAT + 1} WHERE seq = 50", f"the record 50 .* in format {FORMAT + 1}"),
        ("UPDATE records SET body = '{' WHERE seq = 50", "the record 50 .* no JSON"),
        (
            "UPDATE records SET body = replace(body, '\"said\"', '\"sung\"') WHERE seq = 15",
            "the records 1 to 15 .* 'sung', which this version",
        ),
        (f"UPDATE records SET format = {FORMAT + 1} WHERE seq = 15", f"the records 1 to 15 .* in format {FORMAT + 1}"),
        ("UPDATE records SET body = '{}' WHERE seq = 15", "the records 1 to 15 .* kinds and fields should be"),
    ],
)
async def test_a_record_that_cannot_be_read_is_named(tmp_path, sql, said):
    """By its session and its place, also when a newer version wrote it; other sessions go on."""
    path = tmp_path / "store.db"
    await written(path)
    with sqlite3.connect(path) as connection:
        connection.execute(sql)
    connection.close()

    async with writing(SQLiteJournal(path)) as journal:
        key = (await journal.find("s")).key
        with pytest.raises(StoreCorrupt, match=said) as caught:
            await journal.load(key)
        assert str(path) in str(caught.value)
        await keep(journal, (await register(journal, "other")).key, entries(1, 2))
        assert journal.trouble is None


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("UPDATE snapshots SET body = '[]'", "a list where its fields should be"),
        (f"UPDATE snapshots SET format = {FORMAT + 1}", f"in format {FORMAT + 1}"),
        ('UPDATE snapshots SET blobs = 1, body = \'{"@blob": "00"}\'', "a large text that is missing"),
    ],
)
async def test_a_snapshot_that_cannot_be_read_is_passed_over_unless_it_is_needed(tmp_path, sql, said):
    """All records say the same; when some were compacted, it is an error that names it."""
    path = tmp_path / "store.db"
    await written(path)
    for first in (1, 2):
        connection = sqlite3.connect(path)
        connection.execute(f"UPDATE sessions SET first = {first}")
        connection.execute(sql)
        connection.commit()
        connection.close()
        with structlog.testing.capture_logs() as logs:
            async with writing(SQLiteJournal(path)) as journal:
                key = (await journal.find("s")).key
                if first == 1:
                    loaded = await journal.load(key)
                    assert (loaded.state, loaded.cursor, len(loaded.entries)) == (None, 0, 50)
                    assert [line["event"] for line in logs] == ["journal.snapshot_passed_over"]
                else:
                    with pytest.raises(StoreCorrupt, match=f"the snapshot at 1 of the session .* {said}"):
                        await journal.load(key)


# --- bugs, crashes, cancellations ------------------------------------------------------------------------------------------------------


class Bug(Exception):
    """Raised where nobody expects it."""


async def test_one_who_is_told_and_raises_costs_nobody_else_their_word(tmp_path):
    """The writer dies of it; the next one tells the others, once."""
    journal = SQLiteJournal(tmp_path / "store.db")
    await journal.open()
    told = Told()
    keys = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(journal.run_writer)
        keys = [(await register(journal, name)).key for name in "abc"]
        nursery.cancel_scope.cancel()

    def raises(cursor: int) -> None:
        told.of(keys[1])(cursor)
        raise Bug

    for key in keys:
        append(journal, key, entries(1, 2), committed=raises if key == keys[1] else told.of(key))
    with pytest.raises(Bug):
        await journal.run_writer()

    assert [told.cursors[key] for key in keys] == [[2], [2], []]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(journal.run_writer)
        await journal.flush()
        nursery.cancel_scope.cancel()

    assert told.cursors == {key: [2] for key in keys}
    await journal.aclose()


async def test_a_bug_in_a_transaction_ends_the_writer_and_nothing_else(tmp_path, monkeypatch):
    """Nothing of the batch is written then; the next writer writes it once."""
    journal = SQLiteJournal(tmp_path / "store.db")
    async with writing(journal):
        key = (await register(journal)).key
    journal = SQLiteJournal(tmp_path / "store.db")
    await journal.open()
    await journal.find("s")
    told = Told()
    append(journal, key, entries(1, 2), committed=told.of(key))
    journal.snapshot(key, 2, state())

    def faulty(*_: object) -> None:
        raise Bug

    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "snapshot", faulty)
        for _ in range(2):
            with pytest.raises(Bug):
                await journal.run_writer()
    assert await journal.read(key, after=0, limit=9) == ()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(journal.run_writer)
        await journal.flush()
        nursery.cancel_scope.cancel()

    assert told.cursors == {key: [2]}
    assert (await journal.load(key)).state == state()
    await journal.aclose()


async def test_a_bug_in_what_was_asked_concerns_only_who_asked(tmp_path, monkeypatch):
    """Nothing of it is there, and what is written in the same transaction is."""
    journal = SQLiteJournal(tmp_path / "store.db")
    async with writing(journal):
        key = (await register(journal)).key
        await keep(journal, key, entries(1, 3))
        told = Told()

        def half(ledger: Ledger, *args: object) -> None:
            ledger.register("half", "test", "{}", NOW)
            raise Bug

        monkeypatch.setattr(Ledger, "fork", half)
        append(journal, key, entries(4, 5), committed=told.of(key))
        with pytest.raises(Bug):
            await journal.fork(key, "two", upto=1, at=NOW)

        assert told.cursors == {key: [5]}
        assert [stored.session_id for stored in await journal.sessions()] == ["s"]
        assert journal.trouble is None


async def test_what_is_loaded_says_how_much_of_it_is_durable(tmp_path):
    """Whoever takes a session up while the store cannot be written knows what of it could still be lost."""
    journal = SQLiteJournal(tmp_path / "store.db")
    async with writing(journal):
        key = (await register(journal)).key
        await keep(journal, key, entries(1, 2))
    journal = SQLiteJournal(tmp_path / "store.db")
    await journal.open()  # without a writer, nothing more becomes durable
    await journal.find("s")
    append(journal, key, entries(3, 4), committed=lambda _: None)
    loaded = await journal.load(key)
    await journal.aclose()

    assert (loaded.entries, loaded.durable) == (entries(1, 4), 2)


async def test_there_is_one_writer(tmp_path):
    """A second task that would write is refused."""
    async with writing(SQLiteJournal(tmp_path / "store.db")) as journal:
        await register(journal)
        with pytest.raises(trio.BusyResourceError):
            await journal.run_writer()


async def test_cancelled_before_its_turn_it_was_not_done(tmp_path):
    """Whatever was asked for is taken back, and nothing has changed."""
    journal = SQLiteJournal(tmp_path / "store.db")
    async with writing(journal):
        key = (await register(journal)).key
        await keep(journal, key, entries(1, 4))
        journal.snapshot(key, 3, state())
        await journal.flush()
    journal = SQLiteJournal(tmp_path / "store.db")
    await journal.open()  # without a writer, everything waits for its turn
    await journal.find("s")
    for call in (
        lambda: register(journal, "t"),
        lambda: journal.delete(key),
        lambda: journal.compact(key, 2),
        lambda: journal.fork(key, "t", upto=1, at=NOW),
    ):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(call)
            await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
    assert not journal._open.scribe.backlog

    async with trio.open_nursery() as nursery:
        nursery.start_soon(journal.run_writer)
        await keep(journal, key, entries(5, 5))
        nursery.cancel_scope.cancel()
    assert [stored.session_id for stored in await journal.sessions()] == ["s"]
    assert await journal.read(key, after=0, limit=9) == entries(1, 5)
    await journal.aclose()


async def test_cancelled_in_its_turn_it_is_done(tmp_path, monkeypatch):
    """Whoever is cancelled while the thread is at it gets the answer, and no half of it."""
    inside, go_on = trio.Event(), trio.Event()
    attempt = scribe._attempt

    def slowly(*args):
        trio.from_thread.run_sync(inside.set)
        trio.from_thread.run(go_on.wait)
        attempt(*args)

    async with writing(SQLiteJournal(tmp_path / "store.db")) as journal:
        monkeypatch.setattr(scribe, "_attempt", slowly)
        found = []

        async def call() -> None:
            with trio.CancelScope() as scope:
                scopes.append(scope)
                found.append(await register(journal))

        scopes: list[trio.CancelScope] = []
        async with trio.open_nursery() as nursery:
            nursery.start_soon(call)
            await inside.wait()
            scopes[0].cancel()
            await trio.testing.wait_all_tasks_blocked()
            assert found == []
            go_on.set()

        assert not scopes[0].cancelled_caught
        assert found == [await journal.find("s")]


async def test_a_cancelled_question_changes_nothing(tmp_path):
    """Reading can be left at any moment."""
    async with writing(SQLiteJournal(tmp_path / "store.db")) as journal:
        key = (await register(journal)).key
        await keep(journal, key, entries(1, 4))
        for ask in (
            lambda: journal.find("s"),
            journal.sessions,
            journal.unfinished,
            lambda: journal.read(key, after=0, limit=9),
            lambda: journal.load(key),
            lambda: journal.last_started(key, 4),
            lambda: journal.known(key, {"event-1"}),
            journal.flush,
            journal.wait_failed,
        ):
            with trio.CancelScope() as scope:
                scope.cancel()
                await ask()
            assert scope.cancelled_caught
        assert await journal.read(key, after=0, limit=9) == entries(1, 4)


async def test_a_cancelled_farewell_is_whole(tmp_path):
    """What was appended is written and the store given back, also when whoever closes it is being cancelled."""
    journal = SQLiteJournal(tmp_path / "store.db")
    async with writing(journal):
        key = (await register(journal)).key
    journal = SQLiteJournal(tmp_path / "store.db")
    await journal.open()
    await journal.find("s")
    append(journal, key, entries(1, 3), committed=lambda _: None)
    with trio.CancelScope() as scope:
        scope.cancel()
        await journal.aclose()
    await journal.aclose()

    async with writing(SQLiteJournal(tmp_path / "store.db")) as journal:
        assert await journal.read(key, after=0, limit=9) == entries(1, 3)


async def test_nothing_can_be_asked_of_a_journal_that_is_not_open(tmp_path):
    """Before and after: a clear error, and `flush` does not wait for ever."""
    journal = SQLiteJournal(tmp_path / "store.db")
    with pytest.raises(StoreFailed, match="is not open"):
        await journal.find("s")
    assert "not open" in repr(journal)
    async with writing(journal):
        key = (await register(journal)).key
    with pytest.raises(StoreFailed, match="is closed"):
        await journal.find("s")
    with pytest.raises(StoreFailed, match="is closed"):
        await register(journal)
    with pytest.raises(StoreFailed, match="is closed"):
        append(journal, key, entries(1, 1), committed=pytest.fail)


async def test_a_key_nobody_asked_for_is_no_session(tmp_path):
    """Appending needs a session that was registered or found."""
    async with writing(SQLiteJournal(tmp_path / "store.db")) as journal:
        with pytest.raises(NotFound):
            append(journal, 5, (entry(1),), committed=pytest.fail)
