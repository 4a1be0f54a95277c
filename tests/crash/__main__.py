"""The long version: a kill at every place, two hundred at random moments, and crowds that are killed again and again. `make crash`."""

from __future__ import annotations

import random
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.crash.harness import world
from tests.crash.test_crash import finish, kill_and_finish

RANDOM_KILLS = 200
CROWDS = 30
SEED = 20261125


def main() -> int:
    """Kill, finish, check; say how many and where; the exit status is the number of stories that went wrong."""
    wrong = 0
    died: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as name, world() as made:
        folder = Path(name)
        yardstick = made.story(folder)
        yardstick.live()
        yardstick.check()
        places = yardstick.lines("passed")
        print(f"{len(places)} places, of {len({_kind(place) for place in places})} kinds", flush=True)
        chance = random.Random(SEED)
        plans = [{"fatal": number} for number in range(1, len(places) + 1)]
        plans += [{"kill_after": chance.uniform(0.005, 0.6)} for _ in range(RANDOM_KILLS)]
        for plan in plans:
            story = made.story(folder, synchronous="full" if "kill_after" in plan else "normal")
            try:
                died[_kind(kill_and_finish(story, **plan))] += 1
            except AssertionError as exc:
                wrong += 1
                print(f"WRONG {plan}: {exc}; {' '.join(exc.__notes__)}", flush=True)
        for number in range(CROWDS):
            story = made.story(folder, crowd=True, harness=bool(number % 2))
            try:
                for seed in range(chance.randint(1, 6)):
                    story.live(seed=seed, kill_after=chance.uniform(0.05, 1.5))
                finish(story)
            except AssertionError as exc:
                wrong += 1
                print(f"WRONG crowd {number}: {exc}; {' '.join(exc.__notes__)}", flush=True)
    for kind, count in sorted(died.items()):
        print(f"{count:5} killed {kind}")
    print(f"{len(plans) + CROWDS - wrong} of {len(plans) + CROWDS} stories came to a good end")
    return min(wrong, 125)


def _kind(place: str) -> str:
    number, _, what = place.partition(" ")
    return what if number.isdigit() else place


if __name__ == "__main__":
    sys.exit(main())
