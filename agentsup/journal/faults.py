"""What SQLite and the operating system say went wrong, in our words: translated here and nowhere else."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agentsup.journal.errors import StoreBusy, StoreCorrupt, StoreError, StoreFailed

_BUSY = "another program holds SQLite's lock on it (a shell, a copy being made); it is tried again"
_DAMAGED = "its contents are damaged: restore a copy, or see what `sqlite3 FILE .recover` can save"

_REASONS: dict[int, tuple[type[StoreError], str]] = {
    sqlite3.SQLITE_BUSY: (StoreBusy, _BUSY),
    sqlite3.SQLITE_LOCKED: (StoreBusy, _BUSY),
    sqlite3.SQLITE_CORRUPT: (StoreCorrupt, _DAMAGED),
    sqlite3.SQLITE_NOTADB: (StoreCorrupt, "it is no SQLite database: is it the right file?"),
    sqlite3.SQLITE_CONSTRAINT: (
        StoreCorrupt,
        "it has a record already where a new one has to go: somebody else wrote to it",
    ),
    sqlite3.SQLITE_FULL: (StoreFailed, "there is no room for more: make room on its disk"),
    sqlite3.SQLITE_READONLY: (StoreFailed, "it cannot be written: see the permissions of the file and of its folder"),
    sqlite3.SQLITE_PERM: (StoreFailed, "it cannot be used: see the permissions of the file and of its folder"),
    sqlite3.SQLITE_CANTOPEN: (
        StoreFailed,
        "it cannot be opened: see that its folder is there and can be written, and how many files are open",
    ),
    sqlite3.SQLITE_IOERR: (StoreFailed, "the disk does not read or write as it should: see the system's log"),
}
"""By SQLite's primary result code: whose fault it is, and what to do."""


@contextmanager
def told_of(path: Path) -> Iterator[None]:
    """What goes wrong inside with this store, as a `StoreError` that names it."""
    try:
        yield
    except sqlite3.Error as exc:
        raise of_sqlite(path, exc) from exc
    except OSError as exc:
        raise of_system(path, exc) from exc


def of_sqlite(path: Path, error: sqlite3.Error) -> StoreError:
    """An error of SQLite's."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:  # raised by Python's own module: misuse, or a value it has no type for
        return StoreFailed(f"the store {path}: {type(error).__name__}: {error}")
    kind, advice = _REASONS.get(code & 0xFF, (StoreFailed, "see the system's log"))
    return kind(f"the store {path}: {advice} ({error.sqlite_errorname})")


_ADVICE: dict[int | None, str] = {
    errno.ENOENT: "its folder is not there: make it",
    errno.ENOTDIR: "its folder is a file: is it the right path?",
    errno.EACCES: "no permission: see those of the file and of its folder",
    errno.EPERM: "no permission: see those of the file and of its folder",
    errno.EROFS: "its disk can only be read",
    errno.EISDIR: "it is a folder: name a file in it",
    errno.EMFILE: "this process has too many files open: raise its limit (`ulimit -n`)",
    errno.ENFILE: "this machine has too many files open",
    errno.EFBIG: "it is larger than this process may write: raise its limit (`ulimit -f`)",
    errno.ENOSPC: "there is no room for more: make room on its disk",
    errno.ENOLCK: "its disk has no locks, so nothing would keep a second process out: use a local disk",
    errno.EOPNOTSUPP: "its disk has no locks, so nothing would keep a second process out: use a local disk",
}


def of_system(path: Path, error: OSError) -> StoreFailed:
    """An error of the operating system's."""
    advice = _ADVICE.get(error.errno, "see the system's log")
    return StoreFailed(f"the store {path}: {advice} ({errno.errorcode.get(error.errno or 0, type(error).__name__)})")


def is_final(error: StoreError) -> bool:
    """Whether trying again makes no sense."""
    return not isinstance(error, StoreBusy | StoreFailed)
