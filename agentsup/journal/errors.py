"""What can go wrong with a store: somebody else has it, it is broken, it was taken over, it cannot be written at the moment."""

from __future__ import annotations

from agentsup.errors import AgentsupError


class StoreError(AgentsupError):
    """Something is wrong with the store; the text says what, with which file, and what to do about it."""


class StoreBusy(StoreError):
    """Somebody else has the store: another runtime, or a program that holds SQLite's lock on it.

    At the opening: yours to decide which of the two should run. While running it is temporary, the store is tried again.
    """


class StoreFailed(StoreError):
    """The store cannot be opened, read or written: no room, no permission, a disk that fails.

    Yours to mend. While running nothing is lost by it: what waits is written as soon as it can be.
    """


class StoreCorrupt(StoreError):
    """What is in the store is not what was written there, or was written by a newer version; nothing more is written.

    Yours to look at: restore a copy, or go on with the version that wrote it.
    """


class Fenced(StoreError):
    """Somebody has taken the store over while this process believed to have it; nothing more is written from here.

    Your service should end this runtime: its sessions go on elsewhere.
    """
