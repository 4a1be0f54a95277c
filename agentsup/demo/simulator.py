"""The simulator in a process of its own, which ends with ours however ours ends."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import trio

import agentsup
from agentsup.errors import AgentsupError

START_BUDGET: Final = 20.0
"""Seconds to the ready line; a slow machine takes two."""

STOP_BUDGET: Final = 3.0
"""Seconds between asking it to end and ending it."""


class SimulatorFailed(AgentsupError):
    """The simulator's process did not start; it has said why on stderr."""


@asynccontextmanager
async def simulator_process() -> AsyncIterator[str]:
    """The address of a simulator that runs as long as the block; afterwards its process is gone and waited for.

    Raises:
        SimulatorFailed: it did not start.
    """
    process = await trio.lowlevel.open_process(
        # Its stdin is ours to close: if we are killed, it ends as well. Ctrl-C is not for it but for us, who end it in order.
        [sys.executable, "-P", "-m", "agentsup", "sim", "--while-stdin"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
        env=_environment(),
    )
    try:
        yield await _address(process)
    finally:
        with trio.CancelScope(shield=True):
            await _end(process)


def _environment() -> dict[str, str]:
    """Ours, such that the process finds the same agentsup, also where it is not installed."""
    here = str(Path(agentsup.__file__).parent.parent)
    paths = [path for path in (os.environ.get("PYTHONPATH"), here) if path]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


async def _address(process: trio.Process) -> str:
    assert process.stdout is not None
    line = b""
    with trio.move_on_after(START_BUDGET):
        while not line.endswith(b"\n"):
            chunk = await process.stdout.receive_some()
            if not chunk:
                break
            line += chunk
    word, _, address = line.decode(errors="replace").strip().partition(" ")
    if word != "ready" or not address:
        raise SimulatorFailed("the simulator did not start")
    return address


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


async def spoil(address: str, faults: tuple[dict[str, Any], ...]) -> None:
    """Tell the simulator which requests to spoil."""
    async with httpx.AsyncClient(base_url=address, trust_env=False) as http:
        for fault in faults:
            (await http.post("/_sim/faults", json=fault)).raise_for_status()
