"""Every benchmark, one after the other: `make bench`. Arguments choose by a part of the file's name."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path


def main(wanted: list[str]) -> None:
    """Run the benchmarks whose file name has one of the wanted words in it; all of them without any."""
    print("ratios of one run, variants interleaved; median [lowest-highest of the rounds]; goal: must hold / aim")
    for path in sorted(Path(__file__).parent.glob("*_bench.py")):
        if not wanted or any(word in path.stem for word in wanted):
            print(f"\n{path.stem.removesuffix('_bench')}")
            for row in importlib.import_module(f"tests.bench.{path.stem}").run():
                print(row, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
