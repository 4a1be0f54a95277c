"""A Python process of ours, which ends with us however we end."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import trio

import agentsup

STOP_BUDGET: Final = 3.0
"""Seconds between asking it to end and ending it."""


@asynccontextmanager
async def python_process(module: str, *arguments: str) -> AsyncIterator[trio.Process]:
    """`python -m module` for as long as the block lasts, with pipes to its stdin and from its stdout; afterwards it is gone and waited for.

    It has to end when its stdin ends: that is what it sees of us when we are killed.
    """
    process = await trio.lowlevel.open_process(
        # Its stdin is ours to close: if we are killed, it ends as well. Ctrl-C is not for it but for us, who end it in order.
        [sys.executable, "-P", "-m", module, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
        env=_environment(),
    )
    try:
        yield process
    finally:
        with trio.CancelScope(shield=True):
            await _end(process)


def _environment() -> dict[str, str]:
    """Ours, such that the process finds the same agentsup, also where it is not installed."""
    here = str(Path(agentsup.__file__).parent.parent)
    paths = [path for path in (os.environ.get("PYTHONPATH"), here) if path]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


async def _end(process: trio.Process) -> None:
    process.terminate()
    with trio.move_on_after(STOP_BUDGET):
        await process.wait()
    if process.returncode is None:
        process.kill()
        await process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            await stream.aclose()
