"""The kernel beside the BEAM, one scheduler against one Python process: goals 3 to 6 of the performance page. Only where `escript` is installed.

The two run in turn, in processes of their own, both measured in CPU time (the restart on the BEAM: by its clock). The BEAM is a virtual machine made
for this; what is printed is the distance, and nobody claims to close it.
"""

from __future__ import annotations

import gc
import shutil
import statistics
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.bench import otp_bench
from tests.bench.rows import Row

ROUNDS = 3
SCRIPT = Path(__file__).with_name("otp_beam.escript")


def on_the_beam() -> dict[str, float]:
    """One run of everything there."""
    done = subprocess.run(["escript", SCRIPT], capture_output=True, text=True, check=True)
    return {name: float(value) for name, value in map(str.split, done.stdout.splitlines())}


async def _here() -> dict[str, float]:
    size, _ = await otp_bench._apart("idle_actors(100_000, Echo)")
    took = await otp_bench.restart_times("kill", 1000)
    return {
        "calls_1": await otp_bench.our_calls(1, 20_000, None),
        "calls_1000": await otp_bench.our_calls(1000, 20, None),
        "starts": await otp_bench.our_spawn(5000),
        "bytes": size * 1024,
        "restart_us": took[len(took) // 2],
    }


def here() -> dict[str, float]:
    """The same, here; the collector off, which the other side does not have for all processes at once."""
    gc.collect()
    gc.disable()
    try:
        return otp_bench.quietly(_here)
    finally:
        gc.enable()


ROWS: dict[str, tuple[str, str, Callable[[float, float], str]]] = {
    "calls_1": ("call, 1 pair / BEAM", ">=0.12x / 0.16x", lambda a, b: f"{a:,.0f}/s against {b:,.0f}/s"),
    "calls_1000": ("call, 1000 pairs / BEAM", ">=0.15x / 0.22x", lambda a, b: f"{a:,.0f}/s against {b:,.0f}/s"),
    "starts": ("supervised start / BEAM", ">=0.12x / 0.18x", lambda a, b: f"{a:,.0f}/s against {b:,.0f}/s"),
    "bytes": ("idle supervised actor / BEAM", "<=1.5x / 1.15x", lambda a, b: f"{a:,.0f} bytes against {b:,.0f}"),
    "restart_us": ("kill -> restarted and registered / BEAM", "-", lambda a, b: f"{a:.1f} us against {b:.1f} us"),
}


def run() -> list[Row]:
    """Every row; none without an Erlang on the machine."""
    if shutil.which("escript") is None:
        return []
    rounds = [(here(), on_the_beam()) for _ in range(ROUNDS)]
    rows = []
    for key, (name, goal, detail) in ROWS.items():
        pairs = [(mine[key], theirs[key]) for mine, theirs in rounds]
        ratios = [mine / theirs for mine, theirs in pairs]
        mine, theirs = (statistics.median(each) for each in zip(*pairs, strict=True))
        rows.append(
            Row(
                name=name,
                ratio=statistics.median(ratios),
                low=min(ratios),
                high=max(ratios),
                goal=goal,
                detail=detail(mine, theirs),
            )
        )
    return rows
