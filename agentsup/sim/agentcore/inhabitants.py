"""The processes of a session, beyond the shells we started: members of a command's process group, and who has left it.

Who left is found by the home it was given, or by where it is; that, and whether one that was killed is dead yet, can be seen on
Linux only.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path

from .wall import moment

_LOOKS = 500
"""At a group that is dying: a second's worth."""

_ROUNDS = 5
"""To find them all: one that is found may just have made another."""


def kill_inhabitants(home: Path) -> None:
    """Kills every process whose environment says it lives there, or who is there. The name is unique, so nobody else is."""
    for _ in range(_ROUNDS):
        if not [pid for pid in _processes() if _kill_if(pid, home)]:
            return


def _lives(pid: int, home: Path) -> bool:
    """Both are looked at: one can go elsewhere, and one that is just becoming another program has no environment to show."""
    where = Path(os.readlink(f"/proc/{pid}/cwd"))
    return where.is_relative_to(home) or f"HOME={home}".encode() in Path(f"/proc/{pid}/environ").read_bytes().split(
        b"\0"
    )


def kill_group(group: int) -> None:
    """Kills every process of a group; none left is fine."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


async def until_dead(group: int) -> None:
    """Returns when nobody of a killed group is alive: a signal takes its time. Zombies are dead, whoever has to collect them."""
    for _ in range(_LOOKS):
        if not _has_living(group):
            return
        await moment()


def _has_living(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except OSError:
        return False  # the usual case, without a look at every process there is
    return any(_is_living_member(pid, group) for pid in _processes())


def _is_living_member(pid: int, group: int) -> bool:
    try:
        told = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    state, _, of_group = told.rpartition(")")[2].split()[:3]  # the name before may have spaces and brackets of its own
    return int(of_group) == group and state not in "ZX"


def _processes() -> list[int]:
    try:
        return [int(name) for name in os.listdir("/proc") if name.isdecimal()]
    except OSError:
        return []


def _kill_if(pid: int, home: Path) -> bool:
    """Kills the process if it lives there; held by a descriptor, so that its number cannot have become another's."""
    try:
        descriptor = os.pidfd_open(pid)
    except (AttributeError, OSError):
        return False
    try:
        found = _lives(pid, home)
        if found:
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
    except OSError:
        return False
    finally:
        with suppress(OSError):
            os.close(descriptor)
    return found
