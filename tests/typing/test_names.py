"""The page that mypy checks uses everything there is."""

from __future__ import annotations

import ast
from pathlib import Path

import agentsup


def test_every_public_name_is_used_in_the_typed_page():
    """A name that nobody writes down could lose its types without a word."""
    source = ast.parse(Path(__file__).with_name("api.py").read_text(encoding="utf-8"))

    used = {
        node.attr
        for node in ast.walk(source)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "agentsup"
    }

    assert set(agentsup.__all__) - used == {"otp", "agentcore", "claude", "provisioning"}  # imported by their names
