"""The simulator in a process of its own, which ends with ours however ours ends."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import httpx
import trio

from agentsup.demo.child import python_process
from agentsup.errors import AgentsupError

START_BUDGET: Final = 20.0
"""Seconds to the ready line; a slow machine takes two."""


class SimulatorFailed(AgentsupError):
    """The simulator's process did not start; it has said why on stderr."""


@asynccontextmanager
async def simulator_process() -> AsyncIterator[str]:
    """The address of a simulator that runs as long as the block; afterwards its process is gone and waited for.

    Raises:
        SimulatorFailed: it did not start.
    """
    async with python_process("agentsup", "sim", "--while-stdin") as process:
        yield await _address(process)


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


async def spoil(address: str, faults: tuple[dict[str, Any], ...]) -> None:
    """Tell the simulator which requests to spoil."""
    async with httpx.AsyncClient(base_url=address, trust_env=False) as http:
        for fault in faults:
            (await http.post("/_sim/faults", json=fault)).raise_for_status()


async def requests_at(address: str) -> list[dict[str, Any]]:
    """Everything that arrived at the simulator, oldest first, as `GET /_sim/requests` shows it."""
    async with httpx.AsyncClient(base_url=address, trust_env=False) as http:
        answer = await http.get("/_sim/requests", timeout=30.0)
    found: list[dict[str, Any]] = answer.raise_for_status().json()
    return found
