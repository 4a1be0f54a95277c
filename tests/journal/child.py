"""A process of its own that has a store: to be killed, stopped, or left without room."""

from __future__ import annotations

import random
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog
import trio

from agentsup.ids import SessionId
from agentsup.journal import places
from agentsup.journal.base import Journal, SessionKey
from agentsup.journal.sqlite import SQLiteJournal
from tests.journal.kit import NOW, append, entries, in_trouble, writing

SESSIONS = 5


@contextmanager
def running(path: Path, what: str, *args: object) -> Iterator[subprocess.Popen[str]]:
    """The child at work; what it says is on its stdout."""
    command = [sys.executable, "-m", "tests.journal.child", str(path), what, *map(str, args)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]) as process:
        try:
            yield process
        finally:
            process.kill()


def say(*words: object) -> None:
    print(*words, flush=True)


async def hold(journal: Journal) -> None:
    """Do nothing, and have the store meanwhile."""
    say("holding")
    await trio.sleep_forever()


async def write(journal: Journal) -> None:
    """Append for ever, to sessions that are there or to new ones, and say what is committed."""
    found = {stored.session_id: stored for stored in await journal.sessions()}
    async with trio.open_nursery() as nursery:
        for number in range(SESSIONS):
            name = SessionId(f"s{number}")
            stored = found.get(name) or await journal.register(name, provider="p", metadata={}, at=NOW)
            nursery.start_soon(write_one, journal, name, stored.key, stored.last)


async def write_one(journal: Journal, name: str, key: SessionKey, last: int) -> None:
    chance = random.Random(name)
    while True:
        count = chance.randint(1, 6)
        told = trio.Event()

        def committed(cursor: int, told: trio.Event = told) -> None:
            say(name, cursor)
            told.set()

        append(journal, key, entries(last + 1, last + count), committed=committed)
        last += count
        if chance.random() < 0.9:
            await told.wait()
        else:
            await trio.lowlevel.checkpoint()


async def fill(journal: Journal) -> None:
    """Write into a disk that has no room: a limit on the size of files; then have room."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    key = (await journal.register(SessionId("s"), provider="p", metadata={}, at=NOW)).key
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
    last = 0
    while journal.trouble is None:
        append(journal, key, entries(last + 1, last + 50), committed=lambda _: None)
        last += 50
        await trio.sleep(0.001)
    await in_trouble(journal)
    say(type(journal.trouble).__name__, journal.trouble)
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    await journal.flush()
    say("mended", last, journal.trouble)


async def main(path: str, what: str, synchronous: str = "full", new: str = str(places.NEW)) -> None:
    places.NEW = int(new)
    if what == "migrate":
        say("opening")
    async with writing(SQLiteJournal(Path(path), synchronous=synchronous)) as journal:  # type: ignore[arg-type]
        await {"hold": hold, "migrate": hold, "write": write, "fill": fill}[what](journal)


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    trio.run(main, *sys.argv[1:])
