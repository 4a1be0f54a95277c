"""Processes that have left their command's process group, found by the home they were given; on Linux, where that can be seen."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path

_ROUNDS = 5
"""To find them all: one that is found may just have made another."""


def kill_inhabitants(home: Path) -> None:
    """Kills every process whose environment says it lives there. The name is unique, so nobody else's does."""
    sign = f"HOME={home}".encode()
    for _ in range(_ROUNDS):
        if not [pid for pid in _processes() if _kill_if(pid, sign)]:
            return


def _processes() -> list[int]:
    try:
        return [int(name) for name in os.listdir("/proc") if name.isdecimal()]
    except OSError:
        return []


def _kill_if(pid: int, sign: bytes) -> bool:
    """Kills the process if it carries the sign; held by a descriptor, so that its number cannot have become another's."""
    try:
        descriptor = os.pidfd_open(pid)
    except (AttributeError, OSError):
        return False
    try:
        found = sign in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        if found:
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
    except OSError:
        return False
    finally:
        with suppress(OSError):
            os.close(descriptor)
    return found
