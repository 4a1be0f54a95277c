"""Files in a machine of the service's, as a command lists them: the service itself moves none."""

from __future__ import annotations

import json
import shlex
from typing import Final

import attrs

from agentsup.wire.errors import RemoteProtocolError

LIST: Final = """\
import json, os, sys
folder = sys.argv[1]
rows = []
if os.path.isdir(folder):
    for entry in os.scandir(folder):
        if entry.is_file() and not (entry.name.startswith(".") and entry.name.endswith(".part")):
            rows.append([entry.name, entry.stat().st_size, entry.stat().st_mtime])
print(json.dumps(sorted(rows)))
"""
"""Prints name, size and time of change of each file in a folder; nothing, if there is no such folder."""


@attrs.frozen
class Listed:
    """A file, as the command told of it."""

    name: str
    size: int
    """Bytes."""

    changed_at: float
    """Seconds since 1970, by the machine's clock."""


def script(text: str, *arguments: str) -> str:
    """A command for the machine's shell that runs a script of ours."""
    return shlex.join(["python3", "-c", text, *arguments])


def listed(output: str) -> list[Listed]:
    """The files that `LIST` printed.

    Raises:
        RemoteProtocolError: it is nothing that it prints.
    """
    try:
        rows = json.loads(output)
        if isinstance(rows, list):
            return [Listed(str(name), int(size), float(when)) for name, size, when in rows]
    except (ValueError, TypeError, RecursionError, OverflowError):
        pass
    raise RemoteProtocolError("the command wrote something else than it should")
