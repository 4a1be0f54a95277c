"""The pictures show the machine as it is."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import get_args

import pytest

from agentsup.loop.state import Link, StateName

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def diagrams():
    spec = importlib.util.spec_from_file_location("diagrams", DOCS / "diagrams.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def drawn(diagrams):
    return diagrams.files()


def test_the_state_diagram_is_up_to_date(drawn):
    """What is committed is what the machine says; `python docs/diagrams.py` mends it."""
    committed = {path: path.read_text(encoding="utf-8") for path in drawn}

    assert drawn == committed


def test_every_state_has_a_box(diagrams):
    """A new state would be left out of the picture without a word."""
    assert set(get_args(StateName)) == set(diagrams.STATES)
    assert {link.value for link in Link} == set(diagrams.LINKS)
