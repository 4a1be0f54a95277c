"""One line of a benchmark's outcome."""

from __future__ import annotations

import attrs


@attrs.frozen(kw_only=True)
class Row:
    """A ratio, what it is held against, and how far it spread."""

    name: str
    ratio: float
    """Ours against theirs, median of the rounds; which way is better is in the name."""

    low: float
    high: float
    goal: str
    """What must hold / what is aimed at."""

    detail: str = ""

    def __str__(self) -> str:
        head = f"{self.name:<62} {self.ratio:6.2f}x  [{self.low:.2f}-{self.high:.2f}]  goal {self.goal}"
        return f"{head}\n    {self.detail}" if self.detail else head
