"""Where sessions are kept, as a user writes it down: a value; nothing is opened by making one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol, TypeAlias, cast, get_args

import attrs

from agentsup.errors import Problem, SpecError
from agentsup.journal.base import Journal
from agentsup.journal.file import Synchronous
from agentsup.journal.memory import MemoryJournal
from agentsup.journal.sqlite import SQLiteJournal


class Store(Protocol):
    """A place where sessions are kept."""

    def journal(self) -> Journal:
        """A journal of it, not yet opened."""
        ...


@attrs.frozen
class MemoryStore:
    """Sessions are kept in memory, for as long as the runtime lasts."""

    def journal(self) -> Journal:
        """A journal of its own."""
        return MemoryJournal()


def _as_path(path: str | os.PathLike[str]) -> Path:
    """A path of either kind; what is none stays what it is, to be refused when the store is made."""
    return Path(path) if isinstance(path, str | os.PathLike) and path else cast("Path", path)


@attrs.frozen
class SQLiteStore:
    """Sessions are kept in a file, which is made if it is not there. One runtime has it at a time; put it on a local disk.

    Raises:
        SpecError: the path or the option cannot be used.
    """

    path: Path = attrs.field(converter=_as_path)
    """The file; what belongs to it is beside it, under its name and `-wal`, `-shm` and `-lease`."""

    synchronous: Synchronous = attrs.field(default="full", kw_only=True)
    """How durable a record is when it counts as kept: `full` survives the power going off, `normal` only the end of this process,
    however it ends (and is faster where the disk is slow)."""

    def __attrs_post_init__(self) -> None:
        problems = []
        if not isinstance(self.path, Path):
            problems.append(Problem("path", f"must be a path, not {type(self.path).__name__} {self.path!r}"))
        elif str(self.path).startswith(":memory:") or "\0" in str(self.path):
            problems.append(Problem("path", "must name a file; to keep sessions in memory, pass no store"))
        if self.synchronous not in get_args(Synchronous):
            words = " or ".join(map(repr, get_args(Synchronous)))
            problems.append(Problem("synchronous", f"must be {words}, not {self.synchronous!r}"))
        if problems:
            raise SpecError(problems)

    def journal(self) -> Journal:
        """A journal of it, not yet opened."""
        return SQLiteJournal(self.path, synchronous=self.synchronous)


StoreInput: TypeAlias = Store | str | os.PathLike[str] | None
"""A store, or short for one: a path is a `SQLiteStore`, None a `MemoryStore`."""


def as_store(store: StoreInput) -> Store:
    """The store that was meant.

    Raises:
        SpecError: it is none.
    """
    match store:
        case None:
            return MemoryStore()
        case str() | os.PathLike():
            return SQLiteStore(store)
        case _ if callable(getattr(store, "journal", None)):
            return store
        case _:
            raise SpecError.of("store", f"must be a path, a SQLiteStore or None, not {type(store).__name__}")
