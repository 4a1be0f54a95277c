"""What is alive in this process: its tasks, its sockets, its child processes. Two censuses tell what a piece of work left behind."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

import attrs
import trio

_DESCRIPTORS: Final = Path("/dev/fd")
"""The open descriptors of whoever looks, by their numbers; on Linux a link into /proc, on macOS a file system of its own."""


@attrs.frozen
class Census:
    """How things stand at one moment."""

    tasks: int
    """Trio's tasks, its own included."""

    sockets: frozenset[int]
    """Descriptors that are sockets."""

    children: bool
    """Whether there is a child process, ended ones that nobody has waited for included."""

    @classmethod
    def take(cls) -> Census:
        """Count now; needs to run inside trio."""
        tasks = trio.lowlevel.current_statistics().tasks_living
        return cls(tasks, frozenset(fd for fd in _descriptors() if _is_socket(fd)), _has_children())

    def left_since(self, before: Census) -> tuple[str, ...]:
        """What there is now and was not before, as words; empty if nothing was left."""
        found = []
        if self.tasks > before.tasks:
            found.append(f"{self.tasks - before.tasks} tasks")
        if extra := self.sockets - before.sockets:
            found.append(f"{len(extra)} sockets")
        if self.children and not before.children:
            found.append("a process")
        return tuple(found)


async def settled_census() -> Census:
    """What is alive once those who are on their way out are gone."""
    from trio.testing import wait_all_tasks_blocked  # here: where pytest is installed, trio.testing loads it

    await wait_all_tasks_blocked()
    return Census.take()


def _descriptors() -> list[int]:
    return [int(name) for name in os.listdir(_DESCRIPTORS)]


def _is_socket(descriptor: int) -> bool:
    try:
        return stat.S_ISSOCK(os.fstat(descriptor).st_mode)
    except OSError:
        return False  # the one the listing itself was read through


def _has_children() -> bool:
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True
