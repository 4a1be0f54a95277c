"""The page about this and these tests name the same things."""

from __future__ import annotations

import ast
import re
from pathlib import Path

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "reference" / "simulator-agentcore.md"


def test_every_test_the_page_names_is_there():
    """A rule's proof can be looked up."""
    there = {
        f"{path.stem}: {node.name}"
        for path in HERE.glob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    named = set(re.findall(r"`(test_\w+: test_\w+)`", PAGE.read_text("utf-8")))

    assert named - there == set()
    assert len(named) > 70


def test_every_rule_names_a_test():
    """No row of a table with tests is without one."""
    rows = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| ")]
    tables = [row for row in rows if not row.startswith(("| rule | command", "| `strict_resume`", "| `creating`"))]

    assert [row for row in tables if "`test_" not in row and not row.endswith("| test |")] == []
