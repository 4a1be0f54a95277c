"""Who has a store: one process, and in it one journal.

Two things together, because neither is enough alone.

A lock of the operating system on a file beside the store says who lives. It ends with its process, however that ends, so what a killed
process held can be taken over at once; a process that is only stopped (SIGSTOP) or slow keeps it. POSIX record locks are taken, not
`flock`: a child that was forked does not inherit them, so it cannot keep a dead parent's store. In return they do not keep a process from
itself, hence the table of what is held here.

An epoch in the store says who is right. Whoever takes the store counts it up, and every transaction begins by looking at it. If the lock
ever fails (the file was deleted by hand, a network disk only claims to have locks), the second one to come wins, and the first one learns of it
before it writes another record.

No decision is made by comparing times: a clock may jump.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

import attrs

from agentsup.journal.errors import StoreBusy

SUFFIX = "-lease"
"""What the lock's file is called, behind the store's name."""


@attrs.frozen(kw_only=True)
class Holder:
    """Who has a store."""

    pid: int
    host: str
    since: float
    """In seconds since the epoch, by the holder's clock."""

    @classmethod
    def me(cls, now: float) -> Holder:
        """This process."""
        return cls(pid=os.getpid(), host=socket.gethostname(), since=now)

    @classmethod
    def of(cls, text: str) -> Holder | None:
        """As it was written; None if it was not, or not yet."""
        try:
            return cls(**json.loads(text))
        except (ValueError, TypeError):
            return None

    def as_text(self) -> str:
        """For `of`."""
        return json.dumps(attrs.asdict(self))

    def __str__(self) -> str:
        since = datetime.fromtimestamp(self.since, UTC).isoformat(timespec="seconds")
        return f"process {self.pid} on {self.host} since {since}"


class Hold:
    """The lock on one store, from `take` to `give_back`."""

    _held: ClassVar[dict[Path, Holder]] = {}
    """What this process holds; entries of another process are what was there before a fork."""

    _table: ClassVar[threading.Lock] = threading.Lock()
    """Journals are opened in threads."""

    def __init__(self, path: Path, file: int, holder: Holder) -> None:
        self.holder = holder
        self._path = path
        self._file = file

    @classmethod
    def take(cls, path: Path, holder: Holder) -> Hold:
        """Take the lock on the store at this path, which has no links in it.

        Raises:
            StoreBusy: somebody else has it; the text says who.
            OSError: the file beside it cannot be made, or its disk has no locks.
        """
        with cls._table:
            mine = cls._held.get(path)
            if mine is not None and mine.pid == holder.pid:
                raise StoreBusy(f"the store {path} is open in this process already ({mine}): close that runtime first")
            file = _locked(path.with_name(path.name + SUFFIX))
            if isinstance(file, str):
                who = Holder.of(file) or "another process"
                raise StoreBusy(f"the store {path} is held by {who}: stop that one first, or use another file")
            hold = cls(path, file, holder)
            cls._held[path] = holder
        try:
            os.ftruncate(file, 0)
            os.pwrite(file, holder.as_text().encode(), 0)
        except OSError:
            hold.give_back()
            raise
        return hold

    def give_back(self) -> None:
        """Let go; a process that forked away from the holder's lets go of nothing."""
        if self.holder.pid != os.getpid():
            return
        with self._table:
            del self._held[self._path]
            # While it is still locked: whoever opened it before finds that it has no name any more, and looks again.
            self._path.with_name(self._path.name + SUFFIX).unlink(missing_ok=True)
            os.close(self._file)


def _locked(path: Path) -> int | str:
    """The file at this path, open and locked; its text, if somebody else has it locked."""
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):  # the two words POSIX has for it
            text = os.pread(file, 1000, 0).decode(errors="replace")
            os.close(file)
            return text
        except BaseException:
            os.close(file)
            raise
        if _is_named(file, path):
            return file
        os.close(file)  # its holder gave it back, and took its name away, while we opened it


def _is_named(file: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False
