"""The page of what went wrong elsewhere leaves nothing out, and every test it names is there."""

from __future__ import annotations

import re

from . import pages

PAGE = pages.DOCS / "explanation" / "surpassed.md"
TESTS = pages.ROOT / "tests"
NUMBERS = [*map(str, range(1, 30)), "29b", "30"]


def rows() -> list[tuple[str, str]]:
    """Each row's number, and the row."""
    return re.findall(r"^\| (\d+b?): (.*) \|$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)


def test_every_weakness_has_its_row():
    """Each number once, in order."""
    assert [number for number, _ in rows()] == NUMBERS


def test_every_row_says_how_it_is_here():
    """What goes wrong, how it is here, and by what that is shown; none of them empty."""
    for number, row in rows():
        cells = [cell.strip() for cell in row.split(" | ")]
        assert len(cells) == 3, number
        assert all(cells), number


def test_every_row_names_tests_that_exist():
    """At least one each, in the file that it says."""
    missing = []
    for number, row in rows():
        named = re.findall(r"`([\w/]+\.py)::(test_\w+)`", row)
        assert named, number
        assert row.rpartition(" | ")[2].count("`") == 2 * len(named), number
        for file, name in named:
            path = TESTS / file
            if not path.exists() or not re.search(rf"def {name}\(", path.read_text(encoding="utf-8")):
                missing.append(f"{number}: {file}::{name}")

    assert missing == []
