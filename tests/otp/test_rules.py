"""The page of rules leaves none out, and every test it names is there."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "reference" / "otp-rules.md"

RULES = (
    ["P1", "P2"]
    + [f"P3{letter}" for letter in "abcdef"]
    + [f"P{n}" for n in range(4, 9)]
    + [f"G{n}" for n in range(1, 22)]
    + [f"S{n}" for n in range(1, 24)]
    + [f"D{n}" for n in range(1, 7)]
    + [f"R{n}" for n in range(1, 9)]
    + ["Y1", "Y2", "Y3", "A1", "O1", "H1"]
)
UNTESTED = {"G19", "H1"}
"""Left out on purpose."""


def rows() -> dict[str, str]:
    found = re.findall(r"^\| ([A-Z]\d+[a-f]?): (.*)$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert len(dict(found)) == len(found)
    return dict(found)


def test_every_rule_has_its_row():
    """Each numbered rule is on the page exactly once, in the order of the numbers."""
    assert list(rows()) == RULES


def test_every_row_names_tests_that_exist():
    """Each row names at least one test, and each of them is in the file it says."""
    missing = []
    for rule, text in rows().items():
        named = re.findall(r"`(test_\w+\.py)::(test_\w+)`", text)
        assert named or rule in UNTESTED, rule
        for file, name in named:
            path = HERE / file
            if not path.exists() or not re.search(rf"def {name}\(", path.read_text(encoding="utf-8")):
                missing.append(f"{rule}: {file}::{name}")

    assert missing == []


def test_every_row_says_where_we_differ():
    """A row has its four cells, none of them empty."""
    for rule, text in rows().items():
        cells = [cell.strip() for cell in text.rstrip("|").split(" | ")]
        assert len(cells) == 4, rule
        assert all(cells), rule
