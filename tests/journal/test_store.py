"""Where sessions are kept, as it is written down."""

from __future__ import annotations

from pathlib import Path

import pytest

import agentsup
from agentsup.errors import SpecError
from agentsup.journal.memory import MemoryJournal
from agentsup.journal.sqlite import SQLiteJournal
from agentsup.journal.store import MemoryStore, as_store


def test_a_path_is_short_for_a_store(tmp_path):
    """As text or as a path, both the same value; None is memory."""
    assert as_store("a.db") == as_store(Path("a.db")) == agentsup.SQLiteStore("a.db")
    assert as_store(None) == MemoryStore()
    store = agentsup.SQLiteStore(tmp_path / "a.db", synchronous="normal")
    assert as_store(store) is store


def test_making_a_store_opens_nothing(tmp_path):
    """It is a value; so is its journal, until it is opened."""
    store = agentsup.SQLiteStore(tmp_path / "a.db")

    assert isinstance(store.journal(), SQLiteJournal)
    assert isinstance(MemoryStore().journal(), MemoryJournal)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("path", "options", "problems"),
    [
        ("", {}, ["path"]),
        (":memory:", {}, ["path"]),
        (7, {"synchronous": "off"}, ["path", "synchronous"]),
        ("a\0b", {}, ["path"]),
    ],
)
def test_what_is_no_store_is_refused_at_the_door(path, options, problems):
    """All that is wrong at once."""
    with pytest.raises(SpecError) as caught:
        agentsup.SQLiteStore(path, **options)

    assert [problem.path for problem in caught.value.problems] == problems


@pytest.mark.parametrize("store", [7, b"a.db", object()])
def test_something_else_is_no_store(store):
    """With the words for what would be one."""
    with pytest.raises(SpecError, match="a path, a SQLiteStore or None"):
        as_store(store)
